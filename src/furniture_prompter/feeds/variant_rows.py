"""Variants: which of the rows of a product are its forms, and what each has of its own."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from furniture_prompter.domain import AttributeValue, Variant
from furniture_prompter.feeds.cell_steps import Row
from furniture_prompter.feeds.cells import UnusableValueError, column_name, one_line
from furniture_prompter.feeds.grouping import text_of
from furniture_prompter.feeds.layouts import fold
from furniture_prompter.feeds.named_values import set_named
from furniture_prompter.feeds.proposing import column_words
from furniture_prompter.feeds.rows import LIMIT_WORDS, identifier
from furniture_prompter.feeds.values.counts import Counted, count_in
from furniture_prompter.feeds.values.vocabulary import base_colors, base_materials

_OF_VARIANTS: Final = frozenset(
    {"price", "sale_price", "currency", "availability", "stock", "gtin", "url"}
)
"""Attributes that a variant has even where all of a product's are alike."""
_LOWEST: Final = ("price", "sale_price")
_NO_CHOICE: Final = frozenset({"default_title", "default", "title"})
_COUNTED: Final[tuple[Counted, ...]] = ("seats", "drawers")
_FEWEST_TITLE_CHARACTERS: Final = 4


def made_variant(
    own_id: str,
    row: Row,
    options: dict[str, str],
    shared: Mapping[str, AttributeValue],
    title: str,
) -> Variant:
    """The variant that a row tells, with what is its own beside its product."""
    color = row.words.get("color", "")
    if not color:
        colored = (value for name, value in options.items() if _is_named("color", name))
        color = next(colored, "")
    attributes = {
        name: value
        for name, value in row.attributes.items()
        if name in _OF_VARIANTS or shared.get(name) != value
    }
    add_base_words(attributes, color)
    own_title = row.words.get("title", "")
    return Variant(
        id=own_id,
        title="" if own_title == title else own_title,
        options=options,
        color=color,
        attributes=attributes,
    )


def is_child(row: Row, rows: Sequence[Row]) -> bool:
    """Whether a row is a variant of another: it says so, or another of its product lists it."""
    if row.ids.get("parent") not in (None, "") or row.ids.get("parent_number") not in (None, "", 0):
        return True
    own = text_of(row.ids.get("id"))
    return any(own in other.children for other in rows if other is not row and other.children)


def is_variant(row: Row) -> bool:
    """Whether a row that shares its product with others is one of its forms, not just a photo."""
    return bool("id" in row.ids or row.options or "price" in row.attributes or "gtin" in row.ids)


def forms_of(rows: Sequence[Row]) -> list[Row]:
    """The variants among the rows of a group: those that say so, where one does."""
    return [row for row in rows if row.is_form] or [row for row in rows if is_variant(row)]


def options_of(row: Row, main: Row) -> dict[str, str]:
    """A row's options by their names, which the product's row may be the only one to have."""
    names = main.names | row.names
    options: dict[str, str] = {}
    said: dict[str, list[str]] = {}
    for key, value in row.options.items():
        name = key if isinstance(key, str) else names.get(key, "")
        if fold(value) in _NO_CHOICE and fold(name) in {"", "title"}:
            continue
        if name or value:
            called = one_line(name) or f"Option {key}"
            values = said.setdefault(called, [])
            if one_line(value) not in values:
                values.append(one_line(value))
            options[called] = ", ".join(values)
    for name, value in main.children.get(text_of(row.ids.get("id")), {}).items():
        options.setdefault(name.capitalize() if name.islower() else name, value)
    folded: set[str] = set()
    kept = {}
    for name, value in options.items():
        if fold(name) not in folded:
            folded.add(fold(name))
            kept[name] = value
    return kept


def variant_id(row: Row, options: Mapping[str, str], place: int) -> str:
    """A variant's own identifier, or its options where it has none.

    Raises:
        UnusableValueError: what it has cannot be used.
    """
    for role in ("id", "gtin", "alt_id"):
        value = row.ids.get(role)
        if value not in (None, ""):
            return identifier(value)
    return identifier(" / ".join(options.values()) or f"{place + 1}")


def without_doubles(rows: Sequence[Row], main: Row) -> list[Row]:
    """Variants without those whose ids others before them have: they are left out, and told."""
    found: dict[str, Row] = {}
    for place, row in enumerate(rows):
        try:
            own = variant_id(row, options_of(row, main), place)
        except UnusableValueError:
            own = f"\n{place}"
        found.setdefault(own, row)
    return list(found.values())


def are_unlike(rows: Sequence[Row]) -> bool:
    """Whether rows of one product have titles without a word in common, and other images each."""
    titled = [row for row in rows if row.words.get("title") and row.images]
    if len(titled) < 2:
        return False
    first, *others = titled
    words = set(fold(first.words["title"]).split("_"))
    images = set(first.images)
    return all(
        words.isdisjoint(fold(row.words["title"]).split("_")) and images.isdisjoint(row.images)
        for row in others
    )


def common_title(main: Row, variants: Sequence[Row]) -> str:
    """The product's title: what those of its variants have in common, where each has its own."""
    given = first_of([main, *variants], "group_title")
    if given:
        return given
    title = main.words.get("title", "")
    titles = [row.words["title"] for row in variants if "title" in row.words]
    if not any(row is main for row in variants):
        return title or next(iter(titles), "")
    if len(set(titles)) < 2:
        return title
    common = _common_beginning(titles)
    if any(len(each) > len(common) and each[len(common)].isalnum() for each in titles):
        # Not in the middle of a word.
        common = common[: len(common) - len(common.rpartition(" ")[2])]
    common = common.rstrip(" -–—,/|:(·")
    return common if len(common) >= _FEWEST_TITLE_CHARACTERS else title


def _common_beginning(texts: Sequence[str]) -> str:
    # What the least and the greatest have in common all between them have.
    least, greatest = min(texts), max(texts)
    length = next(
        (place for place, letter in enumerate(least) if greatest[place : place + 1] != letter),
        len(least),
    )
    return least[:length]


def add_prices(main: Row, variants: Sequence[Row]) -> None:
    """Prices of variants that have none: their product's, and what they cost beyond it.

    Left alone where no variant has a price of its own, for all of them cost what their product
    does, and where the product's row is a variant itself.
    """
    more = [float(row.reduction.get("surcharge", 0)) for row in variants]
    if not any(more) and not any("price" in row.attributes for row in variants):
        return
    if any(row is main for row in variants):
        return
    for row, added in zip(variants, more, strict=True):
        if "price" in row.attributes:
            continue
        costs = {
            name: round(base + added, 2)
            for name in _LOWEST
            if isinstance(base := main.attributes.get(name), float)
        }
        if added and min(costs.values(), default=1.0) <= 0:
            reason = f"A variant that costs {added:.15g} more than its product would have no price."
            problem = UnusableValueError(reason, "Write what the variant costs more or less.")
            row.problems.append(("surcharge", problem))
            continue
        for name, price in costs.items():
            row.attributes.setdefault(name, price)


def colors_of(variants: Sequence[Variant]) -> str:
    """The colours of variants, each once; empty where none has one."""
    return ", ".join(dict.fromkeys(each.color for each in variants if each.color))[:LIMIT_WORDS]


def set_lowest(
    attributes: dict[str, AttributeValue], forms: Sequence[Mapping[str, AttributeValue]]
) -> None:
    """Set the prices of a product to those of the form that is the cheapest to buy.

    A reduction that only the product tells stays where it is one.

    Args:
        attributes: Those of the product.
        forms: Those of its variants.
    """
    found: list[tuple[float, dict[str, float]]] = []
    is_reduced = False
    for each in forms:
        own = {name: v for name in _LOWEST if isinstance(v := each.get(name), float)}
        is_reduced = is_reduced or "sale_price" in own
        if own:
            found.append((min(own.values()), own))
    if not found:
        return
    _, lowest = min(found, key=lambda item: (item[0], "sale_price" in item[1]))
    if is_reduced:
        attributes.pop("sale_price", None)
    attributes.update(lowest)
    price, reduced = attributes.get("price"), attributes.get("sale_price")
    if isinstance(price, float) and isinstance(reduced, float) and reduced >= price:
        del attributes["sale_price"]


def first_of(rows: Sequence[Row], role: str) -> str:
    """The first text that rows have in a role."""
    return next((row.words[role] for row in rows if row.words.get(role)), "")


def _is_named(role: str, name: str) -> bool:
    return column_words().names[role].meaning(name) is not None


def add_option(attributes: dict[str, AttributeValue], main: Row, name: str, value: str) -> None:
    """An option of a product without variants is a column of its own, and what its name says."""
    if _is_named("color", name):
        main.words.setdefault("color", value)
        return
    told = Row(main.line)
    set_named(told, name, value)
    if told.attributes and not told.problems:
        for each, meant in told.attributes.items():
            attributes.setdefault(each, meant)
        return
    try:
        own = "material" if _is_named("material", name) else column_name(name)
    except UnusableValueError:
        return
    attributes.setdefault(own, value)


@lru_cache(maxsize=16_384)
def _counts(title: str) -> tuple[tuple[str, float], ...]:
    found = ((of, count_in(title, of)) for of in _COUNTED)
    return tuple((of, float(count)) for of, count in found if count is not None)


def add_counts(attributes: dict[str, AttributeValue], title: str) -> None:
    """Seats and drawers that a title tells, where no column does."""
    for of, count in _counts(title):
        attributes.setdefault(of, count)


def add_base_words(
    attributes: dict[str, AttributeValue], color: str, variants: Sequence[Variant] = ()
) -> None:
    """Base colours and materials beside the shop's own words.

    Args:
        attributes: Where they are put.
        color: The shop's words.
        variants: Those whose colours they are: blue and green forms are none of turquoise.
    """
    if color == colors_of(variants):
        told = dict.fromkeys(each.color for each in variants)
        colors = tuple(dict.fromkeys(base for own in told for base in base_colors(own)))
    else:
        colors = base_colors(color)
    if colors:
        attributes["base_colors"] = colors
    material = attributes.get("material")
    if isinstance(material, str) and (materials := base_materials(material)):
        attributes["base_materials"] = materials
