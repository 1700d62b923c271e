"""Kinds of furniture that a prompt does not want: "sofa, not sofa bed", "orta sehpa değil"."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import product
from typing import Final

from furniture_prompter.domain.query import Understood
from furniture_prompter.understanding.prompts import KIND
from furniture_prompter.understanding.thesaurus import Concept, folded_words, thesaurus
from furniture_prompter.understanding.word_forms import word_forms

_SPELLED: Final = {"a": "aâ", "c": "cç", "g": "gğ", "i": "iıİî", "o": "oö", "s": "sş", "u": "uüû"}
"""Letters that fold alike."""


def left_out(part: Understood, wanted: str, columns: Mapping[str, str]) -> list[str]:
    """Conditions in LanceDB's SQL that leave out products of an unwanted kind.

    By their category and title, under all names of the kind. Of a kind that the wanted one's name
    holds ("sofa bed, not bed") only what has it for its whole category goes.

    Args:
        part: What is not wanted.
        wanted: The words that are.
        columns: The catalog's columns with their types.

    Returns:
        Conditions that hold together; none where the part names no kind of furniture.
    """
    unwanted = folded_words(str(part.value))
    said = thesaurus().said_by(unwanted) if part.column == KIND else ()
    if not said:
        return []
    words = folded_words(wanted)
    pieces = list(thesaurus().find(words))
    # "Koltuk" leads to sofas; whoever wants a sofa and no "koltuk" wants all that sofas are.
    # Who wants a "koltuk", which is an armchair too, and no sofa does not.
    known = {found.concepts[0].name for found in pieces if len(found.concepts) == 1}
    known |= {each.name for found in pieces for each in found.concepts if len(said) > 1}
    forms = {*product(*map(word_forms, unwanted))}
    gone = [
        concept
        for concept in said
        if concept.name not in known
        and (not pieces or any(term.same and term.words in forms for term in concept.terms))
    ]
    led_to = {concept.name for found in pieces for concept in found.concepts}
    gone += [each for one in gone for each in _sorts_of(one) if each.name not in led_to]
    names = {term.text for concept in gone for term in concept.terms if term.same}
    names |= {" ".join(str(part.value).lower().split()), *_singular(str(part.value))}
    asked = {words[found.start : found.stop] for found in pieces}
    # Nor does "köşe koltuk, kanepe olmasın" speak of what is a "köşe kanepe".
    kept = [each for found in pieces for each in found.concepts if each not in gone]
    asked |= {term.words for each in kept for term in each.terms if term.same}
    # One expression of all names: a hundred patterns of `LIKE` take a hundred times as long.
    return [
        f"({column} IS NULL OR NOT regexp_like({column}, '{'|'.join(patterns)}', 'i'))"
        for column in ("category", "title")
        if columns.get(column) == "text"
        and (patterns := dict.fromkeys(_patterns(sorted(names), asked, column)))
    ]


def _sorts_of(kind: Concept) -> list[Concept]:
    """Kinds that are of a kind: whoever wants no sofa wants no sofa bed, nor a loveseat."""
    own = {term.words for term in kind.terms if term.same}
    beside = {term.words for term in kind.terms if not term.same}
    sorts = []
    for each in thesaurus().concepts.values():
        names = [term.words for term in each.terms if term.same]
        is_sort = any(term.general and term.words in own for term in each.terms)
        ends_so = any(words[-len(end) :] == end for words in names for end in own)
        if each is not kind and (is_sort or (ends_so and beside.issuperset(names))):
            sorts.append(each)
    return sorts


def _singular(said: str) -> Iterator[str]:
    """A plural's other form: who wants no "recliners" wants no recliner."""
    *before, last = said.lower().split()
    if last.endswith("s") and last[:-1] in word_forms(last):
        yield " ".join([*before, last[:-1]])


def _patterns(
    names: Iterable[str], asked: Collection[tuple[str, ...]], column: str
) -> Iterator[str]:
    """Expressions for names: "sofa bed" is "sofa-bed" as well, "bed" no "bedside"."""
    behind = "$" if column == "category" else "(?:$|[ ,])"
    for words in map(folded_words, names):
        plain = ".".join("".join(map(_spelled, word)) for word in words)
        if any({*words} <= {*phrase} for phrase in asked):
            if column == "category":
                yield f"^{plain}$"
        elif len(words) > 1:
            yield rf"\b{plain}"
        else:
            yield f"(?:^| ){plain}(?:s|ler|lar)?{behind}"


def _spelled(letter: str) -> str:
    return f"[{_SPELLED[letter]}]" if letter in _SPELLED else letter
