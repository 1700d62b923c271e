"""JSON as pages carry it: with comments, commas too many, control characters, several roots."""

import html
import json
import re
from typing import Any, Final

LIMIT_CHARACTERS: Final = 2 << 20

# A string, one that is never closed included, so that what looks like a comment in it is none;
# every alternative takes all that it looks at, which keeps the time linear.
_STRING: Final = r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)'
_COMMENT = re.compile(
    rf"({_STRING})|//[^\n]*+|/\*.*?(?:\*/|\Z)|<!--|-->|<!\[CDATA\[|\]\]>", re.DOTALL
)
_COMMAS = re.compile(rf"({_STRING})|,[\s,]*+", re.DOTALL)
_BAD_ESCAPE = re.compile(r"(\\[\"\\/bfnrt]|\\u[0-9a-fA-F]{4})|\\")
_BETWEEN = re.compile(r"[\s;,]*")


class UnreadableJsonError(ValueError):
    """Nothing mends it; the message says where it breaks, in a few words."""


def _whole(digits: str) -> int | float:
    # Python reads no whole number of more than 4,300 digits; nobody prices a sofa so.
    return int(digits) if len(digits) < 1_000 else float("1e999")


_DECODER: Final = json.JSONDecoder(strict=False, parse_int=_whole, parse_constant=lambda _: None)


def read_json(text: str) -> list[Any]:
    """All values of a text that should be one JSON value.

    Forgiven are comments (``//``, ``/* */``, ``<!-- -->``, CDATA marks), commas too many, control
    characters inside of strings, escapes that JSON does not have, semicolons at the end, several
    values one after the other, and HTML entities in place of quotes.

    Raises:
        UnreadableJsonError: it is no JSON even so, or longer than LIMIT_CHARACTERS.
    """
    if len(text) > LIMIT_CHARACTERS:
        raise UnreadableJsonError(f"it has more than {LIMIT_CHARACTERS:,} characters")
    text = text.strip().removeprefix("\ufeff")
    if not text:
        return []
    first: UnreadableJsonError | None = None
    for mend in (str, _mended, lambda given: _mended(html.unescape(given))):
        try:
            return _values(mend(text))
        except UnreadableJsonError as error:
            # Where the text as it stands breaks is what helps whoever mends the page.
            first = first or error
    raise first or UnreadableJsonError("it is empty")


def _mended(text: str) -> str:
    text = _COMMENT.sub(lambda found: found[1] or " ", text)
    text = _COMMAS.sub(_one_comma, text)
    return _BAD_ESCAPE.sub(lambda found: found[1] or "", text)


def _one_comma(found: re.Match[str]) -> str:
    """A string as it is, of commas the one that parts two values."""
    if found[1]:
        return found[1]
    return "" if found.string[found.end() : found.end() + 1] in {"", "}", "]"} else ","


def _values(text: str) -> list[Any]:
    values: list[Any] = []
    position = _skipped(text, 0)
    while position < len(text):
        try:
            value, position = _DECODER.raw_decode(text, position)
        except json.JSONDecodeError as error:
            words = error.msg.rstrip(": ").removesuffix(" at").removesuffix(" starting")
            raise UnreadableJsonError(
                f"it breaks in its line {error.lineno}, column {error.colno}: {words}"
            ) from error
        except RecursionError as error:
            raise UnreadableJsonError("it is nested too deeply") from error
        values.append(value)
        position = _skipped(text, position)
    return values


def _skipped(text: str, position: int) -> int:
    found = _BETWEEN.match(text, position)
    return found.end() if found is not None else position
