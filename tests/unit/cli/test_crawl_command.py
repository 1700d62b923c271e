"""``crawl``: it asks for the right to, says what it found, and removes nothing it is unsure of."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter import assembly
from furniture_prompter.assembly import crawling
from furniture_prompter.cli import crawl_command
from furniture_prompter.crawl.options import CrawlReport, PageProblem
from furniture_prompter.domain import IndexProgress
from furniture_prompter.errors import CrawlError, TooManyRemovedError
from tests.unit.cli.test_index_command import _summary

Run = Callable[..., Any]
SHOP = "https://shop.example/"


class FakeCrawl:
    """Answers with a report, or raises."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}
        self.indexed: dict[str, Any] = {}
        self.error: BaseException | None = None
        self.refuses_much = False
        self.report = CrawlReport(
            start=SHOP,
            robots="It is obeyed.",
            delay_s=2.0,
            pages=12,
            products=3,
            outcomes={"product": 3, "noai": 1},
            syntaxes={"JSON-LD": 3},
            examples=[{"id": "1", "name": "Oslo\x1b[2J", "image": ["a", "b"]}],
            complete=True,
        )

    def __call__(self, address: str, **given: Any) -> crawling.Crawl:
        self.given = {"address": address, **given}
        given["progress"](IndexProgress("crawling", 1, 12, "pages"))
        if self.error is not None:
            raise self.error
        folder = given["catalog"]
        feed = given["out"] or (folder / "products.jsonl" if folder else None)
        return crawling.Crawl(self.report, None if given["dry_run"] else feed)

    def index(self, source: str, catalog: Path, **given: Any) -> Any:
        self.indexed = {"source": source, "catalog": catalog, **given}
        if self.refuses_much and not given["remove_many"]:
            raise TooManyRemovedError("Nothing was written; run it again with --yes.")
        return _summary()


@pytest.fixture
def crawl(monkeypatch: pytest.MonkeyPatch) -> FakeCrawl:
    fake = FakeCrawl()
    monkeypatch.setattr(crawling, "crawl", fake)
    monkeypatch.setattr(assembly, "index", fake.index)
    return fake


def test_a_shop_is_crawled_and_its_feed_indexed_with_photos(shop: Run, crawl: FakeCrawl) -> None:
    done = shop("crawl", SHOP, "--catalog", "c", "--yes", "--sync", "--contact", "me@x.example")
    assert crawl.indexed["feed_name"] == "crawl of shop.example"
    assert done.status == 0
    assert crawl.given["address"] == SHOP
    assert crawl.given["contact"] == "me@x.example"
    assert crawl.indexed["source"] == str(Path("c") / "products.jsonl")
    assert crawl.indexed["download"] is True
    assert crawl.indexed["sync"] is True
    assert "1 ask not to feed a model (noai), not taken" in done.out
    assert "\x1b" not in done.out


def test_a_crawl_has_the_name_that_it_is_given(shop: Run, crawl: FakeCrawl) -> None:
    words = ("crawl", SHOP, "--catalog", "c", "--i-have-the-right")
    done = shop(*words, "--feed", "lamps", "--was", "old", "--was", "https://old.example")
    assert done.status == 0
    was = ["old", "https://old.example"]
    for given in (crawl.given, crawl.indexed):
        assert (given["feed_name"], given["was"]) == ("lamps", was)
    shop(*words)
    assert (crawl.given["feed_name"], crawl.given["was"]) == (None, ())
    for option in ("--feed", "--was"):
        alone = shop("crawl", SHOP, "--out", "f.jsonl", "--i-have-the-right", option, "lamps")
        assert alone.status == 2
        assert "Give --catalog DIR." in alone.err


def test_the_right_to_take_is_no_right_to_remove_much(shop: Run, crawl: FakeCrawl) -> None:
    crawl.refuses_much = True
    words = ("crawl", SHOP, "--catalog", "c", "--sync")
    refused = shop(*words, "--i-have-the-right")
    assert refused.status == 11
    assert "12 asked for" in refused.out
    assert "run it again with --yes" in refused.err
    assert shop(*words, "--yes").status == 0


def test_the_feed_is_indexed_whoever_reads_what_was_found(
    shop: Run, crawl: FakeCrawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    class GoneError(Exception):
        pass

    def closed(_: object) -> None:
        raise GoneError

    monkeypatch.setattr(crawl_command, "print_facts", closed)
    with pytest.raises(GoneError):
        shop("crawl", SHOP, "--catalog", "c", "--yes")
    assert crawl.indexed


def test_nobody_is_taken_to_have_the_right(shop: Run, crawl: FakeCrawl) -> None:
    done = shop("crawl", SHOP, "--catalog", "c")
    assert done.status == 2
    assert "--i-have-the-right" in done.err
    assert not crawl.given


def test_a_dry_run_shows_and_writes_nothing(shop: Run, crawl: FakeCrawl) -> None:
    done = shop("crawl", SHOP, "--dry-run")
    assert done.status == 0
    assert "a sample; nothing was written" in done.out
    assert not crawl.indexed


def test_what_cannot_be_read_keeps_sync_from_removing(shop: Run, crawl: FakeCrawl) -> None:
    crawl.report.unreadable = [PageProblem(f"{SHOP}p/1", "it answered 500")]
    crawl.report.unreadable_pages = 1
    done = shop("crawl", SHOP, "--catalog", "c", "--yes", "--sync")
    assert done.status == 3
    assert crawl.indexed["sync"] is False
    assert "Nothing is removed" in done.err
    assert f"{SHOP}p/1: it answered 500." in done.err


def test_a_feed_alone_is_written_where_it_was_asked_for(
    shop: Run, crawl: FakeCrawl, tmp_path: Path
) -> None:
    out = tmp_path / "feed.jsonl"
    done = shop("crawl", SHOP, "--out", str(out), "--i-have-the-right", "--json")
    answer = json.loads(done.out)
    assert (done.status, answer["feed"], answer["index"]) == (0, str(out), None)
    assert answer["crawl"]["products"] == 3
    assert not crawl.indexed


def test_a_shop_that_forbids_it_is_one_sentence(shop: Run, crawl: FakeCrawl) -> None:
    crawl.error = CrawlError("The shop forbids it. Ask for a feed.")
    done = shop("crawl", SHOP, "--catalog", "c", "--yes")
    assert done.status == 4
    assert done.err.endswith("error: The shop forbids it. Ask for a feed.\n")


def test_the_command_says_what_is_missing(shop: Run, crawl: FakeCrawl) -> None:
    assert shop("crawl", SHOP).status == 2
    assert shop("crawl", SHOP, "--dry-run", "--contact", "a\nb").status == 2
