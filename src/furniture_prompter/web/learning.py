"""Learning anew beside answering, once writes pause: one at a time, whoever of the workers."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from furniture_prompter.assembly.upkeep import CatalogUpserts
from furniture_prompter.errors import FurniturePrompterError

_LOG = logging.getLogger("furniture_prompter.web")

QUIET_S: Final = 2.0
"""After the last write. Who writes one product after another is let finish."""
LONGEST_S: Final = 30.0
"""After the first write that made it due, however many follow."""
REST_SHARE: Final = 9.0
"""Times as long as it took nothing is learned, so that it takes a tenth of a processor at most."""
_WAIT_S: Final = 60.0
_LOCK: Final = "learning.lock"


class _EndedError(Exception):
    """The server ends before all is learned."""


class Learning:
    """Learns from what was written when that is due and writes pause."""

    def __init__(
        self,
        upserts: CatalogUpserts,
        taken_up: Callable[[], Awaitable[None]],
        folder: Path | None = None,
    ) -> None:
        """Know of no write yet.

        Args:
            upserts: What learns.
            taken_up: Lets searches have what was learned.
            folder: What the server's workers share, each with an object of its own; None for the
                only one.
        """
        self._upserts = upserts
        self._taken_up = taken_up
        self._folder = folder
        self._is_due = False
        self._written_s = 0.0
        self._rested_s = 0.0
        self._task: asyncio.Task[None] | None = None
        self._at_work = False
        self._ended = threading.Event()

    def written(self, *, due: bool) -> None:
        """Hear of a write.

        Args:
            due: Whether something is to be learned anew by now.
        """
        self._written_s = asyncio.get_running_loop().time()
        self._is_due = self._is_due or due
        waits = self._task is not None and not self._task.done()
        if self._is_due and not waits and not self._ended.is_set():
            self._task = asyncio.create_task(self._run(), name="learn from what was written")

    async def close(self) -> None:
        """Give up what is being learned, but for what is being written by now."""
        self._ended.set()
        if self._task is not None:
            if not self._at_work:
                self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._is_due and not self._ended.is_set():
            await self._pause()
            self._is_due = False
            rest_s = QUIET_S
            self._at_work = True
            try:
                is_new, took_s = await asyncio.to_thread(self._learn)
                # Time that other writers took is none of it.
                rest_s = REST_SHARE * took_s
                if is_new:
                    await self._taken_up()
            except Timeout:
                # Another worker learns; whether that was enough is seen when it is done.
                self._is_due = True
            except _EndedError:
                return
            except FurniturePrompterError as error:
                # The next write brings it up again.
                rest_s = LONGEST_S
                _LOG.error("nothing could be learned from what was written: %s", error)
            finally:
                self._at_work = False
            self._rested_s = asyncio.get_running_loop().time() + rest_s

    async def _pause(self) -> None:
        """Wait until writes pause, or have gone on for long enough."""
        now_s = asyncio.get_running_loop().time
        latest_s = now_s() + LONGEST_S
        while True:
            until_s = max(min(self._written_s + QUIET_S, latest_s), self._rested_s)
            if until_s <= now_s():
                return
            await asyncio.sleep(until_s - now_s())

    def _learn(self) -> tuple[bool, float]:
        with self._alone():
            return self._upserts.learn(wait_s=_WAIT_S, still_wanted=self._refuse_after_end)

    def _alone(self) -> AbstractContextManager[object]:
        """While no other worker learns.

        Raises:
            Timeout: another does.
        """
        if self._folder is None:
            return nullcontext()
        return FileLock(self._folder / _LOCK, timeout=0, mode=0o600)

    def _refuse_after_end(self) -> None:
        if self._ended.is_set():
            raise _EndedError
