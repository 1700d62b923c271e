"""Terminal output: escaping, JSON, progress; results to stdout, the rest to stderr."""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from furniture_prompter.atomic_files import replacing

if TYPE_CHECKING:
    from furniture_prompter.domain import IndexProgress

# C0 and C1 controls (C1 holds a one-character CSI), line and paragraph separators, the
# bidirectional overrides and isolates that reorder a line, and lone surrogates.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE_BUT_NEWLINE = re.compile(_UNSAFE.pattern.replace(r"\x00-\x1f", r"\x00-\x09\x0b-\x1f"))
# What JSON leaves as it is inside a string but a terminal may act upon.
_UNSAFE_IN_JSON = re.compile(r"[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    """One line: blanks for white space, U+FFFD for what else a terminal would act upon."""
    return _UNSAFE.sub(_replacement, text)


def plain_lines(text: str) -> str:
    """As :func:`plain`, keeping line breaks, for messages of several lines."""
    return _UNSAFE_BUT_NEWLINE.sub(_replacement, text)


def escape_json(text: str) -> str:
    """JSON text with unsafe characters of its strings written as their escapes; the same value."""
    return _UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _replacement(match: re.Match[str]) -> str:
    return " " if match[0].isspace() else "\N{REPLACEMENT CHARACTER}"


class _Results(Console):
    def on_broken_pipe(self) -> None:
        # The command's end is main's to tell; rich leaves at once, with the status of a crash.
        raise BrokenPipeError


class _Messages(Console):
    def on_broken_pipe(self) -> None:
        # Nobody need follow a run for it to go on. What is said from here on goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def output() -> Console:
    """Standard output; colours only on a terminal, and none with NO_COLOR.

    Where nobody reads it any more, printing raises BrokenPipeError.
    """
    return _Results(highlight=False, markup=False, emoji=False)


def messages() -> Console:
    """Standard error, which may be closed."""
    return _Messages(stderr=True, highlight=False, markup=False, emoji=False)


def has_colours(console: Console) -> bool:
    """Whether colours reach a person's eyes there."""
    return console.color_system is not None and not console.no_color


def say(text: str, style: str | None = None) -> None:
    """Write a sentence to standard error; long ones wrap where the terminal wraps them."""
    messages().print(plain_lines(text), style=style, soft_wrap=True)


def say_error(text: str) -> None:
    """Write ``error: …`` to standard error."""
    say(f"error: {text}", style="red")


def write_json(value: Any) -> None:
    """Write one JSON value and a line break to standard output, in UTF-8, and flush.

    Numbers that JSON does not have are a defect and raise ValueError.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    sys.stdout.flush()
    sys.stdout.buffer.write(escape_json(text).encode("utf-8") + b"\n")
    sys.stdout.buffer.flush()


def print_facts(rows: Mapping[str, str], indent: int = 0) -> None:
    """Print names and what there is to say of each; wraps on a terminal, nowhere else."""
    console = output()
    if console.is_terminal:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, style="bold")
        table.add_column(overflow="fold")
        for name, value in rows.items():
            table.add_row(Text(plain(name)), Text(plain_lines(value)))
        console.print(Padding(table, (0, 0, 0, indent), expand=False))
        return
    width = max((cell_len(name) for name in rows), default=0)
    for name, value in rows.items():
        first, *further = plain_lines(value).split("\n")
        margin = " " * (indent + width)
        start = f"{' ' * indent}{set_cell_size(plain(name), width)}"
        for line in (f"{start}  {first}", *(f"{margin}  {line}" for line in further)):
            console.print(line.rstrip(), soft_wrap=True)


def size_text(size_bytes: int) -> str:
    """Bytes as a person reads them, in powers of ten."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= scale:
            return f"{size_bytes / scale:,.1f} {unit}"
    return f"{size_bytes} bytes"


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

    def __exit__(self, *_: object) -> None:
        """Give the terminal back."""
        self._progress.stop()

    def __call__(self, now: "IndexProgress") -> None:
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

    def __exit__(self, *_: object) -> None:
        """Nothing to give back."""

    def __call__(self, now: "IndexProgress") -> None:
        """Say where the run stands, if it is time to."""
        clock_s = self._clock()
        if now.step != self._step:
            self._step, self._began_s, self._said_s = now.step, clock_s, clock_s
            total = f" {now.total:,} {now.unit}" if now.total is not None else ""
            self._console.print(f"{now.step}{total}", soft_wrap=True)
        elif clock_s - self._said_s >= LINE_INTERVAL_S and now.done:
            self._said_s = clock_s
            self._console.print(self._line(now, clock_s - self._began_s), soft_wrap=True)

    def _line(self, now: "IndexProgress", elapsed_s: float) -> str:
        rate = now.done / elapsed_s
        pace = f", {rate:,.0f}/s" if rate >= 1 else ""
        if now.total is None:
            return f"{now.step} {now.done:,} {now.unit}{pace}"
        left_s = (now.total - now.done) / rate
        return f"{now.step} {now.done:,} of {now.total:,} {now.unit}{pace}, {left_s:,.0f} s left"


def show_progress(console: Console) -> ProgressBars | ProgressLines:
    """Bars on a terminal, lines elsewhere."""
    return ProgressBars(console) if console.is_terminal else ProgressLines(console)


def write_atomically(path: Path, text: str | Iterable[str]) -> None:
    """Write UTF-8 text, or pieces of it, beside `path`, then put it in its place.

    A link stays a link: what it points to is replaced.

    Raises:
        OSError: the folder is missing or read-only, or the disk is full; `path` is as it was.
    """
    # A folder may be writable and not readable; a page that power loss takes can be made again.
    with replacing(path.resolve(), flush_folder=False) as file:
        for piece in (text,) if isinstance(text, str) else text:
            file.write(piece.encode("utf-8", "replace"))
