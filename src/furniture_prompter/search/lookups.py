"""One product or one photo of a catalog, by its id."""

import re
from pathlib import Path
from typing import Final

import numpy as np

from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.uploads import UPLOADS_FOLDER
from furniture_prompter.domain import Photo, Product
from furniture_prompter.errors import PhotoNotFoundError, ProductNotFoundError

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


async def number_of_product(reader: CatalogReader, product_id: str) -> int:
    """The catalog's own number of a product.

    Raises:
        ProductNotFoundError: the catalog has none of that id.
    """
    number = await reader.number_of(product_id)
    if number is None:
        raise ProductNotFoundError(
            f"The catalog has no product {product_id[:100]!r}. Check the id; every hit has one."
        )
    return number


async def find_product(reader: CatalogReader, product_id: str) -> tuple[Product, tuple[Photo, ...]]:
    """A product and its photos, main one first.

    Raises:
        ProductNotFoundError: the catalog has none of that id.
    """
    number = await number_of_product(reader, product_id)
    numbers = np.array([number], np.int64)
    product = (await reader.products(numbers))[number]
    rows = await reader.photos(numbers, None)
    photos = (
        Photo(photo_id, product.id, path)
        for photo_id, path in zip(rows.ids, rows.paths, strict=True)
    )
    return product, tuple(photos)


async def find_photo(reader: CatalogReader, photo_id: str) -> Path:
    """The file of a photo: where it was indexed or, after a move, among the catalog's uploads.

    Nothing of the path comes from `photo_id`: the catalog's row names it.

    Raises:
        PhotoNotFoundError: the catalog has no photo of that id, or its file is gone.
    """
    photo = await reader.photo(photo_id) if _SHA256.fullmatch(photo_id) else None
    if photo is None:
        raise PhotoNotFoundError("The catalog has no such photo. Take the address from a hit.")
    stored = Path(photo.path)
    for path in (stored, reader.folder / UPLOADS_FOLDER / stored.name):
        if path.is_file():
            return path
    raise PhotoNotFoundError(
        "The photo's file is gone from where it was indexed. Put it back, or index again."
    )
