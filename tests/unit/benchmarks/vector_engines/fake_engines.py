"""Engines that do what they are told; processes of the tests import them by name."""

import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.vector_engines.engine import Ids, Vectors


class ExactFake:
    """An exact scan; its effort is how many rows it looks at."""

    def __init__(self) -> None:
        self._vectors = np.zeros((0, 0), np.float32)
        self._buckets = np.zeros(0, np.int64)
        self._effort = 0

    @property
    def ways(self) -> Mapping[str, Sequence[int]]:
        return {"fake": (10, 1_000_000, 2_000_000)}

    @property
    def effort_name(self) -> str:
        return "rows"

    def build(self, vectors: Vectors, buckets: NDArray[np.int64], folder: Path) -> None:
        np.save(folder / "vectors.npy", vectors)
        np.save(folder / "buckets.npy", buckets)

    def load(self, folder: Path) -> None:
        self._vectors = np.load(folder / "vectors.npy")
        self._buckets = np.load(folder / "buckets.npy")

    def prepare(self, way: str, effort: int) -> None:
        self._effort = effort

    def ask(self, query: Vectors, count: int, below: int | None) -> Ids:
        scores = self._vectors[: self._effort] @ query
        if below is not None:
            scores[self._buckets[: self._effort] >= below] = -2
        found: Ids = np.argsort(-scores, kind="stable")[:count]
        return found


class WrongFake(ExactFake):
    """Always the same ten rows."""

    def ask(self, query: Vectors, count: int, below: int | None) -> Ids:
        return np.arange(count)


class DeafFake(ExactFake):
    """Does not heed the filter."""

    def ask(self, query: Vectors, count: int, below: int | None) -> Ids:
        return super().ask(query, count, None)


class HungryFake(ExactFake):
    """Holds 200 MB once it is loaded."""

    def load(self, folder: Path) -> None:
        super().load(folder)
        self._held = np.ones(200_000_000, np.int8)


class RaisingFake(ExactFake):
    """Cannot build."""

    def build(self, vectors: Vectors, buckets: NDArray[np.int64], folder: Path) -> None:
        raise RuntimeError("the index took offence.")


class CrashingFake(ExactFake):
    """Is killed while it is asked."""

    def ask(self, query: Vectors, count: int, below: int | None) -> Ids:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")


class EndlessFake(ExactFake):
    """Never ends building."""

    def build(self, vectors: Vectors, buckets: NDArray[np.int64], folder: Path) -> None:
        while True:
            time.sleep(1)
