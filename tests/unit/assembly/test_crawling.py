"""The shop's address as people write it, and what is missing, in a sentence."""

from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.assembly import crawling
from furniture_prompter.crawl import running
from furniture_prompter.crawl.options import CrawlOptions, CrawlReport
from furniture_prompter.errors import CrawlError
from furniture_prompter.settings import Settings


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    given: dict[str, Any] = {}

    def run(options: CrawlOptions, folder: Path | None, feed: Path | None, _: Any) -> CrawlReport:
        given.update(options=options, folder=folder, feed=feed)
        return CrawlReport(options.start, products=given.get("products", 1))

    monkeypatch.setattr(crawling, "run_crawl", run)
    return given


def test_an_address_is_completed(asked: dict[str, Any], tmp_path: Path) -> None:
    crawling.crawl("shop.example", catalog=tmp_path, settings=Settings())
    assert asked["options"].start == "https://shop.example/"
    assert asked["options"].delay_s == 1.0
    assert asked["folder"] == tmp_path / ".crawl" / "shop.example"
    assert asked["feed"] == asked["folder"] / "products.jsonl"


def test_a_feed_elsewhere_keeps_its_journal_beside_it(
    asked: dict[str, Any], tmp_path: Path
) -> None:
    crawling.crawl("http://shop.example/tr/", out=tmp_path / "f.jsonl", delay_s=3, limit_pages=9)
    assert asked["folder"] == tmp_path / "f.jsonl.crawl"
    options = asked["options"]
    assert (options.start, options.delay_s, options.limit_pages) == (
        "http://shop.example/tr/",
        3,
        9,
    )


def test_a_dry_run_keeps_nothing(asked: dict[str, Any], tmp_path: Path) -> None:
    found = crawling.crawl("shop.example", catalog=tmp_path, dry_run=True)
    assert (asked["folder"], asked["feed"], found.feed) == (None, None, None)
    assert asked["options"].sample


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("ftp://shop.example", "ftp"),
        ("https://me:pw@shop.example", "password"),
        ("https://shop.example:8443", "port"),
        ("https://shop.example/a.pdf", "no page"),
        ("", "is none"),
    ],
)
def test_what_is_no_shop_is_refused(address: str, says: str, asked: dict[str, Any]) -> None:
    with pytest.raises(CrawlError, match=says):
        crawling.crawl(address, catalog=Path("c"))
    assert not asked


def test_hosts_of_ones_own_are_named_by_setting_alone(asked: dict[str, Any]) -> None:
    settings = Settings(allow_private_hosts=("127.0.0.1:8123",))
    crawling.crawl("http://127.0.0.1:8123", catalog=Path("c"), settings=settings)
    assert asked["options"].private_hosts == ("127.0.0.1:8123",)


def test_a_shop_without_products_says_why(asked: dict[str, Any]) -> None:
    asked["products"] = 0
    with pytest.raises(CrawlError, match="JavaScript"):
        crawling.crawl("shop.example", catalog=Path("c"))


def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "find_spec", lambda name: None if name == "scrapy" else name)
    with pytest.raises(CrawlError, match=r"Crawling needs scrapy\. Run .*'\.\[crawl\]'"):
        crawling.crawl("shop.example", catalog=Path("c"))
