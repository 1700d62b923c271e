"""Counts of a prompt: seats, drawers and what else is counted."""

from collections.abc import Iterator
from typing import Final

from furniture_prompter.domain.query import Operator, Understood
from furniture_prompter.understanding.lexicon import LEXICON
from furniture_prompter.understanding.reading import Reading
from furniture_prompter.understanding.word_forms import word_forms

_TWO: Final = 2
_MOST_COUNTED: Final = 30.0
_SEATERS: Final = frozenset({"seater", "seaters"})
_COUNTING: Final = _SEATERS.union(LEXICON.seat_words, LEXICON.number_words, LEXICON.small_words)
_DIGITS: Final = frozenset("123456789")


def read_sets_of_seats(reading: Reading) -> None:
    """Note the seats of what is sold together, "3+2+1 koltuk takımı", added up as in feeds."""
    at = 0
    while at < len(reading.tokens):
        stop = at + 1
        if reading.key(at) in _DIGITS:
            while reading.key(stop) == "+" and reading.key(stop + 1) in _DIGITS:
                stop += 2
        beside = (*reading.keys(at - 3, at), *reading.keys(stop, stop + 3))
        if (
            stop > at + 1
            and reading.key(at - 1) != "+" != reading.key(stop)
            # "1+1 daire" is a flat of one room.
            and reading.key(stop) not in LEXICON.flats
            and any(word in LEXICON.sold_together for word in beside)
        ):
            seats = sum(int(key) for key in reading.keys(at, stop) if key in _DIGITS)
            _add_count(reading, at, stop, "seats", float(seats), None)
        at = stop


def read_counts(reading: Reading) -> None:
    """Note counts of seats, drawers and the like."""
    for at in range(len(reading.tokens)):
        value = _count_at(reading, at)
        if (
            at in reading.counted
            or value is None
            or (reading.glued(at) and reading.key(at - 1).isalpha())
        ):
            continue
        high, stop = None, at + 1
        if reading.key(at + 1) in LEXICON.range_joints:
            high = _count_at(reading, at + 2)
            stop = at + 3 if high is not None else stop
        if reading.key(stop) == "-":
            stop += 1
        for column, words in LEXICON.counted.items():
            if reading.key(stop) in words:
                least, length = LEXICON.left.longest_before(reading, at)
                if column == "seats" and least is not None and least.op in {">", ">="}:
                    at, high = at - length, _MOST_COUNTED
                _add_count(reading, at, stop + 1, column, value, high)
                break
        else:
            before = LEXICON.before_count.longest_before(reading, at)[1]
            behind = reading.key(stop)
            if before and (behind in LEXICON.persons or behind in LEXICON.ends):
                _add_count(reading, at - before, stop, "seats", value, high)
    alone = kind_by_seats(reading) != ""
    for at, token in enumerate(reading.tokens):
        stem = token.key
        seats = LEXICON.seat_words.get(stem)
        start = at
        if stem in LEXICON.suffixes_li:
            start = at - 1 - (reading.key(at - 1) in {"'", "’"})
            glued = all(reading.glued(place) for place in range(start + 1, at + 1))
            glued = glued or (start == at - 1 and reading.key(start).isdecimal())
            seats = _count_at(reading, start) if glued else None
        # "Koltuk tekli", as one speaks, is a "tekli koltuk".
        beside = (*reading.keys(at - 3, at), *reading.keys(at + 1, at + 3))
        sits = alone or any(word in LEXICON.seating for word in beside)
        if seats is not None and sits:
            _add_count(reading, start, at + 1, "seats", seats, None)


def sofas(reading: Reading) -> Iterator[tuple[int, tuple[str, ...], tuple[str, ...]]]:
    """Turkish "koltuk" for several, which are sofas: "3 kişilik koltuk", "ikili gri koltuk".

    Yields:
        The place of each, what it is called otherwise, and the words of its count.
    """
    if not any(token.key.startswith("koltu") for token in reading.tokens):
        return
    counting = Reading(reading.prompt, reading.tokens)
    read_counts(counting)
    for start, part in counting.parts:
        stop = start
        while stop in counting.counted:
            stop += 1
        count = counting.keys(start, stop)
        while stop < len(reading.tokens) and (
            reading.tokens[stop].key == "oturabilen" or LEXICON.is_quality(reading.tokens[stop])
        ):
            stop += 1
        is_koltuk = "koltuk" in word_forms(counting.key(stop))
        if is_koltuk and part.column == "seats" and float(part.value) > 1:
            yield stop, ("ikili", "koltuk") if part.value == _TWO else ("kanepe",), count


def kind_by_seats(reading: Reading) -> str:
    """What seats: of a prompt that counts seats and says no more; empty of others."""
    keys = [token.key for token in reading.tokens if token.key.isalnum()]
    turkish = any(key in LEXICON.seat_words for key in keys)
    if not all(key in _COUNTING or key.isdecimal() for key in keys):
        return ""
    return "koltuk" if turkish else "" if _SEATERS.isdisjoint(keys) else "sofa"


def _add_count(
    reading: Reading, start: int, stop: int, column: str, value: float, high: float | None
) -> None:
    op: Operator = "=" if high is None else "between"
    reading.add(start, stop, Understood("", column, op, value, "preference", high), take=False)
    reading.counted.update(range(start, stop))


def _count_at(reading: Reading, at: int) -> float | None:
    key = reading.key(at)
    if key.isdecimal() and 0 < float(key) <= _MOST_COUNTED:
        return float(key)
    return LEXICON.number_words.get(key)
