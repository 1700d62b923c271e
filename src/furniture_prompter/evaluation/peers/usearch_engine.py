"""usearch: a graph over half-precision vectors."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.evaluation.peers.engine import Ids, Vectors

_INDEX, _BUCKETS = "index.usearch", "buckets.npy"
_LINKS, _EXPANSION_ADD = 16, 128
_WAY = f"HNSW, float16, connectivity {_LINKS}, expansion_add {_EXPANSION_ADD}"
_EFFORTS = (16, 32, 64, 128, 256, 512, 1_024)


class UsearchEngine:
    """A usearch index with the library's own connectivity and expansion.

    Its Python package takes no filter. With one, as many are fetched as should hold twice what is
    wanted, by the share that the filter keeps, and the others dropped.
    """

    def __init__(self) -> None:
        self._module: Any = importlib.import_module("usearch.index")
        self._index: Any = None
        self._buckets = np.zeros(0, np.int64)

    @property
    def ways(self) -> Mapping[str, Sequence[int]]:
        """See :class:`Engine`."""
        return {_WAY: _EFFORTS}

    @property
    def effort_name(self) -> str:
        """See :class:`Engine`."""
        return "expansion_search"

    def build(self, vectors: Vectors, buckets: NDArray[np.int64], folder: Path) -> None:
        """See :class:`Engine`."""
        index = self._module.Index(
            ndim=vectors.shape[1],
            metric="cos",
            dtype="f16",
            connectivity=_LINKS,
            expansion_add=_EXPANSION_ADD,
        )
        index.add(np.arange(len(vectors)), np.ascontiguousarray(vectors))
        index.save(str(folder / _INDEX))
        np.save(folder / _BUCKETS, buckets)

    def load(self, folder: Path) -> None:
        """See :class:`Engine`."""
        self._index = self._module.Index.restore(str(folder / _INDEX))
        self._buckets = np.load(folder / _BUCKETS)

    def prepare(self, way: str, effort: int) -> None:
        """See :class:`Engine`."""
        if way != _WAY:
            raise ValueError(f"there is no way {way!r}.")
        self._index.expansion_search = effort

    def ask(self, query: Vectors, count: int, below: int | None) -> Ids:
        """See :class:`Engine`."""
        if below is None:
            found: Ids = np.asarray(self._index.search(query, count).keys).astype(np.int64)
            return found
        share = float(np.mean(self._buckets < below))
        fetched = min(len(self._buckets), int(2 * count / max(share, 1e-6)))
        keys = np.asarray(self._index.search(query, fetched).keys).astype(np.int64)
        kept: Ids = keys[self._buckets[keys] < below][:count]
        return kept
