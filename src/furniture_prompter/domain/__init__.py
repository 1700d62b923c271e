"""The words everybody shares: product, photo, query, hit. numpy and standard library only."""

from furniture_prompter.domain.catalog import (
    CatalogInfo,
    OptimizeSummary,
    RepairSummary,
    VerifyReport,
)
from furniture_prompter.domain.feed import Feed, FeedItem, FeedNote, FeedRow, SetAside
from furniture_prompter.domain.identity import EncoderIdentity
from furniture_prompter.domain.images import RgbImage
from furniture_prompter.domain.indexing import IndexProgress, IndexSummary
from furniture_prompter.domain.product import AttributeValue, Photo, Product
from furniture_prompter.domain.query import Query
from furniture_prompter.domain.result import CatalogReference, Hit, SearchResult
from furniture_prompter.domain.upserts import Removal, Upsert, Write, WriteResult, WriteSummary

__all__ = [
    "AttributeValue",
    "CatalogInfo",
    "CatalogReference",
    "EncoderIdentity",
    "Feed",
    "FeedItem",
    "FeedNote",
    "FeedRow",
    "Hit",
    "IndexProgress",
    "IndexSummary",
    "OptimizeSummary",
    "Photo",
    "Product",
    "Query",
    "Removal",
    "RepairSummary",
    "RgbImage",
    "SearchResult",
    "SetAside",
    "Upsert",
    "VerifyReport",
    "Write",
    "WriteResult",
    "WriteSummary",
]
