"""Text as a catalog keeps it: one rule for what is written and for what is asked for.

Feeds and the API store text by these functions, and ids, filters and judgements are read by them:
so whatever spelling was taken when a product was written finds it again.
"""

import re
import unicodedata
from typing import Final

# Soft hyphens, zero-width spaces, fillers, joiners of words, marks of direction and of byte order:
# nobody sees them, and two texts that differ in them alone are one to whoever reads them.
_UNSEEN: Final = "\u00ad\u115f\u1160\u180e\u200b\u200e\u200f\u2060\u3164\ufeff"
# What chooses the look of the sign before it, an emoji's in a title; in an id it is nothing.
_SELECTORS: Final = "\ufe00-\ufe0f\U000e0000-\U000e007f"
# Control characters, and the marks that turn the direction of text around (Unicode UAX #9), which
# could make a title show as something else than it is. Tabs and line breaks are white space here.
_CONTROLS: Final = "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069"
_DROPPED: Final = re.compile(f"[{_CONTROLS}{_UNSEEN}]")
_CONTROL: Final = re.compile(f"[{_CONTROLS}]")
_OUT_OF_SIGHT: Final = re.compile(f"[{_UNSEEN}{_SELECTORS}]")
_SELECTOR: Final = re.compile(f"[{_SELECTORS}]")
_SPACES: Final = re.compile(r"\s+")
# What str.splitlines() breaks at; all of them are white space.
_BREAK: Final = re.compile("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
LIMIT_MARKS: Final = 30
"""Accents on one letter, as many as Unicode's stream-safe form has (UAX #15): putting them into
their order takes time in the square of their number."""
_FIRST_MARK: Final = "\u0300"
# Letters of no combining class that are taken apart into marks alone; all there are in Unicode.
_MARKS_IN_DISGUISE: Final = frozenset("\u0f73\u0f75\u0f81\uff9e\uff9f")
_ONE_LINE_COLUMNS: Final = frozenset({"id", "title", "category", "color", "tags"})


def one_line(text: str) -> str:
    """Text in Unicode's composed form, without control characters, spaces run together.

    Titles, categories, colours and tags are kept so.
    """
    return _spaces_as_one(readable(text)).strip()


def as_id(text: str) -> str:
    """As :func:`one_line`, without what chooses the look of a sign: so ids are kept."""
    return one_line(text if text.isascii() else _SELECTOR.sub("", text))


def prose(text: str) -> str:
    """As :func:`one_line`, line by line; empty lines are left out.

    Descriptions are kept so, and texts of a feed's own columns.
    """
    return _lines_kept(readable(text)).strip()


def as_kept(column: str, text: str) -> str:
    """A whole text as `column` keeps it."""
    if column == "id":
        return as_id(text)
    return one_line(text) if column in _ONE_LINE_COLUMNS else prose(text)


def part_as_kept(column: str, part: str) -> str:
    """A part of a text as it stands within what `column` keeps: a space at its ends is meant."""
    plain = readable(part)
    return _spaces_as_one(plain) if column in _ONE_LINE_COLUMNS else _lines_kept(plain)


def readable(text: str) -> str:
    """Text in Unicode's composed form (NFC), without control characters; its spaces stay."""
    return unicodedata.normalize("NFC", _DROPPED.sub("", text))


def has_too_many_marks(text: str) -> bool:
    """Whether a letter of text has more than :data:`LIMIT_MARKS` accents."""
    if len(text) <= LIMIT_MARKS or text.isascii() or max(text) < _FIRST_MARK:
        return False
    marks = 0
    for letter in text:
        is_mark = unicodedata.combining(letter) or letter in _MARKS_IN_DISGUISE
        marks = marks + 1 if is_mark else 0
        if marks > LIMIT_MARKS:
            return True
    return False


def has_control_characters(text: str) -> bool:
    """Whether text holds control characters, which are not kept."""
    return bool(_CONTROL.search(text))


def has_unseen_characters(text: str) -> bool:
    """Whether an id holds characters that nobody can see, which are not kept."""
    return not text.isascii() and bool(_OUT_OF_SIGHT.search(text))


def _spaces_as_one(text: str) -> str:
    return _SPACES.sub(" ", text)


def _lines_kept(text: str) -> str:
    return _SPACES.sub(lambda run: "\n" if _BREAK.search(run[0]) else " ", text)
