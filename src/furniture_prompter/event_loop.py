"""Background event loop, for callers that are not asynchronous.

Works inside a running loop too (a notebook, a web handler), where ``asyncio.run`` refuses.
"""

import asyncio
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any, TypeVar

Result = TypeVar("Result")


def _new_event_loop() -> asyncio.AbstractEventLoop:
    try:
        # Of the extra `serve`, where several requests at once make the loop's own time count.
        import uvloop
    except ModuleNotFoundError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = _new_event_loop()
    threading.Thread(target=loop.run_forever, name="furniture-prompter", daemon=True).start()
    return loop


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end and return its result, from any thread but the loop's own."""
    future = asyncio.run_coroutine_threadsafe(coroutine, _loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def run_beside(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine on that loop and await its result on the caller's own.

    What is bound to one event loop (locks, database connections) so stays on it whoever asks. Being
    cancelled cancels the coroutine.
    """
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, _loop()))
