"""From settings to concrete parts: the only place that chooses them.

This is the library's interface::

    from furniture_prompter import Catalog

    with Catalog.open("my-catalog") as catalog:
        result = catalog.search("white wooden stool", photo="stool.jpg")
"""

from furniture_prompter.assembly.catalogs import (
    Catalog,
    catalog_health,
    index,
    optimize,
)
from furniture_prompter.assembly.encoders import (
    available_encoders,
    describe_encoder,
    distill,
    export_encoder,
    load_encoder,
    load_prompt_encoder,
    obtainable_encoders,
    pull_encoder,
)
from furniture_prompter.assembly.inspecting import FeedInspection, inspect_feed
from furniture_prompter.assembly.query_photos import PhotoInput, find_pieces
from furniture_prompter.assembly.upkeep import diff, repair, rollback, set_aside, verify, versions

__all__ = [
    "Catalog",
    "FeedInspection",
    "PhotoInput",
    "available_encoders",
    "catalog_health",
    "describe_encoder",
    "diff",
    "distill",
    "export_encoder",
    "find_pieces",
    "index",
    "inspect_feed",
    "load_encoder",
    "load_prompt_encoder",
    "obtainable_encoders",
    "optimize",
    "pull_encoder",
    "repair",
    "rollback",
    "set_aside",
    "verify",
    "versions",
]
