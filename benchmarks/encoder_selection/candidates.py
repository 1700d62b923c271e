"""What is compared: encoders built in memory, and their vectors for a list of photos."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from furniture_prompter.encoders.card import Preprocessing
from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.encoders.preprocessing import preprocess
from tools.encoder_builder import colour
from tools.encoder_builder.graph import Head, Pooling, build_graph
from tools.encoder_builder.networks import load_network

Vectors = NDArray[np.float32]
Squares = list[NDArray[np.uint8]]

_BATCH = 8
_THREADS = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """One combination.

    Attributes:
        network: One of the builder's.
        side_px: Side of the image.
        pooling: Of the last map.
        tail: Whether that is the 1,280 channels before the classifier.
        body_pooling: Of the map before it, joined to it; None leaves it out.
    """

    network: str
    side_px: int
    pooling: Pooling = "mean"
    tail: bool = False
    body_pooling: Pooling | None = None

    @property
    def name(self) -> str:
        """Such as "lite2@256 mean"."""
        maps = f"{self.body_pooling} + {self.pooling} tail" if self.body_pooling else self.pooling
        only = "+tail" if self.tail and not self.body_pooling else ""
        return f"{self.network}{only}@{self.side_px} {maps}"


CANDIDATES = (
    Candidate("lite2", 256),
    Candidate("lite2", 224),
    Candidate("lite2", 256, "max"),
    Candidate("lite2", 256, "gem3", tail=True),
    Candidate("lite2", 256, "gem3", tail=True, body_pooling="mean"),
    Candidate("lite1", 256),
    Candidate("lite0", 224),
    Candidate("mobilenetv2", 224),
)


@dataclass(frozen=True, slots=True)
class Parts:
    """Unit rows of the parts of a vector, kept apart so that any weight can be tried.

    Attributes:
        likeness: Of the network's maps, joined; shape (n, width).
        maps: How many they are, so that a row's length is the root of it.
        colour: Of the colours, shape (n, colours).
    """

    likeness: Vectors
    maps: int
    colour: Vectors

    def joined(self, colour_weight: float) -> Vectors:
        """The vectors an encoder with that weight gives."""
        rows = np.concatenate([self.likeness, colour_weight * self.colour], axis=1)
        if colour_weight == 0:
            rows = self.likeness
        return np.asarray(rows / np.sqrt(self.maps + colour_weight**2), np.float32)


def squares(photos: Sequence[Path], side_px: int) -> Squares:
    """Photos decoded and fitted as indexing does it."""
    spec = Preprocessing(side_px=side_px)
    return [
        preprocess(decode_photo(read_photo_bytes(p), name=str(p), target_side_px=side_px), spec)
        for p in photos
    ]


def float_graph(candidate: Candidate, colour_weight: float) -> onnx.ModelProto:
    """The float graph of a candidate, whose vectors are along no axes of their own."""
    network = load_network(candidate.network, tail=candidate.tail)
    head = Head(candidate.pooling, candidate.body_pooling, colour_weight)
    return build_graph(network, candidate.side_px, head)


def open_session(weights: bytes) -> onnxruntime.InferenceSession:
    """A session with the settings of the encoder that ships, on two threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


def vectors(weights: bytes, images: Squares) -> Vectors:
    """What a graph gives for square images."""
    session = open_session(weights)
    return np.concatenate(
        [
            session.run(["vector"], {"image": np.stack(images[start : start + _BATCH])})[0]
            for start in range(0, len(images), _BATCH)
        ]
    )


def parts(candidate: Candidate, weights: bytes, images: Squares) -> Parts:
    """Vectors of a graph of ``candidate`` whose colour weight is 1 and that projects nothing."""
    maps = 1 if candidate.body_pooling is None else 2
    rows = np.asarray(vectors(weights, images) * np.sqrt(maps + 1), np.float32)
    colours = len(colour.palette())
    return Parts(rows[:, :-colours], maps, rows[:, -colours:])


def interleaved_ms(weights: Mapping[str, bytes], rounds: int = 60) -> dict[str, float]:
    """Median milliseconds of one image each, one run of every graph in turn."""
    sessions = {name: open_session(content) for name, content in weights.items()}
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(rounds):
        for name, session in sessions.items():
            side = session.get_inputs()[0].shape[1]
            image = np.full((1, side, side, 3), 180, np.uint8)
            start = time.perf_counter()
            session.run(["vector"], {"image": image})
            times[name].append((time.perf_counter() - start) * 1e3)
    return {name: float(np.median(values)) for name, values in times.items()}
