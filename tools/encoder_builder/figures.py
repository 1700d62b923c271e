"""Retrieval figures over unit vectors (same kind, other view), and the gate on what int8 loses.

Plain exact search over all vectors of a set; a query never finds itself.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.errors import DistillationError

Vectors = NDArray[np.float32]

LARGEST_RELATIVE_LOSS = 0.02
"""Of each retrieval figure, int8 against float. One photo in 25 gets another first hit by int8, for
better or worse, so that chance alone moves the R@1 of a thousand by one percent."""


def _nearest(vectors: Vectors, queries: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Rows nearest to each query row, best first, without the query itself.

    Shape (queries, count), or fewer columns where there are not that many other rows.
    """
    scores = vectors[queries] @ vectors.T
    scores[np.arange(len(queries)), queries] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, : min(count, len(vectors) - 1)]


def same_type(
    vectors: Vectors, categories: Sequence[str], *, least_members: int = 5
) -> dict[str, float]:
    """Photo → product type, leave-one-out, as Furniture Prompter's targets define it.

    Queries are the products whose category has at least ``least_members`` of them; every product
    of the set is a candidate. ``r_at_1`` is the share of queries whose nearest product is of the
    same category, ``p_at_5`` the share of the same category among the nearest five.
    """
    _, category, counts = np.unique(np.asarray(categories), return_inverse=True, return_counts=True)
    queries = np.flatnonzero(counts[category] >= least_members)
    hits = category[_nearest(vectors, queries, 5)] == category[queries][:, None]
    return {"r_at_1": float(hits[:, 0].mean()), "p_at_5": float(hits.mean())}


def other_view(
    vectors: Vectors, products: Sequence[str], asking: NDArray[np.bool_] | None = None
) -> dict[str, float]:
    """Image → another image of the same product; products with one image are only candidates.

    Of ``asking``, shape (images,), only images that are True ask; all are candidates.

    ``r_at_1`` and ``r_at_5`` are the shares of images with another view of their product as the
    nearest, and among the nearest five.
    """
    _, product, counts = np.unique(np.asarray(products), return_inverse=True, return_counts=True)
    several = counts[product] >= 2
    queries = np.flatnonzero(several if asking is None else several & asking)
    hits = product[_nearest(vectors, queries, 5)] == product[queries][:, None]
    return {"r_at_1": float(hits[:, 0].mean()), "r_at_5": float(hits.any(axis=1).mean())}


def require_figures(before: Mapping[str, float], after: Mapping[str, float]) -> None:
    """Refuse an int8 graph that finds less: every figure, relative to the float graph's.

    Raises:
        DistillationError: a figure lost more than LARGEST_RELATIVE_LOSS, or they are not the same.
    """
    if not before or before.keys() != after.keys():
        raise DistillationError(f"Cannot compare figures {sorted(before)} with {sorted(after)}.")
    for name, old in before.items():
        floor = old * (1 - LARGEST_RELATIVE_LOSS)
        if not (np.isfinite(old) and after[name] >= floor):
            raise DistillationError(
                f"int8 loses too much: {name} {after[name]:.4f} against {old:.4f} in float, "
                f"at least {floor:.4f} is needed."
            )
