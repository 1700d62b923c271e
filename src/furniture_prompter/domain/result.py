"""What a search answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from furniture_prompter.domain.product import Photo, Product
from furniture_prompter.domain.query import Query


@dataclass(frozen=True, slots=True)
class Hit:
    """One product that answers a query.

    Attributes:
        rank: 1 for the best.
        score: Fused score, comparable within one result only; higher is better.
        product: The product.
        photo: The photo of it that answers the query best.
        matched: Which parts found it, strongest first: ``photo``, ``prompt-photo`` (words against
            pictures), ``prompt-text`` (words against the product's text), ``keyword``.
        parts: Contribution of each part to the score, by the same names.
    """

    rank: int
    score: float
    product: Product
    photo: Photo
    matched: tuple[str, ...]
    parts: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class CatalogReference:
    """Which catalog answered.

    Attributes:
        path: Its folder.
        version: Number of the catalog version that was searched.
        encoder: Name of the encoder its photos were embedded with.
    """

    path: str
    version: int
    encoder: str


@dataclass(frozen=True, slots=True)
class FacetValue:
    """How many of the retrieved products have one value.

    Attributes:
        value: A text, true or false.
        count: Products.
    """

    value: str | bool
    count: int


@dataclass(frozen=True, slots=True)
class FacetRange:
    """How many of the retrieved products have a number in a range.

    Attributes:
        low: Least number, within.
        high: Where the next range begins: not within, but for the last range.
        count: Products.
    """

    low: float
    high: float
    count: int


Facet: TypeAlias = tuple[FacetValue, ...] | tuple[FacetRange, ...]
"""Counts of one column: texts by falling count, numbers by rising range."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits in order, with what was asked and how long each step took.

    Attributes:
        query: The query as it was answered.
        catalog: The catalog and the version that answered.
        hits: Best first, one per product.
        timings_ms: Wall time of each step in milliseconds, and ``total``.
        notes: Sentences a person should read, such as that words cannot search pictures here.
        facets: Counts of the columns that were asked for, by name; see docs/json.md.
        cursor: Asks for the next page; None on the last.
    """

    query: Query
    catalog: CatalogReference
    hits: tuple[Hit, ...]
    timings_ms: Mapping[str, float]
    notes: tuple[str, ...] = ()
    facets: Mapping[str, Facet] = field(default_factory=lambda: MappingProxyType({}))
    cursor: str | None = None
