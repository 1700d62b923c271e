"""Rows read by a mapping: what each column's step says, doubts counted, names that are taken."""

from typing import Any

import pytest

from furniture_prompter.feeds.cell_steps import Row
from furniture_prompter.feeds.cells import DecimalMark
from furniture_prompter.feeds.mapping import decide
from furniture_prompter.feeds.records import Record
from furniture_prompter.feeds.table_rows import RowPlan


def plan_of(
    *given: str,
    layout: str | None = "unknown",
    has_types: bool = False,
    marks: dict[str, DecimalMark | None] | None = None,
) -> RowPlan:
    """The plan of a table whose columns are given with their roles, ``role=column``."""
    columns = [each.partition("=")[2] for each in ("image=image", *given)]
    mapping = decide("feed", columns, {}, given=["image=image", *given], layout=layout)
    return RowPlan(mapping, marks or {}, has_types=has_types)


def read(plan: RowPlan, **fields: Any) -> Row:
    return plan.read(Record(7, fields))


@pytest.mark.parametrize(
    ("count", "more"),
    [(1, ""), (2, " So were 1 more."), (3, " So were 2 more."), (1_236, " So were 1,235 more.")],
)
def test_doubts_are_told_once_a_column_and_counted(count: int, more: str) -> None:
    plan = plan_of("price=cost", "sale_price=now")
    for _ in range(count):
        read(plan, cost="from 9")
    read(plan, now="8-9")
    first, second = (note.text for note in plan.doubts)
    assert first.startswith("cost: 'from 9': it is the lowest price of several.")
    assert first.endswith(more or "several.")
    assert second.startswith("now: '8-9': it is a range")
    assert plan.doubted == count + 1


@pytest.mark.parametrize(
    ("given", "fields", "attributes"),
    [
        (["price=p"], {"p": "9,50 TL"}, {"price": 9.5, "currency": "TRY"}),
        (["price=p"], {"p": ["", None, "9 €", "8 €"]}, {"price": 9.0, "currency": "EUR"}),
        (["price=p"], {"p": [None, ""]}, {}),
        (["price=p"], {"p": "  "}, {}),
        (["price=price_cents"], {"price_cents": "1250"}, {"price": 12.5}),
        (["price=p", "list_price=l"], {"p": "9", "l": "12"}, {"price": 12.0, "sale_price": 9.0}),
        (["list_price=l"], {"l": "12 €"}, {}),
        (["width=w"], {"w": "80"}, {"width_cm": 80.0}),
        (["width=w (mm)"], {"w (mm)": "80"}, {"width_cm": 8.0}),
        (["depth=width (mm)"], {"width (mm)": "80"}, {"depth_cm": 8.0}),
        (["width=w"], {"w": 0}, {}),
        (["width=w"], {"w": "0.0"}, {}),
        (["width=w"], {"w": " "}, {}),
        (
            ["dimensions=d"],
            {"d": [80, 60, "40 cm"]},
            {"width_cm": 80, "depth_cm": 60, "height_cm": 40},
        ),
        (
            ["dimensions=d", "width=w"],
            {"w": "70", "d": "W 80 H 9"},
            {"width_cm": 70, "height_cm": 9},
        ),
        (["seat_height=s"], {"s": "45"}, {"seat_height_cm": 45.0}),
        (["weight=weight (g)"], {"weight (g)": "500"}, {"weight_kg": 0.5}),
        (["seats=s"], {"s": "3"}, {"seats": 3.0}),
        (["drawers=s"], {"s": "five"}, {"drawers": 5.0}),
        (["brand=b", "gtin=g"], {"b": "Nord", "g": "'12"}, {"brand": "Nord", "gtin": "12"}),
        (["availability=a"], {"a": "yes"}, {"availability": "in stock"}),
        (["stock=a"], {"a": "3"}, {"stock": 3.0}),
        (["material=m"], {"m": "oak"}, {"material": "oak"}),
        (["ignore=i"], {"i": "x"}, {}),
        (["attribute=Own Name"], {"Own Name": "x"}, {"own_name": "x"}),
        ([], {"Later Name": "x"}, {"later_name": "x"}),
        ([], {"Later Name": ""}, {}),
        ([], {"Later Name": None}, {}),
    ],
)
def test_what_a_column_of_a_role_says(
    given: list[str], fields: dict[str, Any], attributes: dict[str, Any]
) -> None:
    row = read(plan_of(*given), **fields)
    assert (row.attributes, row.problems, row.line) == (attributes, [], 7)


def test_the_text_of_a_price_is_kept_beside_it() -> None:
    assert read(plan_of("price=p"), p=" 9,50 € ").cells == {"price": "9,50 €"}
    assert read(plan_of("price=price_cents"), price_cents="1250").cells == {"price": "12.50"}
    assert read(plan_of("price=p"), p=9.5).cells == {}


def test_marks_of_columns_decide() -> None:
    plan = plan_of(
        "price=p",
        "width=w",
        "weight=g",
        "stock=s",
        "attribute=x",
        marks=dict.fromkeys("pwgsx", ","),
    )
    row = read(plan, p="1.299", w="1.200 mm", g="1.500 kg", s="1.000", x="1.500")
    assert row.attributes == {
        "price": 1299.0,
        "width_cm": 120.0,
        "weight_kg": 1500.0,
        "stock": 1000.0,
        "x": 1500.0,
    }


def test_a_cell_that_cannot_be_used_is_told_with_its_column() -> None:
    row = read(plan_of("price=Cost", "width=w"), Cost="free", w="wide")
    assert [column for column, _ in row.problems] == ["Cost", "w"]


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (["Rating", "rating"], ["rating", "rating_2"]),
        (["Rating", "rating", "RATING"], ["rating", "rating_2", "rating_3"]),
        (["Title"], ["title_2"]),
        (["base colors"], ["base_colors_2"]),
        (["price"], ["price"]),
    ],
)
def test_columns_of_one_name_are_told_apart(columns: list[str], names: list[str]) -> None:
    plan = plan_of(*(f"attribute={column}" for column in columns))
    assert list(read(plan, **dict.fromkeys(columns, "x")).attributes) == names
    told = [note.text for note in plan.notes]
    assert len(told) == sum(name[-2:-1] == "_" and name[:-2] not in {"title"} for name in names)


def test_names_of_columns_that_have_a_role_are_taken() -> None:
    plan = plan_of(
        "price=cost", "width=w", "attribute=price", "attribute=width_cm", "attribute=depth_cm"
    )
    fields = {"cost": "9", "w": "80", "price": "x", "width_cm": "y", "depth_cm": "z"}
    assert read(plan, **fields).attributes == {
        "price": 9.0,
        "width_cm": 80.0,
        "price_2": "x",
        "width_cm_2": "y",
        "depth_cm_2": "z",
    }
    assert read(plan_of("attribute=width_cm"), width_cm="80").attributes == {"width_cm": 80.0}


def test_a_column_that_gives_no_name_is_left_out_and_told() -> None:
    plan = plan_of()
    assert read(plan, 价格="x").attributes == {}
    assert ["A column was left out." in note.text for note in plan.notes] == [True]


def test_columns_that_are_met_for_the_first_time() -> None:
    plan = plan_of("title=t")
    assert list(plan.met) == ["image", "t"]
    records = [Record(1, {"t": "x", "new": ""}), Record(2, {"t": "x", "new": None})]
    assert not plan.meets_new(records)
    assert plan.meets_new([*records, Record(3, {"new": 0})])
    assert not plan.meets_new([Record(1, {"t": "x"}), Record(2, {"image": "a.jpg"})])
    read(plan, new="x")
    assert not plan.meets_new([Record(3, {"new": 0})])
    assert plan.label("t") == "t"


def test_images_come_in_the_order_of_their_columns() -> None:
    plan = plan_of("image=second")
    row = read(plan, second="b.jpg", image="a.jpg|c.jpg")
    assert row.images == ["a.jpg", "c.jpg", "b.jpg"]
    assert read(plan, second="b.jpg", image=7).images == ["b.jpg"]
    assert read(plan, second="b.jpg|x.jpg", image="").images == ["b.jpg", "x.jpg"]
    typed = plan_of("image=second", layout="own", has_types=True)
    assert read(typed, image="a.jpg|c.jpg", second=["b.jpg"]).images == ["a.jpg|c.jpg", "b.jpg"]


@pytest.mark.parametrize(
    ("name", "value", "attributes", "cells"),
    [
        ("width", "80 cm", {"width": "80 cm", "width_cm": 80.0}, {}),
        ("width", "80", {"width": 80.0}, {"width": "80"}),
        ("width_mm", "800", {"width_mm": 800.0, "width_cm": 80.0}, {"width_mm": "800"}),
        ("width_cm", "80", {"width_cm": 80.0}, {"width_cm": "80"}),
        ("width_cm", 80, {"width_cm": 80.0}, {}),
        ("width_cm", "wide", {"width_cm": "wide"}, {}),
        ("carton_width", "80 cm", {"carton_width": "80 cm"}, {}),
    ],
)
def test_sizes_of_our_own_columns_keep_their_names(
    name: str, value: Any, attributes: dict[str, Any], cells: dict[str, str]
) -> None:
    row = read(plan_of("title=title", "id=id", layout="own"), **{name: value})
    assert (row.attributes, row.cells) == (attributes, cells)


def test_pairs_in_one_cell_are_attributes_and_options() -> None:
    plan = plan_of("attribute=wood")
    row = Row(1)
    plan._pair(row, "Renk", "Gri")
    plan._pair(row, "Malzeme", "Ahşap")
    plan._pair(row, "Wood", "no")
    plan._pair(row, "Legs", " 4 ")
    plan._pair(row, "Legs", "5")
    plan._pair(row, "价格", "5")
    assert (row.words["color"], row.options) == ("Gri", {"Color": "Gri", "Material": "Ahşap"})
    assert row.attributes == {"material": "Ahşap", "legs": "4"}
