"""How a prompt comes to be compared with photos."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import ALIGNED, VECTOR
from furniture_prompter.encoders.alignment import Alignment
from furniture_prompter.encoders.protocols import CrossModalEncoder

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
