"""Lines of a request body that is read piece by piece."""

import re
from collections.abc import AsyncIterator
from typing import Final

from furniture_prompter.web.bodies import HeldShare
from furniture_prompter.web.errors import ApiError

MEDIA_TYPES: Final = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/json"}
)

# Blank lines are stepped over many at a time: a gigabyte of them is a second's work.
_BLANKS: Final = re.compile(rb"[ \t\r\n]*+")
_BOM: Final = b"\xef\xbb\xbf"


async def lines(
    stream: AsyncIterator[bytes], limit_bytes: int, limit_lines: int, share: HeldShare
) -> AsyncIterator[tuple[int, bytes | None]]:
    """Number and bytes of each line that is not blank, as they come.

    Args:
        stream: The body; a byte order mark before it is skipped.
        limit_bytes: Longest line; a longer one is skipped and comes as None.
        limit_lines: Most lines, blank ones aside.
        share: Counts a line's bytes before they are kept; who gets the line gives them back.

    Raises:
        ApiError: there are more lines (413), or all requests hold too many bytes (429).
    """
    line, count = 1, 0
    held = bytearray()
    too_long = False
    async for chunk in stream:
        start = 0
        while True:
            if not held and not too_long and (blanks := _BLANKS.match(chunk, start)):
                after = chunk.rfind(b"\n", start, blanks.end()) + 1
                if after:
                    line += chunk.count(b"\n", start, after)
                    start = after
            end = chunk.find(b"\n", start)
            piece = chunk[start:end] if end >= 0 else chunk[start:]
            if too_long or len(held) + len(piece) > limit_bytes:
                too_long = True
                share.give_back(len(held))
                held.clear()
            else:
                share.take(len(piece))
                held += piece
            if end < 0:
                break
            if too_long or not _is_blank(held, line):
                count += 1
                _refuse_more(count, limit_lines)
                yield line, None if too_long else _taken(held)
            else:
                share.give_back(len(held))
                held.clear()
            too_long, line, start = False, line + 1, end + 1
    if too_long or not _is_blank(held, line):
        _refuse_more(count + 1, limit_lines)
        yield line, None if too_long else _taken(held)


def _taken(held: bytearray) -> bytes:
    """Bytes, which are not kept here any longer: a line may have 45 MB."""
    data = bytes(held)
    held.clear()
    return data


def _is_blank(held: bytearray, line: int) -> bool:
    return not (held.removeprefix(_BOM) if line == 1 else held).strip()


def _refuse_more(count: int, limit_lines: int) -> None:
    if count > limit_lines:
        raise ApiError(
            413,
            "too_large",
            f"The batch has more than {limit_lines:,} lines, so nothing of it was written. Send it "
            "in several.",
        )
