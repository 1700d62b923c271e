"""Prompts taken apart: what limits, what is preferred, what is not wanted, and the words that stay.

By rules and the words in ``lexicon.json``, in English and Turkish at once; no model. Text is folded
letter by letter (case, ``ı``, accents), so that places in the folded text are places in the prompt.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from furniture_prompter.domain.query import Operator, Understood
from furniture_prompter.understanding.counts import kind_by_seats, read_counts, read_sets_of_seats
from furniture_prompter.understanding.lexicon import LEXICON
from furniture_prompter.understanding.quantities import read_quantities
from furniture_prompter.understanding.reading import Reading
from furniture_prompter.understanding.surroundings import is_of_a_room, read_surroundings
from furniture_prompter.understanding.thesaurus import thesaurus
from furniture_prompter.understanding.word_forms import word_forms

_LONG: Final = frozenset({"long", "longer", "longest", "uzun"})
_MOST_WORDS_OF_A_PIECE: Final = 5
_NO_PIECES: Final = frozenset(
    {
        *("window", "windows", "wall", "family", "families", "dog", "dogs", "cat", "cats"),
        *("pencere", "duvar", "aile", "kopek", "kedi"),
    }
)
_BUT: Final = frozenset({"but", "other", "anything"})
_EITHER: Final = frozenset({("veya",), ("ya", "da")})
KIND: Final = "category"
"""The column of what is not wanted where that is a kind of furniture."""
IN_STOCK: Final = "in stock"
"""What a catalog's column `availability` says of what can be had."""
SALE_PRICE: Final = "sale_price"
"""The column in which what is reduced has a price."""


@dataclass(frozen=True, slots=True)
class Understanding:
    """A prompt taken apart.

    Attributes:
        rest: The words to search for.
        parts: What was understood, in the prompt's order.
        unsure: Ranges of numbers, left as words, that any of several columns may tell.
        beside: Words that say what one has already, or how large a room is, and ask for nothing.
    """

    rest: str
    parts: tuple[Understood, ...]
    unsure: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


def understand(
    prompt: str, lifted: Collection[str] = (), bare: Sequence[str] = ()
) -> Understanding:
    """Take a prompt apart.

    Args:
        prompt: What a shopper wrote, any length.
        lifted: Texts of what would be understood that are plain words this time.
        bare: Columns, of ``price`` and ``width_cm``, that may tell "120 ile 160 arası".

    Returns:
        What was understood, and the words that remain: those of colours, materials, counts, rooms
        and styles stay among them, for pictures and texts say them too; sizes, prices, negations
        and words such as ``cheap`` do not.
    """
    reading = Reading.of(prompt, lifted, bare)
    beside = read_surroundings(reading)
    read_sets_of_seats(reading)
    read_counts(reading)
    read_quantities(reading)
    _read_negations(reading)
    _read_offers(reading)
    _read_preferences(reading)
    _read_names(reading)
    parts = tuple(part for _, part in sorted(reading.parts, key=lambda each: each[0]))
    rest = _rest(reading)
    if any(part.column == "seats" or part.use == "without" for part in parts):
        # "Not a 3 seater" asks for something to sit on.
        rest = f"{rest} {kind_by_seats(reading)}".strip()
    return Understanding(rest, _without_repeats(parts), tuple(reading.unsure), beside)


def _read_negations(reading: Reading) -> None:
    for at in range(len(reading.tokens)):
        if at in reading.taken:
            continue
        _read_english_negation(reading, at)
        _read_turkish_negation(reading, at)


def _read_english_negation(reading: Reading, at: int) -> None:
    without, length = LEXICON.negations.longest(reading, at)
    # "Why not a grey sofa" wants one.
    if without is None or (reading.key(at - 1) == "why" and reading.key(at) == "not"):
        return
    begin = at + length
    if reading.key(begin) in {".", "-", ":", ""} and without.op != "non":
        return
    stop = begin
    while stop < len(reading.tokens) and reading.key(stop) in LEXICON.negation_fillers:
        stop += 1
    if _take_back_count(reading, at, stop, stop):
        return
    if without.op == "known" and _turn(reading, at, _past_degrees(reading, stop), 0):
        return
    first = stop
    while stop < len(reading.tokens) and LEXICON.is_quality(reading.tokens[stop]):
        stop += 1
    # "Not white chair" wants a chair, "not a coffee table" none; "without shelves" is of a part.
    # "We have no sofa" wants one.
    if stop == first and without.op == "no" and reading.key(at - 1) == "have":
        return
    of_kinds = without.op != "any" or reading.key(at) in _BUT
    piece = _piece_from(reading, first) if of_kinds else first
    if piece - first > 1 or (piece > first and stop == first):
        reading.add(at, piece, _without_kind(reading, first, piece), take=True)
        return
    if stop == first and without.op == "any":
        while stop < len(reading.tokens) and reading.key(stop) not in LEXICON.negation_ends:
            if not reading.key(stop):
                break
            # "without headboard oak": the oak is wanted.
            if stop > first and LEXICON.is_quality(reading.tokens[stop]):
                break
            stop += 1
    # "no drilling" at the end says the same; "no-nonsense desk" does not.
    if stop == first and without.op == "no" and _ends_with(reading, first):
        stop = first + 1
    if stop == first:
        return
    wanted = reading.text(first, stop)
    while reading.key(stop) in LEXICON.ones:
        stop += 1
    reading.add(at, stop, Understood("", "", "contains", wanted, "without"), take=True)
    # "not in grey or beige", "without arms and cushions": the second is not wanted either.
    if reading.key(stop) in {"or", "nor"}:
        second = stop + 1
        end = second
        while end < len(reading.tokens) and LEXICON.is_quality(reading.tokens[end]):
            end += 1
        if end > second:
            further = Understood("", "", "contains", reading.text(second, end), "without")
            reading.add(stop, end, further, take=True)


def _without_kind(reading: Reading, start: int, stop: int) -> Understood:
    return Understood("", KIND, "contains", reading.text(start, stop), "without")


def _piece_from(reading: Reading, at: int) -> int:
    """Behind the longest name of a piece that begins at a place; the place itself for none."""
    for stop in range(at + _MOST_WORDS_OF_A_PIECE, at, -1):
        keys = reading.keys(at, stop)
        if all(key.isalpha() for key in keys) and thesaurus().said_by(keys):
            return stop
    return at


def _piece_before(reading: Reading, at: int) -> int:
    """Where the longest name of a piece of furniture begins that ends before a place."""
    for start in range(at - _MOST_WORDS_OF_A_PIECE, at):
        keys = reading.keys(start, at)
        if all(key.isalpha() for key in keys) and thesaurus().said_by(keys):
            return start
    return at


def _read_turkish_negation(reading: Reading, at: int) -> None:
    token = reading.tokens[at]
    part = LEXICON.lacking(token)
    if part is not None:
        reading.add(at, at + 1, Understood("", "", "contains", part, "without"), take=True)
        return
    if _read_neither(reading, at):
        return
    _, length = LEXICON.negations_behind.longest(reading, at)
    if not length or not reading.key(at - 1).isalpha():
        return
    # "Çok pahalı bir şey olmasın" speaks of what is dear.
    while reading.key(at - 1) in LEXICON.somethings and reading.key(at - 2).isalpha():
        at, length = at - 1, length + 1
    start = at - 1
    counted = at
    while reading.key(counted - 1) in LEXICON.seating:
        counted -= 1
    while counted - 1 in reading.counted:
        counted -= 1
    if _take_back_count(reading, counted, counted, at + length):
        return
    if _turn(reading, start, start, length):
        return
    piece = _piece_before(reading, at)
    if piece < at and (at - piece > 1 or not reading.key(piece - 1).endswith(("li", "lu"))):
        reading.add(piece, at + length, _without_kind(reading, piece, at), take=True)
        return
    told = at
    # "beyaz renk olmayan": white is what is not wanted.
    if reading.key(start) in LEXICON.color_words and reading.key(start - 1).isalpha():
        start, told = start - 1, start
    before = reading.key(start - 1)
    attributive = reading.key(start).endswith(("li", "lu")) and before.isalpha()
    if attributive or before in LEXICON.shades:
        start -= 1
    wanted = Understood("", "", "contains", reading.text(start, told), "without")
    is_quality = LEXICON.is_quality(reading.tokens[start])
    reading.add(start, at + length, wanted, take=True)
    # "siyah veya kahverengi olmayan": the first is not wanted either.
    joint = next((n for n in (1, 2) if reading.keys(start - n, start) in _EITHER), 0)
    first = start - joint - 1
    if joint and is_quality and first >= 0 and LEXICON.is_quality(reading.tokens[first]):
        further = Understood("", "", "contains", reading.text(first, first + 1), "without")
        reading.add(first, start, further, take=True)


def _read_neither(reading: Reading, at: int) -> bool:
    """Note what "ne gri ne siyah" does not want, from its first "ne" on."""
    if (reading.key(at), reading.key(at + 2)) != ("ne", "ne") or not reading.key(at + 3):
        return False
    if not all(LEXICON.is_quality(reading.tokens[each]) for each in (at + 1, at + 3)):
        return False
    for start in (at, at + 2):
        said = reading.text(start + 1, start + 2)
        part = Understood("", "", "contains", said, "without")
        reading.add(start, start + 2, part, take=True)
    return True


def _take_back_count(reading: Reading, start: int, counted: int, stop: int) -> bool:
    """Note that a count is not wanted, of a piece that is: "not a 3 seater", "ikili koltuk değil".

    Args:
        reading: The prompt.
        start: Where what says so begins.
        counted: Where the count does.
        stop: Behind the negation that follows; where the count begins, for none.
    """
    end = counted
    while end in reading.counted:
        end += 1
    if end == counted:
        return False
    stop = max(stop, end)
    unwanted = Understood("", "", "contains", reading.text(counted, end), "without")
    if reading.text(start, stop) in reading.lifted:
        return True
    reading.parts = [each for each in reading.parts if not counted <= each[0] < end]
    reading.add(start, stop, unwanted, take=False)
    reading.taken.update(at for at in range(start, stop) if reading.key(at) not in LEXICON.seating)
    return True


def _turn(reading: Reading, start: int, at: int, behind: int) -> bool:
    """Note that an end of a range is not wanted, which is to want the other: "not too big".

    Args:
        reading: The prompt.
        start: Where the negation begins.
        at: Where the end of the range does.
        behind: Words of a negation that follows.
    """
    said, length = LEXICON.preferences.longest(reading, at)
    if said is None or reading.key(at + length) in said.unless_before:
        return False
    while start > 0 and reading.key(start - 1) in {*LEXICON.degrees, *LEXICON.nothings}:
        start -= 1
    op: Operator = "high" if said.op == "low" else "low"
    part = Understood("", said.column, op, op, "preference")
    reading.add(start, at + length + behind, part, take=True)
    return True


def _past_degrees(reading: Reading, at: int) -> int:
    while reading.key(at) in LEXICON.degrees:
        at += 1
    return at


def _ends_with(reading: Reading, at: int) -> bool:
    """Whether one word is left of a prompt, or of what stands before its next comma."""
    return reading.key(at).isalpha() and reading.key(at + 1) in {"", ",", ".", ";"}


def _read_offers(reading: Reading) -> None:
    """Take out what asks for pieces that can be had, or that are reduced."""
    in_stock = Understood("", "availability", "contains", IN_STOCK, "filter")
    on_sale = Understood("", SALE_PRICE, ">", 0.0, "filter")
    for phrases, part in ((LEXICON.in_stock, in_stock), (LEXICON.on_sale, on_sale)):
        for at in range(len(reading.tokens)):
            said, length = phrases.longest(reading, at)
            if said is None or reading.key(at + length) in said.unless_before:
                continue
            if not LEXICON.negations.longest_before(reading, at)[1]:
                reading.add(at, at + length, part, take=True)


def _read_preferences(reading: Reading) -> None:
    limited = {part.column for _, part in reading.parts if part.use == "filter"}
    at = 0
    while at < len(reading.tokens):
        comparison, length = LEXICON.preferences.longest(reading, at)
        if comparison is None:
            at += 1
            continue
        follows = reading.key(at + length)
        # "long legs", "sırtı yüksek": the part is long or high, and not the piece.
        of_part = LEXICON.is_limb(follows) or LEXICON.is_limb(reading.key(at - 1))
        of_part = of_part or (comparison.column != "price" and is_of_a_room(reading, at))
        of_part = of_part or _is_no_piece(reading, at + length)
        if follows not in comparison.unless_before and not of_part:
            op: Operator = "low" if comparison.op == "low" else "high"
            part = Understood("", comparison.column, op, comparison.op, "preference")
            if comparison.column in limited and comparison.column != "price":
                reading.taken.update(range(at, at + length))
            else:
                reading.add(at, at + length, part, take=True)
        at += length
    _tell_length_apart(reading)


def _is_no_piece(reading: Reading, at: int) -> bool:
    """Whether what is big or small is a window or a family, and not "big | window curtain"."""
    forms = {reading.key(at), *word_forms(reading.key(at))}
    return not forms.isdisjoint(_NO_PIECES) and not any(
        _piece_from(reading, place) > at + 1 for place in (at, at + 1)
    )


def _tell_length_apart(reading: Reading) -> None:
    """Of "narrow and long" the one is the width, and the other is not."""
    ends = {part.op for _, part in reading.parts if part.column == "width_cm"}
    if {"low", "high"} <= ends:
        reading.parts = [
            (start, replace(part, column="depth_cm"))
            if part.op == "high" and not _LONG.isdisjoint(part.text.lower().split())
            else (start, part)
            for start, part in reading.parts
        ]


def _read_names(reading: Reading) -> None:
    at = 0
    while at < len(reading.tokens):
        name, length = LEXICON.names.longest(reading, at)
        if name is None:
            at += 1
            continue
        column, value = name.column, name.op
        # "ceviz rengi" is a colour; what is so coloured may be of anything.
        if value in LEXICON.wood_colors and reading.key(at + length) in LEXICON.color_words:
            column, value, length = "base_colors", LEXICON.wood_colors[value], length + 1
        part = Understood("", column, "contains", value, "preference")
        reading.add(at, at + length, part, take=False)
        at += length


def _without_repeats(parts: Sequence[Understood]) -> tuple[Understood, ...]:
    kept: dict[tuple[object, ...], Understood] = {}
    for part in parts:
        kept.setdefault((part.column, part.op, part.value, part.use, part.high), part)
    return tuple(kept.values())


def _rest(reading: Reading) -> str:
    """What was not taken, in the prompt's own spacing, without joints that hang in the air."""
    kept = [at for at in range(len(reading.tokens)) if at not in reading.taken]
    if len(kept) == len(reading.tokens):
        return " ".join(reading.prompt.split())
    # "180 cm wide x 40 cm deep": what stood on both sides was taken.
    kept = [
        at
        for at in kept
        if not (reading.tokens[at].key in LEXICON.times and {at - 1, at + 1} <= reading.taken)
    ]
    while kept and _hangs(reading, kept[-1], LEXICON.hanging_last):
        kept.pop()
    while kept and _hangs(reading, kept[0], LEXICON.hanging_first):
        kept.pop(0)
    # A joint before a gap has lost what it joined.
    kept = [
        at
        for place, at in enumerate(kept)
        if not (
            place + 1 < len(kept)
            and kept[place + 1] > at + 1
            and _hangs(reading, at, LEXICON.hanging_last)
        )
    ]
    words: list[str] = []
    for place, at in enumerate(kept):
        token = reading.tokens[at]
        together = place > 0 and kept[place - 1] == at - 1 and reading.glued(at)
        text = reading.prompt[token.start : token.end]
        if (together or text in {",", "."}) and words:
            words[-1] += text
        else:
            words.append(text)
    return " ".join(words)


def _hangs(reading: Reading, at: int, words: Collection[str]) -> bool:
    key = reading.tokens[at].key
    return key in words or not (key.isalnum() or key[0].isdigit() or key in {'"', "%"})


_MOST_BETWEEN: Final = 6
_WITH: Final = frozenset({"with", "plus"})
_PLACES: Final = frozenset(
    {"for", "in", "on", "under", "over", "above", "behind", "beside", "near", "next"}
)
_PLACES_BEHIND: Final = frozenset(
    {
        *("icin", "yanina", "yani", "ustune", "ustu", "altina", "alti"),
        *("arkasina", "arkasi", "onune", "kenari"),
    }
)
_JOINTS: Final = frozenset({"and", "or", ",", "ve", "veya"})


def asides(reading: Reading, pieces: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, bool]]:
    """Pieces that are named for another's sake: "side table for a sofa", "yatak yanına sehpa".

    Args:
        reading: The prompt.
        pieces: Where each piece of furniture that it names begins and stops.

    Yields:
        Where each begins and stops, and whether it is a place, and no part of what is wanted, as
        the mirror of a wardrobe with a mirror is.
    """
    for first, second in pairwise(pieces):
        between = reading.keys(first[1], second[0])
        if not between or len(between) > _MOST_BETWEEN:
            continue
        if between[0] in _PLACES_BEHIND:
            yield *first, True
        elif _JOINTS.isdisjoint(between):
            links = [each for each in between if each in _WITH or each in _PLACES]
            if links:
                yield *second, links[0] in _PLACES


def named(words: str) -> list[tuple[str, str]]:
    """Colours and materials that some words name, as column and vocabulary name."""
    reading = Reading.of(words)
    _read_names(reading)
    return [
        (part.column, str(part.value))
        for _, part in reading.parts
        if part.column in {"base_colors", "base_materials"}
    ]
