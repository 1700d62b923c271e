"""The recipe from a query to hits: encode, retrieve, fuse, present."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import VECTOR
from furniture_prompter.catalog.reader import CatalogReader, PhotoRows
from furniture_prompter.domain import CatalogReference, Hit, Photo, Query, SearchResult
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.search.paging import (
    LIMIT_RANKED,
    Cursor,
    Page,
    query_digest,
    refuse_other_query,
    turn_to,
)
from furniture_prompter.search.query_vectors import NoRoute, PromptRoute, WordEncoder, Words
from furniture_prompter.search.retrievers import (
    PHOTO,
    PROMPT_PHOTO,
    PROMPT_TEXT,
    KeywordPart,
    Part,
    PartGroup,
    VectorPart,
    asymmetry_note,
)
from furniture_prompter.search.validation import (
    number_of_product,
    refuse_unanswerable,
    refuse_unknown_facets,
)
from furniture_prompter.settings import Settings
from furniture_prompter.timing import StepTimes

Vector = NDArray[np.float32]
# A part is named in `matched` when it puts the product this far above an average one.
MATCH_DEVIATIONS = 1.0


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query encoded.

    Attributes:
        query: The query.
        photo: Vector of the photo, or of the product that stands for one; None without either.
        prompt: The prompt; None where it was not given.
        without: What is not wanted; None where it was not given.
        leave_out: Number of the product that stands for a photo.
    """

    query: Query
    photo: Vector | None
    prompt: Words | None
    without: Words | None
    leave_out: int | None


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
        kept_words: int = 0,
    ) -> None:
        """Take the version and what encodes queries; encoders are loaded on first use.

        Args:
            reader: The version.
            encoder: Gives the photo encoder of queries.
            prompt_encoder: Gives the prompt encoder.
            route: How prompts reach the photos.
            settings: Weights and limits.
            card: The photo encoder's card, where it can be had without loading the encoder.
            kept_words: Prompts whose vectors are kept for queries to come.
        """
        self._reader = reader
        self._encoder = encoder
        self._card = card
        self._words = WordEncoder(prompt_encoder, route, kept_words)
        self._route = route
        self._settings = settings

    async def search(self, query: Query, *, photo_vector: Vector | None = None) -> SearchResult:
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
        refuse_unanswerable(query, self._settings, photo_is_encoded=photo_vector is not None)
        refuse_unknown_facets(query.facets, self._reader.filter_columns)
        given = Cursor.from_text(query.cursor) if query.cursor is not None else None
        clock = StepTimes()
        with clock.step("encode"):
            asked = await self._encode(query, photo_vector)
        if given is not None:
            refuse_other_query(given, _digest(asked))
        with clock.step("filter"):
            where = query.where
            only = await self._reader.filter_products(where) if where is not None else None
        start = given.start if given is not None else 0
        reach = given.reach if given is not None else max(self._settings.candidates, query.limit)
        with clock.step("retrieve"):
            groups = await self._groups(asked)
            page = await turn_to(groups, start, query.limit, reach, only, asked.leave_out)
        with clock.step("present"):
            hits = await self._present(groups, page, asked, start)
            facets = {}
            if query.facets:
                facets = await self._reader.facets(page.retrieved, query.facets)
        manifest = self._reader.manifest
        return SearchResult(
            query=query,
            catalog=CatalogReference(
                str(self._reader.folder), manifest.version, manifest.encoder.name
            ),
            hits=hits,
            timings_ms=clock.timings_ms(),
            notes=self._notes(asked, given),
            facets=facets,
            cursor=self._next(asked, page, start, reach),
        )

    async def encode_words(self, texts: Sequence[str]) -> list[Words]:
        """Prompts as queries encode them."""
        return await self._words.encode(texts)

    async def _encode(self, query: Query, photo_vector: Vector | None) -> _Asked:
        prompt, without = await self._encode_words(query)
        if query.similar_to is not None:
            number, vector = await self._product_vector(query.similar_to)
            return _Asked(query, vector, prompt, without, number)
        if photo_vector is None and query.photo is not None:
            image = query.photo if query.crop is None else query.crop.cut(query.photo)
            rows = await asyncio.to_thread(self._encoder().encode, [image])
            photo_vector = rows[0]
        return _Asked(query, photo_vector, prompt, without, None)

    async def _product_vector(self, product_id: str) -> tuple[int, Vector]:
        """A product's number, and the mean of its photos' vectors, scaled to length 1."""
        number = await number_of_product(self._reader, product_id)
        rows = await self._reader.photos(np.array([number], np.int64), VECTOR)
        # A product always has photos, and asking for their vectors gives them.
        assert rows.vectors is not None  # noqa: S101
        mean = rows.vectors.mean(axis=0)
        unit: Vector = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
        return number, unit

    async def _encode_words(self, query: Query) -> tuple[Words | None, Words | None]:
        """The prompt and what is not wanted, each None where it was not given."""
        words = await self._words.encode(
            [text for text in (query.prompt, query.without) if text is not None]
        )
        prompt = words.pop(0) if query.prompt is not None else None
        return prompt, words[0] if words else None

    def _next(self, asked: _Asked, page: Page, start: int, reach: int) -> str | None:
        end = start + len(page.hits.numbers)
        if not page.more or end >= LIMIT_RANKED:
            return None
        version = self._reader.manifest.version
        return Cursor(end, reach, version, _digest(asked)).to_text()

    async def _groups(self, asked: _Asked) -> list[PartGroup]:
        query, photo, prompt, without = asked.query, asked.photo, asked.prompt, asked.without
        groups: list[PartGroup] = []
        photo_share = 0.0
        if photo is not None:
            photo_share = query.photo_weight if prompt is not None else 1.0
            space = await self._reader.photo_index()
            part = VectorPart(PHOTO, 1.0, space.similarities(photo))
            groups.append(PartGroup(photo_share, (part,)))
        if prompt is not None:
            parts = await self._word_parts(prompt)
            groups.append(PartGroup(1.0 - photo_share, parts))
        if without is not None:
            parts = await self._word_parts(without)
            groups.append(PartGroup(-self._settings.weight_without, parts))
        return [group for group in groups if group.share != 0]

    async def _word_parts(self, words: Words) -> tuple[Part, ...]:
        settings, route = self._settings, self._route
        parts: list[Part] = []
        if settings.weight_keyword:
            parts.append(KeywordPart(self._reader, words.text, settings.weight_keyword))
        if settings.weight_prompt_text and words.meaning.any():
            text_index = await self._reader.text_index()
            similarities = text_index.similarities(words.meaning)
            parts.append(VectorPart(PROMPT_TEXT, settings.weight_prompt_text, similarities))
        if settings.weight_prompt_photo and not isinstance(route, NoRoute) and _known(words.look):
            photo_index = await self._reader.photo_index(route.column)
            similarities = photo_index.similarities(words.look)
            parts.append(VectorPart(PROMPT_PHOTO, settings.weight_prompt_photo, similarities))
        # A prompt of unknown words has nothing but keywords, whatever their weight.
        return tuple(parts) or (KeywordPart(self._reader, words.text, 1.0),)

    async def _present(
        self, groups: list[PartGroup], page: Page, asked: _Asked, start: int
    ) -> tuple[Hit, ...]:
        fused = page.hits
        if not fused.numbers.size:
            return ()
        column, vector = self._best_photo_by(asked)
        products, rows = await asyncio.gather(
            self._reader.products(fused.numbers), self._reader.photos(fused.numbers, column)
        )
        best = _best_photos(rows, vector)
        least = {
            part.name: MATCH_DEVIATIONS * group.share * part.weight / _total_weight(group)
            for group in groups
            if group.share > 0
            for part in group.parts
        }
        hits = []
        for place, number in enumerate(fused.numbers.tolist()):
            added = {name: float(row[place]) for name, row in fused.contributions.items()}
            strongest = dict(sorted(added.items(), key=lambda item: -item[1]))
            matched = [name for name, strength in strongest.items() if strength >= least[name]]
            # 0 is what a part adds that knows nothing of the product: no word of it, or no text.
            known = [name for name, strength in strongest.items() if strength]
            row = best[number]
            hits.append(
                Hit(
                    rank=start + place + 1,
                    score=float(fused.scores[place]),
                    product=products[number],
                    photo=Photo(rows.ids[row], products[number].id, rows.paths[row]),
                    matched=tuple(matched or known[:1] or list(strongest)[:1]),
                    parts=strongest,
                )
            )
        return tuple(hits)

    def _best_photo_by(self, asked: _Asked) -> tuple[str | None, Vector | None]:
        """The vector column, and the query in its space, that choose among a product's photos."""
        prompt = asked.prompt
        if asked.photo is not None:
            return VECTOR, asked.photo
        if prompt is not None and not isinstance(self._route, NoRoute) and _known(prompt.look):
            return self._route.column, prompt.look
        return None, None

    def _notes(self, asked: _Asked, given: Cursor | None) -> tuple[str, ...]:
        notes: list[str] = []
        if asked.photo is not None and asked.query.similar_to is None:
            card = self._card or self._encoder().card
            note = asymmetry_note(self._reader.manifest.encoder, card)
            notes += [note] if note is not None else []
        if asked.prompt is not None and isinstance(self._route, NoRoute):
            notes.append(self._route.reason)
        version = self._reader.manifest.version
        if given is not None and given.version != version:
            notes.append(
                f"The catalog went from version {given.version} to {version} since the page "
                "before: products may appear twice or be passed over."
            )
        return tuple(notes)


def _digest(asked: _Asked) -> str:
    query = asked.query
    if query.photo_sha256 is not None:
        photo = query.photo_sha256.encode("utf-8", "replace")
    elif query.photo is not None:
        photo = str(query.photo.shape).encode() + query.photo.tobytes()
    else:
        photo = asked.photo.tobytes() if asked.photo is not None else b""
    return query_digest(query, photo)


def _known(vector: Vector | None) -> TypeGuard[Vector]:
    return vector is not None and bool(vector.any())


def _total_weight(group: PartGroup) -> float:
    return sum(part.weight for part in group.parts)


def _best_photos(rows: PhotoRows, query: Vector | None) -> dict[int, int]:
    """The row of each product's photo nearest to the query; its main one without a query."""
    best: dict[int, int] = {}
    cosines = np.zeros(len(rows.numbers), np.float32)
    if rows.vectors is not None and query is not None:
        cosines = rows.vectors[:, : query.size] @ query
    for row, number in enumerate(rows.numbers.tolist()):
        if number not in best or cosines[row] > cosines[best[number]]:
            best[number] = row
    return best
