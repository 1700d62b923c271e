"""Whatever a file holds, a feed yields items that can be stored and printed, or refuses it."""

import gzip
import io
import tempfile
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from furniture_prompter.domain import FeedRow
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.formats import open_records
from furniture_prompter.feeds.opening import open_feed

PIECES = st.sampled_from(
    [
        b"id", b"title", b"image", b"a.jpg", b",", b";", b"\t", b"|", b'"', b"\n", b"\r", b"\r\n",
        b"{", b"}", b"[", b"]", b":", b'"id": "1"', b'"image": "a.jpg"', b"NaN", b"1e999", b"null",
        b"\xff", b"\xfe", b"\x00", b"\\ud800", b"\xc5\x9f", b"\xef\xbb\xbf", b"../", b"sep=;", b" ",
        b"1,5", b"1.299", b"true", b"999999999999999999999", b"id,image\n1,a.jpg\n",
        b'{"id": "1", "image": "a.jpg"}\n', b'{"products": [', b"}]}", b"<", b">", b"<rss>",
        b"<item>", b"<id>1</id>", b"</item>", b"</rss>", b"<!-- ", b"<![CDATA[", b"&amp;", b"&",
        b"<a b='c'/>",
        b'<?xml version="1.0" encoding="windows-1254"?>', b"<?xml encoding='utf-7'?>",
    ]
)  # fmt: skip
CONTENTS = st.lists(PIECES | st.binary(max_size=3), max_size=25).map(b"".join)


@pytest.mark.parametrize("extension", ["jsonl", "json", "csv", "tsv"])
@settings(max_examples=150, deadline=None, derandomize=True)
@given(content=CONTENTS)
def test_any_file_is_read_or_refused_and_nothing_else(extension: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.jpg").write_bytes(b"pixels")
        path = folder / f"feed.{extension}"
        path.write_bytes(content)
        try:
            items = list(open_feed(path).items())
        except InvalidFeedError as error:
            str(error).encode("utf-8")
            return
        assert items
        for item in items:
            if isinstance(item, FeedRow):
                product = item.product
                texts = [product.id, product.text, *map(str, product.attributes.values())]
                "".join(texts).encode("utf-8")
                assert all(path.is_relative_to(folder.resolve()) for path in item.images)
            else:
                str(item).encode("utf-8")


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Products")
    sheet.append(["id", "title"])
    sheet.append([1, "Oslo"])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("p.csv"), "id,image\n1,a.jpg\n")
        archive.writestr(zipfile.ZipInfo("a.jpg"), "pixels")
    return file.getvalue()


def _arrow() -> bytes:
    table = pa.table({"id": ["1"], "images": [[{"src": "a.jpg"}]]})
    file = io.BytesIO()
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


def _parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"id": ["1"], "images": [["a.jpg"]]}), file)
    return file.getvalue()


WHOLE = {
    "workbook": _workbook(),
    "zip": _zip(),
    "gzip": gzip.compress(b"id,image\n1,a.jpg\n", mtime=0),
    "arrow": _arrow(),
    "parquet": _parquet(),
    "xml": b"<rss xmlns:g='x'><channel><item><g:id>1</g:id><title>A</title></item></channel></rss>",
    "json": b'{"data": {"items": [{"id": 1, "images": [{"src": "a.jpg"}]}, {"id": 2}]}}',
}


def _read_or_refused(content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            source = open_records(path)
            items = [source.format, *source.columns(), *source.records()]
        except InvalidFeedError as error:
            str(error).encode("utf-8")
            return
        assert items


@pytest.mark.parametrize("extension", ["xml", "txt", "json", "xlsx", "unknown"])
@settings(max_examples=60, deadline=None, derandomize=True)
@given(content=CONTENTS)
def test_any_file_gives_records_or_is_refused(extension: str, content: bytes) -> None:
    _read_or_refused(content, f"feed.{extension}")


@pytest.mark.parametrize("kind", WHOLE)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_damage_of_a_file_gives_records_or_is_refused(kind: str, data: st.DataObject) -> None:
    content = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)) | st.just(len(content)))
    _read_or_refused(bytes(content[:cut]), "feed")


@pytest.mark.parametrize("kind", WHOLE)
def test_what_is_damaged_there_is_read_where_it_is_whole(kind: str, tmp_path: Path) -> None:
    (tmp_path / "feed").write_bytes(WHOLE[kind])
    source = open_records(tmp_path / "feed")
    assert len(list(source.records())) == (2 if kind == "json" else 1)
    assert len(source.columns()) == 2
