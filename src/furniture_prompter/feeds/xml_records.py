"""XML files as records: Google Merchant's RSS and Atom, and lists of elements of any name."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Final
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, InputSource

from defusedxml import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.cells import UnusableValueError
from furniture_prompter.feeds.feed_files import FeedFile
from furniture_prompter.feeds.flattening import OWN_TEXT, flattened
from furniture_prompter.feeds.jsonl import columns_of
from furniture_prompter.feeds.records import KeyColumns, Record, RecordItem

_CHUNK_BYTES: Final = 1 << 16
LIMIT_RECORD_CHARACTERS: Final = 4 << 20
"""Names and texts of one record's elements together."""
LIMIT_DEPTH: Final = 64
_LOOKED_AT_ELEMENTS: Final = 200_000
"""Elements that tell which of them are the records."""
_LIMIT_PATHS: Final = 10_000

_RECORD_NAMES: Final = frozenset(
    (
        *("item", "entry", "product", "offer", "article", "artikel", "produkt", "record", "row"),
        *("good", "shopitem", "produit", "producto", "prodotto"),
        *("urun", "ürün", "stok", "kayit", "kayıt"),
    )
)
_MEND: Final = "Mend the XML there, for example & as &amp;, or export the feed again."

_Path = tuple[str, ...]


class XmlRecords:
    """The elements of an XML file that are repeated below its root, one a record.

    Names stay as they are written, with their prefix (``g:price``). A child is a field, a repeated
    one a list, one with children of its own dotted, an attribute ``@name`` below its element.
    """

    has_types = False

    def __init__(self, file: FeedFile) -> None:
        self._file = file

    @property
    def path(self) -> Path:
        """See :class:`furniture_prompter.feeds.records.RecordSource`."""
        return self._file.path

    @property
    def folder(self) -> Path:
        """See :class:`furniture_prompter.feeds.records.RecordSource`."""
        return self._file.folder

    @property
    def format(self) -> str:
        """See :class:`furniture_prompter.feeds.records.RecordSource`."""
        return f"XML, elements {'/'.join(self._record_path)}"

    def columns(self) -> tuple[str, ...]:
        """See :class:`furniture_prompter.feeds.records.RecordSource`."""
        return columns_of(self.records())

    def records(self, keys: KeyColumns | None = None) -> Iterator[RecordItem]:
        """See :class:`furniture_prompter.feeds.records.RecordSource`.

        Behind a place where the XML is broken nothing can be read, which is set aside.
        """
        del keys  # of text files with quotes alone
        path = self._record_path
        collector = _Collector(path)
        count = 0
        with self._file.open() as file:
            for _ in _parsed(file, collector, self.path):
                for line, found in collector.taken():
                    count += 1
                    if isinstance(found, UnusableValueError):
                        yield self._file.set_aside(found, line)
                        continue
                    try:
                        yield Record(line, flattened(found))
                    except UnusableValueError as problem:
                        yield self._file.set_aside(problem, line)
        if collector.broken is not None:
            line, broken = collector.broken
            if not count:
                raise InvalidFeedError(
                    f"The feed {self.path} is broken XML in line {line}: {broken.reason} {_MEND}"
                )
            yield self._file.set_aside(broken, line)

    @cached_property
    def _record_path(self) -> _Path:
        surveyor = _Surveyor()
        with self._file.open() as file:
            for _ in _parsed(file, surveyor, self.path):
                if surveyor.elements > _LOOKED_AT_ELEMENTS:
                    break
        path = _likeliest_records(surveyor)
        if path is None and surveyor.broken is not None:
            line, problem = surveyor.broken
            raise InvalidFeedError(
                f"The feed {self.path} is broken XML in line {line}: {problem.reason} {_MEND}"
            )
        if path is None:
            raise InvalidFeedError(
                f"The feed {self.path} is XML, but holds no list of elements with children. Give "
                "an RSS or Atom feed of products, or a list such as <products><product>…."
            )
        return path


class _Handler(ContentHandler):
    """What both passes know: where they are, and where the XML broke.

    Attributes:
        path: Names of the open elements.
        line: Tells the 1-based line of what is being parsed.
        broken: Line and problem of the place behind which nothing was read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.path: _Path = ()
        self.line: Callable[[], int] = int
        self.broken: tuple[int, UnusableValueError] | None = None

    def open(self, name: str) -> None:
        """Go into an element."""
        if len(self.path) >= LIMIT_DEPTH:
            raise UnusableValueError(
                f"Elements are nested deeper than {LIMIT_DEPTH}. Nothing after it was read.", _MEND
            )
        self.path = (*self.path, name)


def _parsed(file: BinaryIO, handler: _Handler, path: Path) -> Iterator[None]:
    """Feed a file to a handler, and pause after each piece of it.

    A break of the XML ends it and is noted in the handler.

    Raises:
        InvalidFeedError: it declares entities, which feeds have no use for and attacks have.
    """
    parser = DefusedExpatParser()
    parser.setContentHandler(handler)
    parser.prepareParser(InputSource())
    skipped = 0
    begun = False
    handler.line = lambda: parser.getLineNumber() + skipped
    try:
        while data := file.read(_CHUNK_BYTES):
            if not begun and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
                # Programs write blank lines in front of the declaration, which XML forbids.
                rest = data.removeprefix(b"\xef\xbb\xbf").lstrip()
                skipped += data[: len(data) - len(rest)].count(b"\n")
                data = rest
            begun = begun or bool(data)
            if data:
                parser.feed(data)
            yield
        parser.close()
        yield
    except SAXParseException as error:
        line = (error.getLineNumber() or 0) + skipped
        words = str(error.getMessage()).removeprefix("not well-formed (invalid token)")
        reason = f"Broken XML: {words.strip() or 'what stands there is no XML'}."
        handler.broken = line, _unread(reason)
    except DefusedXmlException as error:
        raise InvalidFeedError(
            f"The feed {path} declares entities or refers to other files, which is refused. Export "
            "it without a DOCTYPE."
        ) from error
    except UnusableValueError as problem:
        handler.broken = handler.line(), _unread(problem.reason)
    except (LookupError, ValueError) as error:
        # Python's own codecs raise what they like for a declared encoding that is none of text.
        handler.broken = 1, _unread(f"The encoding that it declares cannot be read ({error}).")
    finally:
        # A parser and its handlers refer to each other.
        parser.setContentHandler(ContentHandler())
        handler.line = int
    if handler.broken is not None:
        yield


def _unread(reason: str) -> UnusableValueError:
    if not reason.endswith("Nothing after it was read."):
        reason = f"{reason} Nothing after it was read."
    return UnusableValueError(reason, _MEND, hides_ids=True)


class _Surveyor(_Handler):
    """Counts elements by where they stand.

    Attributes:
        elements: How many there were.
        counts: How many of each path.
        nesting: How many of each path that have children, or several attributes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0
        self.counts: Counter[_Path] = Counter()
        self.nesting: Counter[_Path] = Counter()
        self._has_children: list[bool] = []

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802  # SAX's name
        """An element begins."""
        self.open(name)
        self.elements += 1
        if len(self.counts) < _LIMIT_PATHS or self.path in self.counts:
            self.counts[self.path] += 1
        if self._has_children:
            self._has_children[-1] = True
        self._has_children.append(len(attrs) > 1 and len(self.path) > 1)

    def endElement(self, name: str) -> None:  # noqa: ARG002, N802  # SAX's names
        """An element ends."""
        if self._has_children.pop() and (
            len(self.nesting) < _LIMIT_PATHS or self.path in self.nesting
        ):
            self.nesting[self.path] += 1
        self.path = self.path[:-1]


def _likeliest_records(survey: _Surveyor) -> _Path | None:
    """Where the records are: elements of a usual name, else those repeated that lie highest."""
    below_root = {path: count for path, count in survey.nesting.items() if len(path) > 1}
    named = {
        path: count
        for path, count in below_root.items()
        if _is_record_name(path[-1]) and not any(map(_is_record_name, path[1:-1]))
    }
    if named:
        return max(named, key=named.__getitem__)
    single = {
        path: count
        for path, count in below_root.items()
        if all(survey.counts[path[:end]] == 1 for end in range(1, len(path)))
    }
    repeated = {path: count for path, count in single.items() if count > 1}
    if repeated:
        return max(repeated, key=repeated.__getitem__)
    return min(single, key=len, default=None)


def _is_record_name(name: str) -> bool:
    return name.rpartition(":")[2].lower() in _RECORD_NAMES


class _Collector(_Handler):
    """Keeps the records that ended since it was last asked."""

    def __init__(self, record: _Path) -> None:
        super().__init__()
        self._record = record
        self._open: list[dict[str, Any]] = []
        self._texts: list[list[str]] = []
        self._size = 0
        self._line = 0
        self._done: list[tuple[int, dict[str, Any] | UnusableValueError]] = []

    def taken(self) -> list[tuple[int, dict[str, Any] | UnusableValueError]]:
        """Lines and elements of the records that ended since the last call."""
        done, self._done = self._done, []
        return done

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802  # SAX's name
        """An element begins."""
        self.open(name)
        if not self._open:
            if self.path != self._record:
                return
            self._line = self.line()
            self._size = 0
        self._size += len(name) + 16
        element: dict[str, Any] = {}
        if self._size <= LIMIT_RECORD_CHARACTERS:
            for key in attrs.getNames():
                element[f"@{key}"] = attrs.getValue(key)
                self._size += len(key) + len(attrs.getValue(key))
        self._open.append(element)
        self._texts.append([])

    def characters(self, content: str) -> None:
        """Text of the element that is open."""
        if self._open and self._size <= LIMIT_RECORD_CHARACTERS:
            self._size += len(content)
            self._texts[-1].append(content)

    def endElement(self, name: str) -> None:  # noqa: N802  # SAX's name
        """An element ends."""
        self.path = self.path[:-1]
        if not self._open:
            return
        element = self._open.pop()
        text = "".join(self._texts.pop()).strip()
        if not self._open:
            if self._size > LIMIT_RECORD_CHARACTERS:
                self._done.append((self._line, _too_long()))
            elif element:
                self._done.append((self._line, element))
            return
        if self._size > LIMIT_RECORD_CHARACTERS:
            return
        value: Any = text or None
        if element:
            value = {OWN_TEXT: text, **element} if text else element
        parent = self._open[-1]
        if name not in parent:
            parent[name] = value
        elif isinstance(parent[name], list):
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]


def _too_long() -> UnusableValueError:
    return UnusableValueError(
        f"The element has more than {LIMIT_RECORD_CHARACTERS:,} characters.",
        "Leave out what nobody will search or filter by.",
    )
