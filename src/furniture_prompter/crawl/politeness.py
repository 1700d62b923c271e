"""Manners on the network: robots.txt, crawl-delay, Retry-After, and public addresses alone."""

import ipaddress
import logging
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from protego import Protego
from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadTimeoutError, IgnoreRequest, StopDownload
from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from zope.interface import implementer

from furniture_prompter.crawl.directives import ROBOT
from furniture_prompter.fetching.public_addresses import AddressError, Guard, is_public

_log = logging.getLogger(__name__)

ROBOTS_REQUEST: Final = "robots"
_RECEIVED: Final = "received"
_HOPS: Final = 5
LIMIT_ROBOTS_BYTES: Final = 500 * 1024
"""RFC 9309 wants at least so much of a robots.txt to be heeded."""
ROBOTS_S: Final = 30.0
"""Longest time for a robots.txt with all that it redirects to, however it trickles."""
LONGEST_DELAY_S: Final = 600.0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class NotAskedError(IgnoreRequest):
    """A page is not asked for.

    Attributes:
        outcome: As the journal has it: ``robots`` or ``unreadable``.
        reason: Why, in a few words.
    """

    def __init__(self, outcome: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason


class Rules:
    """What a host's robots.txt says.

    Attributes:
        text: A sentence for a person.
        sitemaps: The sitemaps that it names.
        delay_s: Least time between requests that it asks for; 0 where it does not.
        unreachable: Why it could not be read, for which nothing may be asked for (RFC 9309,
            section 2.3.1.4); empty where it was.
    """

    def __init__(self, parsed: Any | None, text: str, unreachable: str = "") -> None:
        self._parsed = parsed
        self.text = text
        self.unreachable = unreachable
        self.sitemaps: tuple[str, ...] = tuple(parsed.sitemaps) if parsed is not None else ()
        self.delay_s = 0.0
        if parsed is not None:
            delay = parsed.crawl_delay(ROBOT)
            rate = parsed.request_rate(ROBOT)
            paces = (delay, rate.seconds / rate.requests if rate and rate.requests else None)
            self.delay_s = min(max((p for p in paces if p is not None), default=0.0), 86_400.0)

    def allows(self, address: str) -> bool:
        """Whether a page may be asked for."""
        if self.unreachable:
            return False
        return self._parsed is None or bool(self._parsed.can_fetch(address, ROBOT))


class RobotsBook:
    """The robots.txt of each host, asked for once a run."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._rules: dict[str, Rules] = {}
        crawler.signals.connect(self._received, signals.bytes_received)

    def _received(self, data: bytes, request: Request) -> None:
        """Take no more of a robots.txt than is read of it: some never end."""
        if request.meta.get(ROBOTS_REQUEST):
            request.meta[_RECEIVED] = request.meta.get(_RECEIVED, 0) + len(data)
            if request.meta[_RECEIVED] > LIMIT_ROBOTS_BYTES:
                raise StopDownload(fail=False)

    async def rules(self, address: str) -> Rules:
        """The rules for a page."""
        parts = urlsplit(address)
        place = f"{parts.scheme}://{parts.netloc}"
        if place not in self._rules:
            found = await self._asked(f"{place}/robots.txt")
            # Two pages may have asked at once; what is heeded must not change midway.
            found = self._rules.setdefault(place, found)
            throttle = self._crawler.get_extension(PoliteThrottle)
            if throttle is not None:
                throttle.at_least(found.delay_s)
        return self._rules[place]

    async def _asked(self, address: str) -> Rules:
        current = address
        until = time.monotonic() + ROBOTS_S
        longest_s = min(ROBOTS_S, self._crawler.settings.getfloat("DOWNLOAD_TIMEOUT"))
        for _ in range(_HOPS):
            left_s = max(min(longest_s, until - time.monotonic()), 0.1)
            try:
                request = Request(
                    current,
                    callback=NO_CALLBACK,
                    dont_filter=True,
                    meta={ROBOTS_REQUEST: True, "dont_cache": True, "download_timeout": left_s},
                )
                response = await self._crawler.engine.download_async(request)
            except NotAskedError as error:
                return Rules(None, f"{address} was not asked for.", error.reason)
            except DownloadTimeoutError:
                reason = f"it was not there as a whole after {longest_s:g} s"
                return Rules(None, f"{address} could not be read.", reason)
            except Exception as error:  # noqa: BLE001  # whatever it is, nobody knows the rules then
                reason = f"it did not answer ({type(error).__name__})"
                return Rules(None, f"{address} could not be read.", reason)
            if response.status in _REDIRECTS and "Location" in response.headers:
                try:
                    current = response.urljoin(header(response, "Location"))
                except ValueError:
                    return Rules(None, f"{address} could not be read.", "it redirects to nowhere")
                continue
            return _rules_of(response, address)
        # RFC 9309, 2.3.1.2: after five hops it counts as not there.
        return Rules(None, f"{address} redirects without end, so nothing is forbidden.")


def _rules_of(response: Response, address: str) -> Rules:
    if response.status >= 500 or response.status == 429:
        return Rules(None, f"{address} could not be read.", f"it answered {response.status}")
    if response.status != 200:
        return Rules(None, f"There is no {address} ({response.status}): nothing is forbidden.")
    parsed = Protego.parse(response.body[:LIMIT_ROBOTS_BYTES].decode("utf-8", "replace"))
    return Rules(parsed, f"{address} was read and is obeyed.")


class RobotsRules:
    """Lets nothing pass that robots.txt forbids."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "RobotsRules":
        """For Scrapy."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Raise NotAskedError for what is forbidden."""
        if request.meta.get(ROBOTS_REQUEST):
            return
        spider: Any = self._crawler.spider
        rules = await spider.robots.rules(request.url)
        if rules.unreachable:
            raise NotAskedError("unreadable", f"its robots.txt cannot be read: {rules.unreachable}")
        if not rules.allows(request.url):
            raise NotAskedError("robots", "robots.txt forbids it")


class PublicAddresses:
    """Lets nothing pass that does not lead to a public address; each redirect comes here too."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._known: dict[str, str] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "PublicAddresses":
        """For Scrapy."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Raise NotAskedError for what must not be asked.

        This is for the words of it: :class:`PublicResolver` holds the connection to it.
        """
        spider: Any = self._crawler.spider
        guard: Guard = spider.guard
        place = "//".join(urlsplit(request.url)[:2])
        if place not in self._known:
            try:
                await guard.address(guard.parse(request.url))
                self._known[place] = ""
            except AddressError as error:
                if error.temporary:
                    raise NotAskedError("unreadable", f"its address {error.reason}") from error
                self._known[place] = f"its address {error.reason}"
        if self._known[place]:
            raise NotAskedError("unreadable", self._known[place])


@implementer(IHostnameResolver)
class PublicResolver:
    """Names → addresses to connect to, public ones alone.

    Twisted connects to what comes out here and asks nobody again, so a name that answers
    differently a moment after it was checked leads nowhere.
    """

    def __init__(self, reactor: Any, private_hosts: Sequence[str]) -> None:
        self._reactor = reactor
        self._system = reactor.nameResolver
        self._private_hosts = frozenset(each.lower() for each in private_hosts)

    @classmethod
    def from_crawler(cls, crawler: Crawler, reactor: Any) -> "PublicResolver":
        """For Scrapy."""
        return cls(reactor, crawler.settings.getlist("PRIVATE_HOSTS"))

    def install_on_reactor(self) -> None:
        """Answer for every connection of this process."""
        self._reactor.installNameResolver(self)

    def resolveHostName(  # noqa: N802  # Twisted's name
        self,
        resolutionReceiver: IResolutionReceiver,  # noqa: N803
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: Sequence[type[IAddress]] | None = None,  # noqa: N803
        transportSemantics: str = "TCP",  # noqa: N803
    ) -> IHostResolution:
        """Pass on what the system finds, if all of it is public."""
        host = f"[{hostName}]" if ":" in hostName else hostName
        allowed = f"{host}:{portNumber}".lower() in self._private_hosts
        receiver = _PublicReceiver(resolutionReceiver, allowed)
        found: IHostResolution = self._system.resolveHostName(
            receiver, hostName, portNumber, addressTypes, transportSemantics
        )
        return found


@implementer(IResolutionReceiver)
class _PublicReceiver:
    """Holds addresses back until all are known."""

    def __init__(self, receiver: Any, allowed: bool) -> None:
        self._receiver = receiver
        self._allowed = allowed
        self._found: list[Any] = []

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:  # noqa: N802, N803
        """Pass it on."""
        self._receiver.resolutionBegan(resolutionInProgress)

    def addressResolved(self, address: Any) -> None:  # noqa: N802
        """Keep it."""
        self._found.append(address)

    def resolutionComplete(self) -> None:  # noqa: N802
        """Let all of them go on, or none."""
        if self._allowed or all(is_public(ipaddress.ip_address(a.host)) for a in self._found):
            # Many machines have no route for IPv6.
            for address in sorted(self._found, key=lambda each: ":" in each.host):
                self._receiver.addressResolved(address)
        else:
            _log.warning("A name leads to an address that is not public; nothing was asked there.")
        self._receiver.resolutionComplete()


class PoliteThrottle(AutoThrottle):
    """Scrapy's AutoThrottle, which also keeps crawl-delay and Retry-After."""

    def at_least(self, delay_s: float) -> None:
        """Leave at least so much time between two requests from now on."""
        self.mindelay = max(self.mindelay, delay_s)
        self.maxdelay = max(self.maxdelay, self.mindelay)
        downloader = self.crawler.engine.downloader
        downloader._delay = max(downloader._delay, self.mindelay)
        for slot in downloader.slots.values():
            slot.delay = max(slot.delay, self.mindelay)

    def _adjust_delay(self, slot: Any, latency: float, response: Response) -> None:
        # An answer that nothing changed is as good as a page.
        judged = response.replace(status=200) if response.status == 304 else response
        super()._adjust_delay(slot, latency, judged)
        if response.status in {429, 503}:
            asked = header(response, "Retry-After")
            wanted = _retry_after_s(asked) if asked else max(slot.delay * 2, 1.0)
            slot.delay = min(max(slot.delay, wanted), max(LONGEST_DELAY_S, self.mindelay))


def header(response: Response, name: str) -> str:
    """The text of an answer's header; empty where it has none."""
    return (response.headers.get(name) or b"").decode("latin-1")


def _retry_after_s(value: str) -> float:
    """Seconds of a Retry-After header, which has them or a date; 0 where it makes no sense."""
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0
