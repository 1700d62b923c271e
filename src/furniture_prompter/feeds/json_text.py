"""JSON of any length, read value by value through a window that slides over the file."""

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, TypeAlias

from furniture_prompter.feeds.cells import UnusableValueError, has_half_pair, shown

JsonObject: TypeAlias = dict[str, Any]

MEND: Final = "Mend the row, or leave it out."
_CHUNK_BYTES: Final = 1 << 18
LIMIT_VALUE_CHARACTERS: Final = 16 << 20
"""Of one element of a list, which is held in memory whole."""
_LIMIT_DEPTH: Final = 8
"""Of objects that a list of rows may lie in."""
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_OPENS_OR_CLOSES: Final = re.compile(r'["\[\]{}]')
_ENDS_TEXT: Final = re.compile(r'["\\]')
_LONGEST_TOKEN: Final = 16
"""What a decoder finds cut off stands no further from the end: an escape, a word, a sign."""


@dataclass(frozen=True, slots=True)
class Doubled:
    """Stands for an object that gives a name twice."""

    name: str


def _object(pairs: list[tuple[str, Any]]) -> JsonObject | Doubled:
    value: JsonObject = dict(pairs)
    if len(value) == len(pairs):
        return value
    names = [name for name, _ in pairs]
    return Doubled(next(name for name in names if names.count(name) > 1))


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
        raise _broken(error, error.pos - text.rfind("\n", 0, error.pos)) from error
    except RecursionError as error:
        raise UnusableValueError("The JSON is nested too deeply.", MEND) from error
    except ValueError as error:
        # Python reads no whole number of more than 4,300 digits.
        raise UnusableValueError("A number has thousands of digits.", MEND) from error
    return only_object(value), end


def only_object(value: Any) -> JsonObject | UnusableValueError:
    """A decoded value where it is an object, or what is wrong with it as a row."""
    if isinstance(value, Doubled):
        problem = f"The row gives {shown(value.name)} twice."
        return UnusableValueError(problem, "Leave one of the two out.")
    if not isinstance(value, dict):
        problem = "The row is JSON, but no object."
        return UnusableValueError(problem, 'Write {"id": …, "title": …, "image": …}.')
    return value


def skip_space(text: str, position: int) -> int:
    """The position of the first character from `position` on that JSON does not pass over."""
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _broken(error: json.JSONDecodeError, column: int) -> UnusableValueError:
    # Python's words end where it would write the place: "Unterminated string starting at".
    what = error.msg.rstrip(": ").removesuffix(" at").removesuffix(" starting")
    return UnusableValueError(f"Broken JSON at column {column}: {what}.", MEND)


def _is_cut(error: json.JSONDecodeError, text: str) -> bool:
    """Whether a value may be whole with what comes behind the text, as far as the error tells."""
    return error.msg.startswith("Unterminated") or error.pos >= len(text) - _LONGEST_TOKEN


class JsonWindow:
    """The text of a JSON file, of which only a part is in memory.

    Bytes that are not UTF-8 become half surrogate pairs.

    Attributes:
        line: 1-based line of the position, as of the last call of :meth:`peek`.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        self._position = 0
        self._counted = 0
        self._dropped_of_line = 0
        self._ended = False
        self.line = 1
        self._more()
        self._text = self._text.removeprefix("\ufeff")

    def peek(self) -> str:
        """The next character that is no blank, which becomes the position; empty at the end."""
        while True:
            self._position = skip_space(self._text, self._position)
            if self._position < len(self._text) or not self._more():
                break
        self.line += self._text.count("\n", self._counted, self._position)
        self._counted = self._position
        return self._text[self._position : self._position + 1]

    def take(self) -> None:
        """Pass over the character at the position."""
        self._position += 1

    def expect(self, character: str) -> None:
        """Pass over blanks and one character.

        Raises:
            UnusableValueError: another one stands there.
        """
        if self.peek() != character:
            raise UnusableValueError(f"Broken JSON: {character!r} is missing.", MEND)
        self.take()

    def value(self) -> Any:
        """The value at the position, which comes to stand behind it.

        Objects that give a name twice are :class:`Doubled`, at any depth. One that is not UTF-8, or
        longer than 16 million characters and passed over, is what is wrong with it.

        Raises:
            UnusableValueError: there is none, so nobody can tell where the next begins.
        """
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._position)
            except json.JSONDecodeError as error:
                if self._more():
                    continue
                if len(self._text) - self._position > LIMIT_VALUE_CHARACTERS and _is_cut(
                    error, self._text
                ):
                    return self._passed_over()
                raise _broken(error, self._column(error.pos)) from error
            except RecursionError as error:
                raise UnusableValueError("The JSON is nested too deeply.", MEND) from error
            except ValueError as error:
                raise UnusableValueError("A number has thousands of digits.", MEND) from error
            # The digits of a number may go on.
            if end == len(self._text) and self._text[end - 1] not in '}]"' and self._more():
                continue
            break
        if not self._text.isascii() and has_half_pair(self._text[self._position : end]):
            value = UnusableValueError("The object is not UTF-8.", "Save the feed as UTF-8.")
        self._position = end
        return value

    def _passed_over(self) -> UnusableValueError:
        """What is wrong with a value that is too long, behind which the position comes to stand.

        Raises:
            UnusableValueError: the file ends before the value does.
        """
        problem = f"The value has more than {LIMIT_VALUE_CHARACTERS:,} characters."
        depth, in_text, is_escaped = 0, False, False
        while True:
            place, end = self._position, len(self._text)
            while place < end:
                if is_escaped:
                    place, is_escaped = place + 1, False
                    continue
                found = (_ENDS_TEXT if in_text else _OPENS_OR_CLOSES).search(self._text, place)
                if found is None:
                    break
                place, sign = found.end(), found[0]
                if sign == '"':
                    in_text = not in_text
                elif sign == "\\":
                    is_escaped = True
                else:
                    depth += 1 if sign in "[{" else -1
                if depth <= 0 and not in_text and not is_escaped:
                    self._position = place
                    return UnusableValueError(problem, "Keep images and long texts in files.")
            self._position = end
            if not self._more():
                raise UnusableValueError(f"The JSON is broken, or: {problem}", MEND)

    def _column(self, position: int) -> int:
        line_break = self._text.rfind("\n", 0, position)
        return position - line_break + (self._dropped_of_line if line_break < 0 else 0)

    def _more(self) -> bool:
        """Whether there was more of the file to be read into the window."""
        if self._ended or len(self._text) - self._position > LIMIT_VALUE_CHARACTERS:
            return False
        if self._position:
            self.line += self._text.count("\n", self._counted, self._position)
            dropped = self._text[: self._position]
            line_break = dropped.rfind("\n")
            self._dropped_of_line = (
                len(dropped) - line_break - 1
                if line_break >= 0
                else self._dropped_of_line + len(dropped)
            )
            self._text = self._text[self._position :]
            self._position = self._counted = 0
        # As much again as there is, so that a long value is not decoded many times.
        data = self._file.read(max(_CHUNK_BYTES, len(self._text)))
        self._ended = not data
        self._text += self._decoder.decode(data, final=self._ended)
        return True


@dataclass(frozen=True, slots=True)
class Element:
    """A member of a list.

    Attributes:
        path: Names of the objects and the list that it lies in, from the outermost.
        line: 1-based line where it begins.
        value: What was decoded, or why it is not usable.
    """

    path: tuple[str, ...]
    line: int
    value: Any


class BrokenJsonError(UnusableValueError):
    """JSON of which nothing after a place can be read.

    Attributes:
        line: 1-based line of that place.
    """

    def __init__(self, problem: UnusableValueError, line: int) -> None:
        reason = f"{problem.reason} Nothing after it was read."
        super().__init__(reason, problem.cure, hides_ids=True)
        self.line = line


def elements(window: JsonWindow) -> Iterator[Element]:
    """The members of every list of a value that lies in objects alone, in the file's order.

    Members of objects that are no such list come too, as elements whose path ends in ``""``: they
    tell what the object around a list is.

    Raises:
        BrokenJsonError: the rest cannot be read.
    """
    try:
        yield from _walk(window, (), _LIMIT_DEPTH)
    except BrokenJsonError:
        raise
    except UnusableValueError as problem:
        raise BrokenJsonError(problem, window.line) from problem


def _walk(window: JsonWindow, path: tuple[str, ...], depth: int) -> Iterator[Element]:
    begin = window.peek()
    if begin == "[":
        window.take()
        yield from _list(window, path)
    elif begin == "{" and depth:
        window.take()
        yield from _members(window, path, depth - 1)
    else:
        line = window.line
        yield Element((*path, ""), line, window.value())


def _members(window: JsonWindow, path: tuple[str, ...], depth: int) -> Iterator[Element]:
    if window.peek() == "}":
        window.take()
        return
    while True:
        if window.peek() != '"':
            raise UnusableValueError("Broken JSON: the name of a member is missing.", MEND)
        name = window.value()
        window.expect(":")
        yield from _walk(window, (*path, str(name)), depth)
        if window.peek() == "}":
            window.take()
            return
        window.expect(",")


def _list(window: JsonWindow, path: tuple[str, ...]) -> Iterator[Element]:
    if window.peek() == "]":
        window.take()
        return
    while True:
        window.peek()
        line = window.line
        yield Element(path, line, window.value())
        following = window.peek()
        if following == "]":
            window.take()
            return
        if following != ",":
            raise UnusableValueError(
                "Broken JSON: the array goes on without a comma.",
                "Mend the array, or write JSON lines.",
            )
        window.take()
