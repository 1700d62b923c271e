"""Lists of names and values, ``[{"name": "Color", "value": "Grey"}]``: attributes by their names.

Shops' APIs list what a product is so: WooCommerce's ``attributes`` with ``options``, Magento's
``custom_attributes`` with ``attribute_code``, Shopify's ``metafields`` with ``key``, Trendyol's
``attributeName`` and ``attributeValue``, schema.org's ``additionalProperty``. What their members
are called is data, ``column_names.toml``.
"""

import json
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import Any, Final, TypeAlias

from furniture_prompter.domain import FeedNote
from furniture_prompter.feeds.cell_steps import (
    Row,
    Step,
    set_count,
    set_description,
    set_material,
    set_text,
    set_weight,
    set_words,
)
from furniture_prompter.feeds.cells import UnusableValueError, column_name, one_line, shown
from furniture_prompter.feeds.layouts import Meaning, fold
from furniture_prompter.feeds.proposing import column_words, variant_member
from furniture_prompter.feeds.records import Record, Value
from furniture_prompter.feeds.roles import VARIANT
from furniture_prompter.feeds.rows import attribute
from furniture_prompter.feeds.values.measures import read_measures
from furniture_prompter.feeds.values.sizes import size_column

Named: TypeAlias = str | float | bool
"""A value beside a name."""

MOST_NAMES: Final = 500
"""Attributes that the lists of one feed may name: each is a column of the catalog."""

_SIZES: Final = ("seat_height", "width", "depth", "height", "length", "diameter", "dimensions")
_ROLES: Final = (
    "color", "material", *_SIZES, "weight", "seats", "drawers", "brand", "gtin", "description",
    "short_description",
)  # fmt: skip
_WITHOUT_COLUMNS: Final = (
    "price", "sale_price", "list_price", "currency", "category", "availability", "stock",
)  # fmt: skip
"""Roles that a list has where no column of the table has them."""
_SAME: Final[Mapping[str, frozenset[str]]] = {
    "price": frozenset({"price", "current_price"}),
    "category": frozenset({"category", "category_path", "google_category"}),
    "availability": frozenset({"availability", "in_stock"}),
}
"""Roles of columns that say the same."""
UNIT_CODES: Final = {"cmt": "cm", "mmt": "mm", "mtr": "m", "inh": "in", "kgm": "kg", "grm": "g"}
"""UN/ECE codes of units, which schema.org's ``unitCode`` has."""


def listed_names(columns: Sequence[str]) -> dict[str, Meaning]:
    """Which columns hold the names of attributes, and which their values and units.

    Args:
        columns: Columns whose meaning is not known.

    Returns:
        Roles ``attribute_name``, ``attribute_value`` and ``attribute_unit``, with a number for
        each list, and ``ignore`` for what else stands in it; in front of a list that each variant
        has stands ``variant.``.
    """
    words = column_words()
    found: dict[str, Meaning] = {}
    lists: dict[str, dict[str, str]] = {}
    for name in columns:
        for stem, member in _splits(name):
            if fold(stem.rpartition(".")[2]) in words.named_lists:
                lists.setdefault(stem, {}).setdefault(member, name)
    for number, (stem, members) in enumerate(lists.items(), start=1):
        if stem in columns:
            # The text of an XML element whose attribute is the name.
            members.setdefault("", stem)
        named = next((members[each] for each in words.name_members if each in members), None)
        rest = {member: name for member, name in members.items() if name != named}
        value = next((rest[each] for each in words.value_members if each in rest), None)
        if named is None or value is None:
            continue
        # A list in each variant, and not the list of variants itself.
        of = VARIANT if "." in variant_member(named) else ""
        unit = next((rest[each] for each in words.unit_members if each in rest), None)
        found |= {name: Meaning("ignore") for name in members.values()}
        found[named] = Meaning(f"{of}attribute_name", number)
        found[value] = Meaning(f"{of}attribute_value", number)
        if unit is not None:
            found[unit] = Meaning(f"{of}attribute_unit", number)
    return found


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """A dotted name's list and member: ``attributes.terms.name`` may have a member of two parts."""
    stem, dot, member = name.rpartition(".")
    if dot:
        yield stem, _folded(member)
        outer, dot, first = stem.rpartition(".")
        if dot:
            yield outer, f"{_folded(first)}.{_folded(member)}"


def _folded(member: str) -> str:
    return fold(member).removeprefix("@").replace("_", "")


def named_in(names: Value, values: Value, units: Value = None) -> dict[str, Named]:
    """The names of one list, and the value of each; those without either are passed over.

    Of a name that is there several times, in any letter case, the values stand with commas between.

    Args:
        names: A list, or its only member.
        values: One a name: text, numbers, truth values, or lists of those.
        units: The unit of each, where the list has them.
    """
    found: dict[str, Named] = {}
    spelled: dict[str, str] = {}
    said: dict[str, list[str]] = {}
    listed = zip_longest(_members(names), _members(values), _members(units))
    for name, value, unit in listed:
        called = one_line(name) if isinstance(name, str) else ""
        kept = value if isinstance(value, bool | int | float) else _text(value)
        if isinstance(unit, str) and unit.strip() and _text(kept)[-1:].isdigit():
            kept = f"{_text(kept)} {UNIT_CODES.get(unit.strip().lower(), unit.strip())}"
        if called and kept != "":
            called = spelled.setdefault(fold(called) or called, called)
            values_said = said.setdefault(called, [])
            if _text(kept) not in values_said:
                values_said.append(_text(kept))
                found[called] = kept if len(values_said) == 1 else ", ".join(values_said)
    return found


def _members(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    """A value as text: several with commas between, and what Shopify writes as JSON."""
    if isinstance(value, str):
        if value[:1] not in "[{" or not value:
            # References to other objects of a shop say nothing to anybody else.
            return "" if value.startswith("gid://") else value.strip()
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return str(value).strip()
    if isinstance(value, list):
        return ", ".join(filter(None, map(_text, value)))
    if isinstance(value, dict):
        amount = value.get("value", value.get("amount"))
        if isinstance(amount, dict | list) or amount is None:
            return ""
        return f"{_text(amount)} {_text(value.get('unit', value.get('currency_code')))}".strip()
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, int | float) else ""


@lru_cache(maxsize=4_096)
def role_of(name: str) -> str:
    """What an attribute of this name means, as a column of it would; ``attribute`` for others."""
    words = column_words()
    folded = fold(name)
    if folded in words.no_attribute or folded.startswith("meta_"):
        return "ignore"
    about = size_column(name)
    is_other = about.is_packed or about.is_part
    for role in _ROLES:
        if words.names[role].meaning(folded) is not None:
            return "attribute" if is_other and role in {*_SIZES, "weight"} else role
    if about.roles and not is_other:
        return about.roles[0].removesuffix("_cm") if len(about.roles) == 1 else "dimensions"
    return "attribute"


def set_named(row: Row, name: str, value: Named, taken: Container[str] = ()) -> None:
    """Give a row an attribute that a list names, unless a column of the table says it already.

    Args:
        row: The row; what is wrong with the value is among its problems.
        name: As the shop writes it.
        value: Its value.
        taken: Names of columns of the catalog that are something else.
    """
    try:
        _set(row, role_of(name), name, value, taken)
    except UnusableValueError as problem:
        row.problems.append((name, problem))


def _set(row: Row, role: str, name: str, value: Named, taken: Container[str]) -> None:
    text = _text(value)
    if role in {"color", "material", "brand"} and not any(map(str.isalpha, text)):
        # Magento tells numbers of its options here.
        return
    if role == "color":
        row.options["Color"] = text
        set_words(role, name, row, text, strict=False)
    elif role == "material":
        row.options["Material"] = text
        set_material(name, row, text)
    elif role in _SIZES and _has_sizes(row, role, name, text):
        return
    elif role == "weight":
        set_weight(name, None, row, text)
    elif role in {"seats", "drawers"}:
        set_count(role, row, text)
    elif role in {"brand", "gtin"}:
        set_text(role, name, row, text)
    elif role in {"description", "short_description"}:
        set_description(role, name, row, text)
    elif role != "ignore":
        _set_attribute(row, name, value, taken)


def asked_as(role: str, name: str) -> str:
    """A column's name as its sizes are read by: the role goes before what it says, units stay."""
    about = size_column(name)
    if role == "dimensions" or about.roles == (f"{role}_cm",):
        return name
    return f"{role.replace('_', ' ')} {about.unit}"


def _has_sizes(row: Row, role: str, name: str, value: str) -> bool:
    """Whether a value tells sizes, which the row has then; ``L`` and ``King`` are none."""
    if value in {"0", "0.0", "0,0"}:
        return True
    if not any(map(str.isdigit, value)):
        return False
    sizes = read_measures(value, column=asked_as(role, name)).cm
    for standard, size in sizes.items():
        row.attributes.setdefault(standard, size)
    return bool(sizes)


def _set_attribute(row: Row, name: str, value: Named, taken: Container[str]) -> None:
    try:
        own = column_name(name)
    except UnusableValueError:
        # Nobody could filter by a name of another alphabet.
        return
    kept = attribute(name, value)
    if own not in taken and kept is not None:
        row.attributes.setdefault(own, kept)


class NamedLists:
    """The lists of names and values of one table, read into its rows."""

    def __init__(
        self,
        roles: Mapping[str, Meaning],
        taken: Container[str],
        notes: list[FeedNote],
        step_of: Callable[[str, str], Step],
    ) -> None:
        """Find the lists.

        Args:
            roles: The meaning of each column that has one.
            taken: Names of columns of the catalog that are something else; may become more.
            notes: Where notes for a person go.
            step_of: The step of a column, by its name and role.
        """
        has = {each.role.removeprefix(VARIANT) for each in roles.values()}
        self._free = tuple(role for role in _WITHOUT_COLUMNS if not has & _SAME.get(role, {role}))
        self._step_of = step_of
        self._steps: dict[str, Step | None] = {}
        self._taken = taken
        self._notes = notes
        self._named: set[str] = set()
        self._lists: list[tuple[str, str, str, bool]] = []
        for of in ("", VARIANT):
            names, values, units = (
                sorted((each.number, column) for column, each in roles.items() if each.role == role)
                for role in (f"{of}attribute_{part}" for part in ("name", "value", "unit"))
            )
            for (number, name), (_, value) in zip(names, values, strict=False):
                self._lists.append((name, value, dict(units).get(number, ""), bool(of)))

    def read(self, record: Record, row: Row) -> None:
        """Give a row what the lists of its record name."""
        for *columns, is_nested in self._lists:
            three = [record.fields.get(column) for column in columns]
            if is_nested:
                self._name_variants(row, three)
            else:
                self.name(row, named_in(*three))

    def name(self, row: Row, named: Mapping[str, Named]) -> None:
        """Give a row attributes by their names."""
        for name, value in named.items():
            if name not in self._named:
                if len(self._named) == MOST_NAMES:
                    self._tell_of_names(name)
                    continue
                self._named.add(name)
                self._steps[name] = self._own_step(name)
            if (step := self._steps[name]) is None:
                set_named(row, name, value, self._taken)
                continue
            try:
                step(row, value)
            except UnusableValueError as problem:
                row.problems.append((name, problem))

    def _own_step(self, name: str) -> Step | None:
        """What to do with a name that no column of the table has the role of."""
        words = column_words()
        for role in self._free:
            if words.names[role].meaning(name) is not None:
                return self._step_of(name, role)
        return None

    def _tell_of_names(self, name: str) -> None:
        told = f"The feed's lists name more than {MOST_NAMES} attributes"
        if not any(note.text.startswith(told) for note in self._notes):
            cure = "Leave out of them what nobody will search or filter by."
            self._notes.append(FeedNote(f"{told}: {shown(name)} and more were left out. {cure}"))

    def _name_variants(self, row: Row, three: Sequence[Value]) -> None:
        """Options of variants by the list that each has; what all agree on is of the product."""
        parts = [each if isinstance(each, list) else [] for each in three]
        lists = [named_in(*each) for each in zip_longest(*parts)]
        common = {
            name: value
            for name, value in (lists[0] if len(lists) > 1 else {}).items()
            if all(each.get(name) == value for each in lists)
        }
        for variant, named in zip(row.variants, lists, strict=False):
            for name, value in named.items():
                if name not in common:
                    variant.options.setdefault(name, _text(value))
        self.name(row, common)
