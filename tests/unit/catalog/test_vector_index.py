"""Similarities on hand-made vectors."""

import asyncio
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from furniture_prompter.catalog.columns import NUMBER, vector_array
from furniture_prompter.catalog.rows import StoredRows
from furniture_prompter.catalog.storage import connect
from furniture_prompter.catalog.vector_index import (
    FEW_PRODUCTS,
    ExactIndex,
    IvfIndex,
    Numbers,
    Scores,
    _IvfSimilarities,
    background_of,
    best_per_product,
    nearest_first,
    rising,
)

VECTORS = np.array([[1, 0], [0, 1], [0.6, 0.8], [0, 0]], np.float32)
NUMBERS = np.array([7, 7, 3, 5], np.int64)
EAST = np.array([1, 0], np.float32)


def test_a_product_has_the_cosine_of_its_nearest_photo() -> None:
    similarities = ExactIndex(VECTORS, NUMBERS).similarities(EAST)
    assert asyncio.run(similarities.top(5, None)).tolist() == [7, 3]
    scores = asyncio.run(similarities.of(np.array([7, 3, 5])))
    assert scores[:2].tolist() == pytest.approx([1.0, 0.6])
    assert np.isnan(scores[2])


def test_a_filter_keeps_only_what_it_allows() -> None:
    similarities = ExactIndex(VECTORS, NUMBERS).similarities(EAST)
    assert asyncio.run(similarities.top(5, np.array([3, 5], np.int64))).tolist() == [3]
    assert asyncio.run(similarities.top(1, None)).tolist() == [7]


def test_the_background_leaves_rows_without_a_vector_out() -> None:
    background = ExactIndex(VECTORS, NUMBERS).similarities(EAST).background
    assert background.mean == pytest.approx(1.6 / 3)
    assert background.deviation == pytest.approx(np.std([1.0, 0.0, 0.6]))


@pytest.mark.parametrize("counts", [[3, 1, 2, 5], [2, 2, 2, 2]])
def test_products_have_their_nearest_photos_however_many_they_have(counts: list[int]) -> None:
    random = np.random.default_rng(5)
    numbers = random.permutation(np.repeat(np.arange(len(counts)), counts))
    vectors = random.normal(size=(len(numbers), 4)).astype(np.float32)
    query = vectors[0]
    scores = asyncio.run(
        ExactIndex(vectors, numbers).similarities(query).of(np.arange(len(counts)))
    )
    nearest = [(vectors[numbers == number] @ query).max() for number in range(len(counts))]
    assert scores.tolist() == pytest.approx(nearest, rel=1e-6)


def test_the_background_is_mean_and_deviation_to_the_last_digit() -> None:
    for count in (1, 7, 999, 1_442):
        scores = np.random.default_rng(count).normal(0.2, 0.1, count).astype(np.float32)
        background = background_of(scores)
        assert background.mean == float(scores.mean())
        assert background.deviation == max(float(scores.std()), 1e-6)


def test_an_empty_sample_has_a_neutral_background() -> None:
    background = background_of(np.zeros(0, np.float32))
    assert (background.mean, background.deviation) == (0.0, 1.0)


def test_numbers_rise_each_once() -> None:
    assert rising(np.array([5, 3, 5, 3, 9, -1])).tolist() == [-1, 3, 5, 9]
    assert rising(NUMBERS[:0]).tolist() == []
    assert rising(NUMBERS[:1]).tolist() == [7]
    given = np.random.default_rng(3).integers(0, 40, 200)
    assert np.array_equal(rising(given), np.unique(given))


def test_equal_scores_come_by_number() -> None:
    numbers = np.array([9, 2, 4], np.int64)
    scores = np.array([1, 1, 1], np.float32)
    assert nearest_first(numbers, scores, 2).tolist() == [2, 4]


def test_the_best_of_each_product_ignores_unknown_scores() -> None:
    numbers, scores = best_per_product(
        np.array([2, 1, 2], np.int64), np.array([0.5, 0.1, np.nan], np.float32)
    )
    assert numbers.tolist() == [1, 2]
    assert scores.tolist() == pytest.approx([0.1, 0.5])


def test_an_index_is_asked_until_a_filter_that_keeps_the_farthest_has_its_products(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = FEW_PRODUCTS + 100
    # Product n lies n steps of a quarter turn from the query; the filter keeps the farther half.
    angles = np.linspace(0, np.pi / 2, 2 * many, dtype=np.float64)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    numbers = np.arange(2 * many)
    allowed = numbers[many:]
    fetched: list[int] = []

    async def nearest() -> Numbers:
        database = await connect(tmp_path)
        rows = pa.table({NUMBER: numbers, "vector": vector_array(vectors)})
        table = await database.create_table("photos", rows)
        space = await IvfIndex.load(StoredRows(table, [NUMBER], tmp_path), "vector")
        query = np.array([1.0, 0.0], np.float32)
        similarities = space.similarities(query)
        assert isinstance(similarities, _IvfSimilarities)
        original = similarities._candidates

        async def candidates(count: int) -> tuple[Numbers, Scores]:
            fetched.append(count)
            return await original(count)

        monkeypatch.setattr(similarities, "_candidates", candidates)
        return await similarities.top(10, allowed)

    found = asyncio.run(nearest()).tolist()
    assert len(found) == 10
    assert min(found) >= many
    # float16 rounds steps of a ten-thousandth of a turn together.
    assert max(found) < many + 200
    # Each batch is four times the one before, up to the whole table.
    assert fetched[:3] == [40, 160, 640]
    assert fetched[-1] >= many
    assert len(fetched) <= 6


def test_candidates_of_an_index_come_with_their_cosines(tmp_path: Path) -> None:
    directions = np.array([[3, 4], [5, 12], [-8, 6], [1, 0]], np.float32)
    vectors = directions / np.linalg.norm(directions, axis=1, keepdims=True)

    async def found() -> tuple[Numbers, Scores]:
        database = await connect(tmp_path)
        rows = pa.table({NUMBER: np.array([4, 5, 6, 7]), "vector": vector_array(vectors)})
        table = await database.create_table("photos", rows)
        space = await IvfIndex.load(StoredRows(table, [NUMBER], tmp_path), "vector")
        similarities = space.similarities(EAST)
        assert isinstance(similarities, _IvfSimilarities)
        return await similarities._candidates(3)

    numbers, scores = asyncio.run(found())
    assert numbers.tolist() == [7, 4, 5]
    assert scores.dtype == np.float32
    assert scores.tolist() == pytest.approx([1.0, 0.6, 5 / 13], abs=1e-3)
