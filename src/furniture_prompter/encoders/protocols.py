"""What an encoder promises to whoever stores or compares its vectors."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain.images import RgbImage
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
        """What this encoder is; vectors are comparable only under equal cards."""
        ...

    def encode(self, images: Sequence[RgbImage]) -> NDArray[np.float32]:
        """Encode images of shape (height, width, 3), sRGB, uint8.

        Raises:
            InvalidPhotoError: something in ``images`` is no such array.
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
        """Encode prompts in any case and of any length; an empty prompt gives a row of zeros."""
        ...
