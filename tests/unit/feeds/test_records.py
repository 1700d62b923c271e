"""What every source of records has in common, and what CSV gives under the header as written."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from furniture_prompter.domain import FeedNote, SetAside
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.cells import UnusableValueError
from furniture_prompter.feeds.feed_files import FeedFile
from furniture_prompter.feeds.flattening import LIMIT_CELLS, LIMIT_DEPTH, LIMIT_FIELDS, flattened
from furniture_prompter.feeds.formats import open_records
from furniture_prompter.feeds.records import KeyColumns, Record, RecordItem

Write: TypeAlias = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file and tell its path."""

    def written(name: str, content: str | bytes) -> Path:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return written


def fields_of(items: list[RecordItem]) -> list[dict[str, object]]:
    return [dict(item.fields) for item in items if isinstance(item, Record)]


def test_csv_keeps_its_header_as_written_and_its_cells_as_text(write: Write) -> None:
    source = open_records(write("p.csv", " Ürün Adı ;Fiyat;;Görsel\nKoltuk;1.299,00;x;a.jpg\n"))
    assert source.columns() == ("Ürün Adı", "Fiyat", "Görsel")
    (row,) = source.records()
    assert row == Record(2, {"Ürün Adı": "Koltuk", "Fiyat": "1.299,00", "Görsel": "a.jpg"})
    assert not source.has_types
    assert source.format == "CSV, semicolons, utf-8"


def test_columns_of_the_same_name_are_both_kept(write: Write) -> None:
    source = open_records(write("p.csv", "sku,name,name,name.2\n1,Oslo,Oslo stool,x\n"))
    assert source.columns() == ("sku", "name", "name.2", "name.2.2")
    assert fields_of(list(source.records()))[0]["name.2"] == "Oslo stool"


def test_a_last_row_without_a_line_break_may_be_cut(write: Write) -> None:
    rows = list(open_records(write("p.csv", "a,b\n1,2\n3,4")).records())
    assert [row.may_be_cut for row in rows if isinstance(row, Record)] == [False, True]


SWALLOWING = 'sku,name,photo\n1,"Oslo,a.jpg\n2,Chair",b.jpg\n3,Sofa,c.jpg\n'


def test_swallowed_rows_are_found_by_the_key_columns(write: Write) -> None:
    source = open_records(write("p.csv", SWALLOWING))
    found = list(source.records(KeyColumns("sku", ("photo",))))
    assert [row["sku"] for row in fields_of(found)] == ["2", "3"]
    (problem,) = [item for item in found if isinstance(item, SetAside)]
    assert (problem.line, problem.product_id, problem.hides_ids) == (2, "1", True)


def test_without_key_columns_quotes_mean_what_they_say(write: Write) -> None:
    found = list(open_records(write("p.csv", SWALLOWING)).records())
    assert fields_of(found)[0] == {"sku": "1", "name": "Oslo,a.jpg\n2,Chair", "photo": "b.jpg"}


def test_nested_objects_are_dotted_and_lists_of_objects_stay_in_step() -> None:
    row = {
        "id": 1,
        "price": {"amount": 5, "was": {"amount": 9}},
        "variants": [{"sku": "a", "tags": ["x", "y"]}, {"price": 7}, "loose"],
        "tags": ["oak", 2, None],
        "rooms": [],
    }
    assert flattened(row) == {
        "id": 1,
        "price.amount": 5,
        "price.was.amount": 9,
        "variants.sku": ["a", None, None],
        "variants.tags": [["x", "y"], None, None],
        "variants.price": [None, 7, None],
        "variants": [None, None, "loose"],
        "tags": ["oak", 2, None],
    }


def test_names_that_come_out_twice_are_told_apart() -> None:
    assert flattened({"a.b": 1, "a": {"b": 2}}) == {"a.b": 1, "a.b.2": 2}


def test_what_is_nested_too_deeply_or_too_wide_is_refused() -> None:
    deep: dict[str, object] = {"x": 1}
    for _ in range(LIMIT_DEPTH + 1):
        deep = {"x": deep}
    with pytest.raises(UnusableValueError, match="deeper"):
        flattened(deep)
    with pytest.raises(UnusableValueError, match="more than"):
        flattened({str(number): 1 for number in range(LIMIT_FIELDS + 1)})
    with pytest.raises(UnusableValueError, match="2,000 values"):
        flattened({"x": {str(number): 1 for number in range(LIMIT_FIELDS + 1)}})
    with pytest.raises(UnusableValueError, match="more than"):
        flattened({"x": [{str(number): 1} for number in range(LIMIT_FIELDS + 1)]})
    with pytest.raises(UnusableValueError, match="too many"):
        flattened({"x": [{"a": 1, "b": 2}] * (LIMIT_CELLS // 2 + 1)})


@pytest.mark.parametrize(
    ("name", "content", "taken_for"),
    [
        ("p.txt", "id\ttitle\n1\tA\n", "CSV, tabs, utf-8"),
        ("p.csv", '[{"id": 1}]', "JSON array"),
        ("p.json", "id,title\n1,A\n", "CSV, commas, utf-8"),
        ("p.jsonl", '{"id": }\n{"id": 2}', "JSON lines"),
        ("p.csv", '\ufeff {"products": [{"id": 1}]}', "JSON, list products"),
        ("p.json", "<l><item><id>1</id></item></l>", "XML, elements l/item"),
        ("p", '{"id": 1}\n{"id": 2}\n', "JSON lines"),
        ("p.csv", "[id],{title}\n1,A\n", "CSV, commas, utf-8"),
        ("p.csv", "one\n1\n", "CSV, commas, utf-8"),
        ("p.tsv.gz", gzip.compress(b"id\ttitle\n1\tA\n", mtime=0), "CSV, tabs, utf-8"),
        ("p.csv", "id;title\n1;Şık\n".encode("utf-16"), "CSV, semicolons, utf-16"),
    ],
)  # fmt: skip
def test_the_content_tells_the_format_before_the_name(
    write: Write, name: str, content: str | bytes, taken_for: str
) -> None:
    source = open_records(write(name, content))
    assert source.format == taken_for
    assert any(isinstance(item, Record) for item in source.records())


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("p", "no table", "no known format"),
        ("p.pdf", b"%PDF-1.7", "PDF"),
        ("p.7z", b"7z\xbc\xaf\x27\x1c", "Unpack it"),
        ("p.png", b"\x89PNG\r\n", "folder"),
        ("p.jpg", "x", "folder"),
        ("p.xml", "<a/>", "no list of elements"),
        ("p.csv", "", "empty"),
        ("p.json", "", "empty"),
    ],
)
def test_what_is_no_feed_is_refused_with_what_to_do(
    write: Write, name: str, content: str | bytes, words: str
) -> None:
    with pytest.raises(InvalidFeedError, match=words):
        list(open_records(write(name, content)).records())


def test_nothing_and_folders_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent", tmp_path / ("x" * 300)):
        with pytest.raises(InvalidFeedError):
            open_records(path)


def test_an_encoding_is_for_tables_alone(write: Write) -> None:
    source = open_records(write("p.csv", "ad;x\nŞık;1\n".encode("cp1254")), encoding="cp1254")
    assert fields_of(list(source.records()))[0]["ad"] == "Şık"
    with pytest.raises(InvalidFeedError, match="only CSV"):
        open_records(write("p.json", "[]"), encoding="cp1254")
    with pytest.raises(InvalidFeedError, match="utf-8"):
        open_records(write("p.csv", "a,b\n"), encoding="klingon")


def test_a_guessed_encoding_is_told(write: Write) -> None:
    source = open_records(write("p.csv", "ad;x\nAğaç masası;1\n".encode("cp1254")))
    (note,) = [item for item in source.records() if isinstance(item, FeedNote)]
    assert "cp1254" in note.text


@pytest.mark.parametrize(
    ("name", "row", "head"),
    [("p.csv", "{},a\n", "id,x\n"), ("p.jsonl", '{{"id": {}}}\n', "")],
)
def test_a_file_that_changes_between_two_readings_is_refused(
    write: Write, name: str, row: str, head: str
) -> None:
    source = open_records(write(name, head + row.format(1) + row.format(2)))
    assert len(list(source.records())) == 2
    write(name, head + row.format(1) + row.format(2) + row.format(3))
    with pytest.raises(InvalidFeedError, match="written to"):
        list(source.records())


def test_messages_name_the_file_that_was_given(write: Write, tmp_path: Path) -> None:
    path = write("p.json.gz", gzip.compress(json.dumps([{"id": 1}, 2]).encode()))
    (_, problem) = open_records(path).records()
    assert isinstance(problem, SetAside)
    assert problem.source == path
    assert FeedFile(path).path.parent == tmp_path
