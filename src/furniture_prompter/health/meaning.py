"""Photos that show something else than the title says, and categories that neither fits.

What a row shows is told from the other products of the catalog alone, by ridge regression: each
product is left out of what judges it, so a wrong photo cannot vouch for itself.
"""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain import Finding
from furniture_prompter.health.contents import CatalogContents
from furniture_prompter.unit_rows import unit_rows

Rows = NDArray[np.float64]

_SHRINKAGE: Final = 1.0
"""Ridge penalty, times the mean eigenvalue of what is regressed on."""

_BACKGROUND: Final = 1_000
_BEST: Final = 0.98
_SPREADS: Final = 0.25


def fit_of(
    features: NDArray[np.floating], words: NDArray[np.floating], owners: NDArray[np.int64]
) -> Rows:
    """Judge every row by the rows of other owners: how far its words stand below the best ones.

    The best are the highest fiftieth of a thousand products' words. What a row falls short of them
    counts as a cosine, and by a quarter in standard deviations of all words' cosines to the row:
    either alone is another measure in a catalog of much of a kind than in one of many kinds.

    Args:
        features: Unit rows of what is judged, such as photo vectors, shape (n, d).
        words: Unit rows of what should tell of each, shape (n, t).
        owners: Product of each row, shape (n,), rising: its own rows are left out together.

    Returns:
        Shape (n,); larger is better, and about 0 where nothing fits better.
    """
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    wanted = words.astype(np.float64) - words.mean(axis=0, dtype=np.float64)
    told = unit_rows(left_out_predictions(centred, wanted, owners)).astype(np.float64)
    wanted = unit_rows(wanted).astype(np.float64)
    chosen = np.random.default_rng(0).permutation(len(wanted))[:_BACKGROUND]
    against = told @ wanted[np.sort(chosen)].T
    place = int(_BEST * against.shape[1])
    best = np.partition(against, place, axis=1)[:, place]
    short = np.einsum("nt,nt->n", told, wanted) - best
    result: Rows = short + _SPREADS * short / np.maximum(against.std(axis=1), 1e-6)
    return result


def left_out_predictions(centred: Rows, wanted: Rows, owners: NDArray[np.int64]) -> Rows:
    """Ridge predictions of each owner's rows by the others, in closed form.

    With the hat matrix H, leaving a group g out gives the residuals (I - H_gg)^-1 (y_g - ŷ_g).

    Args:
        centred: What is predicted from, less its mean, shape (n, d).
        wanted: What is predicted, shape (n, e).
        owners: The owner of each row, rising, shape (n,).

    Returns:
        Shape (n, e).
    """
    gram = centred.T @ centred
    penalty = _SHRINKAGE * np.trace(gram) / len(gram)
    inverse = np.linalg.inv(gram + max(penalty, 1e-9) * np.eye(len(gram)))
    predicted = centred @ (inverse @ (centred.T @ wanted))
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    for begin, end in zip(starts, [*starts[1:], len(owners)], strict=True):
        rows = centred[begin:end]
        leverage = rows @ inverse @ rows.T
        residual = wanted[begin:end] - predicted[begin:end]
        left_out = np.linalg.solve(np.eye(end - begin) - leverage, residual)
        predicted[begin:end] = wanted[begin:end] - left_out
    return predicted


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
    """Judge every product by all others; see :func:`fit_of`."""
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
