"""Products of one HTML page, by the first syntax that tells of any.

These are, in order, JSON-LD, microdata, RDFa and OpenGraph.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from furniture_prompter.errors import install_line
from furniture_prompter.feeds.html_page import HtmlPage
from furniture_prompter.feeds.records import Value
from furniture_prompter.feeds.schema_graph import Graph
from furniture_prompter.feeds.structured_data import LIMIT_IMAGES, Fields, records_of
from furniture_prompter.feeds.tolerant_json import UnreadableJsonError, read_json

_OPEN_GRAPH: Final = (
    ("id", ("product:retailer_item_id", "og:product:id", "product:retailer_part_no")),
    ("item_group_id", ("product:item_group_id",)),
    ("name", ("og:title",)),
    ("description", ("og:description",)),
    ("category", ("product:category",)),
    ("brand", ("product:brand", "og:brand")),
    ("color", ("product:color",)),
    ("material", ("product:material",)),
    ("pattern", ("product:pattern",)),
    ("size", ("product:size",)),
    ("offers.price", ("product:price:amount", "og:price:amount")),
    ("offers.salePrice", ("product:sale_price:amount",)),
    ("offers.priceCurrency", ("product:price:currency", "og:price:currency")),
    ("offers.availability", ("product:availability", "og:availability")),
    ("gtin", ("product:ean", "product:gtin", "product:upc", "product:isbn")),
)
_PRODUCT_TYPES: Final = frozenset({"product", "og:product", "product.item", "product.group"})
_IMAGES: Final = ("og:image:secure_url", "og:image", "og:image:url")
# What OpenGraph may add to a page's one product that another syntax describes.
_GAPS: Final = ("name", "description", "image")


class MissingExtractorError(Exception):
    """The page has microdata or RDFa and nothing else; reading that needs the extra `crawl`."""


@dataclass(slots=True)
class PageProducts:
    """What a page sells.

    Attributes:
        records: A record's fields for each product or variant, as
            :data:`furniture_prompter.feeds.structured_data.FIELDS` names them.
        syntax: ``JSON-LD``, ``microdata``, ``RDFa`` or ``OpenGraph``; empty without products.
        listed: Addresses of products that the page lists and does not describe, as it has them.
        unreadable: Line and reason of each block of JSON-LD that cannot be read.
    """

    records: list[Fields] = field(default_factory=list)
    syntax: str = ""
    listed: list[str] = field(default_factory=list)
    unreadable: list[tuple[int, str]] = field(default_factory=list)


def page_products(page: HtmlPage, text: str, address: str) -> PageProducts:
    """The products of a page.

    Args:
        page: What :func:`furniture_prompter.feeds.html_page.read_page` made of `text`.
        text: The page.
        address: Its canonical address, that relative ones are joined to; empty where unknown.

    Raises:
        MissingExtractorError: it may hold products, in a syntax that the extra `crawl` reads.
    """
    base = _joined(address, page.base) if page.base else address
    found = PageProducts()
    syntaxes: tuple[tuple[str, Callable[[], Iterable[Any]]], ...] = (
        ("JSON-LD", lambda: _json_ld(page, found)),
        ("microdata", lambda: _extracted(page, text, base, "microdata")),
        ("RDFa", lambda: _extracted(page, text, base, "rdfa")),
    )
    for syntax, roots in syntaxes:
        graph = Graph(roots())
        things = graph.things()
        found.listed += things.listed
        found.records = [*records_of(graph, things, base)]
        if found.records:
            found.syntax = syntax
            break
    graphed = _open_graph(page, base)
    if not found.records and _sells(page):
        found.records, found.syntax = [graphed], "OpenGraph"
    elif len(found.records) == 1:
        for name in _GAPS:
            if graphed.get(name):
                found.records[0].setdefault(name, graphed[name])
    for record in found.records:
        if address and len(found.records) == 1:
            record.setdefault("url", address)
            record.setdefault("id", urlsplit(address).path.strip("/") or address)
    found.records = [{"@type": "Product", **record} for record in found.records]
    return found


def _json_ld(page: HtmlPage, found: PageProducts) -> list[Any]:
    roots: list[Any] = []
    for block in page.json_ld:
        try:
            roots += read_json(block.text)
        except UnreadableJsonError as error:
            found.unreadable.append((block.line, str(error)))
    return roots


def _extracted(page: HtmlPage, text: str, base: str, syntax: str) -> list[Any]:
    if syntax not in page.markup or "schema.org" not in text:
        return []
    if find_spec("extruct") is None:
        raise MissingExtractorError(install_line("crawl"))
    # Both take a while to import, and most pages have JSON-LD.
    import extruct

    # A page that is broken beyond reading has nothing to tell; the logs of its parsers, neither.
    logging.getLogger("extruct").setLevel(logging.CRITICAL)
    read = extruct.extract(
        text, base_url=base or None, syntaxes=[syntax], uniform=True, errors="ignore"
    )
    return [*read.get(syntax, [])]


def _sells(page: HtmlPage) -> bool:
    return page.meta("og:type").lower() in _PRODUCT_TYPES or bool(
        page.meta("product:price:amount", "og:price:amount") and page.meta("og:title")
    )


def _open_graph(page: HtmlPage, base: str) -> Fields:
    fields: Fields = {}
    for name, metas in _OPEN_GRAPH:
        if text := page.meta(*metas):
            fields[name] = text
    for name in _IMAGES:
        if images := dict.fromkeys(_joined(base, each) for each in page.all_metas(name)):
            shown: list[Value] = [*images]
            fields["image"] = shown[:LIMIT_IMAGES]
            break
    if address := page.meta("og:url"):
        fields["url"] = _joined(base, address)
    return fields


def _joined(base: str, address: str) -> str:
    try:
        return urljoin(base, address)
    except ValueError:
        return address
