"""Photo source of a training: found, read, decoded, prepared and remembered; held out by product.

A photo file is read once and decoded once for each size that libjpeg scales it to: the kept squares
hold what training, the teacher, calibration and validation look at.
"""

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from furniture_prompter.atomic_files import replacing
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain import Feed, FeedNote, RgbImage, SetAside
from furniture_prompter.encoders.card import Preprocessing
from furniture_prompter.encoders.decoding import (
    PhotoLimits,
    decode_photo,
    photo_id,
    read_photo_bytes,
)
from furniture_prompter.encoders.headers import read_header
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.errors import DistillationError, InvalidPhotoError
from furniture_prompter.fetching.public_addresses import shown_address

_LEAST_HELD_OUT = 4


@dataclass(frozen=True, slots=True)
class TrainingPhoto:
    """One photo file.

    Attributes:
        path: Where it is.
        id: SHA-256 of its bytes, hexadecimal.
        product_id: The product it shows; photos of one product are never split.
    """

    path: Path
    id: str
    product_id: str


@dataclass(frozen=True, slots=True, eq=False)
class PhotoSet:
    """Distinct photos, ordered by content, and what was left out.

    Attributes:
        photos: Each content once.
        set_aside: Files that cannot be used.
        vectors: Row *i* is photo *i* as the catalog holds it, shape (n, d) float32; None where the
            photos come from no catalog.
    """

    photos: tuple[TrainingPhoto, ...]
    set_aside: tuple[SetAside, ...]
    vectors: NDArray[np.float32] | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the photos' contents, whatever their order in the source."""
        return hashlib.sha256("".join(photo.id for photo in self.photos).encode()).hexdigest()

    def without(self, set_aside: tuple[SetAside, ...], left: NDArray[np.intp]) -> "PhotoSet":
        """The photos at the indices `left`, shape (m,), with further files set aside."""
        return PhotoSet(
            tuple(self.photos[place] for place in left),
            (*self.set_aside, *set_aside),
            None if self.vectors is None else self.vectors[left],
        )

    def without_vectors(self) -> "PhotoSet":
        """The same photos, of which another teacher is asked."""
        return PhotoSet(self.photos, self.set_aside)


def photos_of_feed(
    feed: Feed, limits: PhotoLimits, on_photo: Callable[[int], None] = lambda _: None
) -> PhotoSet:
    """Every photo of a feed, by content.

    Args:
        feed: A folder's or a file's.
        limits: What is refused.
        on_photo: Called with the number of files read.

    Raises:
        InvalidFeedError: nothing of the feed can be read.
    """
    found: dict[str, TrainingPhoto] = {}
    set_aside: list[SetAside] = []
    read = 0
    for row in feed.items():
        if isinstance(row, SetAside):
            set_aside.append(row)
            continue
        if isinstance(row, FeedNote):  # on words, which nothing here reads
            continue
        for path in row.images:
            read += 1
            on_photo(read)
            if path in row.addresses:
                set_aside.append(
                    SetAside(
                        row.source,
                        row.line,
                        f"The photo is at an address, {shown_address(row.addresses[path])}.",
                        "Index the feed with --download, and give the catalog.",
                        row.product.id,
                    )
                )
                continue
            try:
                identity = photo_id(read_photo_bytes(path, limits))
            except InvalidPhotoError as error:
                set_aside.append(SetAside(path, 0, str(error), "", row.product.id))
                continue
            found.setdefault(identity, TrainingPhoto(path, identity, row.product.id))
    return PhotoSet(tuple(found[key] for key in sorted(found)), tuple(set_aside))


async def photos_of_catalog(reader: CatalogReader) -> PhotoSet:
    """Every photo of a catalog version with its stored vector.

    Raises:
        CatalogDamagedError: the photos cannot be read.
    """
    rows = await reader.all_photos()
    first: dict[str, int] = {}
    for place, identity in enumerate(rows.ids):
        first.setdefault(identity, place)
    places = [first[identity] for identity in sorted(first)]
    photos = tuple(
        TrainingPhoto(Path(rows.paths[place]), rows.ids[place], str(rows.numbers[place]))
        for place in places
    )
    if rows.vectors is None:
        raise ValueError("all_photos() must give vectors.")
    return PhotoSet(photos, (), rows.vectors[places])


def decode(photo: TrainingPhoto, side_px: int | None, limits: PhotoLimits) -> RgbImage:
    """The photo's pixels (height, width, 3), for a square of `side_px`.

    Raises:
        InvalidPhotoError: it is no usable photo, or no longer the one that was found.
    """
    data = _read(photo, limits)
    return decode_photo(data, name=str(photo.path), target_side_px=side_px, limits=limits)


def _read(photo: TrainingPhoto, limits: PhotoLimits) -> bytes:
    data = read_photo_bytes(photo.path, limits)
    if photo_id(data) != photo.id:
        raise InvalidPhotoError(
            f"The photo {photo.path} has changed since it was indexed. Index the feed again."
        )
    return data


def prepare_photo(
    photo: TrainingPhoto, specs: Sequence[Preprocessing], limits: PhotoLimits
) -> list[RgbImage]:
    """What indexing and searching would show encoders of several preprocessings of the photo.

    Args:
        photo: The file, which is read once.
        specs: How it becomes a square; each as if it were the only one.
        limits: What is refused.

    Returns:
        For each of `specs` uint8 of shape (side, side, 3).

    Raises:
        InvalidPhotoError: as :func:`decode`.
    """
    data = _read(photo, limits)
    decoded: dict[int, RgbImage] = {}
    squares = []
    for spec in specs:
        size = _decoded_eighths(data, spec.side_px)
        if size not in decoded:
            decoded[size] = decode_photo(
                data, name=str(photo.path), target_side_px=spec.side_px, limits=limits
            )
        squares.append(preprocess(decoded[size], spec))
    return squares


def _decoded_eighths(data: bytes, side_px: int) -> int:
    """Eighths of its size at which a photo is decoded for a square: the fewest that reach its side.

    libjpeg scales, rounding up; other formats are decoded whole.
    """
    header = read_header(data)
    if header is None or header.jpeg is None or header.size is None or header.jpeg.components == 4:
        return 8
    longer = max(header.size)
    return next((part for part in range(1, 8) if -(-longer * part // 8) >= side_px), 8)


def held_out_places(photos: tuple[TrainingPhoto, ...], share: float) -> NDArray[np.intp]:
    """Indices (m,) of photos to hold out: about `share` of the products, at least four photos.

    Which products those are depends on their photos' contents alone: neither the source's order
    nor a seed moves a photo from one side to the other.
    """
    by_product: dict[str, list[int]] = {}
    for place, photo in enumerate(photos):
        by_product.setdefault(photo.product_id, []).append(place)
    wanted = max(_LEAST_HELD_OUT, round(share * len(photos)))
    held: list[int] = []
    for places in _shuffled(photos, list(by_product.values())):
        if len(held) >= wanted:
            break
        # A product of very many photos must not take them all.
        if len(held) + len(places) <= max(wanted, len(photos) // 2):
            held += places
    return np.array(sorted(held), np.intp)


def _shuffled(photos: tuple[TrainingPhoto, ...], groups: list[list[int]]) -> Iterator[list[int]]:
    def order(places: list[int]) -> str:
        return hashlib.sha256(b"held out" + photos[places[0]].id.encode()).hexdigest()

    yield from sorted(groups, key=order)


class KeptRows:
    """A ``.npy`` file of rows, and beside it one byte for each row that says it is done.

    A row's byte is set after the row is written, so a process that dies between the two computes
    that row again. Open with :meth:`open`.

    Attributes:
        rows: Memory-mapped, shape (rows, ...); only what ``done`` marks means anything.
        done: Memory-mapped, shape (rows,), 0 or 1.
        path: The file of the rows.
    """

    def __init__(self, path: Path, rows: NDArray[Any], done: NDArray[np.uint8]) -> None:
        self.path = path
        self.rows = rows
        self.done = done

    @classmethod
    def open(
        cls, folder: Path, name: str, recipe: object, shape: Sequence[int], dtype: DTypeLike
    ) -> "KeptRows":
        """Open the rows of `recipe`, or begin them.

        Args:
            folder: Where the files lie; made if it is not there.
            name: Start of the files' names.
            recipe: JSON value of everything that decides what the rows hold; another recipe is
                another file.
            shape: Of the rows, their number first.
            dtype: Of the numbers.

        Raises:
            DistillationError: the disk is full, or the folder cannot be written.
        """
        text = json.dumps([recipe, list(shape), np.dtype(dtype).str], sort_keys=True)
        path = folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.npy"
        done = path.with_suffix(".done.npy")
        with writing(folder, f"the {name} of {shape[0]:,} photos"):
            folder.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                # Marks of rows that are gone must not outlive them.
                done.unlink(missing_ok=True)
                _begin(path, shape, dtype)
            if not done.exists():
                _begin(done, shape[:1], np.uint8)
            rows = np.lib.format.open_memmap(path, mode="r+")
            marks = np.lib.format.open_memmap(done, mode="r+")
        return cls(path, rows, marks)

    def missing(self) -> NDArray[np.intp]:
        """Indices of rows that are not done, rising, shape (m,)."""
        return np.flatnonzero(np.asarray(self.done) == 0)

    def put(self, places: NDArray[np.intp], values: NDArray[Any]) -> None:
        """Write rows, shape (m, ...), at their indices, shape (m,), and mark them as done."""
        self.rows[places] = values
        self.done[places] = 1


@contextmanager
def writing(folder: Path, what: str) -> Iterator[None]:
    """Turn what the system says about a disk into a sentence with a cure.

    Raises:
        DistillationError: `what` could not be written to `folder`.
    """
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DistillationError(
                f"The disk is full: {what} cannot be written to {folder}. Free some "
                "space or name another place; --resume goes on from the last checkpoint."
            ) from error
        raise DistillationError(
            f"Cannot write {what} to {folder} ({error.strerror or error}). Check its "
            "permissions, or name another place."
        ) from error


def _begin(path: Path, shape: Sequence[int], dtype: DTypeLike) -> None:
    """An array file of zeros that has its whole size on the disk, or none.

    Space is taken at once: a memory map into a hole of a full disk would kill the process.
    """
    with replacing(path) as file:
        rows = np.lib.format.open_memmap(file.name, "w+", dtype, tuple(shape))
        del rows
        size = os.fstat(file.fileno()).st_size
        if size and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
