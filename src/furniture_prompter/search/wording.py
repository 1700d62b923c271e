"""The words of a search: spelling mended, synonyms beside, unknown words put otherwise.

All by what one catalog version knows: a synonym that no product has is left out, and a word that no
product has is embedded as the catalog says the same thing.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.keyword_query import Beside, KeywordQuery
from furniture_prompter.catalog.keywords import fold
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.vocabulary import Vocabulary
from furniture_prompter.domain.query import DidYouMean, FacetValue
from furniture_prompter.search.codes import NOTHING_NAMED, Named
from furniture_prompter.search.homographs import NOTHING_APART, ToldApart, says_any
from furniture_prompter.search.kinds import AskedKinds, Kinds
from furniture_prompter.understanding.counts import sofas
from furniture_prompter.understanding.lexicon import LEXICON, Comparison
from furniture_prompter.understanding.prompts import asides
from furniture_prompter.understanding.reading import Reading
from furniture_prompter.understanding.spelling import Speller, everyday_words, replaced
from furniture_prompter.understanding.surroundings import beside_a_piece, courtesies
from furniture_prompter.understanding.thesaurus import (
    WEIGHT,
    Term,
    Thesaurus,
    folded_words,
    thesaurus,
)
from furniture_prompter.understanding.word_forms import word_forms

_MOST_SYNONYMS: Final = 6
"""Terms of one phrase of a prompt, those of most weight and most products."""

_REMEMBERED: Final = 8_192
"""Words and phrases whose products are kept."""
_PROMPTS_REMEMBERED: Final = 64

_BESIDE_THE_SHOPS_OWN: Final = 0.5
"""Of a synonym where the shop has the words as written: it finds more, and must not rank it first;
see benchmarks/results/hybrid_understanding.json."""

_LEAST_LETTERS: Final = 3
"""Of a word that tells whether the catalog can answer a prompt."""

_BRAND: Final = "brand"
_WEIGHT_AS_WRITTEN: Final = 0.5
"""Of a misspelled word as it stands, beside what was meant."""


@dataclass(frozen=True, slots=True, eq=False)
class Wording:
    """What a text is searched by.

    Attributes:
        embedded: What becomes a vector.
        keywords: What the keyword index is asked.
        kinds: Of what kinds the piece is to be; None where that is not told.
    """

    embedded: str
    keywords: KeywordQuery
    kinds: AskedKinds | None = None


class _Said(NamedTuple):
    """Words of a prompt that have synonyms: places of its tokens, the synonyms, and its words."""

    start: int
    stop: int
    terms: tuple[Term, ...]
    own: tuple[str, ...]


class _Told(NamedTuple):
    """The same, and of the synonyms those that products have, with how many; best first."""

    start: int
    stop: int
    terms: tuple[Term, ...]
    own: tuple[str, ...]
    known: list[tuple[Term, int]]


class KnownWords:
    """One catalog version's words with a thesaurus; safe to use from several threads."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        synonyms: Thesaurus,
        is_word: Callable[[str], bool] = lambda _: False,
        brands: Collection[str] = (),
    ) -> None:
        """Take both, what tells a word of a language (see :class:`Speller`), and brands' words."""
        self._brands = frozenset(brands)
        self.vocabulary = vocabulary
        self.thesaurus = synonyms
        self.kinds = Kinds(synonyms)
        # A thesaurus has the same few thousand words for every prompt.
        self._having = lru_cache(_REMEMBERED)(self._find_having)
        self._count = lru_cache(_REMEMBERED)(self._find_count)
        # One search reads its prompt twice.
        self._told = lru_cache(_PROMPTS_REMEMBERED)(self._find_told)
        self._speller = Speller(vocabulary.own, vocabulary.places, synonyms, is_word)

    def corrected(self, prompt: str) -> tuple[str, DidYouMean | None]:
        """A prompt with its misspelled words mended, and what was; None where nothing was."""
        prompt = Reading.of(prompt).prompt
        slips = self._speller.slips(prompt)
        if not slips:
            return prompt, None
        mended = replaced(prompt, [(slip.start, slip.end, slip.meant) for slip in slips])
        return mended, DidYouMean(mended, tuple((slip.written, slip.meant) for slip in slips))

    def have(self, phrase: str) -> bool:
        """Whether a product has all words of a phrase, however it is spelled."""
        return bool(self._count(folded_words(phrase)))

    def beside(self, text: str) -> set[str]:
        """All that may stand beside a text's own words, by what products have."""
        _, told, _ = self._told(Reading.of(text).prompt)
        return {term.text for said in told for term, _ in said.known}

    def worded(
        self,
        text: str,
        quiet: str = "",
        written: Sequence[str] = (),
        apart: ToldApart = NOTHING_APART,
        named: Named = NOTHING_NAMED,
    ) -> Wording:
        """What a text is searched by.

        Args:
            text: A prompt, or what is not wanted.
            quiet: Words that only rank; see :class:`KeywordQuery`.
            written: Misspelled words as they stood.
            apart: What words say that fold to others.
            named: What its codes name: their products' titles are embedded in their place, and
                nothing where the text names a kind of furniture beside them.
        """
        reading = Reading.of(text)
        beside = {word: Beside(word, _WEIGHT_AS_WRITTEN) for word in written}
        otherwise: list[tuple[int, int, str]] = []
        answered: set[int] = set()
        rooms, told, aside = self._told(reading.prompt)
        small = (token.key for token in reading.tokens if token.key in LEXICON.small_words)
        beside_it = [reading.text(start, stop) for start, stop, _ in aside]
        makers = [at for at, token in enumerate(reading.tokens) if token.key in self._brands]
        beside_it += beside_a_piece(reading) if told else ()
        quiet = " ".join([quiet, *small, *beside_it, *map(reading.key, makers)])
        # Their words bring a product together, or not at all.
        together = [reading.text(start, stop) for start, stop in rooms]
        held_back = list(rooms)
        beside.update((room, Beside(room, _WEIGHT_AS_WRITTEN)) for room in together)
        for said in told:
            own = said.own
            known = [each for each in said.known if not says_any(each[0].text, apart.unsaid)]
            same = [(self._names(term), products, term) for term, products in known if term.same]
            best = max(same, key=lambda each: each[:2], default=None)
            count = self._count(own)
            put = best[2].text if best is not None else None
            if put is None and not count:
                put = self._more_general(said.terms, own)
            if put is not None:
                answered.update(range(said.start, said.stop))
            usual_words = own if count else best[2].words if best is not None else ()
            for term, _ in known[:_MOST_SYNONYMS]:
                # What is rare says more by BM25, and must not outdo the words as written.
                usual, rare = self._rarity(usual_words or term.words), self._rarity(term.words)
                weight = term.weight * min(1.0, usual / max(rare, 1e-6))
                if count:
                    weight *= _BESIDE_THE_SHOPS_OWN
                held = beside.get(term.text)
                if held is None or held.weight < weight:
                    beside[term.text] = Beside(term.text, weight)
            if count:
                continue
            if put is not None and len(own) > 1:
                # "Masası" alone says desks as well, and "stand" of a "tv stand" night stands.
                held_back.append((said.start, said.stop))
                beside[put] = Beside(put, 1.0)
            if put is not None:
                start, end = reading.tokens[said.start].start, reading.tokens[said.stop - 1].end
                otherwise.append((start, end, put))
        otherwise += self._put_aside(reading, aside, told, otherwise)
        meant = dict(apart.meant)
        alike = (token for token in reading.tokens if token.low in meant)
        otherwise += [(token.start, token.end, meant[token.low]) for token in alike]
        said_so = {at for each in told for at in range(each.start, each.stop)}
        unsaid = {*courtesies(reading), *makers} - said_so
        otherwise += [(reading.tokens[at].start, reading.tokens[at].end, "") for at in unsaid]
        codes = [each for each in named.codes if each.title]
        # "KLT-2040 Kanepe": what is named comes first, behind it what the other words alone find.
        drop = any(
            not any(code.start <= reading.tokens[piece.start].start < code.end for code in codes)
            for piece in (self._furniture(reading) if codes else ())
        )
        otherwise += [(code.start, code.end, "" if drop else code.title) for code in codes]
        share = self._known_share(reading, answered, apart.strangers, named)
        silent = [(reading.tokens[at].start, reading.tokens[to - 1].end) for at, to in held_back]
        silent += [(code.start, code.end) for code in codes if drop]
        embedded = replaced(reading.prompt, otherwise).strip()
        return Wording(
            embedded if embedded.strip(" ,.!?") else reading.prompt,
            KeywordQuery(
                replaced(reading.prompt, [(start, end, "") for start, end in silent]),
                tuple(beside.values()),
                quiet,
                share,
                apart.barred,
                named.numbers if named.numbers.size else None,
            ),
            # What a code names comes first, whatever it is.
            None if named.numbers.size else self.kinds.asked(reading, [said[:2] for said in told]),
        )

    def _known_share(
        self,
        reading: Reading,
        answered: Collection[int],
        strangers: Collection[str],
        named: Named,
    ) -> float:
        key = reading.key
        words = [
            at
            for at, token in enumerate(reading.tokens)
            if token.key.isalpha()
            and len(token.key) >= _LEAST_LETTERS
            and not everyday_words().issuperset((token.key,))
            and not any(code.start <= token.start < code.end for code in named.codes)
        ]
        known = [
            at
            for at in words
            if reading.tokens[at].low not in strangers
            and (at in answered or self._brands & {key(at)} or self._count((key(at),)))
        ]
        codes = [
            bool(code.title) or self._has_all(reading.prompt[code.start : code.end])
            for code in named.codes
        ]
        count = len(words) + len(codes)
        return (len(known) + sum(codes)) / count if count else 1.0

    def _has_all(self, code: str) -> bool:
        """Whether products have each word of a code, of which letters and digits are one."""
        return all(self.vocabulary.count(word) for word in fold(code).split())

    def _known_terms(self, said: _Said, own: tuple[str, ...]) -> list[tuple[Term, int]]:
        """Synonyms that products have, with how many, those of most weight and most products first.

        What is shown as well and holds the words themselves finds nothing more, and would come
        before them.
        """
        # The keyword index holds stems: "cabinet" beside "cabinets" would count the word twice.
        written = {form for word in own for form in word_forms(word)}
        held = [written, *({*term.words} for term in said.terms if term.same)]
        known = [
            (term, products)
            for term in said.terms
            if not written.issuperset(term.words)
            and (term.same or not any(words <= {*term.words} for words in held))
            and (products := self._count(term.words))
        ]
        known.sort(key=lambda each: (-each[0].weight, -each[1]))
        return known

    def _put_aside(
        self,
        reading: Reading,
        aside: Sequence[tuple[int, int, bool]],
        told: Sequence[_Told],
        otherwise: Sequence[tuple[int, int, str]],
    ) -> list[tuple[int, int, str]]:
        """What is embedded for pieces that are named for another's sake.

        The sum of a text's words would lie between both pieces: a place is left out, and where no
        product says both, the piece that is wanted is said twice.
        """
        put = {start: text for start, _, text in otherwise}
        found = []
        for start, stop, is_place in aside:
            before = next((each for each in reversed(told) if each.stop <= start), None)
            text = "" if is_place else reading.text(start, stop)
            if before is not None and not is_place:
                both = (*reading.keys(before.start, before.stop), *reading.keys(start, stop))
                if not self._count(tuple(word for word in both if word.isalnum())):
                    wanted = reading.text(before.start, before.stop)
                    text += f" {put.get(reading.tokens[before.start].start, wanted)}"
            found.append((reading.tokens[start].start, reading.tokens[stop - 1].end, text))
        return found

    def _more_general(self, terms: Sequence[Term], own: Sequence[str]) -> str | None:
        """What a kind is one of: a "yemek masası" is a "masa" and no desk, a loveseat a sofa."""
        written = {form for word in own for form in word_forms(word)}
        others = [term for term in terms if not term.same and self._count(term.words)]
        held = (term.text for term in others if written.issuperset(term.words))
        general = [(self._count(term.words), term.text) for term in others if term.general]
        return next(held, max(general)[1] if general else None)

    def _rarity(self, words: tuple[str, ...]) -> float:
        return sum(self.vocabulary.rarity(self._count((word,))) for word in words)

    def _find_having(self, word: str) -> NDArray[np.int64]:
        forms = word_forms(fold(word))
        return max((self.vocabulary.having(form) for form in forms), key=len)

    def _names(self, term: Term) -> bool:
        """Whether the shop names things by a term's words, in contrast to describing them."""
        words = (word_forms(word) for word in term.words if word != "s")
        return all(not self.vocabulary.own.keys().isdisjoint(forms) for forms in words)

    def _find_count(self, words: tuple[str, ...]) -> int:
        """How many products have all of some words; 0 where one is unknown."""
        found: NDArray[np.int64] | None = None
        for word in (word for word in words if word != "s"):  # Of "children's" texts keep none.
            having = self._having(word)
            if found is not None and found.size and having.size:
                having = np.intersect1d(found, having, assume_unique=True)
            elif found is not None:
                having = having[:0]
            found = having
        return 0 if found is None else len(found)

    def _shades(self, own: tuple[str, ...], name: Comparison | None) -> tuple[Term, ...]:
        """Other words for a colour or material: of the same shade, else of all that it may be."""
        same = [Term(each, folded_words(each), WEIGHT) for each in LEXICON.same_shade.get(own, ())]
        if name is None or any(self._count(term.words) for term in same):
            return tuple(same)
        phrases = LEXICON.named.get(f"{name.op} {name.column}", ())
        return tuple(Term(each, folded_words(each), WEIGHT) for each in phrases)

    def _find_told(
        self, prompt: str
    ) -> tuple[list[tuple[int, int]], list[_Told], list[tuple[int, int, bool]]]:
        """Rooms that a prompt (in Unicode's composed form) names, its words with synonyms, asides.

        Asides are as of :func:`furniture_prompter.understanding.prompts.asides`.
        """
        reading = Reading.of(prompt)
        pieces = list(self._furniture(reading))
        rooms = self._rooms(reading, pieces)
        aside = list(asides(reading, [(each.start, each.stop) for each in pieces]))
        pieces = [each for each in pieces if all(each.start != start for start, *_ in aside)]
        said = self._said(reading, rooms, pieces)
        return rooms, [_Told(*each, self._known_terms(each, each.own)) for each in said], aside

    def _said(
        self, reading: Reading, rooms: Sequence[tuple[int, int]], pieces: Sequence[_Said]
    ) -> Iterator[_Said]:
        at = 0
        while at < len(reading.tokens):
            name, length = LEXICON.names.longest(reading, at)
            own = reading.keys(at, at + max(length, 1))
            # Colours are told apart by shades, so only those that no product has are put otherwise.
            # A "lounge" pouf is no answer to a sofa for the living room.
            is_beside = name is not None and pieces and name.column in {"room", "style"}
            of_looks = not is_beside and (name is not None or own in LEXICON.same_shade)
            if of_looks and not self._count(own):
                yield _Said(at, at + len(own), self._shades(own, name), own)
            at += len(own)
        for found in pieces:
            if not any(start <= found.start and found.stop <= stop for start, stop in rooms):
                yield found

    def _furniture(self, reading: Reading) -> Iterator[_Said]:
        places = [at for at, token in enumerate(reading.tokens) if token.key.isalnum()]
        counted = {at: (called, count) for at, called, count in sofas(reading)}
        for found in self.thesaurus.find([reading.tokens[at].key for at in places]):
            start, stop = places[found.start], places[found.stop - 1] + 1
            own = tuple(filter(str.isalnum, reading.keys(start, stop)))
            concepts = found.concepts
            if stop - 1 in counted:
                called, count = counted[stop - 1]
                own, concepts = (*count, own[-1]), self.thesaurus.said_by(called)
            yield _Said(start, stop, tuple(term for each in concepts for term in each.terms), own)

    def _rooms(self, reading: Reading, pieces: Sequence[_Said]) -> list[tuple[int, int]]:
        """Rooms that bear the name of a piece: "yatak odası", a bedroom, asks for no "yatak"."""
        rooms = []
        for at in range(len(reading.tokens)):
            name, length = LEXICON.names.longest(reading, at)
            stop = at + length
            if (
                name is not None
                and name.column == "room"
                and any(
                    at <= piece.start and piece.stop <= stop and piece.stop - piece.start < length
                    for piece in pieces
                )
            ):
                rooms.append((at, stop))
        return rooms


class CatalogWords:
    """The words of a catalog version, read when the first prompt comes."""

    def __init__(
        self,
        reader: CatalogReader,
        own_thesaurus: Path | None,
        is_word: Callable[[str], bool] = lambda _: False,
        before: "CatalogWords | None" = None,
    ) -> None:
        """Take the version, a shop's own thesaurus, and what tells a word of a language.

        Args:
            reader: The version.
            own_thesaurus: File of the shop's own.
            is_word: See :class:`KnownWords`.
            before: Those of the version that `reader` was carried from, with the same settings.
        """
        self._is_word = is_word
        self._reader = reader
        self._own = own_thesaurus
        self._known: KnownWords | None = before._known if before is not None else None
        self._lock = asyncio.Lock()

    async def known(self) -> KnownWords:
        """The words.

        Raises:
            InvalidThesaurusError: the shop's thesaurus cannot be read.
            CatalogDamagedError: the catalog cannot.
        """
        vocabulary = await self._reader.vocabulary()
        if self._known is None or self._known.vocabulary is not vocabulary:
            async with self._lock:
                if self._known is None or self._known.vocabulary is not vocabulary:
                    brands = await self._brands()
                    self._known = await asyncio.to_thread(self._read, vocabulary, brands)
        return self._known

    async def _brands(self) -> set[str]:
        """Folded words of the most frequent brands."""
        if self._reader.filter_columns.get(_BRAND) != "text":
            return set()
        told = (await self._reader.facets(None, [_BRAND]))[_BRAND]
        names = (str(each.value) for each in told if isinstance(each, FacetValue))
        return {word for name in names for word in folded_words(name)}

    def _read(self, vocabulary: Vocabulary, brands: set[str]) -> KnownWords:
        synonyms = thesaurus(self._own)
        # "Home" of a brand says as much without it.
        brands -= LEXICON.words | synonyms.words | everyday_words()
        return KnownWords(vocabulary, synonyms, self._is_word, brands)


def as_written(text: str) -> Wording:
    """A text searched by nothing but its own words."""
    return Wording(text, KeywordQuery(text))
