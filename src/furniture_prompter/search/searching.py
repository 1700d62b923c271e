"""The recipe from a query to hits: encode, retrieve, fuse, present."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import VECTOR
from furniture_prompter.catalog.reader import CatalogReader, PhotoRows
from furniture_prompter.domain import CatalogReference, Hit, Photo, Query, SearchResult
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.search.asymmetry import asymmetry_note
from furniture_prompter.search.parts import (
    PHOTO,
    PROMPT_PHOTO,
    PROMPT_TEXT,
    Fused,
    KeywordPart,
    Part,
    PartGroup,
    VectorPart,
    fuse,
)
from furniture_prompter.search.prompt_routes import NoRoute, PromptRoute, Words
from furniture_prompter.search.validation import refuse_unanswerable
from furniture_prompter.settings import Settings

Vector = NDArray[np.float32]
# A part is named in `matched` when it puts the product this far above an average one.
MATCH_DEVIATIONS = 1.0


class Searcher:
    """Answers queries on one catalog version."""

    def __init__(
        self,
        reader: CatalogReader,
        encoder: Callable[[], Encoder],
        prompt_encoder: Callable[[], PromptEncoder],
        route: PromptRoute | NoRoute,
        settings: Settings,
    ) -> None:
        """Take the version and what encodes queries; encoders are loaded on first use."""
        self._reader = reader
        self._encoder = encoder
        self._prompt_encoder = prompt_encoder
        self._route = route
        self._settings = settings

    async def search(self, query: Query) -> SearchResult:
        """Answer a query.

        Raises:
            InvalidQueryError: it cannot be answered as it stands.
            InvalidFilterError: its `where` does not fit the catalog.
        """
        refuse_unanswerable(query, self._settings)
        clock = _Clock()
        with clock.step("encode"):
            photo = await self._encode_photo(query)
            prompt, without = await self._encode_words(query)
        with clock.step("filter"):
            where = query.where
            only = await self._reader.filter_products(where) if where is not None else None
        with clock.step("retrieve"):
            groups = await self._groups(query, photo, prompt, without)
            fused = await fuse(groups, query.limit, self._settings.candidates, only)
        with clock.step("present"):
            hits = await self._present(groups, fused, photo, prompt)
        manifest = self._reader.manifest
        return SearchResult(
            query=query,
            catalog=CatalogReference(
                str(self._reader.folder), manifest.version, manifest.encoder.name
            ),
            hits=hits,
            timings_ms=clock.timings_ms(),
            notes=self._notes(query),
        )

    async def _encode_photo(self, query: Query) -> Vector | None:
        if query.photo is None:
            return None
        rows = await asyncio.to_thread(self._encoder().encode, [query.photo])
        vector: Vector = rows[0]
        return vector

    async def _encode_words(self, query: Query) -> tuple[Words | None, Words | None]:
        """The prompt and what is not wanted, each None where it was not given."""
        texts = [text for text in (query.prompt, query.without) if text is not None]
        if not texts:
            return None, None
        meanings = self._prompt_encoder().encode(texts)
        words = [Words(text, meaning) for text, meaning in zip(texts, meanings, strict=True)]
        if not isinstance(self._route, NoRoute):
            looks = await self._route.encode(words)
            words = [replace(each, look=look) for each, look in zip(words, looks, strict=True)]
        prompt = words.pop(0) if query.prompt is not None else None
        return prompt, words[0] if words else None

    async def _groups(
        self, query: Query, photo: Vector | None, prompt: Words | None, without: Words | None
    ) -> list[PartGroup]:
        groups: list[PartGroup] = []
        photo_share = 0.0
        if photo is not None:
            photo_share = query.photo_weight if prompt is not None else 1.0
            space = await self._reader.photo_space()
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
            text_space = await self._reader.text_space()
            similarities = text_space.similarities(words.meaning)
            parts.append(VectorPart(PROMPT_TEXT, settings.weight_prompt_text, similarities))
        if settings.weight_prompt_photo and not isinstance(route, NoRoute) and _known(words.look):
            photo_space = await self._reader.photo_space(route.column)
            similarities = photo_space.similarities(words.look)
            parts.append(VectorPart(PROMPT_PHOTO, settings.weight_prompt_photo, similarities))
        # A prompt of unknown words has nothing but keywords, whatever their weight.
        return tuple(parts) or (KeywordPart(self._reader, words.text, 1.0),)

    async def _present(
        self, groups: list[PartGroup], fused: Fused, photo: Vector | None, prompt: Words | None
    ) -> tuple[Hit, ...]:
        if not fused.numbers.size:
            return ()
        column, vector = self._best_photo_by(photo, prompt)
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
            row = best[number]
            hits.append(
                Hit(
                    rank=place + 1,
                    score=float(fused.scores[place]),
                    product=products[number],
                    photo=Photo(rows.ids[row], products[number].id, rows.paths[row]),
                    matched=tuple(matched or list(strongest)[:1]),
                    parts=strongest,
                )
            )
        return tuple(hits)

    def _best_photo_by(
        self, photo: Vector | None, prompt: Words | None
    ) -> tuple[str | None, Vector | None]:
        """The vector column, and the query in its space, that choose among a product's photos."""
        if photo is not None:
            return VECTOR, photo
        if prompt is not None and not isinstance(self._route, NoRoute) and _known(prompt.look):
            return self._route.column, prompt.look
        return None, None

    def _notes(self, query: Query) -> tuple[str, ...]:
        notes: list[str] = []
        if query.photo is not None:
            note = asymmetry_note(self._reader.manifest.encoder, self._encoder().card)
            notes += [note] if note is not None else []
        if query.prompt is not None and isinstance(self._route, NoRoute):
            notes.append(self._route.reason)
        return tuple(notes)


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


class _Clock:
    """Wall time of named steps."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._steps: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._steps[name] = time.perf_counter() - began

    def timings_ms(self) -> dict[str, float]:
        steps = {name: 1_000 * seconds for name, seconds in self._steps.items()}
        return {**steps, "total": 1_000 * (time.perf_counter() - self._began)}
