"""Photos that show something else than the title says, and categories that neither fits."""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain import Finding
from furniture_prompter.health.contents import CatalogContents
from furniture_prompter.health.fit import fit_of
from furniture_prompter.unit_rows import unit_rows

LEAST_PRODUCTS: Final = 150
"""Products below which what photos of a kind look like cannot be told from the others."""

LIMIT_PHOTOS: Final = 60_000
"""Photos up to which the checks run: the work grows with their square."""

# Chosen by the planted catalogs of six seeds in benchmarks/health.py, two sets of real photos and
# the bundled one: about the most at which no more than one warning in twenty was wrong on any of
# them. docs/health.md has what they give on catalogs of other seeds.
MOST_PHOTO_FIT: Final = -2.5
MOST_CATEGORY_FIT: Final = -4.3

EncodePrompts = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Misfits:
    """Products whose photo fits no word of theirs, and those whose category alone is odd."""

    photos: tuple[Finding, ...]
    categories: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """How well photos and categories fit, and by which words.

    Attributes:
        photo: Fit of each photo to its product's words and of them to it, shape (photos,); larger
            is better.
        category: Fit of each product's category to its title, its photo and both, shape
            (products,).
    """

    photo: NDArray[np.float64]
    category: NDArray[np.float64]


def judge(contents: CatalogContents, encode: EncodePrompts) -> Judged:
    """Judge every product by all others; see :func:`furniture_prompter.health.fit.fit_of`."""
    owners = contents.owners
    texts = unit_rows(encode([product.text for product in contents.products]))[owners]
    photo = fit_of(contents.vectors, texts, owners) + fit_of(texts, contents.vectors, owners)

    titles = unit_rows(encode([product.title for product in contents.products]))
    categories = unit_rows(encode([product.category for product in contents.products]))
    main = contents.vectors[contents.main_photos]
    photos = unit_rows(main - main.mean(axis=0))
    both = unit_rows(np.concatenate([photos, titles], axis=1))
    alone = np.arange(len(categories))
    category = np.sum([fit_of(each, categories, alone) for each in (titles, photos, both)], axis=0)
    return Judged(photo, category)


def find_misfits(
    contents: CatalogContents,
    judged: Judged,
    *,
    placeholders: Set[str] = frozenset(),
    untitled: Set[str] = frozenset(),
) -> Misfits:
    """Warnings on photos and categories that fit badly, the surest first.

    A product with a photo that fits none of its words is told for that alone.

    Args:
        contents: The catalog.
        judged: How everything in it fits.
        placeholders: Files that are told as placeholders, which cannot fit.
        untitled: Ids of products whose title says nothing, so that no category fits it.
    """
    photos, wrong = [], set()
    for photo in np.argsort(judged.photo, kind="stable"):
        fit = float(judged.photo[photo])
        if fit > MOST_PHOTO_FIT:
            break
        if contents.paths[photo] in placeholders:
            continue
        owner = int(contents.owners[photo])
        product = contents.products[owner]
        wrong.add(owner)
        said = product.title or product.category
        detail = f"The photo does not look like what it should show, “{said[:60]}”."
        photos.append(contents.about_photo(int(photo), detail, -fit))
    categories = []
    for owner in np.argsort(judged.category, kind="stable"):
        fit = float(judged.category[owner])
        if fit > MOST_CATEGORY_FIT:
            break
        product = contents.products[int(owner)]
        if product.category and int(owner) not in wrong and product.id not in untitled:
            detail = f"Title and photo do not fit the category, “{product.category[:60]}”."
            categories.append(contents.about(int(owner), detail, -fit))
    return Misfits(tuple(photos), tuple(categories))
