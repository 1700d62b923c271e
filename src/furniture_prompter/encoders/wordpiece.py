"""Text to word pieces as BERT's uncased networks read it; the standard library is all it needs.

Three steps (Devlin et al., "BERT", NAACL 2019; Wu et al., "Google's Neural Machine Translation
System", 2016, section 4.1): characters are normalised (controls go, accents go, capitals become
small, CJK characters stand alone), words are cut at white space and around punctuation, and each
word is cut into the longest pieces that the vocabulary has, from the left.

The file is a ``tokenizer.json`` as the ``tokenizers`` library writes it, and the numbers are that
library's; it is not what runs, because a model hub's whole client comes with it. Which characters
are marks and punctuation is asked of Python's Unicode tables, where the library has those of
Unicode 8: a word of known letters that holds a mark or a punctuation character newer than that
(of N'Ko, Grantha and the like) may be cut otherwise. tests/unit/encoders holds the two together.
"""

import json
import string
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

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
        starts = {piece: at for piece, at in vocabulary.items() if not piece.startswith("##")}
        inner = {piece[2:]: at for piece, at in vocabulary.items() if piece.startswith("##")}
        self._pieces = (starts, inner)
        self._longest_piece = max(map(len, (*starts, *inner)))
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
            pieces = self._pieces[start > 0]
            for end in range(min(len(word), start + self._longest_piece), start, -1):
                number = pieces.get(word[start:end])
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
