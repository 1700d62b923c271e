"""The furniture thesaurus: which words mean the same piece, read from ``thesaurus.toml``.

A shop adds concepts of its own in a file of the same form; one that bears the name of a built-in
concept takes its place.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.resources import files
from itertools import product
from pathlib import Path
from threading import RLock
from typing import Any, Final, NamedTuple

from furniture_prompter.errors import InvalidThesaurusError
from furniture_prompter.understanding.lexicon import fold_letters
from furniture_prompter.understanding.word_forms import word_forms

WEIGHT: Final = 0.7
ALSO_WEIGHT: Final = 0.3

_LIMIT_BYTES: Final = 2_000_000
_MOST_WORDS: Final = 5
_LANGUAGE: Final = re.compile(r"[a-z]{2}")
_LETTERS: Final = re.compile(r"[^\W_]+")
_LINE: Final = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")


class Term(NamedTuple):
    """A word or phrase that says a concept.

    Attributes:
        text: As it is written in the thesaurus.
        words: Its folded words.
        weight: Beside the words as written, above 0 to 1.
        same: Whether it says the concept itself, and not what is shown as well.
        general: Whether the concept is a kind of what it says, as a loveseat is a sofa.
    """

    text: str
    words: tuple[str, ...]
    weight: float
    same: bool = True
    general: bool = False


@dataclass(frozen=True, slots=True)
class Concept:
    """A kind of furniture.

    Attributes:
        name: Its name in the thesaurus.
        terms: What says it, those of `also` behind.
        asked: Folded phrases that lead to it.
        names: The usual term of each language.
    """

    name: str
    terms: tuple[Term, ...]
    asked: tuple[tuple[str, ...], ...]
    names: tuple[tuple[str, str], ...] = ()

    def name_in(self, language: str) -> str:
        """What it is called in a language; in another where its terms have none of that."""
        known = dict(self.names)
        return known.get(language) or next(iter(known.values()), self.name)


@dataclass(frozen=True, slots=True)
class Found:
    """A concept that some words of a prompt say.

    Attributes:
        start: The first word's place.
        stop: Behind the last.
        concepts: One, or several where the words mean several things.
    """

    start: int
    stop: int
    concepts: tuple[Concept, ...]


def folded_words(text: str) -> tuple[str, ...]:
    """The words of a text, folded as understanding folds."""
    return tuple(_LETTERS.findall(fold_letters(text)))


@dataclass(frozen=True, slots=True)
class Thesaurus:
    """Concepts by the phrases that lead to them.

    Attributes:
        concepts: By name.
        words: Every folded word of every phrase.
    """

    concepts: Mapping[str, Concept]
    words: frozenset[str]
    _led: Mapping[tuple[str, ...], tuple[Concept, ...]] = field(repr=False)
    _firsts: frozenset[str] = field(repr=False)

    @classmethod
    def of(cls, concepts: Mapping[str, Concept]) -> "Thesaurus":
        """Index some concepts."""
        led: dict[tuple[str, ...], list[Concept]] = {}
        for concept in concepts.values():
            own = (term.words for term in concept.terms if term.same)
            for phrase in (*own, *concept.asked):
                for spelled in _spellings(phrase):
                    known = led.setdefault(spelled, [])
                    if concept not in known:
                        known.append(concept)
        words = frozenset(
            word for each in concepts.values() for phrase in _phrases(each) for word in phrase
        )
        table = {phrase: tuple(each) for phrase, each in led.items()}
        return cls(concepts, words, table, frozenset(phrase[0] for phrase in table))

    def find(self, words: Sequence[str]) -> Iterator[Found]:
        """Concepts that folded words of a prompt say, the longest phrases first at each place."""
        at = 0
        while at < len(words):
            forms = word_forms(words[at])
            stop = at + 1
            if not self._firsts.isdisjoint(forms):
                for length in range(min(_MOST_WORDS, len(words) - at), 0, -1):
                    concepts = self.said_by(words[at : at + length])
                    if concepts:
                        stop = at + length
                        yield Found(at, stop, concepts)
                        break
            at = stop

    def kind(self, text: str) -> str:
        """The piece of furniture that a title names, its last one; empty where it names none."""
        *_, last = ("", *(found.concepts[0].name for found in self.find(folded_words(text))))
        return last

    def said_by(self, words: Sequence[str]) -> tuple[Concept, ...]:
        """Concepts that folded words say, all of them together; empty where they say none."""
        # The word as it stands comes before what it may be a form of.
        for spelled in product(*map(word_forms, words)):
            if spelled in self._led:
                return self._led[spelled]
        return ()


def _phrases(concept: Concept) -> Iterator[tuple[str, ...]]:
    yield from (term.words for term in concept.terms)
    yield from concept.asked


def _spellings(phrase: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """A phrase, and with its last word's stems: "çalışma masaları" is asked for as well."""
    for last in word_forms(phrase[-1]):
        yield (*phrase[:-1], last)


def thesaurus(own: Path | None = None) -> Thesaurus:
    """The built-in thesaurus, with a shop's own concepts.

    Args:
        own: The shop's file.

    Raises:
        InvalidThesaurusError: the file cannot be read, or a line of it is not of the form.
    """
    # The first search asks for it on two threads at once, and one would read it for nothing.
    with _READING:
        return _opened(own)


_READING: Final = RLock()


@cache
def _opened(own: Path | None) -> Thesaurus:
    if own is None:
        text = files(__package__).joinpath("thesaurus.toml").read_text("utf-8")
        return Thesaurus.of(_concepts(text, "thesaurus.toml", {}))
    built_in = thesaurus()
    try:
        with own.open("rb") as opened:
            data = opened.read(_LIMIT_BYTES + 1)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidThesaurusError(
            f"The thesaurus {own} is not UTF-8. Save it as UTF-8."
        ) from error
    except OSError as error:
        raise InvalidThesaurusError(
            f"The thesaurus {own} cannot be read ({error.strerror}). Check the path."
        ) from error
    if len(data) > _LIMIT_BYTES:
        raise InvalidThesaurusError(
            f"The thesaurus {own} is larger than {_LIMIT_BYTES:,} bytes. Keep what the shop sells."
        )
    added = _concepts(text, str(own), built_in.concepts)
    return Thesaurus.of({**built_in.concepts, **added})


def _concepts(text: str, name: str, known: Mapping[str, Concept]) -> dict[str, Concept]:
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _LINE.search(str(error))
        line = int(found[1]) if found and found[1] else text.count("\n") + 1
        reason = _LINE.sub("", str(error)).strip()
        raise _invalid(name, line, f"{reason}. Mend the line: sofa = {_EXAMPLE}") from error
    table = value.pop("concepts", None)
    if value or not isinstance(table, dict):
        line = _line_of(text, next(iter(value), ""))
        raise _invalid(name, line, f"Put concepts below a line [concepts]: sofa = {_EXAMPLE}")
    read = {
        key: _Read.of(entry, name, partial(_line_of, text, key)) for key, entry in table.items()
    }
    unknown = [
        (key, said, other)
        for key, entry in read.items()
        for said, others in (("also", entry.also), ("of", entry.general))
        for other in others
        if other not in read and other not in known
    ]
    for key, said, other in unknown:
        raise _invalid(
            name,
            _line_of(text, key),
            f"`{said}` of {key} names {other!r}, which is no concept. Name one of the file or a "
            "built-in one.",
        )
    return {key: _concept(key, entry, read, known) for key, entry in read.items()}


_OTHERS: Final = ("also", "of")
_EXAMPLE: Final = '{ en = ["sofa", "couch"], tr = ["kanepe"] }'


@dataclass(frozen=True, slots=True)
class _Read:
    terms: tuple[str, ...]
    asked: tuple[str, ...]
    also: tuple[str, ...]
    general: tuple[str, ...]
    weight: float
    also_weight: float
    names: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, entry: Any, name: str, line: Callable[[], int]) -> "_Read":
        if not isinstance(entry, dict):
            raise _invalid(name, line(), f"A concept is a table of lists. Write it as {_EXAMPLE}")
        weights = {"weight": WEIGHT, "also_weight": ALSO_WEIGHT}
        lists: dict[str, tuple[str, ...]] = {}
        for key, value in entry.items():
            if key in weights:
                if isinstance(value, bool) or not isinstance(value, int | float):
                    raise _invalid(name, line(), f"`{key}` is {value!r}. Give a number.")
                if not 0 < value <= 1:
                    raise _invalid(name, line(), f"`{key}` is {value}. Give more than 0, up to 1.")
                weights[key] = float(value)
            elif key in {"asked", *_OTHERS} or _LANGUAGE.fullmatch(key):
                lists[key] = _texts(key, value, name, line)
            else:
                raise _invalid(
                    name,
                    line(),
                    f"There is no key {key!r}. Use a language of two letters, asked, also, of, "
                    "weight or also_weight.",
                )
        asked, also, general = (lists.pop(key, ()) for key in ("asked", *_OTHERS))
        terms = tuple(text for texts in lists.values() for text in texts)
        if not terms:
            raise _invalid(name, line(), 'The concept has no term. Give it one: en = ["sofa"]')
        names = tuple((language, texts[0]) for language, texts in lists.items() if texts)
        return cls(terms, asked, also, general, weights["weight"], weights["also_weight"], names)


def _texts(key: str, value: Any, name: str, line: Callable[[], int]) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise _invalid(name, line(), f'`{key}` is no list of texts. Write {key} = ["…", "…"]')
    for text in value if key not in _OTHERS else ():
        if not 1 <= len(folded_words(text)) <= _MOST_WORDS:
            raise _invalid(
                name,
                line(),
                f"The term {text!r} has no word, or more than {_MOST_WORDS}. Shorten it.",
            )
    return tuple(value)


def _concept(
    key: str, entry: _Read, read: Mapping[str, _Read], known: Mapping[str, Concept]
) -> Concept:
    own = [Term(text, folded_words(text), entry.weight) for text in entry.terms]
    for other in dict.fromkeys((*entry.general, *entry.also)):
        texts: Iterable[str] = (
            read[other].terms
            if other in read
            else (term.text for term in known[other].terms if term.same)
        )
        is_general = other in entry.general
        own += [
            Term(text, folded_words(text), entry.also_weight, same=False, general=is_general)
            for text in texts
        ]
    return Concept(key, tuple(own), tuple(map(folded_words, entry.asked)), entry.names)


def _line_of(text: str, key: str) -> int:
    """The line on which a key is set; 1 where that cannot be told."""
    starts = (f"{key} ", f"{key}=", f'"{key}"', f"'{key}'", f"[{key}]", f"[concepts.{key}]")
    lines = (number for number, line in enumerate(text.splitlines(), 1) if line.startswith(starts))
    return next(lines, 1) if key else 1


def _invalid(name: str, line: int, what: str) -> InvalidThesaurusError:
    return InvalidThesaurusError(f"The thesaurus {name}, line {line}: {what}")
