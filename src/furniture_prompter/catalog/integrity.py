"""Integrity of a catalog: checksums of every file of a version, and salvage of damaged tables.

``checksums/<version>-<hash>.json`` is written before the manifest that names it and carries a hash
of itself in its name. It has the size and SHA-256 of each file, and copies of what cannot be
computed again and weighs little: the manifest, Lance's manifests of the two tables, and its lists
of deleted rows. Salvage reads every row that can still be read, column by column.
"""

import base64
import binascii
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pyarrow as pa
from lancedb import AsyncTable
from numpy.typing import NDArray

from furniture_prompter.atomic_files import sha256_of
from furniture_prompter.catalog.columns import (
    FEEDS,
    KNOWN_COLUMNS,
    NUMBER,
    PHOTOS,
    PRODUCTS,
    ROW_HASH,
    VARIANT_ID,
    VARIANTS,
    VECTOR,
    are_unit_vectors,
    product_columns,
    product_from,
    variants_from,
    vectors_from,
)
from furniture_prompter.catalog.lance_files import (
    damaged_rows,
    lance_versions,
    table_files,
    unreadable_references,
)
from furniture_prompter.catalog.manifest import (
    CHECKSUMS_FOLDER,
    MANIFEST_FILE,
    SEAL,
    Manifest,
    parse_manifest,
    replace_file,
    write_manifest,
)
from furniture_prompter.catalog.reader import ALIGNMENTS_FOLDER
from furniture_prompter.catalog.storage import (
    connect,
    is_storage_error,
    make_folder,
    reading,
    writing,
)
from furniture_prompter.domain import Photo, Product
from furniture_prompter.errors import CatalogDamagedError, CatalogError, CatalogWriteError

_HASH_LETTERS: Final = 32
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


_NO_CHECKSUMS: Final[Mapping[str, FileChecksum]] = MappingProxyType({})


def with_checksums(
    folder: Path,
    manifest: Manifest,
    previous: Manifest | None,
    also_known: Mapping[str, FileChecksum] = _NO_CHECKSUMS,
) -> Manifest:
    """Write the checksums of a version that is about to be committed.

    Immutable files whose checksum is known are not read again.

    Args:
        folder: The catalog.
        manifest: The version's manifest.
        previous: That of the version it replaces, whose checksums are known.
        also_known: Further checksums of files.

    Returns:
        The manifest with the name of the file written.

    Raises:
        CatalogWriteError: it cannot be written, or the version cannot be read.
    """
    known = dict(also_known)
    if previous is not None and previous.checksums is not None:
        with suppress(CatalogDamagedError):
            known |= load_checksums(folder, previous.checksums).files
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
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    data = text.encode("utf-8", "surrogatepass")
    name = f"{manifest.version}-{hashlib.sha256(data).hexdigest()[:_HASH_LETTERS]}.json"
    make_folder(folder / CHECKSUMS_FOLDER)
    replace_file(folder / CHECKSUMS_FOLDER / name, data)
    return replace(manifest, checksums=name)


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
    except FileNotFoundError as error:
        raise CatalogDamagedError(
            f"{path} is missing. Run `furniture-prompter catalog repair --catalog {folder}`, which "
            "writes it anew."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, binascii.Error, CatalogError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise CatalogDamagedError(
            f"{path} cannot be used ({why}). Run `furniture-prompter catalog repair --catalog "
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
            elif sha256_of(path) != recorded.sha256:
                problems[name] = "was altered"
        except FileNotFoundError:
            problems[name] = "is missing"
        except OSError as error:
            problems[name] = f"cannot be read ({error.strerror})"
    return problems


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


def has_wrong_format_alone(folder: Path) -> bool:
    """Whether the manifest is the copy that is kept of it but for the number of its format.

    So a damaged number can be told from a catalog of another release.
    """
    try:
        found = json.loads((folder / MANIFEST_FILE).read_text("utf-8"))
        kept = load_checksums(folder, found["checksums"])
    except (OSError, ValueError, KeyError, TypeError, CatalogDamagedError):
        return False
    whole: dict[str, Any] = json.loads(replace(kept.manifest, checksums=kept.name).to_json())
    # The seal stands over the number, which an earlier release wrote lower for the same values.
    told = {"format_version", SEAL}
    return {name: whole[name] for name in whole.keys() - told} == {
        name: found[name] for name in found.keys() - told
    }


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


def version_files(folder: Path, manifest: Manifest) -> set[str]:
    """Every file that a version reads, relative to the catalog, but uploaded photos.

    Those have their hash as their name.

    Raises:
        OSError, ValueError: a manifest of Lance's cannot be read.
    """
    files: set[str] = set()
    for table, version in manifest.tables.items():
        files |= table_files(folder, table, version)
    if manifest.alignment.file is not None:
        files.add(f"{ALIGNMENTS_FOLDER}/{manifest.alignment.file}")
    return files


def _is_copied(name: str) -> bool:
    return name.split("/")[1] in ("_versions", "_deletions")


def _checksum(folder: Path, name: str, known: Mapping[str, FileChecksum]) -> FileChecksum:
    path = folder / name
    size = path.stat().st_size
    before = known.get(name)
    if before is not None and before.size == size and name.split("/")[1] in _IMMUTABLE:
        return before
    return FileChecksum(size, sha256_of(path))


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
        feeds: Bits of the feeds that have it; None where that could not be read or told.
    """

    number: int
    product: Product
    row_hash: str
    feeds: int | None


@dataclass(frozen=True, slots=True, eq=False)
class SalvagedPhoto:
    """A photo that could be read.

    Attributes:
        number: Number of its product.
        photo: Id, file and variant of it; the product's id is empty.
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
    names = [NUMBER, ROW_HASH, *product_columns(manifest.columns, variants=manifest.variants)]
    names += [FEEDS] if manifest.feeds else []
    columns = {name: await _column(table, name, count, _values) for name in names}
    found: list[SalvagedProduct] = []
    numbers: set[int] = set()
    ids: set[str] = set()
    lost_ids: list[str] = []
    for index in range(count):
        row = {name: column[index] for name, column in columns.items()}
        number, product_id = row[NUMBER], row["id"]
        if number is None or not product_id or number in numbers or product_id in ids:
            lost_ids += [product_id] if product_id else []
            continue
        for name, kind in KNOWN_COLUMNS.items():
            if row[name] is None:
                row[name] = [] if kind == "texts" else ""
        try:
            variants_from(row.get(VARIANTS))
        except ValueError:
            row[VARIANTS] = None
        product = product_from(row, manifest.columns)
        found.append(SalvagedProduct(number, product, row[ROW_HASH] or "", row.get(FEEDS)))
        numbers.add(number)
        ids.add(product_id)
    return Salvage(tuple(found), photos, count - len(found), tuple(lost_ids))


async def _photos(
    table: AsyncTable, manifest: Manifest, suspect: Sequence[range]
) -> tuple[SalvagedPhoto, ...]:
    count = await table.count_rows()
    names = [NUMBER, "position", "id", "path", *([VARIANT_ID] if manifest.variants else [])]
    columns = {name: await _column(table, name, count, _values) for name in names}
    dimension = manifest.encoder.dimension
    vectors = await _column(
        table, VECTOR, count, lambda column: list(vectors_from(column, dimension))
    )
    found: list[tuple[int, int, SalvagedPhoto]] = []
    for index in range(count):
        number, position = columns[NUMBER][index], columns["position"][index]
        photo_id, path = columns["id"][index], columns["path"][index]
        if number is None or not photo_id or path is None:
            continue
        vector = vectors[index]
        if vector is not None and not are_unit_vectors(vector[np.newaxis])[0]:
            vector = None
        trusted = vector is not None and not any(index in rows for rows in suspect)
        variant_id = columns[VARIANT_ID][index] or "" if manifest.variants else ""
        photo = Photo(photo_id, "", path, variant_id)
        salvaged = SalvagedPhoto(number, photo, vector, trusted)
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
        indices = waiting.pop()
        try:
            rows = await table.take_offsets(list(indices)).select([name]).to_arrow()
            read = values_of(rows[name])
            if len(read) == len(indices):
                values[indices.start : indices.stop] = read
                continue
        except BaseException as error:
            if not is_storage_error(error):
                raise
        left -= 1
        if len(indices) > 1 and left > 0:
            middle = (indices.start + indices.stop) // 2
            waiting += [range(indices.start, middle), range(middle, indices.stop)]
    return values
