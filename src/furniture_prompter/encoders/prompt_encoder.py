"""Static prompt encoder: WordPiece tokenizer and averaged token vectors, in numpy alone."""

import itertools
import json
import string
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.errors import EncoderDamagedError, EncoderNotFoundError
from furniture_prompter.unit_rows import unit_rows

_NORMALISER = {
    "type": "Sequence",
    "normalizers": [
        # Turkish: the dotless i is the one letter that taking accents away does not fold.
        {"type": "Replace", "pattern": {"String": "ı"}, "content": "i"},
        {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
    ],
}
_PRE_TOKENIZER = {"type": "BertPreTokenizer"}

_KEPT_CHARACTERS = 1 << 14
_KEPT_WORDS = 1 << 14
"""What is looked up once and kept; a word that is kept has at most ``longest_word`` letters."""

_CJK = (
    *((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF)),
    *((0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF), (0x2F800, 0x2FA1F)),
)
"""Blocks of characters that are words of their own, as ``tokenizers`` has them."""


class WordPieceTokenizer:
    """A vocabulary of word pieces, and how text is cut into them."""

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        specials: Sequence[str],
        unknown: str,
        longest_word: int,
    ) -> None:
        """Take what a file holds.

        Args:
            vocabulary: Piece → number from 0 up; what continues a word begins with ``##``.
            specials: Pieces that are recognised where text spells them out, such as ``[PAD]``.
            unknown: The piece that stands for a word that cannot be cut.
            longest_word: Letters of a word; a longer one is unknown.
        """
        self.size = len(vocabulary)
        self.unknown = vocabulary[unknown]
        longest_first = sorted(specials, key=len, reverse=True)
        self._specials = {special: vocabulary[special] for special in longest_first}
        # A hash sign is a word of its own: no word is taken for what continues one.
        self._pieces = vocabulary
        self._longest_piece = max(map(len, vocabulary))
        self._longest_word = longest_word
        self._characters = _Characters()
        self._cut = lru_cache(_KEPT_WORDS)(self._cut_word)

    @classmethod
    def load(cls, path: Path) -> "WordPieceTokenizer":
        """Read a ``tokenizer.json``.

        Raises:
            OSError: it cannot be read.
            ValueError: it is none, or its text is treated otherwise than here.
        """
        try:
            told = json.loads(path.read_bytes())
            model, added = told["model"], told["added_tokens"]
            specials = [token["content"] for token in added]
            vocabulary = {**model["vocab"], **{token["content"]: token["id"] for token in added}}
            unknown, longest = model["unk_token"], model["max_input_chars_per_word"]
            if sorted(vocabulary.values()) != list(range(len(vocabulary))):
                raise ValueError("its word pieces are not numbered from 0 without a gap")
            for what, found, known in (
                ("model", model["type"], "WordPiece"),
                ("continuing_subword_prefix", model["continuing_subword_prefix"], "##"),
                ("normalizer", told["normalizer"], _NORMALISER),
                ("pre_tokenizer", told["pre_tokenizer"], _PRE_TOKENIZER),
                ("added_tokens", [token for token in added if not _plain(token)], []),
            ):
                if found != known:
                    raise ValueError(f"{what} is {found}, and only {known} is read")
            return cls(vocabulary, specials, unknown, longest)
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error

    def encode(self, text: str, limit: int) -> list[int]:
        """Numbers of the text's first ``limit`` pieces; time is linear in the text's length."""
        numbers: list[int] = []
        for part in self._around_specials(text):
            if part in self._specials:
                numbers.append(self._specials[part])
            else:
                for word in part.translate(self._characters).split():
                    if len(numbers) >= limit:
                        break
                    # Only words of bounded length are kept.
                    known = len(word) <= self._longest_word
                    numbers += self._cut(word) if known else (self.unknown,)
        return numbers[:limit]

    def _around_specials(self, text: str) -> list[str]:
        """The text in parts, of which those that are special pieces stand alone."""
        parts = [text]
        for special in self._specials:
            cut: list[str] = []
            for part in parts:
                between = [part] if part in self._specials else part.split(special)
                pieces = [special] * (2 * len(between) - 1)
                pieces[::2] = between
                cut += pieces
            parts = cut
        return parts

    def _cut_word(self, word: str) -> tuple[int, ...]:
        numbers = []
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            for end in range(min(len(word), start + self._longest_piece), start, -1):
                number = self._pieces.get(mark + word[start:end])
                if number is not None:
                    break
            else:
                return (self.unknown,)
            numbers.append(number)
            start = end
        return tuple(numbers)


class _Characters(dict[int, str]):
    """Code point → what it becomes, for :meth:`str.translate`; looked up when it first occurs."""

    def __missing__(self, code: int) -> str:
        became = _normalised(chr(code))
        if len(self) < _KEPT_CHARACTERS:
            self[code] = became
        return became


def _normalised(character: str) -> str:
    """A character without accents and small, with white space around it if it is a word.

    One character at a time is enough: canonical decomposition is a character's own, and what it
    reorders among several are marks, which go.
    """
    if character in "\t\n\r":
        return " "
    if character == "ı":
        return "i"
    if character == "\N{REPLACEMENT CHARACTER}" or unicodedata.category(character) in _DROPPED:
        return ""
    letters = [
        letter.lower()
        for letter in unicodedata.normalize("NFD", character)
        if unicodedata.category(letter) != "Mn"
    ]
    if any(first <= ord(character) <= last for first, last in _CJK):
        return f" {''.join(letters)} "
    return "".join(f" {letter} " if _is_punctuation(letter) else letter for letter in letters)


_DROPPED = frozenset({"Cc", "Cf", "Co", "Cs"})


def _is_punctuation(letter: str) -> bool:
    return letter in string.punctuation or unicodedata.category(letter)[0] == "P"


def _plain(token: Mapping[str, Any]) -> bool:
    """Whether a special piece is found as it is spelled, and takes nothing around it along."""
    return not any(token[what] for what in ("single_word", "lstrip", "rstrip", "normalized"))


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

    def knows_word(self, word: str) -> bool:
        """Whether a folded word is one piece of the vocabulary."""
        return len(self.pieces(word)) == 1

    def _encode_batch(self, prompts: Sequence[str], out: NDArray[np.float32]) -> None:
        pieces = [self.pieces(prompt) for prompt in prompts]
        known = [row for row, ids in enumerate(pieces) if ids]
        if not known:
            return
        rows = self._rows[list(itertools.chain.from_iterable(pieces))]
        vectors = rows["vector"] * rows["scale"][:, None]
        lengths = [len(pieces[row]) for row in known]
        sums = np.add.reduceat(vectors, np.cumsum([0, *lengths[:-1]]), axis=0)
        out[known] = unit_rows(sums)

    def pieces(self, prompt: str) -> list[int]:
        """Numbers of the pieces whose vectors a prompt's is made of, without unknown ones."""
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
