"""Records: rows of a file of any format, before anybody knows what their columns mean."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from furniture_prompter.domain import FeedNote, SetAside

Value: TypeAlias = "str | int | float | bool | list[Value] | None"


@dataclass(frozen=True, slots=True)
class Record:
    """One row.

    Attributes:
        line: 1-based line, sheet row or element number; 0 where lines mean nothing.
        fields: Values by column name as the file writes it. Nested objects are flattened with
            dots (``price.amount``); a list of objects is one list a member (``images.src``),
            each as long as the list, with None for members that an object lacks.
        may_be_cut: Whether the file ends in it without a line break, as if it were cut off.
    """

    line: int
    fields: Mapping[str, Value]
    may_be_cut: bool = False


@dataclass(frozen=True, slots=True)
class KeyColumns:
    """The columns that a damaged file can be taken up again by.

    Attributes:
        id: Column of the product's or variant's identifier, as the file writes it.
        images: Columns of images, as the file writes them.
    """

    id: str
    images: tuple[str, ...]


def unique_names(names: Iterable[str]) -> list[str]:
    """The names without blanks around them; a second `name` becomes ``name.2``."""
    taken: set[str] = set()
    unique: list[str] = []
    for written in names:
        name = plain = written.strip("\ufeff \t\r\n\xa0")
        count = 1
        while name and name in taken:
            count += 1
            name = f"{plain}.{count}"
        taken.add(name)
        unique.append(name)
    return unique


RecordItem: TypeAlias = Record | SetAside | FeedNote


class RecordSource(Protocol):
    """A file that holds a table or a list of objects.

    Reading twice reads the file twice, in constant memory.
    """

    @property
    def path(self) -> Path:
        """The file at fault in set-asides, as messages name it."""
        ...

    @property
    def folder(self) -> Path:
        """Where relative images lie."""
        ...

    @property
    def format(self) -> str:
        """What it was taken for and how, in words: ``CSV, semicolons, windows-1254``."""
        ...

    @property
    def has_types(self) -> bool:
        """Whether numbers and truth values are told from text (JSON, Parquet), or all is text."""
        ...

    def columns(self) -> tuple[str, ...]:
        """Column names as the file writes them, in order, as far as its first thousand rows tell.

        Raises:
            InvalidFeedError: nothing can be read at all.
        """
        ...

    def records(self, keys: KeyColumns | None = None) -> Iterator[RecordItem]:
        """Rows in order, what had to be set aside, and notes on how the file was read.

        Args:
            keys: What tells a row from text, to mend broken quotes by; None leaves that out.

        Raises:
            InvalidFeedError: nothing can be read at all, or the file changed while it was read.
        """
        ...
