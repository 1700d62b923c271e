"""Near-twins are held back, within windows of the ranking."""

import asyncio
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from furniture_prompter.catalog.vector_index import Numbers
from furniture_prompter.search.paging import WINDOW, diversified, marginal_order
from furniture_prompter.search.retrievers import Fused

DIMENSION = 12


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def looks(*kinds: int, noise: float = 0.01) -> NDArray[np.float32]:
    """Vectors of products, those of one kind nearly the same."""
    random = np.random.default_rng(1)
    rows = np.eye(DIMENSION)[list(kinds)] + noise * random.normal(size=(len(kinds), DIMENSION))
    return unit(rows)


def falling(count: int) -> NDArray[np.float32]:
    return np.linspace(4, 2, count, dtype=np.float32)


def test_without_diversity_the_order_is_that_of_the_scores() -> None:
    order = marginal_order(falling(6), looks(0, 0, 0, 1, 1, 2), 0.0)
    assert order.tolist() == [0, 1, 2, 3, 4, 5]


def test_twins_of_the_first_come_behind_others_that_fit_nearly_as_well() -> None:
    scores = np.array([4, 3.9, 3.8, 3.7, 3.6, 1], np.float32)
    order = marginal_order(scores, looks(0, 0, 0, 1, 2, 3), 0.3).tolist()
    assert order[:3] == [0, 3, 4]
    assert set(order[3:5]) == {1, 2}
    assert order[5] == 5


def test_what_fits_badly_stays_behind_twins_unless_likeness_is_all_that_counts() -> None:
    scores = np.array([4, 3.9, 0], np.float32)
    vectors = looks(0, 0, 1)
    assert marginal_order(scores, vectors, 0.3).tolist() == [0, 1, 2]
    assert marginal_order(scores, vectors, 1.0).tolist() == [0, 2, 1]


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 3)), min_size=1, max_size=WINDOW),
    st.floats(0, 1),
)
def test_every_product_keeps_one_place_and_the_first_its_own(
    products: list[tuple[float, int]], diversity: float
) -> None:
    scores = np.array(sorted((score for score, _ in products), reverse=True), np.float32)
    order = marginal_order(scores, looks(*(kind for _, kind in products), noise=0), diversity)
    assert sorted(order.tolist()) == list(range(len(products)))
    assert order[0] == 0


@pytest.mark.parametrize("scale", [1.0, 7.0])
def test_neither_the_scale_of_scores_nor_what_all_have_in_common_counts(scale: float) -> None:
    scores, vectors = falling(8), looks(0, 0, 1, 0, 2, 1, 3, 2, noise=0.1)
    common = np.hstack([vectors, np.full((8, 1), 2.0)])
    expected = marginal_order(scores, vectors, 0.4).tolist()
    assert marginal_order(scale * scores + 3, unit(common), 0.4).tolist() == expected


class Photos:
    """The main photos of a catalog."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors

    async def main_vectors(self, numbers: Numbers) -> NDArray[np.float32]:
        return self._vectors[numbers]


def test_windows_are_reordered_each_for_itself_by_main_photos() -> None:
    count = 2 * WINDOW + 5
    random = np.random.default_rng(2)
    vectors = looks(*random.integers(0, 4, count).tolist())
    numbers = random.permutation(count)
    scores = falling(count)
    ranked = Fused(numbers, scores, {"photo": scores}, exhausted=True)
    reader: Any = Photos(vectors)
    found = asyncio.run(diversified(ranked, reader, 0.5, np.zeros(0, np.int64)))
    assert found.numbers.tolist() != numbers.tolist()
    for begin in range(0, count, WINDOW):
        window = slice(begin, begin + WINDOW)
        order = marginal_order(scores[window], vectors[numbers[window]], 0.5)
        assert found.numbers[window].tolist() == numbers[window][order].tolist()
        assert found.scores[window].tolist() == scores[window][order].tolist()
    assert found.contributions["photo"].tolist() == found.scores.tolist()


def test_what_a_code_names_stays_first_and_is_no_measure_for_the_rest() -> None:
    vectors = looks(0, 1, 1, 2, 3)
    numbers = np.arange(5)
    scores = np.array([40, 4, 3.9, 3, 2], np.float32)
    ranked = Fused(numbers, scores, {"photo": scores}, exhausted=True)
    reader: Any = Photos(vectors)
    found = asyncio.run(diversified(ranked, reader, 0.3, np.array([0])))
    order = 1 + marginal_order(scores[1:], vectors[1:], 0.3)
    assert found.numbers.tolist() == [0, *order.tolist()]
    unnamed = asyncio.run(diversified(ranked, reader, 0.3, np.zeros(0, np.int64)))
    assert unnamed.numbers.tolist() != found.numbers.tolist()
