"""Contents of small catalogs, made in memory or drawn into a folder."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from furniture_prompter.bundled import catalog_feed
from furniture_prompter.domain import Product
from furniture_prompter.health.contents import CatalogContents
from tests.fakes import ColourGridEncoder

MakeContents = Callable[..., CatalogContents]


@pytest.fixture
def contents_of() -> MakeContents:
    """Contents of products with a photo each: files where they are given, else none."""

    def make(products: Sequence[Product], photos: Sequence[Path] = ()) -> CatalogContents:
        count = len(products)
        if not photos:
            names = tuple(f"{each.id}.jpg" for each in products)
            vectors = np.eye(count, max(count, 2), dtype=np.float32)
            return CatalogContents(tuple(products), np.arange(count), names, names, vectors)
        images = [np.asarray(Image.open(each).convert("RGB")) for each in photos]
        return CatalogContents(
            tuple(products),
            np.arange(count),
            tuple(hashlib.sha256(each.read_bytes()).hexdigest() for each in photos),
            tuple(map(str, photos)),
            ColourGridEncoder().encode(images),
        )

    return make


@pytest.fixture(scope="session")
def renders() -> list[Path]:
    """Photos of the bundled catalog, of different models."""
    files = sorted((catalog_feed().parent / "images").glob("*-0.jpg"))
    return files[::40]
