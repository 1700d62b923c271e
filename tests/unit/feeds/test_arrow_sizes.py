"""Bytes that cells of Arrow's columns become, type by type, and which of them are too long."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from furniture_prompter.feeds import arrow_cells
from furniture_prompter.feeds.arrow_cells import LIMIT_CELL_BYTES, Reading, rows_of

VIEWS = ["a", None, "x" * 12, "y" * 13, "ğ"]
UNION = pa.UnionArray.from_sparse(
    pa.array([0, 1, 0], pa.int8()), [pa.array(["a", "b", "ccc"]), pa.array([1, 2, 3], pa.int32())]
)
DENSE = pa.UnionArray.from_dense(
    pa.array([0, 1, 0], pa.int8()),
    pa.array([0, 0, 1], pa.int32()),
    [pa.array(["a", "ccc"]), pa.array([2], pa.int32())],
)


@pytest.mark.parametrize(
    ("array", "sizes"),
    [
        (pa.array([], pa.string()), []),
        (pa.nulls(2), [0, 0]),
        (pa.array(VIEWS, pa.string_view()), [1, 0, 12, 13, 2]),
        (pa.array(VIEWS, pa.string_view()).slice(2, 2), [12, 13]),
        (pa.array([b"a", None, b"abc"], pa.binary_view()), [1, 0, 3]),
        (pa.array(VIEWS), [1, 0, 12, 13, 2]),
        (pa.array(VIEWS, pa.large_string()), [1, 0, 12, 13, 2]),
        (pa.array([b"abc", None], pa.binary(3)), [3, 0]),
        (pa.array([1, None, 3], pa.int64()), [8, 0, 8]),
        (pa.array([1, None], pa.int16()), [2, 0]),
        (pa.RunEndEncodedArray.from_arrays([2, 3], ["a", "bcd"]), [1, 1, 3]),
        (pa.RunEndEncodedArray.from_arrays([2, 3], ["a", "bcd"]).slice(1, 2), [1, 3]),
        (UNION, [1, 4, 3]),
        (DENSE, [1, 4, 3]),
        (pa.array(["oak", None, "oak", "ash wood"]).dictionary_encode(), [3, 0, 3, 8]),
        (pa.array([None], pa.dictionary(pa.int8(), pa.string())), [0]),
        # An object, and what stands in a list, is 64 bytes for each beside its own.
        (pa.array([{"a": "xy", "b": 1}, None]), [2 + 8 + 2 * 64, 0]),
        (pa.array([{}, None], pa.struct([])), [0, 0]),
        (pa.array([["a", "bc"], [], None, ["d"]]), [3 + 2 * 64, 0, 0, 1 + 64]),
        (pa.array([["a", "bc"], [], None, ["d"]]).slice(2, 2), [0, 1 + 64]),
        (pa.array([["a", "bc"], None], pa.large_list(pa.string())), [3 + 2 * 64, 0]),
        (pa.array([["a"], None, ["b", "c"]], pa.list_view(pa.string())), [65, 0, 130]),
        (pa.array([[1, 2], None], pa.list_(pa.int32())), [2 * (4 + 64), 0]),
        (pa.array([[True] * 9], pa.list_(pa.bool_())), [9 * 64 + 1]),
        (pa.array([[None] * 3], pa.list_(pa.null())), [3 * 64]),
        (pa.array([["ab", "c"], None, ["d", "e"]], pa.list_(pa.string(), 2)), [131, 0, 130]),
        (pa.array([["ab", "c"], None, ["d", "e"]], pa.list_(pa.string(), 2)).slice(2), [130]),
        (pa.array([[["a"], []], [None]]), [(1 + 64) + 2 * 64, 64]),
        (pa.array([[("k", "value")]], pa.map_(pa.string(), pa.string())), [6 + 2 * 64 + 64]),
    ],
    ids=lambda given: str(given.type) if isinstance(given, pa.Array) else "",
)
def test_a_cell_counts_as_what_it_becomes(array: Any, sizes: list[int]) -> None:
    assert arrow_cells._sizes(array).tolist() == sizes


def test_elements_measured_apart_are_those_measured_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lists = [["a" * n] * (n % 4) for n in range(40)]
    array = pa.array(lists)
    together = arrow_cells._sizes(array).tolist()
    assert together == [(n + 64) * (n % 4) for n in range(40)]
    for at_once in (1, 2, 7, 60):
        monkeypatch.setattr(arrow_cells, "_MEASURED_AT_ONCE", at_once)
        assert arrow_cells._sizes(array).tolist() == together


@pytest.mark.parametrize(("count", "is_long"), [(LIMIT_CELL_BYTES, False), (1 + (1 << 20), True)])
def test_a_cell_of_a_mebibyte_is_read_and_one_of_a_byte_more_is_not(
    count: int, *, is_long: bool
) -> None:
    batch = pa.record_batch({"id": ["1", "2"], "x": ["a" * count, "b"]})
    first, second = rows_of(batch, Reading())
    assert second == {"id": "2", "x": "b"}
    if is_long:
        assert str(first).startswith("The cell of 'x' has more than 1,048,576 bytes.")
    else:
        assert first == {"id": "1", "x": "a" * count}


def test_a_list_is_measured_in_a_column_of_few_bytes_too() -> None:
    # 16,384 objects of 64 bytes are a mebibyte, of bits that are 2 KiB.
    bits = pa.array([[True] * 16_100, [True] * 16_400], pa.list_(pa.bool_()))
    assert bits.get_total_buffer_size() < LIMIT_CELL_BYTES
    long = arrow_cells._Column.of(bits, "a", Reading()).are_long
    assert long is not None
    assert long.tolist() == [False, True]
    objects = arrow_cells._Column.of(pa.array([{"a": [True] * 16_400}]), "a", Reading())
    assert list(objects.long_rows()) == [(0, "a.a")]


LONG_TEXTS = dict.fromkeys("abcdef", "x" * 900 * 1024)


@pytest.mark.parametrize(
    ("row", "is_long"),
    [
        (LONG_TEXTS, True),
        (dict(list(LONG_TEXTS.items())[:4]), False),
        ({"a": LONG_TEXTS}, True),
        (
            {"a": {"b": "x" * 300_000, "c": b"y" * 900_000}, **dict(list(LONG_TEXTS.items())[1:5])},
            0,
        ),
        ({"a": dict.fromkeys(map(str, range(16_000)), 1), **dict(list(LONG_TEXTS.items())[2:])}, 1),
    ],
)
@pytest.mark.parametrize("beside", [0, 1, 3])
def test_a_row_is_too_long_whatever_lies_beside(
    row: dict[str, Any], is_long: bool, beside: int
) -> None:
    schema = pa.Table.from_pylist([row]).schema
    long, *_ = rows_of(pa.RecordBatch.from_pylist([row, *[{}] * beside], schema), Reading())
    other = pa.RecordBatch.from_pylist([*[row] * beside, row], schema)
    *_, same = rows_of(other, Reading())
    for found in (long, same):
        told = "The cells of the row have more than 4,194,304 bytes together."
        assert str(found).startswith(told) == bool(is_long), str(found)[:100]


def test_columns_that_share_a_buffer_count_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arrow_cells, "LIMIT_ROW_BYTES", 2_000_000)
    column = pa.array(["x" * 900_000])
    batch = pa.record_batch(dict.fromkeys("abc", column))
    assert batch.get_total_buffer_size() < LIMIT_CELL_BYTES
    (row,) = rows_of(batch, Reading())
    assert not isinstance(row, dict)


def test_rows_become_objects_fifty_at_a_time() -> None:
    numbers = list(range(101))
    batch = pa.record_batch({"n": numbers})
    assert [row["n"] for row in rows_of(batch, Reading()) if isinstance(row, dict)] == numbers


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (pa.timestamp("ns"), pa.timestamp("us")),
        (pa.timestamp("s", "Europe/Istanbul"), pa.timestamp("s", "Europe/Istanbul")),
        (pa.timestamp("ms", "Middle/Earth"), pa.timestamp("ms", "UTC")),
        (pa.time64("ns"), pa.time64("us")),
        (pa.time32("s"), pa.time32("s")),
        (pa.duration("ns"), pa.duration("us")),
        (pa.duration("s"), pa.duration("s")),
        (pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.int8(), pa.string())),
        (pa.dictionary(pa.int8(), pa.timestamp("ns")), pa.timestamp("us")),
        (pa.list_(pa.time64("ns")), pa.list_(pa.time64("us"))),
        (pa.large_list(pa.time64("ns")), pa.large_list(pa.time64("us"))),
        (pa.struct([("t", pa.time64("ns"))]), pa.struct([("t", pa.time64("us"))])),
        (pa.int8(), pa.int8()),
    ],
    ids=str,
)
def test_times_are_read_as_python_has_them(kind: Any, wanted: Any) -> None:
    assert arrow_cells._readable_type(kind) == wanted


@pytest.mark.parametrize(
    ("kind", "holds"),
    [
        (pa.string(), False),
        (pa.binary(), True),
        (pa.large_binary(), True),
        (pa.binary(3), True),
        (pa.binary_view(), True),
        (pa.string_view(), False),
        (pa.dictionary(pa.int8(), pa.binary()), True),
        (pa.run_end_encoded(pa.int16(), pa.binary()), True),
        (pa.list_(pa.binary()), True),
        (pa.struct([("a", pa.int8()), ("b", pa.binary())]), True),
        (pa.struct([("a", pa.int8())]), False),
    ],
    ids=str,
)
def test_bytes_are_found_wherever_they_are_nested(kind: Any, *, holds: bool) -> None:
    assert arrow_cells._holds_bytes(kind) is holds


@pytest.mark.parametrize(
    ("kind", "read"),
    [
        (pa.int8(), True),
        (pa.month_day_nano_interval(), False),
        (pa.list_(pa.month_day_nano_interval()), False),
        (pa.struct([("a", pa.int8()), ("b", pa.month_day_nano_interval())]), False),
        (pa.dictionary(pa.int8(), pa.string()), True),
        (pa.uuid(), True),
    ],
    ids=str,
)
def test_intervals_alone_are_not_read(kind: Any, *, read: bool) -> None:
    assert arrow_cells.is_read(kind) is read


def test_what_is_wrong_is_told_in_one_line_of_two_hundred_characters() -> None:
    assert arrow_cells.words_of(ValueError("a\n b\t c")) == "a b c"
    assert arrow_cells.words_of(ValueError("x" * 300)) == "x" * 200


def test_a_value_that_is_none_costs_its_cell_and_is_noted_once() -> None:
    texts = pa.StringArray.from_buffers(
        3, pa.array([0, 1, 3, 4], pa.int32()).buffers()[1], pa.py_buffer(b"a\xff\xfeb")
    )
    reading = Reading()
    batch = pa.record_batch({"t": texts, "n": np.arange(3)})
    assert list(rows_of(batch, reading)) == [
        {"t": "a", "n": 0},
        {"t": None, "n": 1},
        {"t": "b", "n": 2},
    ]
    assert list(reading.unusable) == ["t"]
    assert (reading.binary, reading.unread) == (set(), {})
