"""How far cells of a sheet reach: each way of telling places and repeats, to the cell."""

import io
from pathlib import Path

import pytest

from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds import workbook_extents
from furniture_prompter.feeds.workbook_extents import refuse_far_cells

OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0"


def excel(rows: str) -> str:
    return f"<worksheet><sheetData>{rows}</sheetData></worksheet>"


def opendocument(*tables: str) -> str:
    sheets = "".join(f"<table:table>{rows}</table:table>" for rows in tables)
    return (
        f'<office:document-content xmlns:office="{OFFICE}" xmlns:table="{TABLE}">{sheets}'
        "</office:document-content>"
    )


def cells(*counts: int, filled: bool = True) -> str:
    """Cells of a row, each repeated so many times; 1 is not written."""
    value = ' office:value-type="string"' if filled else ""
    return "".join(
        f"<table:table-cell{value}"
        + (f' table:number-columns-repeated="{count}"' if count != 1 else "")
        + "/>"
        for count in counts
    )


def row(content: str, repeated: int = 1) -> str:
    more = f' table:number-rows-repeated="{repeated}"' if repeated != 1 else ""
    return f"<table:table-row{more}>{content}</table:table-row>"


BLANK = "<table:covered-table-cell/>"


@pytest.mark.parametrize(
    ("part", "rows", "columns"),
    [
        # Excel: rows and cells say where they are, or follow each other.
        (excel('<row r="3"><c r="B3"/></row>'), 3, 2),
        (excel("<row><c/><c/></row><row><c/></row>"), 2, 2),
        (excel('<row r="5"><c/><c/></row><row><c/></row>'), 6, 2),
        (excel('<row><c r="C7"/><c/></row>'), 7, 4),
        (excel('<row><c r="C7"/></row><row><c/></row>'), 8, 3),
        (excel('<row r="2"><c r="B"/></row>'), 2, 2),
        (excel('<row r="2"><c r=" b9 "/></row>'), 9, 2),
        (excel('<row r="x"><c r="Z1"/><c r="AA1"/></row>'), 1, 27),
        (excel('<row><c r="AZ1"/></row>'), 1, 52),
        (excel('<row><c r="XFD1"/></row>'), 1, 16_384),
        (excel("<row/><row/><row><c/></row>"), 3, 1),
        # OpenDocument: each may be repeated, and blank ones behind the last do not count.
        (opendocument(row(cells(1, 1)) + row(cells(1))), 2, 2),
        (opendocument(row(cells(3))), 1, 3),
        (opendocument(row(cells(2), repeated=4)), 4, 2),
        # One that says that it is there no times is there.
        (opendocument(row(cells(2, 0))), 1, 3),
        (opendocument(row(cells(1), repeated=4) + row(cells(1), repeated=2)), 6, 1),
        (opendocument(row(cells(1)) + row(cells(9, filled=False), repeated=5)), 1, 1),
        (opendocument(row(cells(1)) + row(BLANK, repeated=5) + row(cells(1))), 7, 1),
        (opendocument(row(BLANK * 2 + cells(2) + BLANK)), 1, 4),
        (opendocument(row(cells(1, filled=False) + cells(1))), 1, 2),
    ],
)
def test_a_sheet_is_as_large_as_the_rectangle_around_its_cells(
    part: str, rows: int, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook_extents, "LIMIT_CELLS", rows * columns)
    refuse_far_cells(io.BytesIO(part.encode()), Path("p.xlsx"))
    monkeypatch.setattr(workbook_extents, "LIMIT_CELLS", rows * columns - 1)
    with pytest.raises(InvalidFeedError, match=f"row {rows:,} and column {columns:,}, too far"):
        refuse_far_cells(io.BytesIO(part.encode()), Path("p.xlsx"))


def test_tables_are_measured_each_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    part = opendocument(row(cells(1, 1, 1), repeated=1), row(cells(1), repeated=3), row(cells(2)))
    monkeypatch.setattr(workbook_extents, "LIMIT_CELLS", 3)
    refuse_far_cells(io.BytesIO(part.encode()), Path("p.ods"))


@pytest.mark.parametrize(("blank_rows", "is_refused"), [(3, False), (4, True)])
def test_blank_rows_that_are_gone_through_before_a_filled_one_count(
    blank_rows: int, *, is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first row has 1 cell, each blank one 10, whatever is filled behind them.
    monkeypatch.setattr(workbook_extents, "LIMIT_CELLS", 31)
    blank = row(cells(10, filled=False), repeated=blank_rows)
    part = opendocument(row(cells(1)) + blank + row(cells(1)))
    if is_refused:
        with pytest.raises(InvalidFeedError, match="too far"):
            refuse_far_cells(io.BytesIO(part.encode()), Path("p.ods"))
    else:
        refuse_far_cells(io.BytesIO(part.encode()), Path("p.ods"))


@pytest.mark.parametrize(
    ("reference", "rows", "columns"),
    [
        ("A999999999999", 2**32, 1),
        ("A1234567890123", 2**32, 1),
        ("A4294967295", 2**32 - 1, 1),
        ("ZZZZZZZZZZ1", 1, sum(26**n for n in range(1, 9))),
    ],
)
def test_places_beyond_all_sheets_are_as_far_as_can_be_told(
    reference: str, rows: int, columns: int
) -> None:
    part = excel(f'<row><c r="{reference}"/></row>')
    with pytest.raises(InvalidFeedError, match=f"row {rows:,} and column {columns:,},"):
        refuse_far_cells(io.BytesIO(part.encode()), Path("p.xlsx"))


def test_other_parts_are_not_read_and_broken_sheets_are_told() -> None:
    refuse_far_cells(io.BytesIO(b"<styleSheet><c r='A9999999999'/><broken"), Path("p.xlsx"))
    refuse_far_cells(io.BytesIO(b"no XML at all"), Path("p.xlsx"))
    refuse_far_cells(io.BytesIO(b""), Path("p.xlsx"))
    with pytest.raises(ValueError, match="broken XML"):
        refuse_far_cells(io.BytesIO(b"<worksheet><row>"), Path("p.xlsx"))
    entity = b'<!DOCTYPE x [<!ENTITY a "b">]><worksheet/>'
    with pytest.raises(InvalidFeedError, match="declares entities"):
        refuse_far_cells(io.BytesIO(entity), Path("p.xlsx"))


@pytest.mark.parametrize(
    ("reference", "is_refused"),
    [("A5000000", False), ("A5000001", True), ("E1000000", False), ("E1000001", True)],
)
def test_any_sheet_may_have_five_million_cells_around_its_filled_ones(
    reference: str, *, is_refused: bool
) -> None:
    part = io.BytesIO(excel(f'<row><c r="{reference}"/></row>').encode())
    if is_refused:
        with pytest.raises(InvalidFeedError, match="too far to be held in memory"):
            refuse_far_cells(part, Path("p.xlsx"))
    else:
        refuse_far_cells(part, Path("p.xlsx"))


@pytest.mark.parametrize(("last", "is_refused"), [(64, False), (65, True)])
def test_a_larger_sheet_has_one_filled_cell_of_thirty_two(
    last: int, *, is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook_extents, "_ANY_CELLS", 10)
    part = excel(f'<row><c r="A1"/></row><row><c r="A{last}"/></row>').encode()
    if is_refused:
        with pytest.raises(InvalidFeedError, match=f"as far as row {last} and column 1,"):
            refuse_far_cells(io.BytesIO(part), Path("p.xlsx"))
    else:
        refuse_far_cells(io.BytesIO(part), Path("p.xlsx"))


def test_no_sheet_has_more_than_fifty_million_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    assert workbook_extents.LIMIT_CELLS == 50_000_000
    monkeypatch.setattr(workbook_extents, "_ANY_CELLS", 10**9)
    refuse_far_cells(io.BytesIO(excel('<row><c r="A50000000"/></row>').encode()), Path("p"))
    with pytest.raises(InvalidFeedError, match=r"row 50,000,001 and column 1,"):
        refuse_far_cells(io.BytesIO(excel('<row><c r="A50000001"/></row>').encode()), Path("p"))


def test_filled_cells_of_one_table_are_not_those_of_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workbook_extents, "_ANY_CELLS", 10)
    full, sparse = row(cells(40)), row(cells(1)) + row(BLANK, repeated=32) + row(cells(1))
    refuse_far_cells(io.BytesIO(opendocument(full, sparse).encode()), Path("p.ods"))
    far = row(cells(1)) + row(BLANK, repeated=63) + row(cells(1))
    with pytest.raises(InvalidFeedError, match="as far as row 65 and column 1,"):
        refuse_far_cells(io.BytesIO(opendocument(full, far).encode()), Path("p.ods"))
