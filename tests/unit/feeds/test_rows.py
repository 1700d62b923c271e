import json
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.domain import FeedNote
from tests.unit.feeds.conftest import ReadFeed, rows_of, set_aside_of


def feed_text(*rows: dict[str, Any]) -> str:
    return "\n".join(json.dumps(row) for row in rows)


def row(**fields: Any) -> dict[str, Any]:
    return {"id": "1", "title": "Stool", "image": "a.jpg", **fields}


@pytest.mark.parametrize("identifier", [None, "", "  ", "\ufeff"])
def test_a_row_with_no_id_is_set_aside(read_feed: ReadFeed, identifier: str | None) -> None:
    items = read_feed("p.jsonl", feed_text(row(id=identifier), row(id="2")))
    (problem,) = set_aside_of(items)
    assert "id" in problem.reason
    assert (problem.line, problem.product_id) == (1, "")
    assert [found.product.id for found in rows_of(items)] == ["2"]


def test_a_double_id_is_set_aside_and_names_the_first_line(read_feed: ReadFeed) -> None:
    items = read_feed("p.jsonl", feed_text(row(), row(id="2"), row(title="Other")))
    (problem,) = set_aside_of(items)
    assert problem.line == 3
    assert "line 1" in problem.reason
    assert problem.product_id == "1"
    assert [found.product.title for found in rows_of(items)] == ["Stool", "Stool"]


def test_ids_that_differ_only_in_unicodes_forms_are_the_same(read_feed: ReadFeed) -> None:
    items = read_feed("p.jsonl", feed_text(row(id="\u015fe"), row(id="s\u0327e")))
    assert len(set_aside_of(items)) == 1


def test_a_whole_number_is_an_id(read_feed: ReadFeed) -> None:
    (found,) = rows_of(read_feed("p.jsonl", feed_text(row(id=4711))))
    assert found.product.id == "4711"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"id": True}, "id"),
        ({"id": 1.5}, "id"),
        ({"id": ["1"]}, "id"),
        ({"id": "a\nb"}, "id"),
        ({"image": 3}, "image"),
        ({"image": [3]}, "image"),
    ],
)
def test_a_wrong_type_of_an_id_or_image_costs_the_row_and_names_the_field(
    read_feed: ReadFeed, fields: dict[str, Any], named: str
) -> None:
    items = read_feed("p.jsonl", feed_text(row(**fields)))
    assert rows_of(items) == []
    (problem,) = set_aside_of(items)
    assert named in problem.reason
    assert problem.cure


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"title": 5}, "title"),
        ({"category": ["a"]}, "category"),
        ({"color": 3}, "color"),
        ({"color": [3]}, "color"),
        ({"description": False}, "description"),
        ({"tags": 3}, "tags"),
        ({"tags": ["a", 3]}, "tags"),
        ({"price": float("nan")}, "price"),
        ({"price": float("inf")}, "price"),
        ({"batch": 2**53 + 1}, "batch"),
        ({"title": "x" * 1_001}, "title"),
        ({"description": "x" * 20_001}, "description"),
        ({"tags": [str(number) for number in range(101)]}, "tags"),
        ({"note": "bad \ud800"}, "note"),
    ],
)
def test_a_cell_that_cannot_be_used_costs_the_cell_and_names_its_column(
    read_feed: ReadFeed, fields: dict[str, Any], named: str
) -> None:
    items = read_feed(
        "p.jsonl", feed_text(row(price=5, **fields) if named != "price" else row(**fields))
    )
    (problem,) = set_aside_of(items)
    assert (problem.line, problem.product_id, problem.column) == (1, "1", named)
    assert problem.reason
    assert problem.cure
    assert not problem.may_be_any_product
    (found,) = rows_of(items)
    assert found.product.title == ("1" if named == "title" else "Stool")
    assert dict(found.product.attributes) == ({} if named == "price" else {"price": 5.0})


def test_a_column_may_hold_values_of_several_types(read_feed: ReadFeed) -> None:
    rows = (row(rating="on request"), row(id="2", rating=12), row(id="3", rating=True))
    items = read_feed("p.jsonl", feed_text(*rows))
    assert set_aside_of(items) == []
    values = [found.product.attributes["rating"] for found in rows_of(items)]
    assert values == ["on request", 12.0, True]


def test_a_list_of_scalars_is_a_list_of_texts(read_feed: ReadFeed) -> None:
    (found,) = rows_of(read_feed("p.jsonl", feed_text(row(rooms=["hall", 3, True, None, 0.5]))))
    assert found.product.attributes["rooms"] == ("hall", "3", "true", "0.5")


def test_null_and_blank_values_are_left_out(read_feed: ReadFeed) -> None:
    (found,) = rows_of(
        read_feed("p.jsonl", feed_text(row(price=None, size="", note="  ", parts=[])))
    )
    assert dict(found.product.attributes) == {}


def test_a_row_without_a_title_is_called_by_its_id(read_feed: ReadFeed) -> None:
    (found,) = rows_of(read_feed("p.jsonl", feed_text({"id": "x-1", "image": "a.jpg"})))
    assert found.product.title == "x-1"


def test_text_is_composed_and_loses_control_characters(read_feed: ReadFeed) -> None:
    (found,) = rows_of(
        read_feed(
            "p.jsonl",
            feed_text(
                row(title=" S\u0327ezlong\u0000\u001b[31m\t\u202exx ", description="a\r\n\n b")
            ),
        )
    )
    assert found.product.title == "\u015eezlong[31m xx"
    assert found.product.description == "a\nb"


@pytest.mark.parametrize(
    ("field", "length"),
    [("title", 1_001), ("description", 20_001), ("category", 501), ("note", 4_001), ("id", 300)],
)
def test_text_too_long_is_set_aside_with_its_length(
    read_feed: ReadFeed, field: str, length: int
) -> None:
    (problem,) = set_aside_of(read_feed("p.jsonl", feed_text(row(**{field: "x" * length}))))
    assert f"{length:,}" in problem.reason
    assert len(problem.reason) < 200


def test_images_beyond_the_limit_are_set_aside_and_the_first_kept(read_feed: ReadFeed) -> None:
    names = ["./" * times + "a.jpg" for times in range(65)]
    items = read_feed("p.jsonl", feed_text(row(images=names, image=None)))
    (problem,) = set_aside_of(items)
    assert ("64" in problem.reason, problem.column) == (True, "image")
    assert len(rows_of(items)) == 1


def test_a_missing_file_is_set_aside(read_feed: ReadFeed, shop: Path) -> None:
    items = read_feed("p.jsonl", feed_text(row(image="none.jpg"), row(id="2")))
    (problem,) = set_aside_of(items)
    assert (problem.line, problem.product_id, problem.source) == (1, "1", shop / "p.jsonl")
    assert "none.jpg" in problem.reason
    assert "missing" in problem.reason
    assert [found.product.id for found in rows_of(items)] == ["2"]


def test_a_row_of_which_one_image_is_missing_keeps_the_others_in_order(
    read_feed: ReadFeed, shop: Path
) -> None:
    items = read_feed("p.jsonl", feed_text(row(image="b.jpg", images=["no.jpg", "a.jpg", "b.jpg"])))
    (problem,) = set_aside_of(items)
    assert "no.jpg" in problem.reason
    (found,) = rows_of(items)
    assert [path.name for path in found.images] == ["b.jpg", "a.jpg"]


def test_a_row_without_an_image_is_set_aside(read_feed: ReadFeed) -> None:
    text = feed_text({"id": "1", "title": "x"}, row(id="2"))
    (problem,) = set_aside_of(read_feed("p.jsonl", text))
    assert "no image" in problem.reason
    assert problem.product_id == "1"


def test_objects_in_a_row_become_columns_of_their_own(read_feed: ReadFeed) -> None:
    (found,) = rows_of(
        read_feed("p.jsonl", feed_text(row(care={"wash": "cold"}, parts=[["legs", 4], ["top"]])))
    )
    assert dict(found.product.attributes) == {"care_wash": "cold", "parts": ("legs", "4", "top")}


def test_of_columns_that_become_the_same_name_both_are_kept(read_feed: ReadFeed) -> None:
    (found,) = rows_of(read_feed("p.jsonl", feed_text(row(Rating=1, rating=2))))
    assert dict(found.product.attributes) == {"rating": 1.0, "rating_2": 2.0}


def test_known_columns_are_known_in_any_letter_case(read_feed: ReadFeed) -> None:
    (found,) = rows_of(
        read_feed("p.jsonl", json.dumps({"ID": "1", "Title": "Stool", "Image": "a.jpg"}))
    )
    assert found.product.title == "Stool"
    assert dict(found.product.attributes) == {}


def test_a_list_of_colors_counts_where_color_is_not_given(read_feed: ReadFeed) -> None:
    items = read_feed(
        "p.jsonl",
        '{"id": "1", "image": "a.jpg", "colors": ["oak", "white"]}\n'
        '{"id": "2", "image": "a.jpg", "colours": ["oak", "white"], "colour": "white oak"}\n'
        '{"id": "3", "image": "a.jpg", "color": null, "colors": "red"}\n',
    )
    products = [row.product for row in rows_of(items)]
    assert [product.color for product in products] == ["oak, white", "white oak", "red"]
    assert [dict(product.attributes) for product in products] == [
        {"base_colors": ("white",)},
        {"base_colors": ("beige",)},
        {"base_colors": ("red",)},
    ]


def test_ids_are_told_apart_by_what_is_seen_of_them(read_feed: ReadFeed) -> None:
    text = (
        "item_group_id;sku;name;image;color\n"
        "\ufeffK\u200b-1;A;Sofa;a.jpg;red\nK-1;B;Sofa;a.jpg;blue\nK-1;F;Sofa;a.jpg;green\n"
        "K-2;\u200bC;Rug;a.jpg;\nN\u00a0\u00a03;D;Rug;a.jpg;\nN 3;E;Rug;a.jpg;\n"
    )
    items = read_feed("list.csv", text)
    assert set_aside_of(items) == []
    products = [row.product for row in rows_of(items)]
    assert [each.id for each in products] == ["K-1", "K-2", "N 3"]
    assert [len(each.variants) for each in products] == [3, 0, 2]
    told = [item.text for item in items if isinstance(item, FeedNote)]
    assert any(text.startswith("1 id holds characters that nobody sees") for text in told)
