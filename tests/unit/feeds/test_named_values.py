"""Lists of names and values, as shops' APIs write them: attributes by their names."""

import json
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.domain import FeedItem, FeedNote, Product
from furniture_prompter.feeds import named_values
from furniture_prompter.feeds.cell_steps import Row
from furniture_prompter.feeds.layouts import Meaning
from furniture_prompter.feeds.named_values import listed_names, named_in, role_of, set_named
from furniture_prompter.feeds.opening import open_feed
from tests.unit.feeds.conftest import ReadFeed, rows_of, set_aside_of

WOO = {
    "id": 7, "sku": "S", "name": "Oslo", "permalink": "https://shop.example/p",
    "regular_price": "20", "stock_status": "instock", "catalog_visibility": "visible",
    "images": [{"id": 1, "src": "a.jpg"}],
    "attributes": [
        {"id": 1, "name": "Colour", "position": 0, "options": ["Grey"]},
        {"id": 2, "name": "Width", "position": 1, "options": ["180 cm"]},
        {"id": 0, "name": "Legs", "position": 2, "options": ["oak", "steel"]},
        {"id": 3, "name": "Material", "position": 3, "options": ["Velvet"]},
    ],
}  # fmt: skip
MAGENTO = {
    "id": 1, "sku": "S", "name": "Oslo", "price": 20, "status": 1, "visibility": 4,
    "media_gallery_entries": [{"id": 1, "media_type": "image", "file": "a.jpg"}],
    "custom_attributes": [
        {"attribute_code": "colour", "value": "Grey"},
        {"attribute_code": "manufacturer", "value": "42"},
        {"attribute_code": "material", "value": "Velvet"},
        {"attribute_code": "width", "value": "180.0000"},
        {"attribute_code": "url_key", "value": "oslo"},
        {"attribute_code": "meta_title", "value": "Oslo"},
        {"attribute_code": "category_ids", "value": ["3", "7"]},
        {"attribute_code": "legs", "value": "oak, steel"},
    ],
}  # fmt: skip
SHOPIFY = {
    "sku": "S", "title": "Oslo", "price": "20", "images": [{"src": "a.jpg"}],
    "metafields": [
        {"namespace": "custom", "key": "colour", "value": "Grey", "type": "single_line_text_field"},
        {"namespace": "custom", "key": "legs", "value": '["oak", "steel"]', "type": "list"},
        {"namespace": "specs", "key": "width", "value": '{"value": 1.8, "unit": "m"}', "type": "d"},
        {"namespace": "custom", "key": "material", "value": "Velvet", "type": "x"},
        {"namespace": "custom", "key": "look", "value": "gid://shopify/Product/1", "type": "x"},
    ],
}  # fmt: skip
TRENDYOL = {
    "barcode": "1", "title": "Oslo", "stockCode": "S", "salePrice": 20, "listPrice": 20,
    "images": [{"url": "a.jpg"}],
    "attributes": [
        {"attributeId": 1, "attributeName": "Renk", "attributeValueId": 5, "attributeValue": "Gri"},
        {"attributeId": 2, "attributeName": "Genişlik", "attributeValue": "180 cm"},
        {"attributeId": 3, "attributeName": "Materyal", "attributeValue": "Kadife"},
        {"attributeId": 4, "attributeName": "Legs", "attributeValue": "oak, steel"},
    ],
}  # fmt: skip
SHOPWARE = {
    "productNumber": "S", "name": "Oslo", "cover": {"media": {"url": "a.jpg"}},
    "properties": [
        {"id": "f0", "name": "Grau", "group": {"name": "Farbe"}},
        {"id": "f1", "name": "180 cm", "group": {"name": "Breite"}},
        {"id": "f2", "name": "Samt", "group": {"name": "Material"}},
        {"id": "f3", "name": "oak, steel", "group": {"name": "Legs"}},
    ],
}  # fmt: skip
SCHEMA = {
    "@type": "Product", "sku": "S", "name": "Oslo", "image": "a.jpg",
    "additionalProperty": [
        {"@type": "PropertyValue", "name": "color", "value": "grey"},
        {"@type": "PropertyValue", "name": "Width", "value": 1800, "unitCode": "MMT"},
        {"@type": "PropertyValue", "name": "Material", "value": "velvet"},
        {"@type": "PropertyValue", "name": "Legs", "value": "oak, steel"},
    ],
}  # fmt: skip
OWN = {
    "id": "S", "title": "Oslo", "image": "a.jpg",
    "specs": [
        {"label": "Colour", "text": "grey"}, {"label": "Width", "text": "180 cm"},
        {"label": "Fabric", "text": "velvet"}, {"label": "Legs", "text": "oak, steel"},
    ],
}  # fmt: skip


def only(items: list[FeedItem]) -> Product:
    (row,) = rows_of(items)
    assert set_aside_of(items) == []
    return row.product


@pytest.mark.parametrize(
    "record",
    [WOO, MAGENTO, SHOPIFY, TRENDYOL, SHOPWARE, SCHEMA, OWN],
    ids=["WooCommerce", "Magento", "Shopify", "Trendyol", "Shopware", "schema.org", "own"],
)
def test_attributes_of_apis_are_columns_by_their_names(
    read_feed: ReadFeed, record: dict[str, Any]
) -> None:
    product = only(read_feed("api.json", json.dumps({"products": [record]})))
    assert (product.id, product.title) == ("1" if record is MAGENTO else "S", "Oslo")
    told = dict(product.attributes)
    assert told["base_colors"] == ("grey",)
    assert told["base_materials"] == ("velvet", "fabric")
    assert (told["width_cm"], told["legs"]) == (180.0, "oak, steel")
    assert not [
        name
        for name in told
        if name.partition("_")[0]
        in {"attributes", "custom", "metafields", "properties", "specs", "meta", "brand"}
    ]
    assert "url_key" not in told


XML = """\
<urunler><urun><kod>S</kod><ad>Oslo</ad><resim>a.jpg</resim>
<ozellikler><ozellik ad="Renk">Gri</ozellik><ozellik ad="En (mm)">1800</ozellik></ozellikler></urun>
<urun><kod>T</kod><ad>Bergen</ad><resim>b.jpg</resim>
<ozellikler><ozellik ad="Renk">Mavi</ozellik></ozellikler></urun></urunler>
"""
GOOGLE = """\
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>
<item><g:id>S</g:id><g:title>Oslo</g:title><g:image_link>a.jpg</g:image_link>
<g:price>9 EUR</g:price>
<g:product_detail><g:section_name>General</g:section_name><g:attribute_name>Width</g:attribute_name>
<g:attribute_value>180 cm</g:attribute_value></g:product_detail>
<g:product_detail><g:attribute_name>Colour</g:attribute_name>
<g:attribute_value>grey</g:attribute_value></g:product_detail></item>
<item><g:id>T</g:id><g:title>Bergen</g:title><g:image_link>b.jpg</g:image_link>
<g:price>9 EUR</g:price>
</item></channel></rss>
"""


@pytest.mark.parametrize("text", [XML, GOOGLE], ids=["elements with names", "product_detail"])
def test_attributes_of_xml_are_columns_by_their_names(read_feed: ReadFeed, text: str) -> None:
    items = read_feed("feed.xml", text)
    assert set_aside_of(items) == []
    sofa = rows_of(items)[0].product
    assert (sofa.attributes["base_colors"], sofa.attributes["width_cm"]) == (("grey",), 180.0)


def test_a_list_that_each_variant_has_is_its_options_but_for_what_all_agree_on(
    read_feed: ReadFeed,
) -> None:
    def variant(sku: str, colour: str) -> dict[str, Any]:
        listed = [("Renk", colour), ("Genişlik", "180 cm"), ("Beden", "L" if sku == "A" else "")]
        return {
            "sku": sku,
            "price": 20,
            "attributes": [{"attributeName": n, "attributeValue": v} for n, v in listed],
        }

    record = {
        "code": "S", "name": "Oslo", "image": "a.jpg",
        "variants": [variant("A", "Gri"), variant("B", "Mavi")],
    }  # fmt: skip
    product = only(read_feed("api.json", json.dumps([record])))
    assert [(each.id, dict(each.options), each.color) for each in product.variants] == [
        ("A", {"Renk": "Gri", "Beden": "L"}, "Gri"),
        ("B", {"Renk": "Mavi"}, "Mavi"),
    ]
    assert (product.color, product.attributes["width_cm"]) == ("Gri, Mavi", 180.0)


def test_a_value_that_does_not_fit_its_name_is_told_and_costs_nothing_else(
    read_feed: ReadFeed,
) -> None:
    listed = [{"name": "Width", "value": "wide 5 7 9"}, {"name": "Weight", "value": "heavy"}]
    items = read_feed("api.json", json.dumps([{**OWN, "specs": listed}]))
    assert len(rows_of(items)) == 1
    assert {item.column for item in set_aside_of(items)} >= {"Weight"}


def test_map_names_lists_of_other_names(shop: Path) -> None:
    record = {"sku": "S", "name": "Oslo", "image": "a.jpg", "info": [{"k": "Colour", "v": "grey"}]}
    (shop / "api.json").write_text(json.dumps([record]))
    given = ("attribute_name=info.k", "attribute_value=info.v")
    assert only(list(open_feed(shop / "api.json", given=given).items())).color == "grey"


def test_a_feed_names_so_many_attributes_at_most(
    read_feed: ReadFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(named_values, "MOST_NAMES", 2)
    listed = [{"name": name, "value": "x"} for name in ("One", "Two", "Three", "Four")]
    items = read_feed("api.json", json.dumps([{**OWN, "specs": listed}]))
    assert {"one", "two"} == rows_of(items)[0].product.attributes.keys()
    notes = [item.text for item in items if isinstance(item, FeedNote)]
    assert sum("name more than 2 attributes: 'Three' and more" in note for note in notes) == 1


@pytest.mark.parametrize(
    ("columns", "roles"),
    [
        (["reviews.name", "reviews.text"], {}),
        (["attributes.name", "attributes.position"], {}),
        (["attributes.value"], {}),
        (["price.label", "price.value"], {}),
        (
            ["specs.name", "specs.value", "specs.id"],
            {
                "specs.name": "attribute_name",
                "specs.value": "attribute_value",
                "specs.id": "ignore",
            },
        ),
        (
            ["attributes.name", "attributes.terms.name", "attributes.terms.id"],
            {
                "attributes.name": "attribute_name",
                "attributes.terms.name": "attribute_value",
                "attributes.terms.id": "ignore",
            },
        ),
    ],
)
def test_lists_are_told_by_what_they_and_their_members_are_called(
    columns: list[str], roles: dict[str, str]
) -> None:
    found = listed_names(columns)
    assert {name: meaning.role for name, meaning in found.items()} == roles
    assert all(isinstance(meaning, Meaning) for meaning in found.values())


@pytest.mark.parametrize(
    ("names", "values", "units", "expected"),
    [
        (["A", "B"], ["x"], None, {"A": "x"}),
        ("A", "x", None, {"A": "x"}),
        (["A", "A", None, "", 7], ["x", "y", "z", "z", "z"], None, {"A": "x, y"}),
        (
            ["Renk", "RENK ", "Renk", "价格"],
            ["Siyah", "Beyaz", "Siyah", 5],
            None,
            {"Renk": "Siyah, Beyaz", "价格": 5},
        ),
        (["A", "A"], [1.5, 2], None, {"A": "1.5, 2"}),
        (["A", "B", "C"], [1.5, True, None], None, {"A": 1.5, "B": True}),
        (["A", "B"], [80, "80"], ["cm", "MMT"], {"A": "80 cm", "B": "80 mm"}),
        (["A", "B"], ["80 cm", ["x", 2]], ["cm", "cm"], {"A": "80 cm", "B": "x, 2 cm"}),
        (
            ["A", "B"],
            ['{"amount": "5", "currency_code": "EUR"}', "{x"],
            None,
            {"A": "5 EUR", "B": "{x"},
        ),
        (
            ["A", "B"],
            ['{"type": "root", "children": []}', "[" * 100_000],
            None,
            {"B": "[" * 100_000},
        ),
        (None, None, None, {}),
    ],
)
def test_what_a_list_holds(names: Any, values: Any, units: Any, expected: dict[str, Any]) -> None:
    assert named_in(names, values, units) == expected


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("Renk", "color"), ("Kumaş", "material"), ("Width", "width"), ("En x Boy", "dimensions"),
        ("Sitzhöhe", "seat_height"), ("Armlehne Höhe", "attribute"), ("Koli eni", "attribute"),
        ("meta_title", "ignore"), ("url_key", "ignore"), ("Çekmece Sayısı", "drawers"),
    ],
)  # fmt: skip
def test_what_a_name_means(name: str, role: str) -> None:
    assert role_of(name) == role


def test_a_name_that_is_there_twice_keeps_both_values(read_feed: ReadFeed) -> None:
    said = [("Colour", "Grey"), ("Colour", "Black"), ("Depth", "60 cm"), ("Depth", "70 cm")]
    record = {**WOO, "attributes": [{"name": name, "options": [each]} for name, each in said]}
    product = only(read_feed("api.json", json.dumps({"products": [record]})))
    assert product.attributes["base_colors"] == ("grey", "black")
    assert product.attributes["depth_cm"] == 60.0


def test_sizes_that_are_words_and_names_that_are_taken() -> None:
    row = Row(1)
    for name, value in (
        ("Size", "King"),
        ("Width", "0"),
        ("Price", "5"),
        ("价格", "5"),
        ("Legs", 4),
    ):
        set_named(row, name, value, {"price"})
    assert (row.attributes, row.problems) == ({"size": "King", "legs": 4.0}, [])


def test_a_list_has_roles_that_no_column_has(read_feed: ReadFeed) -> None:
    listed = [
        {"name": "Fiyat", "value": "1.299,00 TL"},
        {"name": "Kategori", "value": "Oturma > Koltuk"},
        {"name": "Stok Durumu", "value": "Stokta"},
    ]
    row = {"sku": "S", "title": "Oslo", "image": "a.jpg", "özellikler": listed}
    alone = only(read_feed("feed.json", json.dumps([row])))
    assert (alone.category, alone.attributes["price"]) == ("Koltuk", 1299.0)
    assert (alone.attributes["currency"], alone.attributes["availability"]) == ("TRY", "in stock")
    beside = row | {"price": 999.0, "category": "Sofas"}
    both = only(read_feed("feed.json", json.dumps([beside])))
    assert (both.category, both.attributes["price"]) == ("Sofas", 999.0)
    assert (both.attributes["fiyat"], both.attributes["kategori"]) == (
        "1.299,00 TL",
        "Oturma > Koltuk",
    )
