"""History of a catalog: what made each version, which ones are kept, and the way back to one.

The manifest says what made its own version and names the versions that are kept. What made those
before stands in ``versions.jsonl``, one JSON object a line; a commit adds the line of the version
that it replaces, so that every line is of a version that was current, and a line that is there
twice, after a run that was killed, says the same twice.

A kept version is all of its files; what it shares with later ones is on the disk once. Its
manifest and its checksums lie under ``checksums/kept/``. Going back writes a new version that
reads the tables of the old one: nothing is rewritten, and nothing that came between is lost.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from lancedb import AsyncTable
from pydantic import TypeAdapter, ValidationError

from furniture_prompter.catalog.columns import PRODUCTS, ROW_HASH
from furniture_prompter.catalog.integrity import (
    VersionChecksums,
    damaged_files,
    load_checksums,
    with_checksums,
)
from furniture_prompter.catalog.lance_files import (
    lance_manifest_path,
)
from furniture_prompter.catalog.manifest import (
    CHECKSUMS_FOLDER,
    Kept,
    Manifest,
    read_manifest,
    replace_file,
    write_manifest,
)
from furniture_prompter.catalog.retention import Pruner, replaced_with
from furniture_prompter.catalog.storage import (
    connect,
    files_below,
    flush,
    writer_lock,
    writing,
)
from furniture_prompter.domain import CatalogVersion, Made, RollbackSummary
from furniture_prompter.errors import CatalogDamagedError, CatalogWriteError, VersionNotKeptError
from furniture_prompter.timing import utc_now

# Folder below ``checksums/`` for those of replaced versions that are kept.
_KEPT: Final = "kept"
VERSIONS_FILE: Final = "versions.jsonl"
# About 24,000 versions; of a longer file the earlier half of the lines goes.
_LIMIT_BYTES: Final = 8_000_000
_MADE: Final = TypeAdapter(Made)
# What makes a version that has all products of the one before.
_OF_THE_SAME: Final = frozenset({"optimize", "learn"})


def kept_with(
    folder: Path, before: Manifest | None, keep_versions: int, made: Made
) -> tuple[Kept, ...]:
    """The versions to keep once another takes the place of `before`, earliest first.

    A version without checksums, of an older release, has no copy of its manifest and is not kept;
    nor is one whose products are all in the next, for nobody would return to it. Of writes over
    the API that follow one another the last is kept, so that they do not use up the way back to
    what a feed made.

    Args:
        folder: The catalog.
        before: The version that is replaced; None where there was none.
        keep_versions: Replaced versions that can be returned to.
        made: What makes the next.
    """
    if before is None or not keep_versions:
        return ()
    kept = before.kept
    goes_on = made.by == "write" and _is_of_writes(folder, before)
    if before.checksums is not None and not _has_the_same(made) and not goes_on:
        own = Kept(before.version, before.tables, before.alignment.file, before.checksums)
        kept = (*kept, own)
    return kept[-keep_versions:]


def _has_the_same(made: Made) -> bool:
    return made.by in _OF_THE_SAME or not (made.added or made.updated or made.removed)


def _is_of_writes(folder: Path, manifest: Manifest) -> bool:
    """Whether a write over the API made the products of a version."""
    made = manifest.made
    if made is not None and _has_the_same(made):
        earlier = {each.version: each.made for each in _recorded(folder)}
        number = manifest.version
        while made is not None and _has_the_same(made):
            number -= 1
            made = earlier.get(number)
    return made is not None and made.by == "write"


def prune_checksums(folder: Path, manifest: Manifest) -> None:
    """Put checksums of kept versions out of the way, and delete those of all others."""
    kept = {each.checksums for each in manifest.kept}
    place = folder / CHECKSUMS_FOLDER / _KEPT
    # What stays is cleared up after the next commit; this version is safe already.
    with suppress(OSError):
        if kept:
            place.mkdir(exist_ok=True)
        for path in (folder / CHECKSUMS_FOLDER).glob("*.json"):
            if path.name in kept:
                path.replace(place / path.name)
            elif path.name != manifest.checksums:
                path.unlink(missing_ok=True)
        for path in place.glob("*.json"):
            if path.name not in kept:
                path.unlink(missing_ok=True)


def record(folder: Path, manifest: Manifest | None) -> None:
    """Add the line of a version that is about to be replaced, and bring it to the disk.

    Raises:
        CatalogWriteError: the disk is full or cannot be written.
    """
    if manifest is None:
        return
    line = {
        "version": manifest.version,
        "created": manifest.created,
        "products": manifest.products,
        "photos": manifest.photos,
        "made": None if manifest.made is None else asdict(manifest.made),
    }
    data = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    path = folder / VERSIONS_FILE
    try:
        if path.is_file() and path.stat().st_size > _LIMIT_BYTES:
            content = path.read_bytes()
            replace_file(path, content[content.index(b"\n", len(content) // 2) + 1 :])
        with open(path, "a+b", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            # A run that was killed may have left half a line.
            if file.tell():
                file.seek(-1, os.SEEK_END)
                data = data if file.read(1) == b"\n" else b"\n" + data
            file.write(data + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CatalogWriteError(
            f"{path} could not be written ({error.strerror}). Free space or mend the permissions "
            "and run the command again; the previous version is untouched."
        ) from error


def catalog_versions(folder: Path) -> tuple[CatalogVersion, ...]:
    """Every version that is known of, earliest first; the last one is current.

    Raises:
        CatalogNotFoundError, CatalogFormatError, CatalogDamagedError: there is no catalog.
    """
    manifest = read_manifest(folder)
    kept = {each.version for each in manifest.kept if _is_there(folder, each)}
    found = {each.version: replace(each, kept=each.version in kept) for each in _recorded(folder)}
    found[manifest.version] = CatalogVersion(
        manifest.version,
        manifest.created,
        manifest.products,
        manifest.photos,
        manifest.made,
        kept=True,
        current=True,
    )
    return tuple(found[number] for number in sorted(found) if number <= manifest.version)


def _recorded(folder: Path) -> Iterator[CatalogVersion]:
    """The versions that were replaced, as far as their lines can be read."""
    for raw in _lines(folder / VERSIONS_FILE):
        try:
            made = None if raw["made"] is None else _MADE.validate_python(raw["made"])
            yield CatalogVersion(
                int(raw["version"]),
                str(raw["created"]),
                int(raw["products"]),
                int(raw["photos"]),
                made,
                kept=False,
                current=False,
            )
        except (KeyError, TypeError, ValueError, ValidationError):
            continue


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON-lines file; what is no object is passed over, as a torn line is."""
    try:
        with path.open("rb") as file:
            for line in file:
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(value, dict):
                    yield value
    except FileNotFoundError:
        return
    except OSError as error:
        raise CatalogDamagedError(
            f"{path} cannot be read ({error.strerror}). Mend its permissions, or move it away: "
            "only the summaries of former versions stand there."
        ) from error


def _is_there(folder: Path, kept: Kept) -> bool:
    return all(
        (folder / lance_manifest_path(folder, table, version)).is_file()
        for table, version in kept.tables.items()
    )


def find_kept(folder: Path, manifest: Manifest, version: int | None) -> Kept:
    """A version that can be returned to.

    Args:
        folder: The catalog.
        manifest: Its current version's.
        version: The wanted one's number; None for the last one before the current.

    Raises:
        VersionNotKeptError: there is none, or its data is gone.
    """
    there = {each.version: each for each in manifest.kept if _is_there(folder, each)}
    if version is None and there:
        return there[max(there)]
    if version is not None and version in there:
        return there[version]
    listed = ", ".join(map(str, there))
    have = f"Kept beside it: {listed}" if there else "No version before it is kept"
    setting = "keep_versions (FURNITURE_PROMPTER_KEEP_VERSIONS) says how many are, from now on."
    if version == manifest.version:
        raise VersionNotKeptError(
            f"Version {version} is the catalog's current one already. {have}; {setting}"
        )
    if version is None:
        what = f"The catalog has no version before its current one, {manifest.version}"
    elif not 0 < version < manifest.version:
        what = f"The catalog never had a version {version}: version {manifest.version} is current"
    else:
        what = (
            f"The data of version {version} was deleted: version {manifest.version} is current, "
            "and what is deleted comes back only by indexing the feed of then"
        )
    raise VersionNotKeptError(f"{what}. {have}; {setting}")


def manifest_of(folder: Path, kept: Kept) -> VersionChecksums:
    """A kept version's checksums, with its whole manifest.

    Raises:
        CatalogDamagedError: the file is missing or altered.
    """
    name = f"{_KEPT}/{kept.checksums}"
    # A run that was killed right after its commit leaves it where it was.
    if not (folder / CHECKSUMS_FOLDER / name).exists():
        name = kept.checksums
    with _of(kept.version):
        return load_checksums(folder, name)


@contextmanager
def _of(version: int) -> Iterator[None]:
    """Say that it is a former version that cannot be read: no repair brings that one back."""
    try:
        yield
    except CatalogDamagedError as error:
        raise CatalogDamagedError(
            f"Version {version} is kept, but damaged, and cannot be read or returned to. The "
            "current version is another; `furniture-prompter catalog verify` tells how that is."
        ) from error


async def roll_back(
    folder: Path, version: int | None, grace_s: float, keep_versions: int
) -> RollbackSummary:
    """Make the products of a kept version current again, as a new version or not at all.

    Every file of the kept version is held against its checksum first. What came between stays, as
    far as it is kept: going forward again is another rollback.

    Args:
        folder: The catalog.
        version: The version to return to; None for the last one before the current.
        grace_s: Seconds that replaced versions stay readable for searches under way.
        keep_versions: Replaced versions that are kept.

    Raises:
        VersionNotKeptError: the version is not there, or is the current one.
        CatalogBusyError: another process writes the catalog.
        CatalogDamagedError: the kept version is damaged.
        CatalogNotFoundError, CatalogFormatError, CatalogWriteError: see those.
    """
    began = time.perf_counter()
    read_manifest(folder)  # where there is none, the lock must not make a folder
    with writer_lock(folder):
        before = read_manifest(folder)
        kept = find_kept(folder, before, version)
        checksums = manifest_of(folder, kept)
        with _of(kept.version):
            if damaged_files(folder, checksums):
                raise CatalogDamagedError("A file of it is not as it was written.")
        on_disk = files_below(folder)
        tables: dict[str, AsyncTable] = {}
        with writing(folder):
            database = await connect(folder)
            for name, number in kept.tables.items():
                tables[name] = await database.open_table(name)
                if name == PRODUCTS:
                    await tables[name].checkout(before.tables[name])
                    rows_before = await _hashes(tables[name])
                await tables[name].checkout(number)
                await tables[name].restore()
            added, updated, removed, unchanged = _counted(
                rows_before, await _hashes(tables[PRODUCTS])
            )
            pruner = Pruner(folder, tables)
            await pruner.mark_uploads(database, before)
            versions = {name: await table.version() for name, table in tables.items()}
        made = Made(
            by="rollback",
            source=str(kept.version),
            added=added,
            updated=updated,
            removed=removed,
            unchanged=unchanged,
            seconds=round(time.perf_counter() - began, 3),
        )
        manifest = replace(
            checksums.manifest,
            version=before.version + 1,
            created=utc_now(),
            tables=versions,
            # Numbers of products that came since are not given a second time.
            next_number=before.next_number,
            replaced=replaced_with(before, grace_s),
            kept=kept_with(folder, before, keep_versions, made),
            made=made,
            checksums=None,
        )
        manifest = with_checksums(folder, manifest, before, checksums.files)
        with writing(folder):
            flush(folder, on_disk)
        record(folder, before)
        write_manifest(folder, manifest)
        prune_checksums(folder, manifest)
        await pruner.after_commit(before, manifest, None, grace_s)
    return RollbackSummary(
        version=manifest.version,
        returned_to=kept.version,
        products=manifest.products,
        photos=manifest.photos,
        added=added,
        updated=updated,
        removed=removed,
        unchanged=unchanged,
        seconds=time.perf_counter() - began,
        notes=tuple(pruner.troubles),
    )


async def _hashes(products: AsyncTable) -> pa.Table:
    return await products.query().select(["id", ROW_HASH]).to_arrow()


def _counted(before: pa.Table, after: pa.Table) -> tuple[int, int, int, int]:
    """Products that are added, updated, removed and unchanged from one table to another."""
    places = pc.index_in(after["id"], before["id"].combine_chunks())
    added = places.null_count
    old = pc.take(before[ROW_HASH].combine_chunks(), places)
    same = int(pc.sum(pc.equal(after[ROW_HASH].combine_chunks(), old)).as_py() or 0)
    both = after.num_rows - added
    return added, both - same, before.num_rows - both, same
