"""A catalog's products and photos with their vectors, as the checks of its health read them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain import Finding, FindingProduct, Product

Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CatalogContents:
    """Everything that one version holds; photos run in the order of their products.

    Attributes:
        products: The products.
        owners: Index of each photo's product, shape (photos,), rising.
        photo_ids: Content hash of each photo.
        paths: File of each photo.
        vectors: Unit vector of each photo, shape (photos, d), float32.
    """

    products: tuple[Product, ...]
    owners: Numbers
    photo_ids: tuple[str, ...]
    paths: tuple[str, ...]
    vectors: NDArray[np.float32]

    @cached_property
    def main_photos(self) -> Numbers:
        """Index of each product's first photo, shape (products,)."""
        return np.searchsorted(self.owners, np.arange(len(self.products)))

    @cached_property
    def by_category(self) -> dict[str, list[int]]:
        """Indexes of the products of each category; products without one are left out."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for index, product in enumerate(self.products):
            if product.category:
                found[product.category.casefold()].append(index)
        return dict(found)

    def named(self, index: int, photo: int | None = None) -> FindingProduct:
        """A product as a finding names it, with one photo or its main one."""
        product = self.products[index]
        shown = int(self.main_photos[index]) if photo is None else photo
        return FindingProduct(product.id, product.title, self.paths[shown])

    def about(self, index: int, detail: str, score: float = 0.0) -> Finding:
        """A finding about one product."""
        return Finding(detail, (self.named(index),), score)

    def about_photo(self, photo: int, detail: str, score: float = 0.0) -> Finding:
        """A finding about one photo."""
        return Finding(detail, (self.named(int(self.owners[photo]), photo),), score)

    def about_photos(self, photos: Sequence[int], detail: str, score: float = 0.0) -> Finding:
        """A finding about several photos, one of each product that has them."""
        first = {int(self.owners[photo]): photo for photo in sorted(photos, reverse=True)}
        named = tuple(self.named(owner, photo) for owner, photo in sorted(first.items()))
        return Finding(detail, named, score)


async def read_contents(reader: CatalogReader) -> CatalogContents:
    """All products and photos of an opened version.

    Raises:
        CatalogDamagedError: it cannot be read.
    """
    photos = await reader.all_photos()
    numbers, owners = np.unique(photos.numbers, return_inverse=True)
    products = await reader.products(numbers)
    vectors = photos.vectors
    if vectors is None:
        raise TypeError("all photos come with their vectors")
    return CatalogContents(
        tuple(products[number] for number in numbers.tolist()),
        owners.astype(np.int64),
        tuple(photos.ids),
        tuple(photos.paths),
        np.asarray(vectors, np.float32),
    )
