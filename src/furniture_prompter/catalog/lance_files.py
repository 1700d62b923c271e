"""Lance's files: which of them a version of a table reads, and of which fragments it consists."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

if TYPE_CHECKING:
    from google.protobuf.message import Message

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
    """Tags and branches that Lance cannot read, and then clears up nothing; catalogs have none."""
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


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of a table that was written at once.

    Attributes:
        id: Its number, once in a table.
        rows: Rows that are not deleted.
        deleted_rows: Rows that its files have and the version does not.
        files: Names of the files that hold its rows, which are written once.
    """

    id: int
    rows: int
    deleted_rows: int
    files: frozenset[str]


def fragments_of(folder: Path, table: str, version: int) -> list[Fragment]:
    """The fragments of a table's version, in the order of its rows.

    Raises:
        OSError, ValueError: the manifest of the version cannot be read.
    """
    content = (folder / lance_manifest_path(folder, table, version)).read_bytes()
    return [
        Fragment(
            each.id,
            each.physical_rows - each.deletion_file.deleted_rows,
            each.deletion_file.deleted_rows,
            frozenset(name for name in _fragment_files(each) if name.startswith("data/")),
        )
        for each in _manifest_of(content).fragments
    ]


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
