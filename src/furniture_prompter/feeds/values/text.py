"""Text of shops' systems: HTML to plain text, category trees to paths."""

import html
import re
from functools import lru_cache
from html.parser import HTMLParser
from typing import Final

from furniture_prompter.feeds.cells import UnusableValueError
from furniture_prompter.feeds.values import words_of

LIMIT_HTML_CHARACTERS: Final = 100_000

_BLOCKS: Final = words_of(
    "address article aside blockquote br caption dd details dialog div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section summary table "
    "tbody tfoot thead tr ul"
)
_CELLS: Final = frozenset({"td", "th"})
_DROPPED: Final = words_of("script style template noscript svg math iframe object head title")
_TAG: Final = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]{0,15}[\s/>]|<!--")
_UNFINISHED: Final = re.compile("<[a-zA-Z/!?]")
_BLANKS: Final = re.compile(r"[^\S\n]+")


class _Reader(HTMLParser):
    """Collects the text that a page shows."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._dropped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in _DROPPED:
            self._dropped.append(tag)
        elif tag in _BLOCKS:
            self.parts.append("\n")
        elif tag in _CELLS:
            self.parts.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _DROPPED:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED:
            if tag in self._dropped:
                while self._dropped.pop() != tag:
                    pass
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if data and not self._dropped:
            # Line breaks of the source are blanks in HTML.
            self.parts.append(" ".join(data.split()) if data.isspace() else _one_line(data))


def _one_line(data: str) -> str:
    before = " " if data[0].isspace() else ""
    after = " " if data[-1].isspace() else ""
    return before + " ".join(data.split()) + after


def html_to_text(text: str) -> str:
    """What HTML shows, as lines: blocks on lines of their own, entities as letters.

    Scripts, styles and what else is not shown is left out. Text without markup comes back as
    it is, with its line breaks.

    Raises:
        UnusableValueError: it is longer than :data:`LIMIT_HTML_CHARACTERS`.
    """
    if "<" not in text and "&" not in text:
        return text
    if len(text) > LIMIT_HTML_CHARACTERS:
        raise UnusableValueError(
            f"The text has {len(text)} characters, more than {LIMIT_HTML_CHARACTERS}.",
            "Shorten it, or leave the cell blank.",
        )
    if not _TAG.search(text):
        # Some exports escape the markup once more, so that it shows only now.
        text = html.unescape(text)
        if not _TAG.search(text):
            return text
    # What follows the last tag is fed apart: the parser takes time in the square of tags that
    # are never closed.
    end = text.rfind(">") + 1
    unfinished = _UNFINISHED.search(text, end)
    reader = _Reader()
    reader.feed(text[:end])
    reader.handle_data(html.unescape(text[end : unfinished.start() if unfinished else None]))
    reader.close()
    lines = (_BLANKS.sub(" ", line).strip() for line in "".join(reader.parts).split("\n"))
    return "\n".join(line for line in lines if line)


LIMIT_LEVELS: Final = 12
_ARROWS: Final = re.compile(r"&gt;|->|=>|>>|[>›»→]")
_SPACED_SLASH: Final = re.compile(r"\s/\s")
_ROOTS: Final = frozenset(
    {
        "default category",
        "root catalog",
        "root",
        "home",
        "ana sayfa",
        "anasayfa",
        "startseite",
        "accueil",
        "inicio",
        "varsayılan kategori",
    }
)
_ESCAPED_COMMA: Final = "\ue000"


@lru_cache(maxsize=16_384)
def category_paths(text: str, *, commas: bool = False) -> tuple[tuple[str, ...], ...]:
    """The paths of a category cell, each from its top level down.

    Levels are parted by ``>``, ``»``, ``|`` or ``/``. The root that shop systems put over all
    (``Default Category``, ``Home``) is left out.

    Args:
        text: Such as ``Furniture > Sofas``, or Magento's
            ``Default Category/Mobilya,Default Category/Mobilya/Koltuk``.
        commas: Whether commas part several paths for certain, as WooCommerce writes them; else
            they do so only where what follows is a path too.

    Returns:
        Paths without doubles, in their order; none for blank text.
    """
    pieces = _several(text.replace("\\,", _ESCAPED_COMMA), commas=commas)
    paths = (_levels(piece) for piece in pieces)
    return tuple(dict.fromkeys(path for path in paths if path))


def category_path(text: str, *, commas: bool = False) -> tuple[str, ...]:
    """The levels of the deepest path of a category cell; the first of those alike deep."""
    return max(category_paths(text, commas=commas), key=len, default=())


def category_prefixes(paths: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """Each level's full path, top first: ``Furniture``, ``Furniture > Sofas``."""
    return tuple(
        dict.fromkeys(" > ".join(path[:end]) for path in paths for end in range(1, len(path) + 1))
    )


def _several(text: str, *, commas: bool) -> list[str]:
    if ";" in text and "&" not in text:
        return [piece for part in text.split(";") for piece in _several(part, commas=commas)]
    if _ARROWS.search(text) and "|" in text:
        return [piece for part in text.split("|") for piece in _several(part, commas=commas)]
    pieces = text.split(",")
    if commas or len(pieces) == 1:
        return pieces
    is_path = _is_slashed if "/" in text and not _ARROWS.search(text) else _has_arrow
    joined = [pieces[0]]
    for piece in pieces[1:]:
        if is_path(piece):
            joined.append(piece)
        else:
            joined[-1] += f",{piece}"
    return joined


def _has_arrow(piece: str) -> bool:
    return _ARROWS.search(piece) is not None


def _is_slashed(piece: str) -> bool:
    return "/" in piece.strip().strip("/")


def _levels(path: str) -> tuple[str, ...]:
    if _ARROWS.search(path):
        levels = _ARROWS.split(path)
    elif "|" in path:
        levels = path.split("|")
    elif _SPACED_SLASH.search(path):
        levels = _SPACED_SLASH.split(path)
    elif path.strip("/ ").count("/") > 1 or path.lower().lstrip().startswith(_SLASHED_ROOTS):
        levels = path.split("/")
    else:
        levels = [path.strip().strip("/")]
    plain = [" ".join(level.replace(_ESCAPED_COMMA, ",").split()) for level in levels]
    plain = [level for level in plain if level]
    if len(plain) > 1 and plain[0].lower() in _ROOTS:
        plain = plain[1:]
    return tuple(plain[:LIMIT_LEVELS])


_SLASHED_ROOTS: Final = tuple(f"{root}/" for root in _ROOTS)
