"""What a product keeps of a catalog where a feed says nothing of it: photos, and untold fields."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from furniture_prompter.catalog.columns import NUMBER, PRODUCTS, product_columns, product_from
from furniture_prompter.catalog.storage import writing
from furniture_prompter.catalog.stored import stored_photos
from furniture_prompter.catalog.vector_index import number_filter
from furniture_prompter.catalog.writer import CatalogWriter
from furniture_prompter.domain import AttributeValue, Photo, Product, Variant
from furniture_prompter.feeds.variant_rows import add_base_words, colors_of, set_lowest
from furniture_prompter.ingest.changes import misfits

_WORDS: Final = ("title", "category", "color", "description", "tags")
_LOWEST: Final = ("price", "sale_price")
_TOLD_WITH: Final[Mapping[str, tuple[str, ...]]] = {
    "price": ("sale_price",),
    "sale_price": ("price",),
    "stock": ("availability",),
    "availability": ("stock",),
    "color": ("base_colors",),
    "category": ("category_path",),
    "material": ("base_materials",),
}
"""Fields that say one thing together: the second of them is not kept where the first is told."""


async def kept_photos(
    writer: CatalogWriter, products: Mapping[int, Product]
) -> dict[str, list[Photo]]:
    """The photos that products of a catalog have there, by product id, main ones first.

    Args:
        writer: The catalog's.
        products: As they will be, by number.
    """
    kept: dict[str, list[Photo]] = {}
    for number, photo in await stored_photos(writer, np.array(sorted(products), np.int64)):
        product = products[number]
        variant = photo.variant_id if product.variant(photo.variant_id) else ""
        shown = replace(photo, product_id=product.id, variant_id=variant)
        kept.setdefault(product.id, []).append(shown)
    return kept


async def stored_by_number(writer: CatalogWriter, numbers: Collection[int]) -> dict[int, Product]:
    """Products of a catalog by their numbers."""
    table = writer.table(PRODUCTS)
    if table is None or not numbers:
        return {}
    wanted = number_filter(np.array(sorted(numbers), np.int64))
    names = [NUMBER, *product_columns(writer.columns, variants=writer.variants)]
    with writing(writer.folder):
        rows = (await table.query().where(wanted).select(names).to_arrow()).to_pylist()
    return {row[NUMBER]: product_from(row, writer.columns) for row in rows}


def beside_kept(kept: Sequence[Photo], added: Sequence[Photo]) -> list[Photo]:
    """A product's photos with some added, in place of those of the variants that these show."""
    shown = {photo.variant_id for photo in added} - {""}
    ids = {photo.id for photo in added}
    stay = [each for each in kept if each.variant_id not in shown and each.id not in ids]
    return [*stay, *added]


def _fields_told(product: Product, before: Product) -> set[str]:
    """Names of what a row says of its product or a variant, and of what goes with it."""
    told = {name for name in _WORDS if getattr(product, name)}
    if product.title == product.id:
        told.discard("title")
    told.update(product.attributes)
    for variant in product.variants:
        told.update(variant.attributes)
    for name in tuple(told):
        # A list that repeats a price takes no reduction away.
        if name in _WORDS or product.attributes.get(name) != before.attributes.get(name):
            told.update(_TOLD_WITH.get(name, ()))
    return told


def completed(product: Product, before: Product) -> Product:
    """A product with what the catalog has of it, where its row tells no such thing.

    An empty cell of a list, or one that cannot be read, tells nothing. Variants that the row does
    not name stay as they are.

    Args:
        product: As the feed has it.
        before: As the catalog has it.
    """
    told = _fields_told(product, before)
    words = {name: getattr(before, name) for name in _WORDS if name not in told}
    if product.title == product.id:
        words["title"] = before.title
    said = dict(product.attributes)
    named = {each.id: each for each in product.variants}
    only = said.get("sku")
    if not named and isinstance(only, str) and before.variant(only):
        # Of several forms the row of a single one is no product of one form.
        del said["sku"]
        named[only] = Variant(only, attributes=said)
    variants = [_variant(named.pop(each.id, None), each, told) for each in before.variants]
    variants += named.values()
    attributes = _attributes(said, before.attributes, told)
    set_lowest(attributes, [each.attributes for each in variants])
    if len(variants) > len(product.variants) > 0:
        words |= _of_all(product, variants, attributes)
    return replace(product, **words, attributes=attributes, variants=tuple(variants))


def _of_all(
    product: Product, variants: Sequence[Variant], attributes: dict[str, AttributeValue]
) -> dict[str, str]:
    """What a row that names some of the variants says of those, told of all of them.

    Args:
        product: As the row has it.
        variants: All that there are.
        attributes: Those of the product, of which stock and colours are set.

    Returns:
        The product's colour, where it is that of its variants.
    """
    stocks = [each.attributes.get("stock") for each in variants]
    numbers = [each for each in stocks if isinstance(each, float)]
    if len(numbers) == len(stocks):
        attributes["stock"] = sum(numbers)
    if any(each.attributes.get("availability") == "in stock" for each in variants):
        attributes["availability"] = "in stock"
    if not product.color or product.color != colors_of(product.variants):
        return {}
    color = colors_of(variants)
    add_base_words(attributes, color, variants)
    return {"color": color}


def patched(
    product: Product, before: Product, told: Collection[str], columns: Mapping[str, str]
) -> tuple[Product, tuple[str, ...]]:
    """A product of a catalog with some of its fields changed.

    Args:
        product: What changes.
        before: As the catalog has it.
        told: Names of what changes or goes; see :class:`furniture_prompter.domain.Upsert`.
        columns: The catalog's attribute columns and their types; a value of another is left out,
            and what the product has stays.

    Returns:
        The product, and what it is without, a sentence or two each.
    """
    words = {name: getattr(before, name) for name in _WORDS if name not in told}
    changed, told = _of_stock(product.attributes, before.attributes, told)
    left_out: list[str] = []
    for name, why in misfits(changed, columns).items():
        # A price as text is read where all prices are.
        if name not in _LOWEST:
            del changed[name]
            told -= {name}
            left_out.append(why)
    code, other = before.attributes.get("currency"), changed.get("currency")
    if "currency" not in told and code and other and code != other:
        # The text of a price said so, and the product's other prices are in its own.
        for name in [each for each in _LOWEST if each in changed]:
            del changed[name]
            left_out.append(
                f"{name}: It is in {other}, and the product's prices are in {code}. Send currency "
                "too, or the price in that one."
            )
    gone = {name for name in told if not (left_out and name in _LOWEST)}
    kept = _attributes({}, before.attributes, gone)
    attributes = {**kept, **changed}
    attributes |= {name: kept[name] for name in changed if name in kept and name not in told}
    price, reduced = attributes.get("price"), changed.get("sale_price")
    if isinstance(price, float) and isinstance(reduced, float) and reduced >= price:
        del attributes["sale_price"]
        left_out.append(
            f"sale_price: {reduced:.15g} is no reduction of {price:.15g}. It was left out."
        )
        earlier = before.attributes.get("sale_price")
        if isinstance(earlier, float) and earlier < price:
            attributes["sale_price"] = earlier
    for untrue, why in _untrue(attributes, told):
        del attributes[untrue]
        left_out.append(f"{untrue}: {why} The product has none now; send it too where it has one.")
    variants = product.variants if "variants" in told else before.variants
    return replace(product, **words, attributes=attributes, variants=variants), tuple(left_out)


def _of_stock(
    sent: Mapping[str, AttributeValue], before: Mapping[str, AttributeValue], told: Collection[str]
) -> tuple[dict[str, AttributeValue], frozenset[str]]:
    """What changes, with ``in_stock`` as the availability that the product has of it."""
    changed = dict(sent)
    has = changed.get("in_stock")
    if not isinstance(has, bool) or "availability" in changed or "availability" not in before:
        return changed, frozenset(told)
    changed["availability"] = "in stock" if has else "out of stock"
    if "in_stock" not in before:
        del changed["in_stock"]
    return changed, frozenset({*told, "availability"})


def _untrue(
    attributes: Mapping[str, AttributeValue], told: Collection[str]
) -> Iterator[tuple[str, str]]:
    """What was true of a product until something else of it changed, with why it no longer is."""
    price, reduced = attributes.get("price"), attributes.get("sale_price")
    is_reduced = not isinstance(price, float) or not isinstance(reduced, float) or reduced < price
    if "price" in told and "sale_price" not in told and not is_reduced:
        yield "sale_price", f"It was {reduced:.15g}, which is no reduction of {price:.15g}."
    stock, availability = attributes.get("stock"), attributes.get("availability")
    if not isinstance(stock, float) or availability not in {"in stock", "out of stock"}:
        return
    if (stock > 0) != (availability == "in stock"):
        if "stock" in told and "availability" not in told:
            yield "availability", f"It was {availability!r}, with a stock of {stock:.15g}."
        elif "availability" in told and "stock" not in told:
            yield "stock", f"It was {stock:.15g}, and the product is {availability}."


def _variant(variant: Variant | None, before: Variant, told: Collection[str]) -> Variant:
    if variant is None:
        return before
    return replace(
        variant,
        title=variant.title or before.title,
        options=variant.options or before.options,
        color=variant.color or before.color,
        attributes=_attributes(variant.attributes, before.attributes, told),
    )


def _attributes(
    attributes: Mapping[str, AttributeValue],
    before: Mapping[str, AttributeValue],
    told: Collection[str],
) -> dict[str, AttributeValue]:
    kept = {name: value for name, value in before.items() if name not in told}
    return {**kept, **attributes}
