import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from furniture_prompter.domain import FeedNote, SetAside
from furniture_prompter.errors import InvalidFeedError
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
