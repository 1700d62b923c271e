"""Retention: staged vectors, uploaded photos and replaced versions, and when each goes.

A commit deletes nothing that the manifest before it names: only what was replaced for longer than
the grace time goes, and is not among the versions that are kept; the manifest itself records what
was replaced when, and what is kept. Lance knows the time
of a table version's *creation* alone, which says nothing: a version of last week may have been
replaced a second ago, and the searches of a serving process still read it. Whatever cannot be
deleted costs room, not the commit: it is told, and the next run tries again.

``uploads/<sha256>.<ext>`` is the bytes of a photo that came without a file of the shop's, sent over
the API or downloaded, named by its id. It is written whole into a spool beside the others and
renamed into place by whoever holds the writer's lock, so a name there is a whole photo.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from lancedb import AsyncConnection, AsyncTable
from numpy.typing import NDArray

from furniture_prompter.atomic_files import flush_one, sha256_of
from furniture_prompter.catalog.columns import (
    PHOTOS,
    STAGED,
    VECTOR,
    are_unit_vectors,
    vector_array,
    vectors_from,
)
from furniture_prompter.catalog.folding import prune_table
from furniture_prompter.catalog.manifest import MANIFEST_FILE, Manifest, Replaced, replace_file
from furniture_prompter.catalog.reader import ALIGNMENTS_FOLDER
from furniture_prompter.catalog.storage import (
    STORAGE_ERRORS,
    connect,
    first_line,
    is_storage_error,
    make_folder,
    writing,
)
from furniture_prompter.errors import CatalogError
from furniture_prompter.timing import now_s, utc_now

UPLOADS_FOLDER: Final = "uploads"
_SPOOL: Final = ".incoming-"
_ENDING: Final = re.compile(r"\.[A-Za-z0-9]{1,8}")
# No request takes this long: a spool that old was left by a process that was killed.
_STALE_SPOOL_S: Final = 86_400.0


def photo_places(catalog: Path, photo_id: str, stored: str) -> tuple[Path, ...]:
    """Where the file of a photo may lie, in the order in which it is looked for.

    Args:
        catalog: The catalog's folder.
        photo_id: The photo's id.
        stored: The path that the catalog names, of the machine that indexed it.

    Returns:
        That path; its name among the uploads, after a move; and the name that a copy gives it.
    """
    path = Path(stored)
    uploads = catalog / UPLOADS_FOLDER
    ending = path.suffix if _ENDING.fullmatch(path.suffix) else ""
    return path, uploads / path.name, uploads / f"{photo_id}{ending}"


def upload_problem(path: Path, photo_id: str) -> str | None:
    """What is wrong with an uploaded photo's file; None where it is what its id says."""
    try:
        found = sha256_of(path)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None if found == photo_id else "was altered"


class Spool:
    """The photos of one request, on the catalog's own disk but not yet of the catalog."""

    def __init__(self, folder: Path) -> None:
        """Use :func:`spool_in`."""
        self._folder = folder

    def add(self, name: str, data: bytes) -> Path:
        """Write a photo under `name`, its id with an extension.

        Raises:
            CatalogWriteError: the disk is full or cannot be written.
        """
        path = self._folder / name
        if not path.exists():
            replace_file(path, data)
        return path


@contextmanager
def spool_in(catalog: Path) -> Iterator[Spool]:
    """A spool that is gone at the end, with what was not taken over.

    Raises:
        CatalogWriteError: the disk is full or cannot be written.
    """
    with spool_folder(catalog) as folder:
        yield Spool(folder)


@contextmanager
def spool_folder(catalog: Path) -> Iterator[Path]:
    """A folder beside the photos that came without a file, for what is being received.

    Raises:
        CatalogWriteError: the disk is full or cannot be written.
    """
    uploads = catalog / UPLOADS_FOLDER
    make_folder(uploads)
    with writing(catalog):
        folder = Path(tempfile.mkdtemp(prefix=_SPOOL, dir=uploads))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Uploads:
    """The uploaded photos of a catalog; only for the holder of its writer's lock."""

    def __init__(self, catalog: Path) -> None:
        """Take the catalog's folder."""
        self._catalog = catalog
        self._folder = catalog / UPLOADS_FOLDER
        self._taken: list[Path] = []

    def take(self, spooled: Path) -> Path:
        """Move a photo out of its spool to where the catalog names it.

        Raises:
            CatalogWriteError: the disk cannot be written.
        """
        path = (self._folder / spooled.name).absolute()
        with writing(self._catalog):
            if not path.exists():
                spooled.replace(path)
                self._taken.append(path)
        return path

    def undo(self, kept: Set[str] = frozenset()) -> None:
        """Remove what was taken, but for the photos in `kept`, by id: those that were stored."""
        for path in self._taken:
            if path.stem not in kept:
                # What stays is pruned after the grace time; what the run itself says matters more.
                with suppress(OSError):
                    path.unlink(missing_ok=True)
        self._taken.clear()


def uploaded_photos(catalog: Path) -> list[Path]:
    """Every uploaded photo of a catalog; the stem of its name is its id."""
    folder = catalog / UPLOADS_FOLDER
    return [path for path in folder.glob("*") if not path.name.startswith(_SPOOL)]


def mark_replaced(photos: Iterable[Path]) -> None:
    """Remember in the files themselves that the last version with these photos is replaced now.

    It is done before the commit: a run that is killed right after it must not leave photos that
    look as if nobody had read them for long.

    Raises:
        OSError: the disk cannot be written.
    """
    for path in photos:
        os.utime(path, (now_s(), now_s()))


def prune_uploads(catalog: Path, shown: Set[str], grace_s: float) -> None:
    """Remove photos that no version within the grace time shows; needs the writer's lock.

    Args:
        catalog: The catalog's folder.
        shown: Ids of the photos of the current version, and of those that are kept.
        grace_s: Seconds that replaced versions stay readable.

    Raises:
        OSError: one cannot be removed.
    """
    now = now_s()
    for path in uploaded_photos(catalog):
        if path.stem not in shown and now - path.stat().st_mtime >= grace_s:
            path.unlink(missing_ok=True)
    for path in (catalog / UPLOADS_FOLDER).glob(f"{_SPOOL}*"):
        # A request that ends meanwhile takes its spool away.
        with suppress(FileNotFoundError):
            if now - path.stat().st_mtime > _STALE_SPOOL_S:
                shutil.rmtree(path, ignore_errors=True)


class StagedPhotos:
    """A table of photo ids and vectors, tied to one encoder by its weights' hash."""

    def __init__(self, folder: Path, database: AsyncConnection, weights_sha256: str) -> None:
        """Take the catalog and the hash of the encoder in use."""
        self.table: AsyncTable | None = None
        self._folder = folder
        self._database = database
        self._weights_sha256 = weights_sha256

    async def restore(self) -> None:
        """Take over what a killed run saved; drop what another encoder or a full disk left.

        Nothing flushed it to the disk, so that all of it is read before anything relies on it.
        """
        try:
            table = await self._database.open_table(STAGED)
            metadata = (await table.schema()).metadata or {}
            usable = metadata.get(b"weights_sha256") == self._weights_sha256.encode()
            if usable:
                async for batch in await table.query().to_batches():
                    batch.validate(full=True)
                    vectors = vectors_from(pa.chunked_array([batch[VECTOR]]))
                    usable = usable and bool(are_unit_vectors(vectors).all())
        except BaseException as error:
            if not is_storage_error(error):
                raise
            usable = False
        if usable:
            self.table = table
        else:
            self.discard()

    async def add(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Save vectors, shape (n, dimension), of n photos."""
        data = pa.table({"id": pa.array(ids, pa.string()), VECTOR: vector_array(vectors)})
        data = data.replace_schema_metadata({"weights_sha256": self._weights_sha256})
        with writing(self._folder):
            if self.table is None:
                self.table = await self._database.create_table(STAGED, data)
            else:
                await self.table.add(data)

    def discard(self) -> None:
        """Forget everything."""
        self.table = None
        discard_table(self._folder, STAGED)


def discard_table(folder: Path, name: str) -> None:
    """Delete a table, or what lies in its place, which LanceDB refuses to drop."""
    path = folder / f"{name}.lance"
    with writing(folder):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


# A search that opens the catalog right now needs that long to get hold of its files.
LEAST_GRACE_S: Final = 1.0
# Replacements that fall into the same fiftieth of the grace time are one record, so that a catalog
# written several times a second has a short manifest, and keeps versions 2 % longer.
_RECORDS: Final = 50


def readable(replaced: Iterable[Replaced], grace_s: float) -> tuple[Replaced, ...]:
    """Those replaced within the grace time, which somebody may still read."""
    now = now_s()
    return tuple(each for each in replaced if now - _time_of(each) < max(grace_s, LEAST_GRACE_S))


def replaced_with(manifest: Manifest | None, grace_s: float) -> tuple[Replaced, ...]:
    """What to record when another version takes the place of `manifest` now.

    Versions from before there was a record count from now on as far as their tables are as new as
    those of `manifest`; a time that lies in the future, by a clock that was wrong, becomes now.
    """
    if manifest is None:
        return ()
    now = utc_now("milliseconds")
    file = manifest.alignment.file
    replaced = Replaced(now, manifest.tables, (file,) if file else ())
    kept = [
        each if _time_of(each) <= now_s() else Replaced(now, each.tables, each.alignments)
        for each in readable(manifest.replaced, grace_s)
    ]
    span_s = max(grace_s, LEAST_GRACE_S) / _RECORDS
    if kept and _time_of(kept[-1]) // span_s == _time_of(replaced) // span_s:
        earlier = kept.pop()
        names = dict.fromkeys((*earlier.alignments, *replaced.alignments))
        replaced = Replaced(now, earlier.tables, tuple(names))
    return (*kept, replaced)


class Pruner:
    """Clears up for the one writer of a catalog.

    Attributes:
        troubles: What could not be cleared up, a sentence each; the catalog is whole nevertheless.
    """

    def __init__(self, folder: Path, tables: Mapping[str, AsyncTable]) -> None:
        """Take the catalog and the writer's tables by name, as they come to be there."""
        self.troubles: list[str] = []
        self._folder = folder
        self._tables = tables

    async def before_writing(self, manifest: Manifest | None, grace_s: float) -> None:
        """Make room: delete what is over since `manifest` was written, and what killed runs left.

        Args:
            manifest: The current version's; None where there is none.
            grace_s: Seconds that replaced versions stay readable for searches under way.
        """
        with self._told("What an interrupted run left could not be removed"):
            for path in (
                *self._folder.glob(f".{MANIFEST_FILE}.*"),
                *(self._folder / ALIGNMENTS_FOLDER).glob(".*.npz-*"),
            ):
                path.unlink(missing_ok=True)
        if manifest is not None and _is_due(manifest, grace_s):
            await self.prune_tables(manifest, grace_s)

    async def mark_uploads(self, database: AsyncConnection, before: Manifest) -> None:
        """Mark uploads that `before` shows and the version to be committed does not.

        Raises:
            OSError, RuntimeError: the disk cannot be read or written.
        """
        shown = await self._shown_of(self._tables[PHOTOS])
        gone = [path for path in uploaded_photos(self._folder) if path.stem not in shown]
        if gone:
            try:
                table = await database.open_table(PHOTOS)
                await table.checkout(before.tables[PHOTOS])
                shown_before = await self._shown_of(table)
            except STORAGE_ERRORS:
                # A repair replaces a version that cannot be read; it may have shown any of them.
                shown_before = {path.stem for path in gone}
            mark_replaced(path for path in gone if path.stem in shown_before)

    async def after_commit(
        self,
        before: Manifest | None,
        manifest: Manifest,
        staged: StagedPhotos | None,
        grace_s: float,
    ) -> None:
        """Delete what `manifest` has made superfluous, and what is over since `before`.

        Args:
            before: The manifest that was replaced; None where there was none.
            manifest: The one that took its place.
            staged: Vectors that are in the catalog now; None where a run added none.
            grace_s: Seconds that replaced versions stay readable for searches under way.
        """
        with self._told("The disk did not confirm the new version"):
            flush_one(self._folder)
        with self._told("Staged vectors could not be removed"):
            if staged is not None:
                staged.discard()
        if before is not None and (
            any(each not in manifest.kept for each in before.kept) or _is_due(before, grace_s)
        ):
            await self.prune_tables(manifest, grace_s)
        with self._told("Alignments that nobody reads could not be removed"):
            kept = readable(manifest.replaced, grace_s)
            named = {manifest.alignment.file, *(name for each in kept for name in each.alignments)}
            named.update(each.alignment for each in manifest.kept)
            for path in (self._folder / ALIGNMENTS_FOLDER).glob("*.npz"):
                if path.name not in named:
                    path.unlink(missing_ok=True)
        with self._told("Uploaded photos that nobody shows could not be removed"):
            shown = await self._shown_of(self._tables[PHOTOS])
            if any(path.stem not in shown for path in uploaded_photos(self._folder)):
                shown |= await self._shown_by_kept(manifest)
            prune_uploads(self._folder, shown, grace_s)

    async def prune_tables(self, manifest: Manifest, grace_s: float) -> None:
        """Delete table versions that nobody reads any more, and what killed runs left.

        Args:
            manifest: The current version's.
            grace_s: Seconds that replaced versions stay readable for searches under way.
        """
        kept = readable(manifest.replaced, grace_s)
        for name, table in self._tables.items():
            with self._told(f"Old versions of the {name} could not be removed"):
                await prune_table(self._folder, table, manifest, kept)

    async def _shown_of(self, photos: AsyncTable) -> set[str]:
        """Ids of the photos of a table; none where no photo was ever uploaded."""
        if not uploaded_photos(self._folder):
            return set()
        rows = await photos.query().select(["id"]).to_arrow()
        return set(rows["id"].to_pylist())

    async def _shown_by_kept(self, manifest: Manifest) -> set[str]:
        """Ids of the photos of every version that is kept."""
        shown: set[str] = set()
        database = await connect(self._folder)
        for kept in manifest.kept:
            table = await database.open_table(PHOTOS)
            await table.checkout(kept.tables[PHOTOS])
            shown |= await self._shown_of(table)
        return shown

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Let a failure become a sentence, for what a run can do without."""
        try:
            yield
        except (*STORAGE_ERRORS, CatalogError) as error:
            self.troubles.append(f"{what} ({first_line(error)}). The next run tries again.")


def _is_due(manifest: Manifest, grace_s: float) -> bool:
    """Whether the grace time of a replaced version is over since `manifest` was written."""
    return len(readable(manifest.replaced, grace_s)) < len(manifest.replaced)


def _time_of(replaced: Replaced) -> float:
    return datetime.fromisoformat(replaced.at).timestamp()
