"""Numbers of options as people write them."""

import pytest
import typer

from furniture_prompter.cli.options import amount_of, share_of


@pytest.mark.parametrize("text", ["0.3", "0,3", "30%", "30 %", "%30", "% 30", " 30% "])
def test_a_share_is_read_as_people_write_it(text: str) -> None:
    assert share_of(text) == pytest.approx(0.3)


@pytest.mark.parametrize("text", ["%%30", "30%%", "%30%", "%", "3%0", "", "x"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"is no number\. Write it like 0\.5 or 50%"):
        share_of(text)


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("€5 EUR", 5.0, "EUR"),
        ("5 TL TRY", 5.0, "TRY"),
        ("$5 USD", 5.0, "USD"),
        ("45.000,50 TL", 45000.5, "TRY"),
        ("1500", 1500.0, ""),
    ],
)
def test_an_amount_may_name_its_currency_twice(text: str, amount: float, currency: str) -> None:
    assert amount_of(text, "--budget") == (amount, currency)
