"""Shops without a feed by address and settings: crawl one, and where its feed is kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from furniture_prompter.assembly.feed_names import refuse_feed_names
from furniture_prompter.assembly.run_progress import shared_progress
from furniture_prompter.crawl.options import CrawlOptions, CrawlReport
from furniture_prompter.crawl.running import refuse_without_extra, run_crawl
from furniture_prompter.domain import IndexProgress
from furniture_prompter.errors import CrawlError
from furniture_prompter.fetching.public_addresses import AddressError, Guard, shown_address
from furniture_prompter.settings import Settings

CRAWL_FOLDER: Final = ".crawl"
"""Folder of a catalog that keeps journals and feeds of crawls, one folder a host."""
FEED_FILE: Final = "products.jsonl"


@dataclass(frozen=True, slots=True)
class Crawl:
    """A crawl's answer.

    Attributes:
        report: What it found.
        feed: The feed that it wrote; None for a dry run.
    """

    report: CrawlReport
    feed: Path | None


def crawl(
    address: str,
    *,
    catalog: Path | None = None,
    out: Path | None = None,
    settings: Settings | None = None,
    dry_run: bool = False,
    delay_s: float | None = None,
    limit_pages: int | None = None,
    contact: str = "",
    fresh: bool = False,
    progress: Callable[[IndexProgress], None] | None = None,
    feed_name: str | None = None,
    was: Sequence[str] = (),
) -> Crawl:
    """Crawl a shop and write what it sells as a feed; nothing is indexed.

    Whoever calls it has to have the right to take the shop's product data and photos.

    Args:
        address: The shop's; https where it names no scheme.
        catalog: Folder of the catalog that keeps journal and feed.
        out: File of the feed, whose journal is kept beside it, where the catalog shall not have
            them.
        settings: Settings; from the environment when left out.
        dry_run: Whether to read a dozen pages and to write nothing.
        delay_s: Least time between two requests, seconds; a second when left out.
        limit_pages: Pages that are asked for in one run.
        contact: Address, mail or web, for the User-Agent.
        fresh: Whether to forget what earlier runs kept.
        progress: Called now and then.
        feed_name: What `catalog` is to remember the feed by; the shop's host when left out. Names
            are looked at before the shop is asked for anything.
        was: Names by which it was remembered before.

    Raises:
        CrawlError: the extra `crawl` is missing, the shop forbids it or does not answer, or no
            product is found.
        InvalidFeedError: the feed cannot be called so, or `catalog` remembers none of a name in
            `was`.
    """
    refuse_without_extra()
    chosen = settings or Settings()
    start = _start(address, chosen.allow_private_hosts)
    options = CrawlOptions(
        start=start,
        contact=contact,
        sample=dry_run,
        fresh=fresh,
        private_hosts=chosen.allow_private_hosts,
        **{
            name: value
            for name, value in (("delay_s", delay_s), ("limit_pages", limit_pages))
            if value is not None
        },  # type: ignore[arg-type]  # each of its own type
    )
    if catalog is not None:
        refuse_feed_names(catalog, start, feed_name, was)
    if dry_run:
        return Crawl(run_crawl(options, None, None, progress or (lambda _: None)), None)
    if out is not None:
        folder, feed = out.with_name(f"{out.name}.crawl"), out
    elif catalog is not None:
        folder = catalog / CRAWL_FOLDER / urlsplit(start).netloc.replace(":", "_")
        feed = folder / FEED_FILE
    else:
        raise CrawlError("Nothing says where the feed shall lie. Name a catalog or a file.")
    with shared_progress(catalog or folder, "crawl", shown_address(start), progress) as tell:
        report = run_crawl(options, folder, feed, tell)
    if not report.products:
        raise CrawlError(
            f"No product was found on the {report.pages:,} pages of {shown_address(start)} that "
            "were read: none has a schema.org Product in JSON-LD, microdata or RDFa, or an "
            "OpenGraph product. A shop that describes them to browsers alone, by JavaScript, needs "
            "a feed: ask for an export."
        )
    return Crawl(report, feed)


def _start(address: str, private_hosts: tuple[str, ...]) -> str:
    whole = address.strip()
    if "://" not in whole:
        whole = f"https://{whole}"
    try:
        parsed = Guard(private_hosts=private_hosts).parse(whole)
    except AddressError as error:
        raise CrawlError(
            f"The address {shown_address(whole)} {error.reason}. {error.cure}."
        ) from error
    # Imported late: it is part of what the extra installs.
    from furniture_prompter.crawl.addresses import page_address

    start = page_address(str(parsed))
    if not start:
        raise CrawlError(
            f"The address {shown_address(whole)} leads to no page. Give the shop's first page, "
            "such as https://shop.example."
        )
    return start
