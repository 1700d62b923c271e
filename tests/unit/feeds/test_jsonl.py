import json
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.jsonl import LIMIT_LINE_BYTES
from furniture_prompter.feeds.opening import open_feed
from tests.unit.feeds.conftest import ReadFeed, rows_of, set_aside_of


def line(**fields: Any) -> str:
    return json.dumps({"id": "1", "title": "Oak stool", "image": "a.jpg", **fields})


def test_a_row_keeps_its_words_types_source_and_line(read_feed: ReadFeed, shop: Path) -> None:
    content = line(
        category="stool", colour="oak", description="Solid.\nOiled.", tags=["kitchen", "bar"],
        price=129, on_sale=True, material="oak",
    )  # fmt: skip
    (row,) = rows_of(read_feed("p.jsonl", "\n" + content + "\n"))
    product = row.product
    assert (product.id, product.title, product.category, product.color) == (
        "1", "Oak stool", "stool", "oak",
    )  # fmt: skip
    assert product.description == "Solid.\nOiled."
    assert product.tags == ("kitchen", "bar")
    assert dict(product.attributes) == {
        "price": 129.0,
        "on_sale": True,
        "material": "oak",
        "base_colors": ("beige",),
        "base_materials": ("oak", "wood"),
    }
    assert isinstance(product.attributes["price"], float)
    assert row.images == ((shop / "a.jpg").resolve(),)
    assert (row.source, row.line) == (shop / "p.jsonl", 2)


def test_broken_json_in_line_7_is_set_aside_with_its_column_and_the_rest_is_read(
    read_feed: ReadFeed, shop: Path
) -> None:
    lines = [line(id=str(number)) for number in range(1, 10)]
    lines[6] = '{"id": "7", "title": }'
    items = read_feed("p.jsonl", "\n".join(lines))
    (problem,) = set_aside_of(items)
    assert problem.line == 7
    assert problem.source == shop / "p.jsonl"
    assert "column 22" in problem.reason
    assert problem.cure
    assert [row.product.id for row in rows_of(items)] == ["1", "2", "3", "4", "5", "6", "8", "9"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('"text"', "no object"),
        (line() + line(), "follows"),
        ('{"id": "1", "id": "2", "image": "a.jpg"}', "twice"),
        ("[" * 100_000, "deep"),
        ('{"id": "1", "image": "a.jpg", "n": ' + "9" * 5_000 + "}", "digits"),
    ],
)
def test_a_line_that_is_no_single_object_is_set_aside(
    read_feed: ReadFeed, content: str, words: str
) -> None:
    (problem,) = set_aside_of(read_feed("p.jsonl", content))
    assert words in problem.reason
    assert problem.line == 1


def test_a_line_that_is_not_utf_8_is_set_aside_and_the_rest_is_read(read_feed: ReadFeed) -> None:
    data = '{"id": "1", "title": "Şezlong", "image": "a.jpg"}'.encode("cp1254")
    items = read_feed("p.jsonl", data + b"\n" + line(id="2").encode())
    (problem,) = set_aside_of(items)
    assert problem.line == 1
    assert "UTF-8" in problem.reason
    assert [row.product.id for row in rows_of(items)] == ["2"]


def test_half_a_surrogate_pair_is_set_aside(read_feed: ReadFeed) -> None:
    (problem,) = set_aside_of(read_feed("p.jsonl", line(title="\ud800 stool")))
    assert "no characters" in problem.reason
    str(problem).encode("utf-8")


def test_a_line_too_long_is_set_aside_and_the_next_one_is_read(read_feed: ReadFeed) -> None:
    items = read_feed("p.jsonl", line(note="x" * LIMIT_LINE_BYTES) + "\n" + line(id="2"))
    (problem,) = set_aside_of(items)
    assert (problem.line, "bytes" in problem.reason) == (1, True)
    (row,) = rows_of(items)
    assert row.line == 2


def test_a_byte_order_mark_is_skipped(read_feed: ReadFeed) -> None:
    (row,) = rows_of(read_feed("p.jsonl", b"\xef\xbb\xbf" + line().encode()))
    assert row.product.id == "1"


def test_utf_16_is_refused_with_a_cure(read_feed: ReadFeed) -> None:
    with pytest.raises(InvalidFeedError, match="Save it as UTF-8"):
        read_feed("p.jsonl", line().encode("utf-16"))


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
def test_a_file_without_rows_is_refused(read_feed: ReadFeed, content: str) -> None:
    with pytest.raises(InvalidFeedError, match="empty"):
        read_feed("p.jsonl", content)


def test_an_array_in_a_json_file_is_read_with_lines(read_feed: ReadFeed) -> None:
    items = read_feed("p.json", "\n[\n" + line() + ",\n\n" + line(id="2", image="no.jpg") + "\n]\n")
    (row,) = rows_of(items)
    (problem,) = set_aside_of(items)
    assert (row.line, problem.line) == (3, 5)


def test_a_broken_array_yields_what_came_before_and_says_that_the_rest_was_not_read(
    read_feed: ReadFeed,
) -> None:
    items = read_feed("p.json", "[" + line() + ",\n{broken},\n" + line(id="3") + "]")
    assert [row.product.id for row in rows_of(items)] == ["1"]
    (problem,) = set_aside_of(items)
    assert problem.line == 2
    assert "Nothing after it was read" in problem.reason


def test_an_array_cut_short_is_reported(read_feed: ReadFeed) -> None:
    items = read_feed("p.json", "[" + line())
    assert len(rows_of(items)) == 1
    assert len(set_aside_of(items)) == 1


def test_json_lines_in_a_json_file_are_read(read_feed: ReadFeed) -> None:
    assert len(rows_of(read_feed("p.json", line() + "\n" + line(id="2")))) == 2


def test_an_empty_array_is_refused(read_feed: ReadFeed) -> None:
    with pytest.raises(InvalidFeedError, match="empty"):
        read_feed("p.json", "[]")


def test_a_feed_can_be_read_twice(shop: Path) -> None:
    (shop / "p.jsonl").write_text(line())
    feed = open_feed(shop / "p.jsonl")
    assert list(feed.items()) == list(feed.items())


def test_a_double_id_on_one_line_of_an_array_is_set_aside(read_feed: ReadFeed) -> None:
    items = read_feed("p.json", '[{"id": "1", "image": "a.jpg"}, {"id": "1", "image": "b.jpg"}]')
    assert [row.images[0].name for row in rows_of(items)] == ["a.jpg"]
    assert "already in line 1" in set_aside_of(items)[0].reason


def test_the_marks_of_files_put_together_are_no_json(read_feed: ReadFeed) -> None:
    line = '\ufeff{{"id": "{}", "image": "a.jpg"}}\n'
    items = read_feed("p.jsonl", line.format(1) + line.format(2))
    assert [row.product.id for row in rows_of(items)] == ["1", "2"]


def test_what_follows_an_array_is_told(read_feed: ReadFeed) -> None:
    items = read_feed("p.json", '[{"id": "1", "image": "a.jpg"}]\n[{"id": "2", "image": "b.jpg"}]')
    assert [row.product.id for row in rows_of(items)] == ["1"]
    (problem,) = set_aside_of(items)
    assert problem.line == 2
    assert problem.may_be_any_product


def test_an_object_of_an_array_that_is_not_utf_8_is_set_aside_alone(read_feed: ReadFeed) -> None:
    data = b'[{"id": "1", "title": "\xfe", "image": "a.jpg"},\n{"id": "2", "image": "b.jpg"}]'
    items = read_feed("p.json", data)
    assert [row.product.id for row in rows_of(items)] == ["2"]
    assert [problem.line for problem in set_aside_of(items)] == [1]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": "a\tb"}', "Broken JSON at column 10: Invalid control character."),
        ('{"id": "a', "Broken JSON at column 8: Unterminated string."),
        ('{"id": }', "Broken JSON at column 8: Expecting value."),
    ],
)
def test_what_is_broken_in_json_is_a_whole_sentence(
    read_feed: ReadFeed, line: str, reason: str
) -> None:
    (item,) = set_aside_of(read_feed("shop.jsonl", line))
    assert item.reason == reason
