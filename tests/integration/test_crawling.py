"""A shop on this machine crawled whole, politely, after a kill, and again when little changed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import pytest

from furniture_prompter.crawl.options import CrawlOptions
from furniture_prompter.crawl.running import run_crawl
from furniture_prompter.errors import CrawlError
from tests.loopback_shop import Shop, shop_products

pytestmark = pytest.mark.slow
DELAY_S = 0.05


def options(shop: Shop, **more: object) -> CrawlOptions:
    settings = {"delay_s": 0.0, "limit_barren": 5, "private_hosts": (shop.host,), **more}
    return CrawlOptions(start=shop.address, **settings)  # type: ignore[arg-type]  # as named


def ids(feed: Path) -> set[str]:
    return {json.loads(line)["id"] for line in feed.read_text("utf-8").splitlines()}


def test_a_shop_is_crawled_whole_and_politely_and_then_only_what_changed(tmp_path: Path) -> None:
    feed = tmp_path / "products.jsonl"
    with Shop(shop_products(30), crawl_delay_s=DELAY_S, slow_s=0.05) as shop:
        report = run_crawl(options(shop), tmp_path / "crawl", feed)
        assert report.complete
        assert ids(feed) == shop.expected_ids()
        assert report.products == len(shop.expected_ids())
        assert set(report.syntaxes) == {"JSON-LD", "microdata", "RDFa", "OpenGraph"}
        assert (report.outcomes["noindex"], report.outcomes["noai"]) == (2, 2)
        assert report.patterns["/calendar/#/*"] > 0

        # Manners, by the server's own log.
        paths = shop.paths()
        assert paths[0] == "/robots.txt"
        assert not [each for each in paths if each.startswith("/private") or "sort=" in each]
        assert not [each for each in paths if "utm_" in each]
        counted = Counter(paths)
        assert {each for each, count in counted.items() if count > 1} <= {
            f"/fails-once/{shop.products[0].id}"
        }
        # Two may be under way when robots.txt is read. A thread of the server that is late makes
        # one gap longer and the next one shorter.
        times = sorted(each.at_s for each in shop.log)[2:]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert times[-1] - times[0] > DELAY_S * 0.95 * len(gaps)
        assert sum(gap < DELAY_S * 0.5 for gap in gaps) < len(gaps) / 10
        assert {each.headers["User-Agent"] for each in shop.log} == {"furniture-prompter/0.1.0"}

        # Then one price changes, and one product is gone.
        before = len(shop.log)
        shop.products[0].price = 1.0
        shop.products[1].state = "gone"
        again = run_crawl(options(shop), tmp_path / "crawl", feed)
        assert again.may_remove
        assert again.gone == 2  # its page, and its page in another colour
        assert ids(feed) == shop.expected_ids()
        sent = [each.path for each in shop.log[before:] if each.status == 200]
        changed = [each for each in sent if each.startswith("/p/")]
        assert {each.partition("?")[0] for each in changed} == {shop.products[0].path}
        assert len(sent) - len(changed) == 4  # robots.txt and the sitemaps, which have no tags

        # What cannot be read keeps its products, and nothing may be removed.
        shop.products[2].state = "broken"
        third = run_crawl(options(shop, retries=0), tmp_path / "crawl", feed)
        assert third.complete
        assert not third.may_remove
        assert third.unreadable_pages == 2
        assert shop.products[2].id in ids(feed)


def test_a_run_that_is_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    feed, folder = tmp_path / "products.jsonl", tmp_path / "crawl"
    with Shop(shop_products(24), slow_s=0.05) as shop:
        asked = {
            "options": asdict(options(shop, delay_s=0.1)),
            "folder": str(folder),
            "feed": str(feed),
        }
        with subprocess.Popen(
            [sys.executable, "-m", "furniture_prompter.crawl.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        ) as child:
            assert child.stdin is not None
            child.stdin.write(json.dumps(asked) + "\n")
            child.stdin.flush()
            deadline = time.monotonic() + 60
            while len(shop.log) < 20 and time.monotonic() < deadline:
                time.sleep(0.02)
            os.kill(child.pid, signal.SIGKILL)
        assert not feed.exists()
        first = Counter(each for each in shop.paths() if each.startswith("/p/"))
        assert first
        report = run_crawl(options(shop), folder, feed)
        assert report.resumed
        assert report.complete
        assert ids(feed) == shop.expected_ids()
        # Only what was under way when it was killed is asked for twice.
        counted = Counter(each for each in shop.paths() if each.startswith("/p/"))
        assert sum(count > 1 for count in counted.values()) <= 4


def test_a_shop_whose_robots_txt_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    with Shop(shop_products(3), robots_status=503) as shop:
        with pytest.raises(CrawlError, match=r"robots\.txt cannot be read"):
            run_crawl(options(shop, retries=0), tmp_path, tmp_path / "feed.jsonl")
        assert set(shop.paths()) == {"/robots.txt"}


def test_a_host_that_is_not_public_is_not_asked(tmp_path: Path) -> None:
    with Shop(shop_products(3)) as shop:
        refused = CrawlOptions(start=shop.address.replace("127.0.0.1", "localhost"), retries=0)
        with pytest.raises(CrawlError, match=r"names a port|public address"):
            run_crawl(refused, None, None)
        assert not shop.log


def test_a_limit_ends_a_run_that_the_next_one_takes_up_as_incomplete(tmp_path: Path) -> None:
    feed = tmp_path / "feed.jsonl"
    with Shop(shop_products(12), calendar=False) as shop:
        report = run_crawl(options(shop, limit_pages=5), tmp_path / "crawl", feed)
        assert not report.complete
        assert not report.may_remove
        assert report.waiting > 0
        assert "limit of 5 pages" in report.stopped
        sample = run_crawl(options(shop, sample=True), None, None)
        assert sample.sitemaps == 3
        assert 0 < len(sample.examples) <= 5
        assert sample.pages == 12
