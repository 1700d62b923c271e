"""Rows of a table read by its mapping: each column's meaning becomes one step, compiled once."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from furniture_prompter.domain import FeedNote
from furniture_prompter.feeds.cell_steps import (
    Row,
    Step,
    add_category,
    add_images,
    add_own_images,
    add_paths,
    into_variants,
    nothing,
    set_attribute,
    set_availability,
    set_children,
    set_count,
    set_currency,
    set_description,
    set_details,
    set_hidden,
    set_id,
    set_kind,
    set_material,
    set_option,
    set_option_name,
    set_option_names,
    set_option_values,
    set_own_category,
    set_pairs,
    set_pairs_as_options,
    set_reduction,
    set_stock,
    set_tags,
    set_text,
    set_translation,
    set_typed,
    set_weight,
    set_words,
    settle_prices,
    written,
)
from furniture_prompter.feeds.cells import (
    KNOWN,
    DecimalMark,
    UnusableValueError,
    column_name,
    shown,
)
from furniture_prompter.feeds.image_cells import references
from furniture_prompter.feeds.layouts import Meaning, without_prefix
from furniture_prompter.feeds.mapping import TableMapping
from furniture_prompter.feeds.named_values import UNIT_CODES, NamedLists, asked_as
from furniture_prompter.feeds.proposing import column_words, is_parent
from furniture_prompter.feeds.records import Record
from furniture_prompter.feeds.roles import OPTION, SIZES, VARIANT, is_translation
from furniture_prompter.feeds.values.currencies import currency_of_column
from furniture_prompter.feeds.values.measures import read_measures
from furniture_prompter.feeds.values.money import (
    read_price,
    says_nothing,
    tells_no_price,
    whole_from_hundredths,
)
from furniture_prompter.feeds.values.sizes import size_column

PRICES: Final = ("price", "sale_price", "list_price", "current_price")
_SETTLED: Final = frozenset({"sale_price", "list_price", "current_price"})
_REDUCING: Final = frozenset({"sale_price", "list_price"})
_PLAIN_TEXTS: Final = ("brand", "url", "gtin")
_SEVERAL: Final = "it has no currency, for its sign is that of several; write the code, such as USD"


class RowPlan:
    """Reads the records of one table into rows."""

    def __init__(
        self,
        mapping: TableMapping,
        marks: Mapping[str, DecimalMark | None],
        *,
        has_types: bool,
    ) -> None:
        """Compile a mapping.

        Args:
            mapping: What the columns mean.
            marks: The decimal mark of each column whose numbers are text.
            has_types: Whether the file tells numbers from text.
        """
        self._mapping = mapping
        self._marks = marks
        self._has_types = has_types
        self._own = mapping.layout.keeps_names
        self._steps: dict[str, Step] = {}
        self._labels: dict[str, str] = {}
        self._doubts: dict[str, tuple[str, int]] = {}
        self._in_hundredths: set[str] = set()
        self._currencies: dict[str, str | None] = {}
        self.doubted = 0
        self.notes: list[FeedNote] = []
        self._names: set[str] = {*KNOWN, "category_path", "base_colors", "base_materials"}
        self._image_columns = {name: n for n, name in enumerate(mapping.columns_of("image"))}
        levels = mapping.columns_of("category")
        self._nested_levels = levels if any(map(is_parent, levels)) else ()
        roles = {meaning.role for meaning in mapping.roles.values()}
        if self._own:
            # Sizes and weights of our own columns stand beside what the file calls them.
            roles -= {*SIZES, "weight"}
        self._names |= {standard for role, standard in _STANDARD.items() if role in roles}
        if roles & set(SIZES):
            self._names |= {f"{each}_cm" for each in SIZES[:-1]}
        self._lists = NamedLists(mapping.roles, self._names, self.notes, self._named_step)
        for name, meaning in mapping.roles.items():
            self._add(name, meaning)
        self._units = {} if self._own else mapping.units
        self._measured = {name: self._steps[name] for name in self._units}
        self._steps |= dict.fromkeys(self._units, nothing)

    def label(self, name: str) -> str:
        """What messages call a column."""
        return self._labels.get(name, name)

    @property
    def doubts(self) -> list[FeedNote]:
        """How cells were read that could have been meant otherwise, a note a column."""
        return [
            FeedNote(f"{label}: {first}" + (f" So were {count - 1:,} more." if count > 1 else ""))
            for label, (first, count) in self._doubts.items()
        ]

    @property
    def met(self) -> Mapping[str, object]:
        """The columns that have a step, in the order in which they got it."""
        return self._steps

    def meets_new(self, records: Iterable[Record]) -> bool:
        """Whether one of the records has a value in a column that has no step yet."""
        met = self._steps.keys()
        for record in records:
            if record.fields.keys() <= met:
                continue
            for name, value in record.fields.items():
                if name not in met and value is not None and value != "":
                    return True
        return False

    def read(self, record: Record) -> Row:
        """What a record says; what is wrong with single cells is among the row's problems."""
        row = Row(record.line, record.may_be_cut)
        steps = self._steps
        for name, value in record.fields.items():
            if value is None or value == "":
                continue
            try:
                step = steps[name]
            except KeyError:
                step = self._add(name, self._mapping.layout.columns.meaning(name))
            try:
                step(row, value)
            except UnusableValueError as problem:
                row.problems.append((self._labels[name], problem))
        if len(self._image_columns) > 1 and len(row.images) > 1:
            row.images = self._in_order(record)
        if self._nested_levels and row.paths:
            self._put_levels_in_order(record, row)
        self._lists.read(record, row)
        for name, unit in self._units.items():
            self._measure_in(record, name, unit, row)
        if row.reduction or not row.attributes.keys().isdisjoint(_SETTLED):
            settle_prices(row)
        for variant in row.variants:
            settle_prices(variant)
        return row

    def _in_order(self, record: Record) -> list[str]:
        """Images by the order of their columns, which need not be the file's."""
        found: list[str] = []
        for name in self._image_columns:
            value = record.fields.get(name)
            if value not in (None, ""):
                try:
                    found += references(value, name, split=self._splits)
                except UnusableValueError:
                    continue
        return found

    def _put_levels_in_order(self, record: Record, row: Row) -> None:
        """The path of a category's object: its parents come first, wherever in it they stand."""
        levels = {name: record.fields.get(name) for name in self._nested_levels}
        row.paths = ()
        for name, value in levels.items():
            if value not in (None, ""):
                with suppress(UnusableValueError):  # told by the column's own step
                    self._steps[name](row, value)

    def _measure_in(self, record: Record, name: str, unit: str, row: Row) -> None:
        """A size or weight, in the unit that another column tells."""
        value, said = record.fields.get(name), record.fields.get(unit)
        if value is None or value == "":
            return
        if isinstance(said, str) and said.strip() and f"{value}".strip()[-1:].isdigit():
            value = f"{value} {UNIT_CODES.get(said.strip().lower(), said.strip().lower())}"
        try:
            self._measured[name](row, value)
        except UnusableValueError as problem:
            row.problems.append((self._labels[name], problem))

    @property
    def _splits(self) -> bool:
        return not (self._own and self._has_types)

    def _add(self, name: str, meaning: Meaning | None) -> Step:
        """Compile the step of a column, also of one that only a later row has."""
        self._labels[name] = name
        if self._own:
            try:
                self._labels[name] = column_name(name)
            except UnusableValueError:
                self._labels[name] = name
        role = meaning.role if meaning is not None else "attribute"
        number = meaning.number if meaning is not None else 0
        if role.startswith(VARIANT):
            step = self._step_of(name, role.removeprefix(VARIANT), number)
            made: Step = partial(into_variants, step)
        elif self._own and role in {*SIZES, "weight"}:
            made = self._plain_step(name, role)
        else:
            made = self._step_of(name, role, number)
        self._steps[name] = made
        return made

    def _step_of(self, name: str, role: str, number: int) -> Step:
        label = self._labels[name]
        if role in _IDS:
            return partial(set_id, role)
        if role in {"title", "color", "colors", "material", "category", "group_title"}:
            return self._words_step(label, role)
        if role in {"description", "short_description"}:
            return partial(set_description, role, label)
        if role in {"category_path", "google_category"}:
            return partial(add_paths, role, self._mapping.layout.category_commas, label)
        if role == "tags":
            return set_tags
        if role == "image":
            return partial(add_images, label, self._splits)
        if role == "variant_image":
            return partial(add_own_images, label)
        if role in PRICES:
            self._currencies[label] = currency_of_column(name)
            if self._mapping.counts_hundredths(name):
                self._in_hundredths.add(label)
            return partial(self._price_or_none, role, label, self._marks.get(name))
        if role == "money":
            own = self._attribute_name(name)
            return partial(self._money, own, self._attribute(name, own), self._marks.get(name))
        if role == "currency":
            return set_currency
        if role in {"availability", "in_stock"}:
            return set_availability
        if role == "stock":
            return partial(set_stock, label, self._marks.get(name))
        if role in _PLAIN_TEXTS:
            return partial(set_text, role, label)
        if role in SIZES:
            return partial(self._measures, label, asked_as(role, name), self._marks.get(name))
        if role == "weight":
            return partial(set_weight, name, self._marks.get(name))
        if role in {"seats", "drawers"}:
            return partial(set_count, role)
        return self._further_step(name, label, role, number)

    def _named_step(self, name: str, role: str) -> Step:
        self._labels.setdefault(name, name)
        return self._step_of(name, role, 0)

    def _further_step(self, name: str, label: str, role: str, number: int) -> Step:
        if role in {"status", "published", "visibility"}:
            hiding = column_words().hidden[role]
            return partial(set_hidden, name, hiding, role == "visibility")
        if role in {"on_sale", "discount_mode", "discount_value", "surcharge"}:
            return partial(set_reduction, role)
        if role == "row_kind":
            return set_kind
        if role == "option_name":
            return partial(set_option_name, number)
        if role == "option_value":
            return partial(set_option, number, label)
        if role.startswith(OPTION):
            return partial(set_option, written(name, role.removeprefix(OPTION)), label)
        if role == "options":
            return set_pairs_as_options
        if role == "details":
            return partial(set_details, self._pair)
        if role == "pairs":
            return partial(set_pairs, self._pair)
        if role == "children":
            return set_children
        if role == "option_names":
            return set_option_names
        if role == "option_values":
            return set_option_values
        if role in {"ignore", "attribute_name", "attribute_value", "attribute_unit"}:
            return nothing
        if is_translation(role):
            self._names.add(role)
            return partial(set_translation, role, label)
        return self._plain_step(name)

    def _words_step(self, label: str, role: str) -> Step:
        if role == "material":
            return partial(set_material, label)
        if role == "category" and self._mapping.has("category_path"):
            return partial(set_words, role, label, strict=False)
        if role == "category" and not self._own:
            several = len(self._mapping.columns_of("category")) > 1
            commas = self._mapping.layout.category_commas
            return partial(add_category, several, commas, label)
        if role == "category":
            return partial(set_own_category, label)
        return partial(set_words, role, label, strict=self._own)

    def _plain_step(self, name: str, role: str = "") -> Step:
        """The step of a column that keeps its name: an attribute, with what else it tells.

        Args:
            name: The column.
            role: The size that a column of our own layout is, or weight; empty for others.
        """
        try:
            own = self._attribute_name(name)
        except UnusableValueError as problem:
            self.notes.append(FeedNote(f"A column was left out. {problem.reason} {problem.cure}"))
            return nothing
        step, mark = self._attribute(name, own), self._marks.get(name)
        if role == "weight":
            return partial(_with, step, partial(set_weight, name, mark))
        if role == "dimensions":
            return partial(_with, step, partial(self._measures, self._labels[name], name, mark))
        if role:
            asked = asked_as(role, name)
            return partial(self._size_beside, own, f"{role}_cm", asked, mark, step, is_size=True)
        about = size_column(name)
        if self._own and len(about.roles) == 1 and not about.is_packed:
            return partial(self._size_beside, own, about.roles[0], name, mark, step, is_size=False)
        return step

    def _attribute_name(self, name: str) -> str:
        plain = own = column_name(without_prefix(name))
        count = 1
        while own in self._names:
            count += 1
            own = f"{plain}_{count}"
        if own != plain and plain not in KNOWN:
            self.notes.append(
                FeedNote(
                    f"The column {shown(name)} is called {own}, because another one is {plain}."
                )
            )
        self._names.add(own)
        return own

    def _attribute(self, name: str, own: str) -> Step:
        if self._has_types:
            return partial(set_attribute, own, self._labels[name])
        return partial(set_typed, own, self._labels[name], self._marks.get(name))

    def _doubt(self, label: str, doubt: str) -> None:
        self.doubted += 1
        first, count = self._doubts.get(label, (doubt, 0))
        self._doubts[label] = (first, count + 1)

    def _price(
        self, role: str, own: str, label: str, mark: DecimalMark | None, row: Row, value: Any
    ) -> None:
        if isinstance(value, list):
            value = next((each for each in value if each not in (None, "")), None)
            if value is None:
                return
        if isinstance(value, str) and value.isspace():
            return
        told = self._currencies.get(label)
        price = read_price(value, mark=mark, currency=told)
        in_hundredths = label in self._in_hundredths
        if in_hundredths:
            price = whole_from_hundredths(price, str(value))
        if price.doubt:
            self._doubt(label, price.doubt)
        elif told and price.currency != told:
            is_in = f"it is in {price.currency}" if price.currency else _SEVERAL
            self._doubt(
                label,
                f"{shown(value)} is not in {told}, as the column's name says: the cell decides, "
                f"so {is_in}. {told} is the currency of cells that name none.",
            )
        if own in row.attributes:
            return
        row.attributes[own] = price.amount
        if isinstance(value, str):
            row.cells[own] = f"{price.amount:.2f}" if in_hundredths else value.strip()
        if price.currency and role != "list_price":
            row.attributes.setdefault("currency", price.currency)

    def _price_or_none(
        self, role: str, label: str, mark: DecimalMark | None, row: Row, value: Any
    ) -> None:
        """A price, or what a shop writes where it has none to tell."""
        try:
            self._price(role, role, label, mark, row, value)
        except UnusableValueError:
            cells = value if isinstance(value, list) else [value]
            said = next((f"{each}".strip() for each in cells if each not in (None, "")), "")
            if not tells_no_price(said):
                raise
            if role in _REDUCING and says_nothing(said):
                # Nothing is reduced, as most products of a shop are not.
                return
            # Who counts them has to see the row in every run.
            self.doubted += 1
            row.instead_of_price = row.instead_of_price or said

    def _money(
        self, own: str, otherwise: Step, mark: DecimalMark | None, row: Row, value: Any
    ) -> None:
        """A price that keeps the shop's name of the column; what is none is kept as it is."""
        try:
            self._price("price", own, own, mark, row, value)
        except UnusableValueError:
            otherwise(row, value)

    def _measures(
        self, label: str, asked: str, mark: DecimalMark | None, row: Row, value: Any
    ) -> None:
        if isinstance(value, list):
            value = " x ".join(str(each) for each in value)
        if value in (0, "0", "0.0") or (isinstance(value, str) and value.isspace()):
            # Shop systems write 0 where a size is not known.
            return
        measures = read_measures(value, column=asked, mark=mark)
        if measures.doubt:
            self._doubt(label, measures.doubt)
        for name, size in measures.cm.items():
            row.attributes.setdefault(name, size)

    def _size_beside(
        self,
        own: str,
        standard: str,
        asked: str,
        mark: DecimalMark | None,
        step: Step,
        row: Row,
        value: Any,
        *,
        is_size: bool,
    ) -> None:
        """A size of our own columns: as it is written, and as centimetres where it is a size.

        It is one by its column's name, or where name or cell tell a unit.
        """
        try:
            size = read_measures(value, column=asked, mark=mark).cm.get(standard)
        except UnusableValueError:
            size = None
        if size is None or (own == standard and isinstance(value, int | float)):
            step(row, value)
            return
        if own == standard:
            row.attributes[own] = size
            row.cells[own] = str(value)
            return
        step(row, value)
        if is_size or size_column(asked).unit or isinstance(row.attributes.get(own), str):
            row.attributes.setdefault(standard, size)

    def _pair(self, row: Row, name: str, value: str) -> None:
        """One attribute that a cell of several names: ``color=Gri,material=Ahşap``."""
        self._lists.name(row, {name: value})


def _with(step: Step, further: Step, row: Row, value: Any) -> None:
    """One step, and another that need not make anything of the value."""
    step(row, value)
    with suppress(UnusableValueError):
        further(row, value)


_IDS: Final = frozenset({"id", "group", "parent", "alt_id", "slug", "parent_number"})
_STANDARD: Final = {
    **{role: role for role in ("price", "sale_price", "currency", "availability", "stock")},
    **{role: role for role in (*_PLAIN_TEXTS, "seats", "drawers", "material")},
    "in_stock": "availability",
    "current_price": "price",
    "list_price": "sale_price",
    "weight": "weight_kg",
}
