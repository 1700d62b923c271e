"""The kind of piece that a prompt asks for, and how far a product is from being of it.

Whatever else a prompt says, a colour, a material, a word that few products have, is said of the
kind: pieces of other kinds come behind.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from furniture_prompter.catalog.filters import Filter
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.vector_index import Numbers, Scores
from furniture_prompter.domain.query import Hit
from furniture_prompter.understanding.lexicon import LEXICON
from furniture_prompter.understanding.reading import Reading
from furniture_prompter.understanding.thesaurus import Concept, Thesaurus, folded_words
from furniture_prompter.understanding.word_forms import word_forms

OTHER_KIND: Final = "other-kind"

_REMEMBERED: Final = 65_536
_PHRASES_REMEMBERED: Final = 1_024
# "Masa modelleri" are tables.
_SAYS_NOTHING: Final = frozenset(
    {"modelleri", "cesitleri", "fiyatlari", "takimi", "seti", "set", "sets", "range", "collection"}
)
_LONGEST: Final = 5
_ASIDE: Final = re.compile(r"[,;(&/+]")
_STEPS: Final = re.compile(r"[>|»›]")
# "Chair with cushion", "cushion for a sofa": what comes behind is not what the piece is.
_BEHIND: Final = frozenset({"with", "w", "for", "without", "w/o", "on", "+"})
# The one piece that is a shade before a colour.
_SHADE: Final = ("light",)
SHOWN_AS_WELL: Final = 0.3
"""How far a kind that the thesaurus shows as well is from the kind; another kind is 1 away."""
_A_SORT: Final = 0.15
"""How far a sort of the kind is that bears the kind's name behind its own: a "day-bed frame" of a
bed."""
_UNTOLD: Final = 0.5
"""How far a product is of which nothing says what it is."""


Words: TypeAlias = tuple[frozenset[str], ...]
"""Words with their forms."""


@dataclass(frozen=True, slots=True)
class AskedKinds:
    """What kinds of pieces a prompt asks for.

    Attributes:
        same: Concepts of the thesaurus that are of the kind.
        shown: Those that are shown as well.
        words: Forms of the prompt's other words, of which a shop's own category may be made, where
            the thesaurus knows no piece in it; one set a word.
        sorts: Those that are sorts of the kind, by what their words end in.
        said: All words of the prompt: a product that is called so is what was asked for.
    """

    same: frozenset[str] = frozenset()
    shown: frozenset[str] = frozenset()
    words: Words = ()
    said: tuple[str, ...] = ()
    sorts: frozenset[str] = frozenset()


class NamedKinds(NamedTuple):
    """What kinds a product names.

    Attributes:
        pieces: Concepts of each piece that it is: several where a word means several things.
        beside: Concepts of pieces that it only belongs to: a "bed tent" is no bed.
        category: The words of its own category.
        sorts: Concepts of pieces whose words go on into the next: a "day-bed frame" is of day-beds.
        is_silent: Whether nothing says what it is: neither a category nor a word of a title.
    """

    pieces: frozenset[frozenset[str]]
    beside: frozenset[str]
    category: tuple[str, ...]
    sorts: frozenset[str] = frozenset()
    is_silent: bool = False


class _Pieces(NamedTuple):
    pieces: list[frozenset[str]]
    beside: list[frozenset[str]]
    sorts: frozenset[str]


class Kinds:
    """Which kinds prompts and products name, by one thesaurus; safe to use from several threads."""

    def __init__(self, thesaurus: Thesaurus) -> None:
        """Take the thesaurus."""
        self._thesaurus = thesaurus
        self._meant = lru_cache(_PHRASES_REMEMBERED)(self._find_meant)
        self._named = lru_cache(_REMEMBERED)(self._find_named)
        self._is_said = lru_cache(_PHRASES_REMEMBERED)(self._find_is_said)

    def asked(self, reading: Reading, pieces: Sequence[tuple[int, int]]) -> AskedKinds | None:
        """The kinds that a prompt asks for; None where none can be told.

        Args:
            reading: The prompt.
            pieces: Where each piece that it wants begins and stops.
        """
        names = []
        at = 0
        while at < len(reading.tokens):
            _, length = LEXICON.names.longest(reading, at)
            if length:
                names.append((at, at + length))
            at += max(length, 1)
        same: set[str] = set()
        shown: set[str] = set()
        direct: set[str] = set()
        sorts: set[str] = set()
        before: tuple[int, frozenset[str]] = (-1, frozenset())
        said = folded_words(reading.prompt)
        for begun, stop in pieces:
            start = self._longest(reading.keys(0, stop), begun) if before[0] == begun else begun
            words = folded_words(reading.text(start, stop))
            # A "light grey" sofa asks for no light.
            is_shade = words == _SHADE and any(a == stop for a, _ in names)
            if is_shade or any(a <= start and stop <= b and stop - start < b - a for a, b in names):
                continue
            of_it, beside_it = self._meant(words)
            if of_it and before[0] == begun and start < begun:
                # A "three seat sofa bed" is a sofa bed.
                same -= before[1]
            elif of_it and before[0] == start:
                # A "berjer koltuk" is what both say; a "chair pillow" is no chair.
                of_it, same = before[1] & of_it or of_it, same - before[1]
            before = stop, of_it
            same |= of_it
            direct |= {each.name for each in self._thesaurus.said_by(words)}
            # Nor is a "day-bed frame" the next to a "double bed".
            sorts |= of_it | self._ending_in(words[-1:])
            shown |= beside_it
        if same:
            return AskedKinds(
                frozenset(same), frozenset(shown - same), said=said, sorts=frozenset(sorts - direct)
            )
        spoken = [
            (any(a <= at < b for a, b in names), frozenset({token.key, *word_forms(token.key)}))
            for at, token in enumerate(reading.tokens)
            if token.key.isalpha()
        ]
        left = [forms for is_name, forms in spoken if not is_name]
        # "Clear glass" asks for no drinking glasses, and a "glass door" is more than a door.
        named = [forms for is_name, forms in spoken if is_name] if left else []
        return AskedKinds(words=(*named, *left)) if left else None

    def named(self, category: str | None, title: str | None) -> NamedKinds:
        """Concepts that a product is by its category or by the last piece of its title."""
        return self._named(category or "", title or "")

    def is_said(self, category: str | None, words: Words) -> bool:
        """Whether a prompt ends in a category's last word, and says all its others."""
        return bool(category) and self._is_said(category or "", words)

    def _find_named(self, category: str, title: str) -> NamedKinds:
        step = _STEPS.split(category)[-1]
        parts = [self._of(part) for part in _ASIDE.split(step)]
        pieces = frozenset(piece for each in parts for piece in each.pieces)
        beside = frozenset(name for each in parts for piece in each.beside for name in piece)
        sorts = frozenset(name for each in parts for name in each.sorts)
        of_title, others, of_sorts = self._of(title)
        # A title goes on with what the piece is like.
        last = (of_title or others)[-1:]
        more = frozenset(each for each in last if each.isdisjoint(beside))
        said = folded_words(step)
        is_silent = not said and not any(word.isalpha() for word in folded_words(title))
        return NamedKinds(pieces | more, beside, said, sorts | of_sorts, is_silent)

    def _of(self, text: str) -> _Pieces:
        """Concepts of each piece that a text names, in its order, as far as it says what it is.

        And those of pieces that it only belongs to: a "bed tent" is a tent, a "bed pocket" no bed.
        """
        words = folded_words(text)
        end = next((at for at, word in enumerate(words) if at and word in _BEHIND), len(words))
        words = words[:end]
        pieces: list[frozenset[str]] = []
        beside: list[frozenset[str]] = []
        sorts: set[str] = set()
        stop = 0
        for found in self._thesaurus.find(words):
            start = self._longest(words[: found.stop], found.start)
            of_it = frozenset(
                each.name for each in self._thesaurus.said_by(words[start : found.stop])
            )
            if pieces and start < stop:
                sorts |= pieces[-1]
            if pieces and start == stop:
                # A "berjer koltuk" is what both say.
                before = pieces.pop()
                of_it = of_it & before or of_it
                if of_it.isdisjoint(before):
                    beside.append(before)
            pieces.append(of_it)
            stop = found.stop
        if pieces and stop < len(words) and self._is_thing(words[-1]):
            beside.append(pieces.pop())
        return _Pieces(pieces, beside, frozenset(sorts))

    def _is_thing(self, word: str) -> bool:
        """Whether a word behind a piece may say what it is: no number, colour, nor material."""
        if not word.isalpha() or len(word) == 1 or word in _SAYS_NOTHING:
            return False
        return not LEXICON.names.longest(Reading.of(word), 0)[1]

    def _longest(self, words: Sequence[str], start: int) -> int:
        """Where the longest phrase begins that ends as some words do: "sofa bed", not "bed"."""
        for at in range(max(0, len(words) - _LONGEST), start):
            if self._thesaurus.said_by(words[at:]):
                return at
        return start

    def _find_is_said(self, category: str, said: Words) -> bool:
        own = [{word, *word_forms(word)} for word in folded_words(_STEPS.split(category)[-1])]
        if not own or own[-1].isdisjoint(said[-1]):
            return False
        return all(any(not word.isdisjoint(each) for each in said) for word in own)

    def _find_meant(self, words: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
        """Concepts that words of a prompt ask for, and those that are shown as well.

        With those whose words end in theirs: a coffee table is a table.
        """
        concepts = [each for found in self._thesaurus.find(words) for each in found.concepts]
        ends = {
            term.words
            for each in concepts
            for term in each.terms
            if term.same and self._says_one(term.words)
        }
        same = {each.name for each in concepts}.union(*map(self._ending_in, {words, *ends}))
        return frozenset(same), frozenset().union(*map(self._shown, concepts))

    def _ending_in(self, words: tuple[str, ...]) -> set[str]:
        return {
            each.name
            for each in self._thesaurus.concepts.values()
            if any(term.same and _ends_in(term.words, words) for term in each.terms)
        }

    def _says_one(self, words: tuple[str, ...]) -> bool:
        """Whether words mean one kind: a "yatak" is a mattress as well as a bed."""
        return [len(found.concepts) for found in self._thesaurus.find(words)] == [1]

    def _shown(self, concept: Concept) -> set[str]:
        texts = {term.text for term in concept.terms if not term.same}
        return {
            name
            for name, each in self._thesaurus.concepts.items()
            if texts.issuperset(term.text for term in each.terms if term.same)
        }


def _ends_in(words: tuple[str, ...], end: tuple[str, ...]) -> bool:
    """Whether words say a sort of what the end says: "yan sehpası" of "sehpa"."""
    if len(words) <= len(end) or words[-len(end) : -1] != end[:-1]:
        return False
    return end[-1] == words[-1] or end[-1] in word_forms(words[-1])


class ProductKinds:
    """How far the products of one version are from kinds; what they are is read once."""

    def __init__(self, reader: CatalogReader, kinds: Kinds) -> None:
        """Take the version, and what tells kinds."""
        self._reader = reader
        self._kinds = kinds
        # Of each product the place in `_sorts` of what it is; -1 where nobody has asked yet.
        self._codes = np.zeros(0, np.int32)
        self._sorts: dict[NamedKinds, int] = {}
        self._far: dict[AskedKinds, Scores] = {}

    async def distances(self, asked: AskedKinds, numbers: Numbers) -> Scores:
        """How far products are from the kinds: 0 of them, 1 of others, between where not told.

        NaN of those that say nothing of themselves: their photos alone tell.

        Args:
            asked: The kinds.
            numbers: Products, each once, shape (n,).
        """
        if not numbers.size:
            return np.zeros(0, np.float32)
        if asked.words:
            order = np.argsort(numbers)
            told = await self._reader.columns(numbers[order], ("category",))
            said = np.empty(numbers.size, np.float32)
            said[order] = [self._kinds.is_said(each, asked.words) for each in told["category"]]
            return 1 - said
        await self._read(numbers)
        far = self._far.get(asked)
        if far is None or len(far) < len(self._sorts):
            if len(self._far) >= _PHRASES_REMEMBERED:
                self._far.clear()
            far = np.array([_distance(asked, each) for each in self._sorts], np.float32)
            self._far[asked] = far
        return far[self._codes[numbers]]

    async def _read(self, numbers: Numbers) -> None:
        beyond = int(numbers.max()) + 1 - self._codes.size
        if beyond > 0:
            more = np.full(max(beyond, self._codes.size), -1, np.int32)
            self._codes = np.concatenate([self._codes, more])
        unread = np.sort(numbers[self._codes[numbers] < 0])
        if unread.size:
            told = await self._reader.columns(unread, ("category", "title"))
            pairs = zip(told["category"], told["title"], strict=True)
            sorts = [self._kinds.named(*each) for each in pairs]
            self._codes[unread] = [self._sorts.setdefault(each, len(self._sorts)) for each in sorts]


def _distance(asked: AskedKinds, named: NamedKinds) -> float:
    if named.is_silent:
        return float("nan")
    if named.category and _says(asked.said, named.category):
        return 0.0
    more = 0.0 if named.sorts.isdisjoint(asked.sorts) else _A_SORT
    if any(piece <= asked.same for piece in named.pieces):
        return more
    wanted = asked.same | asked.shown
    if not named.beside.isdisjoint(asked.same) or any(
        not piece.isdisjoint(wanted) for piece in named.pieces
    ):
        return SHOWN_AS_WELL + more
    return 1.0 if named.pieces or named.category else _UNTOLD


def _says(said: tuple[str, ...], category: tuple[str, ...]) -> bool:
    """Whether a prompt is a category's name, or one of several words ends it."""
    if len(said) < len(category) or (len(said) > len(category) and len(category) == 1):
        return False
    own = zip(said[len(said) - len(category) :], category, strict=True)
    return all(not {a, *word_forms(a)}.isdisjoint((b, *word_forms(b))) for a, b in own)


class OtherKindRetriever:
    """How far products are from the kind that was asked for.

    It is a :class:`~furniture_prompter.search.retrievers.Retriever` for what is not wanted, and
    names no product. Where no product that the others found is of the kind, or shown as well, it
    takes nothing.
    """

    name = OTHER_KIND
    weight = 1.0
    reads_text = False

    def __init__(self, kinds: ProductKinds, asked: AskedKinds) -> None:
        """Take what tells the kinds of the version's products, and those that are asked for."""
        self.asked = asked
        self._kinds = kinds

    async def top(self, _count: int, _prefilter: Filter | None) -> Numbers:
        """See :class:`~furniture_prompter.search.retrievers.Retriever`; it brings none itself."""
        return np.zeros(0, np.int64)

    async def strengths(self, numbers: Numbers) -> Scores:
        """Shape (n,), 0 of the kind to 1 of another; NaN where nothing says which."""
        far = await self.distances(numbers)
        return (
            far if (far <= np.float32(SHOWN_AS_WELL)).any() else np.zeros(numbers.size, np.float32)
        )

    async def told(self, hits: Sequence[Hit], numbers: Numbers) -> tuple[Hit, ...]:
        """The same hits, of products in their order, with whether they are of the kind."""
        far = (await self.distances(numbers)).tolist()
        return tuple(
            replace(
                hit, is_of_kind=True if each <= _A_SORT + 1e-6 else False if each == 1 else None
            )
            for hit, each in zip(hits, far, strict=True)
        )

    async def distances(self, numbers: Numbers) -> Scores:
        """How far products are from the kind; shape (n,), 0 to 1."""
        return await self._kinds.distances(self.asked, numbers)
