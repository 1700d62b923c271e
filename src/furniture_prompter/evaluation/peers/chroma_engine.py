"""Chroma: a collection on disk, in the process."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.evaluation.peers.engine import Ids, Vectors

_COLLECTION = "photos"
_LINKS, _EF_CONSTRUCTION = 16, 200
_WAY = f"HNSW, max_neighbors {_LINKS}, ef_construction {_EF_CONSTRUCTION}"
_EFFORTS = (16, 32, 64, 128, 256, 512, 1_024)


class ChromaEngine:
    """A persistent client's collection, ids as text and the bucket as metadata."""

    def __init__(self) -> None:
        self._module: Any = importlib.import_module("chromadb")
        self._collection: Any = None

    @property
    def ways(self) -> Mapping[str, Sequence[int]]:
        """See :class:`Engine`."""
        return {_WAY: _EFFORTS}

    @property
    def effort_name(self) -> str:
        """See :class:`Engine`."""
        return "ef_search"

    def _client(self, folder: Path) -> Any:
        settings = self._module.Settings(anonymized_telemetry=False)
        return self._module.PersistentClient(path=str(folder), settings=settings)

    def build(self, vectors: Vectors, buckets: NDArray[np.int64], folder: Path) -> None:
        """See :class:`Engine`."""
        client = self._client(folder)
        hnsw = {
            "space": "cosine",
            "ef_construction": _EF_CONSTRUCTION,
            "max_neighbors": _LINKS,
        }
        collection = client.create_collection(
            _COLLECTION, configuration={"hnsw": hnsw}, embedding_function=None
        )
        step = client.get_max_batch_size()
        for start in range(0, len(vectors), step):
            end = min(start + step, len(vectors))
            collection.add(
                ids=[str(row) for row in range(start, end)],
                embeddings=np.ascontiguousarray(vectors[start:end]),
                metadatas=[{"bucket": bucket} for bucket in buckets[start:end].tolist()],
            )

    def load(self, folder: Path) -> None:
        """See :class:`Engine`."""
        self._collection = self._client(folder).get_collection(_COLLECTION, embedding_function=None)

    def prepare(self, way: str, effort: int) -> None:
        """See :class:`Engine`."""
        if way != _WAY:
            raise ValueError(f"there is no way {way!r}.")
        self._collection.modify(configuration={"hnsw": {"ef_search": effort}})

    def ask(self, query: Vectors, count: int, below: int | None) -> Ids:
        """See :class:`Engine`."""
        where = None if below is None else {"bucket": {"$lt": below}}
        answer = self._collection.query(
            query_embeddings=query[np.newaxis], n_results=count, where=where, include=[]
        )
        return np.array([int(row) for row in answer["ids"][0]], np.int64)
