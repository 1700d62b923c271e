"""Fitting an alignment: regularised canonical correlation analysis, in closed form.

Hardoon, Szedmak and Shawe-Taylor, "Canonical correlation analysis" (Neural Computation 16, 2004),
section 4, with a ridge on either side. Only covariance matrices are held, so memory does not grow
with the catalog. Figures behind the settings: benchmarks/prompt_to_photo.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.encoders.alignment import (
    Alignment,
    AlignmentQuality,
    AlignmentRefusal,
    unit_rows,
)

Matrix = NDArray[np.float64]

_CHUNK_ROWS = 4_096
_SMALLEST_RIDGE = 0.01
_LEAST_PERCENTILE = 0.6
_STANDARD_ERRORS = 4.0


@dataclass(frozen=True, slots=True)
class AlignmentSettings:
    """How an alignment is fitted.

    A ridge is given in products: a side's covariance is widened by ridge / n times its mean
    variance, n being the products fitted on. The prior then weighs as much as so many products,
    and one setting serves catalogs of 60 and of 100,000 (a fixed share of the variance does not).

    Attributes:
        dimension: Components of an aligned vector; fewer where the encoders have fewer.
        prompt_ridge_products: Ridge on the text's side.
        photo_ridge_products: Ridge on the photos' side.
        folds: Into which products are dealt to measure quality.
        least_products: Products with text below which nothing is fitted.
        least_texts: Distinct texts below which nothing is fitted.
        most_candidates: Products of a fold that are asked for, at most.
        seed: Of the dealing.
    """

    dimension: int = 128
    prompt_ridge_products: float = 150.0
    photo_ridge_products: float = 600.0
    folds: int = 5
    least_products: int = 40
    least_texts: int = 10
    most_candidates: int = 1_000
    seed: int = 0


_DEFAULTS = AlignmentSettings()


def fit_alignment(
    prompt_vectors: NDArray[np.float32],
    photo_vectors: NDArray[np.float32],
    product_ids: Sequence[str],
    settings: AlignmentSettings = _DEFAULTS,
) -> Alignment | AlignmentRefusal:
    """Fit on pairs of a product's text and one of its photos; seconds for 100,000 pairs.

    Args:
        prompt_vectors: Shape (n, t): row i is the text of the product that photo i shows. Rows of
            zeros (no text, or no known word) are left out.
        photo_vectors: Shape (n, d).
        product_ids: Length n; photos of one product share folds, and its text.
        settings: See there.

    Returns:
        The alignment, or a refusal where the text is too little or does not tell photos apart.

    Raises:
        ValueError: the three differ in length.
    """
    if not len(prompt_vectors) == len(photo_vectors) == len(product_ids):
        raise ValueError(
            f"{len(prompt_vectors)} texts, {len(photo_vectors)} photos and {len(product_ids)} ids: "
            "give one of each for every pair."
        )
    told = prompt_vectors.any(axis=1)
    texts, photos = prompt_vectors, photo_vectors
    if not told.all():
        texts, photos = prompt_vectors[told], photo_vectors[told]
    _, firsts, products = np.unique(
        np.asarray(product_ids, np.str_)[told], return_index=True, return_inverse=True
    )
    distinct = len({row.tobytes() for row in texts[firsts]})
    if len(firsts) < settings.least_products or distinct < settings.least_texts:
        return AlignmentRefusal(_too_little(len(set(product_ids)), len(firsts), distinct, settings))
    folds = np.random.default_rng(settings.seed).permutation(len(firsts)) % settings.folds
    parts = [_Moments.of(texts, photos, folds[products] == fold) for fold in range(settings.folds)]
    quality = _cross_validate(
        parts, texts, photos, [firsts[folds == f] for f in range(len(parts))], settings
    )
    margin = _STANDARD_ERRORS / np.sqrt(12 * quality.products)
    if quality.mean_percentile < max(_LEAST_PERCENTILE, 0.5 + margin):
        return AlignmentRefusal(
            "Words cannot search the pictures: the products' texts do not tell what their photos "
            "show. Give titles, categories or colours that say it. (Asked for by their own text, "
            f"products that were held back came at percentile {quality.mean_percentile:.2f} on "
            "average, where chance is 0.50.)",
            quality,
        )
    fitted = _solve(sum(parts[1:], parts[0]), len(firsts), settings)
    prompt_mean, prompt_map, photo_mean, photo_map = (
        np.ascontiguousarray(array, np.float32) for array in fitted
    )
    return Alignment(
        prompt_mean, prompt_map, photo_mean, photo_map, products=len(firsts), quality=quality
    )


def _too_little(total: int, told: int, distinct: int, settings: AlignmentSettings) -> str:
    """Why nothing is fitted for `total` products, of which `told` have text in known words."""
    needed = settings.least_products
    if total < needed:
        return (
            f"Words cannot search the pictures yet: that takes {needed} products with text, and "
            f"this catalog has {told}."
        )
    if told < needed:
        return (
            f"Words cannot search the pictures: that takes {needed} products whose text holds "
            f"words that are known, and of {total:,} products {told} have such. Give more of them "
            "a title, category or colour."
        )
    return (
        f"Words cannot search the pictures: that takes {settings.least_texts} different texts, and "
        f"this catalog has {distinct}. Give products titles, categories or colours that tell them "
        "apart."
    )


@dataclass(frozen=True, slots=True)
class _Moments:
    """Sums over pairs from which means and covariances follow; moments of two parts add up."""

    pairs: int
    x: Matrix
    y: Matrix
    xx: Matrix
    yy: Matrix
    xy: Matrix

    @classmethod
    def of(
        cls, texts: NDArray[np.float32], photos: NDArray[np.float32], rows: NDArray[np.bool_]
    ) -> "_Moments":
        t, d = texts.shape[1], photos.shape[1]
        total = cls(
            0, np.zeros(t), np.zeros(d), np.zeros((t, t)), np.zeros((d, d)), np.zeros((t, d))
        )
        chosen = np.flatnonzero(rows)
        for start in range(0, len(chosen), _CHUNK_ROWS):
            chunk = chosen[start : start + _CHUNK_ROWS]
            x, y = texts[chunk].astype(np.float64), photos[chunk].astype(np.float64)
            total += cls(len(chunk), x.sum(0), y.sum(0), x.T @ x, y.T @ y, x.T @ y)
        return total

    def __add__(self, other: "_Moments") -> "_Moments":
        return _Moments(
            self.pairs + other.pairs,
            self.x + other.x,
            self.y + other.y,
            self.xx + other.xx,
            self.yy + other.yy,
            self.xy + other.xy,
        )


def _solve(
    moments: _Moments, products: int, settings: AlignmentSettings
) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    """Means and maps of both sides, each direction weighted by its canonical correlation."""
    n = moments.pairs
    x, y = moments.x / n, moments.y / n
    root_x = _inverse_root(
        moments.xx / n - np.outer(x, x), settings.prompt_ridge_products, products
    )
    root_y = _inverse_root(moments.yy / n - np.outer(y, y), settings.photo_ridge_products, products)
    left, correlations, right = np.linalg.svd(
        root_x @ (moments.xy / n - np.outer(x, y)) @ root_y, full_matrices=False
    )
    kept = slice(settings.dimension)
    return (
        x,
        root_x @ left[:, kept] * correlations[kept],
        y,
        root_y @ right[kept].T * correlations[kept],
    )


def _inverse_root(covariance: Matrix, ridge_products: float, products: int) -> Matrix:
    """The inverse square root of a covariance widened by its ridge."""
    values, vectors = np.linalg.eigh(covariance)
    # A side without any variance has no directions; its ridge must still not be zero.
    variance = max(float(values.mean()), np.finfo(np.float64).tiny)
    ridge = max(ridge_products / products, _SMALLEST_RIDGE) * variance
    return np.asarray((vectors / np.sqrt(np.maximum(values, 0) + ridge)) @ vectors.T)


def _cross_validate(
    parts: list[_Moments],
    texts: NDArray[np.float32],
    photos: NDArray[np.float32],
    held_out: list[NDArray[np.intp]],
    settings: AlignmentSettings,
) -> AlignmentQuality:
    ranks, sizes = [], []
    products = sum(len(rows) for rows in held_out)
    for fold, rows in enumerate(held_out):
        others = [part for index, part in enumerate(parts) if index != fold]
        fitted = _solve(sum(others[1:], others[0]), products - len(rows), settings)
        asked = rows[: settings.most_candidates]
        ranks.append(_ranks(fitted, texts[asked], photos[asked]))
        sizes.append(len(asked))
    all_ranks = np.concatenate(ranks)
    share_behind = np.concatenate(
        [1 - (rank - 1) / max(size - 1, 1) for rank, size in zip(ranks, sizes, strict=True)]
    )
    return AlignmentQuality(
        products=len(all_ranks),
        candidates=float(np.mean(sizes)),
        recall_at_10=float(np.mean(all_ranks <= 10)),
        recall_at_10_chance=float(np.average(np.minimum(10 / np.array(sizes), 1), weights=sizes)),
        median_rank=float(np.median(all_ranks)),
        mean_percentile=float(np.mean(share_behind)),
    )


def _ranks(
    fitted: tuple[Matrix, Matrix, Matrix, Matrix],
    texts: NDArray[np.float32],
    photos: NDArray[np.float32],
) -> Matrix:
    """Rank, from 1, of photo i for text i; photos that tie share the mean of their ranks."""
    prompt_mean, prompt_map, photo_mean, photo_map = fitted
    scores = (
        unit_rows((texts - prompt_mean) @ prompt_map)
        @ unit_rows((photos - photo_mean) @ photo_map).T
    )
    own = np.diagonal(scores)[:, None]
    return np.asarray(1 + np.sum(scores > own, axis=1) + (np.sum(scores == own, axis=1) - 1) / 2)
