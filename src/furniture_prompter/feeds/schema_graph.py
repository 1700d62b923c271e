"""The graph of schema.org things that a page describes: references resolved, products found."""

import html
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

Node: TypeAlias = dict[str, Any]

PRODUCTS: Final = frozenset({"Product", "IndividualProduct", "ProductModel", "SomeProducts"})
GROUP: Final = "ProductGroup"
# Under these a page has what it is about. Never under isRelatedTo, isSimilarTo or the like: what
# else one may buy is a product of another page.
_ABOUT: Final = (
    "@graph",
    "mainEntity",
    "mainEntityOfPage",
    "itemListElement",
    "item",
    "itemOffered",
)
# A page is about a thing; whoever sells it or reviews it is not looked into.
_CONTAINERS: Final = frozenset(
    {"ItemList", "ListItem", "OfferCatalog", "Offer", "AggregateOffer", "WebPage", "ItemPage"}
    | {"CollectionPage", "SearchResultsPage", "WebSite", "CreativeWork", ""}
)
_PREFIXES: Final = ("http://schema.org/", "https://schema.org/", "schema:")
_WWW_PREFIXES: Final = ("http://www.schema.org/", "https://www.schema.org/")
_DEPTH: Final = 40
LIMIT_NODES: Final = 20_000


@dataclass(slots=True)
class PageThings:
    """What a page is about.

    Attributes:
        products: Products and groups of products, in order, each once.
        breadcrumb: Names on the way to the page, the page's own among them, and their addresses.
        listed: Addresses that lists of the page name without describing what is there.
    """

    products: list[Node] = field(default_factory=list)
    breadcrumb: list[tuple[str, str]] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)


class Graph:
    """Nodes of a page, by ``@id`` too."""

    def __init__(self, roots: Iterable[Any]) -> None:
        self._left = LIMIT_NODES
        # A block may be a list of things.
        self.roots = [self._cleaned(each, 0) for root in roots for each in as_list(root)]
        self._by_id: dict[str, Node] = {}
        for root in self.roots:
            self._remember(root)

    def resolve(self, value: Any) -> Any:
        """A node in place of a reference to it; anything else as it is."""
        if isinstance(value, dict) and "@id" in value and set(value) <= {"@id", "@type"}:
            return self._by_id.get(value["@id"], value)
        return value

    def nodes(self, value: Any) -> Iterator[Node]:
        """The nodes of a value that may be one, a list of them, or references."""
        for each in as_list(value):
            found = self.resolve(each)
            if isinstance(found, dict):
                yield found

    def things(self) -> PageThings:
        """Products, breadcrumb and lists of the page."""
        found = PageThings()
        self._collect(self.roots, found, set(), 0)
        return found

    def _collect(self, value: Any, found: PageThings, seen: set[int], depth: int) -> None:
        if depth > _DEPTH:
            return
        for node in self.nodes(value):
            if id(node) in seen:
                continue
            seen.add(id(node))
            kinds = types_of(node)
            if GROUP in kinds or PRODUCTS & kinds:
                if set(node) - {"@id", "@type", "@context", "url"}:
                    found.products.append(node)
                elif isinstance(address := node.get("url"), str):
                    found.listed.append(address)
            elif "BreadcrumbList" in kinds:
                found.breadcrumb = found.breadcrumb or self._breadcrumb(node)
            elif not kinds or kinds & _CONTAINERS:
                self._collect_inside(node, kinds, found, seen, depth)

    def _collect_inside(
        self, node: Node, kinds: set[str], found: PageThings, seen: set[int], depth: int
    ) -> None:
        if "ListItem" in kinds:
            for address in (node.get("url"), node.get("item")):
                if isinstance(address, str):
                    found.listed.append(address)
        for each in as_list(node.get("itemListElement")):
            if isinstance(each, str):
                found.listed.append(each)
        if "breadcrumb" in node:
            self._collect(node["breadcrumb"], found, seen, depth + 1)
        for name in _ABOUT:
            if name in node:
                self._collect(node[name], found, seen, depth + 1)

    def _breadcrumb(self, node: Node) -> list[tuple[str, str]]:
        steps: list[tuple[float, str, str]] = []
        for number, element in enumerate(self.nodes(node.get("itemListElement")), start=1):
            item = self.resolve(element.get("item"))
            inner = item if isinstance(item, dict) else {}
            name = text_of(element.get("name")) or text_of(inner.get("name"))
            address = text_of(inner.get("@id") or inner.get("url") or element.get("url") or item)
            if name:
                steps.append((_number(element.get("position"), number), name, address))
        return [(name, address) for _, name, address in sorted(steps, key=lambda each: each[0])]

    def _cleaned(self, value: Any, depth: int) -> Any:
        """Names without schema.org's prefix, and values of expanded JSON-LD as themselves."""
        self._left -= 1
        if depth > _DEPTH or self._left < 0:
            return None
        if isinstance(value, list):
            return [self._cleaned(each, depth + 1) for each in value]
        if not isinstance(value, dict):
            return value
        if "@value" in value:
            return value["@value"]
        return {_bare(str(name)): self._cleaned(each, depth + 1) for name, each in value.items()}

    def _remember(self, value: Any) -> None:
        if isinstance(value, list):
            for each in value:
                self._remember(each)
        elif isinstance(value, dict):
            name = value.get("@id")
            if isinstance(name, str) and set(value) - {"@id", "@type"}:
                known = self._by_id.setdefault(name, value)
                if known is not value:
                    # Two blocks that tell of one thing tell more together.
                    for key, each in value.items():
                        known.setdefault(key, each)
            for each in value.values():
                self._remember(each)


def as_list(value: Any) -> list[Any]:
    """A value that may be one, several or none, as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def types_of(node: Mapping[str, Any]) -> set[str]:
    """Names of a node's types, without schema.org's prefix."""
    return {_bare(each) for each in as_list(node.get("@type")) if isinstance(each, str)}


def text_of(value: Any) -> str:
    """The words of a value: of a text, a number, a thing's name, or the first that has any."""
    for each in as_list(value):
        if isinstance(each, dict):
            name = str(each.get("@id") or "")
            words = each.get("name") or each.get("value") or each.get("url")
            each = text_of(words) if words else name if name.startswith("http") else None
        if isinstance(each, bool) or each is None:
            continue
        if text := html.unescape(str(each)).strip():
            return text
    return ""


def _number(value: Any, otherwise: float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return otherwise


def _bare(name: str) -> str:
    name = name.strip()
    for prefix in (*_PREFIXES, *_WWW_PREFIXES):
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name
