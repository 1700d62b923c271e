"""Search furniture catalogs by photo, by prompt or by both.

``Catalog``, ``index`` and ``Settings`` are loaded on first use, so that importing the package stays
fast and pulls in neither the storage engine nor an inference runtime.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from furniture_prompter.assembly import Catalog, index, optimize
    from furniture_prompter.settings import Settings

__all__ = ["Catalog", "Settings", "index", "optimize"]


def __dir__() -> list[str]:
    """What is public, whether it is loaded already or not."""
    return __all__


def __getattr__(name: str) -> object:
    """Load a public name on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "settings" if name == "Settings" else "assembly"
    return getattr(import_module(f"{__name__}.{module}"), name)
