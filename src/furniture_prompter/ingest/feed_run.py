"""One run over a feed: reading it against the current version, and writing what differs."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np

from furniture_prompter.catalog.manifest import Manifest
from furniture_prompter.catalog.storage import CHUNK_ROWS
from furniture_prompter.catalog.stored import stored_rows, stored_values
from furniture_prompter.catalog.writer import CatalogWriter
from furniture_prompter.domain import (
    Feed,
    FeedRow,
    IndexProgress,
    KnownItem,
    Photo,
    RecordFeed,
)
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.ingest.brought_by import BEFORE, BroughtBy, is_only_source
from furniture_prompter.ingest.changes import (
    Change,
    ColumnTypes,
    changing,
    fit,
    row_hash,
    settle,
    why_kept,
)
from furniture_prompter.ingest.furniture_words import most_spoken
from furniture_prompter.ingest.known_rows import KnownRows
from furniture_prompter.ingest.photo_files import PhotoFiles
from furniture_prompter.ingest.reading import FeedReading, in_batches
from furniture_prompter.ingest.scratch import USABLE, StoredIndex
from furniture_prompter.ingest.seen_photos import SeenPhotos
from furniture_prompter.ingest.set_asides import SetAsides
from furniture_prompter.ingest.writing import CurrentAlignment, OnProgress, product_rows
from furniture_prompter.settings import Settings

NO_CURRENCY: Final = (
    "Prices have no currency, or a sign that several have, such as $. Write it beside the price "
    "(599 TL, 99 USD), or in a column of its own, which --map currency=COLUMN names."
)
_REMOVES_NOTHING: Final = (
    "--sync removed nothing: no row of the feed names a photo, so that it lists some products."
)
_NAMED_REMOVALS: Final = 5
# Products that tell a feed's language: more would say the same.
_ROWS_TO_TELL: Final = 5_000


@dataclass(frozen=True, slots=True)
class FeedSource:
    """What a feed is called.

    Attributes:
        name: The name under which the catalog remembers what it brought.
        was: Names that it had before.
        told: Its path or address as the catalog's history tells it.
    """

    name: str
    was: tuple[str, ...]
    told: str


class FeedRun:
    """One run over a feed: what it found, and what it writes.

    Attributes:
        stored: The current version's products.
        files: Where photos lie.
        set_aside: What had to be left out.
        notes: Sentences a person should read.
        removed: Numbers of products that go.
        not_removed: Products that would go, had all of the feed been readable.
        brought: Which feeds have which product.
        added, updated, unchanged: Products.
        encoded, reused: Photos.
        alignment: The alignment in force while changes are written.
    """

    brought: BroughtBy

    def __init__(
        self, writer: CatalogWriter, settings: Settings, known: KnownRows, *, download: bool
    ) -> None:
        self.stored = StoredIndex()
        self.files = PhotoFiles(writer.folder, settings, download=download)
        self.set_aside = SetAsides()
        self.notes: list[str] = []
        self.removed: list[int] = []
        self.not_removed = 0
        self.added = self.updated = self.unchanged = self.encoded = self.reused = 0
        self.alignment = CurrentAlignment(None, None)
        self._writer = writer
        self._settings = settings
        self._seen = SeenPhotos(writer.folder)
        self._known = known
        self._open = ExitStack()
        self._reading: FeedReading | None = None
        self._next_number = writer.next_number
        self._types = ColumnTypes(writer.columns, {}, {}, ())

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        writer: CatalogWriter,
        settings: Settings,
        known: KnownRows,
        source: FeedSource,
        *,
        download: bool,
    ) -> AsyncIterator["FeedRun"]:
        """A run over the catalog of `writer`, its scratch space gone at the end.

        Args:
            writer: The catalog's writer.
            settings: Limits and batch sizes.
            known: What tells the feed which records need no reading; opened here.
            source: What the feed is called.
            download: Whether photos by address are fetched.

        Raises:
            InvalidFeedError: the feed is said to have had a name that the catalog does not know.
        """
        run = cls(writer, settings, known, download=download)
        with run._open as resources:
            resources.callback(run.stored.close)
            resources.enter_context(run._seen)
            known.open(writer.folder, run.stored, run._seen, writer.columns)
            resources.enter_context(known)
            resources.enter_context(run.files)
            async for batch in stored_rows(writer):
                run.stored.fill(batch)
            bits = run.stored.feeds
            run.brought = BroughtBy(
                writer.feeds,
                bits,
                source.name,
                source.was,
                takes_unknown=bool((bits == BEFORE).any())
                and is_only_source(writer.folder, source.told),
            )
            yield run

    async def read(
        self,
        feed: Feed,
        items: Iterator[KnownItem],
        encoder: Encoder,
        on_progress: OnProgress,
        *,
        sync: bool,
    ) -> None:
        """Read a feed to its end, encode what is new, and settle what is to be written."""
        reading = await self._pass(feed, items, encoder, on_progress, thorough=False)
        changed = await self._settle(reading, sync=sync)
        if changed and reading.found.unchanged:
            # Rows that were as before by the former types may not be by the new ones.
            encoded = reading.found.encoded
            reading.close()
            again = items_of(feed, self._known)
            reading = await self._pass(feed, again, encoder, on_progress, thorough=True)
            reading.found.encoded += encoded
            reading.found.reused -= encoded
            await self._settle(reading, sync=sync)
        found = reading.found
        self.unchanged, self.encoded, self.reused = found.unchanged, found.encoded, found.reused
        self._reading = reading

    async def _pass(
        self,
        feed: Feed,
        items: Iterator[KnownItem],
        encoder: Encoder,
        on_progress: OnProgress,
        *,
        thorough: bool,
    ) -> FeedReading:
        writer = self._writer
        reading = FeedReading(
            writer.folder,
            self.stored,
            self._seen,
            writer.columns,
            self._known,
            thorough=thorough,
        )
        self._known.is_asked = not thorough
        self._open.enter_context(reading)
        for progress in reading.read(items, feed):
            on_progress(progress)
        await reading.encode(writer, encoder, self._settings, self.files, on_progress)
        return reading

    async def _settle(self, reading: FeedReading, *, sync: bool) -> bool:
        """Decide what goes and the types of columns; whether a column changes its type."""
        found, writer, stored = reading.found, self._writer, self.stored
        set_aside, brought = found.set_aside, self.brought
        is_list = reading.is_list
        gone = brought.settle(
            stored.present,
            # A list of some products' prices says of no other that it is gone.
            sync=sync and not is_list,
            may_remove=not set_aside.hiding,
            brings=reading.names_photos,
        )
        leaving = brought.leaving
        self.removed = sorted(stored.numbers()[leaving].tolist()) if leaving.any() else []
        self.not_removed = gone - len(self.removed)
        tallies = reading.tallies
        held = await self._held(changing(tallies, writer.columns))
        self._types = settle(tallies, writer.columns, held)
        self.set_aside = set_aside
        self.notes = [
            *found.notes,
            *self.files.notes,
            *why_kept(gone, set_aside.first_hiding, set_aside.hiding),
            *([_REMOVES_NOTHING] if sync and is_list else []),
            *brought.notes,
            *self._types.notes,
        ]
        return bool(self._types.changed)

    def warnings(self) -> Iterator[str]:
        """Sentences on what may not be meant, once the feed is read."""
        tallies = self._reading.tallies if self._reading else {}
        if "price" in tallies and "currency" not in {*tallies, *self._writer.columns}:
            yield NO_CURRENCY
        if not self.removed:
            return
        named = ", ".join(self.stored.ids(self.brought.leaving, _NAMED_REMOVALS))
        further = len(self.removed) - _NAMED_REMOVALS
        more = f" and {further:,} more" if further > 0 else ""
        yield (
            f"Removed, for the feed no longer has them: {named}{more}. `catalog rollback` brings "
            "them back."
        )

    async def _held(self, columns: Sequence[str]) -> set[str]:
        """Columns in which a product has a value that this run neither writes nor removes."""
        held: set[str] = set()
        if not columns:
            return held
        states, leaving, place = self.stored.states, self.brought.leaving, 0
        async for batch in stored_values(self._writer, columns):
            for values in batch:
                if states[place] != USABLE and not leaving[place]:
                    held.update(name for name, has in zip(columns, values, strict=True) if has)
                place += 1
        return held

    def language(self) -> str | None:
        """The language that the first products of those to be written are told in, if any is."""
        if self._reading is None:
            return None
        ready = islice(self._reading.ready, _ROWS_TO_TELL)
        return most_spoken(row.product for row, _ in ready)

    async def write(self, prompt_encoder: PromptEncoder, on_progress: OnProgress) -> bool:
        """Write what is new or differs, and take away what is gone; whether there was anything."""
        reading, writer = self._reading, self._writer
        if reading is None:
            return False
        total = len(reading.ready)
        feeds_before, writer.feeds = writer.feeds, self.brought.names
        self.alignment = CurrentAlignment.of(writer.folder, writer.manifest)
        align = self.alignment.align
        written = False
        if self.removed:
            await writer.apply((), self.removed, align, self._types.changed)
            written = True
        done = 0
        for batch in in_batches(reading.ready, CHUNK_ROWS):
            changes = self._changes(batch)
            done += len(batch)
            if changes:
                on_progress(IndexProgress("writing", done - len(batch), total, "products"))
                rows = product_rows(changes, prompt_encoder, writer.words)
                retyped = {} if written else self._types.changed
                await writer.apply(rows, (), align, retyped)
                written = True
        marked = self.brought.changed()
        if not (written or marked or self.brought.is_renamed):
            writer.feeds = feeds_before
            return False
        # Marking none adds the column all the same.
        numbers = self.stored.numbers() if marked else np.zeros(0, np.int64)
        await writer.mark_feeds({bits: numbers[places] for bits, places in marked.items()})
        if written:
            on_progress(IndexProgress("writing", total, total, "products"))
        return True

    def _changes(self, rows: Iterable[tuple[FeedRow, tuple[Photo, ...]]]) -> list[Change]:
        changes: list[Change] = []
        for row, photos in rows:
            fitting, left_out = fit(row, self._types)
            self.set_aside.extend(left_out)
            product = fitting.product
            digest = row_hash(product, photos)
            if not left_out:
                self._known.learn(row, photos, self._types.types, bytes.fromhex(digest))
            before = self.stored.find(product.id)
            if before is not None and before.digest == bytes.fromhex(digest):
                self.unchanged += 1
                continue
            number = before.number if before else self._next_number
            self._next_number += before is None
            self.added += before is None
            self.updated += before is not None
            feeds = self.brought.written(before.place) if before else self.brought.own
            changes.append(Change(number, product, photos, digest, before is None, feeds))
        return changes

    def finish(self, manifest: Manifest | None) -> None:
        """End the run, once what it did is in the catalog."""
        self.files.finish()
        self._seen.forget_many(manifest.photos if manifest else 0)
        self._known.forget_many(manifest.products if manifest else 0)


def items_of(feed: Feed, known: KnownRows) -> Iterator[KnownItem]:
    """What a feed yields, but for what is known where it can tell that."""
    return feed.items_but(known) if isinstance(feed, RecordFeed) else feed.items()
