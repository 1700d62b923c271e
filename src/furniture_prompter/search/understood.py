"""What a prompt says, put to use on one catalog: limits, wishes for the ranking, notes."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final

import numpy as np

from furniture_prompter.catalog.filters import Filter
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain import Query
from furniture_prompter.domain.query import Understood
from furniture_prompter.search.attributes import AVAILABILITY, SEATS, Wish
from furniture_prompter.search.homographs import NOTHING_APART, ToldApart, says_any
from furniture_prompter.search.unwanted_kinds import left_out
from furniture_prompter.understanding.lexicon import LEXICON, WORD, fold_letters
from furniture_prompter.understanding.prompts import IN_STOCK, KIND, SALE_PRICE, named, understand

_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "width_cm": ("width_cm", "width", "genislik_cm", "genislik", "length_cm", "diameter_cm"),
    "depth_cm": ("depth_cm", "depth", "derinlik_cm", "derinlik", "diameter_cm"),
    "height_cm": ("height_cm", "height", "yukseklik_cm", "yukseklik"),
    "diameter_cm": ("diameter_cm", "diameter"),
    "price": ("price", "fiyat"),
    "availability": ("availability", "stock"),
}
"""Columns that answer, for limits and the ranking alike: the first in which a product has a value
counts, so that a round table is as wide as its diameter."""
_INSTEAD: Final[Mapping[str, tuple[str, ...]]] = {"diameter_cm": ("width_cm",)}
"""Columns that answer where the whole catalog has none of those; in others, a width is no sign of
something round."""

_TYPES: Final[Mapping[str, str]] = {
    "base_colors": "texts",
    "base_materials": "texts",
    "room": "text",
    "style": "text",
    "availability": "text",
}
"""What a column has to hold to tell; all others hold numbers."""
COLORS: Final = "base_colors"
_COLOR_NAMES: Final = (
    *(says.removesuffix(f" {COLORS}") for says in LEXICON.named if says.endswith(COLORS)),
    "copper",
    "multicolour",
)
_NONE_OF_IT: Final = ("no ", "but no ", "with no ", "and no ", "without ", "w/o ")
PHOTOS_COLOUR: Final = "as in the photo"
"""The value where a prompt beside a photo wants its colour, or wants any but that one."""
_SAME_COLOUR: Final = re.compile(
    r"\b(?:in )?(?:the )?(?:same|this) colou?r(?: as (?:this|it|the (?:photo|picture)))?\b"
    r"|\b(?:ayn[ıi]|bu) reng?k?(?:te|i|li|inde)?\b",
    re.IGNORECASE,
)
_OTHER_COLOUR: Final = re.compile(
    r"\b(?:but )?(?:in )?(?:an? |any |some )?(?:different|another|other) colou?rs?"
    r"(?: (?:than|from|to) (?:this|it|that|the (?:photo|picture)))?\b"
    r"|\b(?:but )?not (?:in )?(?:the )?(?:same|this|that) colou?r\b"
    r"|\b(?:ba[sş]ka|farkl[ıi]|de[gğ]i[sş]ik)(?: bir)? (?:renk(?:te|ler|lerde|leri|li)?"
    r"|reng(?:i|inde|ini))\b"
    r"|\b(?:ayn[ıi]|bu) (?:renk(?:te|li)?|reng(?:i|inde)) (?:olmayan|olmas[ıi]n|de[gğ]il)\b",
    re.IGNORECASE,
)
WORD_OF_COLOUR: Final = re.compile(r"\b(?:colou?re?d?s?|renk\w*|reng\w*)\b", re.IGNORECASE)
"""Says of which kind the word before it is, as "in" does: no reason for a "kiremit rengi" sofa."""
_NEEDS_A_PHOTO: Final = (
    "“{said}” was taken as words: it says how a photo's colour counts, and there is no photo."
)
_NO_COLOURS: Final = (
    "{said} only ranks: the catalog has no column of colours, so that photos and words tell it."
)
_NOT_SURE: Final = (
    "“{said}” was taken as words: it may be a size or a price. Add cm, or a currency."
)
_OF_NOTHING: Final = (
    "No product is said to be {said}: what is nearest in other ways is shown, and how sure it is "
    "says nothing of that."
)
_ANY_KIND: Final = "furniture"
"""What is searched where a prompt says no more than which kind it does not want."""
_NOT_ASKED_FOR: Final = "{said} is not searched: it says what is there already, or a room's size."
_NO_WORDS: Final = frozenset({"price", SALE_PRICE, AVAILABILITY})
"""Of what these columns are asked no product speaks in its words: "cheap", "on sale"."""
_OF_LOOKS: Final = ("base_colors", "base_materials", "_cm")


@dataclass(frozen=True, slots=True)
class Heard:
    """A query whose prompt was taken apart.

    Attributes:
        query: The query with the words that stay, and with what is not wanted in `without`.
        parts: What was understood and is used.
        limits: Parts that limit, each with its condition in the filter language.
        wishes: What only ranks.
        looks: Wishes and limits of colour, material and size, which tell a product's variants
            apart.
        notes: Sentences a person should read.
        colour_weight: Share of the colours in the photo's likeness that the words ask for: 0 where
            they name a colour, 1 where they want the photo's; None where they say nothing of it.
        away_from_colour: Whether the words want any colour but the photo's.
        colours: Base colours that the words want.
        shade: 1 where they want a lighter one than the photo's, -1 a darker one, 0 neither.
        apart: What words say that fold to others.
        quiet: Words that only rank: of sizes that the catalog has no column for, and of seats,
            for "3 kişilik kanepe" asks for no table "6 kişilik".
        kinds_out: Kinds that are not wanted, each with a condition in LanceDB's SQL.
        unused: Texts of limits, prices and stock that the catalog has no column for.
    """

    query: Query
    parts: tuple[Understood, ...] = ()
    limits: tuple[tuple[Understood, str], ...] = ()
    wishes: tuple[Wish, ...] = ()
    looks: tuple[Wish, ...] = ()
    notes: tuple[str, ...] = ()
    quiet: str = ""
    colour_weight: float | None = None
    away_from_colour: bool = False
    colours: tuple[str, ...] = ()
    shade: int = 0
    apart: ToldApart = NOTHING_APART
    kinds_out: tuple[tuple[Understood, str], ...] = ()
    unused: tuple[str, ...] = ()


def hear(query: Query, columns: Mapping[str, str], *, with_photo: bool = False) -> Heard:
    """Take a query's prompt apart, as far as the catalog has columns for it.

    Args:
        query: The query.
        columns: The catalog's columns with their types.
        with_photo: Whether there is a photo, or a product that stands for one.
    """
    if query.prompt is None or not query.understand:
        return Heard(query)
    of_a_photo = None
    for pattern in (_OTHER_COLOUR, _SAME_COLOUR):
        said = pattern.search(query.prompt)
        if said is not None and said.group() not in query.lift:
            if with_photo:
                wanted = pattern is _SAME_COLOUR
                return _of_the_photos_colour(query, said, columns, wanted=wanted)
            of_a_photo = said
            break
    bare = [name for name in ("price", "width_cm") if _columns_of(name, columns)]
    understanding = understand(query.prompt, query.lift, bare)
    missing = [
        part
        for part in understanding.parts
        if part.column.endswith(("_cm", "_kg", "price", AVAILABILITY))
        and not _columns_of(part.column, columns)
    ]
    unused = [part for part in missing if part.use == "filter" or part.column in _NO_WORDS]
    plain = [part for part in missing if part not in unused]
    if plain:
        understanding = understand(query.prompt, [*query.lift, *(p.text for p in plain)], bare)
    notes = tuple(
        _told_missing(parts, says)
        for parts, says in ((unused, "counts for nothing"), (plain, "was taken as words"))
        if parts
    )
    notes += tuple(_NOT_SURE.format(said=text) for text in understanding.unsure)
    colours = dict.fromkeys(
        f"“{part.text}”"
        for part in understanding.parts
        if part.column == COLORS and part.use != "without" and not _columns_of(part.column, columns)
    )
    if colours:
        notes += (_NO_COLOURS.format(said=", ".join(colours)),)
    if understanding.beside:
        told = ", ".join(f"“{text}”" for text in understanding.beside)
        notes = (*notes, _NOT_ASKED_FOR.format(said=told))
    if of_a_photo is not None:
        notes += (_NEEDS_A_PHOTO.format(said=of_a_photo.group()),)
    # A prompt that says nothing but limits is still what photos are compared with.
    left = _words_left(query.prompt, unused, with_photo=with_photo)
    if not understanding.rest and any(each.column == KIND for each in understanding.parts):
        # "Not a sofa" would be searched by the sofa.
        left = None if with_photo else _ANY_KIND
    parts, limits, wishes, looks, unwanted = [], [], [], [], []
    kinds_out: list[tuple[Understood, str]] = []
    for part in understanding.parts:
        telling = _columns_of(part.column, columns)
        if part.use == "without":
            kinds = left_out(part, understanding.rest, columns)
            unwanted += [] if kinds else [str(part.value)]
            kinds_out += [(part, condition) for condition in kinds]
            limits += [(part, condition) for condition in _exclusions(part, columns)]
        elif not telling:
            continue
        else:
            wish = Wish(part, telling, columns[telling[0]])
            if part.use == "filter":
                limits.append((part, _condition(part, telling, columns)))
            else:
                wishes.append(wish)
            if part.column.endswith(_OF_LOOKS) and part.op not in {"low", "high"}:
                looks.append(wish)
        parts.append(part)
    without = ", ".join([*([query.without] if query.without is not None else []), *unwanted])
    return Heard(
        replace(query, prompt=understanding.rest or left, without=without or None),
        tuple(parts),
        tuple(limits),
        tuple(wishes),
        tuple(looks),
        notes,
        " ".join(
            [
                *(part.text for part in plain),
                *(part.text for part in parts if part.column == SEATS),
                *WORD_OF_COLOUR.findall(query.prompt),
            ]
        ),
        0.0 if any(_is_of_colour(part) for part in understanding.parts) else None,
        colours=tuple(
            str(part.value)
            for part in understanding.parts
            if part.column == COLORS and part.use != "without"
        ),
        kinds_out=tuple(kinds_out),
        unused=tuple(part.text for part in unused),
    )


def _told_missing(parts: Sequence[Understood], says: str) -> str:
    told = ", ".join(dict.fromkeys(f"“{part.text}”" for part in parts))
    names = ", ".join(dict.fromkeys(part.column for part in parts))
    lacks = "values" if names == AVAILABILITY else "numbers"
    return f"{told} {says}: the catalog has no {lacks} in a column {names}."


def _words_left(prompt: str, unused: Sequence[Understood], *, with_photo: bool) -> str | None:
    """What is asked of a prompt that says nothing but limits; None leaves it to the photo."""
    # "Bin", a thousand, finds waste bins.
    kept = [word for word in prompt.split() if fold_letters(word) not in LEXICON.thousands]
    return None if unused and with_photo else " ".join(kept) or prompt


def _of_the_photos_colour(
    query: Query, said: re.Match[str], columns: Mapping[str, str], *, wanted: bool
) -> Heard:
    """A query for the photo's colour, or for any but that, with what else its words say."""
    left = f"{query.prompt[: said.start()]} {query.prompt[said.end() :]}" if query.prompt else ""
    rest = " ".join(left.split()).strip(" ,;")
    lifted = replace(query, prompt=rest or None, lift=(*query.lift, said.group()))
    heard = hear(lifted, columns)
    part = Understood(said.group(), COLORS, "=", PHOTOS_COLOUR, "preference")
    if not wanted:
        part = Understood(said.group(), "", "contains", PHOTOS_COLOUR, "without")
    return replace(
        heard,
        query=replace(heard.query, lift=query.lift),
        parts=(part, *heard.parts),
        colour_weight=1.0 if wanted else 0.0,
        away_from_colour=not wanted,
    )


def _is_of_colour(part: Understood) -> bool:
    unwanted = named(str(part.value)) if part.use == "without" else []
    return part.column == COLORS or any(column == COLORS for column, _ in unwanted)


def _columns_of(column: str, columns: Mapping[str, str]) -> tuple[str, ...]:
    for names in (_COLUMNS.get(column, (column,)), _INSTEAD.get(column, ())):
        known = tuple(name for name in names if columns.get(name) == _TYPES.get(name, "number"))
        if known:
            return known
    return ()


def _condition(part: Understood, names: Sequence[str], columns: Mapping[str, str]) -> str:
    """What each column has to say where those before it say nothing."""
    told = [
        " and ".join([*(f"`{before}` is null" for before in names[:at]), _compared(part, name)])
        for at, name in enumerate(names)
    ]
    if part.column == "price" and part.op in {"<", "<="} and columns.get(SALE_PRICE) == "number":
        told.append(_compared(part, SALE_PRICE))
    condition = told[0] if len(told) == 1 else " or ".join(f"({each})" for each in told)
    if part.currency and columns.get("currency") == "text":
        condition = f"({condition}) and (`currency` = '{part.currency}' or `currency` is null)"
    return condition


def _compared(part: Understood, name: str) -> str:
    if part.column == AVAILABILITY:
        return f"`{name}` = '{IN_STOCK}'" if name == AVAILABILITY else f"`{name}` > 0"
    if part.high is not None:
        return f"`{name}` between {part.value:.15g} and {part.high:.15g}"
    return f"`{name}` {part.op} {part.value:.15g}"


def _exclusions(part: Understood, columns: Mapping[str, str]) -> list[str]:
    """Conditions that leave out what is known to be of a colour or material not wanted.

    "Not white" says what the piece is: one that is white and black stays, and is only pushed down.
    "No white" and "without metal" want none of it, and so does every material.
    """
    none_of_it = part.text.lower().startswith(_NONE_OF_IT)
    return [
        f"(not `{column}` contains '{value}' or `{column}` is null"
        + (_or_another_color(value) if column == COLORS and not none_of_it else "")
        + ")"
        for column, value in named(str(part.value))
        if columns.get(column) == "texts"
    ]


def _or_another_color(value: str) -> str:
    others = (f" or `{COLORS}` contains '{each}'" for each in _COLOR_NAMES if each != value)
    return "".join(others)


def _both(first: Filter, second: Filter) -> Filter:
    numbers = np.intersect1d(first.numbers, second.numbers, assume_unique=True)
    return Filter(f"({first.sql}) AND ({second.sql})", numbers)


async def limited(heard: Heard, reader: CatalogReader) -> tuple[Filter | None, Heard]:
    """The products that pass a query's `where` and what its prompt limits.

    Limits that nothing satisfies are given up, together, and become wishes: what comes nearest is
    found then, and a note says so.

    Raises:
        InvalidFilterError: the query's `where` does not fit the catalog.
    """
    where = heard.query.where
    asked = await reader.filter_products(where) if where is not None else None
    told_apart = []
    if heard.limits:
        joined = " and ".join(f"({condition})" for _, condition in heard.limits)
        told_apart.append(await reader.filter_products(joined))
    if heard.kinds_out:
        gone = " AND ".join(condition for _, condition in heard.kinds_out)
        told_apart.append(await reader.passing(gone))
    if not told_apart:
        return asked, heard
    own = reduce(_both, told_apart if asked is None else [asked, *told_apart])
    if own.numbers.size:
        return own, heard
    columns = reader.filter_columns
    given_up = [part for part, _ in heard.limits if part.use == "filter"]
    wishes = [
        Wish(part, names, columns[names[0]])
        for part in given_up
        if (names := _columns_of(part.column, columns))
    ]
    said = dict.fromkeys(f"“{part.text}”" for part, _ in (*heard.limits, *heard.kinds_out))
    told = ", ".join(said)
    note = f"No product is {told}: what comes nearest is shown."
    parts = tuple(
        replace(part, use="preference") if part in given_up else part for part in heard.parts
    )
    return asked, replace(
        heard,
        parts=parts,
        limits=(),
        kinds_out=(),
        wishes=(*heard.wishes, *wishes),
        notes=(*heard.notes, note),
    )


class WhatIsSaid:
    """Which colours and materials a version's products are said to be of, asked once for each."""

    def __init__(self, reader: CatalogReader) -> None:
        """Take the version."""
        self._reader = reader
        self._is_said: dict[tuple[str, object], bool] = {}

    async def notes(self, heard: Heard, have: Callable[[str], bool]) -> tuple[str, ...]:
        """A sentence where no product is of what a prompt asks for; empty where all is there.

        Words of which products say another that folds alike have a note of their own.

        Args:
            heard: The query.
            have: Tells whether products have a phrase among their words, however it is spelled.
        """
        missing = []
        for wish in heard.wishes:
            part = wish.part
            if wish.type == "texts" and not await self._has(wish.columns[0], part.value):
                named_so = (part.text, *LEXICON.named.get(f"{part.value} {part.column}", ()))
                # An oak table by its title, in a shop that has no material of it.
                if any(have(each) for each in named_so if not says_any(each, heard.apart.absent)):
                    continue
                words = WORD.findall(part.text.lower())
                if not any(word in heard.apart.strangers for word in words):
                    missing.append(f"“{part.text}”")
        return (_OF_NOTHING.format(said=", ".join(dict.fromkeys(missing))),) if missing else ()

    async def _has(self, column: str, value: object) -> bool:
        if (column, value) not in self._is_said:
            # Both are the lexicon's own words, and no shell waits for the filter language here.
            found = await self._reader.passing(f"array_has(`{column}`, '{value}')")
            self._is_said[column, value] = bool(found.numbers.size)
        return self._is_said[column, value]
