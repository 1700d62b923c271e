import datetime as dt
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from furniture_prompter.domain import FeedNote
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds import workbooks
from furniture_prompter.feeds.feed_files import FeedFile
from furniture_prompter.feeds.formats import open_records
from furniture_prompter.feeds.records import Record, RecordSource


def source_of(folder: Path, *sheets: list[list[Any]], hidden: int = -1) -> RecordSource:
    book = openpyxl.Workbook()
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"Sheet {number}")
        for row in rows:
            sheet.append(row)
        if number == hidden:
            sheet.sheet_state = "hidden"
    book.save(folder / "p.xlsx")
    return open_records(folder / "p.xlsx")


def rows_of(source: RecordSource) -> list[Record]:
    return [item for item in source.records() if isinstance(item, Record)]


TURKISH: list[list[Any]] = [
    ["Fiyat listesi", None, None, None],
    [],
    ["Stok Kodu", "Ürün\nAdı", "Fiyat", "Tarih"],
    [4711, " Koltuk ", 1299.5, dt.date(2026, 1, 2)],
    [None, None, None, None],
    [8690000000001, "Masa", 899, dt.datetime(2026, 1, 2, 3, 4)],  # noqa: DTZ001  # Excel has none
    ["007", True, None, None],
]


def test_the_header_is_found_below_a_title_and_rows_have_the_sheets_numbers(
    tmp_path: Path,
) -> None:
    source = source_of(tmp_path, TURKISH)
    assert source.columns() == ("Stok Kodu", "Ürün Adı", "Fiyat", "Tarih")
    assert source.format == "workbook, sheet Sheet 0, header in row 3"
    assert [(row.line, tuple(row.fields.values())) for row in rows_of(source)] == [
        (4, (4711, "Koltuk", 1299.5, "2026-01-02")),
        (6, (8690000000001, "Masa", 899, "2026-01-02T03:04:00")),
        (7, ("007", True, None, None)),
    ]
    assert isinstance(rows_of(source)[0].fields["Stok Kodu"], int)


def test_the_widest_table_is_read_and_the_others_are_told(tmp_path: Path) -> None:
    notes = [["read", "me"], ["x", "y"]]
    source = source_of(tmp_path, notes, TURKISH, [["a"] * 9, ["b"] * 9], hidden=2)
    texts = [item.text for item in source.records() if isinstance(item, FeedNote)]
    assert source.columns()[0] == "Stok Kodu"
    assert any("'Sheet 0'" in text for text in texts)
    assert any("Hidden" in text and "'Sheet 2'" in text for text in texts)


def test_a_name_over_merged_cells_is_the_name_of_each(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Products")
    sheet.append(["Kod", "Görsel", None, None, "Fiyat"])
    sheet.merge_cells("B1:D1")
    sheet.append(["1", "a.jpg", "b.jpg", None, 5])
    book.save(tmp_path / "p.xlsx")
    source = open_records(tmp_path / "p.xlsx")
    assert source.columns() == ("Kod", "Görsel", "Görsel.2", "Görsel.3", "Fiyat")
    assert rows_of(source)[0].fields["Görsel.2"] == "b.jpg"


ODS_CONTENT = """<?xml version="1.0"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.2">
<office:body><office:spreadsheet><table:table table:name="Ürünler">
<table:table-row>{}</table:table-row><table:table-row>{}</table:table-row>
</table:table></office:spreadsheet></office:body></office:document-content>"""


def test_opendocument_is_read(tmp_path: Path) -> None:
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    number = '<table:table-cell office:value-type="float" office:value="12.5"/>'
    content = ODS_CONTENT.format(
        cell.format("Ad") + cell.format("Fiyat"), cell.format("Şık") + number
    )
    with zipfile.ZipFile(tmp_path / "p.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr(
            "META-INF/manifest.xml",
            '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
    (row,) = rows_of(open_records(tmp_path / "p.ods"))
    assert row.fields == {"Ad": "Şık", "Fiyat": 12.5}


@pytest.mark.parametrize(
    ("rows", "words"),
    [([], "no sheet with a table"), ([[1, 2], [3, 4]], "no sheet"), ([["a", "b"]], "no row")],
)
def test_a_workbook_without_a_table_is_refused(
    tmp_path: Path, rows: list[list[Any]], words: str
) -> None:
    with pytest.raises(InvalidFeedError, match=words):
        list(source_of(tmp_path, rows).records())


def test_a_workbook_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbooks, "LIMIT_UNPACKED_BYTES", 1_000)
    with pytest.raises(InvalidFeedError, match="unpacks to"):
        source_of(tmp_path, TURKISH).columns()


def test_a_cell_far_behind_the_table_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Products")
    sheet.append(["a", "b"])
    sheet["XFD1048576"] = "far"
    book.save(tmp_path / "p.xlsx")
    with pytest.raises(InvalidFeedError, match="row 1,048,576 and column 16,384"):
        open_records(tmp_path / "p.xlsx").columns()


def test_a_damaged_workbook_is_refused_in_one_sentence(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/workbook.xml", "<broken")
    (tmp_path / "p.xlsx").write_bytes(file.getvalue())
    with pytest.raises(InvalidFeedError, match="cannot be read"):
        open_records(tmp_path / "p.xlsx").columns()


_ODS = "application/vnd.oasis.opendocument.spreadsheet"


def _opendocument(path: Path, *rows: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", _ODS)
        archive.writestr(
            "META-INF/manifest.xml",
            '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
            f'<m:file-entry m:full-path="/" m:media-type="{_ODS}"/></m:manifest>',
        )
        archive.writestr(
            "content.xml",
            "<office:document-content "
            'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
            ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
            ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body>'
            f'<office:spreadsheet><table:table table:name="P">{"".join(rows)}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )
    return path


def _row(*cells: str, repeated: int = 1) -> str:
    attribute = f'table:number-rows-repeated="{repeated}"'
    return f"<table:table-row {attribute}>{''.join(cells)}</table:table-row>"


def _text(value: str, repeated: int = 1) -> str:
    attribute = f'table:number-columns-repeated="{repeated}" office:value-type="string"'
    return f"<table:table-cell {attribute}><text:p>{value}</text:p></table:table-cell>"


def _blank(repeated: int) -> str:
    return f'<table:table-cell table:number-columns-repeated="{repeated}"/>'


_TABLE = (_row(_text("id"), _text("title")), _row(_text("1"), _text("Stool")))


@pytest.mark.parametrize(
    "more",
    [
        (_row(_text("x", 2_000_000_000)),),
        (_row(_text("x"), repeated=2_000_000_000),),
        (_row(_blank(16_000), repeated=1_000_000), _row(_text("2"))),
    ],
)
def test_repeated_cells_are_refused_before_memory_and_time_are_taken(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    path = _opendocument(tmp_path / "p.ods", *_TABLE, *more)
    with pytest.raises(InvalidFeedError, match="too far to be held in memory"):
        open_records(path).columns()


def test_blank_cells_behind_the_table_do_no_harm(tmp_path: Path) -> None:
    path = _opendocument(tmp_path / "p.ods", *_TABLE, _row(_blank(16_384), repeated=1_048_574))
    records = [item for item in open_records(path).records() if isinstance(item, Record)]
    assert [record.fields for record in records] == [{"id": "1", "title": "Stool"}]


_FAR = '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>z</t></is></c></row>'


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("sheets/s.xml", _FAR),
        ("worksheets/sheet1.xml", _FAR.replace('r="XFD1048576"', "r='XFD1048576'")),
        ("worksheets/sheet1.xml", _FAR.replace("XFD1048576", "xfd1048576")),
        ("worksheets/sheet1.xml", _FAR.replace('"XFD1048576"', '"ZZZZZZ99999999999"')),
        ("worksheets/sheet1.xml", f'<row r="1048576">{"<c/>" * 200}</row>'),
    ],
)
def test_far_cells_are_found_however_they_are_written(tmp_path: Path, name: str, row: str) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.append(["id", "title"])
    book.save(tmp_path / "fine.xlsx")
    with (
        zipfile.ZipFile(tmp_path / "fine.xlsx") as fine,
        zipfile.ZipFile(tmp_path / "p.xlsx", "w", zipfile.ZIP_DEFLATED) as far,
    ):
        for part in fine.namelist():
            text = fine.read(part).decode().replace("worksheets/sheet1.xml", name)
            to = part.replace("worksheets/sheet1.xml", name)
            far.writestr(to, text.replace("</sheetData>", f"{row}</sheetData>"))
    with pytest.raises(InvalidFeedError, match="too far to be held in memory"):
        open_records(tmp_path / "p.xlsx").columns()


def test_a_workbook_that_declares_entities_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", '<!DOCTYPE x [<!ENTITY a "b">]><workbook/>')
    with pytest.raises(InvalidFeedError, match="declares entities"):
        open_records(tmp_path / "p.xlsx").columns()


@pytest.mark.parametrize(
    ("rows", "header_row", "columns"),
    [
        # A title above the table is narrower than it, up to six tenths of its width.
        ([["List", "2026"], ["a", "b", "c", "d"], [1, 2, 3, 4]], 2, "abcd"),
        ([["x", "y", "z"], ["a", "b", "c", "d", "e"], [1, 2, 3, 4, 5]], 1, "xyz"),
        ([["x", "y"], ["a", "b", "c", "d"], [1, 2, 3, 4]], 2, "abcd"),
        ([["x"], ["a", "b"], [1, 2]], 2, "ab"),
        ([["a"], [1], [2]], 1, "a"),
        ([["a", None, " b  c "], [1, 2, 3]], 1, ["a", "b c"]),
        ([["a", 5], ["b", "c"], [1, 2]], 2, "bc"),
        ([[], [], ["a", "b"], [1, 2]], 3, "ab"),
    ],
)
def test_where_the_header_is(
    tmp_path: Path, rows: list[list[Any]], header_row: int, columns: Any
) -> None:
    source = source_of(tmp_path, rows)
    assert source.format.endswith(f"header in row {header_row}")
    assert source.columns() == tuple(columns)


@pytest.mark.parametrize(("before", "is_found"), [(49, True), (50, False)])
def test_the_header_is_looked_for_among_the_first_rows(
    tmp_path: Path, before: int, *, is_found: bool
) -> None:
    source = source_of(tmp_path, [[1, 2]] * before + [["a", "b"], [1, 2]])
    if is_found:
        assert source.columns() == ("a", "b")
    else:
        with pytest.raises(InvalidFeedError, match="no sheet with a table"):
            source.columns()


def test_of_sheets_as_wide_the_longer_one_is_read(tmp_path: Path) -> None:
    short: list[list[Any]] = [["a", "b"], [1, 2]]
    long: list[list[Any]] = [["c", "d"], [1, 2], [3, 4]]
    source = source_of(tmp_path, short, long)
    assert source.columns() == ("c", "d")
    (note,) = [item.text for item in source.records() if isinstance(item, FeedNote)]
    assert "the sheet 'Sheet 1' was read" in note
    assert "not 'Sheet 0'" in note
    # A hidden one comes behind all others, however long, and last where there is nothing else.
    assert source_of(tmp_path, short, long, hidden=1).columns() == ("a", "b")
    alone = source_of(tmp_path, long, hidden=0)
    (told,) = [item.text for item in alone.records() if isinstance(item, FeedNote)]
    assert "in a hidden sheet only" in told


def test_columns_of_the_table_that_is_read_are_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbooks, "LIMIT_COLUMNS", 3)
    wide: list[list[Any]] = [["a", "b", "c", "d"], [1, 2, 3, 4]]
    narrow: list[list[Any]] = [["a", "b", "c"], [1, 2, 3]]
    assert source_of(tmp_path, narrow).columns() == ("a", "b", "c")
    for sheets in ((wide, narrow), (narrow, wide), (wide,)):
        with pytest.raises(InvalidFeedError, match="names 4 columns, more than 3"):
            source_of(tmp_path, *sheets).columns()
    assert source_of(tmp_path, wide, narrow, hidden=0).columns() == ("a", "b", "c")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        *((2.0, 2), (2.5, 2.5), (" x ", "x"), (" ", None), (True, True), (-3.0, -3)),
        *((1e300, 1e300), (float(2**53), float(2**53)), (float(2**53 - 1), 2**53 - 1)),
        *((dt.date(2026, 1, 2), "2026-01-02"), (dt.time(3, 4), "03:04:00")),
        (dt.datetime(2026, 1, 2, 0, 0), "2026-01-02"),  # noqa: DTZ001  # Excel has none
        (dt.datetime(2026, 1, 2, 0, 1), "2026-01-02T00:01:00"),  # noqa: DTZ001
        (dt.timedelta(hours=30), "1 day, 6:00:00"),
    ],
)
def test_what_a_cell_holds(cell: Any, value: Any) -> None:
    found = workbooks._value(cell)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("size", "packed", "is_refused"),
    [
        # Whatever the ratio is up to 100, then 250 times what is packed, and never above 1,000.
        *((100, 0, False), (101, 0, False), (250, 0, False), (251, 0, True), (251, 1, True)),
        *((500, 2, False), (501, 2, True), (1_000, 4, False), (1_001, 900, True)),
    ],
)
def test_how_much_a_workbook_may_unpack_to(
    size: int, packed: int, *, is_refused: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(workbooks, "LIMIT_UNPACKED_BYTES", 1_000)
    monkeypatch.setattr(workbooks, "_ANY_RATIO_BYTES", 100)
    part = zipfile.ZipInfo("x")
    part.file_size, part.compress_size = size, packed
    records = workbooks.WorkbookRecords(FeedFile(tmp_path / "p.xlsx"))
    if is_refused:
        with pytest.raises(InvalidFeedError, match="unpacks to"):
            records._refuse_size([part])
    else:
        records._refuse_size([part])


def test_a_few_far_cells_are_refused_where_a_full_sheet_of_that_size_is_not(
    tmp_path: Path,
) -> None:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Products")
    sheet.append(["a", "b"])
    sheet["Z1048576"] = "far"
    book.save(tmp_path / "p.xlsx")
    with pytest.raises(InvalidFeedError, match="row 1,048,576 and column 26"):
        open_records(tmp_path / "p.xlsx").columns()


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def _label(row: int, column: int, text: str) -> bytes:
    data = text.encode("utf-16-le")
    return _record(0x0204, struct.pack("<HHHHB", row, column, 0, len(text), 1) + data)


def _many_numbers(row: int, column: int, count: int) -> bytes:
    numbers = struct.pack("<HI", 0, 0x00000002) * count
    return _record(
        0x00BD,
        struct.pack("<HH", row, column) + numbers + struct.pack("<H", column + count - 1),
    )


def _old_workbook(path: Path, *cells: bytes, sheet_at: int | None = None, pad: int = 4096) -> Path:
    """An .xls: a compound file of 512-byte sectors with one stream of records."""
    end = _record(0x000A, b"")
    name = "Products"
    sheet = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 0))
    sheet += b"".join(cells) + end

    def book(place: int) -> bytes:
        bound = struct.pack("<IHBB", place, 0, len(name), 0) + name.encode()
        opening = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 0))
        return opening + _record(0x0085, bound) + end

    before = len(book(0))
    stream = book(before if sheet_at is None else sheet_at) + sheet
    size = max(len(stream), pad)
    is_small = size < 4096
    sectors = -(-size // 512)
    stream = stream.ljust(sectors * 512, b"\0")
    tables = -(-(sectors + 3) // 126)
    # Tables of what follows what, the directory, the table of small pieces, the stream.
    first = tables + 2
    following = [0xFFFFFFFD] * tables + [0xFFFFFFFE, 0xFFFFFFFE]
    following += [*range(first + 1, first + sectors), 0xFFFFFFFE]
    following += [0xFFFFFFFF] * (tables * 128 - len(following))
    small = [*range(1, sectors * 8), 0xFFFFFFFE][:128]
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    head += struct.pack("<HHHHH6xIIIIIIIII", 62, 3, 0xFFFE, 9, 6, 0, tables, tables, 0, 4096,
                        tables + 1, 1, 0xFFFFFFFE, 0)  # fmt: skip
    head += struct.pack("<109I", *range(tables), *[0xFFFFFFFF] * (109 - tables))

    def entry(title: str, kind: int, start: int, length: int, child: int) -> bytes:
        text = title.encode("utf-16-le") + b"\0\0"
        free = 0xFFFFFFFF
        return (
            text.ljust(64, b"\0")
            + struct.pack("<HBBIII36xIQ", len(text), kind, 1, free, free, child, start, length)
        )  # fmt: skip

    directory = entry("Root Entry", 5, first if is_small else 0xFFFFFFFE, sectors * 512, 1)
    directory += entry("Workbook", 2, 0 if is_small else first, size, 0xFFFFFFFF)
    path.write_bytes(
        head
        + struct.pack(f"<{len(following)}I", *following)
        + directory.ljust(512, b"\0")
        + struct.pack("<128I", *small, *[0xFFFFFFFF] * (128 - len(small)))
        + stream
    )
    return path


_OLD_TABLE = (_label(0, 0, "id"), _label(0, 1, "ad"), _label(1, 0, "1"), _label(1, 1, "Şık"))


@pytest.mark.parametrize("pad", [4096, 0])
def test_an_old_workbook_is_read(tmp_path: Path, pad: int) -> None:
    path = _old_workbook(tmp_path / "p.xls", *_OLD_TABLE, pad=pad)
    (row,) = rows_of(open_records(path))
    assert row.fields == {"id": "1", "ad": "Şık"}


def test_many_sectors_of_an_old_workbook_are_read(tmp_path: Path) -> None:
    more = [_label(row, 0, "x" * 50) for row in range(2, 2_000)]
    rows = rows_of(open_records(_old_workbook(tmp_path / "p.xls", *_OLD_TABLE, *more)))
    assert rows[-1].line == 2_000


@pytest.mark.parametrize("pad", [4096, 0])
@pytest.mark.parametrize("far", [_label(65_535, 65_535, "far"), _many_numbers(65_535, 60_000, 300)])
def test_far_cells_of_an_old_workbook_are_refused_before_memory_is_taken(
    tmp_path: Path, pad: int, far: bytes
) -> None:
    path = _old_workbook(tmp_path / "p.xls", *_OLD_TABLE, far, pad=pad)
    with pytest.raises(InvalidFeedError, match="row 65,536 and column 6"):
        open_records(path).columns()


def test_a_sheet_of_an_old_workbook_that_begins_inside_of_a_record_is_followed(
    tmp_path: Path,
) -> None:
    hidden = _label(0, 0, "id") + _label(65_535, 65_535, "far") + _record(0x000A, b"")
    path = _old_workbook(tmp_path / "p.xls", _record(0x00FF, hidden), sheet_at=0)
    start = path.read_bytes().index(hidden)
    content = path.read_bytes()
    stream = content.index(_record(0x0809, struct.pack("<HHHHII", 0x0600, 5, 0, 0, 0, 0)))
    _old_workbook(path, _record(0x00FF, hidden), sheet_at=start - stream)
    with pytest.raises(InvalidFeedError, match="row 65,536 and column 65,536"):
        open_records(path).columns()


def test_a_damaged_old_workbook_is_refused_in_one_sentence(tmp_path: Path) -> None:
    whole = _old_workbook(tmp_path / "p.xls", *_OLD_TABLE).read_bytes()
    for place in range(8, 1_200, 7):
        damaged = whole[:place] + b"\xfe\xff\x00\x00" + whole[place + 4 :]
        (tmp_path / "p.xls").write_bytes(damaged)
        try:
            open_records(tmp_path / "p.xls").columns()
        except InvalidFeedError as error:
            assert str(tmp_path) in str(error)  # noqa: PT017  # some are readable


def test_sectors_that_lead_in_circles_end(tmp_path: Path) -> None:
    path = _old_workbook(tmp_path / "p.xls", *_OLD_TABLE)
    content = bytearray(path.read_bytes())
    # The last sector of the stream leads back to its first.
    content[512 + 4 * 10 : 512 + 4 * 11] = struct.pack("<I", 3)
    path.write_bytes(content)
    with pytest.raises(InvalidFeedError, match="lead in circles"):
        open_records(path).columns()


def _binary(kind: int, body: bytes) -> bytes:
    head = bytes([kind]) if kind < 128 else bytes([kind & 127 | 128, kind >> 7])
    return head + bytes([len(body)]) + body


@pytest.mark.parametrize("name", ["xl/worksheets/sheet1.bin", "xl/anything"])
def test_far_cells_of_a_binary_workbook_are_refused(tmp_path: Path, name: str) -> None:
    cell = struct.pack("<IId", 16_383, 0, 1.0)
    sheet = _binary(0x91, b"") + _binary(0, struct.pack("<I", 1_048_575) + bytes(13))
    with zipfile.ZipFile(tmp_path / "p.xlsb", "w") as archive:
        archive.writestr("xl/workbook.bin", b"")
        archive.writestr(name, sheet + _binary(5, cell) + _binary(0x92, b""))
    with pytest.raises(InvalidFeedError, match="row 1,048,576 and column 16,384"):
        open_records(tmp_path / "p.xlsb").columns()
