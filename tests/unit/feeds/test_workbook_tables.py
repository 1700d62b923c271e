"""Where a sheet holds its table, names over merged cells, and cells as values."""

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

from furniture_prompter.feeds import workbooks
from furniture_prompter.feeds.delimited import LIMIT_COLUMNS


def merged(names: list[str], *ranges: tuple[tuple[int, int], tuple[int, int]], row: int = 2) -> Any:
    sheet: Any = SimpleNamespace(merged_cell_ranges=[*ranges] or None)
    return workbooks._merged_names(sheet, row, names)


@pytest.mark.parametrize(
    ("names", "ranges", "expected"),
    [
        (["a", "", "c"], [], ["a", "", "c"]),
        (["a", "", "c"], [((2, 0), (2, 1))], ["a", "a", "c"]),
        (["a", "", "c"], [((2, 0), (2, 2))], ["a", "a", "c"]),
        (["a", ""], [((2, 0), (2, 3))], ["a", "a", "a", "a"]),
        (["a", "b"], [((2, 1), (2, 2))], ["a", "b", "b"]),
        # Of rows above and below; one from above reaches down to the header.
        (["a", ""], [((0, 0), (1, 1))], ["a", ""]),
        (["a", ""], [((3, 0), (4, 1))], ["a", ""]),
        (["a", ""], [((1, 0), (2, 1))], ["a", "a"]),
        (["a", ""], [((2, 0), (3, 1))], ["a", "a"]),
        # Nothing to repeat.
        (["", "b"], [((2, 0), (2, 1))], ["", "b"]),
        (["a"], [((2, 1), (2, 3))], ["a"]),
    ],
)
def test_a_merged_name_is_the_name_of_each_column_that_has_none(
    names: list[str], ranges: list[Any], expected: list[str]
) -> None:
    given = [*names]
    assert merged(names, *ranges) == expected
    assert names == given


def test_a_merged_name_reaches_no_farther_than_tables_do() -> None:
    assert len(merged(["a"], ((2, 0), (2, LIMIT_COLUMNS - 1)))) == LIMIT_COLUMNS
    assert len(merged(["a"], ((2, 0), (2, LIMIT_COLUMNS)))) == LIMIT_COLUMNS + 1
    assert len(merged(["a"], ((2, 0), (2, LIMIT_COLUMNS + 9)))) == LIMIT_COLUMNS + 1


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (7.0, 7),
        (-7.0, -7),
        (7.5, 7.5),
        (float(2**53 - 1), 2**53 - 1),
        (dt.datetime(2026, 1, 2), "2026-01-02"),  # noqa: DTZ001  # cells have no zone
        (dt.datetime(2026, 1, 2, 0, 0, 1), "2026-01-02T00:00:01"),  # noqa: DTZ001  # as above
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.time(3, 4), "03:04:00"),
        (dt.timedelta(hours=30), "1 day, 6:00:00"),
        ("  oak ", "oak"),
        ("  ", None),
        ("", None),
    ],
)
def test_cells_are_plain_values(cell: Any, value: Any) -> None:
    told = workbooks._value(cell)
    assert (told, type(told)) == (value, type(value))


def test_numbers_that_no_longer_count_ones_stay_as_they_are() -> None:
    for number in (float(2**53), -float(2**53)):
        assert type(workbooks._value(number)) is float


class Sheet:
    """A sheet of rows, as the library has them."""

    name = "Sheet"
    merged_cell_ranges = None

    def __init__(self, rows: list[list[Any]]) -> None:
        self.start = (0, 0) if rows else None
        self.height = len(rows)
        self._rows = rows

    def iter_rows(self) -> Any:
        return iter(self._rows)


def table_of(*rows: list[Any]) -> tuple[int, tuple[str, ...]] | None:
    sheet: Any = Sheet([*rows])
    found = workbooks._table(sheet, is_hidden=False)
    return None if found is None else (found.header_row, found.columns)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], None),
        ([["id", "name"], [1, "x"]], (0, ("id", "name"))),
        # Titles fill a cell or two of the widest row; six tenths of it are a header.
        ([["Prices"], ["id", "name", "price"]], (1, ("id", "name", "price"))),
        ([["a", "b", "c"], [1, 2, 3, 4, 5]], (0, ("a", "b", "c"))),
        ([["a", "b"], ["c", "d", "e", "f"]], (1, ("c", "d", "e", "f"))),
        ([["a"], ["b"]], (0, ("a",))),
        ([["a"], [1, 2]], None),
        # A header holds texts alone.
        ([["id", 1], ["id", "name"]], (1, ("id", "name"))),
        ([[None, ""], ["a", "b"]], (1, ("a", "b"))),
        ([[" two \n words ", "b", None, " "]], (0, ("two words", "b"))),
        ([["a", None, "c"]], (0, ("a", "", "c"))),
        ([["a", "a"]], (0, ("a", "a.2"))),
    ],
)
def test_the_header_is_the_first_row_of_texts_that_is_wide(
    rows: list[list[Any]], expected: Any
) -> None:
    assert table_of(*rows) == expected


def test_a_header_is_looked_for_among_the_first_fifty_rows() -> None:
    header = ["id", "name"]
    assert table_of(*[[1, 2]] * 49, header) == (49, ("id", "name"))
    assert table_of(*[[1, 2]] * 50, header) is None


def test_the_width_of_a_table_is_that_of_its_names() -> None:
    table = workbooks._Table("s", 0, ("a", "", "c"), 1, is_hidden=False)
    assert table.width == 2


def test_what_a_workbook_may_hold_is_a_matter_of_mebibytes() -> None:
    assert workbooks.LIMIT_UNPACKED_BYTES == 1024**3
    assert (workbooks._ANY_RATIO_BYTES, workbooks.LIMIT_RATIO) == (32 * 1024**2, 250)


def test_a_panic_of_the_compiled_part_is_known_by_its_name() -> None:
    class PanicException(BaseException):  # the library's own name
        pass

    assert workbooks._is_panic(PanicException())
    assert not workbooks._is_panic(ValueError("PanicException"))
