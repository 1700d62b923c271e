"""What the current version holds, read some rows at a time for a run that compares it."""

from collections.abc import AsyncIterator, Sequence

import pyarrow as pa
from lancedb import AsyncTable

from furniture_prompter.catalog.columns import NUMBER, ROW_HASH
from furniture_prompter.catalog.storage import CHUNK_ROWS, writing
from furniture_prompter.catalog.writer import CatalogWriter
from furniture_prompter.domain.wording import one_line


async def stored_rows(writer: CatalogWriter) -> AsyncIterator[list[tuple[str, str, int, str]]]:
    """Every product of the current version, in an order that stays until something is written.

    Yields:
        Some products: id as new ones are written (see :meth:`CatalogWriter.stored_products`), id as
        it is stored, number, and hash.
    """
    columns = ["id", NUMBER, ROW_HASH]
    async for batch in _batches(writer, writer.products_table, columns):
        ids, numbers, hashes = (batch[name].to_pylist() for name in columns)
        yield list(zip(map(one_line, ids), ids, numbers, hashes, strict=True))


async def stored_values(
    writer: CatalogWriter, columns: Sequence[str]
) -> AsyncIterator[list[tuple[bool, ...]]]:
    """Which of `columns` each product has a value in, in the order of :func:`stored_rows`."""
    async for batch in _batches(writer, writer.products_table, [NUMBER, *columns]):
        yield list(zip(*(batch[name].is_valid().to_pylist() for name in columns), strict=True))


async def encoded_photo_ids(writer: CatalogWriter) -> AsyncIterator[list[str]]:
    """Ids of photos that have a vector: of the current version, or saved by a killed run."""
    for table in writer.encoded_tables:
        async for batch in _batches(writer, table, ["id"]):
            yield batch["id"].to_pylist()


async def encoded_photos(writer: CatalogWriter) -> set[str]:
    """As :func:`encoded_photo_ids`, all at once."""
    return {photo_id async for ids in encoded_photo_ids(writer) for photo_id in ids}


async def _batches(
    writer: CatalogWriter, table: AsyncTable | None, columns: list[str]
) -> AsyncIterator[pa.RecordBatch]:
    if table is not None:
        with writing(writer.folder):
            query = table.query().select(columns)
            async for batch in await query.to_batches(max_batch_length=CHUNK_ROWS):
                yield batch
