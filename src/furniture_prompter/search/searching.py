"""The search recipe: understand and encode the query, filter, retrieve, fuse, present a page."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from furniture_prompter.catalog.keyword_query import KeywordQuery
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain import CatalogReference, Query, SearchResult
from furniture_prompter.domain.query import Description, DidYouMean, Suggestions
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.describing import Describer
from furniture_prompter.search.paging import (
    Cursor,
    encoded_query_digest,
    next_cursor,
    ranked_page,
    refuse_other_query,
)
from furniture_prompter.search.presenting import notes, present
from furniture_prompter.search.query_vectors import (
    EncodedQuery,
    EncodedText,
    NoRoute,
    PromptRoute,
    QueryEncoder,
    QueryTextEncoder,
    Vectors,
)
from furniture_prompter.search.retrievers import retriever_groups
from furniture_prompter.search.suggesting import Suggester
from furniture_prompter.search.understood import Heard, hear, limited
from furniture_prompter.search.upright import Upright
from furniture_prompter.search.validation import refuse_unanswerable, refuse_unknown_facets
from furniture_prompter.search.wording import CatalogWords, Wording, as_written
from furniture_prompter.settings import Settings
from furniture_prompter.timing import StepTimes


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

        Attributes:
            upright: Finds the side of a photo that is up.
        """
        self._reader = reader
        self._encoder = encoder
        self._card = card
        self._texts = QueryTextEncoder(prompt_encoder, route, cached_texts)
        self.upright = Upright(reader)
        self._queries = QueryEncoder(reader, encoder, self._texts, self.upright)
        self._route = route
        self._settings = settings
        self._words = CatalogWords(
            reader, settings.thesaurus, lambda word: prompt_encoder().knows_word(word)
        )
        self._suggester = Suggester(reader, self._words)
        self._describer = Describer(reader, self._texts, route)

    async def search(self, query: Query, *, photo_vector: Vectors | None = None) -> SearchResult:
        """Answer a query.

        Args:
            query: The query.
            photo_vector: The query's photo, cropped and encoded already, shape (d,), unit length;
                `query.photo` may then be None.

        Raises:
            InvalidQueryError: it cannot be answered as it stands.
            InvalidFilterError: its `where` does not fit the catalog.
            ProductNotFoundError: there is no product of the id in its `similar_to`.
        """
        reader, settings, route = self._reader, self._settings, self._route
        manifest = reader.manifest
        refuse_unanswerable(query, settings, photo_is_encoded=photo_vector is not None)
        refuse_unknown_facets(query.facets, reader.filter_columns)
        given = Cursor.from_text(query.cursor) if query.cursor is not None else None
        clock = StepTimes()
        with clock.step("understand"):
            heard, wordings, meant = await self._heard(query)
        with clock.step("encode"):
            encoded = await self._queries.encode(_embedded(heard.query, wordings), photo_vector)
            query = replace(query, looked_at=encoded.query.looked_at)
            encoded = replace(encoded, query=query)
        digest = encoded_query_digest(encoded)
        cursor = given or Cursor(0, max(settings.candidates, query.limit), manifest.version, digest)
        refuse_other_query(cursor, digest)
        with clock.step("filter"):
            prefilter, heard = await limited(heard, reader)
        with clock.step("retrieve"):
            groups = await retriever_groups(
                encoded, reader, route, settings, heard.wishes, _keywords(wordings)
            )
            page = await ranked_page(
                groups, cursor.start, query.limit, cursor.candidates, prefilter, encoded.leave_out
            )
        with clock.step("present"):
            hits = await present(
                page.hits, cursor.start, groups, encoded, reader, route, heard.looks
            )
            facets = await reader.facets(page.retrieved, query.facets) if query.facets else {}
        return SearchResult(
            query=query,
            catalog=CatalogReference(str(reader.folder), manifest.version, manifest.encoder.name),
            hits=hits,
            timings_ms=clock.timings_ms(),
            notes=(
                *heard.notes,
                *notes(encoded, manifest, self._photo_card(encoded), route, cursor),
            ),
            facets=facets,
            cursor=next_cursor(cursor, page, manifest.version),
            understood=heard.parts,
            did_you_mean=meant,
        )

    async def suggest(self, typed: str, limit: int) -> Suggestions:
        """What a prompt that is being typed may become; see :class:`Suggester`."""
        if len(typed) > self._settings.limit_prompt_characters:
            raise InvalidQueryError(
                f"{len(typed)} characters were typed. Ask with at most "
                f"{self._settings.limit_prompt_characters}."
            )
        return await self._suggester.suggest(typed, limit)

    async def describe(self, photo_vector: Vectors) -> Description:
        """A photo's vector in the catalog's own words; see :class:`Describer`."""
        return await self._describer.describe(photo_vector)

    async def _heard(
        self, query: Query
    ) -> tuple[Heard, tuple[Wording | None, Wording | None], DidYouMean | None]:
        """A query taken apart, its prompt and what is not wanted in words, and what was mended."""
        columns = self._reader.filter_columns
        if not query.understand or (query.prompt is None and query.without is None):
            heard = hear(query, columns)
            texts = (heard.query.prompt, heard.query.without)
            plain = [None if text is None else as_written(text) for text in texts]
            return heard, (plain[0], plain[1]), None
        known = await self._words.known()
        mended, meant = query, None
        if query.prompt is not None:
            prompt, meant = known.corrected(query.prompt)
            mended = replace(query, prompt=prompt)
        heard = hear(mended, columns)
        written = [word for word, _ in meant.words] if meant is not None else []
        prompt_words = unwanted = None
        if heard.query.prompt is not None:
            prompt_words = known.worded(heard.query.prompt, heard.quiet, written)
        if heard.query.without is not None:
            unwanted = known.worded(heard.query.without)
        return heard, (prompt_words, unwanted), meant

    async def encode_texts(self, texts: Sequence[str]) -> list[EncodedText]:
        """Prompts as queries encode them."""
        return await self._texts.encode(texts)

    def _photo_card(self, encoded: EncodedQuery) -> EncoderCard | None:
        """Card of what encoded the query's photo; None where it brought none."""
        if encoded.photo is None or encoded.query.similar_to is not None:
            return None
        return self._card or self._encoder().card


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
