"""One answered page: what becomes of it, which products it has, and where it leads."""

from dataclasses import dataclass, field
from typing import Any, Final

from furniture_prompter.crawl.addresses import is_front_page, page_address, same_shop
from furniture_prompter.crawl.directives import directives_of
from furniture_prompter.crawl.journal import LINKED, Waiting
from furniture_prompter.feeds.html_page import HtmlPage, read_page
from furniture_prompter.feeds.page_products import page_products

_GONE: Final = frozenset({404, 410})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
LIMIT_REASON: Final = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Attributes:
        address: The page that was asked for.
        status: HTTP status.
        text: The page; None where it is no HTML.
        location: Where it redirects to; empty where it does not.
        robots_headers: Values of X-Robots-Tag.
    """

    address: str
    status: int
    text: str | None = None
    location: str = ""
    robots_headers: tuple[str, ...] = ()


@dataclass(slots=True)
class Verdict:
    """What becomes of a page; see :meth:`furniture_prompter.crawl.journal.Journal.settle`.

    Attributes:
        too_deep: How many pages it leads to that are too many links away.
    """

    outcome: str
    reason: str = ""
    canonical: str = ""
    syntax: str = ""
    records: list[dict[str, Any]] = field(default_factory=list)
    found: list[Waiting] = field(default_factory=list)
    too_deep: int = 0


def judged(answer: Answer, waiting: Waiting, start: str, limit_depth: int) -> Verdict:
    """What becomes of a page.

    Args:
        answer: What the server answered.
        waiting: The page, as the journal had it.
        start: The shop's address, whose host alone is crawled.
        limit_depth: Links between the first page and one that is still asked for.
    """
    if answer.status in _REDIRECTS:
        return _redirected(answer, waiting, start, limit_depth)
    if answer.status in _GONE:
        return Verdict("gone")
    if answer.status != 200:
        return Verdict("unreadable", f"it answered {answer.status}")
    if answer.text is None:
        return Verdict("no page")
    page = read_page(answer.text)
    asked = directives_of(page, answer.robots_headers)
    found = [] if asked.forbids_following else _links(page, answer.address, waiting, start)
    if asked.forbids_taking:
        verdict = Verdict(asked.forbids_taking, found=found)
    else:
        verdict = _taken(page, answer, waiting, start, found)
    near = [each for each in verdict.found if each.depth <= limit_depth]
    verdict.too_deep = len(verdict.found) - len(near)
    verdict.found = near
    return verdict


def _redirected(answer: Answer, waiting: Waiting, start: str, limit_depth: int) -> Verdict:
    target = page_address(answer.location, answer.address)
    if not target:
        return Verdict("unreadable", "it redirects to no web address")
    if not same_shop(target, start):
        return Verdict("elsewhere", f"it redirects to {target}"[:LIMIT_REASON])
    # A redirect is a link like any other, or they would go on without end.
    if waiting.depth >= limit_depth:
        return Verdict("unreadable", f"redirects lead on for more than {limit_depth} pages")
    return Verdict("moved", found=[Waiting(target, waiting.rank, waiting.depth + 1)])


def _links(page: HtmlPage, address: str, waiting: Waiting, start: str) -> list[Waiting]:
    base = page_address(page.base, address) or address
    targets: dict[str, None] = {}
    for link in page.links:
        if "nofollow" not in link.rel:
            target = page_address(link.address, base)
            if target and target != address and same_shop(target, start):
                targets[target] = None
    # The next page of a list is no deeper than the one before, however many there are.
    own = address.partition("?")[0]
    return [
        Waiting(target, LINKED, waiting.depth + (target.partition("?")[0] != own))
        for target in targets
    ]


def _taken(
    page: HtmlPage, answer: Answer, waiting: Waiting, start: str, found: list[Waiting]
) -> Verdict:
    canonical = _canonical(page, answer.address, start)
    products = page_products(page, answer.text or "", canonical)
    if canonical != answer.address:
        found = [Waiting(canonical, waiting.rank, waiting.depth), *found]
    own: list[dict[str, Any]] = []
    for record in products.records:
        target = page_address(str(record.get("url", "")), canonical)
        elsewhere = target and target != canonical and same_shop(target, start)
        if not elsewhere or _is_variant_here(record, target, canonical):
            own.append(dict(record))
        else:
            # A list tells less of a product than its own page does.
            found.append(Waiting(target, LINKED, waiting.depth + 1))
    for address in products.listed:
        target = page_address(address, canonical)
        if target and same_shop(target, start):
            found.append(Waiting(target, LINKED, waiting.depth + 1))
    if not own and products.unreadable:
        line, reason = products.unreadable[0]
        words = f"its JSON-LD in line {line} cannot be read: {reason}"[:LIMIT_REASON]
        return Verdict("unreadable", words, canonical, found=found)
    outcome = "product" if own else "page"
    return Verdict(outcome, "", canonical, products.syntax if own else "", own, found)


def _is_variant_here(record: Any, target: str, canonical: str) -> bool:
    """Whether a page describes one of its product's variants, whose address chooses it there."""
    same_page = target.partition("?")[0] == canonical.partition("?")[0]
    return same_page and "item_group_id" in record


def _canonical(page: HtmlPage, address: str, start: str) -> str:
    """The address that a page gives itself, where it is one of the shop's and not its first page.

    Many a shop names its first page as the canonical one of all others, or another site.
    """
    given = page_address(page.canonical, page_address(page.base, address) or address)
    if not page.canonical or not given or not same_shop(given, start):
        return address
    return address if is_front_page(given) else given
