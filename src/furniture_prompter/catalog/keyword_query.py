"""What the keyword index is asked: words that bring products, words beside them, and digits."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from lancedb.query import BooleanQuery, FullTextOperator, FullTextQuery, MatchQuery, Occur
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import WORDS
from furniture_prompter.catalog.keywords import keyword_lemmas, keyword_text

_MOST_BESIDE: Final = 32
_REMEMBERED: Final = 8_192


@dataclass(frozen=True, slots=True)
class Beside:
    """Words that say the same as some of the prompt.

    Attributes:
        words: All of them must be there.
        weight: Against words of the prompt itself.
    """

    words: str
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class KeywordQuery:
    """Words of a prompt.

    Attributes:
        words: The prompt's own; any of them brings a product.
        beside: What brings products as well.
        quiet: Words that rank what others bring, as numbers always do: "50" alone is no reason
            for a radiator, unless nothing else was asked for.
        known_share: Share of the words that the catalog can answer, itself or by what stands
            beside them; what keywords say counts by it.
        barred: Numbers of products that the words must not bring, rising; None for none.
        named: Numbers of products that a code among the words names, rising; None for none.
    """

    words: str
    beside: tuple[Beside, ...] = ()
    quiet: str = ""
    known_share: float = 1.0
    barred: NDArray[np.int64] | None = None
    named: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """Words in the index's own forms.

    Attributes:
        words: With spaces between.
        weight: Of their score.
        together: Whether a product needs all of them; else any does.
    """

    words: str
    weight: float = 1.0
    together: bool = False

    def query(self) -> MatchQuery:
        """The same as LanceDB takes it."""
        operator = FullTextOperator.AND if self.together else FullTextOperator.OR
        return MatchQuery(
            self.words,
            WORDS,
            boost=self.weight,
            fuzziness=0,
            max_expansions=50,
            operator=operator,
            prefix_length=0,
            document_granularity=None,
        )


@dataclass(frozen=True, slots=True)
class KeywordParts:
    """What a keyword query asks of the index; a product's score is the sum over all that it has.

    Attributes:
        bringing: Any of these brings a product; at least one.
        ranking: These add to the score of what the others bring.
    """

    bringing: tuple[Match, ...]
    ranking: tuple[Match, ...] = ()

    def query(self) -> FullTextQuery:
        """The same as LanceDB takes it."""
        wanted = _any(self.bringing)
        if not self.ranking:
            return wanted
        return BooleanQuery([(Occur.MUST, wanted), (Occur.SHOULD, _any(self.ranking))])


def parts_of(asked: KeywordQuery, language: str, folding: int) -> KeywordParts | None:
    """A keyword query taken apart; None where there is no word in it.

    Args:
        asked: The words.
        language: The catalog's.
        folding: The catalog's.
    """
    words = dict.fromkeys(keyword_text(asked.words, language, folding).split())
    held_back = set(keyword_text(asked.quiet, language, folding).split())
    quiet = [word for word in words if word[0].isdigit() or word in held_back]
    loud = [word for word in words if word not in set(quiet)]
    beside = [
        Match(lemmas, each.weight, together=True)
        for each in asked.beside[:_MOST_BESIDE]
        if (lemmas := _lemmas(each.words, language, folding))
    ]
    if not loud and not beside:
        return KeywordParts((Match(" ".join(quiet)),)) if quiet else None
    bringing = [*([Match(" ".join(loud))] if loud else []), *beside]
    return KeywordParts(tuple(bringing), (Match(" ".join(quiet)),) if quiet else ())


@lru_cache(maxsize=_REMEMBERED)
def _lemmas(words: str, language: str, folding: int) -> str:
    """Of synonyms: a thesaurus has the same few thousand for every prompt."""
    return keyword_lemmas(words, language, folding)


def _any(matches: tuple[Match, ...]) -> FullTextQuery:
    if len(matches) == 1:
        return matches[0].query()
    return BooleanQuery([(Occur.SHOULD, each.query()) for each in matches])
