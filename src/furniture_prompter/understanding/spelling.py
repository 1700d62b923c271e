"""Misspelled words of a prompt, and the word of the shop's own vocabulary that each is meant for.

Only words that nothing knows are looked at: no number, no word with a digit, none of the catalog's
words, the thesaurus', the lexicon's, nor of ``everyday.txt``. Distances are optimal string
alignment: a letter too much, missing, wrong, or swapped with its neighbour.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

from cachetools import LRUCache

from furniture_prompter.understanding.lexicon import LEXICON, fold_letters
from furniture_prompter.understanding.reading import Reading
from furniture_prompter.understanding.thesaurus import Thesaurus
from furniture_prompter.understanding.word_forms import word_forms

_LEAST_LETTERS: Final = 4
_MOST_LETTERS: Final = 24
# Two slips in a shorter word are another word.
_TWO_SLIPS_LETTERS: Final = 8
_ALIKE: Final = frozenset(
    map(frozenset, ("vw", "ck", "sz", "cs", "bp", "dt", "gk", "mn", "iy", "jy", "cj", "qk"))
)
"""First letters that sound alike, in one of the languages or both."""
_AS_A_PICTURE: Final = "\N{VARIATION SELECTOR-16}"
_REMEMBERED: Final = 4_096


class Spelled(NamedTuple):
    """A word that may have been meant.

    Attributes:
        text: As the shop writes it.
        products: How many have it; 0 of a word that the thesaurus or the lexicon brings.
    """

    text: str
    products: int


@dataclass(frozen=True, slots=True)
class Slip:
    """A misspelled word.

    Attributes:
        start: Where it begins in the prompt.
        end: Where it ends.
        written: As it stands.
        meant: What was meant, as the shop writes it.
    """

    start: int
    end: int
    written: str
    meant: str


@cache
def everyday_words() -> frozenset[str]:
    """Folded words of ``everyday.txt``, and those that only make a sentence of a prompt."""
    lines = files(__package__).joinpath("everyday.txt").read_text("utf-8").splitlines()
    listed = (word for line in lines if not line.startswith("#") for word in line.split())
    return LEXICON.courtesies.union(map(fold_letters, listed))


class Speller:
    """Corrects prompts by one catalog's words; safe to use from several threads."""

    def __init__(
        self,
        own: Mapping[str, tuple[str, int]],
        known: Iterable[str],
        thesaurus: Thesaurus,
        is_word: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """Take the words that may be meant, and those that are right.

        Args:
            own: The catalog's words, folded, with how the shop writes them.
            known: Every folded word of the catalog's texts.
            thesaurus: Whose words are right, and may be meant.
            is_word: Whether a folded word that none of these knows is a word all the same; asked
                of longer ones only, for short pieces of words look like words.
        """
        named = _named_words()
        # The catalog's own spelling comes last, so that it counts.
        meant = {
            **{fold_letters(text): Spelled(text, 0) for text in named},
            **{
                word: Spelled(text, 0)
                for concept in thesaurus.concepts.values()
                for term in concept.terms
                for word, text in zip(term.words, term.text.split(), strict=False)
            },
            **{word: Spelled(*each) for word, each in own.items()},
        }
        self._is_word = is_word
        self._known = frozenset(known) | own.keys()
        self._words = thesaurus.words | LEXICON.words | everyday_words()
        self._meant: dict[int, dict[str, Spelled]] = defaultdict(dict)
        for word, spelled in meant.items():
            if word.isalpha() and _LEAST_LETTERS <= len(word) <= _MOST_LETTERS:
                self._meant[len(word)][word] = spelled
        self._found: LRUCache[str, str | None] = LRUCache(_REMEMBERED)

    def slips(self, prompt: str) -> tuple[Slip, ...]:
        """The misspelled words of a prompt (in Unicode's composed form), in its order."""
        return tuple(self._slips(Reading.of(prompt)))

    def _slips(self, reading: Reading) -> Iterator[Slip]:
        for at, token in enumerate(reading.tokens):
            word = token.key
            if word in LEXICON.pictures:
                stop = token.end + (reading.key(at + 1) == _AS_A_PICTURE)
                yield Slip(
                    token.start, stop, reading.prompt[token.start : stop], LEXICON.pictures[word]
                )
                continue
            if not word.isalpha() or not _LEAST_LETTERS <= len(word) <= _MOST_LETTERS:
                continue
            # "4x4", "cm'den", "children's": parts of one word are no words.
            if reading.glued(at) and reading.key(at - 1) not in {"-", "/", ",", "("}:
                continue
            if at + 1 < len(reading.tokens) and reading.glued(at + 1):
                follows = reading.key(at + 1)
                if follows in {"'", "’"} or follows[0].isdigit():
                    continue
                # "ABCD-100" is a code.
                if reading.glued(at + 2) and reading.key(at + 2)[0].isdigit():
                    continue
            meant = self._meant_by(word)
            if meant is not None:
                written = reading.prompt[token.start : token.end]
                yield Slip(token.start, token.end, written, meant)

    def _meant_by(self, word: str) -> str | None:
        try:
            return self._found[word]
        except KeyError:
            meant = None if self._is_right(word) else self._nearest(word)
            self._found[word] = meant
            return meant

    def _is_right(self, word: str) -> bool:
        if LEXICON.unit(word) is not None or word.endswith(("siz", "suz")):
            return True
        if any(form in self._known or form in self._words for form in word_forms(word)):
            return True
        return len(word) > _LEAST_LETTERS and self._is_word(word)

    def _nearest(self, word: str) -> str | None:
        # Most prompts have no slip, and a process that answers one prompt starts without it.
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        most = 2 if len(word) >= _TWO_SLIPS_LETTERS else 1
        ranked: list[tuple[int, bool, bool, int, str]] = []
        for length in range(len(word) - most, len(word) + most + 1):
            near = self._meant.get(length)
            if not near:
                continue
            found = process.extract(
                word, near.keys(), scorer=OSA.distance, score_cutoff=most, limit=None
            )
            for other, distance, _ in found:
                if _is_likely(word, other):
                    text, count = near[other]
                    ranked.append((int(distance), other[0] != word[0], not count, -count, text))
        return min(ranked)[-1] if ranked else None


def _is_likely(word: str, other: str) -> bool:
    """Whether a word is near enough: no other word that rhymes, and of short ones begun right.

    A wrong first letter is mostly another word ("toaster", coaster), and so is a letter more at the
    end ("masaj", masa), unless the two sound alike or the letter is typed twice.
    """
    if word[1:] == other[1:] and frozenset((word[0], other[0])) not in _ALIKE:
        return False
    if word[:-1] == other and word[-1] != word[-2]:
        return False
    if len(word) == _LEAST_LETTERS:
        return sorted(word) == sorted(other) or (len(other) > len(word) and word[0] == other[0])
    return len(word) > _LEAST_LETTERS + 1 or word[0] == other[0] or sorted(word) == sorted(other)


def _named_words() -> Iterator[str]:
    """Words of colours, materials, rooms and styles."""
    for phrases in LEXICON.named.values():
        for phrase in phrases:
            yield from phrase.split()


def replaced(text: str, parts: Sequence[tuple[int, int, str]]) -> str:
    """A text with parts of it replaced; of parts that overlap, the longest."""
    pieces: list[str] = []
    end = 0
    for start, stop, other in sorted(parts, key=lambda part: (part[0], -part[1])):
        if start >= end:
            pieces += [text[end:start], other]
            end = stop
    return "".join([*pieces, text[end:]])
