"""Checks of photo files: missing, tiny or enlarged ones, and placeholders that stand for none."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import product as combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from furniture_prompter.domain import Finding, RgbImage
from furniture_prompter.health.contents import CatalogContents
from furniture_prompter.health.looks import PhotoLook
from furniture_prompter.unit_rows import unit_rows

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
