"""Pages of Parquet files: how many rows are read at once, and headers to the bit."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from furniture_prompter.feeds import parquet_pages
from furniture_prompter.feeds.parquet_pages import (
    SlimmedFile,
    TooLongPageError,
    _Compact,
    _header,
    _structure,
    slimmed,
)


def rows_at_once(folder: Path, columns: dict[str, pa.Array]) -> int:
    schema = pa.schema(
        [pa.field(name, each.type, nullable=False) for name, each in columns.items()]
    )
    pa.parquet.write_table(
        *(pa.table(list(columns.values()), schema), folder / "p"),
        use_dictionary=False,
        compression="none",
    )
    with (folder / "p").open("rb") as file:
        slim = SlimmedFile(file)
        source = pa.parquet.ParquetFile(slim)
        return slimmed(source, slim, 0, 100, b"mark")


@pytest.mark.parametrize(
    ("batch_bytes", "rows"),
    # A row of a long and an int is 12 bytes and one more.
    [(1, 1), (13, 1), (25, 1), (26, 2), (13 * 999, 999), (13 * 1_000, 1_000), (1 << 30, 1_000)],
)
def test_as_many_rows_are_read_at_once_as_take_the_bytes_of_a_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_bytes: int, rows: int
) -> None:
    monkeypatch.setattr(parquet_pages, "_BATCH_BYTES", batch_bytes)
    columns = {"a": pa.array(range(50), pa.int64()), "b": pa.array(range(50), pa.int32())}
    assert rows_at_once(tmp_path, columns) == rows


def test_limits_of_pages_are_mebibytes() -> None:
    mebibyte = 1024**2
    assert 256 * mebibyte == parquet_pages.LIMIT_PAGE_BYTES
    assert 512 * mebibyte == parquet_pages._LIMIT_OPENED_BYTES
    assert 64 * mebibyte == parquet_pages._BATCH_BYTES
    assert 8 * mebibyte == parquet_pages._LONG_PAGE_BYTES
    assert parquet_pages._SMALL_DICTIONARY_BYTES == 64 * 1024
    assert (4 * 1024, 16 * mebibyte) == parquet_pages._HEADER_BYTES


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (b"\x00", {}),
        # Type in the low half of a byte, distance of the number in the high one.
        (b"\x15\x02\x00", {1: 1}),
        (b"\x15\x01\x00", {1: -1}),
        (b"\x16\xac\x02\x15\x04\x00", {1: 150, 2: 2}),
        (b"\x14\x06\x00", {1: 3}),
        (b"\x11\x12\x00", {1: True, 2: False}),
        (b"\x13\xff\x00", {1: 255}),
        # A number of its own, where the distance is none.
        (b"\x05\x28\x02\x15\x04\x00", {20: 1, 21: 2}),
        (b"\x17abcdefgh\x15\x02\x00", {1: b"abcdefgh", 2: 1}),
        (b"\x18\x03abc\x15\x02\x00", {1: b"abc", 2: 1}),
        (b"\x18\x00\x00", {1: b""}),
        (b"\x19\x25\x02\x04\x15\x02\x00", {1: (), 2: 1}),
        (b"\x19\x21\x01\x02\x15\x02\x00", {1: (), 2: 1}),
        (b"\x1a\x22\x01\x02\x15\x02\x00", {1: (), 2: 1}),
        (b"\x19\xf5\x01\x02\x15\x02\x00", {1: (), 2: 1}),
        (b"\x19\x0c\x15\x02\x00", {1: (), 2: 1}),
        (b"\x1c\x15\x02\x00\x15\x04\x00", {1: {1: 1}, 2: 2}),
    ],
)
def test_headers_are_read_field_by_field(data: bytes, fields: dict[int, Any]) -> None:
    reader = _Compact(data)
    assert reader.structure() == fields
    assert reader.place == len(data)


@pytest.mark.parametrize(
    "data", [b"", b"\x15", b"\x15\x02", b"\x15\x80", b"\x18\x03ab", b"\x17abcdefg", b"\x19\x25\x02"]
)
def test_a_header_that_is_cut_off_ends(data: bytes) -> None:
    with pytest.raises(EOFError):
        _Compact(data).structure()


@pytest.mark.parametrize("kind", [0, 11, 13, 14, 15])
def test_a_type_that_there_is_none_is_damage(kind: int) -> None:
    with pytest.raises(ValueError, match=r"^the header of a page is damaged$"):
        _Compact(bytes([0x10 | kind, 1, 0])).structure()


def test_eight_structures_may_lie_in_each_other() -> None:
    assert _Compact(b"\x1c" * 8 + b"\x00" * 9).structure()
    with pytest.raises(ValueError, match="nested too deeply"):
        _Compact(b"\x1c" * 9 + b"\x00" * 10).structure()
    with pytest.raises(ValueError, match="nested too deeply"):
        _Compact(b"\x19\x1c" + b"\x1c" * 8 + b"\x00" * 10).structure()


@pytest.mark.parametrize(("tail", "is_read"), [(9, True), (10, False)])
def test_a_number_has_ten_bytes_at_most(tail: int, *, is_read: bool) -> None:
    data = b"\x80" * tail + b"\x01"
    if is_read:
        assert _Compact(data)._unsigned() == 1 << 63
    else:
        with pytest.raises(ValueError, match="damaged"):
            _Compact(data)._unsigned()


@pytest.mark.parametrize("number", [0, 1, -1, 63, 64, -64, -65, 127, 128, 8_191, 8_192, 2**40])
def test_a_header_that_is_written_is_the_one_that_is_read(number: int) -> None:
    fields = {1: number, 3: {2: number, 4: True, 5: False}, 15: 7}
    written = _structure(fields)
    reader = _Compact(written)
    assert (reader.structure(), reader.place) == (fields, len(written))


def test_a_page_is_written_with_the_numbers_of_its_header_alone() -> None:
    details = {1: 5, 2: 0, 5: {1: b"least"}, 8: b"text"}
    for kind, own in ((0, 5), (1, 6), (2, 7), (3, 8)):
        read = _Compact(_header(kind, 100, 60, details)).structure()
        assert read == {1: kind, 2: 100, 3: 60, own: {1: 5, 2: 0}}


def chunk(**given: Any) -> Any:
    told = {
        "data_page_offset": 4,
        "has_dictionary_page": False,
        "dictionary_page_offset": None,
        "total_compressed_size": 0,
        "num_values": 0,
        "path_in_schema": "c",
        "physical_type": "BYTE_ARRAY",
        "compression": "UNCOMPRESSED",
    }
    return SimpleNamespace(**{**told, **given})


def pages(content: bytes, **given: Any) -> list[tuple[int, int, int, int, int]]:
    file = SlimmedFile(io.BytesIO(b"PAR1" + content))
    found = parquet_pages._pages(file, chunk(total_compressed_size=len(content), **given))
    return [(page.start, page.body, page.end, page.kind, page.values) for page in found]


def page(kind: int, values: int, body: bytes) -> bytes:
    return _header(kind, len(body), len(body), {1: values}) + body


def test_pages_follow_each_other_until_all_values_are_seen() -> None:
    first, second = page(0, 3, b"abc"), page(3, 2, b"de")
    head = len(first) - 3
    expected = [
        (4, 4 + head, 4 + len(first), 0, 3),
        (4 + len(first), 4 + len(first) + len(second) - 2, 4 + len(first) + len(second), 3, 2),
    ]
    assert pages(first + second, num_values=5) == expected
    assert pages(first + second, num_values=4) == expected
    assert pages(first + second, num_values=3) == expected[:1]
    assert pages(first + second, num_values=0) == []
    # Where fewer are there than were told, the chunk's end is the end.
    assert pages(first, num_values=9) == expected[:1]


@pytest.mark.parametrize(
    ("has_page", "offset", "start"),
    [(True, 4, 4), (False, 4, None), (True, 0, None), (True, None, None)],
)
def test_a_column_begins_with_its_dictionary_where_it_has_one(
    has_page: bool, offset: int | None, start: int | None
) -> None:
    words, data = page(2, 9, b"words"), page(0, 1, b"x")
    behind = 4 + len(words)
    found = pages(
        words + data,
        num_values=1,
        data_page_offset=behind,
        has_dictionary_page=has_page,
        dictionary_page_offset=offset,
    )
    assert [each[0] for each in found] == ([behind] if start is None else [start, behind])


@pytest.mark.parametrize("fields", [{1: -1, 2: 1, 3: 1}, {1: 0, 2: -1, 3: 1}, {1: 0, 2: 1}, {}])
def test_a_header_without_lengths_is_damage(fields: dict[int, Any]) -> None:
    with pytest.raises(ValueError, match="the header of a page is damaged"):
        pages(_structure(fields) + b"x" * 9, num_values=1)


def test_a_header_longer_than_what_is_read_at_once_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = page(0, 1, b"x")
    head = len(content) - 1
    for lengths, is_read in (((head,), True), ((head - 1, head), True), ((2, head - 1), False)):
        monkeypatch.setattr(parquet_pages, "_HEADER_BYTES", lengths)
        if is_read:
            assert len(pages(content, num_values=1)) == 1
        else:
            with pytest.raises(ValueError, match="is cut off or too long"):
                pages(content, num_values=1)


def test_a_column_of_too_many_pages_is_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parquet_pages._LIMIT_PAGES == 1_000_000
    monkeypatch.setattr(parquet_pages, "_LIMIT_PAGES", 2)
    one = page(0, 1, b"x")
    with pytest.raises(ValueError, match="more than a million pages"):
        pages(one * 3, num_values=3)
    with pytest.raises(ValueError, match="more than a million pages"):
        pages(one * 2, num_values=2)
    assert len(pages(one * 2, num_values=1)) == 1


def test_bytes_are_replaced_where_they_are_read() -> None:
    file = SlimmedFile(io.BytesIO(b"0123456789"))
    assert (file.readable(), file.seekable(), file.is_changed) == (True, True, False)
    file.replace([(2, b"ab"), (8, b"yz")])
    assert file.is_changed
    assert file.read(10) == b"01ab4567yz"
    assert file.tell() == 10
    for start, count, expected in ((3, 3, b"b45"), (0, 3, b"01a"), (4, 4, b"4567"), (9, 5, b"z")):
        assert file.seek(start) == start
        assert file.read(count) == expected
    assert file.seek(-2, io.SEEK_END) == 8
    assert file.read(1) == b"y"
    assert file.seek(-4, io.SEEK_CUR) == 5
    assert file.seek(-99) == 0
    file.replace([])
    assert (file.read(4), file.is_changed) == (b"0123", False)


def slim_page(kind: int, unpacked: int, values: int, **given: Any) -> float:
    of_page = parquet_pages._Page(0, 0, 0, kind, unpacked, {1: values})
    file = SlimmedFile(io.BytesIO(b""))
    column = SimpleNamespace(max_repetition_level=0, max_definition_level=0)
    return parquet_pages._slim_page(file, of_page, chunk(**given), column, 10, b"m", [])


def test_small_pages_are_not_opened() -> None:
    assert slim_page(0, 1_000, 10) == 100.0
    assert slim_page(0, 1_000, 0) == 1_000.0
    assert slim_page(0, 8 << 20, 1 << 20) == 8.0
    # Any of a dictionary's texts may be all of it.
    assert slim_page(2, 64 << 10, 10) == float(64 << 10)
    assert slim_page(2, 1_000, 10, physical_type="INT32") == 100.0


def test_long_pages_that_cannot_be_parted_are_refused_beyond_their_limit() -> None:
    limit = 256 << 20
    assert slim_page(0, limit, limit // 4, physical_type="INT32") == 4.0
    # Without an encoding that is known a text is as long as it can be.
    assert slim_page(0, limit, 1 << 20) == 256.0
    assert slim_page(2, limit, 1 << 20) == float(limit)
    for kind, physical_type in ((0, "INT32"), (0, "BYTE_ARRAY"), (2, "BYTE_ARRAY")):
        with pytest.raises(TooLongPageError, match="'c' unpacks to 268,435,457 bytes"):
            slim_page(kind, limit + 1, 1, physical_type=physical_type)
