"""JSON in parts: lines and columns of what is broken, depths, lists that are rows or parts."""

import io
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.domain import SetAside
from furniture_prompter.feeds import json_text
from furniture_prompter.feeds.cells import UnusableValueError
from furniture_prompter.feeds.feed_files import FeedFile
from furniture_prompter.feeds.flattening import LIMIT_DEPTH, flattened
from furniture_prompter.feeds.json_text import BrokenJsonError, JsonWindow, elements, object_at
from furniture_prompter.feeds.jsonl import JsonRecords
from furniture_prompter.feeds.records import Record


def window_of(text: str) -> JsonWindow:
    return JsonWindow(io.BytesIO(text.encode()))


def records_of(folder: Path, content: str) -> list[Any]:
    path = folder / "p.json"
    path.write_text(content, "utf-8")
    return list(JsonRecords(FeedFile(path)).records())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1, 2]", [((), 1, 1), ((), 1, 2)]),
        ('[\n1,\n\n"a"\n]', [((), 2, 1), ((), 4, "a")]),
        ("[]", []),
        ("{}", []),
        ('{"a": []}', []),
        ('{"a": 1,\n"b": [\n2]}', [(("a", ""), 1, 1), (("b",), 3, 2)]),
        ('{"a": {"b": [true]}, "c": null}', [(("a", "b"), 1, True), (("c", ""), 1, None)]),
        ("7", [(("",), 1, 7)]),
        ("\ufeff [7]", [((), 1, 7)]),
        ('[{"a": {"b": 1}}]', [((), 1, {"a": {"b": 1}})]),
    ],
)
def test_members_of_lists_with_their_paths_and_lines(text: str, expected: list[Any]) -> None:
    found = [(each.path, each.line, each.value) for each in elements(window_of(text))]
    assert found == expected


def test_lists_are_looked_for_to_a_depth() -> None:
    for depth, path in ((8, ("o",) * 8), (9, (*("o",) * 8, ""))):
        text = '{"o": ' * depth + "[1]" + "}" * depth
        (found,) = elements(window_of(text))
        assert found.path == path


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        ("[1 2]", "Broken JSON: the array goes on without a comma.", 1),
        ("[1 +2]", "Broken JSON: the array goes on without a comma.", 1),
        ("[1 a]", "Broken JSON: the array goes on without a comma.", 1),
        ('{"a" x}', "Broken JSON: ':' is missing.", 1),
        ('{"a": }', "Broken JSON at column 7: Expecting value.", 1),
        ('{"a": 1 ~', "Broken JSON: ',' is missing.", 1),
        ("{~1: 2}", "Broken JSON: the name of a member is missing.", 1),
        ("{!}", "Broken JSON: the name of a member is missing.", 1),
        ("[1,\n]", "Broken JSON at column 1: Expecting value.", 2),
        ("[1,\n 2,\n  oops]", "Broken JSON at column 3: Expecting value.", 3),
        ('{"a" 1}', "Broken JSON: ':' is missing.", 1),
        ('{"a": 1\n"b": 2}', "Broken JSON: ',' is missing.", 2),
        ("{1: 2}", "Broken JSON: the name of a member is missing.", 1),
        ('{"a": 1,\n}', "Broken JSON: the name of a member is missing.", 2),
        ("[", "Broken JSON at column 2: Expecting value.", 1),
        ('["a', "Broken JSON at column 2: Unterminated string.", 1),
        ("[1,\n" + "9" * 5_000 + "]", "A number has thousands of digits.", 2),
        ("[" + "[" * 100_000, "The JSON is nested too deeply.", 1),
    ],
)
@pytest.mark.parametrize("chunk", [1, 3, 1 << 18])
def test_where_json_breaks(
    text: str, reason: str, line: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if chunk == 1 and len(text) > 1_000:
        chunk = 1 << 12
    monkeypatch.setattr(json_text, "_CHUNK_BYTES", chunk)
    with pytest.raises(BrokenJsonError) as broken:
        list(elements(window_of(text)))
    assert broken.value.reason == f"{reason} Nothing after it was read."
    assert (broken.value.line, broken.value.hides_ids) == (line, True)


@pytest.mark.parametrize("chunk", [1, 4, 7, 1 << 18])
def test_columns_count_from_the_line_break_however_the_file_is_cut(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_text, "_CHUNK_BYTES", chunk)
    for before in ("[", "[10, 200, ", "[10,\n ", '["a b",\n\n"c", ', "[[1, 2],\n[3, 4], "):
        with pytest.raises(BrokenJsonError) as broken:
            list(elements(window_of(f"{before}oops]")))
        column = len(before) - before.rfind("\n")
        assert f"at column {column}:" in broken.value.reason
        assert broken.value.line == before.count("\n") + 1


@pytest.mark.parametrize("chunk", [1, 5, 1 << 18])
def test_what_is_not_utf_8_costs_its_value_alone(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_text, "_CHUNK_BYTES", chunk)
    found = [each.value for each in elements(JsonWindow(io.BytesIO(b'["\xc3\xa9", "\xff", "z"]')))]
    assert (found[0], found[2]) == ("é", "z")
    assert isinstance(found[1], UnusableValueError)


def test_a_value_as_long_as_is_allowed_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "_CHUNK_BYTES", 10)
    monkeypatch.setattr(json_text, "LIMIT_VALUE_CHARACTERS", 40)
    assert [each.value for each in elements(window_of(f'["{"x" * 38}"]'))] == ["x" * 38]
    long, behind = (each.value for each in elements(window_of(f'["{"x" * 300}", 7]')))
    assert isinstance(long, UnusableValueError)
    assert "more than 40 characters" in long.reason
    assert behind == 7
    # However long what came before is.
    assert len(list(elements(window_of(f"[{'1234567, ' * 100}1]")))) == 101


@pytest.mark.parametrize(
    ("text", "start", "value", "end"),
    [
        ('{"a": 1}', 0, {"a": 1}, 8),
        ('xx{"a": 1} y', 2, {"a": 1}, 10),
        ("[1]", 0, "The row is JSON, but no object.", 3),
        ('{"a": 1, "b": 2, "b": 3, "a": 4}', 0, "The row gives 'a' twice.", 32),
        ('{"b": 1, "a": 2, "a": 3}', 0, "The row gives 'a' twice.", 24),
    ],
)
def test_an_object_at_a_place(text: str, start: int, value: Any, end: int) -> None:
    found, behind = object_at(text, start)
    assert (found.reason if isinstance(found, UnusableValueError) else found, behind) == (
        value,
        end,
    )


@pytest.mark.parametrize(("text", "column"), [("{oops", 2), ("\n{oops", 2), ("ab\n\n {oops", 3)])
def test_the_column_of_a_broken_object_is_that_of_its_line(text: str, column: int) -> None:
    with pytest.raises(UnusableValueError, match=f"at column {column}:"):
        object_at(text, text.index("{"))


@pytest.mark.parametrize(
    ("content", "taken_for"),
    [
        # A list that products have is one of rows where nothing around it names a product.
        ('{"total": 2, "options": [{"id": 1}, {"id": 2}]}', "JSON, list options"),
        ('{"id": 2, "options": [{"v": 1}, {"v": 2}]}', "JSON, one object"),
        ('{"TITLE": "x", "Images": [{"v": 1}, {"v": 2}]}', "JSON, one object"),
        ('{"id": 2, "items": [{"v": 1}, {"v": 2}]}', "JSON, list items"),
        ('{"id": 2, "page": {"images": [{"v": 1}]}}', "JSON, list page.images"),
        ('{"page": {"id": 2, "images": [{"v": 1}]}}', "JSON, one object"),
        ('{"items": [{"v": 1}]}', "JSON, list items"),
        ('{"items": [1, 2]}', "JSON, one object"),
        ('{"items": [{"v": 1}],\n oops', "JSON, list items"),
        ('{"items": [\noops', "JSON lines"),
        ('{"items": [{"v": 1}], oops', "JSON lines"),
        ('{"a": 1}\n{"a": 2}', "JSON lines"),
        ('{"a": 1}\n', "JSON, one object"),
        ('[{"a": 1}]', "JSON array"),
    ],
)
def test_what_a_json_file_is_taken_for(tmp_path: Path, content: str, taken_for: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(content, "utf-8")
    assert JsonRecords(FeedFile(path)).format == taken_for


def test_other_lists_are_told_where_they_hold_several(tmp_path: Path) -> None:
    items = records_of(
        tmp_path, '{"a": [{"x": 1}], "b": [{"x": 1}, {"x": 2}], "c": [{"x": 1}, {"x": 2}]}'
    )
    (note,) = [item for item in items if not isinstance(item, Record | SetAside)]
    assert "rows were read from b, not from c (2)." in note.text


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ('{"a": 1}\n{"a": 2} {"b": 3}\n', 2, "Broken JSON at column 10: something follows"),
        ('\n\n{"a": 1} x\n{"a": 2}', 3, "Broken JSON at column 10: something follows"),
        ('{"a": 1}\n  7 x', 2, "Broken JSON at column 5: something follows"),
    ],
)
def test_what_follows_an_object_in_its_line_is_told(
    tmp_path: Path, content: str, line: int, reason: str
) -> None:
    problems = [each for each in records_of(tmp_path, content) if isinstance(each, SetAside)]
    assert [(each.line, each.reason.partition(" the object")[0]) for each in problems] == [
        (line, reason)
    ]


def test_the_byte_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(b'{"a": 1}\n{"\xff": 1}\n')
    _, problem = JsonRecords(FeedFile(path)).records()
    assert isinstance(problem, SetAside)
    assert "not UTF-8 at byte 3." in problem.reason


def nested(levels: int, *, in_lists: bool) -> dict[str, Any]:
    value: dict[str, Any] = {"x": 1}
    for _ in range(levels - 1):
        value = {"x": [value]} if in_lists else {"x": value}
    return value


@pytest.mark.parametrize("in_lists", [False, True])
def test_as_many_objects_as_are_allowed_may_be_nested(*, in_lists: bool) -> None:
    (value,) = flattened(nested(LIMIT_DEPTH, in_lists=in_lists)).values()
    for _ in range(LIMIT_DEPTH - 1 if in_lists else 0):
        assert isinstance(value, list)
        (value,) = value
    assert value == 1
    with pytest.raises(UnusableValueError, match=f"deeper than {LIMIT_DEPTH} objects"):
        flattened(nested(LIMIT_DEPTH + 1, in_lists=in_lists))


def test_as_many_lists_as_are_allowed_may_be_nested() -> None:
    value: Any = 1
    for _ in range(LIMIT_DEPTH):
        value = [value]
    assert flattened({"x": value}) == {"x": value}
    with pytest.raises(UnusableValueError, match=f"deeper than {LIMIT_DEPTH} lists"):
        flattened({"x": [value]})


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ({"a": {"": 1, "b": 2}}, {"a": 1, "a.b": 2}),
        ({"": {"b": 2}}, {"b": 2}),
        ({"a.b": 1, "a": {"b": 2}, "a.b.2": 3}, {"a.b": 1, "a.b.2": 2, "a.b.2.2": 3}),
        ({"a": [[1, {"b": 2}], None]}, {"a": [[1, None], None]}),
        ({"a": [{"b": 1}, {"b": 2}, {}]}, {"a.b": [1, 2, None]}),
        ({"a": [{"b": 1}], "a.b": 2}, {"a.b": [1], "a.b.2": 2}),
        ({"a": []}, {}),
        ({"a": True, "b": None}, {"a": True, "b": None}),
    ],
)
def test_how_objects_are_flattened(value: dict[str, Any], fields: dict[str, Any]) -> None:
    assert flattened(value) == fields


def test_what_is_no_value_of_json_is_refused() -> None:
    for value in ({"a": json_text.Doubled("b")}, {"a": [json_text.Doubled("b")]}):
        with pytest.raises(UnusableValueError, match="gives a name twice"):
            flattened(value)
