"""Storage: errors translated, the writer's lock, columns rewritten, files flushed to the disk."""

import errno
import os
from collections.abc import Callable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import lancedb
import pyarrow as pa
from filelock import FileLock, Timeout
from lancedb import AsyncConnection, AsyncTable

from furniture_prompter.atomic_files import flush_one
from furniture_prompter.catalog.addresses import refuse_address
from furniture_prompter.errors import (
    CatalogBusyError,
    CatalogDamagedError,
    CatalogFormatError,
    CatalogWriteError,
)

# LanceDB raises these for everything that its Rust core reports, OverflowError for a number or an
# age that it cannot take, pyarrow the last for what does not fit together.
STORAGE_ERRORS = (OSError, RuntimeError, ValueError, OverflowError, pa.ArrowException)
# The Rust core's words for a panic, in a call (which is no Exception) and in what is awaited. No
# module exports them.
_PANICS = frozenset({"PanicException", "RustPanic"})


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn a failed write below `folder` into :class:`CatalogWriteError`.

    Raises:
        CatalogWriteError: the storage engine or the system failed inside the block.
    """
    try:
        yield
    except BaseException as error:
        if not is_storage_error(error):
            raise
        raise CatalogWriteError(
            f"The catalog at {folder} could not be written ({first_line(error)}). Free disk space "
            "or mend the permissions and run the command again: the previous version is "
            "untouched, and photos that were already encoded are kept. Where neither is the cause, "
            f"`furniture-prompter catalog verify --catalog {folder}` says whether it is damaged."
        ) from error


def misplaced(path: Path) -> CatalogWriteError:
    """The error of a file where a folder belongs, or the other way round; nothing removes it."""
    found, wanted = ("folder", "file") if path.is_dir() else ("file", "folder")
    return CatalogWriteError(
        f"{path} is a {found}, and a {wanted} belongs there. Move it out of the catalog and run "
        "the command again; the catalog makes its own."
    )


def make_folder(path: Path) -> None:
    """Make a folder of a catalog where it is not there.

    Raises:
        CatalogWriteError: it cannot be made, or something else lies there.
    """
    if path.exists() and not path.is_dir():
        raise misplaced(path)
    with writing(path.parent):
        path.mkdir(exist_ok=True)


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Turn a failed read below `folder` into :class:`CatalogDamagedError`.

    Raises:
        CatalogDamagedError: the storage engine or the system failed inside the block.
    """
    try:
        yield
    except BaseException as error:
        if not is_storage_error(error):
            raise
        raise unreadable(folder, first_line(error)) from error


def unreadable(folder: Path, detail: str) -> CatalogDamagedError:
    """The error of a catalog that cannot be read, or whose parts do not belong together."""
    return CatalogDamagedError(
        f"The catalog at {folder} could not be read ({detail}). Run `furniture-prompter catalog "
        f"verify --catalog {folder}`, which names what is damaged, and `furniture-prompter catalog "
        "repair` with the same, which mends what it can."
    )


def is_storage_error(error: BaseException) -> bool:
    """Whether the storage engine reports something, if only by a panic."""
    return isinstance(error, STORAGE_ERRORS) or type(error).__name__ in _PANICS


def first_line(error: BaseException) -> str:
    """What went wrong in one short line, without the storage engine's source locations."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "no space left on the disk"
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].split(", /")[0][:300]


LOCK_FILE = ".writer.lock"


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Hold the right to write the catalog at `folder`, made if it is not there.

    The operating system frees the lock of a killed process.

    Raises:
        CatalogBusyError: another process holds it.
        CatalogFormatError: `folder` is a file, or an address.
        CatalogWriteError: the folder cannot be made or written, or its lock is a folder.
    """
    refuse_address(folder)
    if folder.exists() and not folder.is_dir():
        raise CatalogFormatError(
            f"{folder} is a file, and a catalog is a folder. Name another path."
        )
    if (folder / LOCK_FILE).is_dir():
        raise misplaced(folder / LOCK_FILE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK_FILE)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise CatalogBusyError(
            f"Another process is writing the catalog at {folder}. Wait for it to finish, or stop "
            "it; searches go on meanwhile."
        ) from error
    except OSError as error:
        raise CatalogWriteError(
            f"The catalog at {folder} cannot be written ({error.strerror}). Mend the permissions "
            "or name another path."
        ) from error
    try:
        yield
    finally:
        lock.release()


async def connect(folder: Path) -> AsyncConnection:
    """The database in a folder.

    LanceDB takes a relative path with a colon for a URI: tables of ``memory:shop`` are stored
    nowhere, those of ``file:shop`` in the root folder. An absolute path is always a path.
    """
    return await lancedb.connect_async(folder.absolute())


# Rows handled at once where a whole table is rewritten: 8,192 float32 vectors of 512 are 16 MB.
CHUNK_ROWS: Final = 8_192


async def rewrite_column(
    database: AsyncConnection,
    table: AsyncTable,
    column: str,
    values: Callable[[pa.Table], pa.Array],
) -> AsyncTable:
    """Replace a column in all rows of a table, if any, and its type; its indexes are gone then.

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

    def rewritten(rows: pa.Table) -> pa.Table:
        return rows.set_column(rows.schema.get_field_index(column), column, values(rows))

    async for batch in await source.query().to_batches(max_batch_length=CHUNK_ROWS):
        rows = rewritten(pa.Table.from_batches([batch]))
        if mode == "overwrite":
            table = await database.create_table(table.name, rows, mode=mode)
            mode = "create"
        else:
            await table.add(rows)
    if mode == "overwrite":
        # No row gave the new type.
        rows = rewritten((await source.schema()).empty_table())
        table = await database.create_table(table.name, rows, mode=mode)
    return table


_FLUSHED_AT_ONCE: Final = 8


def files_below(folder: Path) -> set[Path]:
    """Every file of a catalog, without hidden folders, where requests spool their photos."""
    found: set[Path] = set()
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found.update(Path(place) / name for name in names)
    return found


def flush(folder: Path, written_before: Set[Path]) -> None:
    """Bring what was written below `folder` to the disk, so that losing power does not undo it.

    The storage engine does not: what it wrote may still be in memory when its call returns.

    Args:
        folder: The catalog.
        written_before: Files that lay there already; what the catalog reads of them is never
            changed.

    Raises:
        OSError: the disk did not take it.
    """
    new = files_below(folder) - written_before
    # A file is on the disk only with its name in its folder, and that one's in the next.
    folders = {parent for path in new for parent in path.parents if parent.is_relative_to(folder)}
    # The disk takes together what waits for it together.
    with ThreadPoolExecutor(_FLUSHED_AT_ONCE) as pool:
        for _ in pool.map(flush_one, (*new, *folders)):
            pass
