"""Pictures in, embeddings out, on LiteRT: no TensorFlow."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from common.files import read_json
from common.quiet import quiet_native_code

Floats = NDArray[np.float32]
Images = NDArray[np.uint8]

SCHEMA_VERSION = 1
MODEL_FILE = "encoder.tflite"
CARD_FILE = "encoder.json"
SIGNATURE = "serving_default"
MAX_IMAGE_SIZE = 1024


@dataclass(frozen=True)
class EncoderCard:
    """What an exported encoder says of itself (`encoder.json`).

    `image_size` is in pixels, `embedding_size` counts the embedding's numbers, `classes` names the
    logits in order (empty for an encoder that does not classify) and `fingerprint` is that of the
    data it was trained on.
    """

    model: str
    run: str
    image_size: int
    embedding_size: int
    classes: tuple[str, ...]
    fingerprint: str

    @staticmethod
    def load(folder: Path) -> EncoderCard:
        """Read and check `encoder.json`; anything but a drawing encoder of this version is a `UserError`."""
        values = read_json(folder / CARD_FILE)
        expected = {"schema_version": SCHEMA_VERSION, "inputs": ["image"], "channels": 1}
        for name, value in expected.items():
            if values.get(name) != value:
                raise UserError(f"{folder / CARD_FILE}: {name} is {values.get(name)!r}, expected {value!r}")
        try:
            card = EncoderCard(**{field.name: values[field.name] for field in fields(EncoderCard)})
        except KeyError as error:
            raise UserError(f"{folder / CARD_FILE} has no {error}; export the encoder again") from None
        if not card._is_sound():
            raise UserError(f"{folder / CARD_FILE} holds a value of a wrong kind; export the encoder again")
        return EncoderCard(**{**vars(card), "classes": tuple(card.classes)})

    def _is_sound(self) -> bool:
        return (
            all(isinstance(text, str) for text in (self.model, self.run, self.fingerprint))
            and type(self.image_size) is int
            and 8 <= self.image_size <= MAX_IMAGE_SIZE
            and type(self.embedding_size) is int
            and self.embedding_size > 0
            and isinstance(self.classes, list | tuple)
            and all(isinstance(name, str) for name in self.classes)
        )


@dataclass(frozen=True, eq=False)
class Encoded:
    """What the network says of `n` pictures: `embedding` `[n, D]`, `logits` `[n, classes]` or None."""

    embedding: Floats
    logits: Floats | None


class Embedder:
    """An exported encoder, ready to run. Open one with `Embedder.open`.

    Not for several threads at once: the interpreter holds one set of buffers.
    """

    def __init__(self, card: EncoderCard, runner: Any) -> None:
        self.card = card
        self._runner = runner

    @staticmethod
    def open(folder: Path, threads: int | None = None) -> Embedder:
        """Open `encoder.tflite` and `encoder.json` in an export folder; `threads`: by default one a core.

        Raises `UserError` where a file is missing, broken, or not an encoder with an `embedding`.
        """
        card, path = EncoderCard.load(folder), folder / MODEL_FILE
        if not path.is_file():
            raise UserError(f"no {MODEL_FILE} in {folder}; train.py writes it to the run's export folder")
        failure = None
        with quiet_native_code():
            try:
                embedder = Embedder(card, _start(path, threads or os.cpu_count() or 1))
                embedder.encode(np.full((1, card.image_size, card.image_size), 255, np.uint8))
            except (UserError, ValueError, RuntimeError, KeyError) as error:
                failure = str(error).split("\n")[0]
        if failure is not None:
            raise UserError(f"{path} is not the encoder that {CARD_FILE} describes ({failure})")
        return embedder

    def embed(self, images: Images, batch_size: int = 64) -> Floats:
        """Embeddings, float32 `[n, D]`, of uint8 pictures `[n, size, size]` (255 paper, 0 ink)."""
        return self.encode(images, batch_size).embedding

    def classify(self, images: Images, batch_size: int = 64) -> Floats:
        """Logits, float32 `[n, classes]`, of uint8 pictures `[n, size, size]`.

        Raises `UserError` where the encoder has an embedding only.
        """
        logits = self.encode(images, batch_size).logits
        if logits is None:
            raise UserError(f"the encoder of {self.card.model} does not classify; it has an embedding only")
        return logits

    def encode(self, images: Images, batch_size: int = 64) -> Encoded:
        """Embeddings and logits of uint8 pictures `[n, size, size]`, `batch_size` at a time.

        Raises `UserError` for pictures of another size or type, and where the network gives values
        that are not finite.
        """
        self._check(images)
        batches = [
            self._run(images[start : start + batch_size]) for start in range(0, len(images), batch_size)
        ]
        embedding = np.concatenate([batch["embedding"] for batch in batches])
        if embedding.shape != (len(images), self.card.embedding_size) or not np.isfinite(embedding).all():
            raise UserError(f"the encoder of run {self.card.run} gives broken embeddings; export it again")
        if not self.card.classes or "logits" not in batches[0]:
            return Encoded(embedding, None)
        logits = np.concatenate([batch["logits"] for batch in batches])
        if logits.shape[1:] != (len(self.card.classes),):
            raise UserError(f"{logits.shape[1]} logits for {len(self.card.classes)} classes in {CARD_FILE}")
        return Encoded(embedding, logits)

    def _check(self, images: Images) -> None:
        size = self.card.image_size
        if (
            images.dtype != np.uint8
            or images.ndim != 3
            or images.shape[1:] != (size, size)
            or not len(images)
        ):
            shape = " x ".join(map(str, images.shape))
            raise UserError(
                f"pictures are {shape} {images.dtype}, {self.card.model} wants n x {size} x {size} uint8"
            )

    def _run(self, images: Images) -> dict[str, Floats]:
        ink = (np.float32(255) - images[..., None]) * np.float32(1 / 255)
        outputs: dict[str, Floats] = self._runner(image=ink)
        return outputs


def probabilities(logits: Floats) -> Floats:
    """Softmax over the last axis, float32 `[n, classes]` in 0..1."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def _start(path: Path, threads: int) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(str(path), num_threads=threads).get_signature_runner(SIGNATURE)
