"""Products as they are sent over the API, read as a feed's."""

from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.domain import SetAside
from furniture_prompter.feeds.column_samples import sampled
from furniture_prompter.feeds.mapping import decide
from furniture_prompter.feeds.sent import SentProduct, read_sent


def read(**fields: Any) -> SentProduct:
    return sent(fields, patches=False)


def patch(**fields: Any) -> SentProduct:
    return sent(fields, patches=True)


def sent(fields: dict[str, Any], *, patches: bool) -> SentProduct:
    found = read_sent({"id": "KOLTUK TAKIMI", **fields}, Path("request"), 1, patches=patches)
    assert isinstance(found, SentProduct)
    assert (found.product.id, found.told >= {"id"}) == ("KOLTUK TAKIMI", False)
    return found


def test_a_product_is_called_by_its_id_where_no_field_is_a_title() -> None:
    assert read().product.title == "KOLTUK TAKIMI"
    named = read(**{"ürün adı": "Üç kişilik koltuk"})
    assert named.product.title == "Üç kişilik koltuk"
    assert named.product.attributes == {"seats": 3.0}
    # What a title implies is not what somebody said.
    assert named.told == {"title"}


def test_no_field_makes_it_another_product_or_hides_it() -> None:
    found = read(item_group_id="7", parent="q", published=False, status="draft")
    assert found.product.attributes == {
        "item_group_id": "7",
        "parent": "q",
        "published": False,
        "status": "draft",
    }


def test_what_the_shop_pays_is_never_a_price() -> None:
    for fields in ({"cost": 7}, {"cost": 7, "price": "1.299"}):
        found = read(**fields)
        assert not found.product.attributes
        assert len(found.left_out) == len(fields)


def test_what_was_read_before_is_kept_where_it_comes_back() -> None:
    before = {"base_colors": ["red"], "width_cm": 80.0, "category_path": ["A", "A > B"]}
    kept = read(color="Bordo", **before).product.attributes
    assert kept == {"base_colors": ("red",), "width_cm": 80.0, "category_path": ("A", "A > B")}


def test_what_is_null_goes_with_what_was_read_of_it() -> None:
    told = patch(renk=None, genişlik="", price=None).told
    assert told >= {"color", "base_colors", "width_cm", "genislik", "price"}


@pytest.mark.parametrize(
    ("field", "gone"),
    [
        ("cost", {"cost"}),
        ("package_width", {"package_width"}),
        ("paket genişliği", {"paket_genisligi"}),
        ("list_price", {"list_price"}),
    ],
)
def test_null_takes_away_exactly_what_is_named(field: str, gone: set[str]) -> None:
    assert patch(**{field: None}).told == gone


@pytest.mark.parametrize(
    "fields",
    [
        {"price": [1, 2]},
        {"fiyat": ["12"]},
        {"width_cm": [1, 2]},
        {"weight": [1, 2]},
        {"drawers": [1, 2]},
        {"seat_height_cm": [1, 2]},
    ],
)
def test_a_list_where_one_number_belongs_costs_itself(fields: dict[str, Any]) -> None:
    for found in (read(**fields), patch(**fields)):
        assert (found.told, len(found.left_out)) == (frozenset(), 1)
        assert found.product.attributes == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"width_cm": "abc"},
        {"width_cm": True},
        {"width_cm": "NaN"},
        {"width_cm": -4},
        {"width_cm": 1e300},
        {"current_price": "abc"},
        {"material": 5},
        {"material": True},
        {"weight": "abc"},
        {"color": "  "},
    ],
)
def test_a_cell_that_cannot_be_read_changes_nothing(fields: dict[str, Any]) -> None:
    found = patch(**fields)
    assert (found.told, len(found.left_out)) == (frozenset(), 1)


def test_levels_that_are_no_texts_are_no_path() -> None:
    assert patch(**{"category fullname": [1, 2]}).product.category == ""


def test_a_field_in_another_language_is_never_the_plain_one() -> None:
    words = {"category_tr": "ağaç", "description_tr": "x", "color_tr": "gri"}
    assert patch(title="Oak", **words).told == {"title", *words}
    assert patch(title="Oak", **words).product.attributes == words


def test_fields_that_are_taken_away_are_counted() -> None:
    empty = {f"field_{number}": None for number in range(201)}
    fields = {"id": "a", **empty}
    assert isinstance(read_sent(fields, Path("request"), 1, patches=True), SetAside)
    # In the place of a whole product they say nothing.
    assert isinstance(read_sent(fields, Path("request"), 1), SentProduct)


def test_a_list_of_a_later_day_has_its_translations_as_those() -> None:
    row = {"id": "a", "category_tr": "ağaç", "description_de": "x"}
    roles = decide("prices.csv", [*row], sampled([row]), may_lack_images=True).roles
    assert {meaning.role for meaning in roles.values()} == {*row}
    # A whole table of one language is in that.
    whole = {**row, "title_tr": "Masa", "image": "a.jpg"}
    roles = decide("all.csv", [*whole], sampled([whole])).roles
    assert roles["category_tr"].role == "category"
