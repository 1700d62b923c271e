"""Encoder interfaces: what each kind promises to whoever stores or compares its vectors."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain.product import RgbImage
from furniture_prompter.encoders.card import EncoderCard


@runtime_checkable
class Encoder(Protocol):
    """Turns images into unit vectors whose dot product is their visual likeness.

    Implementations keep these promises, and ``tests/contracts/test_encoders.py`` holds them to it:

    * the answer has shape ``(len(images), card.dimension)`` and type float32; no images give
      ``(0, card.dimension)``;
    * row *i* belongs to image *i*, whatever the batches inside;
    * every row has length 1 within 1e-3, so a dot product is a cosine in [-1, 1]: 1 is the same
      picture, and only the order of values means anything across encoders;
    * an image of any size of at least 1 x 1 pixels is accepted, and never altered;
    * the same image gives the same row, alone or in a batch, within 1e-3 a component.
    """

    @property
    def card(self) -> EncoderCard:
        """What this encoder is; vectors are comparable only within its space."""
        ...

    def encode(self, images: Sequence[RgbImage]) -> NDArray[np.float32]:
        """Encode images of shape (height, width, 3), sRGB, uint8, into shape (n, card.dimension).

        Raises:
            InvalidPhotoError: something in ``images`` is no such array.
            EncoderError: the weights cannot be run.
        """
        ...


@runtime_checkable
class ForkingEncoder(Encoder, Protocol):
    """An encoder that can be shared by several threads, each with an image of its own."""

    def for_several_threads(self) -> Encoder:
        """The same encoder, one thread to a call, and as many calls at once as there are threads.

        Together they encode more images a second than this one with all threads at one image,
        which answers one image sooner.
        """
        ...


@runtime_checkable
class SideTellingEncoder(Encoder, Protocol):
    """An encoder whose vectors may tell which side of a photo is up."""

    def looks_upright(self, vector: NDArray[np.float32]) -> bool:
        """Whether a photo's vector, shape (d,), surely is of an upright one; False for unsure."""
        ...


@runtime_checkable
class RoomTellingEncoder(Encoder, Protocol):
    """An encoder that may know what a room around a piece adds to the piece's vector."""

    def without_room(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Vectors of pieces that were cut out of photos, shape (n, d), without it.

        They are compared with vectors of whole photos, which stay as they are; each has length 1.
        """
        ...


@runtime_checkable
class CrossModalEncoder(Encoder, Protocol):
    """An encoder with a text tower: prompts and images become vectors of one space.

    Its card says ``encodes_prompts``. Beside the promises of :class:`Encoder` it keeps these, held
    by ``tests/contracts/test_cross_modal_encoders.py``:

    * the answer has shape ``(len(prompts), card.dimension)`` and type float32; no prompts give
      ``(0, card.dimension)``;
    * row *i* belongs to prompt *i*, and is the same alone or in a batch within 1e-3 a component;
    * every row has length 1 within 1e-3, so its dot product with an image's row is a cosine: the
      order over images means likeness, the value itself means nothing (photos and prompts of a
      contrastive encoder lie in cones apart, so 0.1 can be a good match);
    * an empty prompt, or one of blanks alone, gives a row of zeros, whose dot product with
      anything is 0;
    * a prompt of any length is accepted: what the tower cannot take is cut off at the end.
    """

    def encode_prompts(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """Encode prompts into the photos' space, shape (n, card.dimension).

        Raises:
            TypeError: ``prompts`` is one string, whose letters would each become a prompt.
            EncoderError: the weights cannot be run.
        """
        ...


@runtime_checkable
class PromptEncoder(Protocol):
    """Turns prompts into unit vectors whose dot product is their likeness in meaning.

    The answer has shape ``(len(prompts), card.dimension)`` and type float32, row *i* for prompt
    *i*, each of length 1 within 1e-3. The one exception is stated, not hidden: a prompt of which
    the encoder knows no word gives a row of zeros, whose dot product with anything is 0.
    """

    @property
    def card(self) -> EncoderCard:
        """What this encoder is; vectors are comparable only under equal cards."""
        ...

    def encode(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """Encode prompts in any case and of any length into shape (n, card.dimension).

        Raises:
            TypeError: ``prompts`` is one string, whose letters would each become a prompt.
        """
        ...

    def knows_word(self, word: str) -> bool:
        """Whether a folded word is one of its own, and not put together from pieces."""
        ...
