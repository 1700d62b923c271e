"""Lines of a request body that is read piece by piece."""

from collections.abc import AsyncIterator
from typing import Final

from furniture_prompter.web.errors import ApiError

MEDIA_TYPES: Final = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/json"}
)


async def lines(
    stream: AsyncIterator[bytes], limit_bytes: int, limit_lines: int
) -> AsyncIterator[tuple[int, bytes | None]]:
    """Number and bytes of each line that is not blank, as they come.

    Args:
        stream: The body.
        limit_bytes: Longest line; a longer one is skipped and comes as None.
        limit_lines: Most lines, blank ones aside.

    Raises:
        ApiError: there are more lines (413).
    """
    line, count = 1, 0
    held = bytearray()
    too_long = False
    async for chunk in stream:
        start = 0
        while True:
            end = chunk.find(b"\n", start)
            piece = chunk[start:end] if end >= 0 else chunk[start:]
            too_long = too_long or len(held) + len(piece) > limit_bytes
            if too_long:
                held.clear()
            else:
                held += piece
            if end < 0:
                break
            if too_long or held.strip():
                count += 1
                _refuse_more(count, limit_lines)
                yield line, None if too_long else bytes(held)
            held.clear()
            too_long, line, start = False, line + 1, end + 1
    if too_long or held.strip():
        _refuse_more(count + 1, limit_lines)
        yield line, None if too_long else bytes(held)


def _refuse_more(count: int, limit_lines: int) -> None:
    if count > limit_lines:
        raise ApiError(
            413,
            "too_large",
            f"The batch has more than {limit_lines:,} lines, so nothing of it was written. Send it "
            "in several.",
        )
