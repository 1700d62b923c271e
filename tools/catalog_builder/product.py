"""One product from model to checked pictures and its row of products.jsonl, id and title."""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tools.catalog_builder.colours import CLEAR, dominant_colours
from tools.catalog_builder.finishes import Finish, dressed_materials, finish_material
from tools.catalog_builder.framing import View, views_of
from tools.catalog_builder.libraries import LICENCE_URLS, SourceModel
from tools.catalog_builder.materials import substance_in_title
from tools.catalog_builder.meshes import Part, box_uvs, load_parts
from tools.catalog_builder.rendering import Studio, cropped

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")


def slug(text: str) -> str:
    """``armChair2`` → ``arm-chair-2``: lower-case ASCII words and numbers joined by hyphens.

    Raises:
        ValueError: no letter or digit is left.
    """
    spaced = _CAMEL.sub("-", text.replace("ı", "i"))
    ascii_text = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", ascii_text.lower())
    if not words:
        raise ValueError(f"{text!r} has no letter or digit to make an id of")
    return "-".join(words)


def joined(words: Sequence[str], conjunction: str) -> str:
    """``["white", "red", "black"]``, ``"and"`` → ``white, red and black``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"


def distinct_titles(names: Sequence[str], qualifiers: Sequence[Sequence[str]]) -> list[str]:
    """Titles that differ where they can: a name shared by several products takes qualifiers.

    Args:
        names: the plain title of each product.
        qualifiers: for each product what may follow its name, most telling first; as many are
            added as it takes to part it from the others of its name.
    """
    titles = list(names)
    depth = 0
    while True:
        crowded = {title for title, count in Counter(titles).items() if count > 1}
        waiting = [
            i for i, title in enumerate(titles) if title in crowded and depth < len(qualifiers[i])
        ]
        if not waiting:
            return titles
        for i in waiting:
            titles[i] = f"{titles[i]}, {qualifiers[i][depth]}"
        depth += 1


# Coverage above this (of 255) counts as product.
COVERED = 8
LEAST_FOREGROUND = 0.01
# A black chair still shows edges and highlights; a picture whose brightest hundredth stays under
# this level was drawn without light.
LEAST_BRIGHT_LEVEL = 16

Pixels = NDArray[np.uint8]


class UnfitPictureError(ValueError):
    """A picture failed a check; the message says which."""


def check_shot(pixels: Pixels, coverage: Pixels) -> None:
    """Refuse a shot (h, w, 3) with its coverage (h, w), before it is cropped.

    Raises:
        UnfitPictureError: empty, cut off at an edge of the frame, or black.
    """
    mask = coverage > COVERED
    share = float(mask.mean())
    if share < LEAST_FOREGROUND / 10:
        raise UnfitPictureError(f"empty: {share:.2%} of the frame shows the product")
    if mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any():
        raise UnfitPictureError("cut off: the product touches the edge of the frame")
    brightness = pixels[mask].max(axis=1)
    if float(np.percentile(brightness, 99)) < LEAST_BRIGHT_LEVEL:
        raise UnfitPictureError("black: the product reflects no light")


def check_cropped(coverage: Pixels) -> None:
    """Refuse a cropped picture in which the product covers less than `LEAST_FOREGROUND`.

    Raises:
        UnfitPictureError: the product is a few specks.
    """
    share = float((coverage > COVERED).mean())
    if share < LEAST_FOREGROUND:
        raise UnfitPictureError(f"empty: the product covers {share:.2%} of its picture")


def check_textured(flat: Pixels, coverage: Pixels, plain_parts: int) -> None:
    """Refuse a flat-coloured shot with no more colours than its untextured parts explain.

    Args:
        flat: (h, w, 3) shot without light.
        coverage: (h, w) of the same shot.
        plain_parts: how many parts of the product have one colour each.

    Raises:
        UnfitPictureError: the texture that the product has does not show.
    """
    colours = flat[coverage > COVERED] >> 2
    distinct = len(np.unique(colours, axis=0))
    if distinct <= plain_parts + 1:
        raise UnfitPictureError(f"untextured: {distinct} colours for a product with a texture")


# Colours are measured on the flat colours of this many first views.
COLOUR_VIEWS = 2
# A substance is named as a product's material from this share of its surface on.
MATERIAL_SHARE = 0.2
# Words that libraries put on every model.
_LIBRARY_TAGS = frozenset({"blend swap", "scpts", "adjustable"})
TEST_SHARE = 0.3


@dataclass(frozen=True)
class Order:
    """What to render: a model, in a finish or as it comes, from so many sides.

    Pictures are drawn ``supersampling`` times larger than they are kept, for smooth edges.
    """

    model: SourceModel
    category: str
    category_tr: str
    title: str
    title_tr: str
    finish: Finish | None
    view_count: int
    longest_side_pixels: int
    jpeg_quality: int
    supersampling: float = 1.75

    @property
    def product_id(self) -> str:
        """``scopia-armchair-1``, a variant with its finish behind: stable from build to build."""
        base = f"{self.model.library.slug}-{slug(self.model.stem)}"
        return base if self.finish is None else f"{base}-{self.finish.key}"

    @property
    def family(self) -> str:
        """The product id of the model as it comes; variants share it."""
        return f"{self.model.library.slug}-{slug(self.model.stem)}"


@dataclass(frozen=True)
class Rendered:
    """The row without its final title and image paths, and the JPEG files in order."""

    row: dict[str, object]
    pictures: list[bytes]


def split_of(family: str) -> str:
    """``"test"`` for about `TEST_SHARE` of the families, ``"train"`` for the rest, by hash."""
    number = int(hashlib.sha256(family.encode()).hexdigest()[:8], 16)
    return "test" if number / 0x1_0000_0000 < TEST_SHARE else "train"


def render_product(order: Order, source: Path) -> Rendered:
    """Render and describe one product.

    Raises:
        UnfitPictureError: a picture fails a check.
        MissingTextureError, ValueError, OSError: the model cannot be read.
    """
    parts = load_parts(order.model, source)
    if order.finish is not None:
        parts = dressed(parts, order.category, order.finish)
    views = views_of(order.model, order.view_count)
    pictures = []
    with Studio(parts, round(order.longest_side_pixels * order.supersampling)) as studio:
        for view in views:
            shot = studio.lit(view)
            check_shot(shot.pixels, shot.coverage)
            picture = cropped(shot, order.longest_side_pixels)
            check_cropped(picture.coverage)
            pictures.append(_jpeg(picture.pixels, order.jpeg_quality))
        colours = _colours(studio, parts, views[:COLOUR_VIEWS])
    return Rendered(_row(order, parts, colours), pictures)


def dressed(parts: list[Part], category: str, finish: Finish) -> list[Part]:
    """The parts with the finish on every surface that it can change.

    Raises:
        ValueError: a product of this category has no such surface.
    """
    change = dressed_materials(category, parts)
    if change is None or change[0] != finish.substance:
        raise ValueError(f"{finish.key} does not go on this product")
    return [
        replace(
            part,
            material=finish_material(finish),
            uvs=box_uvs(part.points, finish.tile_cm, grain=finish.substance == "wood"),
            texture=finish.picture(),
            opacity_texture=None,
        )
        if part.material.name in change[1]
        else part
        for part in parts
    ]


def _colours(studio: Studio, parts: list[Part], views: tuple[View, ...]) -> list[str]:
    pixels, codes = [], []
    for view in views:
        shot, made_of = studio.flat(view), studio.substance_codes(view)
        if any(part.texture for part in parts):
            plain = sum(part.texture is None for part in parts)
            check_textured(shot.pixels, shot.coverage, plain)
        # Leaves and veils that are see-through count too, but for the faintest of their pixels.
        seen = (shot.coverage >= shot.coverage.max() / 2) | (made_of == CLEAR)
        pixels.append(shot.pixels[seen])
        codes.append(made_of[seen])
    return dominant_colours(np.concatenate(pixels), np.concatenate(codes))[0]


def _row(order: Order, parts: list[Part], colours: list[str]) -> dict[str, object]:
    model = order.model
    tags = [tag.lower() for tag in model.tags if tag.lower() not in _LIBRARY_TAGS]
    row: dict[str, object] = {
        "id": order.product_id,
        "title": order.title,
        "title_tr": order.title_tr,
        "category": order.category,
        "category_tr": order.category_tr,
        "tags": list(dict.fromkeys([*tags, model.category.lower()])),
        "color": ", ".join(colours),
        "colors": colours,
    }
    material = ", ".join(_substances(order, parts))
    if material:
        row["material"] = material
    row |= {
        "width_cm": round(model.width_cm, 1),
        "depth_cm": round(model.depth_cm, 1),
        "height_cm": round(model.height_cm, 1),
        "images": [],
        "creator": model.library.credited_as or model.creator,
        "licence": model.library.licence,
        "licence_url": LICENCE_URLS[model.library.licence],
        "source": f"Sweet Home 3D, {model.model_id}",
        "family": order.family,
        "variant": order.finish.key if order.finish else None,
    }
    return row


def _substances(order: Order, parts: list[Part]) -> list[str]:
    total = sum(part.area for part in parts)
    areas: dict[str, float] = {}
    for part in parts:
        substance = part.material.substance
        if substance:
            areas[substance] = areas.get(substance, 0.0) + part.area
    found = [s for s, area in sorted(areas.items(), key=lambda item: -item[1])
             if area >= MATERIAL_SHARE * total]  # fmt: skip
    said = None if order.finish else substance_in_title(order.title)
    return list(dict.fromkeys([*([said] if said else []), *found]))


def _jpeg(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, optimize=True, progressive=True)
    return buffer.getvalue()
