"""What a report is made of, whatever it is written in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the report's title."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences."""

    text: str


@dataclass(frozen=True, slots=True)
class Warnings:
    """Sentences that nobody may miss; none: nothing is shown."""

    sentences: Sequence[str]


@dataclass(frozen=True, slots=True)
class Sentences:
    """A list of sentences."""

    sentences: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        caption: What it shows, of which data, in which unit.
        columns: Their names; the first holds what a row is about.
        rows: Cells as text, as many as columns; "" where there is nothing.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture.

    Attributes:
        name: File name without its ending.
        svg: The picture.
        caption: What it shows, of which data.
        alternative: The same for who cannot see it: what there is to see, with its figures.
    """

    name: str
    svg: str
    caption: str
    alternative: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo in a gallery: a small JPEG, what it is, and whether it is right (None: a query)."""

    jpeg: bytes
    name: str
    right: bool | None


@dataclass(frozen=True, slots=True)
class GalleryRow:
    """One query: what it is, the photo asked with, and what each encoder found."""

    title: str
    query: Shown
    found: Sequence[tuple[str, Sequence[Shown]]] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Gallery:
    """Queries side by side."""

    caption: str
    rows: Sequence[GalleryRow]


Block: TypeAlias = Heading | Paragraph | Warnings | Sentences | Table | Picture | Gallery
