"""How well photos fit words that should tell of them: ridge regression and nearest neighbours.

What a photo shows is told from the other products of the catalog alone: each product is left out of
what judges it, so a wrong photo cannot vouch for itself.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.unit_rows import unit_rows

Rows = NDArray[np.float64]

NEIGHBOURS: Final = 15
_SHRINKAGE: Final = 1.0
"""Ridge penalty, times the mean eigenvalue of what is regressed on."""

_SHARPNESS: Final = 10.0
"""Neighbours are weighted by ``exp(10 cosine)``: one that is 0.07 nearer counts twice."""

_BACKGROUND: Final = 1_000
_BLOCK: Final = 1_024
_Z_SCALE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Fit:
    """How each row fits its words; larger is better.

    Attributes:
        cosine: Between the words and what the others say the row shows, shape (n,).
        standing: The same against how it is with other products' words: the distance from their
            mean in standard deviations, shape (n,).
        neighbours: Weighted mean cosine between the words and those of its nearest rows, shape
            (n,).
    """

    cosine: Rows
    standing: Rows
    neighbours: Rows

    @property
    def total(self) -> Rows:
        """Standing and neighbours on one scale, shape (n,)."""
        return (_Z_SCALE * self.standing + self.neighbours) / 2


def fit_of(
    features: NDArray[np.floating], words: NDArray[np.floating], owners: NDArray[np.int64]
) -> Fit:
    """Judge every row by the rows of other owners.

    Args:
        features: Unit rows of what is judged, such as photo vectors, shape (n, d).
        words: Unit rows of what should tell of each, shape (n, t).
        owners: Product of each row, shape (n,), rising: its own rows are left out together.
    """
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    wanted = words.astype(np.float64) - words.mean(axis=0, dtype=np.float64)
    told = unit_rows(_left_out_predictions(centred, wanted, owners)).astype(np.float64)
    wanted = unit_rows(wanted).astype(np.float64)
    cosine = np.einsum("nt,nt->n", told, wanted)
    chosen = np.random.default_rng(0).permutation(len(wanted))[:_BACKGROUND]
    against = told @ wanted[np.sort(chosen)].T
    spread = np.maximum(against.std(axis=1), 1e-6)
    standing = (cosine - against.mean(axis=1)) / spread
    return Fit(cosine, standing, _neighbours(unit_rows(centred), wanted, owners))


def _left_out_predictions(centred: Rows, wanted: Rows, owners: NDArray[np.int64]) -> Rows:
    """Ridge predictions of each owner's rows by the others, in closed form.

    With the hat matrix H, leaving a group g out gives the residuals (I - H_gg)^-1 (y_g - ŷ_g).
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


def _neighbours(units: NDArray[np.float32], wanted: Rows, owners: NDArray[np.int64]) -> Rows:
    count = min(NEIGHBOURS, len(units) - 1)
    means = np.empty(len(units))
    for begin in range(0, len(units), _BLOCK):
        rows = slice(begin, begin + _BLOCK)
        cosines = units[rows] @ units.T
        cosines[owners[rows, None] == owners[None, :]] = -2.0
        nearest = np.argpartition(-cosines, count, axis=1)[:, :count]
        weights = np.exp(_SHARPNESS * np.take_along_axis(cosines, nearest, axis=1))
        agreement = np.einsum("nt,nkt->nk", wanted[rows], wanted[nearest])
        means[rows] = (agreement * weights).sum(axis=1) / weights.sum(axis=1)
    return means
