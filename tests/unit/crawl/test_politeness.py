"""Rules of robots.txt, waits that servers ask for, and names that lead where nobody may go."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import pytest
from protego import Protego
from scrapy.http import Response
from twisted.internet.address import IPv4Address, IPv6Address

from furniture_prompter.crawl.child import scrapy_settings, user_agent
from furniture_prompter.crawl.options import CrawlOptions
from furniture_prompter.crawl.politeness import (
    PublicResolver,
    Rules,
    _retry_after_s,
    _rules_of,
)

ROBOTS = "https://s.example/robots.txt"


def rules(status: int, text: str = "") -> Rules:
    return _rules_of(Response(ROBOTS, status=status, body=text.encode()), ROBOTS)


def test_the_longest_wait_counts_and_sitemaps_are_found() -> None:
    text = "User-agent: *\nCrawl-delay: 2\nRequest-rate: 1/5\nDisallow: /a\nSitemap: /s.xml"
    found = rules(200, text)
    assert found.delay_s == 5
    assert found.sitemaps == ("/s.xml",)
    assert not found.allows("https://s.example/a/1")
    assert found.allows("https://s.example/b")


def test_rules_for_this_crawler_go_before_those_for_all() -> None:
    found = rules(200, "User-agent: *\nDisallow:\n\nUser-agent: furniture-prompter\nDisallow: /")
    assert not found.allows("https://s.example/")


@pytest.mark.parametrize(
    ("status", "allows"), [(404, True), (403, True), (500, False), (429, False)]
)
def test_without_robots_txt_all_is_allowed_and_while_it_cannot_be_read_nothing(
    status: int, allows: bool
) -> None:
    assert rules(status).allows("https://s.example/") == allows


def test_robots_txt_of_any_bytes_is_read() -> None:
    assert Protego.parse("\x00\ufffd:::").can_fetch("https://s.example/", "x")
    assert rules(200, "\x00Disallow").allows("https://s.example/")


def test_retry_after_is_seconds_or_a_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=90)
    assert _retry_after_s("120") == 120
    assert 60 < _retry_after_s(format_datetime(soon, usegmt=True)) <= 90
    assert _retry_after_s("soon") == 0


class Receiver:
    """Takes what a resolver finds."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.completed = False

    def resolutionBegan(self, resolution: object) -> None:  # noqa: N802
        pass

    def addressResolved(self, address: Any) -> None:  # noqa: N802
        self.found.append(address.host)

    def resolutionComplete(self) -> None:  # noqa: N802
        self.completed = True


def resolved(*hosts: str, private_hosts: tuple[str, ...] = (), port: int = 443) -> list[str]:
    class System:
        def resolveHostName(self, receiver: Any, name: str, *_: object) -> object:  # noqa: N802
            receiver.resolutionBegan(self)
            for host in hosts:
                kind = IPv6Address if ":" in host else IPv4Address
                receiver.addressResolved(kind("TCP", host, port))
            receiver.resolutionComplete()
            return self

    receiver: Any = Receiver()
    resolver = PublicResolver(SimpleNamespace(nameResolver=System()), private_hosts)
    resolver.resolveHostName(receiver, "shop.example", port)
    assert receiver.completed
    found: list[str] = receiver.found
    return found


def test_names_lead_to_public_addresses_alone() -> None:
    assert resolved("2a00:1450::1", "93.184.216.34") == ["93.184.216.34", "2a00:1450::1"]
    assert resolved("127.0.0.1") == []
    # One private answer among public ones is one too many.
    assert resolved("93.184.216.34", "10.0.0.1") == []
    assert resolved("169.254.169.254") == []
    assert resolved("::ffff:127.0.0.1") == []
    allowed = ("shop.example:8080",)
    assert resolved("127.0.0.1", private_hosts=allowed, port=8080) == ["127.0.0.1"]
    assert resolved("127.0.0.1", private_hosts=allowed, port=8081) == []


def test_the_crawler_says_who_it_is_and_uses_nothing_that_it_does_not_need() -> None:
    assert user_agent("me@shop.example").endswith(" (+me@shop.example)")
    settings = scrapy_settings(CrawlOptions("https://s.example/", delay_s=3.0))
    assert settings["USER_AGENT"].startswith("furniture-prompter/")
    assert settings.getfloat("DOWNLOAD_DELAY") == 3
    # A proxy of the environment would resolve names in our place, cookies would follow us.
    names = " ".join(str(each) for each in settings["DOWNLOADER_MIDDLEWARES_BASE"])
    assert "proxy" not in names
    assert "cookies" not in names
    assert not settings.getbool("TELNETCONSOLE_ENABLED")
    assert settings.getbool("DOWNLOAD_VERIFY_CERTIFICATES")
