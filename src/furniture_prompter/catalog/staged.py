"""Vectors that were encoded but not yet committed: what a killed run leaves to the next."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from lancedb import AsyncConnection, AsyncTable
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import STAGED, VECTOR, vector_array
from furniture_prompter.catalog.storage_errors import STORAGE_ERRORS, writing


class StagedPhotos:
    """A table of photo ids and vectors, tied to one encoder by its weights' hash."""

    def __init__(self, folder: Path, database: AsyncConnection, weights_sha256: str) -> None:
        """Take the catalog and the hash of the encoder in use."""
        self.table: AsyncTable | None = None
        self._folder = folder
        self._database = database
        self._weights_sha256 = weights_sha256

    async def restore(self) -> None:
        """Take over what a killed run saved; drop what another encoder or a full disk left."""
        try:
            table = await self._database.open_table(STAGED)
            metadata = (await table.schema()).metadata or {}
        except STORAGE_ERRORS:
            self.discard()
            return
        if metadata.get(b"weights_sha256") == self._weights_sha256.encode():
            self.table = table
        else:
            self.discard()

    async def add(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Save vectors, shape (n, dimension), of n photos."""
        data = pa.table({"id": pa.array(ids, pa.string()), VECTOR: vector_array(vectors)})
        data = data.replace_schema_metadata({"weights_sha256": self._weights_sha256})
        with writing(self._folder):
            if self.table is None:
                self.table = await self._database.create_table(STAGED, data)
            else:
                await self.table.add(data)

    def discard(self) -> None:
        """Forget everything."""
        self.table = None
        discard_table(self._folder, STAGED)


def discard_table(folder: Path, name: str) -> None:
    """Delete a table, also one that was never finished, which LanceDB refuses to drop."""
    path = folder / f"{name}.lance"
    with writing(folder):
        if path.exists():
            shutil.rmtree(path)
