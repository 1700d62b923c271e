"""What the current version holds, read some rows at a time for a run that compares it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from lancedb import AsyncTable
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import (
    ALIGNED,
    NUMBER,
    PHOTOS,
    PRODUCTS,
    ROW_HASH,
    TEXT_VECTOR,
    VECTOR,
    WORDS,
    vectors_from,
)
from furniture_prompter.catalog.storage import CHUNK_ROWS, writing
from furniture_prompter.catalog.vector_index import Numbers
from furniture_prompter.catalog.writer import CatalogWriter
from furniture_prompter.domain.wording import one_line


async def stored_rows(writer: CatalogWriter) -> AsyncIterator[list[tuple[str, str, int, str]]]:
    """Every product of the current version, in an order that stays until something is written.

    Yields:
        Some products: id as new ones are written (see :meth:`CatalogWriter.stored_products`), id as
        it is stored, number, and hash.
    """
    columns = ["id", NUMBER, ROW_HASH]
    async for batch in _batches(writer, writer.table(PRODUCTS), columns):
        ids, numbers, hashes = (batch[name].to_pylist() for name in columns)
        yield list(zip(map(one_line, ids), ids, numbers, hashes, strict=True))


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


_TOLD: Final = ("title", "category", "color", WORDS)


@dataclass(frozen=True, slots=True, eq=False)
class StoredVectors:
    """Products with their vectors, in the order of their numbers, and photos in theirs.

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
    texts: NDArray[np.float32]
    photos: NDArray[np.float32]
    aligned: NDArray[np.float32]
    shown: Numbers


async def stored_vectors(writer: CatalogWriter, limit_photos: int) -> StoredVectors | None:
    """Products and vectors as they are now.

    Args:
        writer: Of the catalog.
        limit_photos: Photos read at the most; an even sample of the table beyond that.

    Returns:
        The products that the photos show; None before there are any.
    """
    products, photos = writer.table(PRODUCTS), writer.table(PHOTOS)
    if products is None or photos is None:
        return None
    with writing(writer.folder):
        count = await photos.count_rows()
        if not count:
            return None
        offsets = list(range(0, count, -(-count // limit_photos)))
        names = [NUMBER, VECTOR, ALIGNED]
        pictures = await photos.take_offsets(offsets).select(names).to_arrow()
    pictures = pictures.sort_by([(NUMBER, "ascending")])
    numbers, shown = np.unique(pictures[NUMBER].to_numpy(), return_inverse=True)
    names = [NUMBER, *_TOLD, TEXT_VECTOR]
    kept = [
        batch.filter(pa.array(np.isin(batch[NUMBER].to_numpy(), numbers)))
        async for batch in _batches(writer, products, names)
    ]
    rows = pa.Table.from_batches(kept).sort_by([(NUMBER, "ascending")])
    titles, categories, colors, words = (
        [text or "" for text in rows[name].to_pylist()] for name in _TOLD
    )
    return StoredVectors(
        titles,
        categories,
        colors,
        words,
        vectors_from(rows[TEXT_VECTOR]),
        vectors_from(pictures[VECTOR]),
        vectors_from(pictures[ALIGNED]),
        shown.astype(np.int64),
    )


async def _batches(
    writer: CatalogWriter, table: AsyncTable | None, columns: list[str]
) -> AsyncIterator[pa.RecordBatch]:
    if table is not None:
        with writing(writer.folder):
            query = table.query().select(columns)
            async for batch in await query.to_batches(max_batch_length=CHUNK_ROWS):
                yield batch
