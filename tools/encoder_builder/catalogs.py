"""Catalog images for calibration and figures: listed, decoded, encoded."""

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain.product import RgbImage
from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.encoders.protocols import Encoder

_CHUNK = 32
"""Images decoded at a time, so that a large catalog does not have to fit in memory."""


@dataclass(frozen=True, slots=True)
class CatalogImage:
    """One image and what it shows.

    Attributes:
        path: The file.
        product: The product's id.
        category: Kind of furniture, or nothing.
        family: Products that are one model in several finishes share it.
    """

    path: Path
    product: str
    category: str
    family: str


def read_catalog(folder: Path) -> list[CatalogImage]:
    """Images that ``products.jsonl`` in ``folder`` names ("image" or "images"), in its order.

    Raises:
        FileNotFoundError: there is no such file, or it names no image.
    """
    images = []
    for line in (folder / "products.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        names = row["images"] if "images" in row else [row["image"]]
        product, category = str(row["id"]), str(row.get("category", ""))
        family = str(row.get("family", product))
        images += [CatalogImage(folder / name, product, category, family) for name in names]
    if not images:
        raise FileNotFoundError(f"{folder / 'products.jsonl'} names no image; give another folder.")
    return images


def pixels(images: Sequence[CatalogImage], side_px: int | None) -> Iterator[RgbImage]:
    """Decode one after the other, as indexing does for a square of ``side_px``; None for all."""
    for image in images:
        data = read_photo_bytes(image.path)
        yield decode_photo(data, name=str(image.path), target_side_px=side_px)


def encode_catalog(encoder: Encoder, images: Sequence[CatalogImage]) -> NDArray[np.float32]:
    """Vectors (images, dimension) by the calls that indexing makes.

    Raises:
        ValueError: ``encoder`` is none for images.
    """
    side_px = encoder.card.input_side_px
    if side_px is None:
        raise ValueError(f"{encoder.card.name} is a {encoder.card.kind} encoder.")
    return encode_images(encoder, pixels(images, side_px))


def encode_images(encoder: Encoder, images: Iterable[RgbImage]) -> NDArray[np.float32]:
    """Vectors (images, dimension), some images at a time; there must be one."""
    coming = iter(images)
    parts = []
    while chunk := list(itertools.islice(coming, _CHUNK)):
        parts.append(encoder.encode(chunk))
    return np.concatenate(parts)
