"""Lance storage: errors translated, the writer's lock, columns rewritten, tables read, flushed."""

import errno
import json
import os
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import UUID

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

if TYPE_CHECKING:
    from google.protobuf.message import Message

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


# Lance numbers its manifests backwards, so that the newest comes first in a listing.
_LAST_VERSION: Final = 2**64 - 1


def lance_manifest_path(folder: Path, table: str, version: int) -> str:
    """Where Lance keeps the manifest of a table's version, relative to the catalog."""
    for number in (_LAST_VERSION - version, version):
        name = f"{table}.lance/_versions/{number}.manifest"
        if (folder / name).exists():
            return name
    return f"{table}.lance/_versions/{_LAST_VERSION - version}.manifest"


def lance_versions(folder: Path, table: str) -> list[tuple[int, Path]]:
    """Every version of a table that Lance has a manifest of, and where that lies."""
    found: list[tuple[int, Path]] = []
    for path in (folder / f"{table}.lance" / "_versions").glob("*.manifest"):
        if path.stem.isdecimal():
            number = int(path.stem)
            found.append((_LAST_VERSION - number if number > _LAST_VERSION // 2 else number, path))
    return found


def unreadable_references(folder: Path, table: str) -> list[Path]:
    """Tags and branches of a table that Lance cannot read, so that it refuses to clear up.

    No catalog has any of its own.
    """
    found: list[Path] = []
    for path in (folder / f"{table}.lance" / "_refs").rglob("*.json"):
        key = "version" if path.parent.name == "tags" else "parentVersion"
        try:
            readable = isinstance(json.loads(path.read_bytes())[key], int)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            readable = False
        if not readable:
            found.append(path)
    return found


def table_files(folder: Path, table: str, version: int) -> set[str]:
    """Every file that a version of a table reads, relative to the catalog.

    Raises:
        OSError, ValueError: the manifest of the version cannot be read.
    """
    name = lance_manifest_path(folder, table, version)
    files = {name}
    for part in _lance_parts((folder / name).read_bytes()):
        path = folder / f"{table}.lance" / part
        inside = path.rglob("*") if path.is_dir() else [path]
        files.update(file.relative_to(folder).as_posix() for file in inside if not file.is_dir())
    return files


def damaged_rows(folder: Path, table: str, version: int, damaged: Sequence[str]) -> list[range]:
    """Indices of a table's rows that lie in damaged files; all where that cannot be told."""
    touched: list[range] = []
    start = 0
    try:
        content = (folder / lance_manifest_path(folder, table, version)).read_bytes()
        fragments = _manifest_of(content).fragments
    except (OSError, ValueError):
        return [range(_LAST_VERSION)]
    for fragment in fragments:
        rows = range(start, start + fragment.physical_rows - fragment.deletion_file.deleted_rows)
        start = rows.stop
        if any(f"{table}.lance/{name}" in damaged for name in _fragment_files(fragment)):
            touched.append(rows)
    return touched


def _lance_parts(content: bytes) -> set[str]:
    """Files and folders that a Lance manifest names, relative to the table."""
    manifest = _manifest_of(content)
    parts = {name for fragment in manifest.fragments for name in _fragment_files(fragment)}
    if manifest.HasField("index_section"):
        section = _section("IndexSection", content, manifest.index_section)
        for index in section.indices:
            parts.add(f"_indices/{UUID(bytes=index.uuid.uuid)}")
    if manifest.transaction_file:
        parts.add(f"_transactions/{manifest.transaction_file}")
    return parts


def _fragment_files(fragment: Any) -> set[str]:
    files = {f"data/{file.path}" for file in fragment.files}
    files |= {f"data/{overlay.data_file.path}" for overlay in fragment.overlays}
    if fragment.HasField("deletion_file"):
        deleted = fragment.deletion_file
        ending = "bin" if deleted.file_type else "arrow"
        files.add(f"_deletions/{fragment.id}-{deleted.read_version}-{deleted.id}.{ending}")
    return files


def _manifest_of(content: bytes) -> Any:
    """Lance's manifest of a table version.

    It ends in its place (8 bytes), two version numbers (2 each) and ``LANC``; a section is its
    length (4 bytes) and a protobuf message. Integers are little-endian.
    """
    if content[-4:] != b"LANC":
        raise ValueError("a Lance manifest without its ending")
    return _section("Manifest", content, int.from_bytes(content[-16:-8], "little"))


def _section(message: str, content: bytes, offset: int) -> Any:
    # Takes a fifteenth of what a search from the shell takes to start, and none of them needs it.
    from google.protobuf.message import DecodeError

    size = int.from_bytes(content[offset : offset + 4], "little")
    read: Message = _lance_messages()[message]()
    try:
        read.ParseFromString(content[offset + 4 : offset + 4 + size])
    except DecodeError as error:
        raise ValueError(f"a Lance manifest that cannot be read: {error}") from error
    return read


# The part of Lance's protos/table.proto that says where a version's files lie; what is not named
# here is skipped. Name, number, type; a capital letter begins a message, a star is repeated.
_LANCE_SCHEMA: Final = {
    "Uuid": [("uuid", 1, "bytes")],
    "IndexMetadata": [("uuid", 1, "Uuid")],
    "IndexSection": [("indices", 1, "*IndexMetadata")],
    "DataFile": [("path", 1, "string")],
    "Overlay": [("data_file", 1, "DataFile")],
    "DeletionFile": [
        ("file_type", 1, "uint64"),
        ("read_version", 2, "uint64"),
        ("id", 3, "uint64"),
        ("deleted_rows", 4, "uint64"),
    ],
    "Fragment": [
        ("id", 1, "uint64"),
        ("files", 2, "*DataFile"),
        ("deletion_file", 3, "DeletionFile"),
        ("physical_rows", 4, "uint64"),
        ("overlays", 11, "*Overlay"),
    ],
    "Manifest": [
        ("fragments", 2, "*Fragment"),
        ("index_section", 6, "uint64"),
        ("transaction_file", 12, "string"),
    ],
}


@cache
def _lance_messages() -> "dict[str, type[Message]]":
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    scalars = {"bytes": field.TYPE_BYTES, "string": field.TYPE_STRING, "uint64": field.TYPE_UINT64}
    # In proto2 every field says whether it is there.
    schema = descriptor_pb2.FileDescriptorProto(
        name="lance.proto", package="lance", syntax="proto2"
    )
    for message, fields in _LANCE_SCHEMA.items():
        described = schema.message_type.add(name=message)
        for name, number, kind in fields:
            label = field.LABEL_REPEATED if kind.startswith("*") else field.LABEL_OPTIONAL
            kind = kind.removeprefix("*")
            added = described.field.add(name=name, number=number, label=label)
            if kind in scalars:
                added.type = scalars[kind]
            else:
                added.type, added.type_name = field.TYPE_MESSAGE, f".lance.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(schema)
    return {
        message: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"lance.{message}"))
        for message in _LANCE_SCHEMA
    }


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
    for path in (*new, *folders):
        flush_one(path)
