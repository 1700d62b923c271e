"""The address of the shopper's page: what it asks for, and the query that this is.

All that the page shows stands in its address, but for a photo, of which it has the hash. Addresses
are relative, so that the page lies at any path of any host.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlencode

from furniture_prompter.catalog.filters import text_literal
from furniture_prompter.domain.query import Crop

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
RANGE: Final = re.compile(
    r"(-?[0-9]{1,12}(?:\.[0-9]{1,6})?)?\.\.(<?)(-?[0-9]{1,12}(?:\.[0-9]{1,6})?)?"
)
NUMBER: Final = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?")
# Spaces and apostrophes group digits in either language.
_GROUPING: Final = re.compile(r"(?<=[0-9])[\s'’](?=[0-9]{3}(?![0-9]))")
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:[.,][0-9]{3}){1,3}")
# One or two digits after the other language's mark are no group of thousands.
_CENTS: Final = re.compile(r"([0-9]{1,12})[.,]([0-9]{1,2})")
_UNIT: Final = re.compile(r"\A[₺€$£¥]|(?:cm|tl|try|eur|usd|gbp|[₺€$£¥])\Z", re.IGNORECASE)
_OF_FACET: Final = "f."
_MOST_VALUES: Final = 20
_MOST_CHARACTERS: Final = 5_000
WEIGHT_STEPS: Final = 100
_MOST_FACETS: Final = 10
"""So many are counted for one query; what stands last gives way."""
LANGUAGES: Final = ("en", "tr")
"""Of which there are words, the first for whoever accepts none of them."""
SORTED_BY: Final = ("price", "width_cm", "height_cm")
# In the order in which they stand beside the hits; the first that the catalog has of each line.
_FACETS: Final[Sequence[Sequence[tuple[str, str]]]] = (
    (("category_path", "texts"), ("category", "text")),
    (("price", "number"), ("fiyat", "number")),
    (("base_colors", "texts"), ("color", "text")),
    (("base_materials", "texts"), ("material", "text")),
    (("room", "text"),),
    (("style", "text"),),
    (("width_cm", "number"),),
    (("height_cm", "number"),),
    (("availability", "text"),),
    (("depth_cm", "number"),),
    (("on_sale", "boolean"),),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for. What cannot be read of one is as if left out.

    Attributes:
        words: The prompt.
        photo: SHA-256 of a photo's file, hexadecimal; empty without one.
        crop: The part of it that is meant.
        whole: Whether the photo is searched as it is, neither cut nor turned.
        weight: Share of the photo beside words; None for the server's own.
        without: What is not wanted, in words.
        like: Id of a product whose likes are wanted.
        lift: What was understood and is to be taken as words.
        literal: Whether every word is to be taken as it stands.
        chosen: Values by column; of numbers ranges, ``19..89`` with both ends, ``19..<89`` without
            the upper one, either of which may be missing.
        sort: A column, with a minus before it for the greatest first; empty for the best first.
        page: Which page of hits that are sorted, from 1.
        cursor: Where the page before ended, for the best first.
        lang: The language that was asked for; empty for the browser's own.
        unread: By column what was typed as the two ends of a range, where one is no number. No
            address has it.
    """

    words: str = ""
    photo: str = ""
    crop: Crop | None = None
    whole: bool = False
    weight: float | None = None
    without: str = ""
    like: str = ""
    lift: tuple[str, ...] = ()
    literal: bool = False
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sort: str = ""
    page: int = 1
    cursor: str = ""
    lang: str = ""
    unread: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, items: Iterable[tuple[str, str]], language: str = LANGUAGES[0]) -> "Asked":
        """What names and values ask for, as an address or a form has them.

        Args:
            items: Names and values.
            language: Of :data:`LANGUAGES`, in which numbers were typed; addresses have them alike.
        """
        first: dict[str, str] = {}
        lists: dict[str, list[str]] = {}
        for name, value in items:
            if (text := value.strip()) and len(text) <= _MOST_CHARACTERS:
                first.setdefault(name, text)
                lists.setdefault(name, []).append(text)
        photo = first.get("photo", "")
        weight = first.get("weight", "")
        page = first.get("page", "")
        sort = first.get("sort", "")
        chosen, unread = _chosen(lists, language)
        return cls(
            words=first.get("q", ""),
            photo=photo if _SHA256.fullmatch(photo) else "",
            crop=crop_of(first.get("xywh", "")),
            whole="whole" in first,
            weight=min(100.0, max(0.0, float(weight))) / 100 if NUMBER.fullmatch(weight) else None,
            without=first.get("without", ""),
            like=first.get("like", ""),
            lift=tuple(dict.fromkeys(lists.get("lift", ())))[:_MOST_VALUES],
            literal="literal" in first,
            chosen=chosen,
            sort=sort if sort.removeprefix("-") in SORTED_BY else "",
            page=max(1, int(page)) if page.isascii() and page.isdecimal() and len(page) < 5 else 1,
            cursor=first.get("cursor", ""),
            lang=first.get("lang", "") if first.get("lang") in LANGUAGES else "",
            unread=unread,
        )

    @property
    def asks(self) -> bool:
        """Whether anything is to be searched for."""
        return bool(self.words or self.photo or self.like)

    def items(self) -> list[tuple[str, str]]:
        """Names and values, which :meth:`of` reads; in one order, so that an address is one."""
        found = [("q", self.words), ("photo", self.photo)]
        if self.photo and self.crop is not None:
            found.append(("xywh", xywh(self.crop)))
        if self.photo and self.whole:
            found.append(("whole", "1"))
        if self.weight is not None and self.photo:
            found.append(("weight", f"{self.weight * WEIGHT_STEPS:g}"))
        found += [("without", self.without), ("like", self.like)]
        found += [("lift", text) for text in self.lift]
        found.append(("literal", "1" if self.literal else ""))
        for column in sorted(self.chosen):
            found += [(f"{_OF_FACET}{column}", value) for value in self.chosen[column]]
        found += [("sort", self.sort), ("page", str(self.page) if self.page > 1 else "")]
        found += [("cursor", self.cursor), ("lang", self.lang)]
        return [(name, value) for name, value in found if value]

    def address(self, **changes: Any) -> str:
        """The address of the same with changes, relative to the page; pages begin anew."""
        changed = replace(self, **{"cursor": "", "page": 1, **changes})
        items = changed.items()
        return "?" + urlencode(items) if items else "./"

    def chosen_with(self, column: str, value: str) -> Mapping[str, tuple[str, ...]]:
        """The chosen values with one more, or one less where it is chosen already."""
        values = self.chosen.get(column, ())
        kept = (
            tuple(each for each in values if each != value) if value in values else (*values, value)
        )
        changed = {**self.chosen, column: kept}
        return {name: each for name, each in changed.items() if each}

    def fresh(self) -> "Asked":
        """Nothing, in the same language."""
        return Asked(lang=self.lang)


def _chosen(
    lists: Mapping[str, Sequence[str]], language: str
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, str]]]:
    """Values by column, and what was typed where one end of a range is no number."""
    found: dict[str, list[str]] = {}
    unread: dict[str, tuple[str, str]] = {}
    for name, values in lists.items():
        if name.startswith(_OF_FACET):
            found.setdefault(name.removeprefix(_OF_FACET), []).extend(values)
    # Fields for the two ends of a range, as a form without scripts sends them.
    for name in {each[4:] for each in lists if each.startswith(("min.", "max."))}:
        low, high = (lists.get(f"{end}.{name}", [""])[0] for end in ("min", "max"))
        ends = [number_of(low, language), number_of(high, language)]
        if (low and not ends[0]) or (high and not ends[1]):
            unread[name] = (low, high)
        if any(ends):
            found[name] = ["..".join(ends)]
    chosen = {
        name: tuple(dict.fromkeys(each))[:_MOST_VALUES] for name, each in found.items() if name
    }
    return chosen, unread


def number_of(typed: str, language: str) -> str:
    """A number as a shopper types it, as addresses have it; empty where it is none.

    Args:
        typed: Such as ``10.000,50 TL``, ``10 000`` or ``1,200``.
        language: Of :data:`LANGUAGES`: which of point and comma groups digits, and which ends them.
    """
    text = _GROUPING.sub("", _UNIT.sub("", typed.strip()).strip())
    group, mark = (".", ",") if language == "tr" else (",", ".")
    whole, _, rest = text.partition(mark)
    if _GROUPED.fullmatch(whole) and mark not in whole:
        text = whole.replace(group, "") + (f".{rest}" if rest else "")
    elif group not in text:
        text = text.replace(mark, ".", 1)
    elif cents := _CENTS.fullmatch(text):
        text = ".".join(cents.groups())
    return text if NUMBER.fullmatch(text) else ""


def crop_of(text: str) -> Crop | None:
    """The part that ``percent:10,20,50,60`` means (W3C Media Fragments); None for no such text."""
    parts = text.removeprefix("percent:").split(",")
    if len(parts) != 4 or not all(NUMBER.fullmatch(part) for part in parts):
        return None
    x, y, width, height = (float(part) / 100 for part in parts)
    within = 0 <= x < 1 and 0 <= y < 1 and width > 0 and height > 0
    if not within or (x, y, width, height) == (0, 0, 1, 1):
        return None
    return Crop(x, y, min(width, 1 - x), min(height, 1 - y))


def xywh(crop: Crop) -> str:
    """A part of a photo as W3C Media Fragments has it."""
    shares = (crop.x, crop.y, crop.width, crop.height)
    return "percent:" + ",".join(f"{100 * share:.4g}" for share in shares)


def as_addressed(crop: Crop) -> Crop | None:
    """A part of a photo as its address is read again; None for all of it."""
    return crop_of(xywh(crop))


def facet_columns(columns: Mapping[str, str], language: str) -> list[str]:
    """The columns that are counted beside the hits, of those that a catalog has.

    Args:
        columns: The catalog's columns with their types.
        language: Code of the page's language, in which a feed may give kinds of products.
    """
    found = []
    for same in _FACETS:
        names = [name for name, kind in same if columns.get(name) == kind]
        if names:
            translated = f"{names[0]}_{language}"
            found.append(translated if columns.get(translated) == "text" else names[0])
    return found[:_MOST_FACETS]


def where_of(
    chosen: Mapping[str, Sequence[str]], columns: Mapping[str, str], leave_out: str = ""
) -> str | None:
    """Chosen values as a filter: one of each column's. Columns that there are not say nothing.

    Args:
        chosen: Values by column.
        columns: The catalog's columns with their types.
        leave_out: A column that is not to limit.
    """
    conditions = []
    for column, values in chosen.items():
        kind = columns.get(column)
        if kind is None or column == leave_out:
            continue
        either = [told for value in values if (told := _condition(column, kind, value))]
        if either:
            conditions.append(f"({' or '.join(either)})")
    return " and ".join(conditions) or None


def _condition(column: str, kind: str, value: str) -> str:
    named = f"`{column}`"
    if kind == "number":
        found = RANGE.fullmatch(value)
        if found is None:
            return ""
        low, open_end, high = found.groups()
        ends = [f"{named} >= {low}"] if low else []
        ends += [f"{named} {'<' if open_end else '<='} {high}"] if high else []
        return f"({' and '.join(ends)})" if ends else ""
    if kind == "boolean":
        return named if value == "true" else f"not {named}" if value == "false" else ""
    return f"{named} {'contains' if kind == 'texts' else '='} {text_literal(value)}"
