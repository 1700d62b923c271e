"""The photos that a benchmark searches: a catalog's, in a fixed order."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.reader import CatalogReader, PhotoRows
from furniture_prompter.domain import Product
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
        product_of: For each photo the place of its product in `products`, shape (n,).
        positions: For each photo its place among its product's photos, shape (n,).
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
        """Places of each product's first photo, by product."""
        first: NDArray[np.intp] = np.flatnonzero(
            np.r_[True, self.product_of[1:] != self.product_of[:-1]]
        )
        return first

    def only(self, places: NDArray[np.intp]) -> "Collection":
        """These photos alone, as a set of its own; products without any left are gone.

        Args:
            places: Rising places of photos.

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
