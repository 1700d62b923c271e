"""What the current version holds, read some rows at a time for a run that compares it."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
from lancedb import AsyncTable
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import (
    ALIGNED,
    FEEDS,
    NUMBER,
    PHOTOS,
    PRODUCTS,
    ROW_HASH,
    TEXT_VECTOR,
    VARIANT_ID,
    VECTOR,
    WORDS,
    StoredProduct,
    half_vectors_from,
)
from furniture_prompter.catalog.filters import text_literal
from furniture_prompter.catalog.manifest import Manifest
from furniture_prompter.catalog.storage import CHUNK_ROWS, connect, reading, writing
from furniture_prompter.catalog.vector_index import Numbers, number_filter, places_of
from furniture_prompter.catalog.writer import CatalogWriter
from furniture_prompter.domain import Photo, Product
from furniture_prompter.domain.wording import as_id


class Tables(Protocol):
    """Tables of a catalog: a writer's as they are now, or those of one version."""

    @property
    def folder(self) -> Path:
        """The catalog."""
        ...

    def table(self, name: str) -> AsyncTable | None:
        """Products or photos; None before there are any."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Version:
    folder: Path
    tables: dict[str, AsyncTable]

    def table(self, name: str) -> AsyncTable | None:
        return self.tables.get(name)


@asynccontextmanager
async def tables_of(folder: Path, manifest: Manifest) -> AsyncIterator[Tables]:
    """The tables of a version, which a writer of others leaves alone for the grace time.

    Raises:
        CatalogDamagedError: they cannot be read, or are gone by now.
    """
    tables: dict[str, AsyncTable] = {}
    try:
        with reading(folder):
            database = await connect(folder)
            for name, version in manifest.tables.items():
                tables[name] = await database.open_table(name)
                await tables[name].checkout(version)
        yield _Version(folder, tables)
    finally:
        for table in tables.values():
            table.close()  # type: ignore[no-untyped-call]  # LanceDB leaves it untyped


async def stored_rows(
    writer: CatalogWriter,
) -> AsyncIterator[list[tuple[str, str, int, str, int | None]]]:
    """Every product of the current version, in an order that stays until something is written.

    Yields:
        Some products: id as new ones are written (see :func:`stored_products`), id as
        it is stored, number, hash, and bits of its feeds (see :class:`ProductRow`).
    """
    columns = ["id", NUMBER, ROW_HASH, *([FEEDS] if writer.feeds else [])]
    async for batch in _batches(writer, writer.table(PRODUCTS), columns):
        ids, numbers, hashes, *feeds = (batch[name].to_pylist() for name in columns)
        bits = feeds[0] if feeds else [None] * len(ids)
        yield list(zip(map(as_id, ids), ids, numbers, hashes, bits, strict=True))


async def stored_ids(folder: Path, manifest: Manifest) -> set[str]:
    """Ids of the products of a version, as new ones are written.

    Raises:
        CatalogDamagedError: as :func:`tables_of` does.
    """
    found: set[str] = set()
    async with tables_of(folder, manifest) as tables:
        async for batch in _batches(tables, tables.table(PRODUCTS), ["id"]):
            found.update(map(as_id, batch["id"].to_pylist()))
    return found


async def stored_products(writer: CatalogWriter, ids: Collection[str]) -> dict[str, StoredProduct]:
    """Products of the current version by id, those of `ids`, which are written as new ones are.

    Catalogs of photo folders once kept the runs of spaces in a file's name; such a product is found
    by it as well.
    """
    wanted, found = sorted(ids), dict[str, StoredProduct]()
    for start in range(0, len(wanted), CHUNK_ROWS):
        literals = ", ".join(map(text_literal, wanted[start : start + CHUNK_ROWS]))
        found |= await _products_where(writer, f"`id` IN ({literals})")
    if len(found) < len(wanted):
        found = await _products_where(writer, f"regexp_like(`id`, '{_OTHER_SPACES}')") | found
    return found


async def _products_where(writer: CatalogWriter, condition: str) -> dict[str, StoredProduct]:
    table = writer.table(PRODUCTS)
    if table is None:
        return {}
    names = ["id", NUMBER, ROW_HASH, *([FEEDS] if writer.feeds else [])]
    with writing(writer.folder):
        rows = await table.query().where(condition).select(names).to_arrow()
    return {
        as_id(row["id"]): StoredProduct(row[NUMBER], row[ROW_HASH], feeds=row.get(FEEDS))
        for row in rows.to_pylist()
    }


async def stored_photos(writer: CatalogWriter, numbers: Numbers) -> list[tuple[int, Photo]]:
    """Photos of some products, main ones first, with the product's number instead of its id.

    Args:
        writer: Of the catalog.
        numbers: Product numbers, shape (n,).
    """
    table = writer.table(PHOTOS)
    if table is None or not numbers.size:
        return []
    names = [NUMBER, "position", "id", "path", *([VARIANT_ID] if writer.variants else [])]
    with writing(writer.folder):
        rows = await table.query().where(number_filter(numbers)).select(names).to_arrow()
    return [
        (row[NUMBER], Photo(row["id"], "", row["path"], row.get(VARIANT_ID) or ""))
        for row in rows.sort_by([(NUMBER, "ascending"), ("position", "ascending")]).to_pylist()
    ]


async def stored_values(
    writer: CatalogWriter, columns: Sequence[str]
) -> AsyncIterator[list[tuple[bool, ...]]]:
    """Which of `columns` each product has a value in, in the order of :func:`stored_rows`."""
    async for batch in _batches(writer, writer.table(PRODUCTS), [NUMBER, *columns]):
        yield list(zip(*(batch[name].is_valid().to_pylist() for name in columns), strict=True))


async def encoded_photo_ids(writer: CatalogWriter) -> AsyncIterator[list[str]]:
    """Ids of photos that have a vector: of the current version, or saved by a killed run."""
    for table in writer.encoded_tables:
        async for batch in _batches(writer, table, ["id"]):
            yield batch["id"].to_pylist()


async def encoded_photos(writer: CatalogWriter) -> set[str]:
    """As :func:`encoded_photo_ids`, all at once."""
    return {photo_id async for ids in encoded_photo_ids(writer) for photo_id in ids}


# Spaces in an id that new ones do not have.
_OTHER_SPACES: Final = r"\s\s|^\s|\s$|[^\S ]"
_LOOK: Final = ["title", "category", "color"]
_TOLD: Final = (*_LOOK, WORDS)


@dataclass(frozen=True, slots=True, eq=False)
class StoredVectors:
    """Products with their vectors, in the order of their numbers, and photos in theirs.

    Vectors stay in the float16 that is stored, which is half of what they take as float32.

    Attributes:
        titles: Of each product.
        categories: Of each product; empty where it has none.
        colors: Of each product; empty where it has none.
        words: Folded words of each product.
        texts: Vector of each product's text, shape (n, t); zeros where it has none.
        photos: Vectors of the photos, shape (m, d).
        aligned: The same photos where prompts meet them, shape (m, a).
        shown: Place of each photo's product among the products, rising, shape (m,).
    """

    titles: list[str]
    categories: list[str]
    colors: list[str]
    words: list[str]
    texts: NDArray[np.floating]
    photos: NDArray[np.floating]
    aligned: NDArray[np.floating]
    shown: Numbers


async def stored_vectors(writer: Tables, limit_photos: int) -> StoredVectors | None:
    """Products and vectors.

    Args:
        writer: Whose tables are read.
        limit_photos: Photos read at the most; an even sample of the table beyond that.

    Returns:
        The products that the photos show; None before there are any.
    """
    pictures = await _photos(writer, limit_photos, [VECTOR, ALIGNED])
    if pictures is None:
        return None
    numbers, shown = np.unique(pictures[NUMBER].to_numpy(), return_inverse=True)
    order = np.argsort(shown, kind="stable")
    photos, aligned = (half_vectors_from(pictures[name])[order] for name in (VECTOR, ALIGNED))
    # Arrow's copy goes before the products come.
    del pictures
    told: dict[str, list[str]] = {name: [""] * len(numbers) for name in _TOLD}
    texts: NDArray[np.float16] | None = None
    async for batch in _batches(writer, writer.table(PRODUCTS), [NUMBER, *_TOLD, TEXT_VECTOR]):
        places, rows = _shown(batch, numbers)
        vectors = half_vectors_from(pa.chunked_array([batch[TEXT_VECTOR]]))
        if texts is None:
            texts = np.zeros((len(numbers), vectors.shape[1]), np.float16)
        texts[places] = vectors[rows]
        for name, kept in told.items():
            _fill(kept, places, batch[name].take(pa.array(rows)).to_pylist())
    if texts is None:
        return None
    titles, categories, colors, words = (told[name] for name in _TOLD)
    return StoredVectors(
        titles, categories, colors, words, texts, photos, aligned, shown[order].astype(np.int64)
    )


async def stored_looks(
    writer: Tables, limit_photos: int
) -> tuple[list[str], NDArray[np.float16], Numbers]:
    """What an alignment is fitted on.

    Args:
        writer: Whose tables are read.
        limit_photos: Photos read at the most; an even sample of the table beyond that.

    Returns:
        The look of each product that the photos show; the photos' vectors, shape (n, d), padded as
        they are stored; and the index of each photo's product in the list, shape (n,).
    """
    pictures = await _photos(writer, limit_photos, [VECTOR])
    if pictures is None:
        return [], np.zeros((0, 0), np.float16), np.zeros(0, np.int64)
    numbers, shown = np.unique(pictures[NUMBER].to_numpy(), return_inverse=True)
    looks = [""] * len(numbers)
    async for batch in _batches(writer, writer.table(PRODUCTS), [NUMBER, *_LOOK]):
        places, rows = _shown(batch, numbers)
        told = batch.take(pa.array(rows)).select(_LOOK).to_pylist()
        _fill(looks, places, [Product(id="", **row).look for row in told])
    return looks, half_vectors_from(pictures[VECTOR]), shown.astype(np.int64)


async def _photos(writer: Tables, limit_photos: int, columns: list[str]) -> pa.Table | None:
    """An even sample of the photos' table; None where there is none."""
    photos = writer.table(PHOTOS)
    if photos is None or writer.table(PRODUCTS) is None:
        return None
    with writing(writer.folder):
        count = await photos.count_rows()
        if not count:
            return None
        offsets = list(range(0, count, -(-count // limit_photos)))
        return await photos.take_offsets(offsets).select([NUMBER, *columns]).to_arrow()


def _shown(batch: pa.RecordBatch, numbers: Numbers) -> tuple[Numbers, Numbers]:
    """Of a batch's rows those that are among the products: places there, and in the batch."""
    places, are_shown = places_of(batch[NUMBER].to_numpy(), numbers)
    rows = np.flatnonzero(are_shown)
    return places[rows], rows


def _fill(kept: list[str], places: Numbers, texts: list[str | None]) -> None:
    for place, text in zip(places.tolist(), texts, strict=True):
        kept[place] = text or ""


async def _batches(
    writer: Tables, table: AsyncTable | None, columns: list[str]
) -> AsyncIterator[pa.RecordBatch]:
    if table is not None:
        with writing(writer.folder):
            query = table.query().select(columns)
            async for batch in await query.to_batches(max_batch_length=CHUNK_ROWS):
                yield batch
