"""faiss: flat, HNSW, and inverted lists with scalars of 8 bits, product codes or RaBitQ."""

import importlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.evaluation.peers.engine import Ids, Vectors

_INDEX, _BUCKETS = "index.faiss", "buckets.npy"

_LINKS, _EF_CONSTRUCTION = 32, 200
_REFINE = 10
_PROBES = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_EF = (16, 32, 64, 128, 256, 512, 1_024)
_EFFORTS: Mapping[str, Sequence[int]] = {
    "flat": (0,),
    "HNSW": _EF,
    "IVF-SQ": _PROBES,
    "IVF-PQ": _PROBES,
    "IVF-RaBitQ": _PROBES,
}
_REFINED = {"IVF-PQ", "IVF-RaBitQ"}
# Rows added at once: 10,000 of 1,280 float32 are 51 MB.
_BLOCK_ROWS = 10_000


class FaissEngine:
    """One kind of faiss index over inner products of unit vectors.

    HNSW has 32 links and efConstruction 200. Lists are as many as the root of the number of
    vectors. Product codes have 4 bits for each four components, laid out for the fast scan; they
    and RaBitQ's bits are refined with the vectors themselves, ten for each wanted.
    """

    def __init__(self, kind: str) -> None:
        self._faiss: Any = importlib.import_module("faiss")
        self._kind = kind
        self._effort = 0
        self._index: Any = None
        self._buckets = np.zeros(0, np.int64)

    @property
    def ways(self) -> Mapping[str, Sequence[int]]:
        """See :class:`Engine`."""
        names = {
            "flat": "flat (exact)",
            "HNSW": f"HNSW, M {_LINKS}, efConstruction {_EF_CONSTRUCTION}",
            "IVF-SQ": "IVF, 8-bit scalars",
            "IVF-PQ": f"IVF-PQ, 4 bits for 4 components, fast scan, refine {_REFINE}",
            "IVF-RaBitQ": f"IVF-RaBitQ, refine {_REFINE}",
        }
        return {names[self._kind]: _EFFORTS[self._kind]}

    @property
    def effort_name(self) -> str:
        """See :class:`Engine`."""
        return {"flat": "", "HNSW": "efSearch"}.get(self._kind, "nprobe")

    def build(self, vectors: Vectors, buckets: NDArray[np.int64], folder: Path) -> None:
        """See :class:`Engine`."""
        faiss = self._faiss
        count, dimension = vectors.shape
        lists = max(1, round(math.sqrt(count)))
        codes = dimension // 4 if dimension % 4 == 0 else dimension
        recipe = {
            "flat": "Flat",
            "HNSW": f"HNSW{_LINKS},Flat",
            "IVF-SQ": f"IVF{lists},SQ8",
            "IVF-PQ": f"IVF{lists},PQ{codes}x4fs,RFlat",
            "IVF-RaBitQ": f"IVF{lists},RaBitQ,RFlat",
        }[self._kind]
        index = faiss.index_factory(dimension, recipe, faiss.METRIC_INNER_PRODUCT)
        if self._kind == "HNSW":
            index.hnsw.efConstruction = _EF_CONSTRUCTION
        if not index.is_trained:
            # k-means takes 256 vectors a list at most; a fixed draw of so many is all it needs.
            wanted = min(count, max(256 * lists, 65_536))
            rows = np.sort(np.random.default_rng(0).permutation(count)[:wanted])
            index.train(np.ascontiguousarray(vectors[rows]))
        for start in range(0, count, _BLOCK_ROWS):
            index.add(np.ascontiguousarray(vectors[start : start + _BLOCK_ROWS]))
        faiss.write_index(index, str(folder / _INDEX))
        np.save(folder / _BUCKETS, buckets)

    def load(self, folder: Path) -> None:
        """See :class:`Engine`."""
        self._index = self._faiss.read_index(str(folder / _INDEX))
        self._buckets = np.load(folder / _BUCKETS)

    def prepare(self, way: str, effort: int) -> None:
        """See :class:`Engine`."""
        if way not in self.ways:
            raise ValueError(f"there is no way {way!r}.")
        self._effort = effort

    def ask(self, query: Vectors, count: int, below: int | None) -> Ids:
        """See :class:`Engine`."""
        faiss = self._faiss
        more: dict[str, Any] = {}
        if below is not None:
            # The bits must outlive the search; faiss keeps only their address.
            bits = np.packbits(self._buckets < below, bitorder="little")
            more["sel"] = faiss.IDSelectorBitmap(bits)
        if self._kind == "flat":
            parameters = faiss.SearchParameters(**more)
        elif self._kind == "HNSW":
            parameters = faiss.SearchParametersHNSW(efSearch=self._effort, **more)
        else:
            parameters = faiss.SearchParametersIVF(nprobe=self._effort, **more)
        if self._kind in _REFINED:
            parameters = faiss.IndexRefineSearchParameters(
                k_factor=_REFINE, base_index_params=parameters
            )
        _, ids = self._index.search(query[np.newaxis], count, params=parameters)
        found: Ids = ids[0][ids[0] >= 0]
        return found
