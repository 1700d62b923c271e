"""Rows that a stray quote has swallowed: which lines inside of quotes are rows of their own."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from furniture_prompter.feeds.cells import (
    UnusableValueError,
    has_control_characters,
    has_half_pair,
    one_line_at_least,
)
from furniture_prompter.feeds.folder import PHOTO_EXTENSIONS
from furniture_prompter.feeds.rows import LIMIT_ID, ImageFolder

_LIMIT_ID_WORDS: Final = 4
"""An id has rarely more; what a line of a description begins with often has."""
_IMAGE_NAME: Final = re.compile(
    rf"\w({'|'.join(map(re.escape, PHOTO_EXTENSIONS))})\b|https?://", re.IGNORECASE
)
DELIMITER_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass(frozen=True, slots=True)
class RowShape:
    """What a whole row of a table looks like.

    Attributes:
        delimiter: What parts its cells.
        width: Cells of the header.
        id: Place of the id among them, from 0; None where no column is known to hold ids.
        images: Places of images.
        is_spaced: Whether a blank follows each of the header's delimiters.
    """

    delimiter: str
    width: int
    id: int | None
    images: tuple[int, ...]
    is_spaced: bool


@dataclass(frozen=True, slots=True)
class Swallowed:
    """A line inside of quotes that may be a row of its own.

    Attributes:
        below: Lines between it and the one where the row begins that it stands in.
        is_certain: Whether it is more likely a row than part of a description.
    """

    below: int
    is_certain: bool


def swallowed(lines: Sequence[str], shape: RowShape, folder: ImageFolder) -> Swallowed | None:
    """What a row's quotes have taken in, of the lines that it spans: a certain row before others.

    A line is a row for certain where it has the header's cells, an id and an image, below a line
    that could be a whole row too, as the one with the stray quote is: descriptions have line breaks
    and commas, but no name of an image where the column of images is. Without one of the two it may
    be either. Where no column is known to hold ids, nothing is.
    """
    if shape.id is None:
        return None
    doubtful = None
    under_a_row = False
    for below, line in enumerate(lines):
        if below and (cells := _as_row(line, shape, shape.id)):
            if under_a_row and _names_image(cells, shape, folder):
                return Swallowed(below, is_certain=True)
            if doubtful is None and not _is_prose(line.partition('"')[0], shape):
                doubtful = Swallowed(below, is_certain=False)
        under_a_row = under_a_row or line.count(shape.delimiter) >= shape.width - 1
    return doubtful


def _as_row(line: str, shape: RowShape, id_place: int) -> list[str]:
    """The cells of a line that can be read as a row by itself; none where it cannot.

    It has as many as the header, surplus blank ones aside, or more with a name of an image among
    them; and something short where the ids are.
    """
    if line.count(shape.delimiter) < shape.width - 1:
        return []
    try:
        cells = next(csv.reader([line], delimiter=shape.delimiter), [])
    except csv.Error:
        return []
    if len(cells) < shape.width or not _could_be_id(cells[id_place]):
        return []
    surplus = any(cell.strip() for cell in cells[shape.width :])
    return [] if surplus and not any(map(_IMAGE_NAME.search, cells)) else cells


def _could_be_id(cell: str) -> bool:
    return len(cell) <= LIMIT_ID and 0 < len(cell.split()) <= _LIMIT_ID_WORDS


def _names_image(cells: Sequence[str], shape: RowShape, folder: ImageFolder) -> bool:
    """Whether the header's cells, and no more, hold what an image is called or a file that is."""
    if any(cell.strip() for cell in cells[shape.width :]):
        return False
    given = [cells[place] for place in shape.images]
    return any(_IMAGE_NAME.search(cell) or _is_there(cell, folder) for cell in given)


def _is_there(cell: str, folder: ImageFolder) -> bool:
    first = cell.split("|", 1)[0].strip()
    if not first or has_half_pair(first):
        return False
    try:
        folder.locate(first)
    except UnusableValueError:
        return False
    return True


def _is_prose(text: str, shape: RowShape) -> bool:
    """Whether a blank follows every delimiter, and the file does not write its rows so."""
    count = text.count(shape.delimiter)
    return not shape.is_spaced and 0 < count == text.count(f"{shape.delimiter} ")


def doubt(cells: Sequence[str], line: int, shape: RowShape) -> UnusableValueError:
    """Why a line in a row's quotes may be a row of its own.

    Args:
        cells: The row's cells, that line among them.
        line: 1-based line in the file.
        shape: What whole rows look like.
    """
    return UnusableValueError(
        f"Line {line} stands in quotes that this row opens, and may be a row of its own; it was "
        "read as part of this one.",
        "Where it is a row, close the quote above it; where it is text, write a blank behind its "
        f"{DELIMITER_NAMES.get(shape.delimiter, shape.delimiter)}s.",
        id_at_least(cells, shape),
        hides_ids=True,
    )


def swallowing(cells: Sequence[str], last: int, shape: RowShape) -> UnusableValueError:
    """What is wrong with a row that has taken in others.

    Args:
        cells: The row's cells.
        last: 1-based line in which its quote is closed.
        shape: What whole rows look like.
    """
    return UnusableValueError(
        f"A quote that this row opens is closed in line {last} only, and between them stands what "
        "looks like further rows; they were read as rows.",
        "Close the quote, or double it where it belongs to the text.",
        id_at_least(cells, shape),
        hides_ids=True,
    )


def id_at_least(cells: Sequence[str], shape: RowShape) -> str:
    """The id of a row that cannot be read whole; empty where it is not readable itself."""
    text = cells[shape.id] if shape.id is not None and shape.id < len(cells) else ""
    return "" if has_control_characters(text.strip()) else one_line_at_least(text)
