"""A shop that misbehaves costs its own pages: no run, and neither memory nor time without bound."""

import codecs
import gzip
import json
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, BinaryIO, Final

import pytest

from furniture_prompter.crawl.options import CrawlOptions
from tests.loopback import LoopbackServer

pytestmark = pytest.mark.slow
TIMEOUT_S = 3.0
MEBIBYTE: Final = 1 << 20
KIND = "http://www.sitemaps.org/schemas/sitemap/0.9"
HTML = b"Content-Type: text/html; charset=utf-8\r\n"


@cache
def zeros(mebibytes: int) -> bytes:
    """Packed zeros, a thousandth of their length."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(MEBIBYTE)
    return b"".join(packer.compress(block) for _ in range(mebibytes)) + packer.flush()


def product(number: int) -> bytes:
    described = {"@type": "Product", "sku": str(number), "name": "Stool", "image": "/a.jpg"}
    return f"<script type='application/ld+json'>{json.dumps(described)}</script>".encode()


def whole(out: BinaryIO, body: bytes, head: bytes = HTML, status: str = "200 OK") -> None:
    length = f"Content-Length: {len(body)}\r\n\r\n".encode()
    out.write(f"HTTP/1.1 {status}\r\n".encode() + head + length + body)


def endless(out: BinaryIO, piece: bytes, pause_s: float = 0.0) -> None:
    """Write until the other side has gone, or a test would have failed long ago."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        out.write(piece)
        out.flush()
        time.sleep(pause_s)


def raw(data: bytes) -> Callable[[BinaryIO], None]:
    """What writes bytes that need not be HTTP."""

    def write(out: BinaryIO) -> None:
        out.write(data)

    return write


def slow_body(out: BinaryIO) -> None:
    out.write(b"HTTP/1.1 200 OK\r\n" + HTML + b"\r\n")
    endless(out, b"x", 0.05)


def large_body(out: BinaryIO) -> None:
    out.write(b"HTTP/1.1 200 OK\r\n" + HTML + b"\r\n")
    for _ in range(200):
        out.write(b"x" * MEBIBYTE)


def cookies(out: BinaryIO) -> None:
    out.write(b"HTTP/1.1 200 OK\r\n")
    endless(out, b"Set-Cookie: a=" + b"x" * 4_000 + b"\r\n")


def sitemap(*addresses: str, of: str = "url", index: str = "urlset") -> bytes:
    entries = "".join(f"<{of}><loc>{each}</loc></{of}>" for each in addresses)
    return f'<?xml version="1.0"?><{index} xmlns="{KIND}">{entries}</{index}>'.encode()


@cache
def many(count: int, first: str) -> bytes:
    """A packed sitemap of a page and so many of another shop, as long as one may be."""
    others = (f"http://127.0.0.1:1/p/{n:07}" for n in range(count))
    return gzip.compress(sitemap(first, *others), 1)


def nested(depth: int) -> bytes:
    text = '{"@type": "Product", "a":' + "[" * depth + "]" * depth + "}"
    return f"<script type='application/ld+json'>{text}</script>".encode()


HOSTILE: Final[dict[str, Callable[[BinaryIO], None]]] = {
    "slow": slow_body,
    "large": large_body,
    "cookies": cookies,
    "private": lambda out: whole(out, b"", b"Location: http://169.254.169.254/\r\n", "302 Found"),
    "nowhere": lambda out: whole(out, b"", b"Location: http://[/\r\n", "302 Found"),
    "bomb": lambda out: whole(out, zeros(1_024), HTML + b"Content-Encoding: gzip\r\n"),
    "nested": lambda out: whole(out, nested(100_000)),
    "json": lambda out: whole(out, nested(25 * MEBIBYTE)),
    "rot13": lambda out: whole(out, product(9), b"Content-Type: text/html; charset=rot13\r\n"),
    "zlib": lambda out: whole(out, product(9), b"Content-Type: text/html; charset=zlib\r\n"),
    "wrong": lambda out: whole(out, b"\xff\xfe\x81" * 99, HTML),
    "garbage": raw(b"\x00\xffgarbage\r\n\r\n" * 99),
    "ancient": raw(b"<html>no header at all</html>"),
    "short": raw(b"HTTP/1.0 200 OK\r\nContent-Length: 99999\r\n\r\nx"),
    "odd": raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nx"),
    "silent": lambda out: time.sleep(2 * TIMEOUT_S),
}


ODD_SITEMAPS: Final[dict[str, Callable[[str], bytes]]] = {
    "bom.xml": lambda page: codecs.BOM_UTF8 + sitemap(page),
    "long.xml": lambda page: sitemap(page, " " * 9 * MEBIBYTE),
    "lines.txt": lambda page: f"# all\n{page}\nmore soon\n".encode("utf-16"),
}
"""Each names a page that nothing else does."""


class HostileShop(LoopbackServer):
    """A server with a product, pages of each kind, and a calendar and redirects without end."""

    def __init__(self, robots: Callable[[BinaryIO], None] | None = None) -> None:
        self.robots = robots
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"{self.url}/"

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        self.asked.append(handler.path)
        out: Any = handler.wfile
        try:
            self.answer(handler.path, out)
        except OSError:
            """The crawler has gone."""

    def answer(self, path: str, out: BinaryIO) -> None:
        first, _, rest = path.strip("/").partition("/")
        if path == "/robots.txt":
            if self.robots is not None:
                self.robots(out)
            else:
                maps = ("maps.xml", "zeros.xml.gz", "many.xml.gz", "nowhere", *ODD_SITEMAPS)
                text = "".join(f"Sitemap: {self.address}{each}\n" for each in maps)
                whole(out, f"User-agent: *\n{text}".encode(), b"Content-Type: text/plain\r\n")
        elif first == "maps.xml":
            # An index that names itself, and others that name it.
            number = int(rest or 0)
            following = (f"{self.address}maps.xml/{number + each}" for each in range(3))
            whole(out, sitemap(*following, of="sitemap", index="sitemapindex"), b"")
        elif first == "zeros.xml.gz":
            whole(out, zeros(1_024), b"")
        elif first == "many.xml.gz":
            whole(out, many(950_000, f"{self.address}p/3"), b"")
        elif first in ODD_SITEMAPS:
            page = f"{self.address}p/{4 + [*ODD_SITEMAPS].index(first)}"
            whole(out, ODD_SITEMAPS[first](page), b"")
        elif first == "turns":
            step = int(rest.rpartition("/")[2] or 0) + 1
            turn = f"Location: /turns/{'abcdefgh'[step % 8] * step}/{step}\r\n".encode()
            whole(out, b"", turn, "302 Found")
        elif first == "calendar":
            months = "".join(f"<a href='/calendar/{rest}{each}/1'>x</a>" for each in "01")
            whole(out, months.encode())
        elif first in HOSTILE:
            HOSTILE[first](out)
        elif first == "p":
            whole(out, product(int(rest)))
        elif path == "/":
            names = (*HOSTILE, "turns/a/0", "calendar/1", "p/1", "..%2f..%2fetc/passwd", "p/2")
            whole(out, "".join(f"<a href='/{each}'>x</a>" for each in names).encode())
        else:
            whole(out, b"", HTML, "404 Not Found")


_MEASURED = """
import json, resource, sys
from pathlib import Path
from furniture_prompter.crawl.options import CrawlOptions
from furniture_prompter.crawl.running import run_crawl
from furniture_prompter.errors import CrawlError

asked, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
asked["private_hosts"] = tuple(asked["private_hosts"])
told = {}
try:
    report = run_crawl(CrawlOptions(**asked), folder, folder / "feed.jsonl")
    told = {
        "unreadable": {each.address: each.reason for each in report.unreadable},
        "outcomes": report.outcomes,
        "patterns": report.patterns,
        "products": report.products,
        "complete": report.complete,
        "waiting": report.waiting,
    }
except CrawlError as error:
    told = {"error": str(error)}
told["peak"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
print(json.dumps(told))
"""


def crawled(shop: HostileShop, folder: Path, limit_pages: int = 500) -> dict[str, Any]:
    """What the report says, with the most memory that the crawler took, in bytes."""
    folder.mkdir()
    options = CrawlOptions(
        start=shop.address,
        delay_s=0.0,
        limit_pages=limit_pages,
        limit_depth=6,
        limit_barren=20,
        timeout_s=TIMEOUT_S,
        retries=0,
        private_hosts=(shop.host,),
    )
    ended = subprocess.run(
        [sys.executable, "-c", _MEASURED, json.dumps(asdict(options)), str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def test_every_hostile_page_is_told_with_its_reason_and_the_run_ends(tmp_path: Path) -> None:
    # Packing takes longer than the crawler waits.
    assert len(zeros(1_024)) < 2 * MEBIBYTE
    with HostileShop() as shop:
        packed = many(950_000, f"{shop.address}p/3")
        assert 40 * MEBIBYTE < len(gzip.decompress(packed)) < 50 * MEBIBYTE
        told = crawled(shop, tmp_path / "crawl")
    reasons = {
        address.removeprefix(shop.address): reason for address, reason in told["unreadable"].items()
    }
    expected = {"slow", "large", "cookies", "nowhere", "bomb", "json", "garbage", "silent", "short"}
    assert expected <= set(reasons)
    assert "more than" in reasons["zeros.xml.gz"]
    assert "names more than 50,000 addresses" in reasons["many.xml.gz"]
    assert all(reasons.values())
    assert told["outcomes"]["elsewhere"] == 1
    assert reasons["lines.txt"] == "1 of its lines is no address ('more soon'); the others are used"
    assert "bom.xml" not in reasons
    assert "long.xml" not in reasons
    # The two that are linked, and those of the sitemaps.
    assert told["outcomes"]["product"] == 3 + len(ODD_SITEMAPS)
    assert not told["waiting"]
    assert len(shop.asked) < 500
    long = "it has more than 8,388,608 bytes"
    assert [reasons[name] for name in ("large", "json", "bomb")] == [long] * 3
    assert [reasons[name] for name in ("slow", "silent")] == ["it took longer than 3 s"] * 2
    assert told["peak"] < 700 * MEBIBYTE
    assert not (tmp_path / "etc").exists()


@pytest.mark.parametrize("pause_s", [0.0, 0.05])
def test_a_robots_txt_that_never_ends_is_read_as_far_as_it_must_be(
    tmp_path: Path, pause_s: float
) -> None:
    def robots(out: BinaryIO) -> None:
        out.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nUser-agent: *\n")
        out.write(b"Disallow: /large\n")
        endless(out, b"# " + b"x" * (4_000 if not pause_s else 4) + b"\n", pause_s)

    with HostileShop(robots) as shop:
        told = crawled(shop, tmp_path / "crawl", limit_pages=12)
    if pause_s:
        # Nobody may be asked whose rules are not known.
        assert "robots.txt cannot be read: it was not there as a whole after 3 s" in told["error"]
        assert set(shop.asked) == {"/robots.txt"}
    else:
        assert told["outcomes"]["robots"] == 1
        assert "/large" not in shop.asked
    assert told["peak"] < 700 * MEBIBYTE
