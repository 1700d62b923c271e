"""Folding: when what was written in small pieces is merged into a table's files and indexes.

Every commit adds a fragment of rows to a table and lists of deleted rows to others. Lance merges
fragments by writing the table anew, with every index: megabytes for one product. So new rows stay
beside the indexes until enough have gathered. Searches scan them, and find them all the same.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np
from lancedb import AsyncTable

from furniture_prompter.catalog.columns import NUMBER
from furniture_prompter.catalog.lance_files import (
    Fragment,
    fragments_of,
    lance_versions,
    table_files,
)
from furniture_prompter.catalog.manifest import Manifest, Replaced
from furniture_prompter.catalog.vector_index import number_filter

# Rows beside the indexes, and deleted ones within them, up to which a table is left as it is. Few
# hundred cost a prompt 3 ms, and fewer would have every product written many times over.
LOOSE_ROWS: Final = 512
# Small fragments up to which they are left as they are; each costs a filter a third of a ms.
LOOSE_FRAGMENTS: Final = 16
# Lance cannot compact without deleting; no table is that old.
_NEVER: Final = timedelta(days=36_500)
# Folders of a table that hold nothing but what a version names.
_NAMED_BY_VERSIONS: Final = ("data", "_deletions", "_indices", "_transactions")


async def fold(table: AsyncTable) -> None:
    """Fold new rows into a table's files and indexes, without deleting anything.

    Lance merges files before it indexes them, and only those that the same indexes cover: a second
    turn leaves nothing to do for a third.
    """
    for _ in range(2):
        before = await table.version()
        await table.optimize(cleanup_older_than=_NEVER)
        if await table.version() == before:
            break


async def fold_if_due(folder: Path, table: AsyncTable) -> None:
    """Fold a table where enough has gathered, or merge its small fragments where they are many.

    Args:
        folder: The catalog.
        table: The table, at its newest version.

    Raises:
        OSError, RuntimeError, ValueError: the disk cannot be read or written.
    """
    fragments = fragments_of(folder, table.name, await table.version())
    deleted = sum(each.deleted_rows for each in fragments)
    if deleted + await _unindexed(table) > LOOSE_ROWS:
        await fold(table)
        return
    small = [each for each in fragments if each.rows <= LOOSE_ROWS]
    if len(small) <= LOOSE_FRAGMENTS:
        return
    rows = sum(each.rows for each in small)
    if rows > LOOSE_ROWS or rows == sum(each.rows for each in fragments):
        await fold(table)
    else:
        await _gather(table, small)


async def _unindexed(table: AsyncTable) -> int:
    """Rows that the indexes do not have; all are brought up to date together."""
    for index in await table.list_indices():
        if index.columns == [NUMBER]:
            statistics = await table.index_stats(index.name)
            if statistics is not None:
                return statistics.num_unindexed_rows
    return await table.count_rows()


async def _gather(table: AsyncTable, small: Sequence[Fragment]) -> None:
    """Make one fragment of small ones: Lance would take the large ones too."""
    found = await table.query().select([NUMBER]).with_row_id().to_arrow()
    # A row's id is its fragment's in the upper half, and its place in there.
    within = np.isin(found["_rowid"].to_numpy() >> 32, [each.id for each in small])
    numbers = number_filter(np.unique(found[NUMBER].to_numpy()[within]))
    rows = await table.query().where(numbers).to_arrow()
    await table.delete(numbers)
    await table.add(rows)


async def prune_table(
    folder: Path, table: AsyncTable, manifest: Manifest, readable_still: Collection[Replaced]
) -> None:
    """Delete versions of a table that are older than all that is current or read, and not kept.

    Files that no version names, which killed runs leave, go with them: the writer's lock is held.

    Args:
        folder: The catalog.
        table: The table.
        manifest: The current version's, with the versions that are kept.
        readable_still: Replaced versions that somebody may still read.

    Raises:
        OSError, RuntimeError, ValueError: the disk cannot be read or written.
    """
    name = table.name
    current = manifest.tables[name]
    if await table.version() != current:
        # Of what a run is writing no manifest may say so yet.
        return
    earliest = min((each.tables.get(name, 0) for each in readable_still), default=current)
    kept = {each.tables.get(name, 0) for each in manifest.kept}
    versions = lance_versions(folder, name)
    # What lies between two kept ones is as old: writes over the API would fill the disk with it.
    gone = [path for number, path in versions if number < earliest and number not in kept]
    if not gone:
        return
    named: set[str] = set()
    for number, path in versions:
        if path not in gone:
            named |= table_files(folder, name, number)
    # Lance takes a version for whole as long as its manifest is there, so that this goes first.
    for path in gone:
        path.unlink(missing_ok=True)
    place = folder / f"{name}.lance"
    for part in _NAMED_BY_VERSIONS:
        for path in (place / part).rglob("*"):
            if not path.is_dir() and path.relative_to(folder).as_posix() not in named:
                path.unlink(missing_ok=True)
    for path in (place / "_indices").glob("*"):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
