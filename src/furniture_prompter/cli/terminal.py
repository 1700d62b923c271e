"""Where output goes: results to standard output, everything said about them to standard error."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from furniture_prompter.cli.plain_text import escape_json, plain, plain_lines


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
