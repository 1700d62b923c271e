"""What is compared: encoders built in memory, and their vectors for a list of photos."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from furniture_prompter.encoders.card import Preprocessing
from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.encoders.preprocessing import preprocess
from tools.encoder_builder.graph import Head, Pooling, build_graph, serialise
from tools.encoder_builder.networks import load_network
from tools.encoder_builder.quantise import quantise

Vectors = NDArray[np.float32]
Squares = list[NDArray[np.uint8]]

_BATCH = 8
_THREADS = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """One combination; `tail` means the 1,280 channels before the classifier."""

    network: str
    side_px: int
    pooling: Pooling = "mean"
    tail: bool = False


CANDIDATES = (
    Candidate("lite2", 256),
    Candidate("lite2", 224),
    Candidate("lite2", 256, "max"),
    Candidate("lite1", 256),
    Candidate("lite0", 224),
    Candidate("mobilenetv2", 224),
)


@dataclass(frozen=True, slots=True)
class Parts:
    """Unit rows of the two parts of a vector, kept apart so that any weight can be tried."""

    likeness: Vectors
    colour: Vectors

    def joined(self, colour_weight: float) -> Vectors:
        """The vectors an encoder with that weight gives."""
        if colour_weight == 0:
            return self.likeness
        rows = np.concatenate([self.likeness, colour_weight * self.colour], axis=1)
        return np.asarray(rows / np.sqrt(1 + colour_weight**2), np.float32)


def squares(photos: Sequence[Path], side_px: int) -> Squares:
    """Photos decoded and fitted as indexing does it."""
    spec = Preprocessing(side_px=side_px)
    return [
        preprocess(decode_photo(read_photo_bytes(p), name=str(p), target_side_px=side_px), spec)
        for p in photos
    ]


def float_weights(candidate: Candidate, colour_weight: float) -> bytes:
    """The float graph of a candidate."""
    network = load_network(candidate.network, tail=candidate.tail)
    return serialise(
        build_graph(network, candidate.side_px, Head(candidate.pooling, colour_weight))
    )


def int8_weights(candidate: Candidate, calibration: Squares, float_blocks: int) -> bytes:
    """The int8 graph of a candidate with the colour part at weight 1."""
    network = load_network(candidate.network, tail=candidate.tail)
    graph = build_graph(network, candidate.side_px, Head(candidate.pooling, 1.0))
    return quantise(graph, calibration, float_blocks=network.blocks[:float_blocks])


def open_session(weights: bytes) -> onnxruntime.InferenceSession:
    """A session with the settings of the encoder that ships, on two threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


def parts(weights: bytes, images: Squares, width: int) -> Parts:
    """Vectors of a graph whose colour weight is 1, taken apart after ``width`` components."""
    session = open_session(weights)
    rows = np.concatenate(
        [
            session.run(["vector"], {"image": np.stack(images[start : start + _BATCH])})[0]
            for start in range(0, len(images), _BATCH)
        ]
    )
    both = np.asarray(rows * np.sqrt(2), np.float32)
    return Parts(both[:, :width], both[:, width:])


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
