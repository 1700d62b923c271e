"""The spider: robots.txt and sitemaps first, then every page that they and the pages lead to."""

import asyncio
import codecs
import gzip
import logging
import re
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from io import BytesIO
from itertools import islice
from typing import Any, Final

import lxml.etree
from scrapy import Request, Spider
from scrapy.exceptions import (
    DontCloseSpider,
    DownloadCancelledError,
    DownloadTimeoutError,
    IgnoreRequest,
)
from scrapy.http import Response, TextResponse
from scrapy.utils.sitemap import Sitemap
from twisted.python.failure import Failure

from furniture_prompter.crawl.addresses import host_of, page_address, same_shop
from furniture_prompter.crawl.frontier import WAITING, Frontier
from furniture_prompter.crawl.journal import NAMED, SITEMAP, START, Journal, Waiting
from furniture_prompter.crawl.options import SAMPLE_PAGES, CrawlOptions
from furniture_prompter.crawl.pages import LIMIT_REASON, Answer, Verdict, judged
from furniture_prompter.crawl.politeness import NotAskedError, RobotsBook, header
from furniture_prompter.feeds.html_page import LIMIT_PAGE_BYTES
from furniture_prompter.fetching.public_addresses import Guard

_log = logging.getLogger(__name__)

_USUAL_SITEMAPS: Final = ("/sitemap.xml", "/sitemap_index.xml")
LIMIT_SITEMAP_BYTES: Final = 50 << 20
"""What sitemaps.org allows a sitemap to have, uncompressed."""
LIMIT_SITEMAP_ADDRESSES: Final = 50_000
"""What it allows a sitemap to name."""
LIMIT_SITEMAP_DEPTH: Final = 4
LIMIT_SITEMAPS: Final = 10_000
SAMPLE_SITEMAPS: Final = 30
FEWEST_SITEMAPS: Final = 100
"""Sitemaps that are read however few pages are wanted: the first may be of a blog."""
_GZIP: Final = b"\x1f\x8b"
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ADDRESS: Final = re.compile(r"https?://\S+", re.IGNORECASE)
_BEGINNING: Final = 1_024
_SHOWN: Final = 60

Progress = Callable[[int, int], None]


class ShopSpider(Spider):
    """Asks for the pages of one shop and settles each in the journal."""

    name = "shop"

    def __init__(
        self, options: CrawlOptions, journal: Journal, guard: Guard, progress: Progress
    ) -> None:
        """Take everything from outside.

        Args:
            options: What is asked for.
            journal: Where pages are kept; a run has begun in it.
            guard: Which addresses may be asked.
            progress: Called with pages that are done and pages that wait.
        """
        super().__init__()
        self.options = options
        self.journal = journal
        self.guard = guard
        self.limit_pages = SAMPLE_PAGES if options.sample else options.limit_pages
        self.robots: RobotsBook
        self.frontier: Frontier
        self.robots_text = ""
        self.robots_delay_s = 0.0
        self.forbidden = ""
        self.unchanged = 0
        self.pages = 0
        self.too_deep = 0
        self._progress = progress
        self._sitemaps = 0
        # One that names a single page each is enough for as many pages.
        enough = min(LIMIT_SITEMAPS, max(FEWEST_SITEMAPS, options.limit_pages))
        self.limit_sitemaps = SAMPLE_SITEMAPS if options.sample else enough
        self.sitemaps_left = 0

    async def start(self) -> AsyncIterator[Any]:
        """Put the first pages into the journal."""
        self.robots = RobotsBook(self.crawler)
        first = self.options.start
        rules = await self.robots.rules(first)
        self.robots_text, self.robots_delay_s = rules.text, rules.delay_s
        if rules.unreachable:
            self.forbidden = f"Its robots.txt cannot be read: {rules.unreachable}."
        elif not rules.allows(first):
            self.forbidden = "Its robots.txt forbids this crawler to ask for that address."
        if self.forbidden:
            self.limit_pages = 0
            return
        usual = [f"{_place(first)}{path}" for path in _USUAL_SITEMAPS]
        for address in rules.sitemaps or usual:
            self._add_sitemap(address, first, 0)
        self.journal.add(first, START, 0)
        # Scrapy asks the scheduler, which has the journal, as soon as this ends.
        nothing: tuple[Request, ...] = ()
        for request in nothing:
            yield request

    def request(self, waiting: Waiting) -> Request:
        """A request for a page of the journal."""
        is_sitemap = waiting.rank == SITEMAP
        return Request(
            waiting.address,
            callback=self.settle_sitemap if is_sitemap else self.settle_page,
            errback=self.settle_failure,
            dont_filter=True,
            meta={WAITING: waiting, "download_maxsize": _limit_bytes(waiting)},
        )

    def settle_page(self, response: Response) -> Iterator[Request]:
        """Settle a page that was answered."""
        waiting: Waiting = response.meta[WAITING]
        if "cached" in response.flags:
            self.unchanged += 1
        try:
            answer = Answer(
                address=waiting.address,
                status=response.status,
                # What a page says of its encoding may be no encoding of texts.
                text=response.text if _is_page(response) else None,
                location=header(response, "Location"),
                robots_headers=tuple(
                    value.decode("latin-1") for value in response.headers.getlist("X-Robots-Tag")
                ),
            )
            verdict = judged(answer, waiting, self.options.start, self.options.limit_depth)
        except Exception as error:  # noqa: BLE001  # one page must not end the run
            _log.exception("A page cannot be read: %s", waiting.address)
            verdict = Verdict("unreadable", f"its content is too odd ({type(error).__name__})")
        if waiting.rank == START and verdict.outcome == "elsewhere":
            self.forbidden = f"Its first page leads to another shop: {verdict.reason}."
        yield from self._settle(waiting, verdict)

    async def settle_sitemap(self, response: Response) -> AsyncIterator[Request]:
        """Settle a sitemap, or an index of sitemaps."""
        waiting: Waiting = response.meta[WAITING]
        sitemaps: list[str] = []
        if response.status in {404, 410}:
            verdict = Verdict("gone")
        elif response.status == 200:
            # Beside the event loop: a long one takes seconds, and pages that wait would time out.
            verdict, sitemaps = await asyncio.to_thread(self._read_sitemap, response.body, waiting)
        elif (target := page_target(response)) and waiting.depth < LIMIT_SITEMAP_DEPTH:
            verdict, sitemaps = Verdict("moved"), [target]
        else:
            verdict = Verdict("unreadable", f"the sitemap answered {response.status}")
        if waiting.depth < LIMIT_SITEMAP_DEPTH:
            for each in sitemaps:
                self._add_sitemap(each, waiting.address, waiting.depth + 1)
        for request in self._settle(waiting, verdict):
            yield request

    def _read_sitemap(self, packed: bytes, waiting: Waiting) -> tuple[Verdict, list[str]]:
        """What becomes of a sitemap, and the sitemaps that it names."""
        most = LIMIT_SITEMAP_ADDRESSES + 1
        odd: list[str] = []
        try:
            body = _unpacked(packed)
            encoding = "utf-16" if body.startswith(_UTF16) else "utf-8-sig"
            if body[:_BEGINNING].decode(encoding, "ignore").lstrip().startswith("<"):
                sitemap = Sitemap(body.removeprefix(codecs.BOM_UTF8).lstrip())
                kind = sitemap.type
                entries = [str(each["loc"]) for each in islice(sitemap, most)]
            else:
                # It may be a list of addresses, one a line.
                lines = map(str.strip, body.decode(encoding, "replace").splitlines())
                said = [line for line in lines if line and not line.startswith("#")]
                entries = [each for each in said if _ADDRESS.fullmatch(each)][:most]
                odd = [each for each in said if not _ADDRESS.fullmatch(each)]
                kind = "urlset" if entries else ""
        except (ValueError, OSError, EOFError, zlib.error, StopIteration) as error:
            reason = f"the sitemap cannot be read: {error}"[:LIMIT_REASON]
            return Verdict("unreadable", reason), []
        except lxml.etree.LxmlError as error:
            return Verdict("unreadable", f"the sitemap is no XML: {error}"[:LIMIT_REASON]), []
        if kind == "sitemapindex":
            return Verdict("page"), entries
        if kind != "urlset":
            # Shops answer what they do not have with their first page.
            return Verdict("no page"), []
        found = self._named(entries[:LIMIT_SITEMAP_ADDRESSES], waiting)
        if len(entries) == most:
            reason = (
                f"the sitemap names more than {LIMIT_SITEMAP_ADDRESSES:,} addresses, the most that "
                "sitemaps.org allows; those after them were not read"
            )
            return Verdict("unreadable", reason, found=found), []
        if odd:
            are = "is no address" if len(odd) == 1 else "are no addresses"
            shown = odd[0][:_SHOWN]
            reason = f"{len(odd):,} of its lines {are} ({shown!r}); the others are used"
            return Verdict("unreadable", reason, found=found), []
        return Verdict("page", found=found), []

    def _named(self, entries: list[str], waiting: Waiting) -> list[Waiting]:
        start = self.options.start
        pages = (page_address(entry, waiting.address) for entry in entries)
        return [Waiting(page, NAMED, 0) for page in pages if page and same_shop(page, start)]

    def _add_sitemap(self, address: str, base: str, depth: int) -> None:
        if self._sitemaps >= self.limit_sitemaps:
            self.sitemaps_left += 1
            return
        # A sitemap may end in .gz, which no page does.
        ending = ".gz" if address.lower().endswith(".gz") else ""
        found = page_address(address.strip()[: -len(ending) or None], base)
        if found and same_shop(found, self.options.start):
            self._sitemaps += 1
            self.journal.add(f"{found}{ending}", SITEMAP, depth)

    def settle_failure(self, failure: Failure) -> Iterator[Request]:
        """Settle a page that was not answered, or must not be asked for."""
        request: Any = failure.request  # type: ignore[attr-defined]  # Scrapy adds it
        waiting: Waiting = request.meta[WAITING]
        error = failure.value
        if isinstance(error, NotAskedError):
            if waiting.rank == START and error.outcome == "unreadable":
                self.forbidden = f"It cannot be asked: {error.reason}."
            verdict = Verdict(error.outcome, error.reason)
        else:
            verdict = Verdict("unreadable", self._unanswered(error, waiting))
        yield from self._settle(waiting, verdict)

    def _unanswered(self, error: BaseException | None, waiting: Waiting) -> str:
        if isinstance(error, DownloadTimeoutError):
            return f"it took longer than {self.options.timeout_s:g} s"
        # What is packed is refused while it is unpacked, by the other of the two.
        if isinstance(error, DownloadCancelledError | IgnoreRequest):
            return f"it has more than {_limit_bytes(waiting):,} bytes"
        return f"it did not answer ({type(error).__name__})"

    def _settle(self, waiting: Waiting, verdict: Verdict) -> Iterator[Request]:
        new = self.journal.settle(
            waiting.address,
            verdict.outcome,
            reason=verdict.reason,
            canonical=verdict.canonical,
            syntax=verdict.syntax,
            records=verdict.records,
            found=verdict.found,
        )
        self.frontier.settled(waiting)
        self.too_deep += verdict.too_deep
        if waiting.rank != SITEMAP:
            self.pages += 1
        self._progress(self.pages, len(new))
        if new:
            # It lies in the journal already; this tells Scrapy that there is something to do.
            yield Request(new[0], dont_filter=True)

    def idle(self) -> None:
        """Nothing waits any more: ask for product pages that nothing led to, once."""
        if not self.forbidden and not self.options.sample and self.journal.ask_known():
            # It lies in the journal already; this wakes Scrapy up.
            self.crawler.engine.crawl(Request(self.options.start, dont_filter=True))
            raise DontCloseSpider


def page_target(response: Response) -> str:
    """Where a redirect leads to; empty where it is none, or leads to no address."""
    location = header(response, "Location")
    try:
        return response.urljoin(location) if 300 <= response.status < 400 and location else ""
    except ValueError:
        return ""


def _limit_bytes(waiting: Waiting) -> int:
    return LIMIT_SITEMAP_BYTES if waiting.rank == SITEMAP else LIMIT_PAGE_BYTES


def _place(address: str) -> str:
    return f"{address.partition('://')[0]}://{host_of(address)}"


def _is_page(response: Response) -> bool:
    kind = header(response, "Content-Type").lower()
    return isinstance(response, TextResponse) and ("html" in kind or not kind)


def _unpacked(body: bytes) -> bytes:
    if not body.startswith(_GZIP):
        return body
    with gzip.open(BytesIO(body)) as file:
        data = file.read(LIMIT_SITEMAP_BYTES + 1)
    if len(data) > LIMIT_SITEMAP_BYTES:
        raise ValueError(f"it has more than {LIMIT_SITEMAP_BYTES:,} bytes")
    return data
