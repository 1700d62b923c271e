"""Products of schema.org pages as records: what shops write for search engines, in one naming.

:data:`FIELDS` names the columns. A product that is sold in several forms, be it a ``ProductGroup``
or offers with their own SKUs, is a record for each form, with ``item_group_id`` in common.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from furniture_prompter.feeds.records import Value
from furniture_prompter.feeds.schema_graph import (
    GROUP,
    Graph,
    Node,
    PageThings,
    as_list,
    text_of,
    types_of,
)

FIELDS: Final = (
    "@type",  # Product, by which the layout is known
    "id",  # the first of sku, productID, mpn, gtin that the page gives; its address without any
    "item_group_id",  # what variants of one product share
    "group_name",  # the product's name where `name` is a variant's
    "name",
    "description",
    "category",  # the way to it, "Furniture > Sofas"
    "brand",
    "image",  # a list of addresses
    "color",
    "material",
    "pattern",
    "size",
    "offers.price",  # before a reduction, where there is one
    "offers.salePrice",
    "offers.priceCurrency",
    "offers.availability",  # InStock, OutOfStock, PreOrder, BackOrder, Discontinued …
    "width",  # with its unit, "180 cm", as all sizes
    "depth",
    "height",
    "weight",
    "url",
    "sku",
    "productID",
    "mpn",
    "gtin",
)
"""Columns of a record, of which it has those that the page tells; the shop's own follow."""

Fields = dict[str, Value]

_PLAIN: Final = ("color", "material", "pattern", "size", "brand")
_SIZES: Final = ("width", "depth", "height", "weight")
_GTINS: Final = ("gtin", "gtin13", "gtin14", "gtin12", "gtin8", "isbn", "ean")
_INHERITED: Final = (
    *("name", "description", "category", "brand", "image", "color", "material", "pattern", "size"),
    *(*_SIZES, "url", "additionalProperty", "offers"),
)
# UN/CEFACT common codes, as schema.org's unitCode has them.
_UNITS: Final = {
    "CMT": "cm", "MMT": "mm", "MTR": "m", "INH": "in", "FOT": "ft",
    "KGM": "kg", "GRM": "g", "LBR": "lb", "ONZ": "oz",
}  # fmt: skip
_HOME: Final = frozenset(
    {"home", "home page", "homepage", "start", "anasayfa", "ana sayfa", "startseite", "accueil"}
    | {"inicio", "main", "shop", "mağaza"}
)
_STRUCK: Final = frozenset({"ListPrice", "StrikethroughPrice", "SRP", "MSRP"})
LIMIT_IMAGES: Final = 64
LIMIT_PROPERTIES: Final = 50


def records_of(graph: Graph, things: PageThings, address: str) -> Iterator[Fields]:
    """The records of a page's products.

    Args:
        graph: The page's nodes.
        things: What of them is for sale.
        address: The page's canonical address, that relative ones are joined to; may be empty.
    """
    for product in things.products:
        category = _category(product, things.breadcrumb)
        alone = len(things.products) == 1
        for fields in _forms(graph, product, address if alone else "", address):
            if category:
                fields["category"] = category
            ordered: Fields = {name: fields[name] for name in FIELDS if name in fields}
            yield {**ordered, **fields}


def _forms(graph: Graph, product: Node, own: str, base: str) -> Iterator[Fields]:
    """A record for each form of a product; `own` is its address where the page is its own."""
    whole = _fields(graph, product, own, base)
    variants = [
        variant
        for variant in graph.nodes(product.get("hasVariant"))
        if set(variant) - {"@id", "@type", "url"}
    ]
    if variants:
        group = _first(product, "productGroupID", "sku", "productID") or _text(whole, "id")
        for variant in variants:
            # A variant is told by what is its own, and by its product where it says nothing.
            inherited = {
                name: value
                for name, value in product.items()
                if name in _INHERITED and name not in variant
            }
            fields = _fields(graph, {**inherited, **variant}, own, base)
            yield _in_group(fields, group, _text(whole, "name"))
        return
    if GROUP in types_of(product) and not product.get("offers"):
        # Its variants are pages of their own, which describe them.
        if not product.get("hasVariant"):
            yield whole
        return
    offers = [
        offer
        for offer in graph.nodes(product.get("offers"))
        for offer in ([offer] if "offers" not in offer else [*graph.nodes(offer["offers"])])
    ]
    skus = [_first(offer, "sku", "mpn", *_GTINS) for offer in offers]
    if len(offers) > 1 and all(skus) and len(set(skus)) == len(skus):
        identifier = _text(whole, "id")
        group = _first(product, "productGroupID", "productID") or (
            identifier if identifier not in skus else _text(whole, "url") or identifier
        )
        for offer in offers:
            of_offer = {
                name: offer[name]
                for name in (*_PLAIN, *_GTINS, "name", "image", "url", "sku", "mpn")
                if offer.get(name)
            }
            identifiers = {"sku", "productID", "mpn", *_GTINS}
            shared = {name: each for name, each in product.items() if name not in identifiers}
            form = {**shared, **of_offer, "offers": offer}
            yield _in_group(_fields(graph, form, own, base), group, _text(whole, "name"))
        return
    yield whole


def _in_group(fields: Fields, group: str, name: str) -> Fields:
    fields["item_group_id"] = group
    if name:
        fields["group_name"] = name
    return fields


def _fields(graph: Graph, node: Node, own: str, base: str) -> Fields:
    fields: Fields = {}
    for name in ("sku", "productID", "mpn"):
        if text := _first(node, name):
            fields[name] = text
    if gtin := _first(node, *_GTINS):
        fields["gtin"] = gtin
    address = _joined(base, _first(node, "url")) or own
    if address:
        fields["url"] = address
    identifier = next(
        (str(fields[n]) for n in ("sku", "productID", "mpn", "gtin") if n in fields), ""
    )
    if identifier or address:
        fields["id"] = identifier or _path(address)
    for name in ("name", "description"):
        if text := text_of(node.get(name)):
            fields[name] = text
    for name in _PLAIN:
        texts = [text for each in as_list(node.get(name)) if (text := text_of(graph.resolve(each)))]
        if texts:
            fields[name] = texts[0] if len(texts) == 1 else [*texts]
    if images := _images(graph, node, base):
        fields["image"] = [*images]
    for name in _SIZES:
        if quantity := _quantity(graph, node.get(name)):
            fields[name] = quantity
    fields.update(_offer_fields(graph, node))
    for each in graph.nodes(node.get("isVariantOf")):
        if group := _first(each, "productGroupID", "sku", "@id", "url"):
            _in_group(fields, group, text_of(each.get("name")))
    if group := _first(node, "inProductGroupWithID"):
        fields["item_group_id"] = group
    _add_properties(graph, node, fields)
    return fields


def _offer_fields(graph: Graph, node: Node) -> Fields:
    offers: list[Node] = []
    for offer in graph.nodes(node.get("offers")):
        offers += [*graph.nodes(offer["offers"])] if "offers" in offer else []
        offers.append(offer)
    priced = [(found, offer) for offer in offers if (found := _price(graph, offer))]
    told = next((text for each in offers if (text := _first(each, "availability"))), "")
    if not priced:
        return {"offers.availability": _bare(told)} if told else {}
    # Of several sellers' offers the one that a person can take, and of those the lowest.
    (price, currency, listed), offer = min(
        priced, key=lambda each: (not _in_stock(each[1]), _amount(each[0][0]))
    )
    fields: Fields = {"offers.price": price}
    if listed and _amount(listed) > _amount(price):
        fields |= {"offers.price": listed, "offers.salePrice": price}
    if currency:
        fields["offers.priceCurrency"] = currency
    if told := _first(offer, "availability") or told:
        fields["offers.availability"] = _bare(told)
    return fields


def _price(graph: Graph, offer: Node) -> tuple[str, str, str] | None:
    """Price, currency and, where it is reduced, the price before that."""
    price = _first(offer, "price", "lowPrice")
    currency, listed = _first(offer, "priceCurrency"), ""
    for each in graph.nodes(offer.get("priceSpecification")):
        text = _first(each, "price", "minPrice")
        if _STRUCK & {_bare(_first(each, "priceType"))}:
            listed = listed or text
        else:
            price = price or text
        currency = currency or _first(each, "priceCurrency")
    price, listed = price or listed, listed if price else ""
    return (price, currency, listed) if price else None


def _quantity(graph: Graph, value: Any) -> str:
    for each in as_list(graph.resolve(value)):
        node = graph.resolve(each)
        if not isinstance(node, dict):
            return text_of(node)
        number = _first(node, "value", "minValue", "maxValue")
        unit = _first(node, "unitText") or _first(node, "unitCode")
        if number:
            return f"{number} {_UNITS.get(unit.upper(), unit)}".strip()
        if name := text_of(node.get("name")):
            return name
    return ""


def _images(graph: Graph, node: Node, base: str) -> list[str]:
    found: dict[str, None] = {}
    for name in ("image", "photo", "images"):
        for each in as_list(node.get(name)):
            image = graph.resolve(each)
            if isinstance(image, dict):
                image = next(
                    (
                        image[k]
                        for k in ("contentUrl", "url", "@id", "thumbnailUrl")
                        if image.get(k)
                    ),
                    "",
                )
            address = _joined(base, text_of(image))
            if address and not address.startswith("data:"):
                found[address] = None
    return [*found][:LIMIT_IMAGES]


def _category(product: Node, breadcrumb: list[tuple[str, str]]) -> str:
    steps = [
        name
        for name, address in breadcrumb
        if name.casefold() not in _HOME
        and (urlsplit(address).path.strip("/") or not urlsplit(address).netloc)
    ]
    # The last step is the product itself, or the page would tell nothing of where it is.
    if steps and steps[-1].casefold() == text_of(product.get("name")).casefold():
        steps.pop()
    if steps:
        return " > ".join(steps)
    own = text_of(product.get("category"))
    return "" if own.startswith(("http://", "https://")) else own


def _add_properties(graph: Graph, node: Node, fields: Fields) -> None:
    """The shop's own properties, under their own names; none takes a known field's place."""
    taken = {name.casefold() for name in (*FIELDS, *fields)}
    for each in [*graph.nodes(node.get("additionalProperty"))][:LIMIT_PROPERTIES]:
        name, value = text_of(each.get("name")), _quantity(graph, each) if "value" in each else ""
        is_free = name not in fields if name in _SIZES else name.casefold() not in taken
        if name and value and is_free:
            fields[name] = value


def _first(node: Mapping[str, Any], *names: str) -> str:
    """The words of the first of these properties that has any."""
    return next((text for name in names if (text := text_of(node.get(name)))), "")


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _amount(text: str) -> float:
    """A price's size, to compare prices of one page by; what is no plain number comes last."""
    try:
        amount = float(text.replace(",", ".") if text.count(",") == 1 else text)
    except ValueError:
        return math.inf
    return amount if math.isfinite(amount) else math.inf


def _in_stock(offer: Node) -> bool:
    return _bare(_first(offer, "availability")) not in {"OutOfStock", "SoldOut", "Discontinued"}


def _bare(text: str) -> str:
    """``InStock`` of ``https://schema.org/InStock``."""
    return text.rstrip("/").rpartition("/")[2] if "schema.org" in text else text


def _joined(base: str, address: str) -> str:
    try:
        return urljoin(base, address) if address else ""
    except ValueError:
        # Such as brackets that are no IPv6 address.
        return ""


def _path(address: str) -> str:
    """The part of an address that names the page within its shop."""
    parts = urlsplit(address)
    path = parts.path.strip("/") or parts.netloc
    return (f"{path}?{parts.query}" if parts.query else path)[-200:]
