"""Pages of a ranking: cursors, near-twins held back, and hits with their photo and what matched.

Diversity is maximal marginal relevance (Carbonell & Goldstein 1998) as the last step. It reorders
products within windows of the ranking that do not overlap, so that pages hold every product once,
however many hits each has, and nothing comes from far below.
"""

import asyncio
import base64
import binascii
import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import VECTOR
from furniture_prompter.catalog.filters import Filter
from furniture_prompter.catalog.manifest import Manifest
from furniture_prompter.catalog.reader import CatalogReader, PhotoRows
from furniture_prompter.catalog.vector_index import Numbers, Scores, places_of
from furniture_prompter.domain import EncoderIdentity, Hit, Product, Query
from furniture_prompter.domain.query import LookedAt
from furniture_prompter.encoders.card import EncoderCard, identity_of
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.query_options import OPTIONS
from furniture_prompter.search.attributes import Wish, variant_fit
from furniture_prompter.search.heat import HeatMap, heat_maps
from furniture_prompter.search.query_vectors import (
    AlignmentRoute,
    EncodedQuery,
    NoRoute,
    PromptRoute,
    Vectors,
    is_known,
)
from furniture_prompter.search.retrievers import Fused, RetrieverGroup, fuse

WINDOW: Final = 20
"""Products of the ranking that are reordered together."""

_TINY: Final = 1e-9


async def diversified(
    ranked: Fused, reader: CatalogReader, diversity: float, named: Numbers
) -> Fused:
    """The same products, those of each window reordered; the first of each window stays.

    Args:
        ranked: Products of whole windows, best first; the last window may end early.
        reader: The catalog version, whose main photos say what is alike.
        diversity: How much likeness to products before counts against fitting the query, 0 to 1.
        named: Products that codes in the prompt name, rising: they stay, and are no measure of how
            well others fit.

    Raises:
        CatalogDamagedError: the photos cannot be read.
    """
    count = ranked.numbers.size
    if count < 3:
        return ranked
    vectors = await reader.main_vectors(ranked.numbers)
    first = int(places_of(ranked.numbers, named)[1].cumprod().sum())
    places = [np.arange(first)]
    for begin in range(0, count, WINDOW):
        rest = slice(max(begin, first), begin + WINDOW)
        if rest.start < min(rest.stop, count):
            order = marginal_order(ranked.scores[rest], vectors[rest], diversity)
            places.append(rest.start + order)
    return ranked.taken(np.concatenate(places))


def marginal_order(
    scores: Scores, vectors: NDArray[np.float32], diversity: float
) -> NDArray[np.intp]:
    """Places of products such that each is the best next one after those before it.

    A product's worth is ``(1 - diversity) * fit - diversity * likeness``. Its fit is its score, 0
    for the least of all and 1 for the greatest. Its likeness is the greatest cosine to one before
    it, 0 for the mean of all pairs and below, 1 for the same: so neither hangs on what a score or a
    cosine of an encoder usually is.

    Args:
        scores: Best first, shape (n,), n ≥ 1.
        vectors: Unit vectors, shape (n, d).
        diversity: 0 to 1.

    Returns:
        Shape (n,); the first product stays first.
    """
    count = scores.size
    fit = (scores - scores.min()) / max(float(np.ptp(scores)), _TINY)
    cosines = vectors @ vectors.T
    mean = (float(cosines.sum()) - float(np.trace(cosines))) / max(count * (count - 1), 1)
    likeness = np.minimum(np.maximum((cosines - mean) / max(1 - mean, _TINY), 0), 1)
    order = np.zeros(count, np.intp)
    worth = (1 - diversity) * fit
    # What each is worth behind each, of which the least counts.
    behind = worth - diversity * likeness
    chosen = 0
    for place in range(1, count):
        worth[chosen] = -np.inf
        np.minimum(worth, behind[chosen], out=worth)
        order[place] = chosen = int(worth.argmax())
    return order


LIMIT_RANKED: Final = 10_000
"""How deep pages go: every page ranks all products before it again."""

_LIMIT_CHARACTERS: Final = 200
_DIGEST_CHARACTERS: Final = 24
_DECISIVE: Final = tuple(name for name, option in OPTIONS.items() if option.about.decisive)


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
        *(getattr(query, name) for name in _DECISIVE),
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
"""Reorders products of whole windows, of :data:`WINDOW`."""

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
    *,
    in_memory: bool = False,
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
        in_memory: Whether no retriever waits for the disk.
    """
    stage = await fuse(groups, candidates, prefilter, leave_out, in_memory=in_memory)
    ranked, first = stage, stage
    window = 1 if arranged is None else WINDOW
    begin, end = start // window * window, -(-(start + count) // window) * window
    while ranked.numbers.size <= end and not stage.exhausted:
        candidates *= _FURTHER
        stage = await fuse(groups, candidates, prefilter, leave_out, in_memory=in_memory)
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


MATCH_DEVIATIONS = 1.0
"""A retriever is named in `matched` when it puts the product this far above an average one."""


async def present(
    ranked: Fused,
    start: int,
    groups: list[RetrieverGroup],
    query: EncodedQuery,
    reader: CatalogReader,
    route: PromptRoute | NoRoute,
    looks: Sequence[Wish] = (),
    confidences: Sequence[float | None] = (),
    *,
    in_memory: bool = False,
) -> tuple[Hit, ...]:
    """The products of a page as hits, each with its photo nearest to the query.

    Where variants differ in what the prompt says of colour, material and size, it is the nearest of
    those that are most of it.

    Args:
        ranked: The page's products, best first.
        start: Hits on the pages before.
        groups: What they were ranked by.
        query: The query.
        reader: The catalog version.
        route: How prompts reach the photos.
        looks: What the prompt says of colour, material and size.
        confidences: How sure each is; none for unknown.
        in_memory: Whether nothing waits for the disk.
    """
    if not ranked.numbers.size:
        return ()
    column, vector = _best_photo_by(query, route)
    if in_memory:
        products = await reader.products(ranked.numbers)
        rows = await reader.photos(ranked.numbers, column)
    else:
        products, rows = await asyncio.gather(
            reader.products(ranked.numbers), reader.photos(ranked.numbers, column)
        )
    best = _best_photos(rows, vector, _fits_of_photos(rows, products, looks))
    heats: list[HeatMap | None] = [None] * len(products)
    if query.photo is not None and query.covered is not None and rows.vectors is not None:
        places = [best[number] for number in ranked.numbers.tolist()]
        found = rows.vectors[places, : query.photo.size]
        heats = [*heat_maps(query.photo, query.covered, found)]
    deviation = {
        each.name: group.share * each.weight / group.total_weight
        for group in groups
        if group.share > 0
        for each in group.retrievers
    }
    hits = []
    contributions = {name: row.tolist() for name, row in ranked.contributions.items()}
    scores = ranked.scores.tolist()
    for place, number in enumerate(ranked.numbers.tolist()):
        added = {name: row[place] for name, row in contributions.items()}
        strongest = dict(sorted(added.items(), key=lambda item: -item[1]))
        strengths = {name: strength / deviation[name] for name, strength in strongest.items()}
        matched = [name for name, strength in strengths.items() if strength >= MATCH_DEVIATIONS]
        # 0 is what a retriever adds that knows nothing of the product: no word of it, or no text.
        known = [name for name, strength in strongest.items() if strength]
        product = products[number]
        photo = rows.photo(best[number], product.id)
        hits.append(
            Hit(
                rank=start + place + 1,
                score=scores[place],
                product=product,
                photo=photo,
                matched=tuple(matched or known[:1] or list(strongest)[:1]),
                contributions=strongest,
                strengths=strengths,
                variant=product.variant(photo.variant_id),
                confidence=confidences[place] if confidences else None,
                heat=heats[place],
            )
        )
    return tuple(hits)


def _best_photo_by(
    query: EncodedQuery, route: PromptRoute | NoRoute
) -> tuple[str | None, Vectors | None]:
    """The vector column, and the query in its space, that choose among a product's photos."""
    if query.photo is not None:
        return VECTOR, query.photo
    prompt = query.prompt
    if prompt is not None and not isinstance(route, NoRoute) and is_known(prompt.image_embedding):
        return route.column, prompt.image_embedding
    return None, None


def _fits_of_photos(
    rows: PhotoRows, products: Mapping[int, Product], looks: Sequence[Wish]
) -> Vectors:
    """How much each photo's variant is of what was asked for, shape (n,).

    0 for all photos of a product whose variants are equally much of it.
    """
    fits = np.zeros(len(rows.numbers), np.float32)
    if not looks:
        return fits
    of_variants: dict[int, dict[str, float]] = {}
    for row, (number, shown) in enumerate(zip(rows.numbers.tolist(), rows.variants, strict=True)):
        if not shown:
            continue
        if number not in of_variants:
            told = {each.id: variant_fit(each, looks) for each in products[number].variants}
            of_variants[number] = told if len({*told.values()}) > 1 else {}
        fits[row] = of_variants[number].get(shown, 0.0)
    return fits


def _best_photos(rows: PhotoRows, query: Vectors | None, fits: Vectors) -> dict[int, int]:
    """The row of each product's photo of most fit, of those the nearest to the query.

    Without a query, it is the first.
    """
    best: dict[int, int] = {}
    cosines = np.zeros(len(rows.numbers), np.float32)
    if rows.vectors is not None and query is not None:
        cosines = rows.vectors[:, : query.size] @ query
    for row, number in enumerate(rows.numbers.tolist()):
        held = best.get(number)
        if held is None or (fits[row], cosines[row]) > (fits[held], cosines[held]):
            best[number] = row
    return best


def notes(
    query: EncodedQuery,
    manifest: Manifest,
    card: EncoderCard | None,
    route: PromptRoute | NoRoute,
    cursor: Cursor,
) -> tuple[str, ...]:
    """Sentences a person should read of how a query was answered.

    Args:
        query: The query.
        manifest: Of the catalog version that answered.
        card: Card of the encoder of the query's photo; None where it brought none.
        route: How prompts reach the photos.
        cursor: Where the page began.
    """
    told = list(told_of_photo(query.query.looked_at))
    if card is not None and (note := asymmetry_note(manifest.encoder, card)) is not None:
        told.append(note)
    if query.prompt is not None and isinstance(route, NoRoute):
        told.append(route.reason)
    if query.prompt is not None and isinstance(route, AlignmentRoute) and route.note:
        told.append(route.note)
    if cursor.version != manifest.version:
        told.append(
            f"The catalog went from version {cursor.version} to {manifest.version} since the page "
            "before: products may appear twice or be passed over."
        )
    return tuple(told)


def told_of_photo(looked_at: LookedAt | None) -> Iterator[str]:
    """Notes on what was done to a query's photo before it was searched."""
    if looked_at is None:
        return
    if looked_at.crop is not None:
        box = looked_at.crop
        shares = ",".join(f"{each:.3g}" for each in (box.x, box.y, box.width, box.height))
        yield f"Searched the picture within the photo (crop {shares}), not all of it."
    if looked_at.turned:
        yield f"The photo was turned by {looked_at.turned} degrees clockwise to be upright."


OVERLAP_FIGURE = "asymmetric_overlap_at_10"
"""The figure on a student's card: the share of the first ten photos that its query has in common
with its teacher's own, both asking the teacher's vectors, leaving the asking photo out."""

_STUDENT = "its student"


def asymmetry_note(catalog: EncoderIdentity, query: EncoderCard) -> str | None:
    """One sentence about two encoders in one space; None where both give the same vectors."""
    asks = identity_of(query)
    if (asks.weights_sha256, asks.preprocessing) == (catalog.weights_sha256, catalog.preprocessing):
        return None
    relation = _relation(catalog, query)
    note = f"Photos were embedded by {catalog.name}; this query by {query.name}, {relation}"
    overlap = query.figures.get(OVERLAP_FIGURE)
    if relation == _STUDENT and overlap is not None:
        note += f": agreement with the teacher {overlap:.2f} overlap@10 (card)"
    return f"{note}."


def _relation(catalog: EncoderIdentity, query: EncoderCard) -> str:
    """What the asking encoder is to the one that embedded the catalog; they share a space."""
    if query.name == catalog.name:
        return "another build of it"
    if query.space is None:
        return "its teacher"
    if query.space.name == catalog.name:
        return _STUDENT if query.training else "its export"
    return "of the same space"
