"""Differences between two versions of a catalog: products, their cells and their photos."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lancedb import AsyncTable
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import (
    KNOWN_COLUMNS,
    NUMBER,
    PHOTOS,
    PRODUCTS,
    ROW_HASH,
)
from furniture_prompter.catalog.history import find_kept, manifest_of
from furniture_prompter.catalog.manifest import Manifest, read_manifest
from furniture_prompter.catalog.storage import connect, reading
from furniture_prompter.catalog.vector_index import number_filter
from furniture_prompter.domain import ProductDifference

# Products whose rows are in memory at once, of both versions.
_CHUNK_PRODUCTS: Final = 1_000


class _Version:
    """One version of a catalog, with its tables pinned."""

    def __init__(self, folder: Path, manifest: Manifest, tables: Mapping[str, AsyncTable]) -> None:
        self._folder = folder
        self._tables = tables
        self._columns = [*KNOWN_COLUMNS, *manifest.columns]

    @classmethod
    async def open(cls, folder: Path, current: Manifest, version: int) -> "_Version":
        if version == current.version:
            manifest, numbers = current, current.tables
        else:
            kept = find_kept(folder, current, version)
            manifest, numbers = manifest_of(folder, kept).manifest, kept.tables
        with reading(folder):
            database = await connect(folder)
            tables = {}
            for name, number in numbers.items():
                tables[name] = await database.open_table(name)
                await tables[name].checkout(number)
        return cls(folder, manifest, tables)

    async def hashes(self) -> pa.Table:
        """Id, number and hash of every product, by number."""
        with reading(self._folder):
            query = self._tables[PRODUCTS].query().select([NUMBER, "id", ROW_HASH])
            return (await query.to_arrow()).sort_by(NUMBER).combine_chunks()

    async def rows(self, numbers: NDArray[np.int64]) -> dict[str, dict[str, Any]]:
        """Everything that a person sees of some products, by id; photos as (id, path), in order."""
        if not numbers.size:
            return {}
        with reading(self._folder):
            query = self._tables[PRODUCTS].query().where(number_filter(numbers))
            products = (await query.select([NUMBER, *self._columns]).to_arrow()).to_pylist()
            query = self._tables[PHOTOS].query().where(number_filter(numbers))
            photos = await query.select([NUMBER, "position", "id", "path"]).to_arrow()
        shown: dict[int, list[tuple[str, str]]] = {}
        for photo in photos.sort_by([(NUMBER, "ascending"), ("position", "ascending")]).to_pylist():
            shown.setdefault(photo[NUMBER], []).append((photo["id"], photo["path"]))
        return {row["id"]: {**row, "photos": shown.get(row[NUMBER], [])} for row in products}


def chosen_versions(folder: Path, before: int | None, after: int | None) -> tuple[int, int]:
    """The two versions to compare: what is left out is the last one kept, and the current one.

    Raises:
        VersionNotKeptError: a version is not there, or its data was deleted.
        CatalogNotFoundError, CatalogFormatError, CatalogDamagedError: there is no catalog.
    """
    current = read_manifest(folder)
    if before is None:
        before = find_kept(folder, current, None).version
    if after is None:
        after = current.version
    for version in {before, after} - {current.version}:
        find_kept(folder, current, version)
    return before, after


async def differences(folder: Path, before: int, after: int) -> AsyncIterator[ProductDifference]:
    """Products that differ between two versions, those that were removed last.

    Args:
        folder: The catalog.
        before: Number of the first version.
        after: Number of the second one; it may be the earlier one.

    Yields:
        The differences in the order in which the second version has the products. A few thousand
        products are in memory at once, and the id and hash of all.

    Raises:
        VersionNotKeptError: a version is not there, or its data was deleted.
        CatalogNotFoundError, CatalogFormatError, CatalogDamagedError: see those.
    """
    current = read_manifest(folder)
    old = await _Version.open(folder, current, before)
    new = await _Version.open(folder, current, after)
    old_rows, new_rows = await old.hashes(), await new.hashes()
    places = pc.index_in(new_rows["id"], old_rows["id"].combine_chunks()).combine_chunks()
    old_hashes = pc.take(old_rows[ROW_HASH].combine_chunks(), places)
    same = pc.equal(new_rows[ROW_HASH].combine_chunks(), old_hashes)
    # Null, for a product that is new, is not the same either.
    touched = np.flatnonzero(~pc.fill_null(same, fill_value=False).to_numpy(zero_copy_only=False))
    for start in range(0, len(touched), _CHUNK_PRODUCTS):
        chosen = touched[start : start + _CHUNK_PRODUCTS]
        after_rows = await new.rows(new_rows[NUMBER].to_numpy()[chosen])
        former = pc.take(places, pa.array(chosen)).drop_null().to_numpy(zero_copy_only=False)
        before_rows = await old.rows(old_rows[NUMBER].to_numpy()[former])
        for product_id, row in after_rows.items():
            earlier = before_rows.get(product_id)
            if earlier is None:
                yield ProductDifference(product_id, row["title"], "added")
            elif (found := _changed(earlier, row)) is not None:
                yield found
    is_kept = pc.is_in(old_rows["id"], new_rows["id"].combine_chunks())
    gone = np.flatnonzero(~is_kept.to_numpy())
    for start in range(0, len(gone), _CHUNK_PRODUCTS):
        numbers = old_rows[NUMBER].to_numpy()[gone[start : start + _CHUNK_PRODUCTS]]
        for product_id, row in (await old.rows(numbers)).items():
            yield ProductDifference(product_id, row["title"], "removed")


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> ProductDifference | None:
    """How a product differs; None where only what nobody sees of it does."""
    names = [name for name in dict.fromkeys([*new, *old]) if name not in (NUMBER, "photos")]
    cells = {
        name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)
    }
    photos_before, photos_after = old["photos"], new["photos"]
    added = _paths(photos_after, photos_before)
    removed = _paths(photos_before, photos_after)
    reordered = not added and not removed and photos_before != photos_after
    if not (cells or added or removed or reordered):
        return None
    return ProductDifference(
        new["id"], new["title"], "changed", cells, added, removed, photos_reordered=reordered
    )


def _paths(photos: Sequence[tuple[str, str]], others: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Files of photos that are not among `others` with the same content and name."""
    known = set(others)
    return tuple(path for photo_id, path in photos if (photo_id, path) not in known)
