"""How many sitemaps of a shop are asked for."""

from typing import Any

import pytest

from furniture_prompter.crawl.options import CrawlOptions
from furniture_prompter.crawl.spider import FEWEST_SITEMAPS, LIMIT_SITEMAPS, ShopSpider
from furniture_prompter.fetching.public_addresses import Guard

SHOP = "https://shop.example/"


@pytest.mark.parametrize(
    ("pages", "read"), [(5, FEWEST_SITEMAPS), (300, 300), (10**6, LIMIT_SITEMAPS)]
)
def test_as_many_sitemaps_are_read_as_pages_may_be(pages: int, read: int) -> None:
    asked: list[str] = []

    class Kept:
        def add(self, address: str, *_: object) -> None:
            asked.append(address)

    journal: Any = Kept()
    options = CrawlOptions(start=SHOP, limit_pages=pages)
    spider = ShopSpider(options, journal, Guard(), lambda *_: None)
    for number in range(LIMIT_SITEMAPS + 1):
        spider._add_sitemap(f"{SHOP}{number}.xml", SHOP, 1)
    assert (len(asked), spider.sitemaps_left) == (read, LIMIT_SITEMAPS + 1 - read)
