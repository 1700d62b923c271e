"""schema.org pages: the same products whatever the syntax, and whatever is wrong with the JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.domain import FeedRow, SetAside
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.html_page import page_text, read_page
from furniture_prompter.feeds.opening import open_feed
from furniture_prompter.feeds.page_products import PageProducts, page_products
from furniture_prompter.feeds.records import Record
from furniture_prompter.feeds.saved_page import html_records
from furniture_prompter.feeds.tolerant_json import UnreadableJsonError, read_json

ADDRESS = "https://shop.example/p/oslo"


def read(html: str, address: str = ADDRESS) -> PageProducts:
    return page_products(read_page(html), html, address)


def json_ld(*values: Any) -> str:
    blocks = (each if isinstance(each, str) else json.dumps(each) for each in values)
    return "".join(f'<script type="application/ld+json">{each}</script>' for each in blocks)


PRODUCT = {
    "@context": "https://schema.org",
    "@type": "Product",
    "sku": "O-1",
    "name": "Oslo &amp; Co stool",
    "image": ["/a.jpg", {"@type": "ImageObject", "contentUrl": "https://cdn.example/b.jpg"}],
    "brand": {"@type": "Brand", "name": "Nord"},
    "color": "grey",
    "width": {"@type": "QuantitativeValue", "value": 40.5, "unitCode": "CMT"},
    "offers": {"@type": "Offer", "price": "1.299,00", "priceCurrency": "TRY"},
}


def test_a_product_of_json_ld_is_a_record() -> None:
    found = read(json_ld(PRODUCT))
    assert found.syntax == "JSON-LD"
    assert found.records == [
        {
            "@type": "Product",
            "id": "O-1",
            "name": "Oslo & Co stool",
            "brand": "Nord",
            "image": ["https://shop.example/a.jpg", "https://cdn.example/b.jpg"],
            "color": "grey",
            "offers.price": "1.299,00",
            "offers.priceCurrency": "TRY",
            "width": "40.5 cm",
            "url": ADDRESS,
            "sku": "O-1",
        }
    ]


@pytest.mark.parametrize(
    "html",
    [
        (
            "<div itemscope itemtype='http://schema.org/Product'><b itemprop=name>Stool</b>"
            "<img itemprop=image src=/a.jpg><meta itemprop=sku content=7>"
            "<p itemprop=offers itemscope itemtype='http://schema.org/Offer'>"
            "<meta itemprop=price content=12.5><link itemprop=availability "
            "href='https://schema.org/InStock'></p></div>"
        ),
        (
            "<div vocab='http://schema.org/' typeof=Product><b property=name>Stool</b>"
            "<img property=image src=/a.jpg><meta property=sku content=7>"
            "<p property=offers typeof=Offer><meta property=price content=12.5>"
            "<link property=availability href='http://schema.org/InStock'></p></div>"
        ),
    ],
    ids=["microdata", "RDFa"],
)
def test_microdata_and_rdfa_tell_the_same(html: str) -> None:
    found = read(html)
    assert found.records[0] == {
        "@type": "Product",
        "id": "7",
        "name": "Stool",
        "image": ["https://shop.example/a.jpg"],
        "offers.price": "12.5",
        "offers.availability": "InStock",
        "url": ADDRESS,
        "sku": "7",
    }


def test_open_graph_comes_last_and_fills_the_gaps_of_one_product() -> None:
    metas = (
        "<meta property=og:type content=product><meta property=og:title content='Oslo'>"
        "<meta property=og:image content=/og.jpg><meta property=product:price:amount content=9>"
    )
    alone = read(metas)
    assert (alone.syntax, alone.records[0]["id"]) == ("OpenGraph", "p/oslo")
    assert alone.records[0]["offers.price"] == "9"
    beside = read(metas + json_ld({"@type": "Product", "sku": "1", "name": "Stool"}))
    assert beside.records[0]["name"] == "Stool"
    assert beside.records[0]["image"] == ["https://shop.example/og.jpg"]
    assert "offers.price" not in beside.records[0]


def test_a_group_is_a_record_for_each_variant() -> None:
    group = {
        "@type": "ProductGroup",
        "productGroupID": "G",
        "name": "Oslo",
        "material": "oak",
        "variesBy": ["https://schema.org/color"],
        "hasVariant": [
            {"@type": "Product", "sku": "A", "name": "Oslo grey", "color": "grey"},
            {"@type": "Product", "sku": "B", "color": "blue", "offers": {"@id": "#o"}},
            {"@type": "Product", "url": "/p/c"},
        ],
    }
    offer = {"@id": "#o", "@type": "Offer", "price": 5, "priceCurrency": "EUR"}
    first, second = read(json_ld(group, offer)).records
    assert (first["id"], first["item_group_id"], first["name"]) == ("A", "G", "Oslo grey")
    assert (second["id"], second["group_name"], second["name"]) == ("B", "Oslo", "Oslo")
    assert second["material"] == "oak"
    assert second["offers.price"] == "5"


def test_offers_with_skus_of_their_own_are_variants() -> None:
    offers = [
        {"@type": "Offer", "sku": sku, "price": price, "url": f"{ADDRESS}?variant={sku}"}
        for sku, price in (("S1", 10), ("S2", 20))
    ]
    records = read(json_ld({"@type": "Product", "name": "Oslo", "sku": "S1", "offers": offers}))
    assert [(r["id"], r["offers.price"]) for r in records.records] == [("S1", "10"), ("S2", "20")]
    assert {r["item_group_id"] for r in records.records} == {ADDRESS}


def test_of_prices_the_struck_through_one_is_the_regular_one() -> None:
    offer = {
        "price": "79",
        "priceSpecification": [
            {"price": "99", "priceType": "https://schema.org/StrikethroughPrice"},
            {"price": "79"},
        ],
    }
    record = read(json_ld({"@type": "Product", "name": "x", "offers": offer})).records[0]
    assert (record["offers.price"], record["offers.salePrice"]) == ("99", "79")


def test_of_several_offers_the_cheapest_in_stock_counts() -> None:
    offers = {
        "@type": "AggregateOffer",
        "lowPrice": 1,
        "availability": "http://schema.org/OutOfStock",
        "offers": [
            {"price": 30, "availability": "http://schema.org/InStock"},
            {"price": 20, "availability": "http://schema.org/InStock"},
            {"price": 10, "availability": "http://schema.org/SoldOut"},
        ],
    }
    record = read(json_ld({"@type": "Product", "name": "x", "offers": offers})).records[0]
    assert (record["offers.price"], record["offers.availability"]) == ("20", "InStock")


def test_the_breadcrumb_is_the_category_without_home_and_the_product() -> None:
    steps = [("Ana Sayfa", "https://shop.example/"), ("Mobilya", ""), ("Tabure", ""), ("Oslo", "")]
    crumbs = {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": n, "item": {"@id": address, "name": name}}
            for n, (name, address) in reversed([*enumerate(steps)])
        ],
    }
    graph = {"@graph": [crumbs, {"@type": ["Product"], "name": "Oslo", "category": "x"}]}
    assert read(json_ld(graph)).records[0]["category"] == "Mobilya > Tabure"


def test_what_else_one_may_buy_is_no_product_of_the_page() -> None:
    other = {"@type": "Product", "name": "Other", "sku": "2"}
    page = {
        "@type": "ItemPage",
        "mainEntity": {**PRODUCT, "isRelatedTo": other, "isSimilarTo": [other]},
    }
    assert [r["id"] for r in read(json_ld(page)).records] == ["O-1"]


def test_a_list_tells_where_products_are() -> None:
    listed = {
        "@type": "ItemList",
        "itemListElement": [
            {"@type": "ListItem", "position": 1, "url": "/p/1"},
            {"@type": "ListItem", "position": 2, "item": {"@type": "Product", "url": "/p/2"}},
            {"@type": "ListItem", "position": 3, "item": {**PRODUCT, "url": "/p/3"}},
        ],
    }
    found = read(json_ld(listed))
    assert found.listed == ["/p/1", "/p/2"]
    assert [r["url"] for r in found.records] == ["https://shop.example/p/3"]


def test_properties_of_the_shop_keep_their_names_and_take_no_known_place() -> None:
    properties = [
        {"@type": "PropertyValue", "name": "Oturma yüksekliği", "value": 45, "unitCode": "CMT"},
        {"@type": "PropertyValue", "name": "Name", "value": "no"},
        {"@type": "PropertyValue", "name": "height", "value": "80 cm"},
    ]
    record = read(json_ld({**PRODUCT, "additionalProperty": properties})).records[0]
    assert record["Oturma yüksekliği"] == "45 cm"
    assert record["name"] == "Oslo & Co stool"
    assert record["height"] == "80 cm"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('{"a": 1}', [{"a": 1}]),
        ('{"a": [1, 2,], }', [{"a": [1, 2]}]),
        ('{"a": 1,, "b": 2}', [{"a": 1, "b": 2}]),
        ('// x, "y"\n{"a": "http://b//c" /* d */}', [{"a": "http://b//c"}]),
        ('<!-- {"a": "x\ny\tz"} -->', [{"a": "x\ny\tz"}]),
        ('/*<![CDATA[*/{"a": 1};/*]]>*/', [{"a": 1}]),
        ('{"a": 1} {"b": 2}\n[3]', [{"a": 1}, {"b": 2}, [3]]),
        ("{&quot;a&quot;: &quot;b&quot;}", [{"a": "b"}]),
        (r'{"a": "it\'s \x"}', [{"a": "it's x"}]),
        ('{"a": NaN}', [{"a": None}]),
        ("\ufeff ", []),
    ],
)
def test_json_that_pages_have_is_read(text: str, values: list[Any]) -> None:
    assert read_json(text) == values


@pytest.mark.parametrize("text", ['{"a": "b', "{a: 1}", "[" * 100_000, '{"a": "b" "c"}'])
def test_json_that_is_none_says_where_it_breaks(text: str) -> None:
    with pytest.raises(UnreadableJsonError, match=r"line|deeply"):
        read_json(text)


def test_a_broken_block_costs_itself_alone() -> None:
    found = read(json_ld(PRODUCT, '{"@type": "Product", oops'))
    assert len(found.records) == 1
    assert found.unreadable[0][0] == 1


def test_pages_of_turkish_code_pages_are_read() -> None:
    text = "<meta charset=windows-1254><p>Ahşap sandalye, ışıltılı çiçek, yağlı boya</p>"
    assert page_text(text.encode("cp1254")) == text
    assert page_text("\ufeffığş".encode()) == "ığş"


def test_a_saved_page_is_indexed_like_any_feed(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        f"<!doctype html><html><head><link rel=canonical href={ADDRESS}>"
        f"{json_ld(PRODUCT, '{broken')}</head></html>",
        "utf-8",
    )
    source = html_records(page)
    assert source.format == "HTML page, JSON-LD"
    assert source.columns()[:3] == ("@type", "id", "name")
    aside, record = source.records()
    assert isinstance(aside, SetAside)
    assert aside.hides_ids
    assert isinstance(record, Record)
    feed = open_feed(page, address_path=lambda address: Path("/photos") / address[-5:])
    row = next(item for item in feed.items() if isinstance(item, FeedRow))
    assert row.product.title == "Oslo & Co stool"
    assert row.product.attributes["width_cm"] == 40.5
    assert row.product.attributes["currency"] == "TRY"
    assert len(row.addresses) == 2


def test_a_page_without_products_says_what_to_give(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<html><p>hello", "utf-8")
    with pytest.raises(InvalidFeedError, match="tells of no product"):
        html_records(page).columns()
