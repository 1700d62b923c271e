"""Exact rankings by vectors, and how good or how alike they are; one value a query.

Training stops on these and benchmarks report them, so both mean the same by a name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]
Places: TypeAlias = NDArray[np.intp]
Mask: TypeAlias = NDArray[np.bool_]
Values: TypeAlias = NDArray[np.float64]

# Scores held at once: 16 million float32 are 64 MB, and as much again while they are sorted.
_BLOCK_SCORES = 16_000_000


def nearest(
    queries: Vectors, candidates: Vectors, count: int, exclude: NDArray[np.integer] | None = None
) -> Places:
    """Places of the candidates with the highest dot products, best first, by an exact scan.

    Args:
        queries: Shape (q, d); unit rows make the order that of the cosine.
        candidates: Shape (n, d).
        count: Places wanted for each query.
        exclude: Shape (q,): for each query a candidate that it must not find, such as itself; -1
            for none.

    Returns:
        Shape (q, count). Of equal scores the earlier candidate comes first.

    Raises:
        ValueError: there are fewer than `count` candidates (one fewer with `exclude`), or the
            shapes do not fit.
    """
    if queries.ndim != 2 or candidates.ndim != 2 or queries.shape[1] != candidates.shape[1]:
        raise ValueError(f"rows must be alike, not {queries.shape} and {candidates.shape}.")
    if exclude is not None and exclude.shape != (len(queries),):
        raise ValueError(f"exclude must have shape ({len(queries)},), not {exclude.shape}.")
    available = len(candidates) - (exclude is not None)
    if not 1 <= count <= available:
        raise ValueError(f"count must lie between 1 and {available}, not {count}.")
    found = np.empty((len(queries), count), np.intp)
    step = max(1, _BLOCK_SCORES // len(candidates))
    for start in range(0, len(queries), step):
        scores = queries[start : start + step] @ candidates.T
        if exclude is not None:
            left_out = exclude[start : start + step]
            rows = np.flatnonzero(left_out >= 0)
            scores[rows, left_out[rows]] = -np.inf
        found[start : start + step] = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    return found


def overlap_at_k(left: Places, right: Places) -> Values:
    """Share of each query's first k places that two rankings have in common, whatever the order.

    Args:
        left: Shape (q, k), each row without repeats.
        right: The same of another ranking over the same candidates.

    Returns:
        Shape (q,): 1 for the same k candidates, 0 for none in common; k / n by chance.
    """
    _refuse_unlike(left, right)
    common = (left[:, :, np.newaxis] == right[:, np.newaxis, :]).any(axis=2)
    shares: Values = common.mean(axis=1, dtype=np.float64)
    return shares


def recall_at_1(rankings: Places, relevant: Mask) -> Values:
    """1 where the first place is relevant, else 0: the field's R@1, trec_eval's success at 1.

    Args:
        rankings: Shape (q, k): places of candidates, best first.
        relevant: Shape (q, n): which candidates answer each query.
    """
    return _hits(rankings[:, :1], relevant)[:, 0].astype(np.float64)


def average_precision(rankings: Places, relevant: Mask) -> Values:
    """Mean over a query's relevant candidates of the precision at each one's rank.

    trec_eval's ``map``: relevant candidates that are not ranked count with a precision of 0, so
    rank them all for the plain figure. Arguments as for :func:`recall_at_1`.

    Raises:
        ValueError: a query has no relevant candidate.
    """
    hits = _hits(rankings, relevant)
    ranks = np.arange(1, rankings.shape[1] + 1)
    precision = np.cumsum(hits, axis=1) / ranks
    values: Values = (precision * hits).sum(axis=1) / _relevant_counts(relevant)
    return values


def ndcg_at_k(rankings: Places, relevant: Mask, k: int) -> Values:
    """The nDCG of the first k places with gains of 0 and 1 and a discount of log2(rank + 1).

    Järvelin & Kekäläinen 2002; the ideal order has as many relevant candidates first as there are,
    at most k. Arguments as for :func:`recall_at_1`.

    Raises:
        ValueError: a query has no relevant candidate, or fewer than k are ranked.
    """
    if rankings.shape[1] < k:
        raise ValueError(f"{k} places are wanted and {rankings.shape[1]} were ranked.")
    discounts = 1 / np.log2(np.arange(2, k + 2))
    gained = (_hits(rankings[:, :k], relevant) * discounts).sum(axis=1)
    ideal = np.cumsum(discounts)[np.minimum(_relevant_counts(relevant), k) - 1]
    values: Values = gained / ideal
    return values


@dataclass(frozen=True, slots=True, eq=False)
class SameLabelRetrieval:
    """How well items find others of their label, each left out of its own ranking.

    Attributes:
        places: Items that asked, shape (q,): those whose label enough items share.
        rankings: All other items for each, best first, shape (q, n - 1).
        relevant: Which items have its label, itself left out, shape (q, n).
    """

    places: Places
    rankings: Places
    relevant: Mask

    @property
    def recall_at_1(self) -> Values:
        """See :func:`recall_at_1`; shape (q,)."""
        return recall_at_1(self.rankings, self.relevant)

    @property
    def average_precision(self) -> Values:
        """See :func:`average_precision`; shape (q,)."""
        return average_precision(self.rankings, self.relevant)

    def ndcg_at_k(self, k: int) -> Values:
        """See :func:`ndcg_at_k`; shape (q,)."""
        return ndcg_at_k(self.rankings, self.relevant, k)


def same_label_retrieval(
    queries: Vectors, candidates: Vectors, labels: Sequence[str], least: int = 2
) -> SameLabelRetrieval:
    """Let every item ask for the others of its label, leaving itself out.

    Args:
        queries: Shape (n, d): row *i* is item *i* as who asks encodes it.
        candidates: Shape (n, d): row *i* is item *i* as the catalog encodes it. The same array for
            one encoder; a student's and its teacher's rows for asymmetric search.
        labels: Label of each item.
        least: Items that must share a label for them to ask; 2 or more.

    Raises:
        ValueError: the lengths differ, or no label is shared by `least` items.
    """
    if not len(queries) == len(candidates) == len(labels):
        raise ValueError("queries, candidates and labels must belong to the same items.")
    _, codes, counts = np.unique(
        np.asarray(labels, object).astype(str), return_inverse=True, return_counts=True
    )
    places = np.flatnonzero(counts[codes] >= max(2, least))
    if not places.size:
        raise ValueError(f"No label is shared by {max(2, least)} items: nothing can be asked.")
    relevant = codes[places, np.newaxis] == codes[np.newaxis, :]
    relevant[np.arange(len(places)), places] = False
    rankings = nearest(queries[places], candidates, len(candidates) - 1, places)
    return SameLabelRetrieval(places, rankings, relevant)


def _hits(rankings: Places, relevant: Mask) -> Mask:
    if len(rankings) != len(relevant):
        raise ValueError(f"{len(rankings)} rankings do not fit {len(relevant)} rows of relevance.")
    hits: Mask = np.take_along_axis(relevant, rankings, axis=1)
    return hits


def _relevant_counts(relevant: Mask) -> NDArray[np.intp]:
    counts: NDArray[np.intp] = relevant.sum(axis=1, dtype=np.intp)
    if not counts.all():
        raise ValueError("A query has no relevant candidate; leave it out.")
    return counts


def _refuse_unlike(left: Places, right: Places) -> None:
    if left.shape != right.shape or left.ndim != 2 or not left.shape[1]:
        raise ValueError(f"rankings must have one shape (q, k), not {left.shape}, {right.shape}.")
