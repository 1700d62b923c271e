"""Time of day in UTC, and the wall time of named steps."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

_clock = time.time  # where a test sets the time that everything about a catalog's age goes by


def now_s() -> float:
    """The time now, seconds since the epoch."""
    return _clock()


def utc_now(timespec: str = "seconds") -> str:
    """The time now, ISO 8601 in UTC, to the second or as `timespec` says."""
    return datetime.fromtimestamp(now_s(), UTC).isoformat(timespec=timespec)


class StepTimes:
    """Wall time of the steps of one answer, from its making."""

    def __init__(self) -> None:
        """Begin."""
        self._began = time.perf_counter()
        self._steps_ms: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step that succeeds; one that comes again adds to its time."""
        began = time.perf_counter()
        yield
        self.add({name: 1_000 * (time.perf_counter() - began)})

    def add(self, steps_ms: Mapping[str, float]) -> None:
        """Add times of steps, in milliseconds."""
        for name, elapsed_ms in steps_ms.items():
            self._steps_ms[name] = self._steps_ms.get(name, 0.0) + elapsed_ms

    def timings_ms(self) -> dict[str, float]:
        """Every step's time so far, and ``total``, in milliseconds."""
        return {**self._steps_ms, "total": 1_000 * (time.perf_counter() - self._began)}
