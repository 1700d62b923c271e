"""How well a student answers its teacher's catalog: what training stops on."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain.rankings import nearest, overlap_at_k

Rows = NDArray[np.float32]

DEPTH: Final = 10
"""Neighbours that are compared; fewer where there are not as many photos."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Means over the queries.

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


class Judge:
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

    def asymmetric(self, queries: Rows) -> Judgement:
        """The student's rows of the queries against the teacher's catalog."""
        return self._judge(queries, self._catalog)

    def symmetric(self, queries: Rows, catalog: Rows) -> Judgement:
        """The student's rows of the queries against its own of the catalog."""
        return self._judge(queries, catalog)

    def _judge(self, queries: Rows, catalog: Rows) -> Judgement:
        found = nearest(queries, catalog, self.depth, self._places)
        cosines = (queries * self._queries).sum(axis=1, dtype=np.float64)
        shares = overlap_at_k(self._wanted, found)
        return Judgement(
            float(shares.mean()), float(cosines.mean()), _error(shares), _error(cosines)
        )


def _error(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
