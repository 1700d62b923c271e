import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from furniture_prompter.domain import FeedNote, SetAside
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds import parquet_pages
from furniture_prompter.feeds.formats import open_records
from furniture_prompter.feeds.records import Record

TABLE = pa.table(
    {
        "id": ["1", "2"],
        "price": [Decimal("12.50"), None],
        "when": [dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC), None],
        "images": [[{"src": "a.jpg", "alt": None}, {"src": "b.jpg", "alt": "x"}], []],
        "size": [{"width": 5}, None],
        "extra": pa.array([[("kumaş", "keten")], None], pa.map_(pa.string(), pa.string())),
        "pixels": [b"\xff\xd8", None],
    }
)


def write(path: Path, table: pa.Table, kind: str) -> Path:
    if kind == "parquet":
        pa.parquet.write_table(table, path)
    elif kind == "feather":
        pa.feather.write_feather(table, str(path))
    else:
        with pa.ipc.new_stream(str(path), table.schema) as stream:
            stream.write_table(table)
    return path


@pytest.mark.parametrize(
    ("kind", "name"),
    [("parquet", "Parquet"), ("feather", "Arrow file"), ("stream", "Arrow stream")],
)
def test_rows_are_flattened_and_typed(tmp_path: Path, kind: str, name: str) -> None:
    source = open_records(write(tmp_path / "p", TABLE, kind))
    assert source.format == name
    assert source.has_types
    first, second, note = source.records()
    assert first == Record(
        1,
        {
            "id": "1",
            "price": 12.5,
            "when": "2026-01-02T03:04:00+00:00",
            "images.src": ["a.jpg", "b.jpg"],
            "images.alt": [None, "x"],
            "size.width": 5,
            "extra.kumaş": "keten",
            "pixels": None,
        },
    )
    assert isinstance(second, Record)
    assert second.line == 2
    assert isinstance(note, FeedNote)
    assert "'pixels'" in note.text


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    source = open_records(write(tmp_path / "p", TABLE.slice(0, 0), "parquet"))
    with pytest.raises(InvalidFeedError, match="no row"):
        list(source.records())


def test_a_file_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "p", TABLE, "parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InvalidFeedError, match="cannot be read as Parquet"):
        list(open_records(path).records())


def test_a_stream_that_is_cut_short_keeps_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "p"
    with pa.ipc.new_stream(str(path), TABLE.schema) as stream:
        for _ in range(2):
            stream.write_table(TABLE)
    path.write_bytes(path.read_bytes()[:-200])
    items = list(open_records(path).records())
    assert len([item for item in items if isinstance(item, Record)]) == 2
    (problem,) = [item for item in items if isinstance(item, SetAside)]
    assert (problem.line, problem.hides_ids) == (2, True)


LONG = 9 << 20


def table_with_a_long_cell(rows: int = 3_000) -> pa.Table:
    noise = np.random.default_rng(1).bytes(LONG // 2).hex()
    texts = [f"text {number}" for number in range(rows)]
    texts[rows // 2] = noise
    return pa.table({"id": [str(number) for number in range(rows)], "description": texts})


def told(path: Path) -> tuple[list[Record], list[SetAside], list[FeedNote]]:
    items = list(open_records(path).records())
    return (
        [item for item in items if isinstance(item, Record)],
        [item for item in items if isinstance(item, SetAside)],
        [item for item in items if isinstance(item, FeedNote)],
    )


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "lz4"])
@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_cell_too_long_of_parquet_costs_its_row_alone(
    tmp_path: Path, compression: str, dictionary: bool, version: str
) -> None:
    table = table_with_a_long_cell()
    pa.parquet.write_table(
        *(table, tmp_path / "p"),
        compression=compression,
        use_dictionary=dictionary,
        data_page_version=version,
    )
    rows, (problem,), _ = told(tmp_path / "p")
    assert (problem.line, problem.reason) == (
        1_501,
        "The cell of 'description' has more than 1,048,576 bytes.",
    )
    assert [row.fields["description"] for row in rows] == [
        f"text {number}" for number in range(3_000) if number != 1_500
    ]
    assert [row.line for row in rows[1_499:1_501]] == [1_500, 1_502]


@pytest.mark.parametrize("kind", ["feather", "stream"])
def test_a_cell_too_long_of_arrow_costs_its_row_alone(tmp_path: Path, kind: str) -> None:
    rows, (problem,), _ = told(write(tmp_path / "p", table_with_a_long_cell(), kind))
    assert problem.line == 1_501
    assert len(rows) == 2_999


@contextmanager
def arrow_memory() -> Iterator[pa.MemoryPool]:
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    pa.set_memory_pool(pool)
    try:
        yield pool
    finally:
        pa.set_memory_pool(before)


@pytest.mark.parametrize("kind", ["parquet", "feather", "stream"])
def test_the_memory_of_a_cell_too_long_is_taken_once(tmp_path: Path, kind: str) -> None:
    size = 64 << 20
    table = pa.table({"id": ["1", "2", "3"], "description": ["a", "b" * size, "c"]})
    path = write(tmp_path / "p", table, kind)
    with arrow_memory() as pool:
        rows, problems, _ = told(path)
        assert (len(rows), len(problems)) == (2, 1)
        assert pool.max_memory() < 2.1 * size


@pytest.mark.parametrize("kind", ["parquet", "feather", "stream"])
def test_long_texts_in_objects_lists_and_categories_are_found(tmp_path: Path, kind: str) -> None:
    long = "x" * (2 << 20)
    table = pa.table(
        {
            "id": ["1", "2", "3", "4", "5"],
            "size": [{"note": "a"}, {"note": long}, {"note": "c"}, None, {"note": "e"}],
            "images": [["a"], ["b"], ["c", long], [], None],
            "colour": pa.array(["oak", "oak", "oak", long, "ash"]).dictionary_encode(),
        }
    )
    rows, problems, notes = told(write(tmp_path / "p", table, kind))
    assert [row.fields["id"] for row in rows] == ["1", "5"]
    assert [row.fields["colour"] for row in rows] == ["oak", "ash"]
    assert [(problem.line, problem.reason.split("'")[1]) for problem in problems] == [
        (2, "size.note"),
        (3, "images"),
        (4, "colour"),
    ]
    assert not notes


@pytest.mark.parametrize("kind", ["parquet", "feather", "stream"])
@pytest.mark.parametrize("size", [2 << 20, LONG])
def test_large_pictures_in_a_file_are_left_out_and_cost_no_row(
    tmp_path: Path, kind: str, size: int
) -> None:
    picture = b"\xff\xd8" + b"p" * size
    table = pa.table(
        {
            "id": ["1", "2"],
            "pixels": [picture, b"\xff"],
            "image": [{"bytes": picture, "path": "a.jpg"}, {"bytes": None, "path": "b.jpg"}],
        }
    )
    rows, problems, (note,) = told(write(tmp_path / "p", table, kind))
    assert not problems
    assert [row.fields for row in rows] == [
        {"id": "1", "pixels": None, "image.bytes": None, "image.path": "a.jpg"},
        {"id": "2", "pixels": None, "image.bytes": None, "image.path": "b.jpg"},
    ]
    assert "'image.bytes', 'pixels'" in note.text


def test_a_row_group_that_cannot_be_read_in_bounded_memory_costs_its_own_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_pages, "LIMIT_PAGE_BYTES", 8 << 20)
    with pa.parquet.ParquetWriter(
        *(tmp_path / "p", table_with_a_long_cell().schema),
        use_dictionary=False,
        column_encoding={"id": "PLAIN", "description": "DELTA_LENGTH_BYTE_ARRAY"},
    ) as writer:
        writer.write_table(table_with_a_long_cell(10))
        writer.write_table(pa.table({"id": ["last"], "description": ["short"]}))
    (row,), (problem,), _ = told(tmp_path / "p")
    assert (row.line, row.fields["id"]) == (11, "last")
    assert problem.reason.startswith("Rows 1 to 10 cannot be read: one page of the column")
    assert problem.hides_ids


def test_one_long_entry_for_many_rows_is_not_written_out_at_once(tmp_path: Path) -> None:
    entry = "x" * (1 << 19)
    texts = pa.array([entry]).take(pa.array([0] * 600))
    table = pa.table({"id": [str(number) for number in range(600)], "description": texts})
    pa.parquet.write_table(table, tmp_path / "p")
    del table, texts
    assert (tmp_path / "p").stat().st_size < 1 << 20
    count = 0
    with arrow_memory() as pool:
        for item in open_records(tmp_path / "p").records():
            assert isinstance(item, Record)
            count += 1
        assert pool.max_memory() < 200 << 20
    assert count == 600


def test_damaged_headers_of_pages_are_set_aside_or_refused_in_one_sentence(
    tmp_path: Path,
) -> None:
    table = pa.table({"id": [str(number) for number in range(500)]})
    pa.parquet.write_table(table, tmp_path / "fine", compression="none")
    fine = (tmp_path / "fine").read_bytes()
    for place in range(4, 60):
        (tmp_path / "p").write_bytes(fine[:place] + b"\xff\xff\xff" + fine[place + 3 :])
        try:
            items = list(open_records(tmp_path / "p").records())
        except InvalidFeedError as error:
            assert "cannot be read as Parquet" in str(error)  # noqa: PT017  # some are readable
            continue
        assert items


@pytest.mark.parametrize("kind", ["parquet", "feather", "stream"])
def test_a_date_beyond_pythons_and_a_text_that_is_not_utf_8_cost_their_cells(
    tmp_path: Path, kind: str
) -> None:
    always = pa.array([253_402_300_799_000_000] * 3, pa.timestamp("us", "Europe/Istanbul"))
    texts = pa.StringArray.from_buffers(
        3, pa.array([0, 1, 3, 4], pa.int32()).buffers()[1], pa.py_buffer(b"a\xff\xfeb")
    )
    table = pa.table({"id": ["1", "2", "3"], "valid_to": always, "text": texts})
    read = list(open_records(write(tmp_path / "p", table, kind)).records())
    rows = [each for each in read if isinstance(each, Record)]
    assert [row.fields["id"] for row in rows] == ["1", "2", "3"]
    assert [row.fields.get("text") for row in rows] == ["a", None, "b"]
    notes = [each.text for each in read if isinstance(each, FeedNote)]
    assert [note.split()[1] for note in notes] == ["'valid_to'", "'text'"]
    assert all("left out of their rows" in note for note in notes)
