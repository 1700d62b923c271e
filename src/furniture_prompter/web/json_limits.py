"""JSON as this API takes it: small, shallow, no name doubled, and numbers that are numbers.

NaN and Infinity, the last of two equal names, ``1e999`` as infinity and half of a surrogate pair
are read differently elsewhere (RFC 8259, sections 4, 6 and 8), or fail much later.

What a text costs is told before anything is built of it: three million lists fit into nine
megabytes, take seconds to read and a gigabyte to keep.
"""

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NoReturn

import jiter
from starlette.requests import Request

from furniture_prompter.errors import InvalidQueryError

LIMIT_VALUES: Final = 100
"""Values of a request, unless its endpoint takes more; a search has 23 at the most."""
LIMIT_OUTSIDE_BYTES: Final = 1_000_000
"""Numbers, names of values, commas, brackets and blanks together. Of what a body holds only photos
are long, and they are texts."""
LIMIT_WRITTEN_BYTES: Final = 4_000_000
"""Bytes of texts that are not ASCII alone, and backslashes of all texts: they take ten times as
long as the letters of a photo in base64, and four times the memory. All texts of the largest
product have 3.3 million; a photo may be written with ``\\/``."""

# What takes a millisecond to read, which the event loop has not got.
_LONG_BYTES: Final = 50_000
_STEP_BYTES: Final = 1 << 20
_BOM: Final = b"\xef\xbb\xbf"
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_SHOWN_CHARACTERS: Final = 120

# One at a time: while a photo of 30 MB is read, it is in memory three times.
_READER: Final = ThreadPoolExecutor(1, thread_name_prefix="json")


async def read_json_body(
    request: Request, limit_depth: int, limit_values: int = LIMIT_VALUES
) -> Any:
    """The value of a request's body; errors as :func:`parse_json`.

    The body is not kept with the request: beside the texts read of it, it would be there twice.
    """
    pieces = [piece async for piece in request.stream()]
    data = b"".join(pieces)
    pieces.clear()
    return await read_value(data, limit_depth, limit_values)


async def read_value(data: bytes, limit_depth: int, limit_values: int = LIMIT_VALUES) -> Any:
    """As :func:`parse_json`, beside the event loop where the text is long."""
    if len(data) <= _LONG_BYTES:
        return parse_json(data, limit_depth, limit_values)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_READER, parse_json, data, limit_depth, limit_values)


def parse_json(data: bytes, limit_depth: int, limit_values: int = LIMIT_VALUES) -> Any:
    """The value of a JSON text, in time and memory linear in its length.

    Args:
        data: UTF-8; a byte order mark before it is skipped.
        limit_depth: Deepest nesting of objects and lists, at most 200.
        limit_values: Most values, those within others counted too.

    Raises:
        InvalidQueryError: it is no JSON, nests deeper, has more values, gives a name twice, or
            holds a number or a text that cannot be kept.
    """
    data = data.removeprefix(_BOM)
    _refuse_costly(data, limit_depth, limit_values)
    try:
        value = jiter.from_json(data, catch_duplicate_keys=True, cache_mode="none")
    except ValueError as error:
        _refuse_unreadable(data, str(error), limit_depth)
    _refuse_infinite(value)
    return value


def _refuse_costly(data: bytes, limit_depth: int, limit_values: int) -> None:
    """Tell texts and what lies between them apart, and count; a few passes in C each.

    None of them goes on where a limit is passed, and none holds the interpreter for long.
    """
    backslashes = _count_backslashes(data)
    # Without escaped quotes and backslashes every quote begins or ends a text.
    plain = data.replace(b"\\\\", b"").replace(b'\\"', b"") if backslashes else data
    # Each value is a text or has one for its name.
    limit_quotes = 4 * limit_values
    pieces = plain.split(b'"', limit_quotes + 1)
    if len(pieces) > limit_quotes + 1:
        _refuse_many(limit_values)
    texts = pieces[1::2]
    if sum(map(len, pieces[::2])) > LIMIT_OUTSIDE_BYTES:
        _refuse(
            f"has more than {LIMIT_OUTSIDE_BYTES:,} bytes beside its texts",
            "Send fewer things at once, and no blanks.",
        )
    outside = b'"'.join(pieces[::2])
    opened = outside.count(b"[") + outside.count(b"{")
    # A value follows a comma or an opening bracket, or is the whole.
    if outside.count(b",") + opened > limit_values:
        _refuse_many(limit_values)
    if opened > limit_depth:
        _refuse_depth(outside.translate(None, _NO_BRACKETS), limit_depth)
    if backslashes + sum(len(text) for text in texts if not text.isascii()) > LIMIT_WRITTEN_BYTES:
        _refuse_written()


def _count_backslashes(data: bytes) -> int:
    count = 0
    for start in range(0, len(data), _STEP_BYTES):
        count += data.count(b"\\", start, start + _STEP_BYTES)
        if count > LIMIT_WRITTEN_BYTES:
            _refuse_written()
    return count


def _refuse_written() -> NoReturn:
    _refuse(
        f"has texts with more than {LIMIT_WRITTEN_BYTES:,} bytes of other letters than those of a "
        "photo in base64",
        "Shorten them.",
    )


def _refuse_depth(brackets: bytes, limit_depth: int) -> None:
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in b"[{" else -1
        if depth > limit_depth:
            _refuse(f"nests more than {limit_depth} levels", "Write it flatter.")


def _refuse_many(limit_values: int) -> NoReturn:
    _refuse(f"has more than {limit_values:,} values", "Send fewer things at once.")


def _refuse_unreadable(data: bytes, reason: str, limit_depth: int) -> NoReturn:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(f"is not UTF-8 at byte {error.start + 1}", "Send it as UTF-8.")
    told = reason.encode("ascii", "backslashreplace").decode()
    if len(told) > _SHOWN_CHARACTERS:
        told = told[:_SHOWN_CHARACTERS] + "..."
    if "recursion limit" in reason:
        _refuse(f"nests more than {limit_depth} levels", "Write it flatter.")
    if "duplicate key" in reason:
        _refuse(f"gives a name twice in one object ({told})", "Leave one of the two out.")
    if "surrogate" in reason or "hex escape" in reason:
        _refuse(
            rf"holds \u codes that are no characters ({told})", "Write the characters themselves."
        )
    if "out of range" in reason:
        _refuse(f"holds a number of thousands of digits ({told})", "Write it in quotes, as text.")
    _refuse(f"cannot be read ({told})", "Mend it there.")


def _refuse_infinite(value: object) -> None:
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            left.extend(each.values())
        elif isinstance(each, list):
            left.extend(each)
        elif isinstance(each, float) and not math.isfinite(each):
            _refuse_number(each)


def _refuse_number(value: float) -> NoReturn:
    if math.isnan(value):
        _refuse("holds NaN, which JSON does not have", "Write null, or leave it out.")
    name = "-Infinity" if value < 0 else "Infinity"
    _refuse(
        f"holds {name}, which JSON does not have, or a number too large to be kept",
        "Write null, or a smaller number.",
    )


def _refuse(reason: str, cure: str) -> NoReturn:
    raise InvalidQueryError(f"The JSON {reason}. {cure}")
