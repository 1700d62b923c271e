"""Rows of a table read by its mapping: each column's meaning becomes one step, compiled once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

from furniture_prompter.domain import AttributeValue, FeedNote
from furniture_prompter.feeds.cells import (
    KNOWN,
    DecimalMark,
    UnusableValueError,
    column_name,
    prose,
    shown,
    typed,
)
from furniture_prompter.feeds.image_cells import references
from furniture_prompter.feeds.layouts import Meaning, fold
from furniture_prompter.feeds.mapping import TableMapping
from furniture_prompter.feeds.proposing import column_words, hidden_key
from furniture_prompter.feeds.records import Record, Value
from furniture_prompter.feeds.roles import OPTION, VARIANT, is_translation
from furniture_prompter.feeds.rows import attribute, plain_text, plain_words, tags_of
from furniture_prompter.feeds.values.counts import read_count
from furniture_prompter.feeds.values.currencies import currency_of
from furniture_prompter.feeds.values.measures import read_measures, read_weight
from furniture_prompter.feeds.values.money import read_availability, read_price
from furniture_prompter.feeds.values.sizes import size_column
from furniture_prompter.feeds.values.text import category_paths, html_to_text

SIZES: Final = ("width", "depth", "height", "length", "diameter", "seat_height", "dimensions")
PRICES: Final = ("price", "sale_price", "list_price", "current_price")
_PLAIN_TEXTS: Final = ("brand", "url", "gtin")
_LIMIT_DOUBTS: Final = 1
LIMIT_VARIANTS: Final = 500


@dataclass(slots=True)
class Row:
    """What one row says, before it is known which rows are one product.

    Attributes:
        line: Its line in the file.
        may_be_cut: Whether the file ends in it.
        ids: Values of the roles that identify: id, group, parent, alt_id, slug, url, gtin.
        words: title, description, category, color and the like, as text.
        tags: Further words.
        paths: Paths of categories, each from its top level down.
        attributes: What is filtered by, by name.
        cells: The text that numbers among the attributes were read from.
        images: Images of the product, in order.
        own_images: Images of this variant alone.
        names: Names of options by number.
        options: Values of options, by number, or by name.
        children: Options of each variant that the row lists, by the variant's id.
        problems: What is wrong with single cells, with their columns.
        hidden: The column by which the shop does not show it; empty where it does.
        is_not_alone: Whether it is shown as a variant only.
        variants: Rows of the variants that a list in this row holds.
    """

    line: int
    may_be_cut: bool = False
    ids: dict[str, Value] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    paths: tuple[tuple[str, ...], ...] = ()
    attributes: dict[str, AttributeValue] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)
    own_images: list[str] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    options: dict[int | str, str] = field(default_factory=dict)
    children: dict[str, dict[str, str]] = field(default_factory=dict)
    problems: list[tuple[str, UnusableValueError]] = field(default_factory=list)
    hidden: str = ""
    is_not_alone: bool = False
    variants: list["Row"] = field(default_factory=list)


Step: TypeAlias = Callable[[Row, Any], None]


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
        self._nested: dict[str, tuple[str, Step]] = {}
        self._doubts: dict[str, tuple[str, int]] = {}
        self.notes: list[FeedNote] = []
        self._names: set[str] = {*KNOWN, "category_path", "base_colors", "base_materials"}
        self._image_columns = {name: n for n, name in enumerate(mapping.columns_of("image"))}
        roles = {meaning.role for meaning in mapping.roles.values()}
        self._names |= {standard for role, standard in _STANDARD.items() if role in roles}
        if roles & set(SIZES):
            self._names |= {f"{each}_cm" for each in SIZES[:-1]}
        for name, meaning in mapping.roles.items():
            self._add(name, meaning)

    @property
    def doubts(self) -> list[FeedNote]:
        """How cells were read that could have been meant otherwise, a note a column."""
        return [
            FeedNote(
                f"{label}: {first}" + (f" So were {count - 1:,} more." if count > 1 else "")
            )
            for label, (first, count) in self._doubts.items()
        ]

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
        if "list_price" in row.attributes or "current_price" in row.attributes:
            _settle_prices(row)
        for variant in row.variants:
            if "list_price" in variant.attributes:
                _settle_prices(variant)
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
            made: Step = partial(_into_variants, step)
        else:
            made = self._step_of(name, role, number)
        self._steps[name] = made
        return made

    def _step_of(self, name: str, role: str, number: int) -> Step:
        label = self._labels[name]
        if role in _IDS:
            return partial(_set_id, role)
        if role in {"title", "color", "colors", "material", "category", "title_of"}:
            return self._words_step(name, label, role)
        if role in {"description", "short_description"}:
            return partial(_set_description, role, label)
        if role in {"category_path", "google_category"}:
            return partial(_add_paths, role, self._mapping.layout.category_commas, label)
        if role == "tags":
            return _set_tags
        if role == "image":
            return partial(_add_images, label, self._splits)
        if role == "variant_image":
            return partial(_add_own_images, label)
        if role in PRICES:
            return partial(self._price, role, role, label, self._marks.get(name))
        if role == "money":
            own = self._attribute_name(name)
            return partial(self._money, own, self._attribute(name, own), self._marks.get(name))
        if role == "currency":
            return partial(_set_currency, label)
        if role in {"availability", "in_stock"}:
            return _set_availability
        if role == "stock":
            return partial(_set_stock, label, self._marks.get(name))
        if role in _PLAIN_TEXTS:
            return partial(_set_text, role, label)
        if role in SIZES:
            asked = name if role == "dimensions" or size_column(name).roles else f"{role} {name}"
            return partial(self._measures, label, asked, self._marks.get(name))
        if role == "weight":
            return partial(_set_weight, name, self._marks.get(name))
        if role in {"seats", "drawers"}:
            return partial(_set_count, role)
        return self._further_step(name, label, role, number)

    def _further_step(self, name: str, label: str, role: str, number: int) -> Step:
        if role in {"status", "published", "visibility"}:
            hiding = column_words().hidden[role]
            return partial(_set_hidden, name, hiding, role == "visibility")
        if role == "option_name":
            return partial(_set_option_name, number)
        if role == "option_value":
            return partial(_set_option, number, label)
        if role.startswith(OPTION):
            return partial(_set_option, _written(name, role.removeprefix(OPTION)), label)
        if role == "options":
            return _set_pairs_as_options
        if role == "pairs":
            return partial(_set_pairs, self)
        if role == "children":
            return _set_children
        if role == "option_names":
            return _set_option_names
        if role == "option_values":
            return _set_option_values
        if role == "ignore":
            return _nothing
        if is_translation(role):
            return self._attribute(name, role)
        return self._plain_step(name)

    def _words_step(self, name: str, label: str, role: str) -> Step:
        if role == "material":
            own = "material"
            return partial(_set_material, own, label)
        if role == "category" and not self._own:
            several = len(self._mapping.columns_of("category")) > 1
            commas = self._mapping.layout.category_commas
            return partial(_add_category, several, commas, label)
        if role == "category":
            return partial(_set_own_category, label)
        return partial(_set_words, role, label, self._own)

    def _plain_step(self, name: str) -> Step:
        """The step of a column that nobody but the shop knows: an attribute."""
        try:
            own = self._attribute_name(name)
        except UnusableValueError as problem:
            self.notes.append(
                FeedNote(f"A column was left out. {problem.reason} {problem.cure}")
            )
            return _nothing
        step = self._attribute(name, own)
        about = size_column(name)
        if self._own and len(about.roles) == 1 and not about.is_packed:
            return partial(self._size_beside, own, about.roles[0], name, step)
        return step

    def _attribute_name(self, name: str) -> str:
        plain = own = column_name(name)
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
            return partial(_set_attribute, own, self._labels[name])
        return partial(_set_typed, own, self._labels[name], self._marks.get(name))

    def _doubt(self, label: str, doubt: str) -> None:
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
        price = read_price(value, mark=mark)
        if price.doubt:
            self._doubt(label, price.doubt)
        if own in row.attributes:
            return
        row.attributes[own] = price.amount
        if isinstance(value, str):
            row.cells[own] = value.strip()
        if price.currency and role != "list_price":
            row.attributes.setdefault("currency", price.currency)

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
        self, own: str, standard: str, name: str, step: Step, row: Row, value: Any
    ) -> None:
        """A size of our own columns: as it is written, and as centimetres where it tells a unit."""
        try:
            size = read_measures(value, column=name, mark=self._marks.get(name)).cm.get(standard)
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
        if size_column(name).unit or isinstance(row.attributes.get(own), str):
            row.attributes.setdefault(standard, size)

    def pair(self, row: Row, name: str, value: str) -> None:
        """One attribute that a cell of several names: ``color=Gri,material=Ahşap``."""
        folded = fold(name)
        words = column_words().names
        for role in ("color", "material"):
            if words[role].meaning(folded) is not None:
                row.options[role.capitalize()] = value
                _set_words(role, name, False, row, value) if role == "color" else _set_material(
                    "material", name, row, value
                )
                return
        try:
            own = column_name(name)
        except UnusableValueError:
            return
        if own not in self._names:
            row.attributes.setdefault(own, prose(value))


_IDS: Final = frozenset({"id", "group", "parent", "alt_id", "slug", "parent_number"})
_STANDARD: Final = {
    **{role: role for role in ("price", "sale_price", "currency", "availability", "stock")},
    **{role: role for role in (*_PLAIN_TEXTS, "seats", "drawers", "material")},
    "in_stock": "availability",
    "current_price": "price",
    "list_price": "sale_price",
    "weight": "weight_kg",
}


def _nothing(_row: Row, _value: Any) -> None:
    pass


def _into_variants(step: Step, row: Row, value: Any) -> None:
    """Give each member of a list to the variant at its place."""
    members = value if isinstance(value, list) else [value]
    if len(members) > LIMIT_VARIANTS:
        raise UnusableValueError(
            f"The row lists {len(members):,} variants, more than {LIMIT_VARIANTS}.",
            "Keep those that are sold.",
        )
    while len(row.variants) < len(members):
        row.variants.append(Row(row.line))
    for variant, member in zip(row.variants, members, strict=False):
        if member is not None and member != "":
            step(variant, member)


def _set_id(role: str, row: Row, value: Any) -> None:
    row.ids.setdefault(role, value)


def _set_words(role: str, label: str, strict: bool, row: Row, value: Any) -> None:
    if isinstance(value, list) and not strict and role != "color":
        value = next((each for each in value if each), None)
    if not strict and isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:.15g}"
    words = plain_words(value, role, label)
    if words:
        row.words.setdefault(role, words)


def _set_material(own: str, label: str, row: Row, value: Any) -> None:
    text = attribute(label, value)
    if isinstance(text, str):
        row.attributes.setdefault(own, text)


def _set_description(role: str, label: str, row: Row, value: Any) -> None:
    if isinstance(value, str):
        value = html_to_text(value)
    text = plain_text(value, label)
    if text:
        row.words.setdefault(role, text)


def _set_own_category(label: str, row: Row, value: Any) -> None:
    words = plain_words(value, "category", label)
    if words:
        row.words["category"] = words
        row.paths = tuple(path for path in category_paths(words) if len(path) > 1)


def _add_category(several: bool, commas: bool, label: str, row: Row, value: Any) -> None:
    if isinstance(value, int | float):
        return
    if several:
        # Columns are the levels of one path: Ana Kategori, Alt Kategori.
        words = plain_words(value, "category", label)
        if words:
            row.paths = (((*row.paths[0], words) if row.paths else (words,)),)
            row.words["category"] = words
        return
    _add_paths("category", commas, label, row, value)


def _add_paths(role: str, commas: bool, label: str, row: Row, value: Any) -> None:
    texts = value if isinstance(value, list) else [value]
    if role == "google_category" and (row.paths or str(value).isdigit()):
        return
    found: list[tuple[str, ...]] = []
    for text in texts:
        if isinstance(text, list):
            found.append(tuple(str(level) for level in text))
        elif isinstance(text, str) and text.strip():
            words = plain_words(text, "category", label) if len(text) <= 500 else text
            found += category_paths(words, commas=commas)
    if role == "category_path" and isinstance(value, list) and all(len(p) == 1 for p in found):
        # A list of levels is one path: ["Furniture", "Sofa"].
        found = [tuple(level for path in found for level in path)]
    if not found:
        return
    row.paths = tuple(dict.fromkeys((*row.paths, *found)))
    leaf = max(found, key=len)[-1]
    if role == "category" or "category" not in row.words:
        row.words["category"] = leaf


def _set_tags(row: Row, value: Any) -> None:
    row.tags = tags_of(value)


def _add_images(label: str, split: bool, row: Row, value: Any) -> None:
    row.images += references(value, label, split=split)


def _add_own_images(label: str, row: Row, value: Any) -> None:
    row.own_images += references(value, label)


def _set_currency(label: str, row: Row, value: Any) -> None:
    if isinstance(value, list):
        value = next((each for each in value if each), "")
    code = currency_of(str(value).strip())
    if code is None:
        raise UnusableValueError(
            f"{shown(value)} is no currency that is known.", "Write its ISO code, such as EUR."
        )
    row.attributes["currency"] = code


def _set_availability(row: Row, value: Any) -> None:
    if isinstance(value, list):
        # Offers of several shops: one that can be had is enough.
        texts = {read_availability(each) for each in value if each not in (None, "")}
        value = "in stock" if "in stock" in texts else next(iter(sorted(texts)), None)
        if value is None:
            return
    if isinstance(value, str) and value.isspace():
        return
    row.attributes.setdefault("availability", read_availability(value))


def _set_stock(label: str, mark: DecimalMark | None, row: Row, value: Any) -> None:
    number = typed(value, mark or ".") if isinstance(value, str) else value
    if number is None:
        return
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise UnusableValueError(
            f"{label} is {shown(value)}, which is no number of pieces.", "Write a number."
        )
    amount = attribute(label, number)
    if amount is not None:
        row.attributes.setdefault("stock", amount)


def _set_text(role: str, label: str, row: Row, value: Any) -> None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:.0f}" if float(value).is_integer() else str(value)
    if isinstance(value, list):
        value = next((each for each in value if each), None)
    text = attribute(label, value)
    if role in {"url", "gtin"} and text:
        row.ids.setdefault(role, str(text))
    if isinstance(text, str):
        row.attributes.setdefault(role, text)


def _set_weight(name: str, mark: DecimalMark | None, row: Row, value: Any) -> None:
    weight = read_weight(value, column=name, mark=mark)
    if weight is not None:
        row.attributes.setdefault("weight_kg", weight)


def _set_count(role: Any, row: Row, value: Any) -> None:
    if not (isinstance(value, str) and value.isspace()):
        row.attributes.setdefault(role, float(read_count(value, of=role)))


def _set_hidden(name: str, hiding: frozenset[str], alone: bool, row: Row, value: Any) -> None:
    if hidden_key(str(value)) not in hiding:
        return
    if alone:
        row.is_not_alone = True
    else:
        row.hidden = f"{name} {str(value).strip()}"


def _set_option_name(number: int, row: Row, value: Any) -> None:
    text = prose(str(value))
    if text:
        row.names[number] = text


def _set_option(key: int | str, label: str, row: Row, value: Any) -> None:
    text = attribute(label, value)
    if text not in (None, ""):
        row.options.setdefault(key, text if isinstance(text, str) else f"{text:.15g}")


def _set_option_names(row: Row, value: Any) -> None:
    names = value if isinstance(value, list) else [value]
    row.names = {place: str(name) for place, name in enumerate(names, start=1) if name}


def _set_option_values(row: Row, value: Any) -> None:
    for place, each in enumerate(value if isinstance(value, list) else [value], start=1):
        text = ", ".join(map(str, each)) if isinstance(each, list) else str(each or "")
        if text:
            row.options.setdefault(place, prose(text))


def _pairs(text: str) -> dict[str, str]:
    """Names and values: ``Renk:Gri; Beden:L``, ``color=Gri,material=Ahşap``."""
    between = ";" if ";" in text else "|" if "|" in text else ","
    found: dict[str, str] = {}
    last = ""
    for part in text.split(between):
        equals = "=" if "=" in part else ":"
        name, sign, value = part.partition(equals)
        if sign:
            last = prose(name)
            # PrestaShop writes Name:Value:Position.
            found[last] = prose(value.rpartition(":")[0] if _is_position(value) else value)
        elif last:
            found[last] += f"{between}{part}"
    return {name: value for name, value in found.items() if name and value}


def _is_position(value: str) -> bool:
    return ":" in value and value.rpartition(":")[2].strip().isdigit()


def _set_pairs_as_options(row: Row, value: Any) -> None:
    if isinstance(value, str):
        for name, text in _pairs(value).items():
            row.options.setdefault(name, text)


def _set_pairs(plan: RowPlan, row: Row, value: Any) -> None:
    if isinstance(value, str):
        for name, text in _pairs(value).items():
            plan.pair(row, name, text)


def _set_children(row: Row, value: Any) -> None:
    """Magento's variants of a configurable product: ``sku=A,color=Gri|sku=B,color=Bej``."""
    for variant in str(value).split("|"):
        pairs = _pairs(variant.replace(";", ","))
        identifier = pairs.pop("sku", "")
        if identifier:
            row.children[identifier] = pairs


def _settle_prices(row: Row) -> None:
    """A price before a reduction is the price, and the reduced one the sale price."""
    before = row.attributes.pop("list_price", None)
    row.cells.pop("list_price", None)
    current = row.attributes.pop("current_price", None)
    cell = row.cells.pop("current_price", None)
    if current is not None and "price" not in row.attributes:
        row.attributes["price"] = current
        if cell is not None:
            row.cells["price"] = cell
    now = row.attributes.get("price")
    if isinstance(before, float) and isinstance(now, float) and before > now:
        row.attributes["price"], row.attributes["sale_price"] = before, now
        row.cells.pop("price", None)


def _written(name: str, option: str) -> str:
    """The option's name in the spelling of the data, or the shop's own for ``--map``."""
    return option if option[:1].isupper() else name
