import datetime as dt
import io
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from furniture_prompter.domain import FeedNote, SetAside
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds import arrow_messages, parquet_pages
from furniture_prompter.feeds.columnar import ColumnarRecords
from furniture_prompter.feeds.feed_files import FeedFile
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


def lists(count: int, elements: pa.Array, rows: int = 1) -> pa.Table:
    ends = pa.array(np.arange(rows + 1) * count, pa.int32())
    cells = pa.ListArray.from_arrays(ends, elements)
    return pa.table({"id": [str(number) for number in range(rows)], "x": cells})


OF_NO_BYTES = {
    "truth values": lambda count: pa.array(np.zeros(count, np.bool_)),
    "empty texts": lambda count: pa.array([""] * count),
    "empty objects": lambda count: pa.array([{}] * count, pa.struct([])),
    "small objects": lambda count: pa.array([{"a": 1}] * count, pa.struct([("a", pa.int8())])),
    "empty lists": lambda count: pa.array([[]] * count, pa.list_(pa.int8())),
    "small numbers": lambda count: pa.array(np.zeros(count, np.int16)),
}


@pytest.mark.parametrize("elements", OF_NO_BYTES.values(), ids=OF_NO_BYTES)
def test_elements_of_lists_count_as_the_objects_they_become(
    tmp_path: Path, elements: Callable[[int], pa.Array]
) -> None:
    rows, (problem,), _ = told(write(tmp_path / "p", lists(20_000, elements(20_000)), "stream"))
    assert not rows
    assert problem.reason == "The cell of 'x' has more than 1,048,576 bytes."
    rows, problems, _ = told(write(tmp_path / "q", lists(5_000, elements(5_000)), "stream"))
    assert len(rows) == 1
    assert not problems


def test_a_long_list_between_short_ones_costs_its_row_alone(tmp_path: Path) -> None:
    cells = [["a"], ["", "b"], [""] * 3_000_000, None, ["c"], []]
    table = pa.table({"id": list("123456"), "x": pa.array(cells)})
    rows, (problem,), _ = told(write(tmp_path / "p", table, "stream"))
    assert problem.line == 3
    assert [row.line for row in rows] == [1, 2, 4, 5, 6]


def test_few_bytes_that_become_many_objects_take_little_memory(tmp_path: Path) -> None:
    count = 50 * 20_000
    pairs = [pa.array(np.zeros(count, np.int8))] * 2
    table = lists(20_000, pa.StructArray.from_arrays(pairs, names=["a", "b"]), rows=50)
    with pa.ipc.new_file(
        str(tmp_path / "p"), table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
    ) as file:
        file.write_table(table)
    assert (tmp_path / "p").stat().st_size < 10_000
    tracemalloc.start()
    try:
        rows, problems, _ = told(tmp_path / "p")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert not rows
    assert len(problems) == 50
    assert peak < 32 << 20


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


def stream(*tables: pa.Table, kind: str = "stream", compression: str | None = None) -> bytes:
    buffer = io.BytesIO()
    made = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with made(buffer, tables[0].schema, options=options) as writer:
        for table in tables:
            writer.write_table(table)
    return buffer.getvalue()


def columns_of(path: Path, column: str) -> tuple[list[object], list[FeedNote]]:
    rows, problems, notes = told(path)
    assert not problems
    return [row.fields.get(column) for row in rows], notes


@pytest.mark.parametrize("kind", ["file", "stream"])
@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_a_batch_that_unpacks_to_too_much_costs_its_own_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, compression: str
) -> None:
    few = pa.table({"id": ["1", "2"], "description": ["a", "b"]})
    many = pa.table({"id": ["3"] * 3, "description": ["z" * (8 << 20)] * 3})
    (tmp_path / "p").write_bytes(stream(few, many, few, kind=kind, compression=compression))
    assert (tmp_path / "p").stat().st_size < 1 << 20
    monkeypatch.setattr(arrow_messages, "LIMIT_UNPACKED_BYTES", 20 << 20)
    with arrow_memory() as pool:
        rows, (problem,), _ = told(tmp_path / "p")
        assert pool.max_memory() < 8 << 20
    assert [(row.line, row.fields["id"]) for row in rows] == [
        (1, "1"),
        (2, "2"),
        (6, "1"),
        (7, "2"),
    ]
    assert problem.reason == (
        "Rows 3 to 5 cannot be read: their batch unpacks to more than 20 MiB."
    )
    assert "10,000" in problem.cure
    assert problem.hides_ids
    # At the limit it is read: its body, and what the columns take.
    monkeypatch.setattr(arrow_messages, "LIMIT_UNPACKED_BYTES", 26 << 20)
    rows, problems, _ = told(tmp_path / "p")
    assert (len(rows), len(problems)) == (4, 3)


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_a_dictionary_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    table = pa.table({"id": ["1"], "colour": pa.array(["x" * (1 << 20)]).dictionary_encode()})
    (tmp_path / "p").write_bytes(stream(table, kind=kind, compression="zstd"))
    monkeypatch.setattr(arrow_messages, "LIMIT_UNPACKED_BYTES", 1 << 19)
    with pytest.raises(InvalidFeedError, match="a dictionary unpacks to more than"):
        told(tmp_path / "p")


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_uncompressed_batches_are_as_long_as_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(arrow_messages, "LIMIT_UNPACKED_BYTES", 1)
    (tmp_path / "p").write_bytes(stream(TABLE, kind=kind))
    assert len(told(tmp_path / "p")[0]) == 2


def test_more_rows_than_bytes_are_not_read(tmp_path: Path) -> None:
    table = pa.table({"nothing": pa.nulls(1_000_001)})
    (tmp_path / "p").write_bytes(stream(table))
    rows, (problem,), _ = told(tmp_path / "p")
    assert not rows
    assert "is told to have 1,000,001 rows in 0 bytes" in problem.reason


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_any_damage_of_heads_is_set_aside_or_refused_in_one_sentence(
    tmp_path: Path, kind: str
) -> None:
    content = stream(TABLE, TABLE, kind=kind, compression="zstd")
    rng = np.random.default_rng(4)
    for place in rng.choice(len(content), 150, replace=False).tolist():
        damaged = bytearray(content)
        damaged[place] = int(rng.integers(256))
        (tmp_path / "p").write_bytes(damaged)
        with suppress(InvalidFeedError):
            list(ColumnarRecords(FeedFile(tmp_path / "p")).records())


@pytest.mark.parametrize("kind", ["feather", "stream"])
def test_offsets_that_lead_elsewhere_cost_their_column(tmp_path: Path, kind: str) -> None:
    # The library follows them out of its memory.
    table = pa.table({"id": ["1", "2", "3"], "title": ["aa", "bb", "cc"], "note": ["", "", "x"]})
    content = bytearray(stream(table, kind="file" if kind == "feather" else kind))
    place = content.rfind(struct.pack("<4i", 0, 2, 4, 6))
    content[place + 4 : place + 8] = struct.pack("<i", 0x7FFFFF0)
    (tmp_path / "p").write_bytes(content)
    rows, _, (note,) = told(tmp_path / "p")
    assert [row.fields for row in rows] == [
        {"id": "1", "title": None, "note": ""},
        {"id": "2", "title": None, "note": ""},
        {"id": "3", "title": None, "note": "x"},
    ]
    assert "'title'" in note.text


LONG_ENTRY = "x" * (2 << 20)


@pytest.mark.parametrize(
    "odd",
    [
        pa.ListArray.from_arrays(
            [0, 1, 3, 4], pa.array(["oak", "oak", LONG_ENTRY, "ash"]).dictionary_encode()
        ),
        pa.array([["oak"], ["oak", LONG_ENTRY], ["ash"]], pa.list_view(pa.string())),
        pa.array([["oak"], ["oak", LONG_ENTRY], ["ash"]], pa.large_list_view(pa.string())),
        pa.array([["oak"], ["oak", LONG_ENTRY], ["ash"]], pa.large_list(pa.string())),
        pa.array([["o", "k"], ["oak", LONG_ENTRY], ["ash", "x"]], pa.list_(pa.string(), 2)),
        pa.array([["oak"], ["oak", LONG_ENTRY], ["ash"]], pa.list_(pa.string_view())),
        pa.array([[["oak"]], [[], [LONG_ENTRY]], []], pa.list_(pa.list_(pa.string()))),
        pa.array([[("k", "oak")], [("k", LONG_ENTRY)], None], pa.map_(pa.string(), pa.string())),
        pa.array(["oak", LONG_ENTRY, None], pa.string_view()),
        pa.array(["oak", LONG_ENTRY, None], pa.large_string()),
        pa.RunEndEncodedArray.from_arrays(
            pa.array([1, 2, 3], pa.int32()), pa.array(["oak", LONG_ENTRY, "ash"])
        ),
        pa.UnionArray.from_dense(
            pa.array([0, 1, 0], pa.int8()),
            pa.array([0, 0, 1], pa.int32()),
            [pa.array([1, 2]), pa.array([LONG_ENTRY])],
        ),
        pa.UnionArray.from_sparse(
            pa.array([0, 1, 0], pa.int8()),
            [pa.array([1, 2, 3]), pa.array([LONG_ENTRY, LONG_ENTRY, "c"])],
        ),
        pa.array([{"a": "1"}, {"a": LONG_ENTRY}, None]),
        pa.ExtensionArray.from_storage(pa.json_(), pa.array(["1", f'"{LONG_ENTRY}"', "2"])),
    ],
    ids=lambda array: str(array.type),
)
def test_a_long_entry_costs_its_row_alone_whatever_it_lies_in(
    tmp_path: Path, odd: pa.Array
) -> None:
    table = pa.table({"id": ["1", "2", "3"], "odd": odd})
    rows, (problem,), notes = told(write(tmp_path / "p", table, "stream"))
    assert [row.fields["id"] for row in rows] == ["1", "3"]
    assert problem.line == 2
    assert "'odd" in problem.reason
    assert not notes


def test_a_cell_that_repeats_an_entry_is_as_long_as_written_out(tmp_path: Path) -> None:
    entries = pa.array(["x" * 300_000]).dictionary_encode()
    odd = pa.ListArray.from_arrays([0, 1, 5], entries.take(pa.array([0] * 5)))
    rows, (problem,), _ = told(
        write(tmp_path / "p", pa.table({"id": ["1", "2"], "odd": odd}), "stream")
    )
    assert [row.fields["id"] for row in rows] == ["1"]
    assert problem.line == 2


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        (pa.array([1_500, None], pa.timestamp("ns")), ["1970-01-01T00:00:00.000001", None]),
        (
            pa.array([0, None], pa.timestamp("s", "Mars/Phobos")),
            ["1970-01-01T00:00:00+00:00", None],
        ),
        (pa.array([0, None], pa.timestamp("s", "+03:00")), ["1970-01-01T03:00:00+03:00", None]),
        (pa.array([[0], None], pa.list_(pa.timestamp("ns"))), [["1970-01-01T00:00:00"], None]),
        (pa.array([1_000, None], pa.time64("ns")), ["00:00:00.000001", None]),
        (pa.array([1_500, None], pa.duration("ns")), ["0:00:00.000001", None]),
        (pa.array([Decimal("1.50"), None], pa.decimal256(60, 2)), [1.5, None]),
        (pa.array(["a", None], pa.string_view()), ["a", None]),
        (pa.array([["a"], None], pa.list_view(pa.string())), [["a"], None]),
        (pa.array(["a", "a"]).dictionary_encode(), ["a", "a"]),
        (
            pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), pa.array(["x"])),
            ["x", "x"],
        ),
        (
            pa.UnionArray.from_sparse(
                pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["s", "t"])]
            ),
            [1, "t"],
        ),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
@pytest.mark.parametrize("kind", ["feather", "stream"])
def test_unusual_types_are_read(
    tmp_path: Path, odd: pa.Array, expected: list[object], kind: str
) -> None:
    path = tmp_path / "p"
    content = stream(
        pa.table({"id": ["1", "2"], "odd": odd}), kind="file" if kind == "feather" else kind
    )
    path.write_bytes(content)
    assert columns_of(path, "odd") == (expected, [])


INTERVALS = {0: "month_interval", 1: "day_time_interval", 2: "month_day_nano_interval"}


@pytest.mark.parametrize("unit", [*INTERVALS])
@pytest.mark.parametrize("kind", ["file", "stream"])
def test_a_type_that_nothing_reads_costs_its_column(tmp_path: Path, unit: int, kind: str) -> None:
    odd = pa.array([pa.MonthDayNano([1, 2, 3]), None])
    content = stream(pa.table({"id": ["1", "2"], "odd": odd}), kind=kind)
    if unit != 2:
        # The library writes but one of them; the unit's number makes it another.
        content = with_unit(content, unit)
    (tmp_path / "p").write_bytes(content)
    values, (note,) = columns_of(tmp_path / "p", "odd")
    assert values == [None, None]
    assert f"'odd' of {tmp_path / 'p'} has a type of which nothing is read" in note.text
    assert INTERVALS[unit] in note.text
    assert "Write it as text" in note.text


def with_unit(content: bytes, unit: int) -> bytes:
    places = [at for at in range(len(content) - 1) if content[at : at + 2] == b"\x02\x00"]
    found = content
    for place in places:
        changed = found[:place] + bytes([unit, 0]) + found[place + 2 :]
        with suppress(pa.ArrowException, OSError, ValueError, LookupError):
            opened = pa.ipc.open_file if changed.startswith(b"ARROW1") else pa.ipc.open_stream
            if str(opened(changed).schema.field("odd").type) == INTERVALS[unit]:
                return changed
    raise AssertionError("no interval")


def test_a_list_of_what_nothing_reads_costs_its_column(tmp_path: Path) -> None:
    odd = pa.array([[pa.MonthDayNano([1, 2, 3])], None])
    (tmp_path / "p").write_bytes(stream(pa.table({"id": ["1", "2"], "odd": odd})))
    values, (note,) = columns_of(tmp_path / "p", "odd")
    assert values == [None, None]
    assert "'odd'" in note.text


@pytest.mark.parametrize("kind", ["parquet", "feather", "stream"])
@pytest.mark.parametrize("nested", [False, True])
def test_many_lists_just_short_enough_cost_their_row_alone(
    tmp_path: Path, kind: str, *, nested: bool
) -> None:
    """Each is within its cell's limit; hundreds of them in every row would take gigabytes."""
    long = [0] * 14_000  # with an object for each just below 1 MiB
    lists = {
        f"l{number}": pa.array([[1], long, [2], long, [3]], pa.list_(pa.int8()))
        for number in range(40)
    }
    inner = pa.StructArray.from_arrays(list(lists.values()), names=list(lists))
    columns = {"nested": inner} if nested else lists
    path = write(tmp_path / "p", pa.table({"id": list("abcde")} | columns), kind)
    tracemalloc.start()
    found = list(open_records(path).records())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [each.fields["id"] for each in found if isinstance(each, Record)] == ["a", "c", "e"]
    assert [each.line for each in found if isinstance(each, SetAside)] == [2, 4]
    told = [each.reason for each in found if isinstance(each, SetAside)]
    assert set(told) == {"The cells of the row have more than 4,194,304 bytes together."}
    assert peak < 30_000_000


@pytest.mark.parametrize("kind", ["parquet", "feather", "stream"])
def test_rows_of_long_lists_become_objects_few_at_once(tmp_path: Path, kind: str) -> None:
    long = pa.array([[7] * 14_000] * 14, pa.list_(pa.int8()))
    table = pa.table({"id": [str(each) for each in range(14)], "a": long, "b": long, "c": long})
    path = write(tmp_path / "p", table, kind)
    count = 0
    tracemalloc.start()
    for place, each in enumerate(open_records(path).records()):
        assert isinstance(each, Record)
        assert each.fields["id"] == str(place)
        count += 1
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 14
    assert peak < 4_500_000  # all of them take more than 5.5


@pytest.mark.parametrize("kind", ["parquet", "feather", "stream"])
def test_pictures_in_a_row_do_not_count_as_its_objects(tmp_path: Path, kind: str) -> None:
    picture = b"\xff\xd8" + bytes(900_000)
    columns = {f"p{number}": [picture, None] for number in range(6)}
    table = pa.table(
        {"id": ["a", "b"], "photo": [{"bytes": picture, "path": "a.jpg"}, None]} | columns
    )
    first, second, *_ = open_records(write(tmp_path / "p", table, kind)).records()
    assert isinstance(first, Record)
    assert first.fields["photo.path"] == "a.jpg"
    assert isinstance(second, Record)
