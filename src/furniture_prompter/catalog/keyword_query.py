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
    """

    words: str
    beside: tuple[Beside, ...] = ()
    quiet: str = ""
    known_share: float = 1.0
    barred: NDArray[np.int64] | None = None


def any_word(words: str) -> MatchQuery:
    """Ask the keyword index for rows that have any of some words."""
    return _match(words, 1.0, FullTextOperator.OR)


def full_text_query(asked: KeywordQuery, language: str, folding: int) -> FullTextQuery | None:
    """A keyword query as LanceDB takes it; None where there is no word in it.

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
        _match(lemmas, each.weight, FullTextOperator.AND)
        for each in asked.beside[:_MOST_BESIDE]
        if (lemmas := _lemmas(each.words, language, folding))
    ]
    if not loud and not beside:
        return any_word(" ".join(quiet)) if quiet else None
    bringing: list[FullTextQuery] = [any_word(" ".join(loud))] if loud else []
    bringing += beside
    wanted = bringing[0] if len(bringing) == 1 else _any(bringing)
    if not quiet:
        return wanted
    return BooleanQuery([(Occur.MUST, wanted), (Occur.SHOULD, any_word(" ".join(quiet)))])


@lru_cache(maxsize=_REMEMBERED)
def _lemmas(words: str, language: str, folding: int) -> str:
    """Of synonyms: a thesaurus has the same few thousand for every prompt."""
    return keyword_lemmas(words, language, folding)


def _any(queries: list[FullTextQuery]) -> BooleanQuery:
    return BooleanQuery([(Occur.SHOULD, each) for each in queries])


def _match(words: str, boost: float, operator: FullTextOperator) -> MatchQuery:
    return MatchQuery(
        words,
        WORDS,
        boost=boost,
        fuzziness=0,
        max_expansions=50,
        operator=operator,
        prefix_length=0,
        document_granularity=None,
    )
