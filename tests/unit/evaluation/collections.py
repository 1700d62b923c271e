"""Collections that tests make: products with views and categories, no catalog."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain import Product, RgbImage
from furniture_prompter.evaluation.collection import Collection
from furniture_prompter.evaluation.record import DataSet


def collection_of(
    categories: Sequence[str],
    views: int | Sequence[int] = 2,
    *,
    colors: Sequence[str] = (),
    ids: Sequence[str] = (),
) -> Collection:
    """A product for each category with so many photos each."""
    counts = [views] * len(categories) if isinstance(views, int) else list(views)
    products = tuple(
        Product(
            id=f"p{number:05d}",
            title=f"no {number}",
            category=category,
            color=colors[number] if colors else "",
        )
        for number, category in enumerate(categories)
    )
    product_of = np.repeat(np.arange(len(categories)), counts)
    positions = np.concatenate([np.arange(count) for count in counts])
    n = len(product_of)
    pairs = list(zip(product_of.tolist(), positions.tolist(), strict=True))
    return Collection(
        data=DataSet(
            name="made",
            products=len(products),
            photos=n,
            categories=len(set(categories) - {""}),
            source="tests",
            licence="",
            fingerprint="0" * 64,
            photo_names=tuple(f"{products[p].id}/{position}" for p, position in pairs),
            photo_categories=tuple(products[p].category for p, _ in pairs),
        ),
        products=products,
        product_of=product_of,
        positions=positions,
        ids=tuple(ids) or tuple(f"{number:064x}" for number in range(n)),
        paths=tuple(Path(f"{number}.png") for number in range(n)),
        vectors=np.zeros((n, 2), np.float32),
    )


def unit(rows: NDArray[np.floating] | Sequence[Sequence[float]]) -> NDArray[np.float32]:
    """Rows of length 1."""
    array = np.asarray(rows, np.float64)
    found: NDArray[np.float32] = (array / np.linalg.norm(array, axis=1, keepdims=True)).astype(
        np.float32
    )
    return found


def random_unit(n: int, d: int, seed: int) -> NDArray[np.float32]:
    return unit(np.random.default_rng(seed).normal(size=(n, d)))


def picture(place: int) -> RgbImage:
    """An image of its own for every place, 40 by 60 pixels."""
    return np.random.default_rng(place).integers(0, 256, (40, 60, 3), np.uint8)


def no_images(images: Sequence[RgbImage]) -> NDArray[np.float32]:
    raise AssertionError("nothing was to be encoded")
