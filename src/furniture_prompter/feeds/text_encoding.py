"""Which encoding a table's text is in, and its lines."""

import codecs
from collections import deque
from pathlib import Path
from typing import BinaryIO, Final, TextIO

from furniture_prompter.errors import InvalidFeedError

LIMIT_LINE_CHARACTERS: Final = 1 << 20

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOT_TEXT: Final = {
    b"PK\x03\x04": "a workbook or a zip",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "compressed",
    b"%PDF": "a PDF",
}
FALLBACK: Final = "cp1254"
"""Windows-1254, Turkish; all but six letters are those of Western Windows-1252."""


def detect_encoding(file: BinaryIO, name: str) -> str:
    """The encoding of a file: by its mark, as UTF-8 where that fits, otherwise Windows-1254.

    A file in which more lines are UTF-8 beyond ASCII than are not is UTF-8 with damaged lines;
    hardly a word of Windows-1254 is UTF-8 by accident.

    Args:
        file: Open at its beginning.
        name: What to call it in errors.

    Raises:
        InvalidFeedError: it is no text.
    """
    start = file.read(4)
    for mark, encoding in _BOMS:
        if start.startswith(mark):
            return encoding
    for magic, kind in _NOT_TEXT.items():
        if start.startswith(magic):
            raise InvalidFeedError(
                f"The feed {name} is {kind}, not a text file. Export it as CSV (UTF-8)."
            )
    file.seek(0)
    fitting, unfitting = 0, 0
    while data := file.readline(LIMIT_LINE_CHARACTERS):
        if b"\0" in data:
            raise InvalidFeedError(
                f"The feed {name} holds zero bytes, so it is no text, or UTF-16 without a mark. "
                "Save it as UTF-8."
            )
        if data.isascii():
            continue
        try:
            data.decode("utf-8")
            fitting += 1
        except UnicodeDecodeError:
            unfitting += 1
    return "utf-8" if fitting >= unfitting else FALLBACK


def open_text(path: Path, encoding: str) -> TextIO:
    """Open a file for :class:`BoundedLines`; what is not UTF-8 becomes half surrogate pairs."""
    errors = "surrogateescape" if encoding.startswith("utf-8") else "strict"
    return path.open(encoding=encoding, errors=errors, newline="")


class LineTooLongError(ValueError):
    """A physical line beyond the limit; the next one can be read."""


class BoundedLines:
    """The lines of a file, counted, none of them longer than the limit.

    Unlike a generator it goes on after an error, so that a reader on top of it can.

    Attributes:
        count: Lines read so far.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.count = 0

    def __iter__(self) -> "BoundedLines":
        """Itself."""
        return self

    def __next__(self) -> str:
        """The next line with its line break.

        Raises:
            LineTooLongError: it is longer than the limit; it has been skipped.
        """
        line = self._file.readline(LIMIT_LINE_CHARACTERS + 1)
        if not line:
            raise StopIteration
        self.count += 1
        if len(line) > LIMIT_LINE_CHARACTERS:
            while line and not line.endswith(("\n", "\r")):
                line = self._file.readline(LIMIT_LINE_CHARACTERS)
            raise LineTooLongError(f"The line has more than {LIMIT_LINE_CHARACTERS:,} characters.")
        return line


class RereadableLines:
    """Lines of which those since a mark can be read once more."""

    def __init__(self, lines: BoundedLines) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self._since_mark: list[str] = []

    @property
    def count(self) -> int:
        """Lines read so far, less those that will be read again."""
        return self._lines.count - len(self._again)

    def __iter__(self) -> "RereadableLines":
        """Itself."""
        return self

    def __next__(self) -> str:
        """The next line with its line break.

        Raises:
            LineTooLongError: as :class:`BoundedLines` does.
        """
        line = self._again.popleft() if self._again else next(self._lines)
        self._since_mark.append(line)
        return line

    def mark(self) -> None:
        """Begin to remember lines from here."""
        self._since_mark.clear()

    def reread_after_first(self) -> None:
        """Read the lines since the mark again, all but the first."""
        self._again.extendleft(reversed(self._since_mark[1:]))
        self._since_mark.clear()
