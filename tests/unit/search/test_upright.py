"""Which side of a photo is up, told by the catalog's own distances."""

import asyncio
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from furniture_prompter.catalog.vector_index import ExactIndex
from furniture_prompter.search.query_vectors import LEAST_SAMPLE, Upright, quarter_turns

DIMENSION = 32


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return scaled.astype(np.float32)


class Reader:
    """A catalog of vectors alone."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self.index = ExactIndex(vectors, np.arange(len(vectors), dtype=np.int64))

    async def photo_index(self) -> ExactIndex:
        return self.index


VECTORS = unit(np.random.default_rng(5).normal(size=(40, DIMENSION)))
NEAR = VECTORS[7]
FAR = unit(np.random.default_rng(6).normal(size=DIMENSION))


def upright(vectors: NDArray[np.float32] = VECTORS) -> Upright:
    reader: Any = Reader(vectors)
    return Upright(reader)


def test_a_photo_nearer_than_products_are_to_each_other_convinces() -> None:
    assert asyncio.run(upright().convinces(NEAR))
    assert not asyncio.run(upright().convinces(-VECTORS.mean(axis=0)))


def test_a_vector_that_says_so_itself_convinces_however_far_it_is() -> None:
    asked = []

    def looks_upright(vector: NDArray[np.float32]) -> bool:
        asked.append(vector)
        return vector is FAR

    reader: Any = Reader(VECTORS)
    sides = Upright(reader, looks_upright)
    assert asyncio.run(sides.convinces(FAR))
    assert not asyncio.run(sides.convinces(-VECTORS.mean(axis=0)))
    assert asyncio.run(sides.convinces(NEAR))
    assert len(asked) == 3


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_the_turn_that_comes_near_is_taken(quarters: int) -> None:
    rows = np.stack([FAR] * 4)
    rows[quarters] = NEAR
    assert asyncio.run(upright().quarters(rows)) == quarters


def test_a_turn_that_is_only_a_little_nearer_is_not_believed() -> None:
    almost = unit(NEAR + 0.9 * FAR)
    rows = np.stack([almost, unit(NEAR + 0.8 * FAR), FAR, FAR])
    assert asyncio.run(upright().quarters(rows)) == 0


def test_a_turn_far_from_every_product_is_not_believed() -> None:
    # All products lie close together, so none of these is like one.
    crowd = unit(VECTORS[0] + 0.01 * np.random.default_rng(7).normal(size=(40, DIMENSION)))
    rows = np.stack([-crowd[0], FAR, FAR, FAR])
    assert asyncio.run(upright(crowd).quarters(rows)) == 0


def test_a_catalog_too_small_to_have_distances_turns_nothing() -> None:
    few = VECTORS[: LEAST_SAMPLE - 1]
    rows = np.stack([FAR, few[0], FAR, FAR])
    assert asyncio.run(upright(few).convinces(FAR))
    assert asyncio.run(upright(few).quarters(rows)) == 0


def test_turns_are_clockwise() -> None:
    image = np.zeros((2, 4, 3), np.uint8)
    image[0, 0] = 255  # upper left
    right, over, left = quarter_turns(image)
    assert right.shape == (4, 2, 3)
    assert right[0, -1, 0] == 255
    assert over[-1, -1, 0] == 255
    assert left[-1, 0, 0] == 255
    assert right.flags.c_contiguous
