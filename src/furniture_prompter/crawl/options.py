"""What a crawl is asked for, and what it answers, as plain data that crosses to its own process."""

from dataclasses import dataclass, field
from typing import Final

DEFAULT_PAGES: Final = 50_000
DEFAULT_DELAY_S: Final = 1.0
SAMPLE_PAGES: Final = 12


@dataclass(frozen=True, slots=True)
class CrawlOptions:
    """What is crawled, and how.

    Attributes:
        start: The shop's address.
        delay_s: Least time between two requests, seconds; robots.txt may ask for more.
        limit_pages: Pages that are asked for in one run, sitemaps and robots.txt aside.
        limit_depth: Links between the first page, or the sitemap, and a page.
        limit_barren: Pages of one pattern of addresses that are read before any of them leads to
            a product.
        contact: Address, mail or web, that the User-Agent names; empty for none.
        sample: Whether to read a dozen pages, to show what there is.
        fresh: Whether to forget what earlier runs kept.
        timeout_s: Longest time for one page.
        retries: How often a page is asked for again that was not answered.
        private_hosts: Hosts with their ports that may be asked though they are not public.
    """

    start: str
    delay_s: float = DEFAULT_DELAY_S
    limit_pages: int = DEFAULT_PAGES
    limit_depth: int = 20
    limit_barren: int = 100
    contact: str = ""
    sample: bool = False
    fresh: bool = False
    timeout_s: float = 30.0
    retries: int = 2
    private_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PageProblem:
    """A page that was not read.

    Attributes:
        address: The page.
        reason: What is wrong, in a few words.
    """

    address: str
    reason: str


@dataclass(slots=True)
class CrawlReport:
    """What a run found, and how far it came.

    Attributes:
        start: The shop's address.
        robots: What robots.txt says of this crawler, in a sentence.
        delay_s: Least time between two requests that was kept, seconds.
        sitemaps: Sitemaps that were read.
        sitemap_addresses: Pages that they name.
        pages: Pages that were asked for in this run.
        unchanged: Pages of which the server said that nothing changed.
        products: Records of the feed: products, or variants of products.
        product_pages: Pages that describe any.
        syntaxes: Pages by the syntax that told of products.
        outcomes: Pages by what became of them; see :mod:`furniture_prompter.crawl.journal`.
        gone: Product pages of an earlier run that the site no longer has.
        unreadable: Pages that could not be read; products known of them from an earlier run are
            kept.
        unreadable_pages: How many those are; the list has the first hundred.
        patterns: Patterns of addresses of which pages were left out as endless, and how many.
        waiting: Pages that are known and were not asked for.
        complete: Whether every page was asked for: what the feed lacks, the site lacks.
        resumed: Whether the run took up one that had been broken off.
        seconds: Wall time.
        examples: A few records, for a person to look at.
        kinds: The most frequent patterns of addresses that wait or were read, and how many pages.
        stopped: Why the run ended before its end; empty where it did not.
    """

    start: str
    robots: str = ""
    delay_s: float = 0.0
    sitemaps: int = 0
    sitemap_addresses: int = 0
    pages: int = 0
    unchanged: int = 0
    products: int = 0
    product_pages: int = 0
    syntaxes: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    gone: int = 0
    unreadable: list[PageProblem] = field(default_factory=list)
    unreadable_pages: int = 0
    patterns: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    complete: bool = False
    resumed: bool = False
    seconds: float = 0.0
    examples: list[dict[str, object]] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    stopped: str = ""

    @property
    def may_remove(self) -> bool:
        """Whether products that the feed lacks are gone from the site for certain."""
        return self.complete and not self.unreadable_pages
