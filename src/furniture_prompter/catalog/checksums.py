"""Checksums of every file that a committed version reads, and copies of its smallest parts.

``checksums/<version>-<hash>.json`` is written before the manifest that names it and carries a hash
of itself in its name. It has the size and SHA-256 of each file, and copies of what cannot be
computed again and weighs little: the manifest, Lance's manifests of the two tables, and its lists
of deleted rows.
"""

import base64
import binascii
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from furniture_prompter.catalog.manifest import (
    CHECKSUMS_FOLDER,
    Manifest,
    parse_manifest,
    replace_file,
    write_manifest,
)
from furniture_prompter.catalog.reader import ALIGNMENTS_FOLDER
from furniture_prompter.catalog.storage_errors import writing
from furniture_prompter.errors import CatalogDamagedError, CatalogError, CatalogWriteError

_HASH_LETTERS: Final = 32
# Lance numbers its manifests backwards, so that the newest comes first in a listing.
_LAST_VERSION: Final = 2**64 - 1
# Lance writes these once, under a name of their own: what had a checksum keeps it.
_IMMUTABLE: Final = frozenset({"data", "_deletions", "_indices"})


@dataclass(frozen=True, slots=True)
class FileChecksum:
    """Size in bytes and SHA-256 of a file."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class VersionChecksums:
    """What a version reads, as it was when it was committed.

    Attributes:
        name: Name of the file that says so, under ``checksums/``.
        manifest: The version's manifest.
        files: Checksum of each file, by its path in the catalog's folder.
        copies: Content of the files that are kept twice, by path.
    """

    name: str
    manifest: Manifest
    files: Mapping[str, FileChecksum]
    copies: Mapping[str, bytes]


def with_checksums(folder: Path, manifest: Manifest, previous: Manifest | None) -> Manifest:
    """Write the checksums of a version that is about to be committed.

    Immutable files that the previous version had as well are not read again.

    Args:
        folder: The catalog.
        manifest: The version's manifest.
        previous: That of the version it replaces.

    Returns:
        The manifest with the name of the file written.

    Raises:
        CatalogWriteError: it cannot be written, or the version cannot be read.
    """
    known: Mapping[str, FileChecksum] = {}
    if previous is not None and previous.checksums is not None:
        try:
            known = load_checksums(folder, previous.checksums).files
        except CatalogDamagedError:
            known = {}
    try:
        names = version_files(folder, manifest)
        files = {name: _checksum(folder, name, known) for name in names}
        copies = {name: (folder / name).read_bytes() for name in names if _is_copied(name)}
    except (OSError, ValueError) as error:
        raise CatalogWriteError(
            f"The new version of the catalog at {folder} cannot be read back ({error}). Check the "
            "disk and run the command again; the previous version is untouched."
        ) from error
    content = {
        "manifest": json.loads(replace(manifest, checksums=None).to_json()),
        "files": {name: [file.size, file.sha256] for name, file in sorted(files.items())},
        "copies": {name: base64.b64encode(data).decode() for name, data in copies.items()},
    }
    data = json.dumps(content, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")
    name = f"{manifest.version}-{hashlib.sha256(data).hexdigest()[:_HASH_LETTERS]}.json"
    try:
        (folder / CHECKSUMS_FOLDER).mkdir(exist_ok=True)
    except OSError as error:
        raise CatalogWriteError(
            f"{folder / CHECKSUMS_FOLDER} cannot be made ({error.strerror}). Mend the permissions "
            "and run the command again; the previous version is untouched."
        ) from error
    replace_file(folder / CHECKSUMS_FOLDER / name, data)
    return replace(manifest, checksums=name)


def prune_checksums(folder: Path, manifest: Manifest) -> None:
    """Delete checksums of all versions but the current one."""
    for path in (folder / CHECKSUMS_FOLDER).iterdir():
        if path.name != manifest.checksums:
            path.unlink(missing_ok=True)


def load_checksums(folder: Path, name: str) -> VersionChecksums:
    """Read what :func:`with_checksums` wrote.

    Raises:
        CatalogDamagedError: the file is missing or altered.
    """
    path = folder / CHECKSUMS_FOLDER / name
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest()[:_HASH_LETTERS] != path.stem.partition("-")[2]:
            raise ValueError("it is not what its name says")
        raw: dict[str, Any] = json.loads(data)
        return VersionChecksums(
            name,
            parse_manifest(raw["manifest"], folder),
            {name: FileChecksum(*values) for name, values in raw["files"].items()},
            {name: base64.b64decode(text) for name, text in raw["copies"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, binascii.Error, CatalogError) as error:
        raise CatalogDamagedError(
            f"{path} cannot be used ({error}). Run `furniture-prompter catalog repair --catalog "
            f"{folder}`, which writes it anew."
        ) from error


def damaged_files(folder: Path, checksums: VersionChecksums) -> dict[str, str]:
    """Files that are not as they were committed, with what is wrong with each."""
    problems: dict[str, str] = {}
    for name, recorded in checksums.files.items():
        path = folder / name
        try:
            size = path.stat().st_size
            if size != recorded.size:
                problems[name] = f"has {size:,} bytes instead of {recorded.size:,}"
            elif _sha256(path) != recorded.sha256:
                problems[name] = "was altered"
        except FileNotFoundError:
            problems[name] = "is missing"
        except OSError as error:
            problems[name] = f"cannot be read ({error.strerror})"
    return problems


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


def restore_manifest(folder: Path) -> VersionChecksums | None:
    """Put back the manifest from the copy beside the newest version's checksums.

    For a catalog whose manifest is missing or damaged; needs the writer's lock.

    Returns:
        What was restored; None without a whole copy.

    Raises:
        CatalogWriteError: the disk is full or cannot be written.
    """
    found: list[VersionChecksums] = []
    for path in (folder / CHECKSUMS_FOLDER).glob("*-*.json"):
        try:
            found.append(load_checksums(folder, path.name))
        except CatalogDamagedError:
            continue
    # A run that was killed just before its commit leaves checksums too, and may lose files later.
    found.sort(key=lambda each: each.manifest.version, reverse=True)
    for checksums in found:
        if not damaged_files(folder, checksums):
            break
    else:
        if not found:
            return None
        checksums = found[0]
    write_manifest(folder, replace(checksums.manifest, checksums=checksums.name))
    return checksums


def restore_copies(folder: Path, checksums: VersionChecksums) -> list[str]:
    """Put back damaged files that are kept twice; needs the writer's lock.

    Returns:
        Their paths, relative to the catalog.

    Raises:
        CatalogWriteError: the disk is full or cannot be written.
    """
    restored: list[str] = []
    for name, content in checksums.copies.items():
        path = folder / name
        try:
            whole = path.read_bytes() == content
        except OSError:
            whole = False
        if not whole:
            with writing(folder):
                if path.is_dir():
                    shutil.rmtree(path)
                path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, content)
            restored.append(name)
    return restored


def damaged_rows(folder: Path, table: str, version: int, damaged: Sequence[str]) -> list[range]:
    """Places of a table's rows that lie in damaged files; all where that cannot be told."""
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


def version_files(folder: Path, manifest: Manifest) -> set[str]:
    """Every file that a version reads, relative to the catalog, but uploaded photos.

    Those have their hash as their name.

    Raises:
        OSError, ValueError: a manifest of Lance's cannot be read.
    """
    files: set[str] = set()
    for table, version in manifest.tables.items():
        name = lance_manifest_path(folder, table, version)
        files.add(name)
        parts = _lance_parts((folder / name).read_bytes())
        for part in parts:
            path = folder / f"{table}.lance" / part
            inside = path.rglob("*") if path.is_dir() else [path]
            files.update(file.relative_to(folder).as_posix() for file in inside)
    if manifest.alignment.file is not None:
        files.add(f"{ALIGNMENTS_FOLDER}/{manifest.alignment.file}")
    return {name for name in files if not (folder / name).is_dir()}


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


def _section(message: str, content: bytes, place: int) -> Any:
    size = int.from_bytes(content[place : place + 4], "little")
    read: Message = _lance_messages()[message]()
    try:
        read.ParseFromString(content[place + 4 : place + 4 + size])
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
def _lance_messages() -> dict[str, type[Message]]:
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


def _is_copied(name: str) -> bool:
    return name.split("/")[1] in ("_versions", "_deletions")


def _checksum(folder: Path, name: str, known: Mapping[str, FileChecksum]) -> FileChecksum:
    path = folder / name
    size = path.stat().st_size
    before = known.get(name)
    if before is not None and before.size == size and name.split("/")[1] in _IMMUTABLE:
        return before
    return FileChecksum(size, _sha256(path))


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
