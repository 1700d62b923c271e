"""Retrieval figures over unit vectors: how well likeness finds the same kind, or the same product.

Plain exact search over all vectors of a set; a query never finds itself.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


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
