"""Products as programs send them over the API: the fields of a feed, one product at a time.

Names and values mean what they mean in a table of our own columns, as docs/feeds.md says. But what
sends a product is there to mend it: what has no usable shape refuses it, and a price that could be
meant in two ways is left out, for no other row tells which.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from furniture_prompter.domain import AttributeValue, Product, SetAside
from furniture_prompter.domain.feed import PhotolessRow
from furniture_prompter.feeds.cell_steps import Row
from furniture_prompter.feeds.cells import UnusableValueError, column_name, shown
from furniture_prompter.feeds.column_samples import sampled
from furniture_prompter.feeds.layouts import Meaning
from furniture_prompter.feeds.mapping import TableMapping, as_translations, decide
from furniture_prompter.feeds.price_columns import without_terms
from furniture_prompter.feeds.products import ProductBuilder
from furniture_prompter.feeds.proposing import column_words
from furniture_prompter.feeds.records import Record
from furniture_prompter.feeds.roles import OPTION, SIZES, VARIANT
from furniture_prompter.feeds.rows import LIMIT_ATTRIBUTES, read_product
from furniture_prompter.feeds.table_rows import PRICES, RowPlan
from furniture_prompter.feeds.values.measures import read_measures
from furniture_prompter.feeds.values.money import read_price
from furniture_prompter.feeds.values.sizes import size_column
from furniture_prompter.feeds.values.weights import read_weight

_OF_ROWS: Final = frozenset({
    "image", "variant_image", "group", "parent", "parent_number", "children", "alt_id", "slug",
    "status", "published", "visibility", "row_kind", "option_name", "option_value", "option_names",
    "option_values", "attribute_name", "attribute_value", "attribute_unit",
})  # fmt: skip
"""Roles that say which rows are a product and whether it is shown: one that is sent is one."""
_COMPUTED: Final = ("base_colors", "base_materials", "category_path")
"""What is read from other fields, and kept as it is where it is sent: GET answers it."""
_WORDS: Final = frozenset({"title", "category", "color", "description", "tags"})
_IMPLIED: Final = frozenset({"seats", "drawers", "currency"})
"""What a title or a price's text says beside."""
_TELLS: Final = {
    "color": "base_colors",
    "material": "base_materials",
    "category": "category_path",
    "weight": "weight_kg",
    "current_price": "price",
    "colors": "color",
    "in_stock": "availability",
    "short_description": "description",
}
_LOWEST: Final = ("price", "sale_price")
_STANDARD: Final = frozenset({*(f"{role}_cm" for role in SIZES[:-1]), "weight_kg"})
_NUMBERS: Final = frozenset({*PRICES, *SIZES[:-1], "weight", "seats", "drawers"})
_TEXTS: Final = frozenset({"material", "brand", "url", "gtin"})
# Any number of digits: no title, and no text that stands alone in its row.
_SOME_ID: Final = "1"


@dataclass(frozen=True, slots=True)
class SentProduct:
    """A product as it was sent.

    Attributes:
        product: It, without variants.
        told: Names of its words and attributes that the fields tell or take away; what they only
            imply, as a title does a number of seats, is not among them.
        left_out: What could not be used, a sentence or two each.
    """

    product: Product
    told: frozenset[str]
    left_out: tuple[str, ...]


def read_sent(
    fields: Mapping[str, Any], source: Path, line: int, *, patches: bool = False
) -> SentProduct | SetAside:
    """The product that fields tell, or why they tell none.

    Args:
        fields: As of :func:`furniture_prompter.feeds.rows.read_product`; null takes away.
        source: What to call the request in a set-aside.
        line: 1-based line of the request.
        patches: Whether the product keeps what is not told: then a cell that cannot be read tells
            nothing, and is left out.

    Returns:
        The product, or what is wrong with it; nothing is raised.
    """
    plain = read_product(fields, source, line)
    if isinstance(plain, SetAside):
        return plain
    columns = {column_name(name): name for name in fields}
    computed = {name: columns[name] for name in _COMPUTED if name in columns}
    empty = [name for name, value in fields.items() if value in (None, "")] if patches else []
    if len(empty) > LIMIT_ATTRIBUTES:
        return SetAside(
            source,
            line,
            f"The request takes {len(empty):,} fields away, more than {LIMIT_ATTRIBUTES}.",
            "Name those that the product has.",
            plain.id,
        )
    record = {
        name: value
        for name, value in fields.items()
        if value not in (None, "") and name not in computed.values()
    }
    record[columns["id"]] = _SOME_ID
    known = column_words().paid
    paid = [name for name in record if without_terms(name.rpartition(".")[2]) in known]
    left_out = [
        f"{shown(name)}: by its name it is what the shop pays, and was left out." for name in paid
    ]
    for name in paid:
        del record[name]
    mapping = _mapping(record, patches)
    for name, why in _misfits(record, mapping, patches).items():
        left_out.append(f"{column_name(name)}: {why} It was left out.")
        del record[name]
    plan = RowPlan(mapping, {}, has_types=True)
    row = plan.read(Record(line, record))
    if unsure := _unsure(record, mapping, plan, row):
        left_out += [f"{name}: {why} It was left out." for name, why in unsure.items()]
        record = {name: value for name, value in record.items() if name not in unsure}
        plan = RowPlan(mapping, {}, has_types=True)
        row = plan.read(Record(line, record))
    if row.instead_of_price:
        left_out.append(f"price: {shown(row.instead_of_price)} names no price. It was left out.")
    left_out += [note.text for note in plan.notes]
    told = {
        meaning.role
        for name, meaning in mapping.roles.items()
        if name in record
        and meaning.role in _WORDS | _TELLS.keys() - set(PRICES)
        and plan.label(name) not in {label for label, _ in row.problems}
    }
    read, problems = _built(mapping, row, source)
    left_out += problems
    attributes: dict[str, AttributeValue] = dict(read.attributes)
    for name in computed:
        attributes.pop(name, None)
        if name in plain.attributes:
            attributes[name] = plain.attributes[name]
    for name in _LOWEST if patches else ():
        if isinstance(text := attributes.get(name), str) and not _is_price(text):
            del attributes[name]
            left_out.append(f"{name}: {shown(text)} is no price. It was left out.")
    implied = _IMPLIED - {meaning.role for meaning in mapping.roles.values()}
    told |= attributes.keys() - implied
    told |= {name for each in empty for name in _names_of(each)}
    # What is true or false stays that, and says nothing in words.
    truths = {name for name, value in attributes.items() if isinstance(value, bool)}
    told |= {_TELLS[name] for name in told - truths if name in _TELLS}
    title = read.title if mapping.has("title") and row.words.get("title") else plain.id
    product = replace(read, id=plain.id, title=title, attributes=attributes)
    return SentProduct(product, frozenset(told), tuple(left_out))


def _mapping(record: Mapping[str, Any], patches: bool) -> TableMapping:
    """What the fields mean, as columns of our own table do."""
    mapping = decide("request", [*record], sampled([record]), layout="own", may_lack_images=True)
    roles = {
        name: meaning
        for name, meaning in mapping.roles.items()
        if meaning.role not in _OF_ROWS and not meaning.role.startswith((VARIANT, OPTION))
    }
    if "title" not in {meaning.role for meaning in roles.values()}:
        titles = column_words().names["title"]
        called = (name for name in record if name not in roles and titles.meaning(name))
        roles |= {name: Meaning("title") for name in list(called)[:1]}
    return replace(mapping, roles=as_translations(roles) if patches else roles)


def _misfits(record: Mapping[str, Any], mapping: TableMapping, patches: bool) -> dict[str, str]:
    """Fields whose value is none of their kind, with why."""
    found: dict[str, str] = {}
    for name, value in record.items():
        meaning = mapping.roles.get(name)
        role = "" if meaning is None else meaning.role
        why = ""
        if isinstance(value, list):
            about = size_column(name)
            is_size = len(about.roles) == 1 and not about.is_packed
            if role in _NUMBERS or is_size or column_name(name) in _STANDARD:
                why = "It is a list, where one number or text belongs."
        elif patches:
            why = _unreadable(name, value, role)
        if why:
            found[name] = why
    return found


def _unreadable(name: str, value: str | float, role: str) -> str:
    """Why a single value says nothing in its field; empty where it may say something."""
    if isinstance(value, str) and value.isspace():
        return "It is blank. Send null to take the field away."
    is_number = isinstance(value, int | float)
    if is_number and (role == "material" or (role in _TEXTS and isinstance(value, bool))):
        what = "true or false" if isinstance(value, bool) else "a number"
        return f"It is {what}, where text belongs."
    column = column_name(name)
    # Shop systems write 0 where a size is not known.
    if value in (0, "0") and value is not False:
        return ""
    is_weight = column == "weight_kg" or column_words().names["weight"].meaning(name) is not None
    if not is_weight and role not in SIZES[:-1] and column not in _STANDARD:
        return ""
    if isinstance(value, int | float) and value < 0:
        return "It is below 0."
    try:
        if is_weight:
            read_weight(value, column=name)
        else:
            read_measures(value, column=name)
    except UnusableValueError as problem:
        return f"{problem.reason} {problem.cure}"
    return ""


def _is_price(text: str) -> bool:
    try:
        return bool(read_price(text))
    except UnusableValueError:
        return False


def _unsure(
    record: Mapping[str, Any], mapping: TableMapping, plan: RowPlan, row: Row
) -> dict[str, str]:
    """Fields of prices that could be meant in two ways, or in another currency, with why."""
    found: dict[str, str] = {}
    doubts = [note.text for note in plan.doubts]
    for name in (name for role in PRICES for name in mapping.columns_of(role) if name in record):
        begin = f"{plan.label(name)}: "
        doubt = next((text for text in doubts if text.startswith(begin)), "")
        if doubt:
            found[name] = doubt.removeprefix(begin)
            continue
        try:
            currency = read_price(record[name]).currency
        except UnusableValueError:
            continue
        if currency and row.attributes.get("currency") not in {None, currency}:
            found[name] = "It is in another currency than the product's."
    return found


def _built(mapping: TableMapping, row: Row, source: Path) -> tuple[Product, list[str]]:
    """The product of a row, and what is wrong with single cells."""
    problems: list[str] = []
    product = Product(id=_SOME_ID, title="")
    for item in ProductBuilder(source, mapping, None).build([row]):
        if isinstance(item, PhotolessRow):
            product = item.row.product
            problems = [f"{each.column}: {each.reason} {each.cure}" for each in item.cells]
    return product, problems


def _names_of(field: str) -> Collection[str]:
    """What a field of that name tells, where it tells nothing now and so takes it away."""
    words = column_words()
    about = size_column(field)
    if about.is_packed or without_terms(field.rpartition(".")[2]) in words.paid:
        return {column_name(field)}
    roles: Sequence[str] = [role for role, names in words.names.items() if names.meaning(field)]
    if "list_price" in roles:
        # Beside a price it only says which of the two is the reduced one.
        return {column_name(field)}
    sizes = about.roles
    if "dimensions" in roles:
        sizes = (*sizes, *(f"{role}_cm" for role in SIZES[:-1]))
    return {column_name(field), *(role for role in roles if role not in _OF_ROWS), *sizes}
