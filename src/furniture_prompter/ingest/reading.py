"""Reading a feed against the current version: rows that are as they were cost a glance.

A row is as it was where every photo of it is a file that was read before and has not changed since,
every value fits its column, and the hash of all of it is the stored one. Only other rows wait on
the disk until all of the feed is known, which decides the types of columns: they are looked at
again then, and so is every row where a column changes its type.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from furniture_prompter.catalog.stored import encoded_photo_ids
from furniture_prompter.catalog.writer import CatalogWriter
from furniture_prompter.domain import (
    Feed,
    FeedNote,
    FeedRow,
    IndexProgress,
    KnownItem,
    Photo,
    RecordFeed,
    SetAside,
    UnchangedRow,
)
from furniture_prompter.domain.feed import PhotolessRow
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.ingest.changes import (
    ColumnTypes,
    Tally,
    fit,
    pictureless,
    row_hash,
    tally_row,
    together,
)
from furniture_prompter.ingest.kept import completed, kept_photos, stored_by_number
from furniture_prompter.ingest.known_rows import KnownRows, ShapeTallies
from furniture_prompter.ingest.photo_files import PhotoFiles
from furniture_prompter.ingest.photos import add_photo, encode_and_stage
from furniture_prompter.ingest.scratch import (
    PRESENT,
    USABLE,
    KnownPhotos,
    Spill,
    StoredIndex,
)
from furniture_prompter.ingest.seen_photos import SeenPhotos
from furniture_prompter.ingest.set_asides import SetAsides
from furniture_prompter.settings import Settings

Item = TypeVar("Item")

# Rows whose photos are read, and downloaded, ahead of each other.
_ROWS_AT_ONCE: Final = 2_048
# Rows between two words about how far the reading is.
_ROWS_A_WORD: Final = 64


@dataclass(slots=True)
class FeedFindings:
    """What a feed holds beside the rows that wait.

    Attributes:
        set_aside: What it had to leave out.
        notes: How it was read.
        unchanged: Rows that are as they were.
        reused: Photos whose vector is there.
        encoded: Photos that were encoded.
    """

    set_aside: SetAsides = field(default_factory=SetAsides)
    notes: list[str] = field(default_factory=list)
    unchanged: int = 0
    reused: int = 0
    encoded: int = 0


class FeedReading:
    """One reading of a feed, in two turns: all rows, then the photos of those that differ.

    Attributes:
        found: What it holds beside rows.
        names_photos: Whether a row names a photo: a feed without any brings no products, and
            changes those that the catalog has in what it tells.
    """

    def __init__(
        self,
        folder: Path,
        stored: StoredIndex,
        seen: SeenPhotos,
        columns: Mapping[str, str],
        known: KnownRows,
        *,
        thorough: bool,
    ) -> None:
        """Prepare.

        Args:
            folder: Where rows may wait on the disk.
            stored: The current version's products; their states are set anew.
            seen: Photo files of earlier runs.
            columns: Its attribute columns and their types.
            known: What earlier runs made of records.
            thorough: Whether to look at every row again, whatever it was.
        """
        self.found = FeedFindings()
        self._folder = folder
        self._stored = stored
        self._seen = seen
        self._known = known
        self._thorough = thorough
        self._columns = columns
        self._types = ColumnTypes(columns, {}, {}, ())
        self._sure: dict[str, Tally] = {}
        self._looked_at: dict[str, Tally] = {}
        self._unread = ShapeTallies()
        self._images = 0
        self.names_photos = False
        self._has_photoless = False
        self._kept_photos = 0
        self._open = ExitStack()
        self._waiting: Spill[tuple[int, FeedRow]] = self._open.enter_context(Spill(folder))
        self._ready: Spill[tuple[FeedRow, tuple[Photo, ...]]] = self._open.enter_context(
            Spill(folder)
        )
        stored.states[:] = bytes(len(stored))

    def __enter__(self) -> Self:
        """Use with ``with``."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the disk's room back."""
        self.close()

    def close(self) -> None:
        """Give the disk's room back."""
        self._open.close()

    @property
    def tallies(self) -> dict[str, Tally]:
        """The values of every attribute column, of rows that have a photo."""
        unread = self._known.tallies(self._unread)
        return together(unread, together(self._sure, self._looked_at))

    @property
    def is_list(self) -> bool:
        """Whether there are rows and none names a photo: it tells of some products, not of all."""
        return self._has_photoless and not self.names_photos

    @property
    def ready(self) -> Spill[tuple[FeedRow, tuple[Photo, ...]]]:
        """Rows that are new or may differ, in feed order, with their photos."""
        return self._ready

    def read(self, items: Iterable[KnownItem], feed: Feed) -> Iterator[IndexProgress]:
        """Read all of the feed, row by row.

        Args:
            items: What it yields.
            feed: What can tell how far it is, where it is one of records.
        """
        found = self.found
        step, told, count = "reading", "", 0
        counted = feed if isinstance(feed, RecordFeed) else None
        for count, item in enumerate(items, start=1):
            if isinstance(item, UnchangedRow):
                self.names_photos = True
                self._stored.states[item.place] = USABLE
                found.unchanged += 1
                found.reused += item.images
                self._unread.add(item, count)
            elif isinstance(item, SetAside):
                self._set_aside(item)
            elif isinstance(item, PhotolessRow):
                self._take_photoless(count, item)
            elif isinstance(item, FeedNote):
                found.notes.append(item.text)
                for each in item.not_gone:
                    self._stored.mark(each, PRESENT)
                step = f"reading {item.reading}" if item.reading else step
            else:
                self._take(count, item)
            if count % _ROWS_A_WORD == 1 or told != step:
                done, total = counted.rows_read if counted is not None else (count, None)
                yield IndexProgress(step, done, total, "rows")
                told = step
        if count:
            done, total = counted.rows_read if counted is not None else (count, None)
            yield IndexProgress(step, done, total, "rows")

    def _set_aside(self, item: SetAside) -> None:
        self.found.set_aside.add(item)
        # What the feed says something of is not gone from it.
        if item.product_id:
            self._stored.mark(item.product_id, PRESENT)

    def _take_photoless(self, place: int, item: PhotolessRow) -> None:
        self.names_photos = self.names_photos or item.problem is None
        self._has_photoless = True
        before = self._stored.find(item.row.product.id)
        if before is None:
            if item.problem is not None:
                self._set_aside(item.problem)
            return
        for cell in item.cells:
            self._set_aside(cell)
        self._stored.states[before.place] = PRESENT
        self._waiting.add((place, item.row))

    def _take(self, place: int, row: FeedRow) -> None:
        self.names_photos = True
        before = self._stored.find(row.product.id)
        if before is not None:
            if not self._thorough and before.digest and self._is_as_before(row, before.digest):
                self._stored.states[before.place] = USABLE
                self.found.unchanged += 1
                self.found.reused += len(row.images)
                tally_row(self._sure, row, place)
                return
            self._stored.states[before.place] = PRESENT
        self._images += len(row.images)
        self._waiting.add((place, row))

    def _is_as_before(self, row: FeedRow, digest: bytes) -> bool:
        # What is asked for by address may have changed there.
        if row.addresses or not row.product.attributes.keys() <= self._columns.keys():
            return False
        photos: list[Photo] = []
        for image in row.images:
            photo_id = self._seen.look(image)[1]
            if not photo_id:
                return False
            add_photo(photos, row, image, image, photo_id)
        fitting, left_out = fit(row, self._types)
        if left_out or bytes.fromhex(row_hash(fitting.product, photos)) != digest:
            return False
        self._known.learn(row, photos, self._types.types, digest)
        return True

    async def encode(
        self,
        writer: CatalogWriter,
        encoder: Encoder,
        settings: Settings,
        files: PhotoFiles,
        on_progress: Callable[[IndexProgress], None],
    ) -> None:
        """Read the photos of the rows that wait, and give the new ones among them a vector.

        Args:
            writer: The catalog's writer.
            encoder: The catalog's photo encoder.
            settings: Limits, batch sizes, workers.
            files: Where photos lie.
            on_progress: Called for each photo.
        """
        if not self._waiting:
            return
        done = 0

        def count_photo() -> None:
            nonlocal done
            done += 1
            if (waiting := files.waiting) is not None:
                on_progress(IndexProgress("downloading", *waiting, "photos"))
            else:
                on_progress(IndexProgress("checking", done, self._images, "photos"))

        known = KnownPhotos()
        self._open.callback(known.close)
        async for ids in encoded_photo_ids(writer):
            known.fill(ids)
        for rows in in_batches(self._waiting, _ROWS_AT_ONCE):
            photos, encoded = await encode_and_stage(
                writer,
                [row for _, row in rows],
                encoder,
                settings,
                count_photo,
                files,
                known,
                self._seen,
            )
            for item in photos.set_aside:
                self._set_aside(item)
            self.found.reused += photos.reused
            self.found.encoded += encoded
            without = [row for _, row in rows if not photos.by_product.get(row.product.id)]
            kept, as_kept = await self._kept(writer, without)
            for place, given in rows:
                row = as_kept.get(given.product.id, given)
                own = photos.by_product.get(row.product.id) or kept.get(row.product.id)
                if own:
                    self._stored.mark(row.product.id, USABLE)
                    tally_row(self._looked_at, row, place)
                    self._ready.add((row, tuple(own)))
                elif not self.found.set_aside.is_about(row.product.id):
                    self._set_aside(pictureless(row))
        if self._kept_photos:
            self.found.notes.append(_kept_note(self._kept_photos, is_whole=self.names_photos))

    async def _kept(
        self, writer: CatalogWriter, rows: Iterable[FeedRow]
    ) -> tuple[dict[str, list[Photo]], dict[str, FeedRow]]:
        """Photos that products without any in the feed keep, and rows with what else they keep."""
        found = ((row, self._stored.find(row.product.id)) for row in rows)
        known = {before.number: row for row, before in found if before is not None}
        completed_rows: dict[str, FeedRow] = {}
        if not known:
            return {}, completed_rows
        if not self.names_photos:
            for number, before in (await stored_by_number(writer, known)).items():
                row = known[number]
                product = completed(row.product, before)
                completed_rows[product.id] = known[number] = replace(row, product=product)
        products = {number: row.product for number, row in known.items()}
        kept = await kept_photos(writer, products)
        self._kept_photos += len(kept)
        return kept, completed_rows


def _kept_note(products: int, *, is_whole: bool) -> str:
    keep = "s keep" if products != 1 else " keeps"
    rest = (
        "all else is" if is_whole else "what a row of it does not tell stays too, and all else is"
    )
    return (
        f"{products:,} product{keep} the photos that the catalog has, for the feed has none of "
        f"them that can be used; {rest} as the feed has it."
    )


def in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of up to `size` items, in their order."""
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
