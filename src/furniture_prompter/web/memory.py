"""Memory that the C library keeps: how much of what was freed a server holds on to."""

import ctypes
import os
from collections.abc import Callable
from typing import Any, Final

# By glibc's malloc.h: number of an option of mallopt, its variable, and what a server takes.
_OPTIONS: Final = (
    # Heaps of threads: what one thread freed another cannot have.
    (-8, "MALLOC_ARENA_MAX", 2),
    # What is as large is given back when it is freed; else it leaves holes that nothing else fits.
    (-3, "MALLOC_MMAP_THRESHOLD_", 512 * 1_024),
    (-1, "MALLOC_TRIM_THRESHOLD_", 4 * 2**20),
)
_ARROW: Final = "ARROW_DEFAULT_MEMORY_POOL"


def hold_little() -> None:
    """Let freed memory go back to the system, here and in processes that are started from here.

    What the environment says stands. To be called before PyArrow is loaded, whose own allocator
    keeps what tables took while they were read. Where the C library is none of glibc, only that
    is changed.
    """
    os.environ.setdefault(_ARROW, "system")
    mallopt = _function("mallopt")
    for option, name, value in _OPTIONS:
        if name not in os.environ:
            os.environ[name] = str(value)
            if mallopt is not None:
                mallopt(option, value)


def give_back() -> None:
    """Give freed memory back to the system now, such as after a catalog was read."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


def _function(name: str) -> Callable[..., Any] | None:
    """A function of the C library; None where it has none of that name."""
    try:
        found: Callable[..., Any] | None = getattr(ctypes.CDLL(None), name, None)
    except (OSError, TypeError):
        # Windows has no library of the process itself.
        return None
    return found
