"""What replaced versions leave behind, and when it goes.

A commit deletes nothing that the manifest before it names: only what was replaced for longer than
the grace time goes, and the manifest itself records what was replaced when. Lance knows the time
of a table version's *creation* alone, which says nothing: a version of last week may have been
replaced a second ago, and the searches of a serving process still read it. Whatever cannot be
deleted costs room, not the commit: it is told, and the next run tries again.
"""

import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from lancedb import AsyncConnection, AsyncTable
from numpy.typing import NDArray

from furniture_prompter.atomic_files import flush_one
from furniture_prompter.catalog.columns import (
    PHOTOS,
    STAGED,
    VECTOR,
    are_unit_vectors,
    vector_array,
    vectors_from,
)
from furniture_prompter.catalog.manifest import MANIFEST_FILE, Manifest, Replaced
from furniture_prompter.catalog.reader import ALIGNMENTS_FOLDER
from furniture_prompter.catalog.storage import STORAGE_ERRORS, first_line, is_storage_error, writing
from furniture_prompter.catalog.uploads import mark_replaced, prune_uploads, uploaded_photos
from furniture_prompter.errors import CatalogError, CatalogWriteError
from furniture_prompter.timing import now_s, utc_now


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
# Lance deletes what was made before its own now less an age: so much time may pass until it asks.
SLACK_S = 1.0
# Lance cannot compact without deleting; no table is that old.
NEVER: Final = timedelta(days=36_500)
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


async def fold(table: AsyncTable) -> None:
    """Fold new rows into a table's files and indexes, without deleting anything.

    Lance merges files before it indexes them, and only those that the same indexes cover: a second
    turn leaves nothing to do for a third.
    """
    for _ in range(2):
        before = await table.version()
        await table.optimize(cleanup_older_than=NEVER)
        if await table.version() == before:
            break


async def prune_table(
    table: AsyncTable, name: str, manifest: Manifest, kept: Collection[Replaced]
) -> None:
    """Delete versions of a table that are older than what `manifest` and `kept` name.

    Files that no version names, which killed runs leave, go too: the writer's lock is held.

    Raises:
        CatalogWriteError: the clock was set back, so that no age tells old versions from new.
        OSError, RuntimeError: the disk cannot be read or written.
    """
    # What is left to fold must not delay the deleting below.
    await fold(table)
    if await table.version() != manifest.tables[name]:
        # Only the newest version is safe from Lance whatever happens to clocks and processes.
        return
    earliest = min((each.tables.get(name, 0) for each in kept), default=manifest.tables[name])
    versions = await table.list_versions()  # type: ignore[no-untyped-call]  # left untyped there
    made_s = [each["timestamp"].timestamp() for each in versions if each["version"] >= earliest]
    # Lance goes by the machine's clock, whatever a test makes of ours.
    age_s = time.time() - min(made_s) + SLACK_S
    if age_s <= 0:
        raise CatalogWriteError("this machine's clock is behind the time of a version it made")
    await table.optimize(cleanup_older_than=timedelta(seconds=age_s), delete_unverified=True)


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
        self, before: Manifest | None, manifest: Manifest, staged: StagedPhotos, grace_s: float
    ) -> None:
        """Delete what `manifest` has made superfluous, and what is over since `before`.

        Args:
            before: The manifest that was replaced; None where there was none.
            manifest: The one that took its place.
            staged: Vectors that are in the catalog now.
            grace_s: Seconds that replaced versions stay readable for searches under way.
        """
        with self._told("The disk did not confirm the new version"):
            flush_one(self._folder)
        with self._told("Staged vectors could not be removed"):
            staged.discard()
        if before is not None and _is_due(before, grace_s):
            await self.prune_tables(manifest, grace_s)
        with self._told("Alignments that nobody reads could not be removed"):
            kept = readable(manifest.replaced, grace_s)
            named = {manifest.alignment.file, *(name for each in kept for name in each.alignments)}
            for path in (self._folder / ALIGNMENTS_FOLDER).glob("*.npz"):
                if path.name not in named:
                    path.unlink(missing_ok=True)
        with self._told("Uploaded photos that nobody shows could not be removed"):
            shown = await self._shown_of(self._tables[PHOTOS])
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
                await prune_table(table, name, manifest, kept)

    async def _shown_of(self, photos: AsyncTable) -> set[str]:
        """Ids of the photos of a table; none where no photo was ever uploaded."""
        if not uploaded_photos(self._folder):
            return set()
        rows = await photos.query().select(["id"]).to_arrow()
        return set(rows["id"].to_pylist())

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
