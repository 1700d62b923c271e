"""How well rows fit other rows that should tell of them, such as photos and words.

What a row shows is told from the other products of the catalog alone: each product is left out of
what judges it, so a wrong photo cannot vouch for itself.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

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
