"""A process that answers, of one or of several.

One that the supervisor starts imports this first, and what it serves with only when it has said
what need not be loaded: nothing that imports LanceDB is imported here.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import wait

from starlette.types import ASGIApp

from furniture_prompter.assembly.unused_imports import leave_out_unused
from furniture_prompter.settings import ServeSettings

CreateApp = Callable[[ServeSettings], ASGIApp]


def create_app(settings: ServeSettings) -> ASGIApp:
    """The API; see :func:`furniture_prompter.web.app.create_app`.

    The supervisor of several processes answers nothing itself, so it loads no routes.
    """
    from furniture_prompter.web import app

    return app.create_app(settings)


def app_of_process(create: CreateApp, settings: ServeSettings) -> ASGIApp:
    """The application of this process, which ends with the one that started it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        leave_out_unused()
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    return create(settings)


def _end_with(sentinel: int) -> None:
    """A worker whose supervisor was killed would hold the port for ever."""
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
