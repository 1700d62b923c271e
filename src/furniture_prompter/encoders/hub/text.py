"""The text side of a teacher: from words to word pieces as it was trained on them.

Only the ``tokenizers`` library reads the tokenizer: no sentencepiece, no protobuf. What goes around
the word pieces is written here for each family, because checkpoints state it in several places
that do not agree:

* SigLIP (Zhai et al., 2023): lower case, no punctuation, the end token, filled up to the full
  length with the padding token, which for SigLIP is the end token. The tower reads the last
  position and sees the filling, so a wrong or missing filling gives another vector, quietly.
* SigLIP 2 (Tschannen et al., 2025): lower case, which its checkpoints' own tokenizer settings leave
  out; the end token, no start token, filled up on the right.
* CLIP (Radford et al., 2021): start and end token; the tower reads the first end token, so the
  filling does not matter.
"""

import re
import string
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models

from furniture_prompter.encoders.hub.architecture import Architecture
from furniture_prompter.encoders.hub.checkpoint import (
    SPECIAL_TOKENS_FILE,
    TOKENIZER_CONFIG_FILE,
    TOKENIZER_FILE,
    read_json,
)
from furniture_prompter.errors import EncoderDamagedError

LIMIT_CHARACTERS = 4_096
"""A prompt is cut here first, as by the static prompt encoder; the towers take 16 to 77 pieces."""

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_BLANKS = re.compile(r"\s+")


class PromptTokenizer:
    """Turns prompts into the rows of word piece numbers that a text tower takes."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        canonical: Callable[[str], str],
        *,
        tokens: int,
        before: Sequence[int],
        after: Sequence[int],
        filling: int,
    ) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._canonical = canonical
        self._tokens = tokens
        self._before = list(before)
        self._after = list(after)
        self._filling = filling

    @classmethod
    def load(cls, folder: Path, architecture: Architecture) -> "PromptTokenizer":
        """Read the tokenizer of the checkpoint in ``folder``.

        Raises:
            EncoderDamagedError: it is missing or damaged, lacks a token that the family needs, or
                has more word pieces than the text tower.
        """
        tokenizer = _open(folder / TOKENIZER_FILE)
        config = architecture.towers["text"][1]
        if tokenizer.get_vocab_size() > config.vocab_size:
            raise EncoderDamagedError(
                f"{TOKENIZER_FILE} has {tokenizer.get_vocab_size()} word pieces and the text tower "
                f"{config.vocab_size}. Download both again, from the same revision."
            )
        named = _special_tokens(folder)
        end = _number(tokenizer, named, "eos_token")
        padding = _number(tokenizer, named, "pad_token")
        if architecture.family == "clip":
            start = [_number(tokenizer, named, "bos_token")]
            canonical: Callable[[str], str] = _as_it_is
        else:
            start = []
            # Both SigLIPs have model_type siglip; the first has a Unigram vocabulary, the second
            # Gemma's byte pairs.
            first = isinstance(tokenizer.model, models.Unigram)
            canonical = _siglip if first else str.lower
        return cls(
            tokenizer,
            canonical,
            tokens=architecture.text_tokens,
            before=start,
            after=[end],
            filling=padding,
        )

    def rows(self, prompts: Sequence[str]) -> tuple[torch.Tensor, list[int]]:
        """Word pieces of the prompts that have any.

        Returns:
            int64 (rows, tokens), and the prompt that each row belongs to.
        """
        words = [self._canonical(_readable(prompt)) for prompt in prompts]
        given = [row for row, text in enumerate(words) if text.strip()]
        encodings = self._tokenizer.encode_batch(
            [words[row] for row in given], add_special_tokens=False
        )
        rows = torch.full((len(given), self._tokens), self._filling, dtype=torch.int64)
        room = self._tokens - len(self._before) - len(self._after)
        for row, encoding in enumerate(encodings):
            pieces = [*self._before, *encoding.ids[:room], *self._after]
            rows[row, : len(pieces)] = torch.tensor(pieces)
        return rows, given


def _siglip(prompt: str) -> str:
    """Lower case, without ASCII punctuation, single blanks: big_vision's canonical text."""
    return _BLANKS.sub(" ", prompt.lower().translate(_PUNCTUATION)).strip()


def _as_it_is(prompt: str) -> str:
    return prompt


def _readable(prompt: str) -> str:
    # A lone surrogate, as a shell gives for bytes that are no UTF-8, has no place in a tokenizer.
    return prompt[:LIMIT_CHARACTERS].encode("utf-8", "ignore").decode("utf-8")


def _open(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_buffer(path.read_bytes())
    except FileNotFoundError as error:
        raise EncoderDamagedError(
            f"The checkpoint has a text tower and no {path.name}, the one form of a tokenizer that "
            "is read (no sentencepiece file is). Name a revision that has it (--revision; on the "
            "hub, refs/pr/N are pull requests), or convert the tokenizer and add the file."
        ) from error
    except (OSError, ValueError) as error:
        raise EncoderDamagedError(
            f"{path.name} is no tokenizer: {error}. Download it again."
        ) from error


def _special_tokens(folder: Path) -> Mapping[str, Any]:
    """Special tokens by their role; tokenizer_config.json wins over the older file."""
    named: dict[str, Any] = {}
    for name in (SPECIAL_TOKENS_FILE, TOKENIZER_CONFIG_FILE):
        if (folder / name).is_file():
            named |= {
                role: value for role, value in read_json(folder / name).items() if value is not None
            }
    return named


def _number(tokenizer: Tokenizer, named: Mapping[str, Any], role: str) -> int:
    token = named.get(role)
    text = token.get("content") if isinstance(token, Mapping) else token
    number = tokenizer.token_to_id(text) if isinstance(text, str) else None
    if number is None:
        raise EncoderDamagedError(
            f"{TOKENIZER_CONFIG_FILE} names {text!r} as {role}, which {TOKENIZER_FILE} does not "
            "have. Download both again, from the same revision."
        )
    return int(number)
