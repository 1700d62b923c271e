"""What single cells say of their row: prices settled, paths, pairs, lists, stock and currencies."""

from typing import Any

import pytest

from furniture_prompter.feeds.cell_steps import (
    Row,
    add_category,
    add_paths,
    into_variants,
    set_availability,
    set_children,
    set_currency,
    set_material,
    set_option,
    set_option_names,
    set_option_values,
    set_own_category,
    set_pairs_as_options,
    set_stock,
    set_text,
    set_typed,
    set_words,
    settle_prices,
    written,
)
from furniture_prompter.feeds.cells import UnusableValueError
from furniture_prompter.feeds.grouping import text_of
from furniture_prompter.feeds.variants import LIMIT_VARIANTS


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"list_price": 20.0, "price": 15.0}, {"price": 20.0, "sale_price": 15.0}),
        ({"list_price": 15.0, "price": 15.0}, {"price": 15.0}),
        ({"list_price": 10.0, "price": 15.0}, {"price": 15.0}),
        ({"list_price": 10.0}, {}),
        ({"current_price": 9.0}, {"price": 9.0}),
        ({"current_price": 9.0, "price": 12.0}, {"price": 12.0}),
        ({"current_price": 9.0, "list_price": 12.0}, {"price": 12.0, "sale_price": 9.0}),
        ({"price": 9.0, "sale_price": 9.0}, {"price": 9.0}),
        ({"price": 9.0, "sale_price": 8.0}, {"price": 9.0, "sale_price": 8.0}),
        ({"sale_price": 8.0}, {"sale_price": 8.0}),
    ],
)
def test_prices_are_settled(before: dict[str, Any], after: dict[str, Any]) -> None:
    one = Row(1, attributes=dict(before), cells={name: f"{name}!" for name in before})
    settle_prices(one)
    assert one.attributes == after
    assert "list_price" not in one.cells
    assert "current_price" not in one.cells
    if "current_price" in before and "list_price" not in before and "price" not in before:
        assert one.cells["price"] == "current_price!"


def stepped(step: Any, *values: Any) -> Row:
    one = Row(1)
    for value in values:
        step(one, value)
    return one


def test_a_list_is_given_to_the_variants_at_its_places() -> None:
    def named(one: Row, value: Any) -> None:
        one.words["title"] = value

    one = stepped(lambda each, value: into_variants(named, each, value), ["a", "", None, "d"], "x")
    assert [each.words.get("title") for each in one.variants] == ["x", None, None, "d"]
    into_variants(named, one, ["b"] * LIMIT_VARIANTS)
    assert len(one.variants) == LIMIT_VARIANTS
    with pytest.raises(UnusableValueError, match="lists 501 variants"):
        into_variants(named, one, ["b"] * (LIMIT_VARIANTS + 1))


@pytest.mark.parametrize(
    ("values", "paths", "category"),
    [
        ((["Furniture", "Sofas"],), (("Furniture", "Sofas"),), None),
        ((["A > B", "C"],), (("A", "B"), ("C",)), None),
        (([["A", "B"], "C"],), (("A", "B"), ("C",)), None),
        (("A > B", "A > B"), (("A", "B"),), None),
        (("", "  "), (), None),
    ],
)
def test_paths_of_categories(values: Any, paths: Any, category: str | None) -> None:
    one = stepped(lambda each, value: add_paths("category_path", False, "c", each, value), *values)  # noqa: FBT003  # steps are called by place
    assert (one.paths, one.words.get("category")) == (paths, category)


def test_levels_of_a_category_and_one_category_in_a_cell() -> None:
    several = stepped(lambda each, v: add_category(True, False, "c", each, v), "A", "B", "", 7)  # noqa: FBT003
    assert (several.paths, several.words["category"]) == ((("A", "B"),), "B")
    single = stepped(lambda each, v: add_category(False, False, "c", each, v), "A > B", "C")  # noqa: FBT003
    assert (single.paths, single.words["category"]) == ((("A", "B"), ("C",)), "C")
    own = stepped(lambda each, v: set_own_category("c", each, v), "A > B")
    assert (own.paths, own.words["category"]) == ((("A", "B"),), "A > B")
    plain = stepped(lambda each, v: set_own_category("c", each, v), "Sofa")
    assert (plain.paths, plain.words["category"]) == ((), "Sofa")


@pytest.mark.parametrize(
    ("value", "options"),
    [
        ("Renk:Gri; Beden:L", {"Renk": "Gri", "Beden": "L"}),
        ("color=Gri,material=Ahşap", {"color": "Gri", "material": "Ahşap"}),
        ("Material:Oak:1|Color:Grey:2", {"Material": "Oak", "Color": "Grey"}),
        ("a=x, y,b=z", {"a": "x, y", "b": "z"}),
        ("loose,a=x", {"a": "x"}),
        ("ratio:16:9x", {"ratio": "16:9x"}),
        ("a=,=b", {}),
        (7, {}),
    ],
)
def test_pairs_in_one_cell(value: Any, options: dict[str, str]) -> None:
    assert stepped(set_pairs_as_options, value).options == options


def test_children_options_and_names_in_lists() -> None:
    children = stepped(set_children, "sku=A,color=Gri|sku=B;color=Bej|color=Red").children
    assert children == {"A": {"color": "Gri"}, "B": {"color": "Bej"}}
    assert stepped(set_option_names, ["Color", "", "Size"]).names == {1: "Color", 3: "Size"}
    assert stepped(set_option_names, "Color").names == {1: "Color"}
    values = stepped(set_option_values, ["Grey", None, ["a", 2]], ["Red"]).options
    assert values == {1: "Grey", 3: "a, 2"}
    number = stepped(lambda each, v: set_option(2, "o", each, v), 1.5, "x").options
    assert number == {2: "1.5"}
    assert (written("renk", "Color"), written("renk", "color")) == ("Color", "renk")


@pytest.mark.parametrize(
    ("step", "value", "attributes"),
    [
        (set_availability, ["", "out of stock", "in stock"], {"availability": "in stock"}),
        (set_availability, ["sold out", "preorder"], {"availability": "out of stock"}),
        (set_availability, [None, ""], {}),
        (set_availability, "  ", {}),
        (set_currency, ["", "TL"], {"currency": "TRY"}),
        (set_currency, " € ", {"currency": "EUR"}),
        (lambda r, v: set_stock("s", None, r, v), "7", {"stock": 7.0}),
        (lambda r, v: set_stock("s", ",", r, v), "1.000", {"stock": 1000.0}),
        (lambda r, v: set_stock("s", None, r, v), 0, {"stock": 0.0}),
        (lambda r, v: set_stock("s", None, r, v), True, {"availability": "in stock"}),
        (lambda r, v: set_stock("s", None, r, v), "false", {"availability": "out of stock"}),
        (lambda r, v: set_stock("s", None, r, v), " ", {}),
        (lambda r, v: set_material("m", r, v), ["oak", "", "steel"], {"material": "oak, steel"}),
        (lambda r, v: set_text("brand", "b", r, v), 7.0, {"brand": "7"}),
        (lambda r, v: set_text("brand", "b", r, v), 7.5, {"brand": "7.5"}),
        (lambda r, v: set_text("brand", "b", r, v), ["", "Nord"], {"brand": "Nord"}),
        (lambda r, v: set_text("brand", "b", r, v), "'Nord", {"brand": "'Nord"}),
        (lambda r, v: set_text("gtin", "g", r, v), " '869", {"gtin": "869"}),
        (lambda r, v: set_typed("n", "n", ",", r, v), "1,5", {"n": 1.5}),
        (lambda r, v: set_typed("n", "n", ",", r, v), ["a", "b"], {"n": ("a", "b")}),
    ],
)
def test_what_one_cell_says(step: Any, value: Any, attributes: dict[str, Any]) -> None:
    assert stepped(step, value).attributes == attributes


def test_text_that_identifies_is_an_id_and_what_is_no_text_stays_in_its_cell() -> None:
    assert stepped(lambda r, v: set_text("gtin", "g", r, v), 869.0).ids == {"gtin": "869"}
    assert stepped(lambda r, v: set_text("brand", "b", r, v), "Nord").ids == {}
    typed = stepped(lambda r, v: set_typed("n", "n", ".", r, v), "1.50", "2.5")
    assert (typed.attributes, typed.cells) == ({"n": 1.5}, {"n": "1.50"})
    words = stepped(lambda r, v: set_words("title", "t", r, v, strict=False), ["", "Oslo", "x"])
    assert words.words == {"title": "Oslo"}
    colors = stepped(lambda r, v: set_words("color", "c", r, v, strict=False), ["red", "blue"])
    assert colors.words == {"color": "red, blue"}
    number = stepped(lambda r, v: set_words("title", "t", r, v, strict=False), 12.5)
    assert number.words == {"title": "12.5"}
    with pytest.raises(UnusableValueError):
        stepped(lambda r, v: set_words("title", "t", r, v, strict=True), 12.5)
    for value in ("many!", [1]):
        with pytest.raises(UnusableValueError, match="no number of pieces"):
            stepped(lambda r, v: set_stock("s", None, r, v), value)
    with pytest.raises(UnusableValueError, match="no currency"):
        stepped(set_currency, "stools")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((" A ", "A"), (7, "7"), (7.0, "7"), (7.25, "7.25"), (1e15, "1e+15"), (None, "")),
        *((True, ""), (["A"], "")),
    ],
)
def test_keys_are_compared_as_text(value: Any, text: str) -> None:
    assert text_of(value) == text
