"""What answers are held against, by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.vector_engines.assignment import Truth, thresholds_of

# Twenty rows whose cosines with the first axis fall by 0.02 from 1; even rows are in bucket 0.
_COSINES = 1 - 0.02 * np.arange(20)
VECTORS: NDArray[np.float32] = np.stack([_COSINES, np.sqrt(1 - _COSINES**2)], axis=1).astype(
    np.float32
)
BUCKETS = np.arange(20) % 2 * 500
QUESTION = np.array([[1, 0]], np.float32)


def _truth(filters: tuple[int | None, ...]) -> Truth:
    thresholds = thresholds_of(VECTORS, BUCKETS, QUESTION, filters, block_rows=3)
    return Truth(VECTORS, BUCKETS, QUESTION, thresholds, filters)


def test_the_threshold_is_the_tenth_cosine_of_the_rows_that_are_kept() -> None:
    thresholds = thresholds_of(VECTORS, BUCKETS, QUESTION, (None, 500), block_rows=3)
    # Without a filter rows 0 … 9; with it rows 0, 2 … 18.
    np.testing.assert_allclose(thresholds, [[1 - 0.02 * 9], [1 - 0.02 * 18]], atol=1e-6)


@pytest.mark.parametrize(
    ("found", "recall"),
    [
        (list(range(10)), 1.0),
        (list(range(9, -1, -1)), 1.0),  # the order does not matter
        ([0, 1, 2, 3, 4, 15, 16, 17, 18, 19], 0.5),
        ([0] * 10, 0.1),  # one row named ten times
        ([], 0.0),
        ([-1, 99, 0, 1], 0.2),  # rows that do not exist
        (list(range(19, -1, -1)), 0.0),  # the nearest named after the tenth place
    ],
)
def test_recall_is_what_it_must_be(found: list[int], recall: float) -> None:
    assert _truth((None,)).recall(0, 0, np.array(found, np.int64)) == recall


def test_rows_that_the_filter_drops_are_wrong() -> None:
    truth = _truth((500,))
    assert truth.recall(0, 0, np.arange(0, 20, 2)) == 1.0
    assert truth.recall(0, 0, np.arange(10)) == 0.5


def test_where_a_filter_leaves_fewer_than_ten_these_are_all_there_is_to_find() -> None:
    buckets = np.full(20, 999)
    buckets[[3, 8]] = 0
    thresholds = thresholds_of(VECTORS, buckets, QUESTION, (1,))
    truth = Truth(VECTORS, buckets, QUESTION, thresholds, (1,))
    assert truth.recall(0, 0, np.array([8, 3])) == 1.0
    assert truth.recall(0, 0, np.array([3])) == 0.5


def test_equally_near_rows_are_equally_right() -> None:
    vectors = np.repeat(np.array([[1, 0]], np.float32), 30, axis=0)
    buckets = np.zeros(30, np.int64)
    thresholds = thresholds_of(vectors, buckets, QUESTION, (None,))
    truth = Truth(vectors, buckets, QUESTION, thresholds, (None,))
    assert truth.recall(0, 0, np.arange(20, 30)) == 1.0
