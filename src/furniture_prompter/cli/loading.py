"""Loading the heavy parts behind a command."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Import without the cyclic garbage collector, then tell it to leave what was loaded alone.

    The storage engine's import makes half a million objects that live to the end; walking them over
    and over takes a fifth of a cold search.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
