"""The search recipe: understand the query, filter, encode, retrieve, fuse, present a page."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

import numpy as np

from furniture_prompter.catalog.keyword_query import KeywordQuery
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain import CatalogReference, Query, SearchResult
from furniture_prompter.domain.query import Description, DidYouMean, Suggestions
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.colour_words import colour_words
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder, SideTellingEncoder
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.codes import (
    NOTHING_NAMED,
    hear_with_codes,
    holds_a_code,
    named_by_codes,
)
from furniture_prompter.search.confidence import (
    estimate,
    is_read,
    kept,
    names_a_kind,
    notes_of,
    refuse_without_calibration,
    with_named,
)
from furniture_prompter.search.homographs import Homographs
from furniture_prompter.search.kinds import OtherKindRetriever, ProductKinds
from furniture_prompter.search.other_colours import (
    OtherColourRetriever,
    ShadeRetriever,
    only_colours,
    with_shade,
)
from furniture_prompter.search.paging import (
    Cursor,
    diversified,
    encoded_query_digest,
    next_cursor,
    notes,
    present,
    ranked_page,
    refuse_other_query,
)
from furniture_prompter.search.query_vectors import (
    EncodedQuery,
    EncodedText,
    NoRoute,
    PromptRoute,
    QueryEncoder,
    QueryTextEncoder,
    Upright,
    Vectors,
    with_colour_weight,
)
from furniture_prompter.search.retrievers import begun, retriever_groups
from furniture_prompter.search.suggesting import Describer, Suggester
from furniture_prompter.search.understood import (
    COLORS,
    PHOTOS_COLOUR,
    Heard,
    WhatIsSaid,
    hear,
    limited,
)
from furniture_prompter.search.validation import (
    refuse_unanswerable,
    refuse_unknown_facets,
    unused_options,
)
from furniture_prompter.search.wording import CatalogWords, Wording, as_written
from furniture_prompter.settings import Settings
from furniture_prompter.timing import StepTimes

if TYPE_CHECKING:
    from furniture_prompter.search.goes_with import Companions

_MOST_SKIPPED: Final = 50
"""Pages without a hit that is sure enough which one answer passes over."""


class Searcher:
    """Answers queries on one catalog version."""

    def __init__(
        self,
        reader: CatalogReader,
        encoder: Callable[[], Encoder],
        prompt_encoder: Callable[[], PromptEncoder],
        route: PromptRoute | NoRoute,
        settings: Settings,
        *,
        card: EncoderCard | None = None,
        cached_texts: int = 0,
        before: "Searcher | None" = None,
    ) -> None:
        """Take the version and what encodes queries; encoders are loaded on first use.

        Args:
            reader: The version.
            encoder: Gives the photo encoder of queries.
            prompt_encoder: Gives the prompt encoder.
            route: How prompts reach the photos.
            settings: Weights and limits.
            card: The photo encoder's card, where it can be had without loading the encoder.
            cached_texts: Prompts whose vectors are kept for queries to come.
            before: That of an earlier version, with the same encoders and settings.

        Attributes:
            upright: Finds the side of a photo that is up.
        """
        if before is not None and reader.carried_from != before._reader.manifest.version:
            before = None
        self._reader: CatalogReader = reader
        self._encoder = encoder
        self._card = card
        self._texts = QueryTextEncoder(prompt_encoder, route, cached_texts)
        self.upright: Upright = Upright(
            reader, self._looks_upright, before.upright if before is not None else None
        )
        self._queries = QueryEncoder(reader, encoder, self._texts, self.upright)
        self._route = route
        self._settings = settings
        self._is_word: Callable[[str], bool] = lambda word: prompt_encoder().knows_word(word)
        self._product_kinds: ProductKinds | None = None
        self._homographs = Homographs(reader)
        self._what_is_said = WhatIsSaid(reader)
        self._words: CatalogWords = CatalogWords(
            reader,
            settings.thesaurus,
            self._is_word,
            before._words if before is not None else None,
        )

    @cached_property
    def companions(self) -> "Companions":
        """What finds the pieces that go with one; keeps what it read of the version."""
        from furniture_prompter.search.goes_with import Companions

        return Companions(self._reader, self._query_card, self._settings)

    @cached_property
    def _suggester(self) -> Suggester:
        return Suggester(self._reader, self._words)

    async def search(
        self,
        query: Query,
        *,
        photo_vector: Vectors | None = None,
        covered: Vectors | None = None,
    ) -> SearchResult:
        """Answer a query.

        Args:
            query: The query.
            photo_vector: The query's photo, cropped and encoded already, shape (d,), unit length;
                `query.photo` may then be None.
            covered: The same under each of its covers, shape (n, d), for the hits' heat maps.

        Raises:
            InvalidQueryError: it cannot be answered as it stands.
            InvalidFilterError: its `where` does not fit the catalog.
            ProductNotFoundError: there is no product of the id in its `similar_to`.
        """
        reader, settings, route = self._reader, self._settings, self._route
        manifest = reader.manifest
        refuse_unanswerable(query, settings, photo_is_encoded=photo_vector is not None)
        refuse_unknown_facets(query.facets, reader.filter_columns)
        refuse_without_calibration(reader, query.least_confidence)
        given = Cursor.from_text(query.cursor) if query.cursor is not None else None
        clock = StepTimes()
        with clock.step("understand"):
            heard, wordings, meant = await self._heard(query, photo_vector is not None)
        with clock.step("filter"):
            prefilter, heard = await limited(heard, reader)
            unsaid: tuple[str, ...] = ()
            if heard.wishes:
                known_words = await self._words.known()
                unsaid = await self._what_is_said.notes(heard, known_words.have)
        candidates = max(settings.candidates, query.limit) if given is None else given.candidates
        asked = _keywords(wordings)
        named = NOTHING_NAMED.numbers
        if asked[0] is not None and asked[0].named is not None:
            named = asked[0].named
        with begun(asked, reader, settings, candidates, prefilter) as by_keywords:
            # The index works on while the query is encoded, as often as the loop turns.
            await asyncio.sleep(0)
            with clock.step("encode"):
                embedded = _embedded(heard.query, wordings)
                encoded = await self._queries.encode(embedded, photo_vector, covered)
                if encoded.query.looked_at is not None:
                    query = replace(query, looked_at=encoded.query.looked_at)
                shade = self._shade(encoded, heard)
                encoded = self._weighed(replace(encoded, query=query), heard)
            digest = encoded_query_digest(encoded)
            cursor = given or Cursor(0, candidates, manifest.version, digest)
            refuse_other_query(cursor, digest)
            await asyncio.sleep(0)
            gate = await self._other_kinds(wordings[0])
            with clock.step("retrieve"):
                groups = await retriever_groups(
                    encoded,
                    reader,
                    route,
                    settings,
                    heard.wishes,
                    by_keywords,
                    another_colour=heard.colour_weight == 0,
                    other_colours=self._other_colours(encoded, heard),
                    shade=shade,
                    other_kinds=gate,
                )
            with clock.step("judge"):
                known = await self._known_share(heard, wordings[0])
                said = query.prompt if meant is None else meant.prompt
                # "In cappuccino", no column's value, leaves the kind to a photo as "in grey" does.
                texts = [*(part.text for part in heard.parts), *heard.unused]
                kind_is_named = (
                    names_a_kind(said, texts) and not only_colours(said or "")
                    if encoded.photo is not None
                    else names_a_kind(said, texts) or holds_a_code(said or "")
                )
        confidences: list[float | None] = []
        # Behind a page that nobody is sure of the next may still have hits.
        for _ in range(1 + _MOST_SKIPPED):
            with clock.step("retrieve"):
                page = await ranked_page(
                    groups,
                    cursor.start,
                    query.limit,
                    cursor.candidates,
                    prefilter,
                    encoded.leave_out,
                    partial(diversified, reader=reader, diversity=query.diversity, named=named)
                    if query.diversity
                    else None,
                    in_memory=not manifest.vector_index,
                )
            with clock.step("judge"):
                sureness = await estimate(
                    reader,
                    groups,
                    page.first,
                    page.hits,
                    encoded,
                    known=known,
                    names_a_kind=kind_is_named,
                    is_read=is_read(heard.query.prompt or "", known, self._is_word),
                )
                if named.size:
                    found = np.intersect1d(named, page.first.numbers)
                    sureness = with_named(sureness, page.hits.numbers, found)
            with clock.step("present"):
                hits = await present(
                    page.hits,
                    cursor.start,
                    groups,
                    encoded,
                    reader,
                    route,
                    heard.looks,
                    sureness.confidences,
                    in_memory=not manifest.vector_index,
                )
                if gate is not None:
                    hits = await gate.told(hits, page.hits.numbers)
                hits = kept(hits, sureness, query.least_confidence)
            confidences += sureness.confidences
            following = next_cursor(cursor, page, manifest.version)
            if query.least_confidence is None or hits or following is None:
                break
            cursor = Cursor.from_text(following)
        sureness = replace(sureness, confidences=tuple(confidences))
        with clock.step("present"):
            counted = None if prefilter is None else prefilter.numbers
            passed = manifest.products if counted is None else counted.size
            if encoded.leave_out is not None:
                passed -= counted is None or encoded.leave_out in counted
            facets = (
                await reader.facets(counted, query.facets, encoded.leave_out)
                if query.facets
                else {}
            )
        return SearchResult(
            query=encoded.query,
            catalog=CatalogReference(str(reader.folder), manifest.version, manifest.encoder.name),
            hits=hits,
            timings_ms=clock.timings_ms(),
            notes=(
                *heard.notes,
                *unsaid,
                *self._colours_unheard(heard),
                *unused_options(query, settings, has_photo=encoded.photo is not None),
                *notes(encoded, manifest, self._photo_card(encoded), route, cursor),
                *notes_of(sureness, hits, query.least_confidence),
            ),
            facets=facets,
            cursor=following,
            understood=heard.parts,
            did_you_mean=meant,
            close=sureness.close,
            margin=sureness.margin,
            passed=passed,
        )

    async def suggest(self, typed: str, limit: int) -> Suggestions:
        """What a prompt that is being typed may become; see :class:`Suggester`.

        Raises:
            InvalidQueryError: too much was typed, or `limit` is out of range.
        """
        if len(typed) > self._settings.limit_prompt_characters:
            raise InvalidQueryError(
                f"{len(typed)} characters were typed. Ask with at most "
                f"{self._settings.limit_prompt_characters}."
            )
        return await self._suggester.suggest(typed, limit)

    async def describe(self, photo_vector: Vectors) -> Description:
        """A photo's vector, shape (d,), in the catalog's own words; see :class:`Describer`."""
        return await Describer(self._reader, self._texts, self._route).describe(photo_vector)

    def _query_card(self) -> EncoderCard:
        """Card of what encodes the photos of queries, without loading it where that can be."""
        return self._card or self._encoder().card

    def _looks_upright(self, photo_vector: Vectors) -> bool:
        encoder = self._encoder()
        return isinstance(encoder, SideTellingEncoder) and encoder.looks_upright(photo_vector)

    async def _heard(
        self, query: Query, photo_is_encoded: bool
    ) -> tuple[Heard, tuple[Wording | None, Wording | None], DidYouMean | None]:
        """A query taken apart, its prompt and what is not wanted in words, and what was mended."""
        columns = self._reader.filter_columns
        with_photo = photo_is_encoded or query.photo is not None or query.similar_to is not None
        if not query.understand or (query.prompt is None and query.without is None):
            heard = hear(query, columns)
            texts = (heard.query.prompt, heard.query.without)
            plain = [None if text is None else as_written(text) for text in texts]
            return heard, (plain[0], plain[1]), None
        known = await self._words.known()
        mended, meant = query, None
        if query.prompt is not None:
            prompt, meant = known.corrected(query.prompt)
            mended = query if prompt == query.prompt else replace(query, prompt=prompt)
        heard = await hear_with_codes(self._reader, mended, with_photo=with_photo)
        if with_photo:
            heard = with_shade(heard, tells=colour_words(self._query_card()) is not None)
        apart, unwanted_apart = [
            await self._homographs.told_apart(text, known.beside(text) if text else ())
            for text in (heard.query.prompt, heard.query.without)
        ]
        told = dict.fromkeys((*heard.notes, *apart.notes, *unwanted_apart.notes))
        heard = replace(heard, apart=apart, notes=tuple(told))
        written = [word for word, _ in meant.words] if meant is not None else []
        prompt_words = unwanted = None
        if heard.query.prompt is not None:
            named = await named_by_codes(self._reader, heard.query.prompt)
            prompt_words = known.worded(heard.query.prompt, heard.quiet, written, apart, named)
            heard = replace(heard, notes=(*heard.notes, *named.unknown(heard.query.prompt or "")))
        if heard.query.without is not None:
            unwanted = known.worded(heard.query.without, apart=unwanted_apart)
        return heard, (prompt_words, unwanted), meant

    async def _known_share(self, heard: Heard, wording: Wording | None) -> float:
        """Share of a prompt's words that the catalog knows; of one taken literally as well."""
        prompt = heard.query.prompt
        if prompt is None or wording is None:
            return 1.0
        if not heard.query.understand:
            wording = (await self._words.known()).worded(prompt, apart=heard.apart)
        return wording.keywords.known_share

    async def encode_texts(self, texts: Sequence[str]) -> list[EncodedText]:
        """Prompts as queries encode them."""
        return await self._texts.encode(texts)

    def _weighed(self, encoded: EncodedQuery, heard: Heard) -> EncodedQuery:
        """The photo's vector with its colours' share, which the query then states."""
        if encoded.photo is None:
            return encoded
        part = self._query_card().colour_part
        asked = encoded.query.colour_weight
        weight = heard.colour_weight if asked is None else asked
        if part is None or weight is None:
            used = part.share if part is not None else None
            return replace(encoded, query=replace(encoded.query, colour_weight=used))
        # Whoever says the weight has said what colours are to count.
        away = heard.away_from_colour and asked is None
        covered = encoded.covered
        if covered is not None:
            covered = np.stack([with_colour_weight(row, part, weight) for row in covered])
        as_cut = encoded.as_cut
        return replace(
            encoded,
            photo=with_colour_weight(encoded.photo, part, weight),
            as_cut=None if as_cut is None else with_colour_weight(as_cut, part, weight),
            covered=covered,
            unlike=with_colour_weight(encoded.photo, part, 1.0) if away else None,
            query=replace(encoded.query, colour_weight=weight),
        )

    def _other_colours(self, encoded: EncodedQuery, heard: Heard) -> OtherColourRetriever | None:
        """What tells that photos show other colours than the words beside a photo name."""
        words = colour_words(self._query_card()) if encoded.photo is not None else None
        if words is None or not heard.colours or not {*heard.colours} <= {*words.names}:
            return None
        # Where columns tell colours, the words beside them do too.
        alone = COLORS not in self._reader.filter_columns and only_colours(heard.query.prompt or "")
        return OtherColourRetriever(self._reader, words, heard.colours, alone=alone)

    def _shade(self, encoded: EncodedQuery, heard: Heard) -> ShadeRetriever | None:
        """What tells that photos are not darker, or lighter, than the query's, as words want it."""
        words = colour_words(self._query_card()) if heard.shade else None
        if words is None or encoded.photo is None:
            return None
        return ShadeRetriever(self._reader, words, encoded.photo, heard.shade)

    async def _other_kinds(self, wording: Wording | None) -> OtherKindRetriever | None:
        """What tells that products are of another kind than the prompt names."""
        if wording is None or wording.kinds is None or not self._settings.weight_kind:
            return None
        if self._product_kinds is None:
            self._product_kinds = ProductKinds(self._reader, (await self._words.known()).kinds)
        return OtherKindRetriever(self._product_kinds, wording.kinds)

    def _colours_unheard(self, heard: Heard) -> tuple[str, ...]:
        """A sentence where words speak of the photo's colour, and its vector has none to tell."""
        said = [part.text for part in heard.parts if part.value == PHOTOS_COLOUR]
        card = self._query_card() if said else None
        if card is None or card.colour_part is not None:
            return ()
        told = (
            f"“{said[0]}” ranks nothing here: {card.name} keeps shapes and colours in one. "
            "Name the colour that is wanted."
        )
        return (told,)

    def _photo_card(self, encoded: EncodedQuery) -> EncoderCard | None:
        """Card of what encoded the query's photo; None where it brought none."""
        if encoded.photo is None or encoded.query.similar_to is not None:
            return None
        return self._query_card()


def _embedded(query: Query, wordings: tuple[Wording | None, Wording | None]) -> Query:
    """A query whose texts are what becomes vectors."""
    prompt, without = wordings
    return replace(
        query,
        prompt=None if prompt is None else prompt.embedded,
        without=None if without is None else without.embedded,
    )


def _keywords(
    wordings: tuple[Wording | None, Wording | None],
) -> tuple[KeywordQuery | None, KeywordQuery | None]:
    prompt, without = wordings
    return (
        None if prompt is None else prompt.keywords,
        None if without is None else without.keywords,
    )
