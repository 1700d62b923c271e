"""Pages in parts: graphs of schema.org, offers, sizes, ways to a product, and what HTML tells."""

import codecs
import json
from typing import Any

import pytest

from furniture_prompter.feeds import html_page, schema_graph
from furniture_prompter.feeds.html_page import page_text, read_page
from furniture_prompter.feeds.page_products import PageProducts, page_products
from furniture_prompter.feeds.schema_graph import Graph, PageThings, text_of
from furniture_prompter.feeds.structured_data import LIMIT_IMAGES, LIMIT_PROPERTIES

ADDRESS = "https://shop.example/p/oslo"


def read(html: str, address: str = ADDRESS) -> PageProducts:
    return page_products(read_page(html), html, address)


def json_ld(*values: Any) -> str:
    blocks = (each if isinstance(each, str) else json.dumps(each) for each in values)
    return "".join(f'<script type="application/ld+json">{each}</script>' for each in blocks)


def graph_of(*values: Any) -> PageThings:
    return Graph(values).things()


def names_of(things: PageThings) -> list[str]:
    return [text_of(each.get("name")) for each in things.products]


@pytest.mark.parametrize("member", ["mainEntity", "breadcrumb"])
@pytest.mark.parametrize(("steps", "names"), [(40, ["x"]), (41, [])])
def test_references_are_followed_to_a_depth(member: str, steps: int, names: list[str]) -> None:
    pages: list[Any] = [
        {"@id": f"#{n}", "@type": "WebPage", member: {"@id": f"#{n + 1}"}} for n in range(steps)
    ]
    product = {"@id": f"#{steps}", "@type": "Product", "name": "x"}
    # Nobody looks into an organisation for what a page is about, only for what is referred to.
    apart = {"@type": "Organization", "knows": [*pages[1:], product]}
    assert names_of(graph_of(pages[0], apart)) == names


@pytest.mark.parametrize(
    ("depth", "in_lists", "names"),
    [(39, False, ["x"]), (40, False, []), (19, True, ["x"]), (20, True, [])],
)
def test_what_is_nested_deeper_is_left_out(depth: int, *, in_lists: bool, names: list[str]) -> None:
    node: dict[str, Any] = {"@type": "Product", "name": "x"}
    for _ in range(depth):
        node = {"@type": "WebPage", "mainEntity": [node] if in_lists else node}
    assert names_of(graph_of(node)) == names


@pytest.mark.parametrize("member", ["mainEntity", "breadcrumb"])
def test_a_thing_that_refers_to_itself_ends(member: str) -> None:
    page = {"@id": "#p", "@type": "WebPage", "name": "x", member: {"@id": "#p"}}
    assert graph_of(page) == PageThings()


def test_nodes_beyond_the_limit_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each is three: itself, its type and its name.
    products = [{"@type": "Product", "name": str(number)} for number in range(5)]
    for limit, names in ((5, "0"), (6, "01"), (14, "0123"), (15, "01234")):
        monkeypatch.setattr(schema_graph, "LIMIT_NODES", limit)
        assert "".join(names_of(graph_of(products))) == names


def test_a_block_may_be_a_list_of_things() -> None:
    made = [{"@type": "Organization"}, {"@type": "Product", "name": "x", "sku": "1"}]
    assert [record["id"] for record in read(json_ld(made)).records] == ["1"]


@pytest.mark.parametrize(
    ("node", "names", "listed"),
    [
        ({"@type": "Product", "name": "x"}, ["x"], []),
        ({"@type": "http://schema.org/Product", "name": "x"}, ["x"], []),
        ({"@type": " https://www.schema.org/Product", "name": "x"}, ["x"], []),
        ({"@type": ["Thing", "schema:IndividualProduct"], "name": "x"}, ["x"], []),
        ({"@type": "Product", "https://schema.org/name": [{"@value": "x"}]}, ["x"], []),
        ({"@type": "Product", "@context": "c", "@id": "#1", "url": "/p"}, [], ["/p"]),
        ({"@type": "Product", "@id": "#1"}, [], []),
        ({"@type": "Organization", "mainEntity": {"@type": "Product", "name": "x"}}, [], []),
        ({"mainEntity": {"@type": "Product", "name": "x"}}, ["x"], []),
        ({"@type": "Offer", "itemOffered": {"@type": "Product", "name": "x"}}, ["x"], []),
        ({"@type": "WebSite", "isRelatedTo": {"@type": "Product", "name": "x"}}, [], []),
        ({"@type": "ItemList", "itemListElement": ["/1", {"name": "y"}, "/2"]}, [], ["/1", "/2"]),
        ({"@type": "ListItem", "url": "/1", "item": "/2"}, [], ["/1", "/2"]),
        ({"@type": "WebPage", "url": "/1", "item": "/2"}, [], []),
    ],
)
def test_what_a_page_is_about(node: dict[str, Any], names: list[str], listed: list[str]) -> None:
    things = graph_of(node)
    assert (names_of(things), things.listed) == (names, listed)


def test_a_thing_is_counted_once_and_two_blocks_of_it_are_put_together() -> None:
    first = {"@id": "#a", "@type": "Product", "name": "x"}
    second = {"@id": "#a", "@type": "Product", "name": "y", "color": "grey"}
    graph = Graph([first, second, {"@type": "WebPage", "mainEntity": {"@id": "#a"}}])
    assert graph.resolve({"@id": "#a"}) == {**first, "color": "grey"}
    assert graph.resolve({"@id": "#a", "@type": "Product"}) == graph.resolve({"@id": "#a"})
    assert graph.resolve({"@id": "#a", "name": "own"}) == {"@id": "#a", "name": "own"}
    assert graph.resolve({"@id": "#b", "@type": "Offer"}) == {"@id": "#b", "@type": "Offer"}
    other = {"@type": "Product", "name": "z"}
    assert names_of(graph_of([{"@id": "#a"}, {"@id": "#a"}, other], first)) == ["x", "z"]


@pytest.mark.parametrize(
    ("elements", "breadcrumb"),
    [
        ([{"position": 2, "name": "B"}, {"position": 1, "name": "A"}], [("A", ""), ("B", "")]),
        ([{"position": "10", "name": "B"}, {"position": "9", "name": "A"}], [("A", ""), ("B", "")]),
        # Without positions their order counts, the first being 1.
        ([{"name": "A"}, {"position": 1.5, "name": "B"}], [("A", ""), ("B", "")]),
        ([{"position": 1.5, "name": "B"}, {"name": "C"}], [("B", ""), ("C", "")]),
        ([{"name": "A", "item": "/a"}], [("A", "/a")]),
        ([{"name": "A", "url": "/u", "item": {"name": "x"}}], [("A", "/u")]),
        ([{"item": {"@id": "/i", "url": "/u", "name": "A"}}], [("A", "/i")]),
        ([{"item": {"url": "/u", "name": "A"}, "url": "/e"}], [("A", "/u")]),
        ([{"item": "/a"}], []),
    ],
)
def test_the_steps_of_a_breadcrumb(elements: list[Any], breadcrumb: list[Any]) -> None:
    node = {"@type": "BreadcrumbList", "itemListElement": elements}
    assert graph_of({"@type": "WebPage", "breadcrumb": node}).breadcrumb == breadcrumb
    assert graph_of([node, {"@type": "BreadcrumbList", "name": "x"}]).breadcrumb == breadcrumb


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((None, ""), (" a &amp; b ", "a & b"), (0, "0"), (2.5, "2.5"), (False, ""), (True, "")),
        *(([None, "", " ", "b", "c"], "b"), ({"name": "n", "url": "u"}, "n"), ({"value": 3}, "3")),
        *(({"url": "u"}, "u"), ({"@id": "http://x"}, "http://x"), ({"@id": "#x"}, "")),
        *(({"name": {"name": "inner"}}, "inner"), ([{"@id": "#x"}, "b"], "b")),
    ],
)
def test_the_words_of_a_value(value: Any, text: str) -> None:
    assert text_of(value) == text


def fields_of(**members: Any) -> dict[str, Any]:
    return dict(read(json_ld({"@type": "Product", "name": "x", **members})).records[0])


@pytest.mark.parametrize(
    ("offers", "price", "sale", "currency", "availability"),
    [
        ({"price": 5}, "5", None, None, None),
        ({"lowPrice": 4, "highPrice": 9, "priceCurrency": "EUR"}, "4", None, "EUR", None),
        ({"availability": "https://schema.org/SoldOut/"}, None, None, None, "SoldOut"),
        ([{"price": 9}, {"price": "7,50"}, {"price": "8"}], "7,50", None, None, None),
        ([{"price": "ask"}, {"price": "8"}], "8", None, None, None),
        ([{"price": "1,299.00"}, {"price": "inf"}, {"price": "9999"}], "9999", None, None, None),
        (
            [{"price": 3, "availability": "OutOfStock"}, {"price": 4, "availability": "InStock"}],
            *("4", None, None, "InStock"),
        ),
        (
            [{"price": 3, "availability": "Discontinued"}, {"price": 4}],
            *("4", None, None, "Discontinued"),
        ),
        (
            {"priceSpecification": [{"price": 9, "priceType": "SRP"}, {"minPrice": 7}]},
            *("9", "7", None, None),
        ),
        (
            {"priceSpecification": [{"price": 7, "priceType": "SRP"}, {"price": 7}]},
            *("7", None, None, None),
        ),
        (
            {"priceSpecification": {"price": 9, "priceType": "ListPrice", "priceCurrency": "TRY"}},
            *("9", None, "TRY", None),
        ),
        (
            {"price": 7, "priceSpecification": {"price": 5, "priceType": "SRP"}},
            *("7", None, None, None),
        ),
        (
            {"price": 5, "priceSpecification": [{"price": 9, "priceType": "x"}]},
            *("5", None, None, None),
        ),
        (
            {"price": 5, "priceSpecification": [{"price": n, "priceType": "MSRP"} for n in (9, 8)]},
            *("9", "5", None, None),
        ),
        ({"@type": "AggregateOffer", "lowPrice": 6, "offers": [{"price": 7}]}, "6") + (None,) * 3,
    ],
)
def test_of_offers_what_a_person_would_pay(
    offers: Any,
    price: str | None,
    sale: str | None,
    currency: str | None,
    availability: str | None,
) -> None:
    told = fields_of(offers=offers)
    names = ("price", "salePrice", "priceCurrency", "availability")
    found = tuple(told.get(f"offers.{name}") for name in names)
    assert found == (price, sale, currency, availability)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"width": {"value": 80, "unitCode": "cmt"}}, {"width": "80 cm"}),
        ({"width": {"value": 80, "unitText": "inch", "unitCode": "CMT"}}, {"width": "80 inch"}),
        ({"width": {"minValue": 70, "maxValue": 90}}, {"width": "70"}),
        ({"width": "80 cm"}, {"width": "80 cm"}),
        ({"width": [{}, {"name": "wide"}, {"value": 3}]}, {"width": "wide"}),
        ({"width": {}}, {}),
        ({"color": ["grey", {"name": "blue"}, ""]}, {"color": ["grey", "blue"]}),
        ({"color": ["grey"]}, {"color": "grey"}),
        ({"gtin13": "1", "gtin": "", "mpn": "M"}, {"gtin": "1", "mpn": "M", "id": "M"}),
        ({"productID": "P", "mpn": "M"}, {"productID": "P", "mpn": "M", "id": "P"}),
        ({"ean": "1"}, {"gtin": "1", "id": "1"}),
        ({"url": "/q?x=1"}, {"url": "https://shop.example/q?x=1", "id": "q?x=1"}),
        ({"url": "https://[bad"}, {}),
        ({"url": "/" + "q" * 201}, {"url": f"https://shop.example/{'q' * 201}", "id": "q" * 200}),
        ({"image": ["data:x", "/a.jpg", "/a.jpg"]}, {"image": ["https://shop.example/a.jpg"]}),
        ({"photo": {"thumbnailUrl": "/t.jpg"}}, {"image": ["https://shop.example/t.jpg"]}),
        ({"category": "https://schema.org/x"}, {}),
        ({"category": "Sofas"}, {"category": "Sofas"}),
        (
            {"isVariantOf": {"productGroupID": "G", "name": "Oslo"}},
            {"item_group_id": "G", "group_name": "Oslo"},
        ),
        ({"inProductGroupWithID": "G"}, {"item_group_id": "G"}),
        (
            {"additionalProperty": [{"name": "Legs", "value": 4}, {"name": "Empty"}, {"value": 1}]},
            {"Legs": "4"},
        ),
        ({"width": "80", "additionalProperty": [{"name": "width", "value": 9}]}, {"width": "80"}),
        ({"additionalProperty": [{"name": "Width", "value": 9}]}, {}),
    ],
)
def test_what_a_product_says_of_itself(members: Any, expected: dict[str, Any]) -> None:
    told = fields_of(**members)
    plain = {"@type": "Product", "name": "x", "id": "p/oslo", "url": ADDRESS}
    assert told == {**plain, **expected}


def test_images_and_properties_are_limited() -> None:
    assert (LIMIT_IMAGES, LIMIT_PROPERTIES) == (64, 50)
    images = [f"/{number}.jpg" for number in range(LIMIT_IMAGES + 1)]
    properties = [{"name": f"n{n}", "value": n} for n in range(LIMIT_PROPERTIES + 1)]
    told = fields_of(image=images, additionalProperty=properties)
    assert told["image"][-1] == f"https://shop.example/{LIMIT_IMAGES - 1}.jpg"
    assert f"n{LIMIT_PROPERTIES - 1}" in told
    assert f"n{LIMIT_PROPERTIES}" not in told


@pytest.mark.parametrize(
    ("members", "ids"),
    [
        # Its variants are pages of their own: nothing, or the group where it names none.
        ({"hasVariant": [{"url": "/a"}, {"@id": "#b"}]}, []),
        ({}, ["G"]),
        ({"hasVariant": [{"url": "/a"}, {"sku": "B"}]}, ["B"]),
        ({"hasVariant": [{"url": "/a"}], "offers": {"price": 5}}, ["G"]),
    ],
)
def test_a_group_without_described_variants(members: Any, ids: list[str]) -> None:
    group = {"@type": "ProductGroup", "sku": "G", "name": "Oslo", **members}
    assert [record["id"] for record in read(json_ld(group)).records] == ids


def test_a_variant_has_no_number_of_its_group() -> None:
    group = {
        "@type": "ProductGroup",
        "sku": "G",
        "mpn": "M",
        "name": "Oslo",
        "color": "grey",
        "hasVariant": [{"gtin": "1", "name": "Oslo L"}],
    }
    (record,) = read(json_ld(group)).records
    assert (record["id"], record["color"], record["item_group_id"]) == ("1", "grey", "G")
    assert "mpn" not in record
    alone = {"@type": "Product", "sku": "A", "name": "x", "hasVariant": [{"url": "/a"}]}
    assert [each["id"] for each in read(json_ld(alone)).records] == ["A"]


@pytest.mark.parametrize(
    ("product", "ids", "groups"),
    [
        ({"sku": "X"}, ["S1", "S2"], {"X"}),
        ({"productGroupID": "G", "sku": "X"}, ["S1", "S2"], {"G"}),
        ({"sku": "S2"}, ["S1", "S2"], {ADDRESS}),
    ],
)
def test_offers_of_several_skus_share_a_group(
    product: dict[str, Any], ids: list[str], groups: set[str]
) -> None:
    offers = [{"sku": "S1", "price": 1, "color": "red"}, {"sku": "S2", "price": 2}]
    made = {"@type": "Product", "name": "Oslo", "color": "blue", **product, "offers": offers}
    records = read(json_ld(made)).records
    assert [record["id"] for record in records] == ids
    assert {record["item_group_id"] for record in records} == groups
    assert [record["color"] for record in records] == ["red", "blue"]
    assert {record["group_name"] for record in records} == {"Oslo"}


@pytest.mark.parametrize(
    "offers",
    [
        [{"sku": "S1", "price": 1}, {"sku": "S1", "price": 2}],
        [{"sku": "S1", "price": 1}, {"price": 2}],
        [{"sku": "S1", "price": 1}],
    ],
)
def test_offers_without_skus_of_their_own_are_no_variants(offers: list[Any]) -> None:
    (record,) = read(json_ld({"@type": "Product", "name": "x", "offers": offers})).records
    assert (record["offers.price"], "item_group_id" in record) == ("1", False)


@pytest.mark.parametrize(
    ("steps", "category"),
    [
        ([("Home", "/"), ("Sofas", "/s"), ("X", "/x")], "Sofas"),
        ([("Shop", "https://shop.example/"), ("Sofas", "/s")], "Sofas"),
        ([("Nord", "https://shop.example/"), ("Sofas", "/s")], "Sofas"),
        ([("Nord", "https://shop.example/nord"), ("Sofas", "")], "Nord > Sofas"),
        ([("x", "")], None),
        ([("Zoo", "/z")], "Zoo"),
    ],
)
def test_the_way_to_a_product(steps: list[tuple[str, str]], category: str | None) -> None:
    crumbs = {
        "@type": "BreadcrumbList",
        "itemListElement": [{"name": name, "item": address} for name, address in steps],
    }
    record = read(json_ld([crumbs, {"@type": "Product", "name": "x", "sku": "1"}])).records[0]
    assert record.get("category") == category


def test_the_pages_address_is_a_products_where_it_is_the_only_one() -> None:
    one, two = ({"@type": "Product", "name": name, "sku": name} for name in "ab")
    assert [record["url"] for record in read(json_ld(one)).records] == [ADDRESS]
    assert ["url" in record for record in read(json_ld(one, two)).records] == [False, False]


def test_what_a_page_tells_of_itself() -> None:
    page = read_page(
        "<title> Oslo &amp;\n Co </title><title>Other</title>"
        "<base href=' /b '><base href=/c><link rel=canonical href=/p><link rel=canonical href=/q>"
        "<meta property=OG:Title name=x content=' T '><meta name=og:title content=U><meta name=e>"
        "<a href=/1 rel='NoFollow x'>1</a><a>2</a><link rel=next href=/2><link rel=icon href=/3>"
        "<svg><title/></svg><div itemscope></div><p typeof=x></p>"
        "<script type='application/LD+json; charset=x'>{}</script><script>1</script>\n"
        "<script type=application/ld+json>[1]</script>"
    )
    assert (page.title, page.base, page.canonical) == ("Oslo & Co", "/b", "/p")
    assert page.metas == [("og:title", "T"), ("og:title", "U"), ("e", "")]
    assert (page.meta("e", "og:title"), page.all_metas("og:title")) == ("T", ["T", "U"])
    assert (page.meta("e"), page.all_metas("e")) == ("", [])
    assert [(link.address, sorted(link.rel)) for link in page.links] == [
        ("/1", ["nofollow", "x"]),
        ("/2", ["next"]),
    ]
    assert [(block.line, block.text) for block in page.json_ld] == [(2, "{}"), (3, "[1]")]
    assert page.markup == {"microdata", "rdfa"}


def test_links_and_blocks_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_page, "LIMIT_LINKS", 2)
    monkeypatch.setattr(html_page, "LIMIT_BLOCKS", 2)
    page = read_page("<a href=/1></a>" * 3 + json_ld(*"123"))
    assert (len(page.links), [block.text for block in page.json_ld]) == (2, ["1", "2"])


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (codecs.BOM_UTF16_LE + "şık".encode("utf-16-le"), "şık"),
        (codecs.BOM_UTF16_BE + "şık".encode("utf-16-be"), "şık"),
        (codecs.BOM_UTF8 + b"\xff", "\ufffd"),
        ("<meta charset='windows-1251'>стул".encode("cp1251"), "<meta charset='windows-1251'>стул"),
        (b"<meta charset=klingon>" + "ağaç".encode("cp1254"), "<meta charset=klingon>ağaç"),
        (b"<meta charset=utf-8>" + "ağaç".encode("cp1254"), "<meta charset=utf-8>ağaç"),
        (
            b"<meta charset=iso-8859-1>" + "ışıklı ağaç".encode("cp1254"),
            "<meta charset=iso-8859-1>ışıklı ağaç",
        ),
        (
            b"<!--".ljust(4_096) + b"charset=windows-1251 " + "ağaç işi".encode("cp1254"),
            "<!--".ljust(4_096) + "charset=windows-1251 ağaç işi",
        ),
    ],
)
def test_the_encoding_of_a_page(data: bytes, text: str) -> None:
    assert page_text(data) == text
