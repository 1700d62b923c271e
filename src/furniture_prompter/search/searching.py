"""The recipe from a query to hits: encode, retrieve, fuse, present."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import ALIGNED, VECTOR
from furniture_prompter.catalog.reader import CatalogReader, PhotoRows
from furniture_prompter.domain import CatalogReference, Hit, Photo, Query, SearchResult
from furniture_prompter.encoders.alignment import Alignment
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
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
        alignment: Alignment | None,
        settings: Settings,
    ) -> None:
        """Take the version and what encodes queries; encoders are loaded on first use."""
        self._reader = reader
        self._encoder = encoder
        self._prompt_encoder = prompt_encoder
        self._alignment = alignment
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
            photo, prompt, without = await self._encode(query)
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

    async def _encode(self, query: Query) -> tuple[Vector | None, Vector | None, Vector | None]:
        photo = None
        if query.photo is not None:
            encode = self._encoder().encode
            photo = (await asyncio.to_thread(encode, [query.photo]))[0]
        words = [words for words in (query.prompt, query.without) if words is not None]
        vectors = iter(self._prompt_encoder().encode(words) if words else ())
        prompt = next(vectors) if query.prompt is not None else None
        without = next(vectors) if query.without is not None else None
        return photo, prompt, without

    async def _groups(
        self, query: Query, photo: Vector | None, prompt: Vector | None, without: Vector | None
    ) -> list[PartGroup]:
        groups: list[PartGroup] = []
        photo_share = 0.0
        if photo is not None:
            photo_share = query.photo_weight if prompt is not None else 1.0
            space = await self._reader.photo_space()
            part = VectorPart(PHOTO, 1.0, space.similarities(photo))
            groups.append(PartGroup(photo_share, (part,)))
        if query.prompt is not None and prompt is not None:
            parts = await self._word_parts(query.prompt, prompt)
            groups.append(PartGroup(1.0 - photo_share, parts))
        if query.without is not None and without is not None:
            parts = await self._word_parts(query.without, without)
            groups.append(PartGroup(-self._settings.weight_without, parts))
        return [group for group in groups if group.share != 0]

    async def _word_parts(self, words: str, vector: Vector) -> tuple[Part, ...]:
        settings = self._settings
        parts: list[Part] = []
        if settings.weight_keyword:
            parts.append(KeywordPart(self._reader, words, settings.weight_keyword))
        if settings.weight_prompt_text and vector.any():
            text_space = await self._reader.text_space()
            similarities = text_space.similarities(vector)
            parts.append(VectorPart(PROMPT_TEXT, settings.weight_prompt_text, similarities))
        if settings.weight_prompt_photo and vector.any() and self._alignment is not None:
            aligned_space = await self._reader.aligned_space()
            aligned = self._alignment.align_prompts(vector[np.newaxis])[0]
            similarities = aligned_space.similarities(aligned)
            parts.append(VectorPart(PROMPT_PHOTO, settings.weight_prompt_photo, similarities))
        # A prompt of unknown words has nothing but keywords, whatever their weight.
        return tuple(parts) or (KeywordPart(self._reader, words, 1.0),)

    async def _present(
        self, groups: list[PartGroup], fused: Fused, photo: Vector | None, prompt: Vector | None
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
        self, photo: Vector | None, prompt: Vector | None
    ) -> tuple[str | None, Vector | None]:
        """The vector column, and the query in its space, that choose among a product's photos."""
        if photo is not None:
            return VECTOR, photo
        if prompt is not None and prompt.any() and self._alignment is not None:
            return ALIGNED, self._alignment.align_prompts(prompt[np.newaxis])[0]
        return None, None

    def _notes(self, query: Query) -> tuple[str, ...]:
        if query.prompt is not None and self._alignment is None:
            return (self._reader.manifest.alignment.statement,)
        return ()


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
