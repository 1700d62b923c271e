"""Where output goes: results to standard output, everything said about them to standard error."""

import json
import sys
from typing import Any

from rich.console import Console

from furniture_prompter.cli.plain_text import escape_json, plain_lines


def output() -> Console:
    """Standard output; colours only on a terminal, and none with NO_COLOR."""
    return Console(highlight=False, markup=False, emoji=False)


def messages() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def has_colours(console: Console) -> bool:
    """Whether colours reach a person's eyes there."""
    return console.color_system is not None and not console.no_color


def say(text: str, style: str | None = None) -> None:
    """Write a sentence to standard error; long ones wrap where the terminal wraps them."""
    messages().print(plain_lines(text), style=style, soft_wrap=True)


def say_error(text: str) -> None:
    """Write ``error: …`` to standard error."""
    say(f"error: {text}", style="red")


def write_json(value: Any, *, indent: int | None = None) -> None:
    """Write one JSON value and a line break to standard output, in UTF-8, and flush.

    Numbers that JSON does not have are a defect and raise ValueError.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    sys.stdout.flush()
    sys.stdout.buffer.write(escape_json(text).encode("utf-8") + b"\n")
    sys.stdout.buffer.flush()
