"""Checks of a product's numbers: prices far from their category's, sizes that the others have."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np

from furniture_prompter.domain import Finding, Product
from furniture_prompter.health.contents import CatalogContents

PRICE: Final = "price"
SALE_PRICE: Final = "sale_price"
CURRENCY: Final = "currency"
SIZES: Final = (
    "width_cm",
    "depth_cm",
    "height_cm",
    "length_cm",
    "diameter_cm",
    "size",
    "dimensions",
)

# Prices that say that there is none: a till wants a number.
_FILLERS: Final = frozenset({0.0, 0.01, 1.0, 9.99e5, 9999.0, 99999.0, 999999.0, 9999.99, 1234.0})
LEAST_RATIO: Final = 4.5
"""A price that many times off its category's median is doubtful, where prices of the category do
not spread widely themselves."""

LEAST_DEVIATIONS: Final = 3.5
"""And that many robust standard deviations of the logarithms."""

LEAST_DEVIATIONS_OF_ALL: Final = 5.0
"""The same in the whole catalog, where unlike kinds make longer tails than those of one."""

_LEAST_PRICES: Final = 8
_LEAST_SIZED: Final = 0.8
_LEAST_HAVING: Final = 0.5
# 1.4826 makes the median absolute deviation a standard deviation where values are normal.
_TO_DEVIATION: Final = 1.4826


def doubtful_prices(contents: CatalogContents) -> tuple[Finding, ...]:
    """Products whose price is a filler, far off, without currency, or below its sale price."""
    prices = [_price(product) for product in contents.products]
    ordinary = _ordinary(contents, prices)
    currencies = [str(product.attributes.get(CURRENCY, "")) for product in contents.products]
    priced = [index for index, price in enumerate(prices) if price is not None]
    having = sum(bool(currencies[index]) for index in priced)
    names_currency = having >= _LEAST_HAVING * len(priced) and having > 0
    found = []
    for index in priced:
        price, product = prices[index], contents.products[index]
        if price is None:
            continue
        doubt = _filler(price)
        if not doubt and index in ordinary:
            doubt = _far_off(price, *ordinary[index])
        sale = product.attributes.get(SALE_PRICE)
        if not doubt and isinstance(sale, float | int) and sale > price:
            doubt = f"The sale price, {sale:,g}, is above the price, {price:,g}.", 1.0
        if not doubt and names_currency and not currencies[index]:
            doubt = f"The price, {price:,g}, has no currency, while others' have.", 0.5
        if doubt:
            found.append(contents.about(index, *doubt))
    return tuple(sorted(found, key=lambda each: -each.score))


def _price(product: Product) -> float | None:
    value = product.attributes.get(PRICE)
    is_number = isinstance(value, float | int) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(float(value)) else None  # type: ignore[arg-type]  # checked above


def _filler(price: float) -> tuple[str, float] | None:
    if price < 0:
        return f"The price, {price:,g}, is below zero.", 3.0
    if price in _FILLERS:
        return f"The price, {price:,g}, looks like a filler.", 3.0
    return None


def _ordinary(
    contents: CatalogContents, prices: Sequence[float | None]
) -> dict[int, tuple[float, float, str]]:
    """Of each product: median of its kind's log prices, how far off is doubtful, the kind's name.

    The kind is its category; where that has few prices, the whole catalog in the same currency.
    """
    groups: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for index, price in enumerate(prices):
        if price is None or price <= 0 or _filler(price):
            continue
        product = contents.products[index]
        currency = str(product.attributes.get(CURRENCY, ""))
        groups[currency, ""].append(index)
        if product.category:
            groups[currency, product.category.casefold()].append(index)
    found: dict[int, tuple[float, float, str]] = {}
    for (_, category), members in sorted(groups.items()):
        if len(members) < _LEAST_PRICES:
            continue
        logs = np.log([prices[index] or 1.0 for index in members])
        median = float(np.median(logs))
        deviation = _TO_DEVIATION * float(np.median(np.abs(logs - median)))
        deviations = LEAST_DEVIATIONS if category else LEAST_DEVIATIONS_OF_ALL
        far = max(math.log(LEAST_RATIO), deviations * deviation)
        name = f"of the category {category}" if category else "of the catalog"
        found.update(dict.fromkeys(members, (median, far, name)))
    return found


def _far_off(price: float, median: float, far: float, name: str) -> tuple[str, float] | None:
    off = abs(math.log(price) - median)
    if off < far:
        return None
    usual = math.exp(median)
    ratio = math.exp(off)
    way = "above" if math.log(price) > median else "below"
    return (
        f"The price, {price:,g}, is {ratio:,.0f} times {way} the median {name}, {usual:,.0f}.",
        1.0 + off,
    )


def missing_sizes(contents: CatalogContents) -> tuple[Finding, ...]:
    """Products without any size in categories where most have one."""
    found = []
    for members in contents.by_category.values():
        bare = [index for index in members if not _has_size(contents.products[index])]
        share = 1 - len(bare) / len(members)
        if len(members) < _LEAST_PRICES or share < _LEAST_SIZED:
            continue
        for index in bare:
            category = contents.products[index].category
            detail = f"No size, while {share:.0%} of the category {category} have one."
            found.append(contents.about(index, detail, share))
    return tuple(sorted(found, key=lambda each: -each.score))


def _has_size(product: Product) -> bool:
    values = [product.attributes, *(variant.attributes for variant in product.variants)]
    return any(each.get(name) for each in values for name in SIZES)
