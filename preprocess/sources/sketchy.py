"""The Sketchy database: sketches of photos of 125 classes, drawn from memory."""

from __future__ import annotations

from preprocess.sources import named_pairs, paired_files
from preprocess.spec import DatasetSpec

SPEC = DatasetSpec(
    name="sketchy",
    summary="Sketchy database: photos and sketches of them, photo/[tx_*/]<class> and sketch/[tx_*/]<class>",
    source_url="https://sketchy.eye.gatech.edu",
    licence="not stated; the photos are ImageNet's; research use",
    citation="P. Sangkloy, N. Burnell, C. Ham, J. Hays: The Sketchy Database: Learning to Retrieve Badly "
    "Drawn Bunnies. ACM Transactions on Graphics 35 (4), 2016.",
    find=named_pairs.find,
    index=paired_files.index,
    read=paired_files.read,
    has_strokes=False,
    defaults={"fit": "keep"},
)
