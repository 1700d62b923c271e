"""Data classes that all rooms share: product, photo, query, hit; numpy and stdlib only.

Each is loaded when it is first named: making the classes of feeds and reports takes as long as a
search does, which needs none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from furniture_prompter.domain.catalog import (
        CatalogInfo,
        CatalogVersion,
        CheckResult,
        Finding,
        FindingProduct,
        HealthReport,
        Made,
        OptimizeSummary,
        ProductDifference,
        PullSummary,
        PushSummary,
        RepairSummary,
        RollbackSummary,
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
        KnownItem,
        KnownRecords,
        LeftOut,
        RecordFeed,
        Removal,
        SetAside,
        UnchangedRow,
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
    "CatalogVersion",
    "CheckResult",
    "DownloadSummary",
    "EncoderIdentity",
    "Feed",
    "FeedItem",
    "FeedNote",
    "FeedRow",
    "Finding",
    "FindingProduct",
    "HealthReport",
    "Hit",
    "IndexProgress",
    "IndexSummary",
    "KnownItem",
    "KnownRecords",
    "LeftOut",
    "Made",
    "OptimizeSummary",
    "Photo",
    "Product",
    "ProductDifference",
    "PullSummary",
    "PushSummary",
    "Query",
    "RecordFeed",
    "Removal",
    "RepairSummary",
    "RgbImage",
    "RollbackSummary",
    "SearchResult",
    "SetAside",
    "UnchangedRow",
    "Upsert",
    "Variant",
    "VerifyReport",
    "Write",
    "WriteResult",
    "WriteSummary",
]


def __getattr__(name: str) -> object:
    """Load a class on first use."""
    if name in __all__:
        for module in ("product", "query", "catalog", "feed"):
            found = getattr(import_module(f"{__name__}.{module}"), name, None)
            if found is not None:
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
