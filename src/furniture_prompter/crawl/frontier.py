"""Scrapy's scheduler and HTTP cache on the crawl's journal."""

import logging
from collections import deque
from typing import Any, Final

from scrapy import Request, Spider
from scrapy.core.scheduler import BaseScheduler
from scrapy.downloadermiddlewares.httpcache import HttpCacheMiddleware
from scrapy.extensions.httpcache import RFC2616Policy
from scrapy.http import Headers, Response
from scrapy.responsetypes import responsetypes

from furniture_prompter.crawl.journal import SITEMAP, Journal, Waiting

_log = logging.getLogger(__name__)

WAITING: Final = "waiting"
"""Where a request's meta keeps the page of the journal that it asks for."""


class Frontier(BaseScheduler):
    """Hands out the journal's waiting pages.

    Pages get into the journal before Scrapy hears of them, so a request that is enqueued is either
    one that the journal has, or one more try at a page that is being asked for.
    """

    def __init__(self) -> None:
        self._again: deque[Request] = deque()
        self._taken: set[str] = set()
        self._spider: Any = None
        self._asked = 0

    def open(self, spider: Spider) -> None:
        """Take the journal and the limits of the spider."""
        self._spider = spider
        self._spider.frontier = self

    def has_pending_requests(self) -> bool:
        """Whether anything can be asked for that is not being asked for already."""
        if self._again:
            return True
        if self._is_full():
            return False
        journal: Journal = self._spider.journal
        return journal.has_waiting(self._taken)

    def enqueue_request(self, request: Request) -> bool:
        """Take one more try; a page that the journal has is there already."""
        waiting = request.meta.get(WAITING)
        if waiting is not None and waiting.address in self._taken:
            self._again.append(request)
        return True

    def next_request(self) -> Request | None:
        """The page that is to be asked for now, or None."""
        if self._again:
            return self._again.popleft()
        if self._is_full():
            return None
        waiting = self._spider.journal.next(self._taken, self._spider.options.limit_barren)
        if waiting is None:
            return None
        self._taken.add(waiting.address)
        if waiting.rank != SITEMAP:
            self._asked += 1
        request: Request = self._spider.request(waiting)
        return request

    def settled(self, waiting: Waiting) -> None:
        """The journal knows what became of a page."""
        self._taken.discard(waiting.address)

    def _is_full(self) -> bool:
        full: bool = self._asked >= self._spider.limit_pages
        return full


class JournalStorage:
    """Kept answers, as Scrapy's HTTP cache asks for them."""

    def __init__(self, _settings: object) -> None:
        self._journal: Journal | None = None

    def open_spider(self, spider: Any) -> None:
        """Take the journal of the spider."""
        self._journal = spider.journal

    def close_spider(self, _spider: Spider) -> None:
        """The journal is closed by whoever opened it."""

    def retrieve_response(self, _spider: Spider, request: Request) -> Response | None:
        """The answer that was kept for a request."""
        kept = self._journal.answer(request.url) if self._journal is not None else None
        if kept is None:
            return None
        status, raw, body = kept
        headers = Headers(raw, encoding="latin-1")
        kind = responsetypes.from_args(headers=headers, url=request.url, body=body)
        return kind(url=request.url, headers=headers, status=status, body=body)

    def store_response(self, _spider: Spider, request: Request, response: Response) -> None:
        """Keep an answer."""
        if self._journal is not None:
            headers = {
                name.decode("latin-1"): [value.decode("latin-1") for value in values]
                for name, values in response.headers.items()
            }
            self._journal.keep_answer(request.url, response.status, headers, response.body)


class AskEachTime(RFC2616Policy):
    """Asks for every page in every run, and says which answer is kept.

    A price may change before an answer's time is over; one request without a body tells. And
    what cannot be answered now is told, instead of being answered from what was kept.
    """

    def should_cache_response(self, response: Response, request: Request) -> bool:
        """Whether an answer can be asked for by its tag or date."""
        kept: bool = super().should_cache_response(response, request)
        has_validator = "ETag" in response.headers or "Last-Modified" in response.headers
        return kept and response.status == 200 and has_validator

    def is_cached_response_fresh(self, cachedresponse: Response, request: Request) -> bool:
        """Never; the request says what is kept."""
        self._set_conditional_validators(request, cachedresponse)
        return False

    def is_cached_response_valid(
        self,
        cachedresponse: Response,  # noqa: ARG002  # Scrapy's signature
        response: Response,
        request: Request,  # noqa: ARG002
    ) -> bool:
        """Whether the server says that nothing changed."""
        unchanged: bool = response.status == 304
        return unchanged


class AnswersKept(HttpCacheMiddleware):
    """Scrapy's HTTP cache without its way of hiding what failed."""

    def process_exception(
        self, request: Request, exception: Exception, spider: Spider | None = None
    ) -> None:
        """A page that cannot be reached is unreadable, whatever was kept of it."""
