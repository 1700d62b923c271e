"""HTML pages: what a page tells programs beside what it shows, such as JSON-LD, links and metas."""

import codecs
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

from furniture_prompter.feeds.text_encoding import likeliest_code_page

LIMIT_PAGE_BYTES: Final = 8 << 20
LIMIT_LINKS: Final = 20_000
LIMIT_BLOCKS: Final = 200
_PREFIX_BYTES: Final = 4_096
_CHARSET = re.compile(rb"""charset\s{0,9}=\s{0,9}["']?([A-Za-z0-9_:.-]{1,40})""", re.IGNORECASE)
_SPACES = re.compile(r"\s+")
# The attributes by which an element carries microdata or RDFa.
_MARKUP: Final = {"itemscope": "microdata", "typeof": "rdfa", "vocab": "rdfa"}


@dataclass(frozen=True, slots=True)
class PageLink:
    """A link to another page.

    Attributes:
        address: As the page writes it.
        rel: What it says of the other page, in small letters: ``nofollow``, ``next``.
    """

    address: str
    rel: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class JsonBlock:
    """The text of one ``<script type="application/ld+json">``.

    Attributes:
        line: 1-based line on which it begins.
        text: Everything between the tags.
    """

    line: int
    text: str


@dataclass(slots=True)
class HtmlPage:
    """What a page says of itself.

    Attributes:
        title: Text of ``<title>``, blanks as one.
        base: Address of ``<base>``; empty where there is none.
        canonical: Address of ``<link rel="canonical">``; empty where there is none.
        metas: Name or property, in small letters, and content of each ``<meta>``, in order.
        links: ``<a>``, and ``<link>`` to the next and the previous page.
        json_ld: Blocks of JSON-LD.
        markup: Which of ``microdata`` and ``rdfa`` elements carry.
    """

    title: str = ""
    base: str = ""
    canonical: str = ""
    metas: list[tuple[str, str]] = field(default_factory=list)
    links: list[PageLink] = field(default_factory=list)
    json_ld: list[JsonBlock] = field(default_factory=list)
    markup: set[str] = field(default_factory=set)

    def meta(self, *names: str) -> str:
        """Content of the first meta of one of these names; empty where there is none."""
        return next((value for name, value in self.metas if name in names and value), "")

    def all_metas(self, name: str) -> list[str]:
        """Contents of all metas of a name, blank ones left out."""
        return [value for each, value in self.metas if each == name and value]


def read_page(text: str) -> HtmlPage:
    """What the text of a page says; broken HTML is read as far as it goes."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    reader.end_block()
    reader.page.title = _SPACES.sub(" ", "".join(reader.title)).strip()
    return reader.page


def page_text(data: bytes) -> str:
    """Decode a page: by its mark, by the charset it names, as UTF-8, or by what makes words."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    named = _CHARSET.search(data[:_PREFIX_BYTES])
    if named is not None:
        try:
            found = codecs.lookup(named[1].decode("ascii"))
        except (LookupError, ValueError):
            found = None
        if found is not None and found.name not in {"utf-8", "iso8859-1", "ascii"}:
            try:
                return data.decode(found.name, "replace")
            except (LookupError, ValueError, UnicodeError):
                pass
    # Browsers read what calls itself ISO-8859-1 as a code page of Windows, and so do shops.
    return data.decode(likeliest_code_page(data[: 1 << 16]), "replace")


class _Reader(HTMLParser):
    """Collects what :class:`HtmlPage` has."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = HtmlPage()
        self.title: list[str] = []
        self._in_title = False
        self._block: list[str] | None = None
        self._block_line = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element's attributes."""
        values = {name: value or "" for name, value in reversed(attrs)}
        page = self.page
        for name, syntax in _MARKUP.items():
            if name in values:
                page.markup.add(syntax)
        if tag == "script":
            self.end_block()
            kind = values.get("type", "").partition(";")[0].strip().lower()
            if kind == "application/ld+json" and len(page.json_ld) < LIMIT_BLOCKS:
                self._block, self._block_line = [], self.getpos()[0]
        elif tag == "meta":
            name = (values.get("property") or values.get("name") or "").strip().lower()
            if name:
                page.metas.append((name, values.get("content", "").strip()))
        elif tag == "base":
            page.base = page.base or values.get("href", "").strip()
        elif tag in {"a", "link"}:
            self._link(tag, values)
        elif tag == "title" and not page.title:
            self._in_title = not self.title

    def _link(self, tag: str, values: dict[str, str]) -> None:
        page, address = self.page, values.get("href", "").strip()
        rel = frozenset(values.get("rel", "").lower().split())
        if not address:
            return
        if tag == "link" and "canonical" in rel:
            page.canonical = page.canonical or address
        elif (tag == "a" or rel & {"next", "prev"}) and len(page.links) < LIMIT_LINKS:
            page.links.append(PageLink(address, rel))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that closes itself has attributes all the same."""
        self.handle_starttag(tag, attrs)
        self._in_title = False

    def handle_endtag(self, tag: str) -> None:
        """End what was collected."""
        if tag == "script":
            self.end_block()
        elif tag == "title":
            self._in_title = False

    def handle_data(self, data: str) -> None:
        """Keep text of JSON-LD and of the title."""
        if self._block is not None:
            self._block.append(data)
        elif self._in_title:
            self.title.append(data)

    def end_block(self) -> None:
        """Take what was collected of a block over; one that the page cuts off counts too."""
        if self._block is not None:
            self.page.json_ld.append(JsonBlock(self._block_line, "".join(self._block)))
            self._block = None
