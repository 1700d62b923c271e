"""Rows of tables from products and back, and vectors as they are stored."""

import numpy as np
import pyarrow as pa
import pytest

from furniture_prompter.catalog.columns import (
    are_unit_vectors,
    attribute_type,
    pad,
    stored_dimension,
    vector_array,
    vectors_from,
)
from furniture_prompter.domain import AttributeValue


def test_a_stored_vector_has_length_one_but_for_what_half_floats_lose() -> None:
    lengths = [1, 0.5, 1.009, 1.011, 0.991, 0.989, np.nan]
    vectors = np.array([[0.6, 0.8, 0], *([0, length, 0] for length in lengths)], np.float32)
    expected = [True, True, False, True, False, True, False, False]
    assert are_unit_vectors(vectors).tolist() == expected
    assert are_unit_vectors(vectors[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("dimension", "stored"), [(1, 8), (8, 8), (9, 16), (16, 16), (1_280, 1_280)]
)
def test_vectors_are_padded_to_multiples_of_eight(dimension: int, stored: int) -> None:
    assert stored_dimension(dimension) == stored
    rows = np.ones((2, dimension), np.float32)
    for vectors in (rows, rows[0]):
        padded = pad(vectors)
        assert padded.shape == (*vectors.shape[:-1], stored)
        assert (padded[..., :dimension] == 1).all()
        assert not padded[..., dimension:].any()


def test_a_column_of_vectors_is_read_over_chunks_with_and_without_its_padding() -> None:
    rows = np.arange(9, dtype=np.float32).reshape(3, 3)
    column = pa.chunked_array(
        [vector_array(rows[:2]), vector_array(rows[:0]), vector_array(rows[2:])]
    )
    assert vectors_from(column, 3).tolist() == rows.tolist()
    assert vectors_from(column).tolist() == pad(rows).tolist()
    assert vectors_from(column, 3).dtype == np.float32
    empty = pa.chunked_array([vector_array(rows[:0])])
    assert vectors_from(empty, 3).shape == (0, 3)
    assert vectors_from(empty).shape == (0, 8)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(True, "boolean"), (("a",), "texts"), ((), "texts"), ("", "text"), (1.0, "number")],
)
def test_a_value_tells_its_type(value: AttributeValue, kind: str) -> None:
    assert attribute_type(value) == kind
