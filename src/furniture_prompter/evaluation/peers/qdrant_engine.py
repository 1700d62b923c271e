"""Qdrant's local mode: its client without a server."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.evaluation.peers.engine import Ids, Vectors

_COLLECTION = "photos"
_WAY = "local mode (exact)"
_BATCH_ROWS = 1_000


class QdrantEngine:
    """A local collection on disk, the bucket as payload."""

    def __init__(self) -> None:
        self._module: Any = importlib.import_module("qdrant_client")
        self._client: Any = None

    @property
    def ways(self) -> Mapping[str, Sequence[int]]:
        """See :class:`Engine`."""
        return {_WAY: (0,)}

    @property
    def effort_name(self) -> str:
        """See :class:`Engine`."""
        return ""

    def build(self, vectors: Vectors, buckets: NDArray[np.int64], folder: Path) -> None:
        """See :class:`Engine`."""
        models = self._module.models
        client = self._module.QdrantClient(path=str(folder))
        client.create_collection(
            _COLLECTION,
            vectors_config=models.VectorParams(
                size=vectors.shape[1], distance=models.Distance.COSINE
            ),
        )
        for start in range(0, len(vectors), _BATCH_ROWS):
            end = min(start + _BATCH_ROWS, len(vectors))
            batch = models.Batch(
                ids=list(range(start, end)),
                vectors=vectors[start:end].tolist(),
                payloads=[{"bucket": bucket} for bucket in buckets[start:end].tolist()],
            )
            client.upsert(_COLLECTION, points=batch)
        client.close()

    def load(self, folder: Path) -> None:
        """See :class:`Engine`."""
        self._client = self._module.QdrantClient(path=str(folder))

    def prepare(self, way: str, effort: int) -> None:
        """See :class:`Engine`; there is nothing to set."""
        if (way, effort) != (_WAY, 0):
            raise ValueError(f"there is no way {way!r} with an effort of {effort}.")

    def ask(self, query: Vectors, count: int, below: int | None) -> Ids:
        """See :class:`Engine`."""
        models = self._module.models
        kept = None
        if below is not None:
            kept = models.Filter(
                must=[models.FieldCondition(key="bucket", range=models.Range(lt=below))]
            )
        answer = self._client.query_points(
            _COLLECTION,
            query=query,
            query_filter=kept,
            limit=count,
            with_payload=False,
        )
        return np.array([point.id for point in answer.points], np.int64)
