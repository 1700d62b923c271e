"""From settings to concrete parts: the only place that chooses them.

This is the library's interface::

    from furniture_prompter import Catalog

    with Catalog.open("my-catalog") as catalog:
        result = catalog.search("white wooden stool", photo="stool.jpg")

What it offers is loaded on first use: a search need not wait for what reads feeds.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from furniture_prompter.assembly.catalogs import Catalog
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
    from furniture_prompter.assembly.indexing import catalog_health, index, optimize
    from furniture_prompter.assembly.inspecting import FeedInspection, inspect_feed
    from furniture_prompter.assembly.query_photos import PhotoInput, find_pieces
    from furniture_prompter.assembly.remote_catalogs import pull, push
    from furniture_prompter.assembly.upkeep import (
        diff,
        repair,
        rollback,
        set_aside,
        verify,
        versions,
    )

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
    "pull",
    "pull_encoder",
    "push",
    "repair",
    "rollback",
    "set_aside",
    "verify",
    "versions",
]

_NAMES = {
    "catalogs": ("Catalog",),
    "encoders": (
        "available_encoders",
        "describe_encoder",
        "distill",
        "export_encoder",
        "load_encoder",
        "load_prompt_encoder",
        "obtainable_encoders",
        "pull_encoder",
    ),
    "indexing": ("catalog_health", "index", "optimize"),
    "inspecting": ("FeedInspection", "inspect_feed"),
    "query_photos": ("PhotoInput", "find_pieces"),
    "remote_catalogs": ("pull", "push"),
    "upkeep": ("diff", "repair", "rollback", "set_aside", "verify", "versions"),
}
_MODULES = {name: f"{__name__}.{module}" for module, names in _NAMES.items() for name in names}


def __dir__() -> list[str]:
    """What is public, whether it is loaded already or not."""
    return sorted(__all__)


def __getattr__(name: str) -> object:
    """Load a public name on first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
