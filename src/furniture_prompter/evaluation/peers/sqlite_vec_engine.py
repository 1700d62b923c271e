"""sqlite-vec: an exact scan inside SQLite."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.evaluation.peers.engine import Ids, Vectors

_FILE = "photos.sqlite"
_WAY = "vec0, float32 (exact)"
_NEAREST = "SELECT rowid FROM photos WHERE embedding MATCH ? AND k = ?"


class SqliteVecEngine:
    """A ``vec0`` table with the bucket as a metadata column, which filters while it scans.

    SQLite is apsw's: Python's own is often built without extensions.
    """

    def __init__(self) -> None:
        self._apsw: Any = importlib.import_module("apsw")
        self._extension: Any = importlib.import_module("sqlite_vec")
        self._database: Any = None

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
        self.load(folder)
        self._database.execute(
            f"CREATE VIRTUAL TABLE photos USING vec0(embedding float[{vectors.shape[1]}] "
            "distance_metric=cosine, bucket integer)"
        )
        rows = (
            (row, np.ascontiguousarray(vector).tobytes(), bucket)
            for row, (vector, bucket) in enumerate(zip(vectors, buckets.tolist(), strict=True))
        )
        with self._database:
            self._database.executemany(
                "INSERT INTO photos(rowid, embedding, bucket) VALUES (?, ?, ?)", rows
            )
        self._database.close()

    def load(self, folder: Path) -> None:
        """See :class:`Engine`."""
        self._database = self._apsw.Connection(str(folder / _FILE))
        self._database.enable_load_extension(True)  # noqa: FBT003 (apsw takes it by position)
        self._database.load_extension(self._extension.loadable_path())
        self._database.enable_load_extension(False)  # noqa: FBT003 (apsw takes it by position)

    def prepare(self, way: str, effort: int) -> None:
        """See :class:`Engine`; there is nothing to set."""
        if (way, effort) != (_WAY, 0):
            raise ValueError(f"there is no way {way!r} with an effort of {effort}.")

    def ask(self, query: Vectors, count: int, below: int | None) -> Ids:
        """See :class:`Engine`."""
        vector = np.ascontiguousarray(query).tobytes()
        if below is None:
            rows = self._database.execute(_NEAREST, (vector, count))
        else:
            rows = self._database.execute(f"{_NEAREST} AND bucket < ?", (vector, count, below))
        return np.array([row for (row,) in rows], np.int64)
