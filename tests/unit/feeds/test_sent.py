"""Products as they are sent over the API, read as a feed's."""

from pathlib import Path
from typing import Any

from furniture_prompter.feeds.sent import SentProduct, read_sent


def read(**fields: Any) -> SentProduct:
    found = read_sent({"id": "KOLTUK TAKIMI", **fields}, Path("request"), 1)
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
    told = read(renk=None, genişlik="", price=None).told
    assert told >= {"color", "base_colors", "width_cm", "genislik", "price"}
