"""Prices and availability at their edges: marks, ranges, words, limits, days."""

from typing import Any

import pytest

from furniture_prompter.feeds.cells import DecimalMark, UnusableValueError
from furniture_prompter.feeds.values.money import (
    LIMIT_PRICE_CHARACTERS,
    Price,
    is_in_hundredths,
    read_availability,
    read_price,
    tells_no_price,
    whole_from_hundredths,
)

LOWEST = "it is the lowest price of several"
RANGE = "it is a range, of which the lower end was taken"
UNTAXED = "it is without tax"
THOUSANDS = "its mark was taken to part thousands, as prices have no three decimals"


@pytest.mark.parametrize(
    ("text", "amount", "currency", "doubts"),
    [
        ("599", 599, None, []),
        ("599.50", 599.5, None, []),
        ("599.505", 599_505, None, [THOUSANDS]),
        ("99 – 199 €", 99, "EUR", [RANGE]),
        ("199-99 €", 99, "EUR", [RANGE]),
        ("99 € - 199 €", 99, "EUR", [RANGE]),
        ("1.299-1.499 €", 1299, "EUR", [RANGE, THOUSANDS, THOUSANDS]),
        ("ab 99 €", 99, "EUR", [LOWEST]),
        ("from 99-199", 99, None, [RANGE, LOWEST]),
        ("99 € + KDV", 99, "EUR", [UNTAXED]),
        ("99 € KDV", 99, "EUR", []),
        ("99 € hariç", 99, "EUR", [UNTAXED]),
        ("+ 99 €", 99, "EUR", []),
        ("99 €,-", 99, "EUR", []),
        ("99,-- €", 99, "EUR", []),
        ("$99 USD", 99, "USD", []),
        ("(99 TL)", 99, "TRY", []),
        ("TÜRK LİRASI 99", 99, "TRY", []),
        ("1'299.50 CHF", 1299.5, "CHF", []),
        ("1 299 €", 1299, "EUR", []),
        ("1 299 000", 1_299_000, None, []),
        ("1,299,000", 1_299_000, None, []),
        ("1,299,000.50", 1_299_000.5, None, []),
        ("1,29,900", 129_900, None, []),
        ("1,29,900.5", 129_900.5, None, []),
        ("0.999", 0.999, None, []),
        ("1299.995", 1299.995, None, []),
        ("999999999999", 999_999_999_999, None, []),
        ("1000000000000", 1_000_000_000_000, None, []),
        ("99 €".ljust(LIMIT_PRICE_CHARACTERS), 99, "EUR", []),
    ],
)
def test_what_a_price_is_and_what_was_decided(
    text: str, amount: float, currency: str | None, doubts: list[str]
) -> None:
    price = read_price(text)
    assert (price.amount, price.currency) == (amount, currency)
    told = price.doubt.rpartition(": ")[2]
    assert told == (f"{', and '.join(doubts)}." if doubts else "")


@pytest.mark.parametrize(
    ("text", "mark", "currency", "amount"),
    [
        ("1.299", ",", None, 1299),
        ("1.299", ".", None, 1.299),
        ("1,299", ".", None, 1299),
        ("1,299", ",", "KWD", 1.299),
        ("12.299", ",", "KWD", 12_299),
        ("1299.000 KWD", None, None, 1299),
        ("0.500 KWD", None, None, 0.5),
        ("1.29 KWD", None, None, 1.29),
        ("1.299,500", None, "KWD", 1299.5),
        ("99", None, "EUR", 99),
        ("$99", None, "AUD", 99),
    ],
)
def test_marks_and_currencies_of_a_column_decide(
    text: str, mark: DecimalMark | None, currency: str | None, amount: float
) -> None:
    assert read_price(text, mark=mark, currency=currency).amount == amount


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1.299 KWD", "thousandth of itself"),
        ("99 € 199 €", "holds 2 numbers"),
        ("99-199-299", "holds 3 numbers"),
        ("99 x 199", "holds 2 numbers"),
        ("99 or - 199", "holds 2 numbers"),
        ("-99 €", "is below 0"),
        ("− 99", "is below 0"),
        ("€ -99", "is below 0"),
        ("50 %", "is a share"),
        ("99 €/m2", "price for a measure"),
        ("99 € / kg", "price for a measure"),
        ("99 apples", "'apples'"),
        ("0", "is no price"),
        ("0,00 €", "is no price"),
        ("€", "is no price"),
        ("1 29", "is no price"),
        ("1'29", "is no price"),
        ("1.29.5", "is no price"),
        ("12.345.67", "is no price"),
        ("1.2345,6", "is no price"),
        ("1000000000001", "is above 1,000,000,000,000"),
        ("1234567890123456", "is no price"),
        ("99 €".ljust(LIMIT_PRICE_CHARACTERS + 1), "is no price"),
    ],
)
def test_what_is_no_price_says_why(text: str, reason: str) -> None:
    with pytest.raises(UnusableValueError) as refused:
        read_price(text)
    assert reason in refused.value.reason
    assert refused.value.cure


@pytest.mark.parametrize(("value", "amount"), [(1, 1), (0.01, 0.01), (1e12, 1e12), (7.5, 7.5)])
def test_numbers_are_prices(value: float, amount: float) -> None:
    assert read_price(value, currency="EUR") == Price(amount, "EUR")


@pytest.mark.parametrize("value", [0, -0.01, 1.1e12, True, False, float("nan"), float("-inf")])
def test_numbers_that_are_no_prices(value: float) -> None:
    with pytest.raises(UnusableValueError):
        read_price(value)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        *(("price_cents", True), ("kurus", True), ("pence_price", True)),
        *(("price", False), ("centsible", False), ("price_cent", True), ("", False)),
    ],
)
def test_columns_that_count_hundredths(column: str, *, expected: bool) -> None:
    assert is_in_hundredths(column) == expected


def test_hundredths_are_parts_of_the_unit() -> None:
    told = whole_from_hundredths(Price(1299.0, "EUR", "x"), "1299")
    assert told == Price(12.99, "EUR", "x")
    assert whole_from_hundredths(Price(1.0), "1").amount == 0.01
    with pytest.raises(UnusableValueError, match="is no whole number"):
        whole_from_hundredths(Price(12.5), "12.5")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((1, "in stock"), (0.5, "in stock"), (0, "out of stock"), (-1, "out of stock")),
        *((True, "in stock"), (False, "out of stock"), ("0.0", "out of stock"), ("+3", "in stock")),
        *(("0 adet", "out of stock"), ("1 left", "in stock"), ("son 2 adet kaldı", "in stock")),
        *(("schema:InStock", "in stock"), ("WWW.schema.org/SoldOut", "out of stock")),
        *(("Lieferzeit 14 Tage", "in stock"), ("Lieferzeit 15 Tage", "backorder")),
        *(("2 hafta içinde kargoda", "in stock"), ("3 hafta içinde kargoda", "backorder")),
        *(("ships in 1 month", "backorder"), ("ships in 500 hours", "in stock")),
        *(("ships in 2 to 3 weeks", "backorder"), ("ships in 1 2 3 days", None)),
        *(("ships in 3 days 1 week", None), ("in 3 days", None), ("ships today 3 days", None)),
        *((float("nan"), None), ("1.5", None), ("x" * LIMIT_PRICE_CHARACTERS + "yes", None)),
        *(("yes".ljust(LIMIT_PRICE_CHARACTERS) + "?", "in stock"), ("-", None)),
    ],
)
def test_whether_something_can_be_had(value: Any, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(UnusableValueError, match="can be had"):
            read_availability(value)
    else:
        assert read_availability(value) == expected


@pytest.mark.parametrize(
    ("text", "tells"),
    [
        *((text, True) for text in ("call us", "CALL US", " Call us! ", "(P.O.A.)", "p o a")),
        *((text, True) for text in ("Price on request", "price-on-request", "Ask for price")),
        *((text, True) for text in ("Fiyat sorunuz", "FİYAT SORUNUZ", "FIYAT SORUNUZ", "Arayınız")),
        *((text, True) for text in ("fiyat icin arayiniz", "Fiyat için arayınız.", "Teklif al")),
        *((text, True) for text in ("auf Anfrage", "sur demande", "Nous consulter", "a consultar")),
        *((text, True) for text in ("Su richiesta", "op aanvraag", "Zapytaj o cenę", "call\xa0us")),
        *(
            (text, True)
            for text in ("n/a", "TBD", "Please call us for a price.", "Fiyat için lütfen arayın")
        ),
        *((text, True) for text in ("-", "—", "–,–", " ? ", "...", "**", "- TL", "€", "-,-- €")),
        *((text, True) for text in ("0", "0.00", "0,00", "0,00 TL", "₺0", "$0.00", "0 EUR")),
        *((text, True) for text in ("Sorunuz - 0212 555 44 33", "call 555-1234 for price")),
        *(
            (text, True)
            for text in ("Price on request: +90 (212) 555 44 33", "Tel. 444 1 234 arayın")
        ),
        *((text, True) for text in ("0532 555 44 33'ü arayınız", "POA, phone no: 020 7946 0018")),
        *((text, False) for text in ("0212 555 44 33", "Tel: 0212 555 44 33", "call us 1.299.000")),
        *(
            (text, False)
            for text in ("0.01", "-5", "0 0", "0-0", "00.0.0", "TL 5", "- 5", "0 apples")
        ),
        *((text, False) for text in ("", " ", "free", "call us maybe", "us", "599", "call us 7")),
        *((text, False) for text in ("ücretsiz", "tükendi", "call us" + " " * 200, "☎", "-" * 201)),
    ],
)
def test_what_says_that_the_price_is_told_to_who_asks(text: str, *, tells: bool) -> None:
    assert tells_no_price(text) is tells


def test_what_is_no_price_may_as_well_be_left_out() -> None:
    with pytest.raises(UnusableValueError) as caught:
        read_price("call us")
    assert caught.value.cure.endswith("or leave the cell empty.")
