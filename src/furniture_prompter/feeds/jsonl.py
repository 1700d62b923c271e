"""JSON-lines feeds: one product a line, or an array of products in a .json file."""

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from furniture_prompter.domain import FeedItem
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.cells import UnusableValueError, has_half_pair, shown
from furniture_prompter.feeds.feed_files import FeedFile
from furniture_prompter.feeds.rows import RowReader
from furniture_prompter.json_lines import numbered_lines

JsonObject = dict[str, Any]

MEND: Final = "Mend the row, or leave it out."


@dataclass(frozen=True, slots=True)
class _Doubled:
    """Stands for an object that gives a name twice."""

    name: str


def _object(pairs: list[tuple[str, Any]]) -> JsonObject | _Doubled:
    value: JsonObject = {}
    for name, item in pairs:
        if name in value:
            return _Doubled(name)
        value[name] = item
    return value


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object)


def object_at(text: str, start: int) -> tuple[JsonObject | UnusableValueError, int]:
    """The JSON object that begins at a position, or what is wrong with the value there.

    Returns:
        It, and the position behind it.

    Raises:
        UnusableValueError: there is no JSON value, so nobody can tell where it ends.
    """
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        column = error.pos - text.rfind("\n", 0, error.pos)
        # Python's words end where it would write the place: "Unterminated string starting at".
        what = error.msg.rstrip(": ").removesuffix(" at").removesuffix(" starting")
        raise UnusableValueError(f"Broken JSON at column {column}: {what}.", MEND) from error
    except RecursionError as error:
        raise UnusableValueError("The JSON is nested too deeply.", MEND) from error
    except ValueError as error:
        # Python reads no whole number of more than 4,300 digits.
        raise UnusableValueError("A number has thousands of digits.", MEND) from error
    if isinstance(value, _Doubled):
        problem = f"The row gives {shown(value.name)} twice."
        return UnusableValueError(problem, "Leave one of the two out."), end
    if not isinstance(value, dict):
        problem = "The row is JSON, but no object."
        return UnusableValueError(problem, 'Write {"id": …, "title": …, "image": …}.'), end
    return value, end


LIMIT_LINE_BYTES: Final = 1 << 20
LIMIT_ARRAY_BYTES: Final = 64 << 20
"""An array is read whole, JSON lines are not."""

_SPACE = re.compile(r"[ \t\r\n]*")

NumberedObject = tuple[int, JsonObject | UnusableValueError]


class JsonLinesFeed:
    """A feed of JSON objects."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """See :class:`furniture_prompter.domain.Feed`."""
        return str(self._path)

    def items(self) -> Iterator[FeedItem]:
        """See :class:`furniture_prompter.domain.Feed`.

        Raises:
            InvalidFeedError: the file cannot be read, is UTF-16, holds no row, or was written to
                while it was read.
        """
        reader = RowReader(self._path)
        empty = True
        with FeedFile(self._path).open() as file:
            for line, found in self._objects(file):
                empty = False
                if isinstance(found, UnusableValueError):
                    yield reader.set_aside(found, line)
                else:
                    yield from reader.read(found, line)
        if empty:
            raise InvalidFeedError(
                f"The feed {self._path} is empty. Write one JSON object a line, such as "
                '{"id": "1", "title": "Oak stool", "image": "stool.jpg"}.'
            )

    def _objects(self, file: BinaryIO) -> Iterator[NumberedObject]:
        start = file.read(4096)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise InvalidFeedError(
                f"The feed {self._path} is UTF-16, which JSON is not. Save it as UTF-8."
            )
        text = start.removeprefix(codecs.BOM_UTF8)
        file.seek(len(start) - len(text))
        if self._path.suffix.lower() == ".json" and text.lstrip().startswith(b"["):
            return self._array(file)
        return _lines(file)

    def _array(self, file: BinaryIO) -> Iterator[NumberedObject]:
        data = file.read(LIMIT_ARRAY_BYTES + 1)
        if len(data) > LIMIT_ARRAY_BYTES:
            raise InvalidFeedError(
                f"The feed {self._path} is an array of more than {LIMIT_ARRAY_BYTES:,} bytes. "
                "Write it as JSON lines (.jsonl), one object a line."
            )
        yield from _elements(data.decode("utf-8", "surrogateescape"))


def _lines(file: BinaryIO) -> Iterator[NumberedObject]:
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
        value, end = object_at(text, _skip_space(text, 0))
    except UnusableValueError as problem:
        return problem
    behind = _skip_space(text, end)
    if behind < len(text):
        return UnusableValueError(
            f"Broken JSON at column {behind + 1}: something follows the object.",
            "Write one object a line.",
        )
    return value


def _elements(text: str) -> Iterator[NumberedObject]:
    """The objects of an array; the first broken one is the last, for nobody knows its end.

    Bytes that are not UTF-8 have become half surrogate pairs, and cost the object they are in.
    """
    position = _skip_space(text, text.index("[") + 1)
    line, counted = 1, 0
    if text.startswith("]", position):
        return
    while True:
        line += text.count("\n", counted, position)
        counted = position
        begin = position
        try:
            value, position = object_at(text, position)
        except UnusableValueError as problem:
            reason = f"{problem.reason} Nothing after it was read."
            yield line, UnusableValueError(reason, problem.cure)
            return
        if has_half_pair(text[begin:position]):
            value = UnusableValueError("The object is not UTF-8.", "Save the feed as UTF-8.")
        yield line, value
        position = _skip_space(text, position)
        if text.startswith("]", position):
            behind = _skip_space(text, position + 1)
            if behind < len(text):
                line += text.count("\n", counted, behind)
                reason = "Something follows the array. Nothing after it was read."
                yield line, UnusableValueError(reason, "Write one array, or JSON lines.")
            return
        if not text.startswith(",", position):
            reason = "Broken JSON: the array goes on without a comma. Nothing after it was read."
            yield line, UnusableValueError(reason, "Mend the array, or write JSON lines.")
            return
        position = _skip_space(text, position + 1)


def _skip_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position
