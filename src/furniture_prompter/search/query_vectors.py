"""The vectors that a catalog's encoders give to whoever wants them: which space takes what."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import ALIGNED, VECTOR
from furniture_prompter.encoders.alignment import Alignment
from furniture_prompter.encoders.protocols import CrossModalEncoder, PromptEncoder
from furniture_prompter.errors import InvalidQueryError

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Words:
    """A prompt, or what is not wanted, encoded.

    Attributes:
        text: The words.
        meaning: By the prompt encoder, shape (t,); zeros where it knows none of them.
        look: In the space of the route's photo vectors; zeros where nothing is known, None where
            no route leads there.
    """

    text: str
    meaning: Vectors
    look: Vectors | None = None


class PromptRoute(Protocol):
    """A way from prompts to the vectors that a catalog keeps of its photos."""

    @property
    def column(self) -> str:
        """The photos' vectors that prompts are compared with: ``vector`` or ``aligned``."""
        ...

    async def encode(self, words: Sequence[Words]) -> Vectors:
        """Unit rows in the space of `column`; zeros for words of which nothing is known."""
        ...


@dataclass(frozen=True, slots=True)
class AlignmentRoute:
    """From the prompt encoder's vectors, by the alignment fitted on the catalog's own text."""

    alignment: Alignment
    column: str = ALIGNED

    async def encode(self, words: Sequence[Words]) -> Vectors:
        """See :class:`PromptRoute`."""
        return self.alignment.align_prompts(np.stack([each.meaning for each in words]))


@dataclass(frozen=True, slots=True)
class TextTowerRoute:
    """By the text tower of an encoder in whose space the photos' vectors lie; nothing is fitted.

    Attributes:
        encoder: Gives the encoder, which is loaded when the first prompt comes.
    """

    encoder: Callable[[], CrossModalEncoder]
    column: str = VECTOR

    async def encode(self, words: Sequence[Words]) -> Vectors:
        """See :class:`PromptRoute`."""
        return await asyncio.to_thread(self._encode, [each.text for each in words])

    def _encode(self, prompts: list[str]) -> Vectors:
        return self.encoder().encode_prompts(prompts)


@dataclass(frozen=True, slots=True)
class NoRoute:
    """Prompts do not reach the photos.

    Attributes:
        reason: Why, and what would help, in one sentence for whoever asks with words.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class VectorSpace:
    """One space; vectors are comparable within it only.

    Attributes:
        name: What its vectors come from: the photo encoder, ``photo encoder+prompt encoder`` where
            an alignment brings both together, or the prompt encoder.
        takes_photos: Whether photos have vectors in it.
        takes_prompts: Whether prompts have vectors in it.
        alignment: What takes photos into it; None where their own vectors lie in it.
        by_meaning: Whether a prompt's vector is its meaning, and not its look.
    """

    name: str
    takes_photos: bool
    takes_prompts: bool
    alignment: Alignment | None = None
    by_meaning: bool = False


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of one space; rows of length 1, or zeros for words of which nothing is known.

    Attributes:
        space: Its name.
        prompts: Shape (n, d).
        photos: Shape (m, d).
    """

    space: str
    prompts: Vectors
    photos: Vectors


def vector_spaces(
    photo_encoder: str, prompt_encoder: str, route: PromptRoute | NoRoute
) -> tuple[VectorSpace, ...]:
    """The spaces that a catalog's encoders lead to, the photos' own first."""
    own = VectorSpace(
        photo_encoder, takes_photos=True, takes_prompts=isinstance(route, TextTowerRoute)
    )
    meaning = VectorSpace(prompt_encoder, takes_photos=False, takes_prompts=True, by_meaning=True)
    if isinstance(route, AlignmentRoute):
        name = f"{photo_encoder}+{prompt_encoder}"
        shared = VectorSpace(name, takes_photos=True, takes_prompts=True, alignment=route.alignment)
        return own, shared, meaning
    return own, meaning


def embed_in(
    spaces: Sequence[VectorSpace], words: Sequence[Words], photos: Vectors | None, name: str | None
) -> Embedded:
    """Encoded prompts and photos as vectors of one space.

    Args:
        spaces: Of the catalog.
        words: Prompts.
        photos: Vectors by the photo encoder, shape (m, d); None for none.
        name: The space's; None takes the first that takes what is given.

    Raises:
        InvalidQueryError: there is no such space, or it does not take what is given.
    """
    fitting = [
        space
        for space in spaces
        if (space.takes_prompts or not words) and (space.takes_photos or photos is None)
    ]
    found = [space for space in fitting if name in (None, space.name)]
    if not found:
        names = ", ".join(space.name for space in fitting)
        raise InvalidQueryError(
            f"These inputs have no vectors of {name or 'one model'}. "
            + (f"Models that take them here: {names}." if fitting else "Send photos by themselves.")
        )
    space = found[0]
    rows = [word.meaning if space.by_meaning else word.look for word in words]
    known = [row for row in rows if row is not None]
    taken = (
        photos
        if space.alignment is None or photos is None
        else space.alignment.align_photos(photos)
    )
    dimension = taken.shape[1] if taken is not None else len(known[0]) if known else 0
    none = np.zeros((0, dimension), np.float32)
    return Embedded(
        space.name, np.stack(known) if known else none, taken if taken is not None else none
    )


class WordEncoder:
    """Encodes prompts by their meaning and, where a route leads there, by their look."""

    def __init__(
        self,
        prompt_encoder: Callable[[], PromptEncoder],
        route: PromptRoute | NoRoute,
        kept: int = 0,
    ) -> None:
        """Take what encodes.

        Args:
            prompt_encoder: Gives the prompt encoder, which is loaded on first use.
            route: How prompts reach the photos.
            kept: Texts whose vectors are kept, the least lately used given up first.
        """
        self._prompt_encoder = prompt_encoder
        self._route = route
        self._kept: LRUCache[str, Words] = LRUCache(kept)

    async def encode(self, texts: Sequence[str]) -> list[Words]:
        """Texts encoded, in their order."""
        known = {text: kept for text in texts if (kept := self._kept.get(text)) is not None}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            computed = dict(zip(missing, await self._compute(missing), strict=True))
            known |= computed
            if self._kept.maxsize:
                self._kept.update(computed)
        return [known[text] for text in texts]

    async def _compute(self, texts: list[str]) -> list[Words]:
        meanings = self._prompt_encoder().encode(texts)
        words = [Words(text, meaning) for text, meaning in zip(texts, meanings, strict=True)]
        if isinstance(self._route, NoRoute):
            return words
        looks = await self._route.encode(words)
        return [replace(each, look=look) for each, look in zip(words, looks, strict=True)]
