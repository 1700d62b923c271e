"""The report on the catalog's data, made beside answering: one at a time, one for each version."""

import asyncio
import logging
import threading
from contextlib import AbstractAsyncContextManager

from furniture_prompter.assembly.catalogs import Catalog
from furniture_prompter.domain import HealthReport, IndexProgress
from furniture_prompter.errors import FurniturePrompterError

_LOG = logging.getLogger("furniture_prompter.web")


class _EndedError(Exception):
    """The server ends before the report does."""


class Examination:
    """One process's report: none, one that is being made, or the last one.

    Attributes:
        report: The last one.
        progress: Where the one that is being made stands; None while none is.
        failure: Why the last one could not be made; empty where it could.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.report: HealthReport | None = None
        self.progress: IndexProgress | None = None
        self.failure = ""
        self._task: asyncio.Task[None] | None = None
        self._ended = threading.Event()

    @property
    def is_running(self) -> bool:
        """Whether a report is being made."""
        return self._task is not None and not self._task.done()

    def begin(self, catalog: AbstractAsyncContextManager[Catalog]) -> None:
        """Make a report on a version, which stays open until it is made; one at a time."""
        if not self.is_running:
            self.failure = ""
            self._task = asyncio.create_task(self._make(catalog), name="examine the catalog")

    async def close(self) -> None:
        """Give up the one that is being made."""
        self._ended.set()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _make(self, catalog: AbstractAsyncContextManager[Catalog]) -> None:
        try:
            async with catalog as opened:
                self.report = await asyncio.to_thread(opened.health, self._tell)
        except FurniturePrompterError as error:
            _LOG.error("the catalog's data could not be examined: %s", error)
            self.failure = "The catalog's data could not be examined; the server's log says why."
        except _EndedError:
            pass
        finally:
            self.progress = None

    def _tell(self, progress: IndexProgress) -> None:
        self.progress = progress
        if self._ended.is_set():
            raise _EndedError
