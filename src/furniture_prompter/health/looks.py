"""Photo files looked at again, decoded small in threads: size, sharpness, flatness, pixel hash."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders.decoding import PhotoLimits, decode_into, read_photo_bytes
from furniture_prompter.encoders.headers import read_header
from furniture_prompter.encoders.processors import available_cpus
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.read_ahead import read_ahead

HASH_SIDE: Final = 24
"""Side of the pixel hash: few enough pixels to forget how a file was compressed or scaled, enough
to tell two views of a chair apart."""

_DECODED_SIDE_PX: Final = 448
_SAMPLED_SIDE_PX: Final = 160
# Largest distance in a channel at which a pixel still is the background: JPEG's noise is below it.
_NEAR: Final = 24
_FLAT: Final = 14
# What is nearer to the background is a compressed file's noise, and no ink.
_NOISE: Final = 8
# Share of the ink at each side that the pixel hash leaves out.
_OUTERMOST: Final = 0.005
_AHEAD: Final = 16
_STRONG_EDGES: Final = 0.995


@dataclass(frozen=True, slots=True, eq=False)
class PhotoLook:
    """What a photo file shows without knowing what it shows.

    Attributes:
        width: Of the file, in pixels.
        height: Of the file, in pixels.
        ink: Share of pixels that are not the background, which is the most frequent colour.
        flatness: Share of those that have one colour, their most frequent one.
        off_line: Mean distance of those from the line between both colours, in levels of 0 to 255.
        strokes: Times that a row goes from background to ink, in the rows that do so most.
        sharpness: Strongest edges against the same at half the size; a sharp photo has about 1, one
            that was enlarged four times about a quarter.
        pixels: The pixel hash: what is not margin, shape (HASH_SIDE, HASH_SIDE, 3), uint8.
        aspect: Width by height of what is not margin.
    """

    width: int
    height: int
    ink: float
    flatness: float
    off_line: float
    strokes: float
    sharpness: float
    pixels: RgbImage
    aspect: float


def look_at(path: str, limits: PhotoLimits) -> PhotoLook | str:
    """What a photo file looks like; a sentence where it cannot be read."""
    try:
        data = read_photo_bytes(Path(path), limits)
        return decode_into(
            data,
            lambda image: look_of(image, _size(data)),
            name=path,
            target_side_px=_DECODED_SIDE_PX,
            limits=limits,
        )
    except InvalidPhotoError as error:
        return str(error)


def _size(data: bytes) -> tuple[int, int] | None:
    """Width and height that the header of a photo says, which was decoded without fault."""
    header = read_header(data)
    return header.size if header is not None else None


def look_at_all(
    paths: Sequence[str], limits: PhotoLimits, on_look: Callable[[int], None]
) -> list[PhotoLook | str]:
    """The looks of photo files, in their order; `on_look` is told how many are done."""
    looks: list[PhotoLook | str] = []
    results = read_ahead(
        lambda path: look_at(path, limits),
        paths,
        workers=available_cpus(),
        ahead=_AHEAD,
        thread_name="look",
    )
    for look in results:
        looks.append(look)
        on_look(len(looks))
    return looks


def look_of(image: RgbImage, size: tuple[int, int] | None = None) -> PhotoLook:
    """What pixels look like.

    Args:
        image: Shape (height, width, 3), possibly smaller than the file's own.
        size: Width and height of the file; the image's own when left out.
    """
    width, height = size or (image.shape[1], image.shape[0])
    # Every so many pixels, not their means: flat colours stay flat.
    step = max(1, round(max(image.shape[:2]) / _SAMPLED_SIDE_PX))
    sample = image[::step, ::step].astype(np.int16)
    background = _most_frequent(sample.reshape(-1, 3))
    mask = (np.abs(sample - background) > _NEAR).any(axis=2)
    marks = sample[mask]
    flatness, off_line = _flatness(marks, background)
    turns = (np.diff(mask.astype(np.int8), axis=1) == 1).sum(axis=1)
    strokes = float(np.quantile(turns, 0.9)) if turns.size else 0.0
    pixels, aspect = _pixel_hash(image, background)
    return PhotoLook(
        width,
        height,
        float(mask.mean()),
        flatness,
        off_line,
        strokes,
        _sharpness(image),
        pixels,
        aspect,
    )


def _most_frequent(colours: NDArray[np.int16]) -> NDArray[np.int16]:
    """The most frequent colour, to within a sixteenth of each channel; shape (3,)."""
    codes = (colours >> 4) @ np.array([256, 16, 1], np.int16)
    code = np.bincount(codes).argmax()
    middle: NDArray[np.int16] = np.median(colours[codes == code], axis=0).astype(np.int16)
    return middle


def _flatness(marks: NDArray[np.int16], background: NDArray[np.int16]) -> tuple[float, float]:
    if not len(marks):
        return 1.0, 0.0
    colour = _most_frequent(marks)
    flat = (np.abs(marks - colour) <= _FLAT).all(axis=1).mean()
    line = (colour - background).astype(np.float64)
    line /= max(float(np.linalg.norm(line)), 1e-9)
    offset = (marks - background).astype(np.float64)
    beside = offset - np.outer(offset @ line, line)
    return float(flat), float(np.linalg.norm(beside, axis=1).mean())


def _pixel_hash(image: RgbImage, background: NDArray[np.int16]) -> tuple[RgbImage, float]:
    """What is not margin, made small, so that a border or another crop of it does not count."""
    ink = _distance(image, background)
    left, right = _span(ink.sum(axis=0, dtype=np.int64))
    top, bottom = _span(ink.sum(axis=1, dtype=np.int64))
    small = Image.fromarray(np.ascontiguousarray(image)).resize(
        (HASH_SIDE, HASH_SIDE), Image.Resampling.BOX, box=(left, top, right, bottom)
    )
    return np.asarray(small), (right - left) / (bottom - top)


def _distance(image: RgbImage, background: NDArray[np.int16]) -> NDArray[np.uint8]:
    """How far each pixel is from the background, in its farthest channel, above noise."""
    farthest = np.full(image.shape[:2], _NOISE, np.uint8)
    for channel, level in enumerate(background.astype(np.uint8)):
        plane = image[:, :, channel]
        np.maximum(farthest, np.maximum(plane, level) - np.minimum(plane, level), out=farthest)
    farthest -= np.uint8(_NOISE)
    return farthest


def _span(ink: NDArray[np.int64]) -> tuple[float, float]:
    """Where the ink of a side begins and ends, less its outermost parts, in parts of a pixel.

    Where the first single pixel of ink is depends on how a file was compressed or scaled, and a
    box that is a few pixels off compares edges with what is beside them.
    """
    sums = np.concatenate([[0], np.cumsum(ink)]).astype(np.float64)
    total = sums[-1]
    if total <= 0:
        return 0.0, float(len(ink))
    ends = np.interp([_OUTERMOST * total, (1 - _OUTERMOST) * total], sums, np.arange(len(sums)))
    begin = min(float(ends[0]), len(ink) - 1.0)
    return begin, max(float(ends[1]), begin + 1)


def _sharpness(image: RgbImage) -> float:
    # Green has most of what the eye takes for brightness, and cameras record it finest.
    grey = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2, 1].astype(np.float32)
    half = (grey[::2, ::2] + grey[1::2, ::2] + grey[::2, 1::2] + grey[1::2, 1::2]) / np.float32(4)
    whole_edge, half_edge = _edges(grey), _edges(half)
    return whole_edge / half_edge if half_edge > 1.0 else 1.0


def _edges(grey: NDArray[np.float32]) -> float:
    """The strong second differences of a grey image, in levels."""
    if min(grey.shape) < 3:
        return 0.0
    inner = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    strength = np.abs(4 * inner - around).ravel()
    place = int(_STRONG_EDGES * (strength.size - 1))
    return float(np.partition(strength, place)[place])
