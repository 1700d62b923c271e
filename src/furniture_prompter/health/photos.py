"""Checks of photo files: decoded small, then found missing, tiny, placeholders, or twice.

A photo's look is its size, sharpness, flatness and pixel hash; the catalog's vectors propose pairs
that are nearly the same, and pixel hashes decide.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cache
from itertools import product as combinations
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from furniture_prompter.domain import Finding, RgbImage
from furniture_prompter.encoders.decoding import PhotoLimits, decode_into, read_photo_bytes
from furniture_prompter.encoders.headers import read_header
from furniture_prompter.encoders.processors import available_cpus
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.health.contents import CatalogContents
from furniture_prompter.read_ahead import read_ahead
from furniture_prompter.unit_rows import unit_rows

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


LEAST_SIDE_PX: Final = 200
"""Longer side below which a photo is tiny: encoders look at squares of about that size."""

# Chosen on the untouched catalogs of benchmarks/health.py, whose softest photo, a glossy door, has
# a sharpness of 0.42.
LEAST_SHARPNESS: Final = 0.41
LEAST_INK: Final = 0.0005
LIKE_A_PLACEHOLDER: Final = 0.83
"""Cosine to a drawn placeholder from which a photo that is as flat as one is taken for one."""

LEAST_FLATNESS: Final = 0.4
MOST_OFF_LINE: Final = 12.0

EncodeImages = Callable[[Sequence[RgbImage]], NDArray[np.float32]]

_SIDE_PX: Final = 400
_WORDINGS: Final = (
    "",
    "No image",
    "NO IMAGE\nAVAILABLE",
    "Image not available",
    "Image coming soon",
    "Resim yok",
    "Kein Bild",
)
_PAPERS: Final = (((255, 255, 255), (120, 120, 120)), ((224, 224, 224), (140, 140, 140)))
_ICONS: Final = ("", "camera", "picture")


def unreadable_photos(
    contents: CatalogContents, looks: Sequence[PhotoLook | str]
) -> tuple[Finding, ...]:
    """Photos whose file is gone or damaged since it was indexed."""
    return tuple(
        contents.about_photo(photo, look)
        for photo, look in enumerate(looks)
        if isinstance(look, str)
    )


def tiny_photos(contents: CatalogContents, looks: Sequence[PhotoLook | str]) -> tuple[Finding, ...]:
    """Photos of few pixels, or enlarged from few."""
    found = []
    for photo, look in _readable(looks):
        longer = max(look.width, look.height)
        if longer < LEAST_SIDE_PX:
            detail = f"The photo has {look.width} × {look.height} pixels."
            found.append(contents.about_photo(photo, detail, 2 + 1 / longer))
        elif look.sharpness < LEAST_SHARPNESS:
            detail = (
                f"The photo has {look.width} × {look.height} pixels and the detail of a much "
                "smaller one."
            )
            found.append(contents.about_photo(photo, detail, 1 - look.sharpness))
    return tuple(sorted(found, key=lambda each: -each.score))


def placeholders(
    contents: CatalogContents, looks: Sequence[PhotoLook | str], encode: EncodeImages
) -> tuple[Finding, ...]:
    """Photos of nothing: blank ones, and those like a drawn sign that there is none."""
    signs = unit_rows(encode(drawn_placeholders()))
    likeness = (contents.vectors @ signs.T).max(axis=1)
    found = []
    for photo, look in _readable(looks):
        if look.ink < LEAST_INK:
            found.append(contents.about_photo(photo, "The photo has one colour alone.", 2.0))
        elif is_sign(look, float(likeness[photo])):
            detail = "The photo looks like a sign that there is none."
            found.append(contents.about_photo(photo, detail, float(likeness[photo])))
    return tuple(sorted(found, key=lambda each: -each.score))


def is_sign(look: PhotoLook, likeness: float) -> bool:
    """Whether a photo is flat as a drawing, and near to a drawn placeholder."""
    is_flat = look.flatness >= LEAST_FLATNESS and look.off_line <= MOST_OFF_LINE
    return is_flat and likeness >= LIKE_A_PLACEHOLDER


@cache
def drawn_placeholders() -> tuple[RgbImage, ...]:
    """Signs as shops put them where a photo is missing; shape (400, 400, 3) each."""
    return tuple(
        _sign(words, *colours, icon)
        for words, colours, icon in combinations(_WORDINGS, _PAPERS, _ICONS)
        if words or icon
    )


def _sign(
    words: str, paper: tuple[int, int, int], ink: tuple[int, int, int], icon: str
) -> RgbImage:
    image = Image.new("RGB", (_SIDE_PX, _SIDE_PX), paper)
    draw = ImageDraw.Draw(image)
    middle = _SIDE_PX // 2
    top = middle - 70 if words == "" else 80
    if icon:
        draw.rectangle((120, top, 280, top + 130), outline=ink, width=8)
    if icon == "camera":
        draw.ellipse((165, top + 30, 235, top + 100), outline=ink, width=8)
    elif icon == "picture":
        hills = ((130, 120), (180, 55), (210, 95), (235, 65), (270, 120))
        draw.polygon([(x, top + y) for x, y in hills], fill=ink)
        draw.ellipse((235, top + 18, 261, top + 44), fill=ink)
    height = middle + 70 if icon else middle
    font = ImageFont.load_default(44)
    draw.multiline_text((middle, height), words, fill=ink, font=font, anchor="mm", align="center")
    return np.asarray(image)


def _readable(looks: Sequence[PhotoLook | str]) -> Iterator[tuple[int, PhotoLook]]:
    for photo, look in enumerate(looks):
        if not isinstance(look, str):
            yield photo, look


LIMIT_PHOTOS: Final = 60_000
"""Photos up to which every pair is compared: the work grows with their square."""

# Chosen by the planted catalogs of six seeds in benchmarks/health.py: of photos that were saved
# again, scaled or given a margin, about nineteen in twenty stay within all three. Of the pairs of
# different files in three untouched catalogs three do, which are the same pictures retouched; the
# next is a microwave oven beside another model of it, at a distance of 8.6.
LEAST_COSINE: Final = 0.9
MOST_DISTANCE: Final = 6.0
"""Root of the mean squared difference of two pixel hashes, in levels of 0 to 255."""

_MOST_ASPECT: Final = 0.015
_BLOCK: Final = 1_024


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What each of the three checks found; a pair is told once, by the first that it fits."""

    products: tuple[Finding, ...]
    shared: tuple[Finding, ...]
    near: tuple[Finding, ...]


def find_duplicates(
    contents: CatalogContents,
    looks: Sequence[PhotoLook | str],
    *,
    compare_pixels: bool = True,
    placeholders: Set[str] = frozenset(),
) -> Duplicates:
    """Groups of products that share a photo, or have nearly the same.

    Args:
        contents: The catalog.
        looks: Of each photo, in order; photos that cannot be read are compared by file alone.
        compare_pixels: Whether near-duplicates are looked for, which takes every pair of photos.
        placeholders: Files that are told as placeholders, and not for being alike as well.
    """

    def counts(photos: Sequence[int]) -> bool:
        return not any(contents.paths[photo] in placeholders for photo in photos)

    equal = filter(counts, _equal_files(contents))
    shared = [group for group in equal if _has_several_owners(contents, group)]
    near = _groups(filter(counts, near_pairs(contents, looks))) if compare_pixels else []
    products, of_shared, of_near = [], [], []
    told: set[frozenset[int]] = set()
    for group, is_near in [(each, False) for each in shared] + [(each, True) for each in near]:
        owners = frozenset(contents.owners[group].tolist())
        if owners in told:
            continue
        told.add(owners)
        titles = {contents.products[owner].title.casefold() for owner in owners}
        count = len(owners)
        if len(titles) == 1 and titles != {""}:
            detail = f"{count} products have the same title and the same photo."
            products.append(contents.about_photos(group, detail, count))
        elif is_near:
            detail = f"{count} products have nearly the same photo."
            of_near.append(contents.about_photos(group, detail, count))
        else:
            detail = f"{count} products have the same photo file."
            of_shared.append(contents.about_photos(group, detail, count))
    return Duplicates(tuple(products), tuple(of_shared), tuple(of_near))


def near_pairs(
    contents: CatalogContents, looks: Sequence[PhotoLook | str]
) -> Iterator[tuple[int, int]]:
    """Pairs of photos of different products that differ in how they were saved alone.

    The catalog's vectors propose them, pixel hashes decide.
    """
    vectors, owners = contents.vectors, contents.owners
    for begin in range(0, len(vectors), _BLOCK):
        cosines = vectors[begin : begin + _BLOCK] @ vectors[begin:].T
        firsts, seconds = np.nonzero(cosines >= LEAST_COSINE)
        later = seconds > firsts
        for first, second in zip(firsts[later] + begin, seconds[later] + begin, strict=True):
            if owners[first] != owners[second] and (
                contents.photo_ids[first] == contents.photo_ids[second]
                or are_same_picture(looks[first], looks[second])
            ):
                yield int(first), int(second)


def are_same_picture(one: PhotoLook | str, other: PhotoLook | str) -> bool:
    """Whether two photos show the same pixels but for how they were saved."""
    if isinstance(one, str) or isinstance(other, str):
        return False
    if abs(np.log(one.aspect / other.aspect)) > _MOST_ASPECT:
        return False
    difference = one.pixels.astype(np.float32) - other.pixels.astype(np.float32)
    return bool(np.sqrt(np.mean(difference**2)) <= MOST_DISTANCE)


def _equal_files(contents: CatalogContents) -> list[list[int]]:
    by_id: defaultdict[str, list[int]] = defaultdict(list)
    for photo, digest in enumerate(contents.photo_ids):
        by_id[digest].append(photo)
    return [photos for photos in by_id.values() if len(photos) > 1]


def _has_several_owners(contents: CatalogContents, photos: Sequence[int]) -> bool:
    return len({int(contents.owners[photo]) for photo in photos}) > 1


def _groups(pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Photos that pairs connect, directly or through others."""
    parents: dict[int, int] = {}

    def root(photo: int) -> int:
        while parents.setdefault(photo, photo) != photo:
            parents[photo] = parents[parents[photo]]
            photo = parents[photo]
        return photo

    for first, second in pairs:
        parents[root(first)] = root(second)
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for photo in sorted(parents):
        groups[root(photo)].append(photo)
    return list(groups.values())
