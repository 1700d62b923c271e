"""Photos of feed rows: read, told apart by content, and encoded where that is new."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.stored import encoded_photos
from furniture_prompter.catalog.writer import CatalogWriter
from furniture_prompter.domain import FeedRow, Photo, RgbImage, SetAside
from furniture_prompter.encoders.card import Preprocessing
from furniture_prompter.encoders.decoding import (
    PhotoLimits,
    decode_into,
    photo_id,
    read_photo_bytes,
)
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.ingest.photo_files import PhotoFiles
from furniture_prompter.ingest.seen_photos import SeenPhotos
from furniture_prompter.read_ahead import read_ahead
from furniture_prompter.settings import Settings


class PhotoIds(Protocol):
    """Ids of photos that have a vector; asked from several threads, added to from one."""

    def __contains__(self, photo_id: object) -> bool:
        """Whether a photo has one."""
        ...

    def add(self, photo_id: str) -> None:
        """Say that a photo has one now, or is about to."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """One photo file after reading: what it is, and its pixels where they are still needed.

    `status` is how the file was before it was read, where that is worth remembering.
    """

    row: FeedRow
    path: Path
    file: Path
    id: str = ""
    image: RgbImage | None = None
    problems: tuple[SetAside, ...] = ()
    status: os.stat_result | None = None


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

    def add(self, row: FeedRow, image: Path, file: Path, photo_id: str) -> None:
        """Count a readable photo in."""
        add_photo(self.by_product.setdefault(row.product.id, []), row, image, file, photo_id)


def add_photo(photos: list[Photo], row: FeedRow, image: Path, file: Path, photo_id: str) -> None:
    """Add a photo to those of its row; one that is there already, in another file, counts once.

    Args:
        photos: The row's photos so far.
        row: The row.
        image: The image as the row names it.
        file: Where it lies.
        photo_id: Its content's hash.
    """
    variant_id = row.variant_of.get(image, "")
    if variant_id and row.product.variant(variant_id) is None:
        variant_id = ""
    for place, photo in enumerate(photos):
        if photo.id == photo_id:
            if photo.variant_id != variant_id:
                # Several variants share it, so it does not tell them apart.
                photos[place] = replace(photo, variant_id="")
            return
    photos.append(Photo(photo_id, row.product.id, str(file), variant_id))


@dataclass(frozen=True, slots=True, eq=False)
class EncodedBatch:
    """Photos that went through the encoder together; vectors of shape (n, dimension)."""

    ids: list[str]
    vectors: NDArray[np.float32]


def encode_photos(
    rows: Iterable[FeedRow],
    known: PhotoIds,
    encoder: Encoder,
    settings: Settings,
    outcome: PhotosOfRows,
    on_photo: Callable[[], None],
    files: PhotoFiles,
    seen: SeenPhotos | None = None,
) -> Iterator[EncodedBatch]:
    """Read every photo of `rows`; encode those whose content has no vector yet.

    Args:
        rows: Rows in feed order.
        known: Ids of photos that have a vector; grows as photos are queued for encoding.
        encoder: The catalog's photo encoder.
        settings: Limits, batch size, workers.
        outcome: Filled in while the iterator is consumed.
        on_photo: Called for each file that was read, in feed order.
        files: Where the photos lie; all rows were announced to it.
        seen: What earlier runs read of files that are as they were; None reads every file.

    Yields:
        Vectors, batch by batch, to be staged by the caller.
    """
    ids: list[str] = []
    images: list[RgbImage] = []
    for read in _read_ahead(rows, known, encoder, settings, files, seen):
        on_photo()
        if seen is not None and read.status is not None:
            seen.remember(read.file, read.status, read.id)
        outcome.set_aside += read.problems
        if not read.id:
            continue
        outcome.add(read.row, read.path, read.file, read.id)
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
    rows: Iterable[FeedRow],
    known: PhotoIds,
    encoder: Encoder,
    settings: Settings,
    files: PhotoFiles,
    seen: SeenPhotos | None,
) -> Iterator[_Read]:
    """Read and decode in worker threads, a few batches ahead, in order."""
    limits = PhotoLimits.of(settings)
    spec = encoder.card.preprocessing
    return read_ahead(
        lambda photo: _read(*photo, known, spec, limits, files, seen),
        ((row, path) for row in rows for path in row.images),
        workers=settings.decode_workers,
        # Two batches of them wait at the most, in the encoder's size.
        ahead=2 * settings.encode_batch_photos,
        thread_name="decode",
    )


def _read(
    row: FeedRow,
    path: Path,
    known: PhotoIds,
    spec: Preprocessing | None,
    limits: PhotoLimits,
    files: PhotoFiles,
    seen: SeenPhotos | None,
) -> _Read:
    if seen is not None and path not in row.addresses:
        status, identity = seen.look(path)
        if identity and identity in known:
            return _Read(row, path, path, identity)
        read = _decoded(row, path, path, str(path), known, spec, limits)
        return replace(read, status=status if read.id else None)
    found = files.of(row, path)
    problems = () if found.problem is None else (found.problem,)
    if found.path is None:
        return _Read(row, path, path, problems=problems)
    if found.id in known:
        # Its name is its content's hash.
        return _Read(row, path, found.path, found.id, problems=problems)
    name = found.name or str(path)
    read = _decoded(row, path, found.path, name, known, spec, limits)
    if read.id or path not in row.addresses:
        return replace(read, problems=problems + read.problems)
    files.reject(row, path)
    if found.before is None:
        return read
    earlier = _decoded(row, path, found.before, name, known, spec, limits)
    kept = (replace(read.problems[0], reason=f"{read.problems[0].reason} {_KEPT}"),)
    return replace(earlier, problems=kept if earlier.id else read.problems)


_KEPT = "The picture that was at its address before stays."


def _decoded(
    row: FeedRow,
    path: Path,
    file: Path,
    name: str,
    known: PhotoIds,
    spec: Preprocessing | None,
    limits: PhotoLimits,
) -> _Read:
    try:
        data = read_photo_bytes(file, limits)
        identity = photo_id(data)
        if identity in known:
            return _Read(row, path, file, identity)
        # Fitted right here, the largest thing in memory is let go of at once. The encoder takes a
        # fitted square as it is.
        image = decode_into(
            data,
            lambda pixels: pixels if spec is None else preprocess(pixels, spec),
            name=name,
            target_side_px=None if spec is None else spec.side_px,
            limits=limits,
        )
    except InvalidPhotoError as error:
        reason = str(error)
        if not row.line:
            # The photo itself is what is at fault, and is named by that.
            reason = reason.replace(f"The photo {name} ", "The photo ", 1)
        problem = SetAside(row.source, row.line, reason, "", row.product.id)
        return _Read(row, path, file, problems=(problem,))
    return _Read(row, path, file, identity, image)


async def encode_and_stage(
    writer: CatalogWriter,
    rows: Sequence[FeedRow],
    encoder: Encoder,
    settings: Settings,
    on_photo: Callable[[], None] = lambda: None,
    files: PhotoFiles | None = None,
    known: PhotoIds | None = None,
    seen: SeenPhotos | None = None,
) -> tuple[PhotosOfRows, int]:
    """Give every new photo a vector, saving them every few hundred so that a kill costs little.

    Photos by address are downloaded ahead of that, while others are decoded and encoded.

    Args:
        writer: The catalog's writer.
        rows: Rows in feed order.
        encoder: The catalog's photo encoder.
        settings: Limits, batch sizes, workers.
        on_photo: Called for each file that was read.
        files: Where photos lie; local ones alone where it is left out. It is entered already.
        known: Ids of photos that have a vector; asked of the catalog where it is left out.
        seen: As of :func:`encode_photos`.

    Returns:
        The photos of the rows, and how many were encoded.
    """
    files = files or PhotoFiles(writer.folder, settings, download=False)
    outcome = PhotosOfRows({}, [])
    if known is None:
        known = await encoded_photos(writer)
    ids: list[str] = []
    vectors: list[np.ndarray] = []
    encoded = 0
    for row in rows:
        files.expect(row)
    for batch in encode_photos(rows, known, encoder, settings, outcome, on_photo, files, seen):
        ids += batch.ids
        vectors.append(batch.vectors)
        encoded += len(batch.ids)
        if len(ids) >= settings.stage_photos:
            await writer.stage(ids, np.concatenate(vectors))
            ids, vectors = [], []
    if ids:
        await writer.stage(ids, np.concatenate(vectors))
    return outcome, encoded
