"""The report on the catalog's data, made beside answering: one at a time, whoever of them asks.

Several workers share it through a folder: the one that makes it holds a lock there, which the
system gives back when it is killed, and writes where it stands into a file that all of them read.
"""

import asyncio
import logging
import threading
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from furniture_prompter.assembly.catalogs import Catalog
from furniture_prompter.atomic_files import replace_bytes
from furniture_prompter.domain import HealthReport, IndexProgress
from furniture_prompter.errors import FurniturePrompterError

_LOG = logging.getLogger("furniture_prompter.web")

_FILE: Final = "examination.json"
_LOCK: Final = "examination.lock"
_TOLD_EVERY_S: Final = 0.3
# Longer than another worker looks whether the lock is held.
_TAKEN_WITHIN_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Examined:
    """What is known of a report.

    Attributes:
        report: The last one; None before the first.
        progress: Where the one that is being made stands; None while none is.
        failure: Why the last one could not be made; empty where it could.
        is_running: Whether one is being made.
    """

    report: HealthReport | None = None
    progress: IndexProgress | None = None
    failure: str = ""
    is_running: bool = False


_EXAMINED: Final = TypeAdapter(Examined)


class _EndedError(Exception):
    """The server ends before the report does."""


class Examination:
    """The report of one server: none, one that is being made, or the last one."""

    def __init__(self, folder: Path | None = None) -> None:
        """Know nothing yet.

        Args:
            folder: What the server's workers share, each with an object of its own; None for the
                only one.
        """
        self._folder = folder
        self._now = Examined()
        self._told_s = 0.0
        self._task: asyncio.Task[None] | None = None
        self._ended = threading.Event()

    @property
    def is_running(self) -> bool:
        """Whether this process makes a report."""
        return self._task is not None and not self._task.done()

    def state(self) -> Examined:
        """What any of the workers knows; reads a file where there are several."""
        if self._folder is None or self.is_running:
            return replace(self._now, is_running=self.is_running)
        known = self._read(self._folder)
        is_running = _is_held(self._folder / _LOCK)
        # What a killed worker left in the file is no progress.
        return replace(
            known, is_running=is_running, progress=known.progress if is_running else None
        )

    async def begin(self, catalog: AbstractAsyncContextManager[Catalog]) -> None:
        """Make a report on a version, which stays open until it is made; one at a time."""
        if self.is_running:
            return
        lock: FileLock | None = None
        if self._folder is not None:
            lock = FileLock(self._folder / _LOCK, mode=0o600, thread_local=False)
            try:
                await asyncio.to_thread(lock.acquire, _TAKEN_WITHIN_S)
            except Timeout:
                return  # another worker makes it
        self._now = replace(self.state(), failure="", progress=None)
        self._task = asyncio.create_task(self._make(catalog, lock), name="examine the catalog")

    async def close(self) -> None:
        """Give up the one that is being made."""
        self._ended.set()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _make(
        self, catalog: AbstractAsyncContextManager[Catalog], lock: FileLock | None
    ) -> None:
        try:
            async with catalog as opened:
                report = await asyncio.to_thread(opened.health, self._tell)
            self._now = replace(self._now, report=report)
        except FurniturePrompterError as error:
            _LOG.error("the catalog's data could not be examined: %s", error)
            failure = "The catalog's data could not be examined; the server's log says why."
            self._now = replace(self._now, failure=failure)
        except _EndedError:
            pass
        finally:
            self._now = replace(self._now, progress=None)
            await asyncio.to_thread(self._write)
            if lock is not None:
                lock.release()

    def _tell(self, progress: IndexProgress) -> None:
        self._now = replace(self._now, progress=progress)
        if time.monotonic() - self._told_s > _TOLD_EVERY_S:
            self._told_s = time.monotonic()
            self._write()
        if self._ended.is_set():
            raise _EndedError

    def _write(self) -> None:
        if self._folder is None:
            return
        try:
            replace_bytes(self._folder / _FILE, _EXAMINED.dump_json(self._now), private=True)
        except OSError as error:
            _LOG.error("other workers cannot be told of the report: %s", error.strerror)

    def _read(self, folder: Path) -> Examined:
        try:
            return _EXAMINED.validate_json((folder / _FILE).read_bytes())
        except (OSError, ValidationError):
            return self._now


def _is_held(path: Path) -> bool:
    try:
        with FileLock(path, timeout=0, mode=0o600):
            return False
    except Timeout:
        return True
