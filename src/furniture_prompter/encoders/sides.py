"""Orientation classifier: which side of a photo is up, told from the photo's vector alone.

Multinomial logistic regression over an encoder's vectors of upright and turned photos. It costs a
dot product where looking at the turned photos costs three more runs of the encoder, and it is
surest of upright pieces that have one side to stand on; of a rug it can say little.
"""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.errors import EncoderDamagedError

SIDES_FILE: Final = "sides.npy"
"""Beside the card of an encoder that has such a classifier."""
SIDES: Final = 4
"""Upright, and turned clockwise by 90, 180 and 270 degrees."""
LEAST_PROBABILITY: Final = 0.5
"""Of being upright, for a photo not to be tried on its other sides. Chosen on two shops
(docs/experiments.md, "Which side of a photo is up")."""


class SideClassifier:
    """Tells the probability of each side."""

    def __init__(self, weights: NDArray[np.float32]) -> None:
        """Take the weights of the vector's components and, last, the constant: (d + 1, SIDES)."""
        self.weights = weights

    @classmethod
    def beside(cls, folder: Path, card: EncoderCard) -> "SideClassifier | None":
        """The classifier of the encoder in `folder`; None where its card names none.

        Raises:
            EncoderDamagedError: the file is not what it should be.
        """
        if SIDES_FILE not in card.other_files:
            return None
        path = folder / SIDES_FILE
        try:
            weights = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise EncoderDamagedError(
                f"Cannot read {path}: {error}. Reinstall furniture-prompter, or build the encoder "
                "again with its build tool."
            ) from error
        if weights.shape != (card.dimension + 1, SIDES) or weights.dtype != np.float32:
            raise EncoderDamagedError(
                f"{path} holds {weights.dtype} {weights.shape}, not float32 "
                f"{(card.dimension + 1, SIDES)}. Build the encoder again with its build tool."
            )
        return cls(weights)

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of each side, shape (n, SIDES), for vectors of shape (n, d)."""
        logits = vectors @ self.weights[:-1] + self.weights[-1]
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
        return shares

    def looks_upright(self, vector: NDArray[np.float32]) -> bool:
        """Whether a photo's vector, shape (d,), says that its other sides need no trying."""
        return bool(self.probabilities(vector[np.newaxis])[0, 0] >= LEAST_PROBABILITY)
