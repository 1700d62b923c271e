"""Kinds of furniture that a prompt does not want: "sofa, not sofa bed", "orta sehpa değil"."""

from collections.abc import Iterator, Mapping
from typing import Final

from furniture_prompter.domain.query import Understood
from furniture_prompter.understanding.prompts import KIND
from furniture_prompter.understanding.thesaurus import folded_words, thesaurus

_MOST_CHARACTERS: Final = 900
"""Of one condition; the filter language takes 2,000 of all of them."""


def left_out(part: Understood, wanted: str, columns: Mapping[str, str]) -> list[str]:
    """A condition in the filter language that leaves out products of an unwanted kind.

    By their category and title, under all names of the kind. Of a kind that the wanted one's name
    holds ("sofa bed, not bed") only what has it for its whole category goes.

    Args:
        part: What is not wanted.
        wanted: The words that are.
        columns: The catalog's columns with their types.

    Returns:
        One condition; empty where the part names no kind of furniture.
    """
    said = thesaurus().said_by(folded_words(str(part.value))) if part.column == KIND else ()
    if not said:
        return []
    pieces = list(thesaurus().find(folded_words(wanted)))
    asked = {folded_words(wanted)[found.start : found.stop] for found in pieces}
    known = {concept.name for found in pieces for concept in found.concepts}
    names = {str(part.value).lower()}
    for concept in said:
        own = {term.text for term in concept.terms if term.same}
        # "Koltuk" leads to sofas; whoever wants a sofa and no "koltuk" wants all that sofas are.
        if concept.name not in known and folded_words(str(part.value)) in map(folded_words, own):
            names |= own
    texts = [name for name in ("category", "title") if columns.get(name) == "text"]
    for terms in (sorted(names, key=len), [str(part.value).lower()]):
        conditions = []
        for column in texts:
            patterns = [each for term in terms for each in _patterns(term, asked, column)]
            if patterns:
                alike = " or ".join(f"{column} like '{each}'" for each in dict.fromkeys(patterns))
                conditions.append(f"({column} is null or not ({alike}))")
        condition = " and ".join(conditions)
        if len(condition) <= _MOST_CHARACTERS:
            break
    return [condition] if condition else []


def _patterns(term: str, asked: set[tuple[str, ...]], column: str) -> Iterator[str]:
    """Patterns of `like` for a name: "sofa bed" is "sofa-bed" as well, "bed" no "bedside"."""
    words = folded_words(term)
    plain = "_".join(word for word in term.replace("-", " ").split() if word.isalpha())
    if any({*words} <= {*phrase} for phrase in asked):
        if column == "category":
            yield plain
    elif len(words) > 1:
        yield from (f"{plain}%", f"%_{plain}%")
    else:
        yield from (f"{plain}{end}" for end in ("", "s"))
        yield from (f"% {plain}{end}" for end in ("", "s"))
        if column == "title":
            yield from (f"% {plain} %", f"{plain} %", f"% {plain},%")
