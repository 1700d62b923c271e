"""Text encoding detection for CSV files, and bounded reading of their lines."""

import codecs
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, Final, TextIO

from furniture_prompter.errors import InvalidFeedError

LIMIT_LINE_CHARACTERS: Final = 1 << 20
_LIMIT_SAMPLE_BYTES: Final = 1 << 14
"""Of lines beyond ASCII: more of them change no guess."""

_BLOCK_CHARACTERS: Final = 1 << 16
_ODD_CHARACTERS: Final = re.compile('[\0\ufeff\ud800-\udfff]|="')
"""What lines of a table are looked at one by one for."""
_REREAD_SHARE: Final = 10
_REREAD_ANYWAY: Final = 10_000
"""Lines read again: so many times those read from the file, and so many on top."""

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

_CYRILLIC: Final = "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґў"
_GREEK: Final = "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ"
_TURKISH: Final = "çğıöşüâîûäßé"
_LANGUAGES: Final = (
    # Those whose letters Windows-1254 has too come first: it is what Turkish Windows writes.
    ("cp1254", _TURKISH),
    ("cp1252", "äöüßéàèê"),
    ("cp1252", "àâæçéèêëîïôœùûüÿ"),
    ("cp1252", "áéíóúñüçãõâêôàòì"),
    ("cp1252", "åäöæøéü"),
    ("cp1250", "áčďéěíňóřšťúůýžĺľŕôäö"),
    ("cp1250", "ąćęłńóśźż"),
    ("cp1250", "áéíóöőúüű"),
    ("cp1250", "ăâîşţčćđšž"),
    ("cp1251", _CYRILLIC),
    ("cp1253", _GREEK),
    ("cp857", _TURKISH),
    ("cp850", "äöüßéàèêçáíóúñ"),
    ("cp866", _CYRILLIC),
)
"""Code pages, the likelier ones first, with the letters beyond ASCII of languages written in them.
A page comes once for each group of languages: all its letters together would fit any text."""
_SIGNS: Final = "–—‘“”„…•°€£©®™²³½¼¾×«»·±´µº№\xa0"


def _misfits(letters: str) -> tuple[str, ...]:
    """Patterns of what does not fit words with these letters beyond ASCII."""
    capitals = letters.upper().replace("SS", "ẞ") + ("İ" if "ı" in letters else "")
    return (
        rf"[^\x00-\x7f{letters}{capitals}{_SIGNS}’]",
        "\ufffd",  # undefined in the page: worse than a letter of another language
        rf"(?<=[^\W\d_])[{_SIGNS}](?=[^\W\d_])",
        rf"[a-z{letters}](?=[{capitals}])",
        "[a-zA-Z](?=[\u0370-\u04ff])|[\u0370-\u04ff](?=[a-zA-Z])",
    )


_MISFITS: Final = tuple(
    (page, tuple(re.compile(pattern) for pattern in _misfits(letters)))
    for page, letters in _LANGUAGES
)
_DAMAGED: Final = "feed-damaged"
"""Error handler by which each byte that is no character becomes half a surrogate pair."""


def _keep_damaged(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in bad), error.end


codecs.register_error(_DAMAGED, _keep_damaged)

_MARKED: Final = ("utf-16", "utf-32", "utf-8-sig")
_SAMPLE: Final = 'id;name,2\t|"+-&~\\u0041\\x41xn--a"\r\n'
"""What tables are made of, and what encodings of something else write in another way."""


def is_text_files_encoding(name: str) -> bool:
    """Whether Python knows an encoding of this name in which programs write text files.

    It has a byte for each letter of ASCII, or is UTF-16 or UTF-32, and can go on behind bytes that
    are none of it. Python's other codecs (``punycode``, ``unicode_escape``) escape text for
    something else; some of them take time in the square of its length.
    """
    try:
        if codecs.lookup(name).name.startswith(_MARKED):
            return True
        data = _SAMPLE.encode(name)
        if len(data) != len(_SAMPLE) or data.decode(name) != _SAMPLE:
            return False
        bytes(range(256)).decode(name, _DAMAGED)
        return True
    except (LookupError, ValueError):
        return False


@dataclass(frozen=True, slots=True)
class TextEncoding:
    """The encoding of a file.

    Attributes:
        name: In Python's words.
        guessed: Whether its letters alone spoke for it.
    """

    name: str
    guessed: bool = False


def detect_encoding(file: BinaryIO, name: str) -> TextEncoding:
    """The encoding of a file: by its mark, as UTF-8 where that fits, or by what makes words.

    A file in which more lines are UTF-8 beyond ASCII than are not is UTF-8 with damaged lines;
    hardly a word of another encoding is UTF-8 by accident.

    Args:
        file: Open at its beginning.
        name: What to call it in errors.

    Raises:
        InvalidFeedError: it is no text.
    """
    start = file.read(4)
    for mark, encoding in _BOMS:
        if start.startswith(mark):
            return TextEncoding(encoding)
    for magic, kind in _NOT_TEXT.items():
        if start.startswith(magic):
            raise InvalidFeedError(
                f"The feed {name} is {kind}, not a text file. Export it as CSV (UTF-8)."
            )
    file.seek(0)
    fitting, unfitting, zeros, lines = 0, 0, 0, 0
    sample = bytearray()
    begins = True
    while data := file.readline(LIMIT_LINE_CHARACTERS):
        lines += begins
        zeros += begins and b"\0" in data
        begins = data.endswith(b"\n")
        if data.isascii():
            continue
        try:
            data.decode("utf-8")
            fitting += 1
        except UnicodeDecodeError:
            unfitting += 1
            sample += data[: _LIMIT_SAMPLE_BYTES - len(sample)]
    # A damaged line or two are set aside as rows; text of two bytes a letter has them everywhere.
    if zeros > lines / 2:
        raise InvalidFeedError(
            f"The feed {name} holds zero bytes in most of its lines, so it is no text, or UTF-16 "
            "without a mark. Save it as UTF-8, or give --text-encoding utf-16-le."
        )
    if fitting >= unfitting:
        return TextEncoding("utf-8")
    return TextEncoding(likeliest_code_page(bytes(sample)), guessed=True)


def likeliest_code_page(sample: bytes) -> str:
    """The code page in which the bytes beyond ASCII are letters of one language's words.

    Counts what does not fit in each: letters of other languages, signs between letters, capitals
    behind small letters. On titles of a line or two in eight languages this was right where the
    general detectors took Turkish for something else half of the time.
    """

    def misfits(language: tuple[str, tuple[re.Pattern[str], ...]]) -> int:
        page, patterns = language
        text = sample.decode(page, "replace")
        return sum(len(pattern.findall(text)) for pattern in patterns)

    return min(_MISFITS, key=misfits)[0]


def open_text(file: BinaryIO, encoding: str) -> io.TextIOWrapper:
    """Text of an open file from its beginning, for :class:`BoundedLines`.

    Bytes that are no characters become half surrogate pairs. The file stays open when the text is
    done with: detach it.
    """
    file.seek(0)
    return io.TextIOWrapper(file, encoding=encoding, errors=_DAMAGED, newline="")


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
        self._block: list[str] = []
        self._place = 0
        self._rest = ""
        self._is_plain = False
        self.count = 0

    def __iter__(self) -> "BoundedLines":
        """Itself."""
        return self

    def __next__(self) -> str:
        """The next line with its line break.

        Raises:
            LineTooLongError: it is longer than the limit; it has been skipped.
        """
        if self._place == len(self._block):
            self._read_block()
        line = self._block[self._place]
        self._place += 1
        self.count += 1
        if len(line) > LIMIT_LINE_CHARACTERS:
            raise LineTooLongError(f"The line has more than {LIMIT_LINE_CHARACTERS:,} characters.")
        return line

    def plain_ahead(self) -> Iterator[str]:
        """Lines that come next, for a glance: none is cut off, damaged or holds Excel's ``="``.

        None where that cannot be said of them. Those that were made use of are told to
        :meth:`pass_over`.
        """
        if self._place == len(self._block):
            try:
                self._read_block()
            except StopIteration:
                return iter(())
        return islice(self._block, self._place, None) if self._is_plain else iter(())

    def pass_over(self, lines: int) -> None:
        """Go on behind so many of the lines of :meth:`plain_ahead`."""
        self._place += lines
        self.count += lines

    def _read_block(self) -> None:
        """Read until a line is whole."""
        self._place = 0
        lines: list[str] = []
        text = long = ""
        while not lines:
            data = self._file.read(_BLOCK_CHARACTERS)
            if not data:
                lines, self._rest = [long + self._rest] if self._rest else [], ""
                self._block, self._is_plain = lines, False
                if not lines:
                    raise StopIteration
                return
            text = self._rest + data
            lines = io.StringIO(text, newline="").readlines()
            # A line feed may follow a carriage return at the end.
            self._rest = "" if lines[-1].endswith("\n") else lines.pop()
            if lines:
                lines[0] = long + lines[0]
            elif long or len(self._rest) > LIMIT_LINE_CHARACTERS:
                # It is told to be too long by so many characters as well as by all, and its end
                # is found without reading those again.
                long, self._rest = long or self._rest[:LIMIT_LINE_CHARACTERS], self._rest[-1]
        self._block = lines
        self._is_plain = len(long) + len(text) <= LIMIT_LINE_CHARACTERS and not (
            _ODD_CHARACTERS.search(text) if not text.isascii() else "\0" in text or '="' in text
        )


class TooMuchRereadError(ValueError):
    """So many lines were read again that reading would take more than linear time."""


class RereadableLines:
    """Lines of which those since a mark can be read once more, for a bounded number of times."""

    def __init__(self, lines: BoundedLines) -> None:
        self._lines = lines
        self._reread = 0
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

    def plain_ahead(self) -> Iterator[str]:
        """As :meth:`BoundedLines.plain_ahead`; none while lines are read again."""
        return iter(()) if self._again else self._lines.plain_ahead()

    def pass_over(self, lines: int) -> None:
        """As :meth:`BoundedLines.pass_over`."""
        self._lines.pass_over(lines)

    @property
    def since_mark(self) -> list[str]:
        """Lines read since the mark."""
        return self._since_mark

    def mark(self) -> None:
        """Begin to remember lines from here."""
        self._since_mark.clear()

    def reread_after_first(self) -> None:
        """Read the lines since the mark again, all but the first.

        Raises:
            TooMuchRereadError: it has come to several times all lines of the file.
        """
        self._reread += len(self._since_mark) - 1
        if self._reread > _REREAD_SHARE * self._lines.count + _REREAD_ANYWAY:
            raise TooMuchRereadError
        self._again.extendleft(reversed(self._since_mark[1:]))
        self._since_mark.clear()
