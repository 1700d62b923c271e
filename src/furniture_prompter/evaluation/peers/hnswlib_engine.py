"""hnswlib: the graph that many stores are built on."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.evaluation.peers.engine import Ids, Vectors

_INDEX, _BUCKETS = "index.hnswlib", "buckets.npy"
_LINKS, _EF_CONSTRUCTION = 16, 200
_WAY = f"HNSW, M {_LINKS}, ef_construction {_EF_CONSTRUCTION}"
_EFFORTS = (16, 32, 64, 128, 256, 512, 1_024)
# Rows added at once: 10,000 of 1,280 float32 are 51 MB.
_BLOCK_ROWS = 10_000


class HnswlibEngine:
    """An hnswlib index over inner products of unit vectors."""

    def __init__(self) -> None:
        self._module: Any = importlib.import_module("hnswlib")
        self._index: Any = None
        self._buckets = np.zeros(0, np.int64)

    @property
    def ways(self) -> Mapping[str, Sequence[int]]:
        """See :class:`Engine`."""
        return {_WAY: _EFFORTS}

    @property
    def effort_name(self) -> str:
        """See :class:`Engine`."""
        return "ef"

    def build(self, vectors: Vectors, buckets: NDArray[np.int64], folder: Path) -> None:
        """See :class:`Engine`."""
        count, dimension = vectors.shape
        index = self._module.Index(space="ip", dim=dimension)
        index.init_index(
            max_elements=count, ef_construction=_EF_CONSTRUCTION, M=_LINKS, random_seed=100
        )
        for start in range(0, count, _BLOCK_ROWS):
            end = min(start + _BLOCK_ROWS, count)
            index.add_items(np.ascontiguousarray(vectors[start:end]), np.arange(start, end))
        index.save_index(str(folder / _INDEX))
        np.save(folder / _BUCKETS, buckets)
        (folder / "dimension").write_text(str(dimension))

    def load(self, folder: Path) -> None:
        """See :class:`Engine`."""
        dimension = int((folder / "dimension").read_text())
        self._index = self._module.Index(space="ip", dim=dimension)
        self._index.load_index(str(folder / _INDEX))
        self._buckets = np.load(folder / _BUCKETS)

    def prepare(self, way: str, effort: int) -> None:
        """See :class:`Engine`."""
        if way != _WAY:
            raise ValueError(f"there is no way {way!r}.")
        self._index.set_ef(effort)

    def ask(self, query: Vectors, count: int, below: int | None) -> Ids:
        """See :class:`Engine`; nothing where fewer than `count` were found, which it refuses."""
        keep = None if below is None else (self._buckets < below).item
        try:
            ids, _ = self._index.knn_query(query, k=count, num_threads=1, filter=keep)
        except RuntimeError:
            return np.zeros(0, np.int64)
        found: Ids = ids[0].astype(np.int64)
        return found
