"""The vectors that a catalog's encoders give to whoever wants them: which space takes what."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from furniture_prompter.encoders.alignment import Alignment
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.prompt_routes import (
    AlignmentRoute,
    NoRoute,
    PromptRoute,
    TextTowerRoute,
    Vectors,
    Words,
)


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
