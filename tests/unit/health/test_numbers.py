"""Checks of prices and sizes."""

import math

import pytest

from furniture_prompter.domain import AttributeValue, Product
from furniture_prompter.health import numbers
from tests.unit.health.conftest import MakeContents


def shop(**last: AttributeValue) -> list[Product]:
    """Eleven tables at 100 to 200 euros, and one more."""
    usual = [
        Product(f"{n}", "Table", "table", attributes={"price": 100.0 + 10 * n, "currency": "EUR"})
        for n in range(11)
    ]
    return [*usual, Product("odd", "Table", "table", attributes=last)]


def test_ordinary_prices_are_left_alone(contents_of: MakeContents) -> None:
    for price in (60.0, 150.0, 400.0):
        fine = shop(price=price, sale_price=price - 10, currency="EUR")
        assert numbers.doubtful_prices(contents_of(fine)) == ()
    assert numbers.doubtful_prices(contents_of(shop())) == ()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"price": 1500.0, "currency": "EUR"}, "10 times above the median of the category table"),
        ({"price": 15000.0, "currency": "EUR"}, "97 times above"),
        ({"price": 15.0, "currency": "EUR"}, "10 times below"),
        ({"price": 0.0, "currency": "EUR"}, "looks like a filler"),
        ({"price": 1.0, "currency": "EUR"}, "looks like a filler"),
        ({"price": 9999.0, "currency": "EUR"}, "looks like a filler"),
        ({"price": -5.0, "currency": "EUR"}, "below zero"),
        ({"price": 150.0, "sale_price": 180.0, "currency": "EUR"}, "above the price"),
        ({"price": 150.0}, "no currency"),
    ],
)
def test_a_doubtful_price_is_told_with_the_reason(
    contents_of: MakeContents, given: dict[str, AttributeValue], told: str
) -> None:
    (finding,) = numbers.doubtful_prices(contents_of(shop(**given)))
    assert finding.products[0].id == "odd"
    assert told in finding.detail


def test_prices_of_another_currency_are_compared_with_their_own(
    contents_of: MakeContents,
) -> None:
    lira = shop(price=6_000.0, currency="TRY")
    assert numbers.doubtful_prices(contents_of(lira)) == ()


def test_a_size_that_the_others_have_is_missed(contents_of: MakeContents) -> None:
    sized = [Product(f"{n}", "Table", "table", attributes={"width_cm": 80.0 + n}) for n in range(9)]
    assert numbers.missing_sizes(contents_of(sized)) == ()
    (finding,) = numbers.missing_sizes(contents_of([*sized, Product("odd", "Table", "Table")]))
    assert finding.products[0].id == "odd"
    assert "90% of the category Table" in finding.detail
    few = [*sized[:3], *(Product(f"b{n}", "Table", "table") for n in range(7))]
    assert numbers.missing_sizes(contents_of(few)) == ()


def test_in_a_whole_catalog_prices_may_be_farther_off_than_in_a_category(
    contents_of: MakeContents,
) -> None:
    """Kinds without prices enough of their own are compared with all, whose prices spread more.

    Half of the prices are within exp(±0.5), a deviation of 0.74; the dear one is four of it off.
    """
    usual = [math.exp(5 + step / 10) for step in range(-10, 11)]
    dear = math.exp(5 + 3.1)
    for category, told in (("chair", 1), ("", 0)):
        products = [
            Product(f"{n}", "Chair", category, attributes={"price": price})
            for n, price in enumerate([*usual, dear])
        ]
        assert len(numbers.doubtful_prices(contents_of(products))) == told
