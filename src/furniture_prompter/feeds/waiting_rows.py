"""Rows that wait for others of their product: in memory, and beyond a limit on the disk."""

import json
import tempfile
from collections.abc import Iterator
from typing import IO, Final

from furniture_prompter.feeds.records import Record

_IN_MEMORY_BYTES: Final = 64 << 20


class WaitingRows:
    """Rows of products whose other rows come later, in memory or on the disk."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._places: dict[int, list[int]] = {}

    def add(self, key: int, record: Record) -> int:
        """Keep a row; answers how many of its product are kept now."""
        if self._file is None:
            self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115  # closed in close()
        places = self._places.setdefault(key, [])
        places.append(self._file.seek(0, 2))
        kept = json.dumps([record.line, dict(record.fields), record.may_be_cut])
        self._file.write(kept.encode("ascii") + b"\n")
        return len(places)

    def take(self, key: int) -> list[Record]:
        """The rows of a product, which are kept no longer."""
        return list(self._read(self._places.pop(key, [])))

    def rest(self) -> Iterator[list[Record]]:
        """The products that are still waiting."""
        for key in list(self._places):
            yield self.take(key)

    def _read(self, places: list[int]) -> Iterator[Record]:
        if self._file is None:
            return
        for place in places:
            self._file.seek(place)
            line, fields, may_be_cut = json.loads(self._file.readline())
            yield Record(line, fields, may_be_cut)

    def close(self) -> None:
        """Let go of what is kept."""
        if self._file is not None:
            self._file.close()
