"""Drawings in, embeddings out, on LiteRT: no TensorFlow."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sketchspace.encoder.inputs import Drawings, Images, check, feed, order_of, picture_input
from sketchspace.encoder.metadata import CARD_FILE, EncoderCard
from sketchspace.encoder.query import Given, Query, query_of
from sketchspace.encoder.views import Mode, blocks, check_mode, join, num_views, separate, views
from sketchspace.errors import UserError, shown
from sketchspace.quiet import quiet_native_code

Floats = NDArray[np.float32]

MODEL_FILE = "encoder.tflite"
SIGNATURE = "serving_default"


@dataclass(frozen=True, eq=False)
class Encoded:
    """What the network says of `n` drawings: `embedding` `[n, D]`, `logits` `[n, classes]` or None."""

    embedding: Floats
    logits: Floats | None


class Embedder:
    """An exported encoder, ready to run. Open one with `Embedder.open`.

    Safe for several threads at once: an interpreter holds one set of buffers, so every call under way has one
    of its own.
    """

    def __init__(self, card: EncoderCard, runner: Any) -> None:
        self.card = card
        self._runner = runner

    @staticmethod
    def open(folder: str | PathLike[str], threads: int | None = None) -> Embedder:
        """Open `encoder.tflite` and `encoder.json` in a run, its export folder or a gallery.

        `threads` work on one call, by default one a core.

        Raises `UserError` where a file is missing, broken, or not an encoder with an `embedding`.
        """
        folder = encoder_folder(Path(folder))
        card, path = EncoderCard.load(folder), folder / MODEL_FILE
        if not path.is_file():
            raise UserError(f"no {MODEL_FILE} in {folder}; train.py writes it to the run's export folder")
        failure = None
        with quiet_native_code():
            try:
                embedder = Embedder(card, _Interpreters(path, threads or os.cpu_count() or 1))
                embedder._check_input()
                embedder.encode(_example(card.image_size))
            except Exception as error:  # for a broken file the interpreter raises this or that
                failure = shown(str(error).split("\n")[0], 300)
        if failure is not None:
            raise UserError(f"{path} is not the encoder that {CARD_FILE} describes ({failure})")
        return embedder

    def _check_input(self) -> None:
        """Raise ValueError where the network's pictures have another size than the card says."""
        card = self.card
        if not card.reads_strokes:
            shape = [int(side) for side in self._runner.input_details()["image"]["shape_signature"][1:]]
            if shape != [card.input_size, card.input_size, card.channels]:
                raise ValueError(f"its pictures are {' x '.join(map(str, shape))}")

    def read(self, given: Given) -> Query:
        """A drawing as this encoder gets it: a path, a picture uint8 `[h, w]` or `[h, w, 3]`, or strokes.

        Strokes are a list with one array `[points, 2]` (x right, y down) a stroke. Raises `UserError` for
        what cannot be read.
        """
        return query_of(given, self.card)

    def embed(self, drawings: Images | Drawings, batch_size: int = 64, views: str = "single") -> Floats:
        """Embeddings, float32 `[n, D]`, of drawings or of uint8 pictures `[n, size, size]` (255 paper).

        These are what the network reads already; `read` makes it of anything else. With other `views` than
        the centre see `views.MODES`; `mean_distance` has `[n, V * D]`.
        """
        return self.encode(drawings, batch_size, views=check_mode(views)).embedding

    def embed_all_ways(self, images: Images, batch_size: int = 64) -> dict[Mode, Floats]:
        """Embeddings of pictures for every way of views, each view embedded once."""
        num = num_views(self.card.image_size, self.card.input_size)
        return separate(self.embed(images, batch_size, "mean_distance"), num)

    def classify(self, drawings: Images | Drawings, batch_size: int = 64) -> Floats:
        """Logits, float32 `[n, classes]`. Raises `UserError` where the encoder has an embedding only."""
        logits = self.encode(drawings, batch_size).logits
        if logits is None:
            raise UserError(f"the encoder of {self.card.model} does not classify; it has an embedding only")
        return logits

    def encode(
        self,
        drawings: Images | Drawings,
        batch_size: int = 64,
        read_at: NDArray[np.integer] | None = None,
        views: Mode = "single",
    ) -> Encoded:
        """Embeddings and logits of drawings, or of uint8 pictures `[n, size, size]`, `batch_size` at a time.

        An encoder of strokes is asked after the last point, or after point `read_at` `[n]` (from 0) of the
        whole drawing. `views` are cut batch by batch; logits are the mean over them. Raises `UserError` for
        drawings that the encoder cannot read, and where the network gives values that are not finite.
        """
        given = drawings if isinstance(drawings, Drawings) else Drawings(images=drawings)
        check(given, self.card)
        if views != "single":
            return self._encode_views(given, batch_size, views)
        order = order_of(given, self.card)
        batches = [
            self._runner(**feed(given, order[start : start + batch_size], self.card, read_at))
            for start in range(0, len(order), batch_size)
        ]
        return self._joined(batches, order, self.card.embedding_size)

    def _encode_views(self, drawings: Drawings, batch_size: int, mode: Mode) -> Encoded:
        """Embed every view of every picture; never more than one batch of views is in memory."""
        card, images = self.card, drawings.images
        if card.reads_strokes or images is None:
            raise UserError(f"{card.model} reads strokes, which have no views; leave --views at single")
        num, batches = num_views(card.image_size, card.input_size), []
        for rows in blocks(len(images), batch_size, num):
            cut = views(images[rows], card.input_size)
            found = self._runner(**picture_input(cut.reshape(-1, *cut.shape[2:]), card))
            apart = {name: found[name].reshape(len(cut), num, -1) for name in found}
            batch = {"embedding": join(apart["embedding"], mode)}
            if "logits" in apart:
                batch["logits"] = apart["logits"].mean(axis=1)
            batches.append(batch)
        return self._joined(batches, np.arange(len(images)), card.vector_size(mode))

    def _joined(self, batches: list[dict[str, Floats]], order: NDArray[np.int64], size: int) -> Encoded:
        """The batches' outputs, checked and back in the given order."""
        back = np.argsort(order)
        embedding = np.concatenate([batch["embedding"] for batch in batches])
        if embedding.shape != (len(order), size) or not np.isfinite(embedding).all():
            raise UserError(f"the encoder of run {self.card.run} gives broken embeddings; export it again")
        if not self.card.classes or "logits" not in batches[0]:
            return Encoded(embedding[back], None)
        logits = np.concatenate([batch["logits"] for batch in batches])
        if logits.shape[1:] != (len(self.card.classes),):
            raise UserError(f"{logits.shape[1]} logits for {len(self.card.classes)} classes in {CARD_FILE}")
        return Encoded(embedding[back], logits[back])


def probabilities(logits: Floats) -> Floats:
    """Softmax over the last axis, float32 `[n, classes]` in 0..1."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def _example(size: int) -> Drawings:
    """One drawing, a line, in every form."""
    line = np.array([[0, 0, 0], [1, 1, 1]], np.float32)
    return Drawings(np.full((1, size, size), 255, np.uint8), [line])


def encoder_folder(folder: Path) -> Path:
    """Where the encoder of a run, an export folder or a gallery lies; a run without one is a `UserError`."""
    if (folder / "export").is_dir():
        return folder / "export"
    if not any((folder / name).is_file() for name in (MODEL_FILE, CARD_FILE)):
        raise UserError(f"no export folder in {folder}; train.py writes it when training ends")
    return folder


class _Interpreters:
    """As many interpreters of one network as there are calls under way; idle ones are used again."""

    def __init__(self, path: Path, threads: int) -> None:
        self._path, self._threads = path, threads
        self._idle: deque[Any] = deque()

    def __call__(self, **inputs: NDArray[np.generic]) -> dict[str, Floats]:
        runner = self._take()
        try:
            found: dict[str, Floats] = runner(**inputs)
        finally:
            self._idle.append(runner)
        return found

    def input_details(self) -> dict[str, Any]:
        """Names, shapes and types of the network's inputs."""
        runner = self._take()
        self._idle.append(runner)
        details: dict[str, Any] = runner.get_input_details()
        return details

    def _take(self) -> Any:
        try:
            return self._idle.pop()
        except IndexError:
            return self._start()

    def _start(self) -> Any:
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter(str(self._path), num_threads=self._threads).get_signature_runner(SIGNATURE)
