"""Progress, on a terminal and in a log."""

import io

from rich.console import Console

from furniture_prompter.cli.terminal import ProgressBars, ProgressLines, show_progress
from furniture_prompter.domain import IndexProgress


def _console(terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=80, markup=False)


def _text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_gets_bars_and_a_log_gets_lines() -> None:
    assert isinstance(show_progress(_console(terminal=True)), ProgressBars)
    assert isinstance(show_progress(_console(terminal=False)), ProgressLines)


def test_bars_show_the_step_the_count_and_the_unit() -> None:
    console = _console(terminal=True)
    with ProgressBars(console) as bars:
        bars(IndexProgress("reading", 5, None, "rows"))
        bars(IndexProgress("checking", 1, 990, "photos"))
        bars(IndexProgress("checking", 990, 990, "photos"))
    text = _text(console)
    assert "990/990" in text
    assert "5/5" in text
    assert "photos/s" in text


def test_lines_come_every_ten_seconds_with_rate_and_time_left() -> None:
    now_s = 100.0
    console = _console(terminal=False)
    with ProgressLines(console, clock=lambda: now_s) as lines:
        for done in range(1, 26):
            lines(IndexProgress("checking", 20 * done, 1_000, "photos"))
            now_s += 1.0
    assert _text(console).splitlines() == [
        "checking 1,000 photos",
        "checking 220 of 1,000 photos, 22/s, 35 s left",
        "checking 420 of 1,000 photos, 21/s, 28 s left",
    ]
