"""A column of a whole table computed anew, some rows at a time."""

from collections.abc import Callable
from typing import Final, Literal

import pyarrow as pa
from lancedb import AsyncConnection, AsyncTable

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
