"""The process in which Scrapy runs: reads what is asked for, tells how far it is, writes the feed.

Twisted's reactor runs once a process and takes signals over, so it has one of its own. It speaks
JSON lines: one comes in, ``{"progress": …}`` goes out while it runs, ``{"report": …}`` or
``{"error": …}`` at the end.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from scrapy import signals
from scrapy.crawler import CrawlerProcess
from scrapy.settings import Settings

from furniture_prompter.crawl.directives import ROBOT
from furniture_prompter.crawl.frontier import AnswersKept, AskEachTime, Frontier, JournalStorage
from furniture_prompter.crawl.journal import FILE, Journal, crawled_records, write_feed
from furniture_prompter.crawl.options import CrawlOptions, CrawlReport, PageProblem
from furniture_prompter.crawl.politeness import (
    PoliteThrottle,
    PublicAddresses,
    PublicResolver,
    RobotsRules,
)
from furniture_prompter.crawl.spider import ShopSpider
from furniture_prompter.errors import CrawlError
from furniture_prompter.feeds.html_page import LIMIT_PAGE_BYTES
from furniture_prompter.fetching.public_addresses import Guard

LOG_FILE: Final = "crawl.log"
_SHOWN_EXAMPLES: Final = 5
_PROGRESS_S: Final = 0.2
_MIDDLEWARES: Final = "scrapy.downloadermiddlewares."

Tell = Callable[[dict[str, Any]], None]


def user_agent(contact: str) -> str:
    """What the crawler calls itself: its name, its version, and whom to complain to."""
    name = f"{ROBOT}/{version('furniture-prompter')}"
    return f"{name} (+{contact})" if contact else name


def scrapy_settings(options: CrawlOptions) -> Settings:
    """Settings of Scrapy: what is needed, and nothing that its defaults would add."""
    return Settings(
        {
            "USER_AGENT": user_agent(options.contact),
            "DEFAULT_REQUEST_HEADERS": {"Accept": "text/html,application/xml;q=0.9,*/*;q=0.1"},
            "SCHEDULER": Frontier,
            "DOWNLOADER_MIDDLEWARES_BASE": {
                PublicAddresses: 90,
                RobotsRules: 100,
                f"{_MIDDLEWARES}downloadtimeout.DownloadTimeoutMiddleware": 350,
                f"{_MIDDLEWARES}defaultheaders.DefaultHeadersMiddleware": 400,
                f"{_MIDDLEWARES}useragent.UserAgentMiddleware": 500,
                f"{_MIDDLEWARES}retry.RetryMiddleware": 550,
                f"{_MIDDLEWARES}httpcompression.HttpCompressionMiddleware": 590,
                AnswersKept: 900,
            },
            "SPIDER_MIDDLEWARES_BASE": {},
            "EXTENSIONS_BASE": {PoliteThrottle: 0},
            "HTTPCACHE_ENABLED": True,
            "HTTPCACHE_POLICY": AskEachTime,
            "HTTPCACHE_STORAGE": JournalStorage,
            "DNS_RESOLVER": PublicResolver,
            "PRIVATE_HOSTS": list(options.private_hosts),
            "DOWNLOAD_VERIFY_CERTIFICATES": True,
            "DOWNLOAD_DELAY": options.delay_s,
            "DOWNLOAD_DELAY_JITTER": 0.0,
            "DOWNLOAD_TIMEOUT": options.timeout_s,
            "DOWNLOAD_MAXSIZE": LIMIT_PAGE_BYTES,
            "DOWNLOAD_WARNSIZE": 0,
            "RETRY_TIMES": options.retries,
            "CONCURRENT_REQUESTS": 4,
            "CONCURRENT_REQUESTS_PER_DOMAIN": 2,
            "AUTOTHROTTLE_ENABLED": True,
            "AUTOTHROTTLE_START_DELAY": options.delay_s,
            "AUTOTHROTTLE_MAX_DELAY": max(60.0, options.delay_s),
            "TELNETCONSOLE_ENABLED": False,
            "LOG_INSTALL_ROOT_HANDLER": False,
        }
    )


def crawl(options: CrawlOptions, folder: Path, feed: Path | None, tell: Tell) -> CrawlReport:
    """Run one crawl in this process, which can run no other.

    Args:
        options: What is asked for.
        folder: Where the journal and the log lie.
        feed: The file to write; None writes none.
        tell: Takes progress.

    Raises:
        CrawlError: the shop cannot be crawled as asked.
    """
    began = time.monotonic()
    if options.fresh:
        for file in folder.glob(f"{FILE}*"):
            file.unlink()
    journal = Journal(folder)
    try:
        resumed = journal.begin()
        spider, ended = _run(options, journal, tell)
        if spider.forbidden:
            raise CrawlError(f"The shop {options.start} cannot be crawled. {spider.forbidden}")
        report = _report(options, journal, spider)
        report.resumed = resumed
        report.complete = ended == "finished" and not report.waiting and not options.sample
        if ended != "finished":
            report.stopped = "It was interrupted; start it again to go on."
        elif report.waiting and not options.sample:
            report.stopped = f"It reached the limit of {options.limit_pages:,} pages."
        if feed is not None:
            report.products = write_feed(journal, feed)
        if ended == "finished":
            journal.finish()
        report.seconds = time.monotonic() - began
        return report
    finally:
        journal.close()


def _run(options: CrawlOptions, journal: Journal, tell: Tell) -> tuple[ShopSpider, str]:
    said_s = 0.0

    def progress(done: int, _new: int) -> None:
        nonlocal said_s
        if (now := time.monotonic()) - said_s >= _PROGRESS_S:
            said_s = now
            tell({"progress": {"done": done, "waiting": journal.waiting()}})

    ended = ["finished"]
    process = CrawlerProcess(scrapy_settings(options))
    # Scrapy sets its own to tell of every request.
    logging.getLogger("scrapy").setLevel(logging.INFO)
    crawler = process.create_crawler(ShopSpider)
    crawler.signals.connect(lambda reason: ended.append(reason), signals.spider_closed, weak=False)
    crawler.signals.connect(lambda spider: spider.idle(), signals.spider_idle, weak=False)
    guard = Guard(private_hosts=options.private_hosts)
    process.crawl(crawler, options=options, journal=journal, guard=guard, progress=progress)
    process.start()
    spider = crawler.spider
    if not isinstance(spider, ShopSpider):
        raise CrawlError("The crawler could not be started; its log says why.")
    return spider, ended[-1]


def _report(options: CrawlOptions, journal: Journal, spider: ShopSpider) -> CrawlReport:
    problems, unreadable = journal.problems()
    sitemaps, named = journal.sitemaps()
    outcomes = journal.counts()
    examples: list[dict[str, object]] = []
    products = 0
    for record in crawled_records(journal):
        products += 1
        if len(examples) < _SHOWN_EXAMPLES:
            examples.append(record)
    return CrawlReport(
        start=options.start,
        robots=spider.robots_text,
        delay_s=max(options.delay_s, spider.robots_delay_s),
        sitemaps=sitemaps,
        sitemap_addresses=named,
        pages=spider.pages,
        unchanged=spider.unchanged,
        products=products,
        product_pages=outcomes.get("product", 0),
        syntaxes=journal.counts("syntax"),
        outcomes=outcomes,
        gone=journal.gone(),
        unreadable=[PageProblem(address, reason) for address, reason in problems],
        unreadable_pages=unreadable,
        patterns=journal.left_out() | _beyond(options, spider),
        waiting=journal.waiting(),
        examples=examples,
        kinds=journal.kinds(),
    )


def _beyond(options: CrawlOptions, spider: ShopSpider) -> dict[str, int]:
    beyond = {
        f"links more than {options.limit_depth} pages away": spider.too_deep,
        f"sitemaps beyond the first {spider.limit_sitemaps:,} (--max-pages)": spider.sitemaps_left,
    }
    return {what: count for what, count in beyond.items() if count}


def main() -> int:
    """Run the crawl that standard input names, and answer on standard output."""
    asked = json.loads(sys.stdin.readline())
    answers = sys.stdout

    def tell(message: dict[str, Any]) -> None:
        try:
            answers.write(json.dumps(message) + "\n")
            answers.flush()
        except BrokenPipeError:
            # Whoever asked is gone, and the run must not outlive them. The journal has all that
            # was done; an orderly end would only ask for more pages.
            os._exit(1)

    options = dict(asked["options"])
    options["private_hosts"] = tuple(options["private_hosts"])
    folder = Path(asked["folder"])
    feed = Path(asked["feed"]) if asked["feed"] else None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / LOG_FILE
        log.unlink(missing_ok=True)
        logging.basicConfig(
            # Scrapy closes what was opened before it; only a file to append to is opened again.
            filename=log,
            filemode="a",
            level=logging.INFO,
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        )
        report = crawl(CrawlOptions(**options), folder, feed, tell)
    except CrawlError as error:
        tell({"error": str(error)})
        return 1
    except OSError as error:
        tell({"error": f"{error}. Check the path, its permissions and the space on the disk."})
        return 1
    tell({"report": asdict(report)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
