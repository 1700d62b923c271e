"""LanceDB without its clients for remote databases, in processes that are this product's own."""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final, TypeVar

Checked = TypeVar("Checked", bound=Callable[..., object])

REST_CLIENTS: Final = (
    "lance_namespace_urllib3_client",
    "lancedb.functions",
    "lancedb.namespace",
    "lancedb.remote.db",
)
"""Clients for remote databases, which LanceDB imports and no catalog on a disk needs."""

OVERRIDES: Final = "overrides"
"""What LanceDB checks its own methods with, before Python 3.12: at every import, each anew."""


class WithoutRestClients(MetaPathFinder, Loader):
    """Gives placeholders for REST_CLIENTS and OVERRIDES.

    Building the classes' checks takes longer than all else that a search from the shell imports.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See :class:`importlib.abc.MetaPathFinder`."""
        del path, target
        left_out = (*REST_CLIENTS, OVERRIDES)
        if not any(fullname == name or fullname.startswith(f"{name}.") for name in left_out):
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def exec_module(self, module: ModuleType) -> None:
        """See :class:`importlib.abc.Loader`."""

        def placeholder(name: str) -> object:
            if name.startswith("__"):
                raise AttributeError(name)
            if module.__name__ == OVERRIDES and name == "override":
                return _unchecked
            return type(name, (), {})

        # What a module has not, it is asked for (PEP 562).
        module.__dict__["__getattr__"] = placeholder


def _unchecked(method: Checked) -> Checked:
    return method


def leave_out_rest_clients() -> None:
    """Let imports of this process find placeholders; to be called before LanceDB is imported."""
    sys.meta_path.insert(0, WithoutRestClients())
