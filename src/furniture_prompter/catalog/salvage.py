"""Reading what can still be read of a damaged catalog's tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
from lancedb import AsyncConnection, AsyncTable
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import (
    KNOWN_COLUMNS,
    NUMBER,
    PHOTOS,
    PRODUCTS,
    ROW_HASH,
    VECTOR,
    are_unit_vectors,
    product_from,
    vectors_from,
)
from furniture_prompter.catalog.manifest import Manifest
from furniture_prompter.catalog.storage import (
    connect,
    damaged_rows,
    is_storage_error,
    lance_versions,
    reading,
    unreadable_references,
)
from furniture_prompter.domain import Photo, Product

# Rows of one column read at once; where that fails, halves of them, down to single rows.
_CHUNK_ROWS: Final = 8_192
# Reads of one column that may fail: beyond, the rest of a range that fails is given up whole.
_MOST_FAILURES: Final = 20_000


@dataclass(frozen=True, slots=True)
class SalvagedProduct:
    """A product that could be read, if not all of its fields.

    Attributes:
        number: The catalog's own number of it.
        product: The product; a field that could not be read is empty.
        row_hash: Its recorded hash; empty where that could not be read.
    """

    number: int
    product: Product
    row_hash: str


@dataclass(frozen=True, slots=True, eq=False)
class SalvagedPhoto:
    """A photo that could be read.

    Attributes:
        number: Number of its product.
        photo: Id and file of it; the product's id is empty.
        vector: As stored, shape (dimension,); None where it could not be read or is no vector.
        trusted: Whether the file that holds the vector is as it was written.
    """

    number: int
    photo: Photo
    vector: NDArray[np.float32] | None
    trusted: bool


@dataclass(frozen=True, slots=True)
class Salvage:
    """What could be read of a version.

    Attributes:
        products: Products, each number and each id once.
        photos: Photos by product and position.
        lost: Rows of products that could not be read.
        lost_ids: Ids of those among them of which that much could be read.
    """

    products: tuple[SalvagedProduct, ...]
    photos: tuple[SalvagedPhoto, ...]
    lost: int
    lost_ids: tuple[str, ...]


async def discard_unreadable_leftovers(folder: Path, manifest: Manifest) -> bool:
    """Delete what no version needs where it keeps a table shut or from being cleared up.

    Opening a table reads its newest version first, committed or not; clearing up reads references.
    Needs the writer's lock.

    Returns:
        Whether anything was deleted.
    """
    discarded = False
    for table, committed in manifest.tables.items():
        try:
            with_newest = await (await connect(folder)).open_table(table)
            with_newest.close()  # type: ignore[no-untyped-call]  # LanceDB leaves it untyped
        except BaseException as error:
            if not is_storage_error(error):
                raise
            for version, path in lance_versions(folder, table):
                if version > committed:
                    path.unlink(missing_ok=True)
                    discarded = True
        for path in unreadable_references(folder, table):
            path.unlink(missing_ok=True)
            discarded = True
    return discarded


async def salvage_rows(folder: Path, manifest: Manifest, damaged: Sequence[str]) -> Salvage:
    """Read every row that can be read, column by column.

    Args:
        folder: The catalog.
        manifest: The version.
        damaged: Files that are not as they were written.

    Raises:
        CatalogDamagedError: a table cannot be opened at all.
    """
    with reading(folder):
        database = await connect(folder)
        tables: dict[str, AsyncTable] = {}
        for name, version in manifest.tables.items():
            tables[name] = await database.open_table(name)
            await tables[name].checkout(version)
    suspect = damaged_rows(folder, PHOTOS, manifest.tables[PHOTOS], damaged)
    photos = await _photos(tables[PHOTOS], manifest, suspect)
    return await _products(tables[PRODUCTS], manifest, photos)


async def _products(
    table: AsyncTable, manifest: Manifest, photos: tuple[SalvagedPhoto, ...]
) -> Salvage:
    count = await table.count_rows()
    names = [NUMBER, ROW_HASH, *KNOWN_COLUMNS, *manifest.columns]
    columns = {name: await _column(table, name, count, _values) for name in names}
    found: list[SalvagedProduct] = []
    numbers: set[int] = set()
    ids: set[str] = set()
    lost_ids: list[str] = []
    for place in range(count):
        row = {name: column[place] for name, column in columns.items()}
        number, product_id = row[NUMBER], row["id"]
        if number is None or not product_id or number in numbers or product_id in ids:
            lost_ids += [product_id] if product_id else []
            continue
        for name, kind in KNOWN_COLUMNS.items():
            if row[name] is None:
                row[name] = [] if kind == "texts" else ""
        product = product_from(row, manifest.columns)
        found.append(SalvagedProduct(number, product, row[ROW_HASH] or ""))
        numbers.add(number)
        ids.add(product_id)
    return Salvage(tuple(found), photos, count - len(found), tuple(lost_ids))


async def _photos(
    table: AsyncTable, manifest: Manifest, suspect: Sequence[range]
) -> tuple[SalvagedPhoto, ...]:
    count = await table.count_rows()
    names = (NUMBER, "position", "id", "path")
    columns = {name: await _column(table, name, count, _values) for name in names}
    dimension = manifest.encoder.dimension
    vectors = await _column(
        table, VECTOR, count, lambda column: list(vectors_from(column, dimension))
    )
    found: list[tuple[int, int, SalvagedPhoto]] = []
    for place in range(count):
        number, position = columns[NUMBER][place], columns["position"][place]
        photo_id, path = columns["id"][place], columns["path"][place]
        if number is None or not photo_id or path is None:
            continue
        vector = vectors[place]
        if vector is not None and not are_unit_vectors(vector[np.newaxis])[0]:
            vector = None
        trusted = vector is not None and not any(place in rows for rows in suspect)
        salvaged = SalvagedPhoto(number, Photo(photo_id, "", path), vector, trusted)
        found.append((number, -1 if position is None else position, salvaged))
    found.sort(key=lambda item: item[:2])
    return tuple(photo for _, _, photo in found)


def _values(column: pa.ChunkedArray) -> list[Any]:
    column.validate(full=True)
    values: list[Any] = column.to_pylist()
    return values


async def _column(
    table: AsyncTable, name: str, count: int, values_of: Callable[[pa.ChunkedArray], list[Any]]
) -> list[Any]:
    """Values of a column in the table's order; None where they cannot be read."""
    values: list[Any] = [None] * count
    left = _MOST_FAILURES
    waiting = [
        range(start, min(start + _CHUNK_ROWS, count)) for start in range(0, count, _CHUNK_ROWS)
    ]
    while waiting:
        places = waiting.pop()
        try:
            rows = await table.take_offsets(list(places)).select([name]).to_arrow()
            read = values_of(rows[name])
            if len(read) == len(places):
                values[places.start : places.stop] = read
                continue
        except BaseException as error:
            if not is_storage_error(error):
                raise
        left -= 1
        if len(places) > 1 and left > 0:
            middle = (places.start + places.stop) // 2
            waiting += [range(places.start, middle), range(middle, places.stop)]
    return values


# Rows handled at once where a whole table is rewritten: 8,192 float32 vectors of 512 are 16 MB.
CHUNK_ROWS: Final = 8_192


async def rewrite_column(
    database: AsyncConnection,
    table: AsyncTable,
    column: str,
    values: Callable[[pa.Table], pa.Array],
) -> AsyncTable:
    """Replace a column in all rows of a table; its indexes are gone then.

    Args:
        database: Where the table lies.
        table: The table, at its newest version.
        column: Name of the column.
        values: What it shall hold for some rows of the table, in their order.

    Returns:
        The table as it is now.
    """
    source = await database.open_table(table.name)
    await source.checkout(await table.version())
    mode: Literal["create", "overwrite"] = "overwrite"
    async for batch in await source.query().to_batches(max_batch_length=CHUNK_ROWS):
        rows = pa.Table.from_batches([batch])
        rows = rows.set_column(rows.schema.get_field_index(column), column, values(rows))
        if mode == "overwrite":
            table = await database.create_table(table.name, rows, mode=mode)
            mode = "create"
        else:
            await table.add(rows)
    return table
