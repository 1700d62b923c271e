"""Benchmark photos in a fixed order, and seeded degradations of them."""

import hashlib
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from furniture_prompter.catalog.reader import CatalogReader, PhotoRows
from furniture_prompter.domain import Product, RgbImage
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.record import DataSet

LEAST_PHOTOS = 12
"""Ten to find, one that asks, and one that is wrong."""


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """Photos with what is known of them; all run in step.

    Attributes:
        data: What a report says of them.
        products: Of the catalog, by id.
        product_of: For each photo the index of its product in `products`, shape (n,).
        positions: For each photo its index among its product's photos, shape (n,).
        ids: Content hash of each photo.
        paths: File of each photo.
        vectors: As the catalog holds them, shape (n, d), unit rows.
    """

    data: DataSet
    products: tuple[Product, ...]
    product_of: NDArray[np.intp]
    positions: NDArray[np.intp]
    ids: tuple[str, ...]
    paths: tuple[Path, ...]
    vectors: NDArray[np.float32]

    @property
    def main_photos(self) -> NDArray[np.intp]:
        """Indices of each product's first photo, by product, shape (products,)."""
        first: NDArray[np.intp] = np.flatnonzero(
            np.r_[True, self.product_of[1:] != self.product_of[:-1]]
        )
        return first

    def only(self, places: NDArray[np.intp]) -> "Collection":
        """These photos alone, as a set of its own; products without any left are gone.

        Args:
            places: Rising indices of photos, shape (m,).

        Raises:
            BenchmarkError: fewer than LEAST_PHOTOS photos.
        """
        _refuse_few(len(places))
        kept, product_of = np.unique(self.product_of[places], return_inverse=True)
        products = tuple(self.products[place] for place in kept.tolist())
        positions = self.positions[places]
        ids = tuple(self.ids[place] for place in places.tolist())
        data = self.data
        return Collection(
            data=_described(
                data.name, data.source, data.licence, products, product_of, positions, ids
            ),
            products=products,
            product_of=product_of.astype(np.intp),
            positions=positions,
            ids=ids,
            paths=tuple(self.paths[place] for place in places.tolist()),
            vectors=self.vectors[places],
        )


async def collect(
    reader: CatalogReader,
    name: str,
    *,
    source: str = "",
    licence: str = "",
    limit: int = 0,
    seed: int = 0,
) -> Collection:
    """Photos of an opened catalog, by product id and position.

    Args:
        reader: The catalog.
        name: What the set is called.
        source: Where it comes from, in words.
        licence: Of the photos, in words.
        limit: Photos wanted at most, whole products drawn at random; 0 takes all.
        seed: Of the draw.

    Raises:
        BenchmarkError: fewer than LEAST_PHOTOS photos.
    """
    rows = await reader.all_photos()
    found = await reader.products(np.unique(rows.numbers))
    numbers = sorted(found, key=lambda number: found[number].id)
    if limit and len(rows.ids) > limit:
        numbers = _drawn(numbers, rows, limit, seed)
    place_of = {number: place for place, number in enumerate(numbers)}
    kept = [row for row, number in enumerate(rows.numbers.tolist()) if number in place_of]
    # Rows come by product number and position; a stable sort keeps positions in order.
    kept.sort(key=lambda row: place_of[int(rows.numbers[row])])
    _refuse_few(len(kept))
    if rows.vectors is None:
        raise ValueError("the photos were read without vectors.")
    product_of = np.array([place_of[int(rows.numbers[row])] for row in kept], np.intp)
    starts = np.searchsorted(product_of, np.arange(len(numbers)))
    positions = np.arange(len(kept)) - starts[product_of]
    products = tuple(found[number] for number in numbers)
    ids = tuple(rows.ids[row] for row in kept)
    return Collection(
        data=_described(name, source, licence, products, product_of, positions, ids),
        products=products,
        product_of=product_of,
        positions=positions,
        ids=ids,
        paths=tuple(Path(rows.paths[row]) for row in kept),
        vectors=rows.vectors[kept],
    )


def _refuse_few(photos: int) -> None:
    if photos < LEAST_PHOTOS:
        raise BenchmarkError(
            f"{photos} photos are too few to measure a search on; {LEAST_PHOTOS} are the least, "
            "thousands are better."
        )


def _drawn(numbers: Sequence[int], rows: PhotoRows, limit: int, seed: int) -> list[int]:
    """Products whose photos together are at most `limit`, drawn at random, in their order."""
    counts = dict(
        zip(*map(np.ndarray.tolist, np.unique(rows.numbers, return_counts=True)), strict=True)
    )
    order = np.random.default_rng(seed).permutation(len(numbers))
    drawn: set[int] = set()
    total = 0
    for place in order:
        number = numbers[place]
        if total + counts[number] <= limit:
            drawn.add(number)
            total += counts[number]
    return [number for number in numbers if number in drawn]


def _described(
    name: str,
    source: str,
    licence: str,
    products: Sequence[Product],
    product_of: NDArray[np.intp],
    positions: NDArray[np.intp],
    ids: Sequence[str],
) -> DataSet:
    names = tuple(
        f"{products[product].id}/{position}"
        for product, position in zip(product_of.tolist(), positions.tolist(), strict=True)
    )
    categories = tuple(products[product].category for product in product_of.tolist())
    whole = hashlib.sha256()
    for row in zip(names, ids, categories, strict=True):
        whole.update(repr(row).encode())
    return DataSet(
        name=name,
        products=len(products),
        photos=len(ids),
        categories=len(set(categories) - {""}),
        source=source,
        licence=licence,
        fingerprint=whole.hexdigest(),
        photo_names=names,
        photo_categories=categories,
    )


Degradation: TypeAlias = Callable[[RgbImage, np.random.Generator, Sequence[RgbImage]], RgbImage]

SPOILT_SIDE_PX: Final = 512
"""Longest side that photos are brought to first: noise and JPEG blocks are counted in pixels."""

EXPOSURE_EV: Final = -1.0
WARM_GAINS: Final = (1.25, 1.0, 0.6)
VIGNETTE_AT_CORNERS: Final = 0.5
NOISE_SIGMA: Final = 6.0
CROP_SIDES: Final = (0.60, 0.75)
BLUR_SHARE: Final = 0.012
JPEG_QUALITY: Final = 10
CLUTTER_SIDE: Final = 0.65
CLUTTER_PATCH: Final = 0.25
_BICUBIC_REACH: Final = 3
ROTATION_DEGREES: Final = (10.0, 20.0)


def phone_light(image: RgbImage, rng: np.random.Generator, _: Sequence[RgbImage] = ()) -> RgbImage:
    """Indoors by lamp light: one stop too dark, a cast, dark corners and noise.

    In linear light: half the exposure (EXPOSURE_EV), red and blue multiplied by WARM_GAINS or, half
    of the time, by their mirror (a cold cast), a vignette that leaves VIGNETTE_AT_CORNERS of the
    light in the corners, falling with the square of the distance from the centre. Then Gaussian
    noise of NOISE_SIGMA of 255 in sRGB. The curve is that of IEC 61966-2-1.
    """
    height, width = image.shape[:2]
    gains = np.array(WARM_GAINS if rng.random() < 0.5 else WARM_GAINS[::-1])
    rows = np.linspace(-1, 1, height)[:, None] ** 2 if height > 1 else np.zeros((1, 1))
    columns = np.linspace(-1, 1, width)[None, :] ** 2 if width > 1 else np.zeros((1, 1))
    vignette = 1 - (1 - VIGNETTE_AT_CORNERS) * (rows + columns) / 2
    linear = _TO_LINEAR[image] * (2.0**EXPOSURE_EV * gains) * vignette[:, :, None]
    linear = np.clip(linear, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    noisy = encoded * 255 + rng.normal(0, NOISE_SIGMA, image.shape)
    return np.asarray(np.clip(np.rint(noisy), 0, 255), np.uint8)


def crop(image: RgbImage, rng: np.random.Generator, _: Sequence[RgbImage] = ()) -> RgbImage:
    """Too near: a window of CROP_SIDES of each side, anywhere, enlarged as digital zoom does."""
    height, width = image.shape[:2]
    share = rng.uniform(*CROP_SIDES)
    window = _window(image, max(1, round(height * share)), max(1, round(width * share)), rng)
    return _resized(window, width, height)


def blur(image: RgbImage, _rng: np.random.Generator, _: Sequence[RgbImage] = ()) -> RgbImage:
    """Out of focus: a Gaussian whose sigma is BLUR_SHARE of the longer side."""
    radius = BLUR_SHARE * max(image.shape[:2])
    return np.array(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def jpeg(image: RgbImage, _rng: np.random.Generator, _: Sequence[RgbImage] = ()) -> RgbImage:
    """Sent around too often: encoded as JPEG of JPEG_QUALITY with halved colour, and decoded."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=JPEG_QUALITY, subsampling="4:2:0")
    with Image.open(file) as decoded:
        return np.array(decoded.convert("RGB"))


def clutter(image: RgbImage, rng: np.random.Generator, others: Sequence[RgbImage]) -> RgbImage:
    """In a full room: other furniture behind it, and a piece of some in front of it.

    The photo is shrunk to CLUTTER_SIDE of its sides and put anywhere over four quarters that are
    parts of `others`; one more part, CLUTTER_PATCH of the sides, lies over one of its corners.

    Raises:
        BenchmarkError: there are no other images.
    """
    if not others:
        raise BenchmarkError("Clutter needs images of other products. Add products with photos.")
    height, width = image.shape[:2]
    spoilt = np.empty_like(image)
    middle, centre = height // 2, width // 2
    for rows in (slice(0, middle), slice(middle, height)):
        for columns in (slice(0, centre), slice(centre, width)):
            quarter = spoilt[rows, columns]
            if quarter.size:
                quarter[:] = _part(others, quarter.shape[0], quarter.shape[1], rng)
    inner_h, inner_w = max(1, round(height * CLUTTER_SIDE)), max(1, round(width * CLUTTER_SIDE))
    top = int(rng.integers(0, height - inner_h + 1))
    left = int(rng.integers(0, width - inner_w + 1))
    spoilt[top : top + inner_h, left : left + inner_w] = _resized(image, inner_w, inner_h)
    patch_h, patch_w = max(1, round(height * CLUTTER_PATCH)), max(1, round(width * CLUTTER_PATCH))
    low = top if rng.random() < 0.5 else top + inner_h - patch_h
    side = left if rng.random() < 0.5 else left + inner_w - patch_w
    low, side = max(low, 0), max(side, 0)
    spoilt[low : low + patch_h, side : side + patch_w] = _part(others, patch_h, patch_w, rng)
    return spoilt


def rotation(image: RgbImage, rng: np.random.Generator, _: Sequence[RgbImage] = ()) -> RgbImage:
    """A camera held askew, by ROTATION_DEGREES to either side.

    A tilted camera sees more of the room in the corners; here the photo's own edge, mirrored.
    """
    height, width = image.shape[:2]
    degrees = rng.uniform(*ROTATION_DEGREES) * (1 if rng.random() < 0.5 else -1)
    sine, cosine = abs(math.sin(math.radians(degrees))), math.cos(math.radians(degrees))
    above = math.ceil((width * sine + height * (cosine - 1)) / 2)
    beside = math.ceil((height * sine + width * (cosine - 1)) / 2)
    above, beside = (max(0, each) + _BICUBIC_REACH for each in (above, beside))
    wide = np.pad(image, ((above, above), (beside, beside), (0, 0)), mode="symmetric")
    turned = np.array(Image.fromarray(wide).rotate(degrees, Image.Resampling.BICUBIC))
    return np.ascontiguousarray(turned[above : above + height, beside : beside + width])


DEGRADATIONS: Final[Mapping[str, Degradation]] = MappingProxyType(
    {
        "phone light": phone_light,
        "crop": crop,
        "blur": blur,
        "JPEG": jpeg,
        "clutter": clutter,
        "rotation": rotation,
    }
)
"""Name in a suite → function."""


def degradation(name: str) -> Degradation:
    """The way to spoil a photo that a suite names.

    Raises:
        BenchmarkError: there is none of that name.
    """
    try:
        return DEGRADATIONS[name]
    except KeyError:
        known = ", ".join(DEGRADATIONS)
        raise BenchmarkError(f"There is no degradation {name!r}. Name some of: {known}.") from None


def fitted(image: RgbImage) -> RgbImage:
    """The image, shrunk until its longer side is at most SPOILT_SIDE_PX."""
    height, width = image.shape[:2]
    scale = SPOILT_SIDE_PX / max(height, width)
    if scale >= 1:
        return image
    return _resized(image, max(1, round(width * scale)), max(1, round(height * scale)))


def _linear_of_srgb() -> NDArray[np.float64]:
    values = np.arange(256) / 255
    linear: NDArray[np.float64] = np.where(
        values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4
    )
    return linear


_TO_LINEAR: Final = _linear_of_srgb()


def _resized(image: RgbImage, width: int, height: int) -> RgbImage:
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))


def _window(image: RgbImage, height: int, width: int, rng: np.random.Generator) -> RgbImage:
    """A part of an image, anywhere in it."""
    top = int(rng.integers(0, image.shape[0] - height + 1))
    left = int(rng.integers(0, image.shape[1] - width + 1))
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def _part(
    others: Sequence[RgbImage], height: int, width: int, rng: np.random.Generator
) -> RgbImage:
    """Three quarters of each side of one of the images, brought to a size."""
    other = others[int(rng.integers(len(others)))]
    high, wide = (max(1, round(0.75 * side)) for side in other.shape[:2])
    return _resized(_window(other, high, wide, rng), width, height)
