"""What a prompt says beside what is wanted: what one has already, the room's size, small talk."""

import re
from collections.abc import Iterator
from typing import Final

from furniture_prompter.understanding.lexicon import LEXICON
from furniture_prompter.understanding.number_words import MONEY, number_word
from furniture_prompter.understanding.reading import Reading
from furniture_prompter.understanding.thesaurus import thesaurus
from furniture_prompter.understanding.word_forms import word_forms

_ROOM: Final = re.compile(r" (?:room|odası|office)\b")
_ROOM_AND_STYLE: Final = frozenset({"room", "style"})
_STOPS: Final = frozenset({",", ".", ";", "!", "?", ":", "(", ")"})
_OWNERS: Final = frozenset({"i", "we", "you"})
_HAVING: Final = frozenset({"have", "own", "got", "bought", "ve"})
_ADVERBS: Final = frozenset({"already", "just", "also", "currently", "both", "now", "got", "'"})
# "I have to", "we have no", "I have been": nothing that one has.
_NOT_HAD: Final = frozenset(
    {"to", "no", "not", "been", "room", "space", "any", "in", "some", "seen", "looked", "trouble"}
)
_GOING_ON: Final = frozenset(
    {"but", "so", "looking", "need", "needs", "want", "wants", "searching", "what", "which", "now"}
)
_WANTING: Final = frozenset({"i", "we", "need", "want", "looking", "am", "are", "would", "now"})
_MONEY: Final = MONEY | {"budget", "butce", "butcem", "butcemiz"}
_ABOUT_A_SUM: Final = frozenset({"a", "about", "around", "only", "up", "to", "max", "small"})
_ASKING: Final = frozenset({"mi", "mu"})
_TOLD_OF_ROOMS: Final = frozenset(
    {
        *("is", "of", "measures", "which", "it", "that", "quite", "very", "rather", "only"),
        *(
            "around",
            "approximately",
            "small",
            "large",
            "big",
            "tiny",
            ",",
            "its",
            "size",
            "a",
            "about",
        ),
        *("boyutu", "boyutlari", "olculeri", "yaklasik", "kucuk", "buyuk", "toplam", "bir", ":"),
        *("cok", "biraz", "epey", "oldukca"),
    }
)
_BEING: Final = frozenset({"is", "measures"})
_ACROSS: Final = frozenset({"wide", "long", "deep", "across"})
_SIDES: Final = frozenset({"genisligi", "eni", "boyu", "uzunlugu"})
_SUFFIXED: Final = frozenset({"lik", "luk", "size", "sized", "bir", "a", "'", "boyutunda"})
_MINE: Final = ("m", "muz", "miz")
_SAYING: Final = frozenset({"with", "without"})
_LEAST_ROOM: Final = 1.5
_MOST_ROOM: Final = 15.0


def read_surroundings(reading: Reading) -> tuple[str, ...]:
    """Take out of a prompt what one has already, and what is the size of a room.

    Returns:
        The words that were taken out, in the prompt's order; lifted ones stay.
    """
    found = [*_possessions(reading), *_room_sizes(reading)]
    told = []
    for start, stop in sorted(found):
        text = reading.text(start, stop)
        if text not in reading.lifted and reading.taken.isdisjoint(range(start, stop)):
            reading.taken.update(range(start, stop))
            told.append(text)
    return tuple(told)


def is_of_a_room(reading: Reading, at: int, *, is_size: bool = False) -> bool:
    """Whether what stands at a place is said of a room: "the room is quite | small"."""
    before = at
    while reading.key(before - 1) in _TOLD_OF_ROOMS:
        before -= 1
    # "Rug for hallway, narrow" is a narrow rug; "odam dar" is a room.
    is_linked = is_size and before < at
    is_linked = is_linked or not _BEING.isdisjoint(reading.keys(before, at))
    return (is_linked or reading.key(before - 1).endswith(_MINE)) and _room_before(reading, before)


def courtesies(reading: Reading) -> Iterator[int]:
    """Places of words that say nothing of a piece: greetings, thanks, "I am looking for a"."""
    for at, token in enumerate(reading.tokens):
        is_small = token.key in LEXICON.small_words and token.key not in _SAYING
        if is_small or token.key in LEXICON.courtesies:
            yield at


def beside_a_piece(reading: Reading) -> Iterator[str]:
    """Words that say where and how a piece is to be, and not which: rooms, styles, small talk.

    Rooms by their other names as well: what is for a balcony is of the garden.
    """
    yield from map(reading.key, courtesies(reading))
    at = 0
    while at < len(reading.tokens):
        name, length = LEXICON.names.longest(reading, at)
        if name is not None and name.column in _ROOM_AND_STYLE:
            yield reading.text(at, at + length)
            if name.column == "room":
                others = LEXICON.named.get(f"{name.op} {name.column}", ())
                # "Room" itself says nothing of which.
                yield from (_ROOM.sub("", each) for each in others)
        at += max(length, 1)


def _possessions(reading: Reading) -> Iterator[tuple[int, int]]:
    """Clauses such as "we have a grey sofa" and "evde gri kanepe var", where more is said."""
    for at in range(len(reading.tokens)):
        clause = _had_in_english(reading, at) or _had_in_turkish(reading, at)
        if clause is None:
            continue
        start, stop = clause
        others = (*range(start), *range(stop, len(reading.tokens)))
        if _names_a_piece(reading, range(start, stop)) and _names_a_piece(reading, others):
            yield clause


def _had_in_english(reading: Reading, at: int) -> tuple[int, int] | None:
    if reading.key(at) not in _OWNERS:
        return None
    have = at + 1
    while reading.key(have) in _ADVERBS:
        have += 1
    begin = have + 1
    while reading.key(begin) in _ADVERBS:
        begin += 1
    if reading.key(have) not in _HAVING or reading.key(begin) in _NOT_HAD:
        return None
    if _is_money(reading, begin):
        return None
    stop = begin
    while stop < len(reading.tokens) and reading.key(stop) not in {*_STOPS, *_GOING_ON}:
        if reading.key(stop) == "and" and reading.key(stop + 1) in _WANTING:
            break
        stop += 1
    return at, stop


def _had_in_turkish(reading: Reading, at: int) -> tuple[int, int] | None:
    if reading.key(at) != "var" or reading.key(at + 1) in _ASKING:
        return None
    start = at
    while start > 0 and reading.key(start - 1) not in _STOPS:
        start -= 1
    last = at - (reading.key(at - 1) in _MONEY)
    is_price = _is_unit_of_price(reading, last - 1) or is_thousand(reading, last - 1)
    return None if is_price or last < at else (start, at + 1)


def _is_money(reading: Reading, at: int) -> bool:
    """Whether a budget or a sum begins at a place: "a budget of", "about 500 euros"."""
    while reading.key(at) in _ABOUT_A_SUM or reading.key(at) in LEXICON.currency_signs:
        at += 1
    if reading.key(at) in _MONEY:
        # "A budget sofa" is a piece.
        return reading.key(at + 1) in {"of", "for", "is"} or not reading.key(at + 1).isalpha()
    if not reading.key(at)[:1].isdigit():
        return False
    behind = at + 1 + (reading.key(at + 1) in LEXICON.thousands)
    is_signed = reading.key(at - 1) in LEXICON.currency_signs
    return is_signed or behind > at + 1 or _is_unit_of_price(reading, behind)


def _is_unit_of_price(reading: Reading, at: int) -> bool:
    unit = LEXICON.unit(reading.key(at))
    return unit is not None and unit[0] == "price"


def is_thousand(reading: Reading, at: int) -> bool:
    """Whether a word is Turkish for a thousand, as in "15 bin", and no waste bin."""
    before = reading.key(at - 1)
    is_counted = before[:1].isdigit() or number_word(before) is not None
    return is_counted and reading.key(at) in LEXICON.thousands


def _names_a_piece(reading: Reading, places: range | tuple[int, ...]) -> bool:
    keys = [
        reading.key(at)
        for at in places
        if reading.key(at).isalpha() and not is_thousand(reading, at)
    ]
    # "Koltuğum", "kanepemiz": mine and ours.
    plain = [key.removesuffix("iz").removesuffix("uz") for key in keys]
    mine = [key[:-1] for key in plain if key.endswith("m")]
    return any(True for _ in thesaurus().find(keys)) or any(
        thesaurus().said_by((form,)) for key in mine for form in word_forms(key)
    )


def _room_sizes(reading: Reading) -> Iterator[tuple[int, int]]:
    """Sides in metres that are a room's: "the room is 3 by 4 metres", "3x4 metrelik salona"."""
    for at, token in enumerate(reading.tokens):
        sides = [at]
        if not token.is_number or reading.key(at - 1) in LEXICON.times:
            continue
        stop = at + 1
        while True:
            stop += reading.key(stop) == "m" and reading.key(stop + 1) in LEXICON.times
            if reading.key(stop) in LEXICON.times and _is_side(reading, stop + 1):
                sides.append(stop + 1)
                stop += 2
                continue
            break
        unit = LEXICON.unit(reading.key(stop))
        is_square = reading.key(stop) in {"m", "metrekare", "sqm"} and reading.key(stop + 1) == "2"
        if unit != ("length", 100.0, False) or is_square:
            continue
        if len(sides) < 2:
            if _is_side(reading, at) and (end := _one_side_of_a_room(reading, at, stop + 1)):
                yield at, end
            continue
        if not all(_is_side(reading, side) for side in sides):
            continue
        stop += 1
        while reading.key(stop) in _SUFFIXED:
            stop += 1
        behind = _room_from(reading, stop)
        if is_of_a_room(reading, at, is_size=True):
            begin = at
            while reading.key(begin - 1) in LEXICON.fillers_left | {"about", "around", "yaklasik"}:
                begin -= 1
            yield begin, stop
        elif behind and not _is_piece(reading, stop + behind):
            yield at, stop


def _one_side_of_a_room(reading: Reading, at: int, stop: int) -> int:
    """Behind one side of a room: "the room is | 4 m wide", "odamın eni | 4 metre"; 0 for none."""
    if reading.key(at - 1) in _BEING and reading.key(stop) in _ACROSS:
        return stop + 1 if _room_before(reading, at - 1) else 0
    room = reading.key(at - 2)
    if reading.key(at - 1) in _SIDES and room.endswith(("in", "un")):
        room = room.removesuffix("in").removesuffix("un").removesuffix("n")
        return stop if any(form in LEXICON.rooms for form in word_forms(room)) else 0
    return 0


def _is_side(reading: Reading, at: int) -> bool:
    text = reading.key(at).replace(",", ".")
    return text.replace(".", "", 1).isdecimal() and _LEAST_ROOM <= float(text) <= _MOST_ROOM


def _room_from(reading: Reading, at: int) -> int:
    """How many words name a room from a place on."""
    name, length = LEXICON.names.longest(reading, at)
    if name is not None and name.column == "room":
        return length
    return int(any(form in LEXICON.rooms for form in word_forms(reading.key(at))))


def _room_before(reading: Reading, at: int) -> bool:
    name, _ = LEXICON.names.longest_before(reading, at)
    if name is not None and name.column == "room":
        return True
    return any(form in LEXICON.rooms for form in word_forms(reading.key(at - 1)))


def _is_piece(reading: Reading, at: int) -> bool:
    return bool(thesaurus().said_by((reading.key(at),))) if reading.key(at).isalpha() else False
