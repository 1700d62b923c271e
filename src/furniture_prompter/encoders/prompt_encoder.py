"""The prompt encoder that runs: one vector a word piece, averaged. Needs numpy alone."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.wordpiece import WordPieceTokenizer
from furniture_prompter.errors import EncoderDamagedError, EncoderNotFoundError

TOKENIZER_FILE = "tokenizer.json"
EMBEDDINGS_FILE = "embeddings.npy"

LIMIT_CHARACTERS = 4_096
"""A prompt is cut here first, so that a pasted page costs no more than a long description."""

LIMIT_TOKENS = 512
"""And then here: model2vec's own limit, so the two agree on what a long prompt means."""

_BATCH_PROMPTS = 512
"""Prompts whose word pieces are held as float32 at once: 256 MiB if each had LIMIT_TOKENS."""

_REBUILD = "Reinstall furniture-prompter, or run `python -m tools.prompt_encoder_builder build`."


def row_type(dimension: int) -> np.dtype[np.void]:
    """One word piece in the embeddings file: its vector is ``scale * vector``.

    A scale for each row keeps the rounding below 1/254 of the row's own largest component,
    however small the weight of the word.
    """
    return np.dtype([("scale", "<f4"), ("vector", "i1", (dimension,))])


class Tokenizer(Protocol):
    """Cuts text into word pieces.

    Attributes:
        size: How many pieces there are, numbered from 0.
        unknown: The number that stands for what the vocabulary does not have.
    """

    size: int
    unknown: int

    def encode(self, text: str, limit: int) -> list[int]:
        """Numbers of the text's first ``limit`` pieces, unknown ones among them."""
        ...


class StaticPromptEncoder:
    """A :class:`~furniture_prompter.encoders.protocols.PromptEncoder` without a network to run.

    The vector of a prompt is the mean of its word pieces' vectors, scaled to length 1, as in
    model2vec. Weights for frequent words (SIF) are part of the rows. Unknown pieces count for
    nothing: an empty prompt, or one of emoji only, gives a row of zeros. Prompts are cut at
    :data:`LIMIT_CHARACTERS` characters and :data:`LIMIT_TOKENS` word pieces. Case and accents do
    not matter, and the Turkish İ, I, ı and i are one letter here, so KIRMIZI is kırmızı.
    """

    def __init__(self, card: EncoderCard, tokenizer: Tokenizer, rows: NDArray[np.void]) -> None:
        self._card = card
        self._tokenizer = tokenizer
        self._rows = rows

    @classmethod
    def load(cls, folder: Path, *, verify: bool = True) -> "StaticPromptEncoder":
        """Open the encoder in ``folder``; the embeddings stay on disk until a word needs them.

        Args:
            folder: Where ``card.json``, the embeddings and the tokenizer lie.
            verify: Compare both files with the card's sha256 first (some ten milliseconds).

        Raises:
            EncoderNotFoundError: no card there.
            EncoderDamagedError: card, embeddings and tokenizer do not fit together.
        """
        card = EncoderCard.load(folder)
        if card.kind != "prompt":
            raise EncoderNotFoundError(
                f"{card.name} in {folder} is an {card.kind} encoder, not a prompt encoder. "
                "`furniture-prompter encoders` lists both."
            )
        if verify:
            card.verify_files(folder)
        rows = _open_rows(folder / card.weights_file, card.dimension)
        tokenizer = _open_tokenizer(folder / TOKENIZER_FILE)
        if tokenizer.size != len(rows):
            raise EncoderDamagedError(
                f"{folder} has {tokenizer.size} word pieces and {len(rows)} vectors. {_REBUILD}"
            )
        return cls(card, tokenizer, rows)

    @property
    def card(self) -> EncoderCard:
        """What this encoder is."""
        return self._card

    def encode(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """Encode prompts into unit rows of shape (len(prompts), dimension); see the class.

        Raises:
            TypeError: ``prompts`` is one string, whose letters would each become a prompt.
        """
        if isinstance(prompts, str):
            raise TypeError("encode() takes a sequence of prompts; write encode([prompt]).")
        vectors = np.zeros((len(prompts), self._card.dimension), np.float32)
        start = 0
        for batch in _batches(prompts):
            self._encode_batch(batch, vectors[start : start + len(batch)])
            start += len(batch)
        return vectors

    def _encode_batch(self, prompts: Sequence[str], out: NDArray[np.float32]) -> None:
        pieces = [self._known_pieces(prompt) for prompt in prompts]
        known = [row for row, ids in enumerate(pieces) if ids]
        if not known:
            return
        rows = self._rows[list(itertools.chain.from_iterable(pieces))]
        vectors = rows["vector"] * rows["scale"][:, None]
        lengths = [len(pieces[row]) for row in known]
        sums = np.add.reduceat(vectors, np.cumsum([0, *lengths[:-1]]), axis=0)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        out[known] = np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 0)

    def _known_pieces(self, prompt: str) -> list[int]:
        unknown = self._tokenizer.unknown
        numbers = self._tokenizer.encode(_readable(prompt), LIMIT_TOKENS)
        return [number for number in numbers if number != unknown]


def _batches(prompts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(prompts), _BATCH_PROMPTS):
        yield prompts[start : start + _BATCH_PROMPTS]


def _readable(prompt: str) -> str:
    # A lone surrogate, as a shell gives for bytes that are no UTF-8, is no character.
    return prompt[:LIMIT_CHARACTERS].encode("utf-8", "ignore").decode("utf-8")


def _open_rows(path: Path, dimension: int) -> NDArray[np.void]:
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise EncoderDamagedError(f"Cannot read {path}: {error}. {_REBUILD}") from error
    if rows.ndim != 1 or rows.dtype != row_type(dimension):
        raise EncoderDamagedError(
            f"{path} holds {rows.dtype} of shape {rows.shape}, not {dimension}-component rows. "
            f"{_REBUILD}"
        )
    # A plain array over the same pages: np.memmap checks itself again at every slice.
    return np.asarray(rows)


def _open_tokenizer(path: Path) -> WordPieceTokenizer:
    try:
        return WordPieceTokenizer.load(path)
    except OSError as error:
        raise EncoderDamagedError(f"Cannot read {path}: {error}. {_REBUILD}") from error
    except ValueError as error:
        raise EncoderDamagedError(f"{path} is no tokenizer: {error}. {_REBUILD}") from error
