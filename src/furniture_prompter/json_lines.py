"""Lines of JSON-lines files: numbered, bounded in length, blank ones left out."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO


def numbered_lines(file: BinaryIO, limit_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    """Number, from 1, and bytes of each line that is not blank, as they come.

    A line keeps its line break, and loses the byte order mark that it may begin with: files that
    were put together keep the mark that each began with.

    Args:
        file: Where its first line begins.
        limit_bytes: Longest line, its line break counted; a longer one is skipped and comes as
            None.
    """
    number = 0
    while data := file.readline(limit_bytes + 1):
        number += 1
        if len(data) > limit_bytes:
            while data and not data.endswith(b"\n"):
                data = file.readline(limit_bytes)
            yield number, None
        elif (line := data.removeprefix(codecs.BOM_UTF8)).strip():
            yield number, line
