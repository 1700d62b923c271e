import json
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.domain import FeedNote, SetAside
from furniture_prompter.feeds import json_text
from furniture_prompter.feeds.feed_files import FeedFile
from furniture_prompter.feeds.jsonl import JsonRecords
from furniture_prompter.feeds.records import Record


def source_of(folder: Path, content: Any) -> JsonRecords:
    path = folder / "p.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return JsonRecords(FeedFile(path))


def ids_of(source: JsonRecords) -> list[object]:
    return [item.fields.get("id") for item in source.records() if isinstance(item, Record)]


PRODUCTS = [{"id": 1, "variants": [{"sku": "a"}, {"sku": "b"}, {"sku": "c"}]}, {"id": 2}]


@pytest.mark.parametrize(
    ("content", "taken_for"),
    [
        (PRODUCTS, "JSON array"),
        ({"products": PRODUCTS}, "JSON, list products"),
        ({"data": {"items": PRODUCTS}, "total": 2}, "JSON, list data.items"),
        ({"title": "Shop", "items": PRODUCTS}, "JSON, list items"),
        ({"errors": [], "data": {"page": {"nodes": PRODUCTS}}}, "JSON, list data.page.nodes"),
    ],
)
def test_the_list_is_found_wherever_it_lies(
    tmp_path: Path, content: object, taken_for: str
) -> None:
    source = source_of(tmp_path, content)
    assert source.format == taken_for
    assert ids_of(source) == [1, 2]
    assert source.columns() == ("id", "variants.sku")


def test_the_longest_list_is_read_and_the_others_are_told(tmp_path: Path) -> None:
    content = {"shops": [{"id": "s"}, {"id": "t"}], "items": [{"id": 1}, {"id": 2}, {"id": 3}]}
    source = source_of(tmp_path, content)
    assert ids_of(source) == [1, 2, 3]
    (note,) = [item for item in source.records() if isinstance(item, FeedNote)]
    assert "from items, not from shops (2)" in note.text


@pytest.mark.parametrize(
    "content",
    [
        {"id": 7, "images": [{"src": "a.jpg"}, {"src": "b.jpg"}]},
        {"product": {"id": 7, "variants": [{"sku": "a"}, {"sku": "b"}]}},
        {"id": 7, "title": "Oslo"},
    ],
)
def test_one_product_is_one_record(tmp_path: Path, content: dict[str, Any]) -> None:
    source = source_of(tmp_path, content)
    (row,) = source.records()
    assert isinstance(row, Record)
    assert 7 in row.fields.values()
    assert source.format == "JSON, one object"


def test_lines_are_told_from_a_document_also_where_the_first_is_broken(tmp_path: Path) -> None:
    source = source_of(tmp_path, '{"id": 1, "variants": [{"sku": 1}, }\n{"id": 2}\n{"id": 3}\n')
    assert source.format == "JSON lines"
    assert ids_of(source) == [2, 3]


def test_a_document_that_breaks_keeps_what_came_before(tmp_path: Path) -> None:
    source = source_of(tmp_path, '{"products": [\n{"id": 1},\n{"id": 2},\n{"id" 3}\n]}')
    assert ids_of(source) == [1, 2]
    (problem,) = [item for item in source.records() if isinstance(item, SetAside)]
    assert (problem.line, problem.hides_ids) == (4, True)
    assert "column 7" in problem.reason
    assert "Nothing after it was read" in problem.reason


def test_a_name_given_twice_costs_its_row_at_any_depth(tmp_path: Path) -> None:
    source = source_of(tmp_path, '[{"id": 1, "a": {"b": 1, "b": 2}}, {"id": 2}]')
    assert ids_of(source) == [2]


@pytest.mark.parametrize("wrap", ["[{}]", '{{"meta": {{"n": 1}}, "products": [{}], "z": 0}}'])
def test_a_list_is_read_through_a_window_that_does_not_grow(
    tmp_path: Path, wrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_text, "_CHUNK_BYTES", 512)
    rows = ",\n".join(
        json.dumps({"id": number, "ad": "Şık" * (number % 50), "n": number}, ensure_ascii=False)
        for number in range(2_000)
    )
    source = source_of(tmp_path, wrap.format(rows))
    widest = 0
    original = json_text.JsonWindow.value

    def measured(self: json_text.JsonWindow) -> Any:
        nonlocal widest
        widest = max(widest, len(self._text))
        return original(self)

    monkeypatch.setattr(json_text.JsonWindow, "value", measured)
    items = list(source.records())
    assert [item.fields["id"] for item in items if isinstance(item, Record)] == list(range(2_000))
    assert [item.line for item in items if isinstance(item, Record)] == list(range(1, 2_001))
    assert widest < 3_000


def test_numbers_at_the_edge_of_the_window_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in range(1, 12):
        monkeypatch.setattr(json_text, "_CHUNK_BYTES", size)
        source = source_of(tmp_path, '{"n": 12345, "products": [{"id": 67890}, 5]}')
        assert ids_of(source) == [67890]


LONG_VALUES: list[Any] = [
    {"id": 2, "x": "x" * 5_000},
    {"id": 2, "x": ['a\\"]}', {"b": '}"\\'}] * 500},
    ["]" * 3_000, '"', "\\"],
    "\\" * 5_000,
]


@pytest.mark.parametrize("value", LONG_VALUES)
@pytest.mark.parametrize("chunk", [97, 100, 101])
def test_an_element_beyond_the_limit_costs_its_row_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: Any, chunk: int
) -> None:
    monkeypatch.setattr(json_text, "LIMIT_VALUE_CHARACTERS", 1_000)
    monkeypatch.setattr(json_text, "_CHUNK_BYTES", chunk)
    source = source_of(tmp_path, {"list": [{"id": 1}, value, {"id": 3}]})
    assert ids_of(source) == [1, 3]
    (problem,) = [item for item in source.records() if isinstance(item, SetAside)]
    assert "more than 1,000 characters" in problem.reason
    assert not problem.hides_ids


def test_a_long_value_around_the_list_of_rows_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_text, "LIMIT_VALUE_CHARACTERS", 1_000)
    monkeypatch.setattr(json_text, "_CHUNK_BYTES", 100)
    source = source_of(tmp_path, {"about": "x" * 5_000, "list": [{"id": 1}, {"id": 3}]})
    assert ids_of(source) == [1, 3]


def test_a_value_beyond_the_limit_that_never_ends_ends_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_text, "LIMIT_VALUE_CHARACTERS", 1_000)
    monkeypatch.setattr(json_text, "_CHUNK_BYTES", 100)
    source = source_of(tmp_path, '[{"id": 1}, {"id": 2, "x": "' + "x" * 5_000)
    assert ids_of(source) == [1]
    (problem,) = [item for item in source.records() if isinstance(item, SetAside)]
    assert "Nothing after it was read" in problem.reason
    assert problem.hides_ids


def test_one_object_beyond_the_limit_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_text, "LIMIT_VALUE_CHARACTERS", 1_000)
    monkeypatch.setattr(json_text, "_CHUNK_BYTES", 100)
    source = source_of(tmp_path, {"id": 1, "images": ["x" * 30] * 100})
    (problem,) = source.records()
    assert isinstance(problem, SetAside)
    assert "more than 1,000 characters" in problem.reason
