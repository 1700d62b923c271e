"""JSON files as records: one object a line, an array, or an object that holds the list anywhere."""

import codecs
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, TypeAlias

from furniture_prompter.domain import FeedNote
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.cells import UnusableValueError
from furniture_prompter.feeds.feed_files import FeedFile
from furniture_prompter.feeds.flattening import flattened
from furniture_prompter.feeds.json_text import (
    BrokenJsonError,
    JsonObject,
    JsonWindow,
    elements,
    object_at,
    only_object,
    skip_space,
)
from furniture_prompter.feeds.records import KeyColumns, Record, RecordItem
from furniture_prompter.json_lines import numbered_lines

LIMIT_LINE_BYTES: Final = 1 << 20
LOOKED_AT_ROWS: Final = 1_000
"""Rows that tell the columns of a file without a header."""

_OF_A_PRODUCT: Final = frozenset(
    (
        *("variants", "variations", "options", "images", "photos", "pictures", "media", "gallery"),
        *("attributes", "properties", "categories", "collections", "tags", "prices", "offers"),
        *("skus", "sizes", "colors", "colours", "reviews", "metafields", "meta_data", "links"),
        *("varyantlar", "görseller", "resimler", "özellikler", "kategoriler", "seçenekler"),
    )
)
"""Lists that a product consists of, where the object around them names one."""
_NAMES_A_PRODUCT: Final = frozenset(("id", "sku", "title", "name", "handle", "image", "price"))

NumberedObject: TypeAlias = tuple[int, JsonObject | UnusableValueError]


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the objects of a file are laid out.

    Attributes:
        kind: One object a line, the members of a list, or one object alone.
        path: Names of the objects and the list that the rows lie in.
        others: Other lists of objects with their lengths.
    """

    kind: Literal["lines", "list", "object"]
    path: tuple[str, ...] = ()
    others: tuple[tuple[str, int], ...] = ()


class JsonRecords:
    """The objects of a JSON file, nested ones flattened."""

    has_types = True

    def __init__(self, file: FeedFile) -> None:
        self._file = file

    @property
    def path(self) -> Path:
        """See :class:`furniture_prompter.feeds.records.RecordSource`."""
        return self._file.path

    @property
    def folder(self) -> Path:
        """See :class:`furniture_prompter.feeds.records.RecordSource`."""
        return self._file.folder

    @property
    def format(self) -> str:
        """See :class:`furniture_prompter.feeds.records.RecordSource`."""
        if self._layout.kind == "lines":
            return "JSON lines"
        if self._layout.kind == "object":
            return "JSON, one object"
        return f"JSON, list {'.'.join(self._layout.path)}" if self._layout.path else "JSON array"

    def columns(self) -> tuple[str, ...]:
        """See :class:`furniture_prompter.feeds.records.RecordSource`."""
        return columns_of(self.records())

    def records(self, keys: KeyColumns | None = None) -> Iterator[RecordItem]:
        """See :class:`furniture_prompter.feeds.records.RecordSource`.

        A line that is no object is set aside; behind a break of an array nothing can be read.
        """
        del keys  # of text files with quotes alone
        layout = self._layout
        if layout.others:
            others = ", ".join(f"{name} ({count:,})" for name, count in layout.others)
            yield FeedNote(
                f"The feed {self.path} holds several lists of objects; rows were read from "
                f"{'.'.join(layout.path)}, not from {others}. Where that is wrong, save the right "
                "list as a file of its own."
            )
        empty = True
        with self._file.open() as file:
            for line, found in self._objects(file, layout):
                empty = False
                if isinstance(found, UnusableValueError):
                    yield self._file.set_aside(found, line)
                    continue
                try:
                    yield Record(line, flattened(found))
                except UnusableValueError as problem:
                    yield self._file.set_aside(problem, line)
        if empty:
            raise _empty(self.path)

    def _objects(self, file: BinaryIO, layout: _Layout) -> Iterator[NumberedObject]:
        start_of_text(file, self.path)
        if layout.kind == "lines":
            return lines_of(file)
        window = JsonWindow(file)
        if layout.kind == "object":
            window.peek()
            line = window.line
            return iter([(line, _row(window.value()))])
        return list_of(window, layout.path)

    @cached_property
    def _layout(self) -> _Layout:
        with self._file.open() as file:
            start_of_text(file, self.path)
            window = JsonWindow(file)
            if window.peek() == "[":
                return _Layout("list")
            return self._layout_of_object(window)

    def _layout_of_object(self, window: JsonWindow) -> _Layout:
        counts: Counter[tuple[str, ...]] = Counter()
        members: set[tuple[str, ...]] = set()
        is_broken = False
        try:
            for element in elements(window):
                if element.path[-1:] == ("",):
                    members.add(element.path[:-1])
                elif isinstance(element.value, dict):
                    counts[element.path] += 1
        except BrokenJsonError:
            is_broken = True
        # A document that breaks in its first line is rather the first of several lines.
        if (window.line == 1 and is_broken) or (not is_broken and window.peek()):
            return _Layout("lines")
        rows = {path: count for path, count in counts.items() if not _is_part(path, members)}
        if not rows:
            return _Layout("lines" if is_broken else "object")
        path = max(rows, key=rows.__getitem__)
        others = tuple(
            (".".join(other), count) for other, count in rows.items() if other != path and count > 1
        )
        return _Layout("list", path, others)


def columns_of(items: Iterator[RecordItem]) -> tuple[str, ...]:
    """Names of the fields of the first thousand records, in the order in which they come."""
    rows = (item for item in items if isinstance(item, Record))
    names = dict.fromkeys(name for row in islice(rows, LOOKED_AT_ROWS) for name in row.fields)
    return tuple(names)


def _is_part(path: tuple[str, ...], members: set[tuple[str, ...]]) -> bool:
    """Whether a list is a part of one product: its images, and not the shop's products."""
    *around, name = path
    if name.lower() not in _OF_A_PRODUCT:
        return False
    siblings = {member[-1].lower() for member in members if list(member[:-1]) == around}
    return bool(siblings & _NAMES_A_PRODUCT)


def _empty(path: Path) -> InvalidFeedError:
    return InvalidFeedError(
        f"The feed {path} is empty. Write one JSON object a line, such as "
        '{"id": "1", "title": "Oak stool", "image": "stool.jpg"}.'
    )


def start_of_text(file: BinaryIO, path: Path) -> bytes:
    """The first bytes of a JSON file behind its mark, where it comes to stand.

    Raises:
        InvalidFeedError: it is UTF-16.
    """
    start = file.read(4096)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InvalidFeedError(f"The feed {path} is UTF-16, which JSON is not. Save it as UTF-8.")
    text = start.removeprefix(codecs.BOM_UTF8)
    file.seek(len(start) - len(text))
    return text


def lines_of(file: BinaryIO) -> Iterator[NumberedObject]:
    """The objects of JSON lines, or what is wrong with a line."""
    for line, data in numbered_lines(file, LIMIT_LINE_BYTES):
        if data is None:
            problem = f"The line has more than {LIMIT_LINE_BYTES:,} bytes."
            yield line, UnusableValueError(problem, "Keep images and long texts in files.")
        else:
            yield line, _only_object(data)


def _only_object(data: bytes) -> JsonObject | UnusableValueError:
    """The object that a line consists of, or what is wrong with it."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return UnusableValueError(
            f"The line is not UTF-8 at byte {error.start + 1}.", "Save the feed as UTF-8."
        )
    try:
        value, end = object_at(text, skip_space(text, 0))
    except UnusableValueError as problem:
        return problem
    behind = skip_space(text, end)
    if behind < len(text):
        return UnusableValueError(
            f"Broken JSON at column {behind + 1}: something follows the object.",
            "Write one object a line.",
        )
    return value


def list_of(window: JsonWindow, path: tuple[str, ...]) -> Iterator[NumberedObject]:
    """The objects of a list; the first broken one is the last, for nobody knows its end.

    Args:
        window: At the beginning of the file.
        path: Names of the objects and the list that they lie in; empty for an array.
    """
    try:
        for element in elements(window):
            if element.path == path:
                yield element.line, _row(element.value)
        if window.peek():
            raise BrokenJsonError(
                UnusableValueError(
                    "Something follows the array.", "Write one array, or JSON lines."
                ),
                window.line,
            )
    except BrokenJsonError as problem:
        yield problem.line, problem


def _row(value: Any) -> JsonObject | UnusableValueError:
    return value if isinstance(value, UnusableValueError) else only_object(value)
