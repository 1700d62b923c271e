"""What a process is told to measure, and what it tells; both lie in files between two processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

VECTORS: Final = "vectors.npy"
BUCKETS: Final = "buckets.npy"
QUESTIONS: Final = "questions.npy"
THRESHOLDS: Final = "thresholds.npy"

TOP: Final = 10
ENOUGH_RECALL: Final = 0.99
"""The least effort whose mean recall@10 reaches this is taken."""

EQUAL_COSINES: Final = 1e-5
"""Cosines nearer than this are equal: float32 sums in other orders, and lengths of vectors that
were rounded to float16, differ by as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One engine on one set of vectors.

    Attributes:
        factory: ``module:Class`` of the engine.
        argument: For the class.
        inputs: Folder of ``vectors.npy`` (n, d), ``buckets.npy`` (n,), ``questions.npy`` (t + q,
            d), the first t to choose efforts by, and ``thresholds.npy`` (filters, t + q).
        store: Folder that the engine writes to and reads from.
        tuning: t.
        filters: Bounds of the bucket; None for no filter.
    """

    factory: str
    argument: str
    inputs: Path
    store: Path
    tuning: int
    filters: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What the building process found: seconds from the first vector to the last byte."""

    build_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WayFound:
    """One way with one filter, at the effort that was chosen.

    Attributes:
        way: Its name.
        filter: Place in the assignment's filters.
        effort: Chosen.
        recall_at_10: One value a query.
        ask_ms: Milliseconds of each query.
    """

    way: str
    filter: int
    effort: int
    recall_at_10: tuple[float, ...]
    ask_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the asking process found.

    Attributes:
        effort_name: What the engine calls its parameter.
        memory_bytes: Resident, from before loading to after the first questions.
        found: For each way and filter.
    """

    effort_name: str
    memory_bytes: int
    found: tuple[WayFound, ...]


ASSIGNMENT: TypeAdapter[Assignment] = TypeAdapter(Assignment)
BUILT: TypeAdapter[Built] = TypeAdapter(Built)
ASKED: TypeAdapter[Asked] = TypeAdapter(Asked)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What answers are held against.

    Attributes:
        vectors: Shape (n, d).
        buckets: Shape (n,).
        questions: Shape (m, d).
        thresholds: Cosine of the last row to find, for each filter and question, shape (f, m).
        filters: Bounds of the bucket.
    """

    vectors: NDArray[np.float32]
    buckets: NDArray[np.int64]
    questions: NDArray[np.float32]
    thresholds: NDArray[np.float32]
    filters: Sequence[int | None]

    def recall(self, filter_place: int, question: int, found: NDArray[np.integer]) -> float:
        """Share of the ten nearest rows that were found; of fewer where a filter leaves fewer.

        A row counts when it exists, the filter lets it through, and it is as near as the last of
        the nearest; a row that is named twice counts once.
        """
        below = self.filters[filter_place]
        kept = len(self.buckets) if below is None else int((self.buckets < below).sum())
        rows = np.unique(found[:TOP])
        rows = rows[(rows >= 0) & (rows < len(self.buckets))]
        if below is not None:
            rows = rows[self.buckets[rows] < below]
        cosines = self.vectors[rows] @ self.questions[question]
        near = cosines >= self.thresholds[filter_place, question] - EQUAL_COSINES
        wanted = min(TOP, kept)
        return min(int(near.sum()), wanted) / wanted


def thresholds_of(
    vectors: NDArray[np.float32],
    buckets: NDArray[np.int64],
    questions: NDArray[np.float32],
    filters: Sequence[int | None],
    block_rows: int = 65_536,
) -> NDArray[np.float32]:
    """Cosine of the tenth nearest row of each question under each filter, by an exact scan.

    Args:
        vectors: Unit rows, shape (n, d); may be a memory map.
        buckets: Shape (n,).
        questions: Unit rows, shape (m, d).
        filters: Bounds of the bucket; each must let a row through.
        block_rows: Rows read at once.

    Returns:
        Shape (filters, m); of the last row where a filter leaves fewer than ten.
    """
    best = np.full((len(filters), len(questions), TOP), -np.inf, np.float32)
    for start in range(0, len(vectors), block_rows):
        scores = questions @ vectors[start : start + block_rows].T
        for place, below in enumerate(filters):
            kept = scores
            if below is not None:
                kept = scores[:, buckets[start : start + block_rows] < below]
            both = np.concatenate([best[place], kept], axis=1)
            best[place] = -np.partition(-both, TOP - 1, axis=1)[:, :TOP]
    best[np.isneginf(best)] = np.inf
    lowest: NDArray[np.float32] = best.min(axis=2)
    return lowest
