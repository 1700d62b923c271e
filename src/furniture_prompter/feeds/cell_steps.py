"""What one cell says of its row: a step for each meaning that a column can have."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from furniture_prompter.domain import AttributeValue
from furniture_prompter.feeds.cells import DecimalMark, UnusableValueError, prose, shown, typed
from furniture_prompter.feeds.image_cells import references
from furniture_prompter.feeds.proposing import column_words, hidden_key
from furniture_prompter.feeds.records import Value
from furniture_prompter.feeds.rows import attribute, plain_text, plain_words, tags_of
from furniture_prompter.feeds.values.counts import read_count
from furniture_prompter.feeds.values.currencies import currency_of
from furniture_prompter.feeds.values.money import read_availability
from furniture_prompter.feeds.values.text import category_paths, html_to_text
from furniture_prompter.feeds.values.weights import read_weight
from furniture_prompter.feeds.variants import LIMIT_VARIANTS


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
        is_form: Whether it says of itself that it is a variant.
        instead_of_price: What it says where it tells its price to those who ask; else empty.
        reduction: What columns say of how the price is reduced: on_sale, discount_mode and
            discount_value.
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
    is_form: bool = False
    instead_of_price: str = ""
    reduction: dict[str, str] = field(default_factory=dict)
    variants: list["Row"] = field(default_factory=list)

    @property
    def only_text(self) -> str:
        """The text of a row that has one and nothing else; empty for every other."""
        more = (self.images, self.own_images, self.tags, self.variants, self.options)
        if any(more) or self.children or self.problems or self.may_be_cut or self.hidden:
            return ""
        said = [*self.words.values(), *self.attributes.values(), *self.ids.values()]
        if self.ids and not _is_heading(said[0]):
            return ""
        return said[0] if len(said) == 1 and isinstance(said[0], str) else ""


def _is_heading(text: object) -> bool:
    """Whether the only text of a row, in a column of ids, is none: ``KOLTUK GRUBU``."""
    if not isinstance(text, str) or any(map(str.isdigit, text)):
        return False
    return text.isupper() or " " in text.strip()


Step: TypeAlias = Callable[[Row, Any], None]


def nothing(_row: Row, _value: Any) -> None:
    """A column that nobody wants."""


def into_variants(step: Step, row: Row, value: Any) -> None:
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


def set_id(role: str, row: Row, value: Any) -> None:
    """What identifies the row, or its product."""
    row.ids.setdefault(role, value)


def set_words(role: str, label: str, row: Row, value: Any, *, strict: bool) -> None:
    """A title, or colours."""
    if isinstance(value, list) and not strict and role != "color":
        value = next((each for each in value if each), None)
    if not strict and isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:.15g}"
    words = plain_words(value, role, label)
    if words:
        row.words.setdefault(role, words)


def set_material(label: str, row: Row, value: Any) -> None:
    """Materials in the shop's words."""
    if isinstance(value, list):
        value = ", ".join(str(each) for each in value if each)
    text = attribute(label, value)
    if isinstance(text, str):
        row.attributes.setdefault("material", text)


def set_description(role: str, label: str, row: Row, value: Any) -> None:
    """A description, whose HTML becomes text."""
    if isinstance(value, str):
        # WooCommerce's export writes line breaks as a backslash and a letter.
        value = html_to_text(value.replace("\\r\\n", "\n").replace("\\n", "\n"))
    text = plain_text(value, label)
    if text:
        row.words.setdefault(role, text)


def set_translation(role: str, label: str, row: Row, value: Any) -> None:
    """A title or the like in another language; HTML of a description becomes text."""
    if isinstance(value, str) and role.startswith("description"):
        value = html_to_text(value)
    text = attribute(label, value)
    if text is not None:
        row.attributes.setdefault(role, text)


def set_own_category(label: str, row: Row, value: Any) -> None:
    """A category in the shop's words, and its path where it is one."""
    words = plain_words(value, "category", label)
    if words:
        row.words["category"] = words
        row.paths = tuple(path for path in category_paths(words) if len(path) > 1)


def add_category(several: bool, commas: bool, label: str, row: Row, value: Any) -> None:
    """A category, or one level of it."""
    if isinstance(value, int | float):
        return
    if several:
        # Columns are the levels of one path: Ana Kategori, Alt Kategori.
        words = plain_words(value, "category", label)
        if words:
            row.paths = (((*row.paths[0], words) if row.paths else (words,)),)
            row.words["category"] = words
        return
    add_paths("category", commas, label, row, value)


def add_paths(role: str, commas: bool, label: str, row: Row, value: Any) -> None:
    """Paths of categories; the leaf of the deepest is the category."""
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
    if not found:
        return
    if role == "category_path" and isinstance(value, list) and all(len(p) == 1 for p in found):
        # A list of levels is one path: ["Furniture", "Sofa"].
        found = [tuple(level for path in found for level in path)]
    row.paths = tuple(dict.fromkeys((*row.paths, *found)))
    if role == "category":
        row.words["category"] = max(found, key=len)[-1]


def set_tags(row: Row, value: Any) -> None:
    """Further words."""
    row.tags = tags_of(value)


def add_images(label: str, split: bool, row: Row, value: Any) -> None:
    """Images of the product."""
    row.images += references(value, label, split=split)


def add_own_images(label: str, row: Row, value: Any) -> None:
    """Images of the variant alone."""
    row.own_images += references(value, label)


def set_currency(row: Row, value: Any) -> None:
    """The currency of the prices."""
    if isinstance(value, list):
        value = next((each for each in value if each), "")
    code = currency_of(str(value).strip())
    if code is None:
        raise UnusableValueError(
            f"{shown(value)} is no currency that is known.", "Write its ISO code, such as EUR."
        )
    row.attributes["currency"] = code


def set_availability(row: Row, value: Any) -> None:
    """Whether it can be had."""
    if isinstance(value, list):
        # Offers of several shops: one that can be had is enough.
        texts = {read_availability(each) for each in value if each not in (None, "")}
        value = "in stock" if "in stock" in texts else next(iter(sorted(texts)), None)
        if value is None:
            return
    if isinstance(value, str) and value.isspace():
        return
    row.attributes.setdefault("availability", read_availability(value))


def set_stock(label: str, mark: DecimalMark | None, row: Row, value: Any) -> None:
    """Pieces in stock, or whether there are any where the shop tells no number."""
    number = typed(value, mark or ".") if isinstance(value, str) else value
    if number is None:
        return
    if isinstance(number, bool | str):
        try:
            told = read_availability(number)
        except UnusableValueError:
            told = None
        if told is not None:
            row.attributes.setdefault("availability", told)
            return
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise UnusableValueError(
            f"{label} is {shown(value)}, which is no number of pieces.",
            "Write a number, or whether it can be had, such as in stock.",
        )
    amount = attribute(label, number)
    if amount is not None:
        row.attributes.setdefault("stock", amount)


def set_text(role: str, label: str, row: Row, value: Any) -> None:
    """A brand, an address, a GTIN."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:.0f}" if float(value).is_integer() else str(value)
    if isinstance(value, list):
        value = next((each for each in value if each), None)
    if role == "gtin" and isinstance(value, str):
        # Shopify and Excel write an apostrophe before digits, so that they stay text.
        value = value.strip().removeprefix("'")
    text = attribute(label, value)
    if role in {"url", "gtin"} and text:
        row.ids.setdefault(role, str(text))
    if isinstance(text, str):
        row.attributes.setdefault(role, text)


def set_weight(name: str, mark: DecimalMark | None, row: Row, value: Any) -> None:
    """The weight in kilograms."""
    weight = read_weight(value, column=name, mark=mark)
    if weight is not None:
        row.attributes.setdefault("weight_kg", weight)


def set_count(role: Any, row: Row, value: Any) -> None:
    """Seats or drawers."""
    if not (isinstance(value, str) and value.isspace()):
        row.attributes.setdefault(role, float(read_count(value, of=role)))


def set_hidden(name: str, hiding: frozenset[str], alone: bool, row: Row, value: Any) -> None:
    """Whether the shop shows the row."""
    if hidden_key(str(value)) not in hiding:
        return
    if alone:
        row.is_not_alone = True
    else:
        row.hidden = f"{name} {str(value).strip()}"


def set_kind(row: Row, value: Any) -> None:
    """Whether a row is a product or one of its variants."""
    row.is_form = hidden_key(str(value)) in {"variant", "variation", "sku"}


def set_option_name(number: int, row: Row, value: Any) -> None:
    """The name of the option of a number."""
    text = prose(str(value))
    if text:
        row.names[number] = text


def set_option(key: int | str, label: str, row: Row, value: Any) -> None:
    """The value of an option."""
    text = attribute(label, value)
    if text not in (None, ""):
        row.options.setdefault(key, text if isinstance(text, str) else f"{text:.15g}")


def set_option_names(row: Row, value: Any) -> None:
    """The names of all options, in a list."""
    names = value if isinstance(value, list) else [value]
    row.names = {place: str(name) for place, name in enumerate(names, start=1) if name}


def set_option_values(row: Row, value: Any) -> None:
    """The values of all options, in a list."""
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


def set_pairs_as_options(row: Row, value: Any) -> None:
    """Options in one cell."""
    if isinstance(value, str):
        for name, text in _pairs(value).items():
            row.options.setdefault(name, text)


def set_pairs(pair: Callable[[Row, str, str], None], row: Row, value: Any) -> None:
    """Attributes that a cell of several names."""
    if isinstance(value, str):
        for name, text in _pairs(value).items():
            pair(row, name, text)


def set_details(pair: Callable[[Row, str, str], None], row: Row, value: Any) -> None:
    """Google's details in one cell: ``General:Seat height:45 cm,General:Legs:Oak``."""
    for text in str(value).split(","):
        parts = text.strip(' "').split(":", 2)
        if len(parts) == 3 and parts[1].strip() and parts[2].strip():
            pair(row, prose(parts[1]), prose(parts[2]))


def set_children(row: Row, value: Any) -> None:
    """Magento's variants of a configurable product: ``sku=A,color=Gri|sku=B,color=Bej``."""
    for variant in str(value).split("|"):
        pairs = _pairs(variant.replace(";", ","))
        identifier = pairs.pop("sku", "")
        if identifier:
            row.children[identifier] = pairs


def settle_prices(row: Row) -> None:
    """A price before a reduction is the price, and the reduced one the sale price.

    Of a price before, a price and a sale price the lowest is the sale price. One that is the price
    itself reduces nothing, and is none.
    """
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
        row.attributes["price"] = before
        row.cells.pop("price", None)
        reduced = row.attributes.get("sale_price")
        if not isinstance(reduced, float) or reduced > now:
            row.attributes["sale_price"] = now
            row.cells.pop("sale_price", None)
    _settle_reduction(row)
    if "sale_price" in row.attributes and row.attributes["sale_price"] == row.attributes.get(
        "price"
    ):
        del row.attributes["sale_price"]
        row.cells.pop("sale_price", None)


def set_reduction(part: str, row: Row, value: Any) -> None:
    """How the price differs: whether it is reduced, by what, by a share or a sum; a surcharge."""
    text = str(value).strip()
    if part in {"discount_value", "surcharge"}:
        number = typed(text.removesuffix("%").strip(), "." if "." in text else ",")
        if isinstance(number, str):
            raise UnusableValueError(f"{shown(value)} is no sum.", "Write a number.")
        text = f"{number or 0:.15g}"
    row.reduction[part] = text


def _settle_reduction(row: Row) -> None:
    """The sale price that a discount makes; none where a row says that it is not on sale."""
    told = row.reduction
    if "on_sale" in told and hidden_key(told["on_sale"]) in column_words().hidden["published"]:
        row.attributes.pop("sale_price", None)
        row.cells.pop("sale_price", None)
    price, by = row.attributes.get("price"), float(told.get("discount_value", 0))
    mode = told.get("discount_mode", "").casefold()
    if isinstance(price, float) and by > 0 and mode in {"percent", "amount"}:
        reduced = round(price * (1 - by / 100) if mode == "percent" else price - by, 2)
        if reduced > 0:
            row.attributes.setdefault("sale_price", reduced)


def written(name: str, option: str) -> str:
    """The option's name in the spelling of the data, or the shop's own for ``--map``."""
    return option if option[:1].isupper() else name


def set_attribute(own: str, label: str, row: Row, value: Any) -> None:
    """A column of the shop's own, of a file that has types."""
    if isinstance(value, list) and any(isinstance(each, list) for each in value):
        value = [part for each in value for part in (each if isinstance(each, list) else [each])]
    found = attribute(label, value)
    if found is not None:
        row.attributes.setdefault(own, found)


def set_typed(own: str, label: str, mark: DecimalMark | None, row: Row, value: Any) -> None:
    """A column of the shop's own, of a file in which all is text."""
    if not isinstance(value, str):
        set_attribute(own, label, row, value)
        return
    found = typed(value, mark)
    if isinstance(found, str):
        set_attribute(own, label, row, found)
    elif found is not None and own not in row.attributes:
        row.attributes[own] = found
        row.cells[own] = value
