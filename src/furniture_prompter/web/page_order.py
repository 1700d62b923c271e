"""The order of a page's hits: what is of the kind asked for by a number, the others behind."""

from collections.abc import Mapping
from typing import Any, Final

from furniture_prompter.search.answer import SearchAnswer
from furniture_prompter.web.page import HITS_OF_PAGE
from furniture_prompter.web.page_address import Asked

LEAST_SORTED: Final = 0.3
"""Confidence of what is sorted; less sure hits come behind. docs/experiments.md has the figures."""


def page_of(
    asked: Asked, told: SearchAnswer, named: Mapping[int, bool | None]
) -> tuple[list[Any], str, int]:
    """The hits of a page, the address of the next one, and how many of all are sorted.

    The address is empty on the last page; the number is 0 where all of them are, or none.

    Args:
        asked: What was asked.
        told: The answer.
        named: Whether hits are of the kind that was named, by rank; None where nothing tells it.
    """
    hits = told["hits"]
    if not asked.sort:
        cursor = told["cursor"]
        return list(hits), asked.address(cursor=cursor) if cursor else "", 0
    column, falls = asked.sort.removeprefix("-"), asked.sort.startswith("-")

    def place(hit: Any) -> tuple[bool, float]:
        value = hit["product"].get(column)
        known = isinstance(value, float | int)
        return not known, (-value if falls else value) if known else 0.0

    # A shop without the kind has what confidence takes for the nearest.
    knows_kind = any(named.values())
    # The cheapest of all is seldom what was asked for.
    is_sure = [
        (each["confidence"] or 0) >= LEAST_SORTED if kind is None else kind
        for each in hits
        for kind in (named.get(each["rank"]) if knows_kind else None,)
    ]
    of_kind = [each for each, sure in zip(hits, is_sure, strict=True) if sure]
    others = [each for each, sure in zip(hits, is_sure, strict=True) if not sure] if of_kind else []
    start = (asked.page - 1) * HITS_OF_PAGE
    ordered = [*sorted(of_kind or hits, key=place), *others]
    more = len(ordered) > start + HITS_OF_PAGE
    return (
        ordered[start : start + HITS_OF_PAGE],
        asked.address(page=asked.page + 1) if more else "",
        len(of_kind) if others else 0,
    )
