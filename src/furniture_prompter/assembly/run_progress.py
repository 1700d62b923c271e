"""Where a run on a catalog stands, written beside the catalog for processes that look at it.

The run holds a lock, which the system gives back when it is killed: what it left in its file then
counts for nothing.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from furniture_prompter.atomic_files import replacing
from furniture_prompter.catalog.manifest import MANIFEST_FILE
from furniture_prompter.domain import IndexProgress
from furniture_prompter.timing import utc_now

PROGRESS_FILE: Final = ".progress.json"
PROGRESS_LOCK: Final = ".progress.lock"
_TOLD_EVERY_S: Final = 1.0
# Longer than whoever looks holds the lock to see whether it is held.
_TAKEN_WITHIN_S: Final = 1.0
_LIMIT_BYTES: Final = 10_000

Doing = Literal["index", "crawl"]
Tell = Callable[[IndexProgress], None]


@dataclass(frozen=True, slots=True)
class RunUnderWay:
    """A run on a catalog that has not ended.

    Attributes:
        doing: ``index`` for a run over a feed, ``crawl`` for one over a shop's pages.
        source: What it reads: a file's name or an address without what stands behind its path.
        began: When it began, ISO 8601, UTC.
        now: Where it stands; None before its first step.
    """

    doing: Doing
    source: str
    began: str
    now: IndexProgress | None = None


_RUN: Final = TypeAdapter(RunUnderWay)


@contextmanager
def shared_progress(folder: Path, doing: Doing, source: str, tell: Tell | None) -> Iterator[Tell]:
    """Where a run tells its steps: `tell` hears them all, the file beside the catalog one a second.

    Nothing is written where there is no catalog yet, where another run tells already, or where the
    folder cannot be written: a run never fails for it.

    Args:
        folder: The catalog's folder.
        doing: What kind of run it is.
        source: What it reads.
        tell: Who else hears.
    """
    hear: Tell = tell or (lambda _: None)
    lock = FileLock(folder / PROGRESS_LOCK, thread_local=False)
    try:
        if not (folder / MANIFEST_FILE).is_file():
            raise FileNotFoundError
        lock.acquire(timeout=_TAKEN_WITHIN_S)
    except (OSError, Timeout):
        yield hear
        return
    begun = RunUnderWay(doing, source, utc_now())
    told_s = -_TOLD_EVERY_S

    def told(progress: IndexProgress) -> None:
        nonlocal told_s
        if time.monotonic() - told_s >= _TOLD_EVERY_S:
            told_s = time.monotonic()
            _write(folder, RunUnderWay(begun.doing, begun.source, begun.began, progress))
        hear(progress)

    _write(folder, begun)
    try:
        yield told
    finally:
        (folder / PROGRESS_FILE).unlink(missing_ok=True)
        lock.release()


def _write(folder: Path, run: RunUnderWay) -> None:
    try:
        with replacing(folder / PROGRESS_FILE, flush_folder=False) as file:
            file.write(_RUN.dump_json(run))
    except OSError:
        # Of a full disk the run itself says more.
        return


def run_under_way(folder: Path) -> RunUnderWay | None:
    """The run on a catalog that goes on now, of whichever process of this machine; None without.

    Args:
        folder: The catalog's folder.
    """
    try:
        with (folder / PROGRESS_FILE).open("rb") as file:
            run = _RUN.validate_json(file.read(_LIMIT_BYTES))
        with FileLock(folder / PROGRESS_LOCK, timeout=0):
            return None
    except Timeout:
        return run
    except (OSError, ValidationError):
        return None
