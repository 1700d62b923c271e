"""Tokens of a prompt, which of them were taken, and what was understood of them."""

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from furniture_prompter.domain.query import Understood
from furniture_prompter.understanding.lexicon import WORD, fold_letters, turkish_lower


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or sign.

    Attributes:
        key: Folded.
        low: In small letters, by Turkish rules.
        start: Where it begins in the prompt.
        end: Where it ends.
    """

    key: str
    low: str
    start: int
    end: int

    @property
    def is_number(self) -> bool:
        """Whether it begins with a digit."""
        return self.key[0].isdigit()


@dataclass(slots=True)
class Reading:
    """The tokens of a prompt, which of them were taken, and what they said."""

    prompt: str
    tokens: Sequence[Token]
    taken: set[int] = field(default_factory=set)
    counted: set[int] = field(default_factory=set)
    parts: list[tuple[int, Understood]] = field(default_factory=list)
    lifted: Collection[str] = ()
    bare: Sequence[str] = ()
    unsure: list[str] = field(default_factory=list)

    def key(self, at: int) -> str:
        """The folded token at a place; empty outside, and where it was taken."""
        return self.tokens[at].key if 0 <= at < len(self.tokens) and at not in self.taken else ""

    def low(self, at: int) -> str:
        """The token in small letters; empty as above."""
        return self.tokens[at].low if 0 <= at < len(self.tokens) and at not in self.taken else ""

    def keys(self, start: int, stop: int) -> tuple[str, ...]:
        """:meth:`key` at several places."""
        return tuple(self.key(at) for at in range(start, stop))

    def text(self, start: int, stop: int) -> str:
        """The prompt's own words of some places."""
        return self.prompt[self.tokens[start].start : self.tokens[stop - 1].end]

    def glued(self, at: int) -> bool:
        """Whether nothing stands between a token and the one before it."""
        return 0 < at < len(self.tokens) and self.tokens[at - 1].end == self.tokens[at].start

    def add(self, start: int, stop: int, part: Understood, *, take: bool) -> None:
        """Note what some tokens say, unless it was lifted; `take` leaves them out of the rest."""
        text = self.text(start, stop)
        if text in self.lifted:
            return
        self.parts.append((start, replace(part, text=text)))
        if take:
            self.taken.update(range(start, stop))

    @classmethod
    def of(cls, prompt: str, lifted: Collection[str] = (), bare: Sequence[str] = ()) -> "Reading":
        """The tokens of a prompt; texts in `lifted` are plain words.

        What numbers without a unit may say are the columns in `bare`.
        """
        composed = unicodedata.normalize("NFC", prompt)
        return cls(composed, _tokens(composed), lifted=lifted, bare=bare)


@lru_cache(maxsize=64)
def _tokens(composed: str) -> tuple[Token, ...]:
    """The tokens of a prompt; one search reads it several times."""
    lowered = turkish_lower(composed)
    return tuple(
        Token(found[0], lowered[found.start() : found.end()], *found.span())
        for found in WORD.finditer(fold_letters(composed))
    )
