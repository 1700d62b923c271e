"""Photos to train on: where they are, what they show together, and which are held out."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain import Feed, FeedNote, RgbImage, SetAside
from furniture_prompter.encoders.card import Preprocessing
from furniture_prompter.encoders.decoding import (
    PhotoLimits,
    decode_photo,
    photo_id,
    read_photo_bytes,
)
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.errors import InvalidPhotoError

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
        """The photos at the places `left`, with further files set aside."""
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
            try:
                identity = photo_id(read_photo_bytes(path, limits))
            except InvalidPhotoError as error:
                set_aside.append(SetAside(path, 0, str(error), "", row.product.id))
                continue
            found.setdefault(identity, TrainingPhoto(path, identity, row.product.id))
    return PhotoSet(tuple(found[key] for key in sorted(found)), tuple(set_aside))


async def photos_of_catalog(reader: CatalogReader) -> PhotoSet:
    """Every photo of a catalog version with its stored vector."""
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
    """The photo's pixels, for a square of `side_px`.

    Raises:
        InvalidPhotoError: it is no usable photo, or no longer the one that was found.
    """
    data = read_photo_bytes(photo.path, limits)
    if photo_id(data) != photo.id:
        raise InvalidPhotoError(
            f"The photo {photo.path} has changed since it was indexed. Index the feed again."
        )
    return decode_photo(data, name=str(photo.path), target_side_px=side_px, limits=limits)


def as_indexed(photo: TrainingPhoto, spec: Preprocessing, limits: PhotoLimits) -> RgbImage:
    """What indexing and searching show an encoder of the photo: (side, side, 3).

    Raises:
        InvalidPhotoError: as :func:`decode`.
    """
    return preprocess(decode(photo, spec.side_px, limits), spec)


def held_out_places(photos: tuple[TrainingPhoto, ...], share: float) -> NDArray[np.intp]:
    """Places of photos to hold out: about `share` of the products, at least four photos.

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
