"""What a product costs, as the feed gives it."""

from furniture_prompter.domain import AttributeValue, Product

PRICES = ("price", "sale_price")
"""Columns of a feed that hold a price; the currency is the shop's."""


def price_text(product: Product) -> str:
    """The first price that the feed gives; empty where it gives none."""
    return next((number_text(product.attributes[n]) for n in PRICES if n in product.attributes), "")


def number_text(value: AttributeValue) -> str:
    """A number with its thousands apart; a text as it is."""
    return f"{value:,.10g}" if isinstance(value, float | int) else str(value)
