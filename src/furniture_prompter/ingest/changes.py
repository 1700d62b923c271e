"""What an index run has to write: new, changed and removed products."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import StoredProduct
from furniture_prompter.domain import FeedRow, Photo, Product, RgbImage, SetAside
from furniture_prompter.encoders.card import Preprocessing
from furniture_prompter.encoders.decoding import (
    PhotoLimits,
    decode_into,
    photo_id,
    read_photo_bytes,
)
from furniture_prompter.encoders.onnx_encoder import preprocess
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.ingest.attribute_types import Tally, fit, settle
from furniture_prompter.read_ahead import read_ahead
from furniture_prompter.settings import Settings

_SHOWN_PLACES: Final = 3


@dataclass(frozen=True, slots=True)
class Change:
    """A product to insert or replace."""

    number: int
    product: Product
    photos: tuple[Photo, ...]
    row_hash: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between a feed and the current version.

    Attributes:
        written: Products to insert or replace, in feed order.
        removed: Numbers of products that are gone.
        not_removed: Products that `sync` would have removed, had all of the feed been readable.
        unchanged: Products that are as they were.
        retyped: New types of columns that the catalog has as another type; every product that has
            a value there is written or removed.
        set_aside: Rows and values that cannot be stored, and why.
        notes: Sentences a person should read.
    """

    written: tuple[Change, ...]
    removed: tuple[int, ...]
    not_removed: int
    unchanged: int
    retyped: Mapping[str, str]
    set_aside: tuple[SetAside, ...]
    notes: tuple[str, ...]

    @property
    def added(self) -> int:
        """Products that were not there before."""
        return sum(change.is_new for change in self.written)

    @property
    def updated(self) -> int:
        """Products that were there and differ."""
        return len(self.written) - self.added

    @property
    def any(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.written or self.removed)


def row_hash(product: Product, photos: Sequence[Photo]) -> str:
    """SHA-256 over all that is stored of a product."""
    content = {
        "product": [
            product.id,
            product.title,
            product.category,
            product.color,
            product.description,
            list(product.tags),
            sorted(product.attributes.items()),
        ],
        "photos": [[photo.id, photo.path] for photo in photos],
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def find_changes(
    rows: Sequence[FeedRow],
    photos: Mapping[str, Sequence[Photo]],
    stored: Mapping[str, StoredProduct],
    columns: Mapping[str, str],
    next_number: int,
    set_aside: Sequence[SetAside],
    sync: bool,
    tallies: Mapping[str, Tally],
    follow: bool = True,
) -> Changes:
    """Compare a feed with the current version.

    Args:
        rows: The feed's rows.
        photos: Usable photos by product id.
        stored: The current version's products by id, with the columns they hold of those whose
            type may change.
        columns: Its attribute columns and their types.
        next_number: The first free product number.
        set_aside: What the feed and its photos had to leave out; such products are not gone.
        sync: Whether products that the feed no longer has are removed.
        tallies: Attribute columns of the rows that have photos.
        follow: Whether columns may change their types.
    """
    reported = {item.product_id for item in set_aside}
    usable = [row for row in rows if photos.get(row.product.id)]
    present = reported | {row.product.id for row in rows}
    gone = [name for name in stored if name not in present] if sync else []
    hiding = [item for item in set_aside if item.may_be_any_product]
    leaving = [] if hiding else gone
    written_ids = {row.product.id for row in usable}
    # Values of the old type that would be left in the catalog keep a column as it is.
    replaced = written_ids.union(leaving)
    held = {name for key, entry in stored.items() if key not in replaced for name in entry.holds}
    types = settle(tallies, columns, held if follow else columns)
    written: list[Change] = []
    problems: list[SetAside] = []
    unchanged = 0
    for row in rows:
        if row.product.id not in written_ids:
            if row.product.id not in reported:
                problems.append(_pictureless(row))
            continue
        fitting, left_out = fit(row, types)
        problems += left_out
        product = fitting.product
        own_photos = tuple(photos[product.id])
        digest = row_hash(product, own_photos)
        before = stored.get(product.id)
        if before is not None and before.row_hash == digest:
            unchanged += 1
            continue
        number = before.number if before else next_number
        next_number += before is None
        written.append(Change(number, product, own_photos, digest, before is None))
    return Changes(
        written=tuple(written),
        removed=tuple(sorted(stored[name].number for name in leaving)),
        not_removed=len(gone) - len(leaving),
        unchanged=unchanged,
        retyped=types.changed,
        set_aside=tuple(problems),
        notes=(*_why_kept(len(gone), hiding), *types.notes),
    )


def _why_kept(gone: int, hiding: Sequence[SetAside]) -> tuple[str, ...]:
    if not (gone and hiding):
        return ()
    places = [f"{item.source}:{item.line}" if item.line else f"{item.source}" for item in hiding]
    further = len(places) - _SHOWN_PLACES
    listed = ", ".join(places[:_SHOWN_PLACES]) + (f" and {further:,} more" if further > 0 else "")
    note = (
        f"Kept {gone:,} product{'s' * (gone != 1)} that the feed no longer has: what was set "
        f"aside at {listed} may hold them. Mend that, then run with --sync again."
    )
    return (note,)


def _pictureless(row: FeedRow) -> SetAside:
    return SetAside(
        row.source,
        row.line,
        f"Product {row.product.id!r} has no photo.",
        "Give it at least one photo that can be read.",
        row.product.id,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """One photo file after reading: what it is, and its pixels where they are still needed."""

    row: FeedRow
    path: Path
    id: str = ""
    image: RgbImage | None = None
    problem: SetAside | None = None


@dataclass(slots=True)
class PhotosOfRows:
    """What reading the photos of all rows gave.

    Attributes:
        by_product: Photos of each product id, main one first, without repeats.
        set_aside: Files that are no usable photo.
        reused: Photos whose vector was there before.
    """

    by_product: dict[str, list[Photo]]
    set_aside: list[SetAside]
    reused: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class EncodedBatch:
    """Photos that went through the encoder together; vectors of shape (n, dimension)."""

    ids: list[str]
    vectors: NDArray[np.float32]


def encode_photos(
    rows: Iterable[FeedRow],
    known: set[str],
    encoder: Encoder,
    settings: Settings,
    outcome: PhotosOfRows,
    on_photo: Callable[[], None],
) -> Iterator[EncodedBatch]:
    """Read every photo of `rows`; encode those whose content has no vector yet.

    Args:
        rows: Rows in feed order.
        known: Ids of photos that have a vector; grows as photos are queued for encoding.
        encoder: The catalog's photo encoder.
        settings: Limits, batch size, workers.
        outcome: Filled in while the iterator is consumed.
        on_photo: Called for each file that was read, in feed order.

    Yields:
        Vectors, batch by batch, to be staged by the caller.
    """
    ids: list[str] = []
    images: list[RgbImage] = []
    for read in _read_ahead(rows, frozenset(known), encoder, settings):
        on_photo()
        if read.problem is not None:
            outcome.set_aside.append(read.problem)
            continue
        product_id = read.row.product.id
        photos = outcome.by_product.setdefault(product_id, [])
        if all(photo.id != read.id for photo in photos):
            photos.append(Photo(id=read.id, product_id=product_id, path=str(read.path)))
        if read.id in known or read.image is None:
            outcome.reused += 1
            continue
        known.add(read.id)
        ids.append(read.id)
        images.append(read.image)
        if len(ids) == settings.encode_batch_photos:
            yield EncodedBatch(ids, encoder.encode(images))
            ids, images = [], []
    if ids:
        yield EncodedBatch(ids, encoder.encode(images))


def _read_ahead(
    rows: Iterable[FeedRow], known: frozenset[str], encoder: Encoder, settings: Settings
) -> Iterator[_Read]:
    """Read and decode in worker threads, a few batches ahead, in order."""
    limits = PhotoLimits.of(settings)
    spec = encoder.card.preprocessing
    return read_ahead(
        lambda photo: _read(*photo, known, spec, limits),
        ((row, path) for row in rows for path in row.images),
        workers=settings.decode_workers,
        # Two batches of them wait at the most, in the encoder's size.
        ahead=2 * settings.encode_batch_photos,
        thread_name="decode",
    )


def _read(
    row: FeedRow,
    path: Path,
    known: frozenset[str],
    spec: Preprocessing | None,
    limits: PhotoLimits,
) -> _Read:
    try:
        data = read_photo_bytes(path, limits)
        identity = photo_id(data)
        if identity in known:
            return _Read(row, path, identity)
        # Fitted right here, the largest thing in memory is let go of at once. The encoder takes a
        # fitted square as it is.
        image = decode_into(
            data,
            lambda pixels: pixels if spec is None else preprocess(pixels, spec),
            name=str(path),
            target_side_px=None if spec is None else spec.side_px,
            limits=limits,
        )
    except InvalidPhotoError as error:
        reason = str(error)
        if not row.line:
            # The photo itself is what is at fault, and is named by that.
            reason = reason.replace(f"The photo {path} ", "The photo ", 1)
        problem = SetAside(row.source, row.line, reason, "", row.product.id)
        return _Read(row, path, problem=problem)
    return _Read(row, path, identity, image)
