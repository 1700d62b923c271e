"""A saved page as a feed: the products that ``page.html`` describes for search engines."""

from collections.abc import Iterator
from pathlib import Path

from furniture_prompter.domain import FeedNote, SetAside
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.html_page import LIMIT_PAGE_BYTES, page_text, read_page
from furniture_prompter.feeds.page_products import (
    MissingExtractorError,
    PageProducts,
    page_products,
)
from furniture_prompter.feeds.records import KeyColumns, Record, RecordItem
from furniture_prompter.feeds.structured_data import FIELDS


class SavedPage:
    """Records of one HTML file; see :class:`furniture_prompter.feeds.records.RecordSource`."""

    has_types = True

    def __init__(self, path: Path, content: Path, folder: Path) -> None:
        self._path = path
        self._content = content
        self._folder = folder

    @property
    def path(self) -> Path:
        """The page."""
        return self._path

    @property
    def folder(self) -> Path:
        """Where relative images lie."""
        return self._folder

    @property
    def format(self) -> str:
        """How it was read, such as ``HTML page, JSON-LD``."""
        return f"HTML page, {self._products().syntax}"

    def columns(self) -> tuple[str, ...]:
        """The known columns that any product has, then the shop's own.

        Raises:
            InvalidFeedError: the page cannot be read, or tells of no product.
        """
        named = dict.fromkeys(name for each in self._products().records for name in each)
        return (*(n for n in FIELDS if n in named), *(n for n in named if n not in FIELDS))

    def records(self, keys: KeyColumns | None = None) -> Iterator[RecordItem]:  # noqa: ARG002  # no quotes to mend here
        """The products, numbered; blocks of JSON-LD that cannot be read are set aside.

        Raises:
            InvalidFeedError: the page cannot be read, or tells of no product.
        """
        found = self._products()
        for line, reason in found.unreadable:
            yield self._unreadable(line, reason)
        for number, fields in enumerate(found.records, start=1):
            yield Record(number, fields)
        if found.listed and not found.unreadable:
            yield FeedNote(
                f"{self._path} also lists {len(found.listed):,} products that other pages "
                "describe. To have them too, crawl the shop: furniture-prompter crawl ADDRESS."
            )

    def _unreadable(self, line: int, reason: str) -> SetAside:
        return SetAside(
            source=self._path,
            line=line,
            reason=f"The JSON-LD that begins here cannot be read: {reason}.",
            cure="Mend it on the page, and save the page again.",
            hides_ids=True,
        )

    def _products(self) -> PageProducts:
        try:
            with self._content.open("rb") as file:
                data = file.read(LIMIT_PAGE_BYTES + 1)
        except OSError as error:
            raise InvalidFeedError(f"The page {self._path} cannot be read ({error}).") from error
        if len(data) > LIMIT_PAGE_BYTES:
            raise InvalidFeedError(
                f"The page {self._path} has more than {LIMIT_PAGE_BYTES:,} bytes. Give a feed of "
                "the shop, or crawl it."
            )
        text = page_text(data)
        page = read_page(text)
        try:
            found = page_products(page, text, page.canonical or page.meta("og:url"))
        except MissingExtractorError as error:
            raise InvalidFeedError(
                f"The page {self._path} describes its products in microdata or RDFa, which needs "
                f"what is not installed. {error}"
            ) from error
        if not found.records:
            broken = "".join(
                f" Its JSON-LD in line {line} cannot be read: {reason}."
                for line, reason in found.unreadable[:1]
            )
            listed = f" It lists {len(found.listed):,} other pages." if found.listed else ""
            raise InvalidFeedError(
                f"The page {self._path} tells of no product: it has no schema.org Product in "
                f"JSON-LD, microdata or RDFa, and no OpenGraph product.{broken}{listed} Give the "
                "page of a product, or crawl the shop with furniture-prompter crawl."
            )
        return found


def html_records(path: Path, content: Path | None = None, folder: Path | None = None) -> SavedPage:
    """The record source of a saved page. Nothing is read yet.

    Args:
        path: The file, of any encoding that browsers save.
        content: Where its bytes lie, where that is elsewhere.
        folder: Where relative images lie; the file's when left out.
    """
    return SavedPage(path, content or path, folder or path.parent)
