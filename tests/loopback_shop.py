"""A web shop on this machine, made of the bundled catalog, with what real ones do to crawlers.

A quarter of the products each are described in JSON-LD, microdata, RDFa and OpenGraph, every tenth
is sold in two colours. There are a sitemap index with a packed sitemap, redirects, pages that are
gone, that fail once or for ever, that are slow, that ask not to be taken, one product under several
addresses, and a calendar that never ends. Every request is logged.
"""

import gzip
import hashlib
import html
import json
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from furniture_prompter.bundled import catalog_feed
from tests.loopback import LoopbackServer

SYNTAXES = ("JSON-LD", "microdata", "RDFa", "OpenGraph")
PER_LISTING = 24
EPOCH = 1_700_000_000


@dataclass(frozen=True)
class Asked:
    """One request: when it came, for what, with which headers, and what was answered."""

    at_s: float
    path: str
    status: int
    headers: dict[str, str]


@dataclass
class ShopProduct:
    """A product of the shop."""

    number: int
    id: str
    title: str
    category: str
    color: str
    images: tuple[Path, ...]
    sizes: dict[str, float]
    price: float
    broken_photo: bool = False
    state: str = "sold"  # or: gone, noindex, noai, broken, private

    @property
    def syntax(self) -> str:
        return SYNTAXES[self.number % 4]

    @property
    def has_variants(self) -> bool:
        # Those of JSON-LD.
        return self.number % 20 == 4

    @property
    def in_sitemap(self) -> bool:
        return self.number % 10 != 7

    @property
    def is_slow(self) -> bool:
        return self.number % 50 == 9

    @property
    def path(self) -> str:
        folder = "private" if self.state == "private" else "p"
        return f"/{folder}/{self.id}"

    @property
    def ids(self) -> list[str]:
        """Ids of the records that it is read as."""
        return [f"{self.id}-a", f"{self.id}-b"] if self.has_variants else [self.id]


@dataclass
class Shop(LoopbackServer):
    """The shop: its products, what it asks of robots, and the log of its requests."""

    products: list[ShopProduct]
    crawl_delay_s: float = 0.0
    slow_s: float = 0.2
    robots_status: int = 200
    calendar: bool = True
    log: list[Asked] = field(default_factory=list)
    _failed_once: set[str] = field(default_factory=set)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        began = time.monotonic()
        asked = dict(handler.headers.items())
        status, headers, body = self.answer(handler.path, asked)
        self.log.append(Asked(began, handler.path, status, asked))
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    @property
    def address(self) -> str:
        return f"http://{self.host}/"

    def expected_ids(self) -> set[str]:
        """Ids of the records that a crawl must come to."""
        return {each for p in self.products if p.state == "sold" for each in p.ids}

    def paths(self, since: int = 0) -> list[str]:
        """Paths that were asked for, in order."""
        return [each.path for each in self.log[since:]]

    def answer(self, target: str, asked: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        parts = urlsplit(target)
        path, query = parts.path, parse_qs(parts.query)
        first, _, rest = path.strip("/").partition("/")
        if path == "/robots.txt":
            return self.robots_status, {"Content-Type": "text/plain"}, self._robots().encode()
        if first in {"sitemap.xml", "products.xml.gz", "pages.xml"}:
            return self._sitemap(first)
        if path == "/":
            return self._page(self._front(), asked)
        if first == "c":
            return self._page(self._listing(rest, int(query.get("page", ["1"])[0])), asked)
        if first == "calendar" and self.calendar:
            return self._page(self._month(rest), asked)
        if first == "old":
            return 301, {"Location": f"/p/{rest}?utm_campaign=old"}, b""
        if first == "fails-once":
            if path not in self._failed_once:
                self._failed_once.add(path)
                return 503, {"Retry-After": "0"}, b"busy"
            return self._page(f"<a href='/p/{rest}'>here after all</a>", asked)
        if first == "img":
            return self._tagged(self._photo(rest), "image/jpeg", asked)
        product = next((each for each in self.products if each.path == path), None)
        if product is None or product.state == "gone":
            return (410 if product else 404), {"Content-Type": "text/html"}, b"<p>gone</p>"
        if product.state == "broken":
            return 500, {}, b""
        if product.is_slow:
            time.sleep(self.slow_s)
        headers = {"X-Robots-Tag": "noai"} if product.state == "noai" else {}
        return self._page(self._product(product), asked, headers)

    def _page(
        self, body: str, asked: dict[str, str], more: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        data = f"<!doctype html><html><meta charset=utf-8>{body}</html>".encode()
        return self._tagged(data, "text/html; charset=utf-8", asked, more)

    def _tagged(
        self, data: bytes, kind: str, asked: dict[str, str], more: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        etag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        headers = {
            "Content-Type": kind,
            "ETag": etag,
            "Last-Modified": formatdate(EPOCH, usegmt=True),
            **(more or {}),
        }
        if asked.get("If-None-Match") == etag:
            return 304, headers, b""
        return 200, headers, data

    def _robots(self) -> str:
        delay = f"Crawl-delay: {self.crawl_delay_s:g}\n" if self.crawl_delay_s else ""
        return (
            f"User-agent: *\nDisallow: /private/\nDisallow: /*?sort=\n{delay}"
            f"\nSitemap: {self.address}sitemap.xml\n"
        )

    def _sitemap(self, name: str) -> tuple[int, dict[str, str], bytes]:
        kind = "http://www.sitemaps.org/schemas/sitemap/0.9"
        if name == "sitemap.xml":
            maps = "".join(
                f"<sitemap><loc>{self.address}{each}</loc></sitemap>"
                for each in ("products.xml.gz", "pages.xml")
            )
            body = f'<?xml version="1.0"?><sitemapindex xmlns="{kind}">{maps}</sitemapindex>'
            return 200, {"Content-Type": "application/xml"}, body.encode()
        if name == "pages.xml":
            paths = ["", "c/all", "old/" + self.products[0].id, "p/never-was"]
        else:
            paths = [each.path.strip("/") for each in self.products if each.in_sitemap]
        urls = "".join(f"<url><loc>{self.address}{html.escape(each)}</loc></url>" for each in paths)
        data = f'<?xml version="1.0"?><urlset xmlns="{kind}">{urls}</urlset>'.encode()
        packed = name.endswith(".gz")
        kind = "application/gzip" if packed else "application/xml"
        return 200, {"Content-Type": kind}, gzip.compress(data, mtime=0) if packed else data

    def _front(self) -> str:
        first = self.products[0].id
        links = ["/c/all", f"/fails-once/{first}", "/calendar/2026/1", "https://elsewhere.example/"]
        return "<title>Shop</title>" + "".join(f"<a href='{each}'>x</a>" for each in links)

    def _listing(self, name: str, page: int) -> str:
        start = (page - 1) * PER_LISTING
        shown = self.products[start : start + PER_LISTING]
        elements = [
            {"@type": "ListItem", "position": n, "url": f"{self.address.rstrip('/')}{each.path}"}
            for n, each in enumerate(shown, start=1)
        ]
        listed = {
            "@context": "https://schema.org",
            "@type": "ItemList",
            "itemListElement": elements,
        }
        links = "".join(
            f"<a href='{each.path}?utm_source=list&amp;color=1#top'>x</a>"
            f"<a href='/c/{name}?sort=price&amp;page={page}'>sort</a>"
            for each in shown
        )
        following = f"<link rel=next href='?page={page + 1}'>" if shown[PER_LISTING - 1 :] else ""
        return f"{following}<script type='application/ld+json'>{json.dumps(listed)}</script>{links}"

    def _month(self, rest: str) -> str:
        year, month = (int(each) for each in rest.split("/"))
        following = f"{year + month // 12}/{month % 12 + 1}"
        before = f"{year - (month == 1)}/{(month - 2) % 12 + 1}"
        return f"<a href='/calendar/{following}'>next</a><a href='/calendar/{before}'>before</a>"

    def _photo(self, rest: str) -> bytes:
        number, _, place = rest.partition("/")
        product = self.products[int(number)]
        data = product.images[int(place)].read_bytes()
        if product.broken_photo:
            data = data[: len(data) // 3]
        return data

    def _product(self, product: ShopProduct) -> str:
        canonical = f"<link rel=canonical href='{product.path}'>"
        asks = "<meta name=robots content='noindex, follow'>" if product.state == "noindex" else ""
        images = [f"/img/{product.number}/{n}" for n in range(len(product.images))]
        write = {
            "JSON-LD": self._json_ld,
            "microdata": self._microdata,
            "RDFa": self._rdfa,
            "OpenGraph": self._open_graph,
        }[product.syntax]
        return canonical + asks + write(product, images)

    def _json_ld(self, product: ShopProduct, images: list[str]) -> str:
        def quantity(value: float) -> dict[str, Any]:
            return {"@type": "QuantitativeValue", "value": value, "unitCode": "CMT"}

        offer = {
            "@type": "Offer",
            "price": f"{product.price:.2f}",
            "priceCurrency": "EUR",
            "availability": "https://schema.org/InStock",
        }
        described: dict[str, Any] = {
            "@context": "https://schema.org/",
            "@type": "Product",
            "name": product.title,
            "image": images,
            "category": product.category,
            **{name: quantity(value) for name, value in product.sizes.items()},
        }
        if product.has_variants:
            described |= {"@type": "ProductGroup", "productGroupID": product.id}
            described["hasVariant"] = [
                {"@type": "Product", "sku": sku, "color": color, "offers": offer}
                for sku, color in zip(product.ids, ("red", "blue"), strict=True)
            ]
        else:
            described |= {"sku": product.id, "color": product.color, "offers": offer}
        text = json.dumps(described, ensure_ascii=False, indent=1)
        if product.number % 8 == 0:
            # As themes write it: a comment, and a comma too many.
            text = "/* product */\n" + text[:-2] + ",\n}"
        return f"<script type='application/ld+json'>{text}</script>"

    def _microdata(self, product: ShopProduct, images: list[str]) -> str:
        photos = "".join(f"<img itemprop=image src='{each}'>" for each in images)
        return (
            "<div itemscope itemtype='https://schema.org/Product'>"
            f"<h1 itemprop=name>{html.escape(product.title)}</h1>{photos}"
            f"<meta itemprop=sku content='{product.id}'>"
            f"<span itemprop=color>{product.color}</span>"
            f"<span itemprop=category>{product.category}</span>"
            "<div itemprop=offers itemscope itemtype='https://schema.org/Offer'>"
            f"<b itemprop=price content='{product.price:.2f}'>{product.price}</b>"
            "<meta itemprop=priceCurrency content=EUR></div></div>"
        )

    def _rdfa(self, product: ShopProduct, images: list[str]) -> str:
        photos = "".join(f"<img property=image src='{each}'>" for each in images)
        return (
            "<body vocab='http://schema.org/'><div typeof=Product>"
            f"<h1 property=name>{html.escape(product.title)}</h1>{photos}"
            f"<meta property=sku content='{product.id}'>"
            f"<span property=color>{product.color}</span>"
            f"<span property=category>{product.category}</span>"
            "<div property=offers typeof=Offer>"
            f"<b property=price content='{product.price:.2f}'>{product.price}</b>"
            "<meta property=priceCurrency content=EUR></div></div></body>"
        )

    def _open_graph(self, product: ShopProduct, images: list[str]) -> str:
        metas = [
            ("og:type", "product"),
            ("og:title", product.title),
            ("product:retailer_item_id", product.id),
            ("product:color", product.color),
            ("product:category", product.category),
            ("product:price:amount", f"{product.price:.2f}"),
            ("product:price:currency", "EUR"),
            *(("og:image", each) for each in images),
        ]
        return "".join(
            f"<meta property='{name}' content='{html.escape(value, quote=True)}'>"
            for name, value in metas
        )


def shop_products(count: int) -> list[ShopProduct]:
    """The bundled catalog's first products; from 20 on, a few of them with something wrong."""
    feed = catalog_feed()
    products = []
    with feed.open(encoding="utf-8") as file:
        for number, line in zip(range(count), file, strict=False):
            row = json.loads(line)
            products.append(
                ShopProduct(
                    number=number,
                    id=row["id"],
                    title=row["title"],
                    category=row["category"],
                    color=row["color"],
                    images=tuple(feed.parent / each for each in row["images"][:2]),
                    sizes={
                        name: row[f"{name}_cm"]
                        for name in ("width", "depth", "height")
                        if f"{name}_cm" in row
                    },
                    price=20.0 + number,
                )
            )
    for place, state in ((5, "noindex"), (6, "noai"), (10, "private"), (13, "gone")):
        if place < count:
            products[place].state = state
    for product in products[11::97]:
        product.broken_photo = True
    return products
