"""Politeness towards hosts: how many requests at once, how soon after each other, how often again.

A host that asks to be left alone is left alone by all requests, and one that does not answer at all
is given up after a while, so that a dead host costs minutes and not the night.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from furniture_prompter.fetching.public_addresses import AddressError
from furniture_prompter.settings import Settings

# Requests at once to all hosts together.
LIMIT_REQUESTS: Final = 32
# Addresses of one host in a row that gave no answer at all, each asked as often as is allowed.
LIMIT_DEAD: Final = 12
# Who asks to be left alone for longer is asked again by the next run.
LONGEST_WAIT_S: Final = 120.0

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Manners:
    """How hosts are asked.

    Attributes:
        connections: Requests to one host at once.
        interval_s: Least time between the beginnings of two of them.
        attempts: How often one address is asked at most.
        backoff_s: Wait before the second time; it doubles.
    """

    connections: int
    interval_s: float
    attempts: int
    backoff_s: float

    @classmethod
    def of(cls, settings: Settings) -> "Manners":
        """The manners that settings give."""
        return cls(
            settings.download_connections,
            settings.download_interval_s,
            settings.download_attempts,
            settings.download_backoff_s,
        )


class Host:
    """One host while it is asked."""

    def __init__(self, manners: Manners, places: asyncio.Semaphore) -> None:
        """Take the manners, and the places that all hosts share."""
        self._manners = manners
        self._places = places
        self._next_s = 0.0
        self._dead = 0

    async def ask(self, request: Callable[[], Awaitable[Result]]) -> tuple[Result, int]:
        """Make a request, again where that may help.

        Returns:
            What it gave, and how often it was made.

        Raises:
            AddressError: the last failure, with ``attempts`` as an attribute of its own.
        """
        if self._dead >= LIMIT_DEAD:
            error = AddressError(
                f"was not asked, for its host did not answer {LIMIT_DEAD} times in a row",
                "Run again when the host answers",
            )
            raise Unanswered(error, 0)
        made = 0
        try:
            async for attempt in AsyncRetrying(
                stop=stop_after_attempt(self._manners.attempts),
                wait=self._wait_s,
                retry=retry_if_exception(_may_help),
                reraise=True,
            ):
                with attempt:
                    await self._turn()
                    made += 1
                    async with self._places:
                        result = await request()
        except AddressError as error:
            self._dead = self._dead + 1 if error.temporary and not error.status else 0
            raise Unanswered(error, made) from error
        self._dead = 0
        return result, made

    async def _turn(self) -> None:
        """Wait until the host may be asked again."""
        now = asyncio.get_running_loop().time()
        start = max(now, self._next_s)
        self._next_s = start + self._manners.interval_s
        if start > now:
            await asyncio.sleep(start - now)

    def _wait_s(self, state: RetryCallState) -> float:
        first_s = self._manners.backoff_s
        backoff = wait_exponential(first_s, max=LONGEST_WAIT_S) + wait_random(0, first_s / 4)
        wait_s: float = backoff(state)
        error = state.outcome.exception() if state.outcome is not None else None
        if isinstance(error, AddressError) and error.retry_after_s > 0:
            # All requests to the host wait, not this one alone.
            now = asyncio.get_running_loop().time()
            self._next_s = max(self._next_s, now + error.retry_after_s)
            return max(wait_s, error.retry_after_s)
        return wait_s


class Unanswered(Exception):  # noqa: N818  # it is an outcome
    """A request that failed in the end, and how often it was made."""

    def __init__(self, error: AddressError, attempts: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.attempts = attempts


def _may_help(error: BaseException) -> bool:
    return (
        isinstance(error, AddressError)
        and error.temporary
        and error.retry_after_s <= LONGEST_WAIT_S
    )


class Queues(Generic[Item]):
    """Items that wait for their hosts, each host's in order; only in the event loop's thread."""

    def __init__(self, manners: Manners, work: Callable[[Host, Item], Awaitable[None]]) -> None:
        """Take the manners, and what is done with an item when its host is free."""
        self._manners = manners
        self._work = work
        self._places = asyncio.Semaphore(LIMIT_REQUESTS)
        self._hosts: dict[str, Host] = {}
        self._waiting: dict[str, deque[Item]] = {}
        self._serving: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, host: str, item: Item) -> None:
        """Put an item at the end of its host's queue."""
        self._hosts.setdefault(host, Host(self._manners, self._places))
        self._waiting.setdefault(host, deque()).append(item)
        self._serving.setdefault(host, 0)
        if self._serving[host] < self._manners.connections:
            self._serving[host] += 1
            task = asyncio.ensure_future(self._serve(host))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Give up what is under way and what waits."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, host: str) -> None:
        waiting = self._waiting[host]
        try:
            while waiting:
                await self._work(self._hosts[host], waiting.popleft())
        finally:
            # Not by a callback of the task: an item that is added before that would find nobody.
            self._serving[host] -= 1
