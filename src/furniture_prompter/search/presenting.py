"""Presentation of a ranked page: hits with their best photo and what matched, and notes."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from furniture_prompter.catalog.columns import VECTOR
from furniture_prompter.catalog.manifest import Manifest
from furniture_prompter.catalog.reader import CatalogReader, PhotoRows
from furniture_prompter.domain import EncoderIdentity, Hit, Product
from furniture_prompter.domain.query import LookedAt
from furniture_prompter.encoders.card import EncoderCard, identity_of
from furniture_prompter.search.paging import Cursor
from furniture_prompter.search.query_vectors import (
    AlignmentRoute,
    EncodedQuery,
    NoRoute,
    PromptRoute,
    Vectors,
    is_known,
)
from furniture_prompter.search.retrievers import Fused, RetrieverGroup
from furniture_prompter.search.understood import Wish, variant_fit

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
    """
    if not ranked.numbers.size:
        return ()
    column, vector = _best_photo_by(query, route)
    products, rows = await asyncio.gather(
        reader.products(ranked.numbers), reader.photos(ranked.numbers, column)
    )
    best = _best_photos(rows, vector, _fits_of_photos(rows, products, looks))
    deviation = {
        each.name: group.share * each.weight / group.total_weight
        for group in groups
        if group.share > 0
        for each in group.retrievers
    }
    hits = []
    for place, number in enumerate(ranked.numbers.tolist()):
        added = {name: float(row[place]) for name, row in ranked.contributions.items()}
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
                score=float(ranked.scores[place]),
                product=product,
                photo=photo,
                matched=tuple(matched or known[:1] or list(strongest)[:1]),
                contributions=strongest,
                strengths=strengths,
                variant=product.variant(photo.variant_id),
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
    told = list(_told_of_photo(query.query.looked_at))
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


def _told_of_photo(looked_at: LookedAt | None) -> Iterator[str]:
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
