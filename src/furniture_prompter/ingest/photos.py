"""Photos of feed rows: read, recognised by content, decoded and encoded once."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
from furniture_prompter.settings import Settings


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
    waiting: deque[Future[_Read]] = deque()
    # Never more than two batches of them wait, in the encoder's size.
    most_waiting = 2 * settings.encode_batch_photos
    with ThreadPoolExecutor(settings.decode_workers, thread_name_prefix="decode") as workers:
        for row in rows:
            for path in row.images:
                waiting.append(workers.submit(_read, row, path, known, spec, limits))
                if len(waiting) >= most_waiting:
                    yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


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
