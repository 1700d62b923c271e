"""Where a page of hits ended, as a text that asks for the next one."""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Final

import numpy as np

from furniture_prompter.catalog.reader import Filter
from furniture_prompter.catalog.vector_index import Numbers
from furniture_prompter.domain import Query
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.query_options import OPTIONS
from furniture_prompter.search.retrievers import Fused, PartGroup, fuse

LIMIT_RANKED: Final = 10_000
"""How deep pages go: every page ranks all products before it again."""

_LIMIT_CHARACTERS: Final = 200
_DIGEST_CHARACTERS: Final = 24


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page begins.

    It says nothing that whoever has it does not know, so it is not signed; what it says is checked
    against the query that comes with it.

    Attributes:
        start: Hits on the pages before.
        reach: Products that each part brought to the first page, at least; the ranking, and so
            every later page, hangs on it.
        version: The catalog version that answered the page before.
        query: What :func:`query_digest` says of the query.
    """

    start: int
    reach: int
    version: int
    query: str

    def to_text(self) -> str:
        """Letters, digits, ``-`` and ``_``: fit for an address as it is."""
        data = json.dumps([self.start, self.reach, self.version, self.query]).encode("ascii")
        return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")

    @classmethod
    def from_text(cls, text: str) -> "Cursor":
        """Read what :meth:`to_text` wrote.

        Raises:
            InvalidQueryError: it is no cursor.
        """
        try:
            if len(text) > _LIMIT_CHARACTERS:
                raise ValueError(len(text))
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            start, reach, version, query = values
            whole = all(type(value) is int for value in (start, reach, version))
            if not whole or not isinstance(query, str):
                raise ValueError(values)
            if not (0 < start < LIMIT_RANKED and 0 < reach <= LIMIT_RANKED and version > 0):
                raise ValueError(values)
        except (ValueError, TypeError, binascii.Error, RecursionError):
            raise InvalidQueryError(
                "The cursor is none that a search gave. Give the `cursor` of the page before as it "
                "is, or none for the first page."
            ) from None
        return cls(start, reach, version, query)


def query_digest(query: Query, photo: bytes) -> str:
    """What tells queries apart whose pages must not be mixed; how many hits a page has may change.

    Args:
        query: The query.
        photo: What tells its photo apart; empty without one.
    """
    decisive = [
        query.prompt,
        *(getattr(query, name) for name, option in OPTIONS.items() if option.about.decisive),
        query.similar_to,
        astuple(query.crop) if query.crop is not None else None,
        hashlib.sha256(photo).hexdigest(),
    ]
    text = json.dumps(decisive).encode("ascii")
    return hashlib.sha256(text).hexdigest()[:_DIGEST_CHARACTERS]


def refuse_other_query(cursor: Cursor, digest: str) -> None:
    """Raise :class:`InvalidQueryError` for a cursor that another query gave."""
    if cursor.query != digest:
        raise InvalidQueryError(
            "The cursor belongs to another query. Ask for the next page with the same prompt, "
            "photo, crop, weights, without and where, or leave the cursor out."
        )


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
