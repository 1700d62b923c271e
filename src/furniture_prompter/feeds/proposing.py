"""Proposals: what the columns of an unknown table may mean, by their names and by their values."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

from furniture_prompter.feeds.cells import UnusableValueError
from furniture_prompter.feeds.column_samples import CATEGORIES, MONEY, ColumnSample
from furniture_prompter.feeds.layouts import Meaning, Names, fold, read_data
from furniture_prompter.feeds.price_columns import (
    PRICE_ROLES,
    UNTAXED,
    is_other_sum,
    role_in_prices,
    without_terms,
)
from furniture_prompter.feeds.roles import OPTION, VARIANT
from furniture_prompter.feeds.values import words_of
from furniture_prompter.feeds.values.currencies import currency_of
from furniture_prompter.feeds.values.money import read_availability, tells_no_price
from furniture_prompter.feeds.values.sizes import size_column

_VARIANTS: Final = words_of(
    "variant variants variation variations sku skus varyant varyantlar varyasyon varyasyonlar "
    "secenek secenekler stockitem stockitems"
)
"""Names of lists of variants, at the top or one below, and of the elements of XML in them."""
_TOP_VARIANTS: Final = _VARIANTS | {"children", "items"}
_CODE_WORD: Final = re.compile(r"(^|_)(kod|kodu|code|no|nr|sku|id|ref|number|nummer)(_|$)")
_PARENT: Final = ".parent."
_NAMES_OF_OBJECTS: Final = frozenset({"name", "title"})
_LEVELS: Final = re.compile(r"(^|_)(alt|ana|sub|main|unter|haupt|sous|subcategoria|subcategory)")

_UNIT: Final = re.compile("(unit|fiyati?_birimi?)$")
_TOP_LEVEL: Final = re.compile("ana|main|haupt")

MOST: Final = 0.5
NEARLY_ALL: Final = 0.8
_DISTINCT: Final = 0.95
"""Share of different values from which a column can be one of identifiers: rows are repeated."""
_TITLE_CHARACTERS: Final = range(4, 160)


_UNITS: Final = frozenset(
    {
        "cent", "cents", "centimes", "pence", "kuruş", "cm", "mm", "in", "g", "gr", "gram",
        "grams", "kg", "eur", "usd", "try", "tl",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ColumnWords:
    """The data of ``column_names.toml``.

    Attributes:
        names: Names of each role, and the place of each in its role's order.
        own: Roles of columns of our own names.
        no_image: Parts of names of columns of other pictures than the product's.
        named_lists: What lists of names and values are called.
        name_members: What the name is called in them, the likelier first.
        value_members: What the value is called.
        unit_members: What the value's unit is called.
        no_attribute: Names in such lists that say nothing of the product.
        paid: Names of columns of what the shop pays.
        hidden: Values by which a row says that the shop does not show it, by role.
    """

    names: Mapping[str, Names]
    rank: Mapping[tuple[str, str], int]
    own: Names
    no_image: tuple[str, ...]
    named_lists: frozenset[str]
    name_members: tuple[str, ...]
    value_members: tuple[str, ...]
    unit_members: tuple[str, ...]
    no_attribute: frozenset[str]
    paid: frozenset[str]
    hidden: Mapping[str, frozenset[str]]


def hidden_key(value: str) -> str:
    """A value of a column that says whether a row is shown, to compare it by: -1 is not 1."""
    text = value.strip().lower()
    return text if text.startswith("-") else fold(text)


def _spellings(name: str) -> tuple[str, ...]:
    """A name, and as elements of XML and fields of JSON have it: ``StokKodu``, ``satisfiyati``.

    One with a unit has its blanks alone: by them the unit is told.
    """
    return (name,) if _UNITS.intersection(name.split()) else (name, name.replace(" ", ""))


@cache
def column_words() -> ColumnWords:
    """The names that are known."""
    data: dict[str, Any] = read_data("column_names.toml")
    names = data["names"]
    return ColumnWords(
        {
            role: Names.of((each, role) for name in known for each in _spellings(name))
            for role, known in names.items()
        },
        {
            (role, fold(each)): place
            for role, known in names.items()
            for place, name in reversed(list(enumerate(known)))
            for each in _spellings(name)
        },
        Names.of((name, role) for role, known in data["own"].items() for name in known),
        tuple(data["words"]["no_image"]),
        frozenset(fold(each) for name in data["lists"]["called"] for each in _spellings(name)),
        tuple(data["lists"]["names"]),
        tuple(data["lists"]["values"]),
        tuple(data["lists"]["units"]),
        frozenset(data["lists"]["nothing"]),
        frozenset(fold(each) for name in data["words"]["paid"] for each in _spellings(name)),
        {role: frozenset(map(hidden_key, values)) for role, values in data["hidden"].items()},
    )


def proposed(
    columns: Sequence[str],
    samples: Mapping[str, ColumnSample],
    taken: Mapping[str, Meaning],
    settled: frozenset[str] = frozenset(),
    *,
    by_values: bool = True,
) -> dict[str, Meaning]:
    """What further columns mean, as far as names and values tell.

    Args:
        columns: All columns, in the file's order.
        samples: What the first rows have in them.
        taken: Columns whose meaning is known.
        settled: Roles that no further column may have.
        by_values: Whether values alone may tell a price, an id or a title.
    """
    words = column_words()
    free = [name for name in columns if name not in taken]
    found: dict[str, Meaning] = {}
    has = settled | {meaning.role for meaning in taken.values()}
    nested = [name for name in free if is_of_variants(name)]
    flat = [name for name in free if name not in nested]
    blank = ColumnSample()

    def sample(name: str) -> ColumnSample:
        return samples.get(name, blank)

    if "image" not in has:
        found |= _images(flat, samples, words)
    for role, names in words.names.items():
        if role in has or role == "image":
            continue
        ranked = sorted(
            (
                (_rank(role, name, sample(name), words), meaning.number, place, name)
                for place, name in enumerate(flat)
                if name not in found
                and (meaning := _meaning(role, names, name)) is not None
                and _may_be(role, name, sample(name))
            ),
        )
        if not ranked:
            continue
        found[ranked[0][3]] = Meaning(role, ranked[0][1])
        if role == "category":
            if chain := _nested_categories(ranked[0][3], flat):
                del found[ranked[0][3]]
                found |= chain
                continue
            levels = [each for each in ranked if each[1] or _LEVELS.search(fold(each[3]))]
            if len(levels) > 1 and ranked[0] in levels:
                for each in sorted(levels, key=lambda level: (level[1], level[2])):
                    found[each[3]] = Meaning(role, each[1])
            elif top := [each for each in levels if _TOP_LEVEL.match(fold(each[3]))]:
                # A plain category between its main and its sub category.
                below = [each for each in levels if each not in top]
                for number, each in enumerate((*top, ranked[0], *below), 1) if below else ():
                    found[each[3]] = Meaning(role, number)
    found |= {
        name: Meaning("ignore")
        for name in flat
        if name not in found and CATEGORIES.fullmatch(fold(name)) and sample(name).is_numbered
    }
    found |= _sizes(flat, samples, {**taken, **found}, has)
    if by_values:
        found |= _by_values(flat, samples, {**taken, **found}, settled)
    found |= _translations(flat, {**taken, **found})
    found |= _nested(nested, taken)
    of_images = {
        name.rpartition(".")[0]
        for name, meaning in found.items()
        if meaning.role == "image" and "." in name
    }
    for name in flat:
        if name not in found and name.rpartition(".")[0] in of_images:
            # Numbers and texts beside the addresses in a list of images are no columns.
            found[name] = Meaning("ignore")
    return found


def is_of_variants(column: str) -> bool:
    """Whether a column is a member of the objects in a list of variants: ``variants.sku``."""
    return bool(variant_member(column))


@lru_cache(maxsize=4_096)
def variant_member(column: str) -> str:
    """What a column is called in a list of variants: ``sku`` of ``Secenekler.Secenek.sku``."""
    parts = column.split(".")
    for depth, names in enumerate((_TOP_VARIANTS, _VARIANTS)):
        rest = parts[depth + 1 :]
        if rest and fold(parts[depth]) in names:
            return ".".join(rest[1:] if len(rest) > 1 and fold(rest[0]) in _VARIANTS else rest)
    return ""


def is_parent(column: str) -> bool:
    """Whether a column is a member of an object's parent: ``category.parent.name``."""
    return _PARENT in column


def _nested_categories(name: str, columns: Sequence[str]) -> dict[str, Meaning]:
    """A category's object as the levels of one path: its parents, the topmost first, and itself.

    ``{"category": {"id": 7, "name": "Sofas", "parent": {"name": "Furniture"}}}`` has the columns
    ``category.id``, ``category.name`` and ``category.parent.name``.
    """
    stem, _, member = name.rpartition(".")
    if not stem or member not in _NAMES_OF_OBJECTS:
        return {}
    levels, ids = [], []
    while f"{stem}.{member}" in columns:
        levels.append(f"{stem}.{member}")
        ids += [each for each in (f"{stem}.id", f"{stem}.slug") if each in columns]
        stem = f"{stem}{_PARENT}".removesuffix(".")
    return {
        **{level: Meaning("category", place) for place, level in enumerate(reversed(levels), 1)},
        **{each: Meaning("ignore") for each in ids},
    }


def _meaning(role: str, names: Names, name: str) -> Meaning | None:
    """What a name means as one of a role.

    A price is one without currency and tax, ``Fiyat (TL)``, and a member of an object of attributes
    is what it is called, ``specs.width``.
    """
    found = names.meaning(name)
    if found is None and role == "id" and name.startswith("@"):
        # An attribute of the product's element: <urun id="1">.
        found = names.meaning(name[1:])
    if found is None and role in PRICE_ROLES and (plain := without_terms(name)):
        found = names.meaning(plain)
    if found is None and role in _TRANSLATED:
        match = _KNOWN_LANGUAGE.fullmatch(fold(name))
        found = names.meaning(match[1]) if match else None
    if found is None and "." in name and role == role_in_prices(fold(name).split("_")):
        found = Meaning(role)
    stem, _, member = name.rpartition(".")
    if found is None and fold(stem.rpartition(".")[2]) in column_words().named_lists:
        found = names.meaning(member)
    return found


def _rank(role: str, name: str, sample: ColumnSample, words: ColumnWords) -> tuple[bool, bool, int]:
    """The likelier a column is to have a role, the less: filled ones, ids without doubles."""
    unsure = role == "id" and sample.distinct < _DISTINCT and fold(name) != "id"
    language = _KNOWN_LANGUAGE.fullmatch(fold(name)) if role in _TRANSLATED else None
    known = language[1] if language else fold(name)
    place = words.rank.get((role, known), len(words.rank))
    if role in PRICE_ROLES and not UNTAXED.isdisjoint(fold(name).split("_")):
        place += len(words.rank)
    return not sample.filled, unsure, place


def _may_be(role: str, name: str, sample: ColumnSample) -> bool:
    """Whether the values of a column of a role's name are what the role wants."""
    measured = {"width", "depth", "height", "length", "dimensions", "weight", "price"}
    if role in measured and size_column(name).is_packed:
        return False
    if not sample.filled:
        return role != "title"
    if role == "id":
        if sample.is_list or sample.addresses >= MOST:
            return False
        return sample.distinct >= MOST or fold(name) == "id"
    if role == "title":
        return sample.words >= MOST and not sample.is_list and sample.images < MOST
    if role in {"group", "parent"}:
        # A product's card is that on a day of which each card has one row, too.
        return (sample.distinct < 1 or "kart" in fold(name)) and not sample.is_list
    if role in {"price", "sale_price", "list_price"}:
        return sample.share(_is_price) >= MOST
    if role == "url":
        return sample.addresses >= MOST
    if role == "currency" and _UNIT.search(fold(name)):
        # <fiyat birim="TL">, and not what is sold for it: "adet".
        return sample.share(currency_of) >= MOST
    if role in {"width", "depth", "height", "length", "diameter", "seat_height", "weight"}:
        return any(letter.isdigit() for letter in sample.texts[0])
    if role == "stock":
        return sample.share(_is_stock) >= MOST
    if role == "dimensions":
        return sum(any(map(str.isdigit, text)) for text in sample.texts) >= MOST * sample.filled
    if role == "category":
        return sample.words > 0 and sample.addresses < MOST
    return sample.addresses < MOST


def _is_price(text: str) -> bool:
    return MONEY.fullmatch(text) is not None or tells_no_price(text)


def _is_stock(text: str) -> bool:
    if MONEY.fullmatch(text):
        return True
    try:
        read_availability(text)
    except UnusableValueError:
        return False
    return True


def _images(
    columns: Sequence[str], samples: Mapping[str, ColumnSample], words: ColumnWords
) -> dict[str, Meaning]:
    """Columns of the product's pictures: by name and value, or else by value alone."""
    named: list[tuple[int, int, str]] = []
    by_value: list[str] = []
    for place, name in enumerate(columns):
        sample = samples.get(name, ColumnSample())
        meaning = words.names["image"].meaning(name)
        folded = fold(name)
        other = any(part in folded for part in words.no_image)
        looks = sample.images >= MOST
        if meaning is not None and (looks or sample.addresses >= MOST or not sample.filled):
            named.append((meaning.number, place, name))
        elif looks and not other:
            by_value.append(name)
    chosen = [each[2] for each in sorted(named) if samples.get(each[2], ColumnSample()).filled]
    if chosen:
        # Pictures under names that nobody knows come behind those that are called so.
        chosen += by_value
    else:
        chosen = by_value or [
            name for name in columns if samples.get(name, ColumnSample()).images >= MOST
        ]
    empty = [each[2] for each in sorted(named) if each[2] not in chosen]
    images = {name: Meaning("image") for name in (*chosen, *empty)}
    return images | dict.fromkeys(_same_pictures(chosen, samples), Meaning("ignore"))


def _same_pictures(chosen: Sequence[str], samples: Mapping[str, ColumnSample]) -> list[str]:
    """Further members of a list of pictures: each picture in other sizes, or its file's name."""
    same: list[str] = []
    lists: dict[str, list[str]] = {}
    for name in chosen:
        if "." in name and samples[name].is_list:
            lists.setdefault(name.rpartition(".")[0], []).append(name)
    for members in lists.values():
        best = max(members, key=lambda name: samples[name].addresses >= MOST)
        same += [name for name in members if name != best]
    return same


def _sizes(
    columns: Sequence[str],
    samples: Mapping[str, ColumnSample],
    taken: Mapping[str, Meaning],
    settled: frozenset[str],
) -> dict[str, Meaning]:
    """Sizes whose columns are called with a unit, or by several: ``Genişlik (cm)``, ``ExBxY``."""
    has = {*settled, *(meaning.role for meaning in taken.values())}
    found: dict[str, Meaning] = {}
    for name in columns:
        about = size_column(name)
        if name in taken or about.is_packed:
            continue
        role = ""
        if len(about.roles) == 1:
            role = about.roles[0].removesuffix("_cm")
        elif about.roles:
            role = "dimensions"
        elif about.weight_unit and column_words().names["weight"].meaning(
            fold(name).removesuffix(f"_{about.weight_unit}")
        ):
            role = "weight"
        if role and role not in has and _may_be(role, name, samples.get(name, ColumnSample())):
            found[name] = Meaning(role)
            has.add(role)
    return found


def _translations(columns: Sequence[str], taken: Mapping[str, Meaning]) -> dict[str, Meaning]:
    """What else stands beside ``name.en``: ``name.tr`` is the title in another language."""
    stems: dict[str, str] = {}
    for name, meaning in taken.items():
        if meaning.role in _TRANSLATED:
            match = _LANGUAGE.fullmatch(fold(name))
            stems[match[1] if match else fold(name)] = meaning.role
    found: dict[str, Meaning] = {}
    for name in columns:
        plain = fold(name)
        match = (_LANGUAGE if "." in name else _KNOWN_LANGUAGE).fullmatch(plain)
        if name not in taken and match and match[1] in stems:
            meaning = Meaning(f"{stems[match[1]]}_{match[2]}")
            if meaning not in found.values():
                found[name] = meaning
    return found


_TRANSLATED: Final = frozenset({"title", "description", "category", "color"})
_LANGUAGE: Final = re.compile(r"(.+?)_([a-z]{2})(?:_[a-z]{2})?")
_KNOWN_LANGUAGE: Final = re.compile(r"(.+?)_(en|tr|de|fr|es|it|nl|pl)(?:_[a-z]{2})?")


def _by_values(
    columns: Sequence[str],
    samples: Mapping[str, ColumnSample],
    taken: Mapping[str, Meaning],
    settled: frozenset[str],
) -> dict[str, Meaning]:
    """Prices, identifiers and titles that only their values tell."""
    has = settled | {meaning.role for meaning in taken.values()}
    found: dict[str, Meaning] = {}
    free = [name for name in columns if name not in taken and name in samples]
    if "price" not in has:
        for name in free:
            sample = samples[name]
            priced = sample.prices >= NEARLY_ALL and sample.currencies >= NEARLY_ALL
            if priced and not (size_column(name).is_packed or is_other_sum(name)):
                found[name] = Meaning("price")
                break
    if "id" not in has:
        for name in free:
            sample = samples[name]
            code = _CODE_WORD.search(fold(name)) is not None
            if name not in found and code and sample.filled > 1 and sample.distinct == 1.0:
                found[name] = Meaning("id")
                break
    if "title" not in has:
        likely = [
            (samples[name].distinct, -columns.index(name), name)
            for name in free
            if name not in found and _is_like_titles(samples[name])
        ]
        if likely:
            found[max(likely)[2]] = Meaning("title")
    return found


def _is_like_titles(sample: ColumnSample) -> bool:
    if not sample.filled or sample.is_list or sample.images or sample.words < NEARLY_ALL:
        return False
    phrases = sum(" " in text.strip() for text in sample.texts) / sample.filled
    length = sum(map(len, sample.texts)) / sample.filled
    return phrases >= MOST and int(length) in _TITLE_CHARACTERS and sample.distinct >= MOST


_VARIANT_ROLES: Final = (
    "title", "color", "material", "image", "price", "sale_price", "list_price", "currency",
    "availability", "stock", "gtin", "width", "depth", "height", "length", "weight", "url",
)  # fmt: skip
_VARIANT_IDS: Final = (
    "sku", "stok_kodu", "stokkodu", "stock_code", "stockcode", "code", "id", "artikelnummer",
    "barcode", "barkod", "sellerstockcode",
)  # fmt: skip


def _nested(columns: Sequence[str], taken: Mapping[str, Meaning]) -> dict[str, Meaning]:
    """Columns of lists of variants: ``variants.sku``, ``variations.color``."""
    words = column_words()
    found: dict[str, Meaning] = {}
    has = {meaning.role for meaning in taken.values()}
    inner = {name: fold(variant_member(name)) for name in columns}
    ids = [name for key in _VARIANT_IDS for name, part in inner.items() if part == key]
    if f"{VARIANT}id" not in has and ids:
        found[ids[0]] = Meaning(f"{VARIANT}id")
    for name, part in inner.items():
        if name in found:
            continue
        meaning = next(
            (role for role in _VARIANT_ROLES if words.names[role].meaning(part) is not None), None
        )
        if meaning is not None and f"{VARIANT}{meaning}" not in has:
            found[name] = Meaning(f"{VARIANT}{meaning}")
            has.add(f"{VARIANT}{meaning}")
        elif part in {"size", "beden", "finish", "style"}:
            found[name] = Meaning(f"{VARIANT}{OPTION}{part.capitalize()}")
        else:
            found[name] = Meaning(f"{VARIANT}attribute")
    return found
