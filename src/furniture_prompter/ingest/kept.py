"""What a product keeps of a catalog where a feed says nothing of it: photos, and untold fields."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from furniture_prompter.catalog.columns import NUMBER, PRODUCTS, product_columns, product_from
from furniture_prompter.catalog.storage import writing
from furniture_prompter.catalog.stored import stored_photos
from furniture_prompter.catalog.vector_index import number_filter
from furniture_prompter.catalog.writer import CatalogWriter
from furniture_prompter.domain import AttributeValue, Photo, Product, Variant

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


def fields_told(product: Product) -> set[str]:
    """Names of what a row says of its product or a variant, and of what goes with it."""
    told = {name for name in _WORDS if getattr(product, name)}
    if product.title == product.id:
        told.discard("title")
    told.update(product.attributes)
    for variant in product.variants:
        told.update(variant.attributes)
    told.update(other for name in tuple(told) for other in _TOLD_WITH.get(name, ()))
    return told


def completed(product: Product, before: Product, told: Collection[str]) -> Product:
    """A product with what the catalog has of it, where no row of the feed tells any such thing.

    Variants that the row does not name stay as they are.

    Args:
        product: As the feed has it.
        before: As the catalog has it.
        told: All that the feed tells, as :func:`fields_told`.
    """
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
    for name in _LOWEST:
        found = [each.attributes[name] for each in variants if name in each.attributes]
        if numbers := [each for each in found if isinstance(each, float)]:
            attributes[name] = min(numbers)
    return replace(product, **words, attributes=attributes, variants=tuple(variants))


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
