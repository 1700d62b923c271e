"""Named ways to spoil a photo, as shoppers do; the same seed spoils it the same way.

Every function takes an image of shape (h, w, 3), a random generator and images of other products,
and returns a new uint8 image of the same shape. Strengths are fixed, so that figures of different
runs mean the same; sizes are shares of the image's sides, for an image of about SPOILT_SIDE_PX.
"""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from furniture_prompter.domain import RgbImage
from furniture_prompter.errors import BenchmarkError

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
    margin = math.ceil((math.hypot(height, width) - min(height, width)) / 2) + 1
    wide = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    turned = np.array(Image.fromarray(wide).rotate(degrees, Image.Resampling.BICUBIC))
    return np.ascontiguousarray(turned[margin : margin + height, margin : margin + width])


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
