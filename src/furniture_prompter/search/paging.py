"""Pages of one ranking that neither repeat a product nor leave one out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from furniture_prompter.catalog.reader import Filter
from furniture_prompter.catalog.spaces import Numbers
from furniture_prompter.search.parts import Fused, PartGroup, fuse

# How much further each part reaches once all that it brought is on earlier pages.
_FURTHER: Final = 4


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        hits: Its products, best first.
        retrieved: All products that the parts brought to the first page, in no promised order;
            the same on every page.
        more: Whether products follow.
    """

    hits: Fused
    retrieved: Numbers
    more: bool


async def turn_to(
    groups: Sequence[PartGroup],
    start: int,
    count: int,
    reach: int,
    only: Filter | None,
    leave_out: int | None = None,
) -> Page:
    """The products at places `start` to ``start + count`` of a ranking.

    What every part's `reach` best products are ranked by comes first. Once those are turned over,
    parts reach further, and what is new is ranked behind: had they reached further at once, a
    product could have moved between pages.

    Args:
        groups: At least one with a positive share.
        start: Products on the pages before.
        count: Products wanted.
        reach: Products that each part brings to the first page; the same for every page.
        only: The filter that products must pass.
        leave_out: Number of a product that is no hit.
    """
    stage = await fuse(groups, reach, only, leave_out)
    ranked, retrieved = stage, stage.numbers
    while ranked.numbers.size <= start + count and not stage.exhausted:
        reach *= _FURTHER
        stage = await fuse(groups, reach, only, leave_out)
        fresh = ~np.isin(stage.numbers, ranked.numbers)
        ranked = ranked.followed_by(stage.taken(np.flatnonzero(fresh)))
    places = np.arange(start, min(start + count, ranked.numbers.size))
    return Page(ranked.taken(places), retrieved, ranked.numbers.size > start + count)
