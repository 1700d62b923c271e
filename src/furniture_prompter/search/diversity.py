"""Diversity: near-twins do not fill a page.

Maximal marginal relevance (Carbonell & Goldstein 1998) as the last step. It reorders products
within windows of the ranking that do not overlap, so that pages hold every product once, however
many hits each has, and nothing comes from far below.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import VECTOR
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.vector_index import Scores
from furniture_prompter.search.retrievers import Fused

WINDOW: Final = 20
"""Products of the ranking that are reordered together."""

_TINY: Final = 1e-9


async def diversified(ranked: Fused, reader: CatalogReader, diversity: float) -> Fused:
    """The same products, those of each window reordered; the first of each window stays.

    Args:
        ranked: Products of whole windows, best first; the last window may end early.
        reader: The catalog version, whose main photos say what is alike.
        diversity: How much likeness to products before counts against fitting the query, 0 to 1.

    Raises:
        CatalogDamagedError: the photos cannot be read.
    """
    if ranked.numbers.size < 3:
        return ranked
    rows = await reader.photos(ranked.numbers, VECTOR)
    assert rows.vectors is not None  # noqa: S101  # they were asked for
    numbers, main = np.unique(rows.numbers, return_index=True)
    vectors = rows.vectors[main[np.searchsorted(numbers, ranked.numbers)]]
    places = [
        begin
        + marginal_order(
            ranked.scores[begin : begin + WINDOW], vectors[begin : begin + WINDOW], diversity
        )
        for begin in range(0, ranked.numbers.size, WINDOW)
    ]
    return ranked.taken(np.concatenate(places))


def marginal_order(
    scores: Scores, vectors: NDArray[np.float32], diversity: float
) -> NDArray[np.intp]:
    """Places of products such that each is the best next one after those before it.

    A product's worth is ``(1 - diversity) * fit - diversity * likeness``. Its fit is its score, 0
    for the least of all and 1 for the greatest. Its likeness is the greatest cosine to one before
    it, 0 for the mean of all pairs and below, 1 for the same: so neither hangs on what a score or a
    cosine of an encoder usually is.

    Args:
        scores: Best first, shape (n,), n ≥ 1.
        vectors: Unit vectors, shape (n, d).
        diversity: 0 to 1.

    Returns:
        Shape (n,); the first product stays first.
    """
    count = scores.size
    fit = (scores - scores.min()) / max(float(np.ptp(scores)), _TINY)
    cosines = vectors @ vectors.T
    mean = (float(cosines.sum()) - float(np.trace(cosines))) / max(count * (count - 1), 1)
    likeness = ((cosines - mean) / max(1 - mean, _TINY)).clip(0, 1)
    order = np.zeros(count, np.intp)
    worth, likeness = (1 - diversity) * fit, diversity * likeness
    nearest = np.zeros(count, likeness.dtype)
    chosen = 0
    for place in range(1, count):
        worth[chosen] = -np.inf
        np.maximum(nearest, likeness[chosen], out=nearest)
        chosen = int((worth - nearest).argmax())
        order[place] = chosen
    return order
