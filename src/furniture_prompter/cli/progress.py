"""Progress of an index run: bars on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from furniture_prompter.domain import IndexProgress

# Often enough to see in a log that it goes on, seldom enough to read the log.
LINE_INTERVAL_S = 10.0


class _RateColumn(ProgressColumn):
    """Units a second."""

    def render(self, task: Task) -> Text:
        """Rate of late, or nothing while unknown."""
        speed = task.finished_speed or task.speed
        shown = speed is not None and speed >= 1 and task.fields["unit"] != "steps"
        return Text(f"{speed:,.0f} {task.fields['unit']}/s" if shown else "", style="cyan")


class _CountColumn(ProgressColumn):
    """Units done, of how many where that is known."""

    def render(self, task: Task) -> Text:
        """Such as ``512/990``."""
        total = f"/{task.total:,.0f}" if task.total is not None else ""
        return Text(f"{task.completed:,.0f}{total}")


class ProgressBars:
    """One bar a step, with rate and time left; call it with every IndexProgress."""

    def __init__(self, console: Console) -> None:
        """Draw on `console`."""
        self._progress = Progress(
            TextColumn("{task.description:>8}"),
            BarColumn(bar_width=None),
            _CountColumn(),
            _RateColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            expand=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the terminal back."""
        self._progress.stop()

    def __call__(self, now: IndexProgress) -> None:
        """Show where the run stands."""
        if now.step not in self._tasks:
            self._tasks[now.step] = self._progress.add_task(
                now.step, total=now.total, unit=now.unit
            )
            if now.step != "reading" and "reading" in self._tasks:
                self._finish("reading")
        self._progress.update(self._tasks[now.step], completed=now.done, total=now.total)

    def _finish(self, step: str) -> None:
        """Give a step of unknown length the length it turned out to have."""
        task = self._tasks[step]
        completed = next(item.completed for item in self._progress.tasks if item.id == task)
        self._progress.update(task, total=completed)


class ProgressLines:
    """Plain lines for a log or a pipe: one when a step begins, then one every ten seconds."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        """Write to `console`; `clock` tells seconds."""
        self._console = console
        self._clock = clock
        self._step = ""
        self._began_s = 0.0
        self._said_s = 0.0

    def __enter__(self) -> Self:
        """Nothing to prepare."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to give back."""

    def __call__(self, now: IndexProgress) -> None:
        """Say where the run stands, if it is time to."""
        clock_s = self._clock()
        if now.step != self._step:
            self._step, self._began_s, self._said_s = now.step, clock_s, clock_s
            total = f" {now.total:,} {now.unit}" if now.total is not None else ""
            self._console.print(f"{now.step}{total}", soft_wrap=True)
        elif clock_s - self._said_s >= LINE_INTERVAL_S and now.done:
            self._said_s = clock_s
            self._console.print(self._line(now, clock_s - self._began_s), soft_wrap=True)

    def _line(self, now: IndexProgress, elapsed_s: float) -> str:
        rate = now.done / elapsed_s
        pace = f", {rate:,.0f}/s" if rate >= 1 else ""
        if now.total is None:
            return f"{now.step} {now.done:,} {now.unit}{pace}"
        left_s = (now.total - now.done) / rate
        return f"{now.step} {now.done:,} of {now.total:,} {now.unit}{pace}, {left_s:,.0f} s left"


def show_progress(console: Console) -> ProgressBars | ProgressLines:
    """Bars on a terminal, lines elsewhere."""
    return ProgressBars(console) if console.is_terminal else ProgressLines(console)
