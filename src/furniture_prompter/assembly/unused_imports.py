"""Placeholders for what libraries import and no process of this product's own has a use for."""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final, TypeVar

Method = TypeVar("Method", bound=Callable[..., object])

REST_CLIENTS: Final = (
    "lance_namespace_urllib3_client",
    "lancedb.functions",
    "lancedb.namespace",
    "lancedb.remote.db",
)
"""Clients for remote databases, which LanceDB imports and no catalog on a disk needs."""

OLD_PYDANTIC: Final = "pydantic.v1"
"""Pydantic's first version, of whose models FastAPI asks whether one is in use."""

OVERRIDES: Final = "overrides"
"""What LanceDB checks its own methods with before Python 3.12, anew in every process."""

_UNUSED: Final = (*REST_CLIENTS, OLD_PYDANTIC, OVERRIDES)


class WithoutUnused(MetaPathFinder, Loader):
    """Gives placeholders for what is unused.

    Building the classes' checks takes longer than all else that a search from the shell imports.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See :class:`importlib.abc.MetaPathFinder`."""
        del path, target
        if not any(fullname == name or fullname.startswith(f"{name}.") for name in _UNUSED):
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def exec_module(self, module: ModuleType) -> None:
        """See :class:`importlib.abc.Loader`."""

        def placeholder(name: str) -> object:
            if name.startswith("__"):
                raise AttributeError(name)
            made = (
                _unchecked
                if module.__name__ == OVERRIDES and name == "override"
                else type(name, (), {})
            )
            module.__dict__[name] = made
            return made

        # What a module has not, it is asked for (PEP 562).
        module.__dict__["__getattr__"] = placeholder


def _unchecked(method: Method) -> Method:
    return method


def leave_out_unused() -> None:
    """Let imports of this process find placeholders; to be called before LanceDB is imported."""
    sys.meta_path.insert(0, WithoutUnused())
