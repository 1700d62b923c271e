"""A shop crawled, killed, taken up and crawled again: ``python -m benchmarks.crawl``."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.provenance import DataSet, add_output_option, write_result
from furniture_prompter.assembly import Catalog, index
from furniture_prompter.atomic_files import sha256_of
from furniture_prompter.bundled import catalog_feed
from furniture_prompter.crawl.options import CrawlOptions, CrawlReport
from furniture_prompter.crawl.running import run_crawl
from furniture_prompter.settings import Settings
from tests.loopback_shop import Asked, Shop, shop_products

PRODUCTS = 500
CRAWL_DELAY_S = 0.05
CHANGED, GONE = 10, 5
METHOD = """
The shop of tests/loopback_shop.py, made of the bundled catalog, on the same machine: its products
in JSON-LD, microdata, RDFa and OpenGraph, a packed sitemap below an index that lacks every tenth
product, every product under a second address, redirects, pages that are gone, fail once, are
slow, forbidden or ask not to be taken, and a calendar that never ends. Its robots.txt asks for
0.05 s between requests. The first run is killed (SIGKILL) when the server has seen 100
requests, and started again. Then ten prices change and five products go, and
the shop is crawled again. "Sent" are answers with a body, among them robots.txt and three
sitemaps without tags. At last the feed is indexed with its photos, and each product's title is
searched. Seconds include the start of the process; the machine was shared while it ran.
"""


def options(shop: Shop) -> CrawlOptions:
    """What every run is asked for: as fast as robots.txt lets it."""
    return CrawlOptions(start=shop.address, delay_s=0.0, private_hosts=(shop.host,))


def killed_run(shop: Shop, folder: Path, feed: Path, after: int) -> float:
    """Start a run in a process, and kill that after so many requests; seconds until then."""
    asked = {"options": asdict(options(shop)), "folder": str(folder), "feed": str(feed)}
    began = time.perf_counter()
    command = [sys.executable, "-m", "furniture_prompter.crawl.child"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as child:
        if child.stdin is None:
            raise AssertionError("it was asked for")
        child.stdin.write(json.dumps(asked) + "\n")
        child.stdin.flush()
        while len(shop.log) < after and child.poll() is None:
            time.sleep(0.05)
        os.kill(child.pid, signal.SIGKILL)
    return time.perf_counter() - began


def row(name: str, shop: Shop, log: list[Asked], feed: Path, seconds: float) -> dict[str, Any]:
    """What the server's log says of a run."""
    times = sorted(each.at_s for each in log)
    found = set()
    if feed.exists():
        found = {json.loads(line)["id"] for line in feed.read_text("utf-8").splitlines()}
    paths = [each.path for each in log]
    return {
        "run": name,
        "requests": len(log),
        "sent": sum(each.status == 200 for each in log),
        "unchanged": sum(each.status == 304 for each in log),
        "seconds": round(seconds, 1),
        "mean_gap_s": round((times[-1] - times[0]) / max(len(times) - 1, 1), 3),
        "forbidden_asked": sum("/private/" in each or "sort=" in each for each in paths),
        "records": len(found),
        "missing": len(shop.expected_ids() - found),
        "surplus": len(found - shop.expected_ids()),
    }


def searched(feed: Path, catalog: Path, host: str) -> dict[str, Any]:
    """Index the feed with its photos, and ask for each product by its title."""
    settings = Settings(allow_private_hosts=(host,))
    summary = index(feed, catalog, settings=settings, download=True)
    right = asked = 0
    titles: Counter[str] = Counter()
    rows = [json.loads(line) for line in feed.read_text("utf-8").splitlines()]
    titles.update(each["name"] for each in rows)
    with Catalog.open(catalog) as opened:
        for each in rows[:: max(1, len(rows) // 100)]:
            if titles[each["name"]] == 1:
                asked += 1
                hits = opened.search(each["name"], limit=1).hits
                right += bool(hits) and hits[0].product.title == each["name"]
    return {
        "products": summary.products,
        "photos": summary.photos,
        "set_aside": len(summary.set_aside),
        "index_seconds": round(summary.seconds, 1),
        "titles_asked": asked,
        "titles_first": right,
    }


def main() -> None:
    """Build the shop, crawl it, file the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_output_option(parser, "crawl")
    arguments = parser.parse_args()
    products = shop_products(PRODUCTS)
    with (
        tempfile.TemporaryDirectory() as temporary,
        Shop(products, crawl_delay_s=CRAWL_DELAY_S) as shop,
    ):
        folder, feed = Path(temporary, "crawl"), Path(temporary, "products.jsonl")
        rows = []

        def run(name: str) -> CrawlReport:
            before, began = len(shop.log), time.perf_counter()
            report = run_crawl(options(shop), folder, feed)
            rows.append(row(name, shop, shop.log[before:], feed, time.perf_counter() - began))
            print(rows[-1], report.outcomes, file=sys.stderr)
            return report

        seconds = killed_run(shop, folder, feed, after=100)
        rows.append(row("first, killed", shop, [*shop.log], feed, seconds))
        first = run("first, taken up")
        counted = Counter(each.path for each in shop.log if each.path.startswith("/p/"))
        twice = sum(count > 1 for count in counted.values())
        for product in products[100 : 100 + CHANGED]:
            product.price += 1
        for product in products[200 : 200 + GONE]:
            product.state = "gone"
        second = run("second")
        found = searched(feed, Path(temporary, "catalog"), shop.host)
    write_result(
        arguments.out,
        title="A shop without a feed, crawled",
        data=[
            DataSet(
                name="bundled",
                fingerprint=sha256_of(catalog_feed()),
                note=f"{len(products)} products of the bundled catalog as a shop on loopback.",
            )
        ],
        method=METHOD,
        figures={
            "rows": rows,
            "kill": [
                {
                    "pages_asked_twice_after_the_kill": twice,
                    "resumed": first.resumed,
                    "complete": first.complete and second.complete,
                    "endless_pages_left_out": sum(first.patterns.values()),
                    "product_pages_gone": second.gone,
                }
            ],
            "search": [found],
        },
    )


if __name__ == "__main__":
    main()
