"""Pagination: cursors, and pages of a ranking that retrievers extend as far as a page needs."""

import base64
import binascii
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Final, TypeAlias

import numpy as np

from furniture_prompter.catalog.reader import Filter
from furniture_prompter.domain import Query
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.query_options import OPTIONS
from furniture_prompter.search.diversity import WINDOW
from furniture_prompter.search.query_vectors import EncodedQuery
from furniture_prompter.search.retrievers import Fused, RetrieverGroup, fuse

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
        candidates: Products that each retriever brought to the first page, at least; the ranking,
            and so every later page, hangs on it.
        version: The catalog version that answered the page before.
        query: What :func:`query_digest` says of the query.
    """

    start: int
    candidates: int
    version: int
    query: str

    def to_text(self) -> str:
        """Letters, digits, ``-`` and ``_``: fit for an address as it is."""
        data = json.dumps([self.start, self.candidates, self.version, self.query]).encode("ascii")
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
            start, candidates, version, query = values
            whole = all(type(value) is int for value in (start, candidates, version))
            if not whole or not isinstance(query, str):
                raise ValueError(values)
            if not (0 < start < LIMIT_RANKED and 0 < candidates <= LIMIT_RANKED and version > 0):
                raise ValueError(values)
        except (ValueError, TypeError, binascii.Error, RecursionError):
            raise InvalidQueryError(
                "The cursor is none that a search gave. Give the `cursor` of the page before as it "
                "is, or none for the first page."
            ) from None
        return cls(start, candidates, version, query)


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


def encoded_query_digest(encoded: EncodedQuery) -> str:
    """The digest of an encoded query: by its photo's file, pixels or vector, whichever it has."""
    query = encoded.query
    if query.photo_sha256 is not None:
        photo = query.photo_sha256.encode("utf-8", "replace")
    elif query.photo is not None:
        photo = str(query.photo.shape).encode() + query.photo.tobytes()
    else:
        photo = encoded.photo.tobytes() if encoded.photo is not None else b""
    return query_digest(query, photo)


def refuse_other_query(cursor: Cursor, digest: str) -> None:
    """Raise :class:`InvalidQueryError` for a cursor that another query gave."""
    if cursor.query != digest:
        raise InvalidQueryError(
            "The cursor belongs to another query. Ask for the next page with the same prompt, "
            "photo, crop, weights, diversity, without and where, or leave the cursor out."
        )


Arrange: TypeAlias = Callable[[Fused], Awaitable[Fused]]
"""Reorders products of whole windows, of :data:`furniture_prompter.search.diversity.WINDOW`."""

# How many times more each retriever brings once all that it brought is on earlier pages.
_FURTHER: Final = 4


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        hits: Its products, best first.
        more: Whether products follow.
        first: Those products with how far each retriever puts them above an average one, best
            first.
    """

    hits: Fused
    more: bool
    first: Fused


async def ranked_page(
    groups: Sequence[RetrieverGroup],
    start: int,
    count: int,
    candidates: int,
    prefilter: Filter | None,
    leave_out: int | None = None,
    arranged: Arrange | None = None,
) -> Page:
    """The products at places `start` to ``start + count`` of a ranking.

    The ranking of every retriever's `candidates` best products comes first. Once those are turned
    over, retrievers bring more, and what is new is ranked behind: had they brought more at once, a
    product could have moved between pages.

    Args:
        groups: At least one with a positive share.
        start: Products on the pages before.
        count: Products wanted.
        candidates: Products that each retriever brings to the first page; the same for every page.
        prefilter: The filter that products must pass.
        leave_out: Number of a product that is no hit.
        arranged: Reorders products within the windows of the ranking; None to leave it.
    """
    stage = await fuse(groups, candidates, prefilter, leave_out)
    ranked, first = stage, stage
    window = 1 if arranged is None else WINDOW
    begin, end = start // window * window, -(-(start + count) // window) * window
    while ranked.numbers.size <= end and not stage.exhausted:
        candidates *= _FURTHER
        stage = await fuse(groups, candidates, prefilter, leave_out)
        fresh = ~np.isin(stage.numbers, ranked.numbers)
        ranked = ranked.followed_by(stage.taken(np.flatnonzero(fresh)))
    total = ranked.numbers.size
    part = ranked.taken(np.arange(begin, min(end, total)))
    if arranged is not None:
        part = await arranged(part)
    places = np.arange(start - begin, min(start - begin + count, part.numbers.size))
    return Page(part.taken(places), total > start + count, first)


def next_cursor(cursor: Cursor, page: Page, version: int) -> str | None:
    """The cursor of the page behind one; None on the last.

    Args:
        cursor: Where the page began.
        page: The page.
        version: The catalog version that answered.
    """
    end = cursor.start + len(page.hits.numbers)
    if not page.more or end >= LIMIT_RANKED:
        return None
    return replace(cursor, start=end, version=version).to_text()
