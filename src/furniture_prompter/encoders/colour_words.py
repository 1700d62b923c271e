"""Names of colours, told by the colour part of a photo's vector: what "grey" looks like.

Multinomial logistic regression over colour parts of the bundled renders, dyed in colours whose
name is known (:mod:`tools.encoder_builder.colour_words` fits it). It holds for every encoder of the
space that it was fitted in, and costs a product of small matrices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from io import BytesIO
from pathlib import Path
from typing import Final, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.encoders.card import EncoderCard, identity_of
from furniture_prompter.errors import EncoderDamagedError

COLOUR_WORDS_FILE: Final = "colour_words.npz"
_LIGHTNESS: Final[Mapping[str, float]] = {
    "black": 12,
    "brown": 38,
    "purple": 38,
    "blue": 40,
    "red": 42,
    "green": 48,
    "grey": 55,
    "orange": 62,
    "turquoise": 65,
    "pink": 75,
    "beige": 82,
    "yellow": 82,
    "white": 95,
}
"""CIE L* of what is called so, roughly."""


@dataclass(frozen=True, slots=True, eq=False)
class ColourWords:
    """How probable each name is for a photo.

    Attributes:
        space: :attr:`~furniture_prompter.domain.EncoderIdentity.space_id` of the vectors.
        names: Base colours, as :func:`~furniture_prompter.feeds.values.vocabulary.base_colors`
            names them.
        weights: Of the colour part's components and, last, the constant: (components + 1, names).
    """

    space: str
    names: tuple[str, ...]
    weights: NDArray[np.float32]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            EncoderDamagedError: the file is not what it should be.
        """
        try:
            with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as data:
                space, names, weights = str(data["space"]), data["names"], data["weights"]
            if weights.shape[1:] != names.shape or not np.isfinite(weights).all():
                raise ValueError(f"{names.shape} names and weights of {weights.shape}")
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise EncoderDamagedError(
                f"Cannot read {path}: {error}. Reinstall furniture-prompter, or run "
                "`python -m tools.encoder_builder colour-words`."
            ) from error
        return cls(space, tuple(names.tolist()), weights.astype(np.float32))

    def save(self, path: Path) -> None:
        """Write it to a file."""
        names = np.array(self.names)
        np.savez_compressed(path, space=np.array(self.space), names=names, weights=self.weights)

    def log_probability(
        self, vectors: NDArray[np.float32], wanted: Sequence[str]
    ) -> NDArray[np.float32]:
        """Logarithm of the probability that a photo shows one of some colours, shape (n,).

        Args:
            vectors: Of photos, shape (n, d).
            wanted: At least one of `names`.
        """
        logits = self._logits(vectors)
        places = [self.names.index(name) for name in wanted]
        told: NDArray[np.float32] = np.logaddexp.reduce(
            logits[:, places], axis=1
        ) - np.logaddexp.reduce(logits, axis=1)
        return told

    def lightness(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """How light what photos show is, as CIE L*, 0 to 100; shape (n, d) to (n,)."""
        logits = self._logits(vectors)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        of_names = np.array([_LIGHTNESS[name] for name in self.names], np.float32)
        return np.asarray(shares @ of_names, np.float32)

    def _logits(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        part = vectors[:, vectors.shape[1] - len(self.weights) + 1 :]
        part = part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-9)
        logits: NDArray[np.float32] = part @ self.weights[:-1] + self.weights[-1]
        return logits


@cache
def _shipped() -> ColourWords:
    with as_file(files(__package__).joinpath(COLOUR_WORDS_FILE)) as path:
        return ColourWords.load(path)


def colour_words(card: EncoderCard) -> ColourWords | None:
    """Those that ship; None where an encoder's vectors lie in another space."""
    words = _shipped()
    return words if identity_of(card).space_id == words.space else None
