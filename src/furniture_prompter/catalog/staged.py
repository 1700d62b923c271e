"""Vectors that were encoded but not yet committed: what a killed run leaves to the next."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from lancedb import AsyncConnection, AsyncTable
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import (
    STAGED,
    VECTOR,
    are_unit_vectors,
    vector_array,
    vectors_from,
)
from furniture_prompter.catalog.storage_errors import is_storage_error, writing


class StagedPhotos:
    """A table of photo ids and vectors, tied to one encoder by its weights' hash."""

    def __init__(self, folder: Path, database: AsyncConnection, weights_sha256: str) -> None:
        """Take the catalog and the hash of the encoder in use."""
        self.table: AsyncTable | None = None
        self._folder = folder
        self._database = database
        self._weights_sha256 = weights_sha256

    async def restore(self) -> None:
        """Take over what a killed run saved; drop what another encoder or a full disk left.

        Nothing flushed it to the disk, so that all of it is read before anything relies on it.
        """
        try:
            table = await self._database.open_table(STAGED)
            metadata = (await table.schema()).metadata or {}
            usable = metadata.get(b"weights_sha256") == self._weights_sha256.encode()
            if usable:
                async for batch in await table.query().to_batches():
                    batch.validate(full=True)
                    vectors = vectors_from(pa.chunked_array([batch[VECTOR]]))
                    usable = usable and bool(are_unit_vectors(vectors).all())
        except BaseException as error:
            if not is_storage_error(error):
                raise
            usable = False
        if usable:
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
    """Delete a table, or what lies in its place, which LanceDB refuses to drop."""
    path = folder / f"{name}.lance"
    with writing(folder):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
