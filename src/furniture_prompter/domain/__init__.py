"""The words everybody shares: product, photo, query, hit. numpy and standard library only."""

from furniture_prompter.domain.feed import Feed, FeedItem, FeedRow, SetAside
from furniture_prompter.domain.images import RgbImage
from furniture_prompter.domain.product import AttributeValue, Photo, Product
from furniture_prompter.domain.query import Query
from furniture_prompter.domain.result import CatalogReference, Hit, SearchResult

__all__ = [
    "AttributeValue",
    "CatalogReference",
    "Feed",
    "FeedItem",
    "FeedRow",
    "Hit",
    "Photo",
    "Product",
    "Query",
    "RgbImage",
    "SearchResult",
    "SetAside",
]
