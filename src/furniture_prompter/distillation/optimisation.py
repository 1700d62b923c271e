"""Validation metrics of a student, and ridge regression of its head from features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from furniture_prompter.distillation.networks.student import Student
from furniture_prompter.domain.rankings import nearest, overlap_at_k
from furniture_prompter.unit_rows import unit_rows

Rows = NDArray[np.float32]

DEPTH: Final = 10
"""Neighbours that are compared; fewer where there are not as many photos."""


@dataclass(frozen=True, slots=True)
class ValidationMetrics:
    """Agreement of a student with its teacher: means over the queries.

    Attributes:
        overlap: Share of the teacher's DEPTH nearest photos that the student finds as well.
        cosine: To the teacher's vector of the same photo.
        overlap_error: Standard error of the overlap; 0 for one query.
        cosine_error: That of the cosine.
    """

    overlap: float
    cosine: float
    overlap_error: float
    cosine_error: float


class Validator:
    """Compares rankings of held-out photos over a catalog, each left out of its own."""

    def __init__(self, queries: Rows, catalog: Rows, places: NDArray[np.intp]) -> None:
        """Take the teacher's rows.

        Args:
            queries: Of the photos that ask, shape (q, d).
            catalog: Of the photos that are searched, shape (n, d), n at least 2.
            places: For each query the place of its photo in the catalog, shape (q,).
        """
        self._queries = queries
        self._catalog = catalog
        self._places = places
        self.depth = min(DEPTH, len(catalog) - 1)
        self._wanted = nearest(queries, catalog, self.depth, places)

    def asymmetric(self, queries: Rows) -> ValidationMetrics:
        """The student's rows of the queries, shape (q, d), against the teacher's catalog."""
        return self._validate(queries, self._catalog)

    def symmetric(self, queries: Rows, catalog: Rows) -> ValidationMetrics:
        """The student's rows of the queries, (q, d), against its own of the catalog, (n, d)."""
        return self._validate(queries, catalog)

    def _validate(self, queries: Rows, catalog: Rows) -> ValidationMetrics:
        found = nearest(queries, catalog, self.depth, self._places)
        cosines = (queries * self._queries).sum(axis=1, dtype=np.float64)
        shares = overlap_at_k(self._wanted, found)
        return ValidationMetrics(
            float(shares.mean()), float(cosines.mean()), _error(shares), _error(cosines)
        )


def _error(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


Tried = tuple[ValidationMetrics, float, NDArray[np.float64]]

REGULARISATIONS: Final = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 10.0)
"""Tried in turn, times the mean variance of a feature."""

_LEAST_VARIANCE: Final = 1e-9

_LEAST_SHARE: Final = 1e-12
"""Of the largest variance: what lies below is rounding."""


@dataclass(frozen=True, slots=True)
class HeadFit:
    """What fitting the head gave.

    Attributes:
        head_regularisation: The one of REGULARISATIONS that was taken.
        head_overlap: Share of the teacher's nearest that held-out photos find with it.
        head_cosine: Mean cosine to the teacher on held-out photos.
    """

    head_regularisation: float
    head_overlap: float
    head_cosine: float


def fit_head(
    student: Student, features: Rows, vectors: Rows, held_features: Rows, validator: Validator
) -> HeadFit:
    """Set the student's head to the ridge regression of the teacher's vectors on its features.

    First the features are balanced: each of the student's parts varies as much in all as its last
    map's, so that ridge regression weighs neither few channels nor small numbers less.

    Hoerl & Kennard, Ridge regression (Technometrics 1970), with an intercept that is not
    punished, solved once for all regularisations along the features' principal axes.
    Of regularisations with which held-out photos come as near to the teacher's vectors as with the
    best, and find as many of its nearest, both within a standard error (the rule of Breiman et al.,
    Classification and regression trees, 1984), the least is taken: regularisation
    draws vectors together, and same-type search suffers before either figure does
    (docs/experiments.md, "What a student's head reads").

    Args:
        student: Its head is written.
        features: Of training views, not balanced yet, shape (n, width).
        vectors: The teacher's of the same views, shape (n, dimension).
        held_features: Of held-out photos, shape (v, width).
        validator: Of the held-out photos, in the same order.
    """
    balance = _balance(features, student.parts)
    mean_x, mean_y = features.mean(0, dtype=np.float64) * balance, vectors.mean(0, dtype=np.float64)
    x, y = features * balance - mean_x, vectors.astype(np.float64) - mean_y
    values, axes = _principal_axes(x)
    crossed = axes.T @ (x.T @ y / len(x))
    scale = max(float(values.sum()) / x.shape[1], 1e-12)
    tried: list[Tried] = []
    turned = (held_features * balance - mean_x) @ axes
    for regularisation in REGULARISATIONS:
        weights = crossed / (values + regularisation * scale)[:, np.newaxis]
        guessed = turned @ weights + mean_y
        validated = validator.asymmetric(unit_rows(guessed))
        tried.append((validated, regularisation, weights))
    chosen, regularisation, weights = least(tried)
    weight = axes @ weights
    bias = mean_y - mean_x @ weight
    # What follows makes rows of unit length, so the head's scale is free. It is set to that of
    # PyTorch's own first weights: the optimiser's steps are of one size whatever the weights'.
    factor = 1 / np.sqrt(3 * len(weight)) / max(float(np.sqrt((weight**2).mean())), 1e-12)
    with torch.no_grad():
        student.head.weight.copy_(torch.from_numpy((factor * weight.T).astype(np.float32)))
        student.head.bias.copy_(torch.from_numpy((factor * bias).astype(np.float32)))
        student.balance.copy_(torch.from_numpy(balance.astype(np.float32)))
    return HeadFit(regularisation, chosen.overlap, chosen.cosine)


def _principal_axes(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variances along the principal axes of centred rows (n, width), and the axes as columns.

    Of fewer rows than columns the products of rows tell the same as those of columns, sooner: a
    shop's hundreds of photos have thousands of features. Axes along which nothing varies are then
    left out.
    """
    count, width = x.shape
    if count >= width:
        values, axes = np.linalg.eigh(x.T @ x / count)
        return np.maximum(values, 0), axes
    values, mixes = np.linalg.eigh(x @ x.T / count)
    varies = values > _LEAST_SHARE * values.max(initial=0.0)
    values = values[varies]
    return values, x.T @ mixes[:, varies] / np.sqrt(count * values)


def least(tried: list[Tried]) -> Tried:
    """The first that is as good as the best, as far as the held-out photos can tell.

    Args:
        tried: ValidationMetrics, regularisation and weights, the least regularisation first.
    """
    nearest = max((validated for validated, _, _ in tried), key=lambda validated: validated.cosine)
    near = [each for each in tried if each[0].cosine >= nearest.cosine - nearest.cosine_error]
    best = max((validated for validated, _, _ in near), key=lambda validated: validated.overlap)
    return next(each for each in near if each[0].overlap >= best.overlap - best.overlap_error)


def _balance(features: Rows, parts: Sequence[int]) -> NDArray[np.float64]:
    """A factor for each feature, alike within a part, 1 in the first; 1 where nothing varies."""
    variances = features.var(axis=0, dtype=np.float64)
    totals = np.array([part.sum() for part in np.split(variances, np.cumsum(parts)[:-1])])
    varies = totals > _LEAST_VARIANCE
    factors = np.ones(len(parts))
    if varies[0]:
        factors[varies] = np.sqrt(totals[0] / totals[varies])
    return np.repeat(factors, parts)
