"""Data classes that all rooms share: product, photo, query, hit; numpy and stdlib only."""

from furniture_prompter.domain.catalog import (
    CatalogInfo,
    OptimizeSummary,
    RepairSummary,
    VerifyReport,
)
from furniture_prompter.domain.feed import (
    DownloadSummary,
    Feed,
    FeedItem,
    FeedNote,
    FeedRow,
    IndexProgress,
    IndexSummary,
    Removal,
    SetAside,
    Upsert,
    Write,
    WriteResult,
    WriteSummary,
)
from furniture_prompter.domain.product import (
    AttributeValue,
    EncoderIdentity,
    Photo,
    Product,
    RgbImage,
    Variant,
)
from furniture_prompter.domain.query import CatalogReference, Hit, Query, SearchResult

__all__ = [
    "AttributeValue",
    "CatalogInfo",
    "CatalogReference",
    "DownloadSummary",
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
    "Variant",
    "VerifyReport",
    "Write",
    "WriteResult",
    "WriteSummary",
]
