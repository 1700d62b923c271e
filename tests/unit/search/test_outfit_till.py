"""Money of outfits: what can be paid in which currency, what is left out; requests out of range."""

from collections.abc import Sequence

import numpy as np
import pytest

from furniture_prompter.domain import Product
from furniture_prompter.domain.outfit import Offer, OutfitRequest
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search import outfit
from furniture_prompter.search.goes_with import Ranked
from furniture_prompter.search.outfit import Slot, _Till, cents


def piece(
    number: int, price: float | None = None, currency: str = "", *, kind: str = "", score: float = 0
) -> Ranked:
    kind = kind or f"kind{number}"
    offer = Offer(price, currency)
    return Ranked(kind, score, number, Product(f"p{number}", f"P {number}"), offer, ())


def slot_of(*pieces: Ranked, fixed: Ranked | None = None) -> Slot:
    return Slot("kind", pieces, np.zeros(2, np.float32), fixed)


EURO, CENT = piece(1, 10.0, "EUR"), piece(2, 0.01, "EUR")
LIRA, FREE, BARE = piece(3, 500.0, "TRY"), piece(4), piece(5, 20.0)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (OutfitRequest(budget=0.0), "`budget` is 0. Give an amount above 0, up to"),
        (OutfitRequest(budget=-1.0), "`budget` is -1. Give an amount above 0, up to"),
        (
            OutfitRequest(budget=2e12),
            "`budget` is 2e+12. Give an amount above 0, up to 1,000,000,000,",
        ),
        (OutfitRequest(budget=float("nan")), "`budget` is nan."),
        (OutfitRequest(limit=0), "`limit` is 0. Ask for 1 to 12 pieces."),
        (OutfitRequest(limit=13), "`limit` is 13. Ask for 1 to 12 pieces."),
        (
            OutfitRequest(limit=1, replace={"sofa": "a", "rug": "b"}),
            "2 pieces are to be put in with `replace`, and `limit` is 1. Raise it, or put in",
        ),
    ],
)
def test_requests_out_of_range_are_refused(asked: OutfitRequest, problem: str) -> None:
    with pytest.raises(InvalidQueryError) as caught:
        outfit._refuse_out_of_range(asked)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "asked",
    [
        OutfitRequest(),
        OutfitRequest(budget=0.01),
        OutfitRequest(budget=1e12),
        OutfitRequest(limit=1),
        OutfitRequest(limit=12),
        OutfitRequest(limit=2, replace={"sofa": "a", "rug": "b"}),
    ],
)
def test_requests_at_the_ends_of_the_range_are_taken(asked: OutfitRequest) -> None:
    outfit._refuse_out_of_range(asked)


def test_prices_are_counted_in_hundredths_up_to_ten_times_any_budget() -> None:
    assert [cents(price) for price in (0.0, 0.01, 0.29, 1.005, 19.99)] == [0, 1, 29, 100, 1_999]
    assert cents(1e13) == cents(1e13 + 2) == cents(float("inf")) == 10**15
    assert cents(1e13 - 1) == 10**15 - 100
    assert outfit._cents_of(FREE) == 0
    assert outfit._cents_of(EURO) == 1_000


def test_worth_is_counted_in_thousandths_above_the_least_up_to_eight() -> None:
    scores = (-1.5, -0.25, -1.4994, 6.499, 6.5, 6.501, 60.0)
    pieces = [piece(n, score=score) for n, score in enumerate(scores)]
    assert outfit._worths(pieces) == [0, 1_250, 1, 7_999, 8_000, 8_000, 8_000]


def till(
    asked: OutfitRequest, pieces: Sequence[Ranked], fixed: Sequence[Ranked] = (), own: str = ""
) -> _Till:
    return _Till.of(asked, pieces, fixed, own)


@pytest.mark.parametrize(
    ("asked", "fixed", "own", "currency"),
    [
        # Asked for, of a piece that is put in, of the product, of most pieces.
        (OutfitRequest(currency="USD"), [], "TRY", "USD"),
        (OutfitRequest(), [LIRA], "EUR", "TRY"),
        (OutfitRequest(), [FREE], "TRY", "TRY"),
        (OutfitRequest(), [], "TRY", "TRY"),
        (OutfitRequest(), [], "USD", "EUR"),
        (OutfitRequest(), [], "", "EUR"),
    ],
)
def test_the_currency_is_asked_for_or_that_of_what_is_there(
    asked: OutfitRequest, fixed: list[Ranked], own: str, currency: str
) -> None:
    assert till(asked, [LIRA, EURO, CENT, FREE], fixed, own).currency == currency


def test_without_any_price_there_is_no_currency() -> None:
    assert till(OutfitRequest(), [FREE]) == _Till("", strict=False, budget=False)
    assert till(OutfitRequest(), []) == _Till("", strict=False, budget=False)


def test_only_a_budget_or_a_currency_leaves_pieces_out() -> None:
    pieces = [EURO, CENT, LIRA, FREE]
    free = till(OutfitRequest(), pieces)
    assert (free.strict, free.budget, free.notes) == (False, False, ())
    assert free.payable(pieces) == pieces
    named = till(OutfitRequest(currency="EUR"), pieces)
    assert (named.strict, named.budget) == (True, False)
    assert named.payable(pieces) == [EURO, CENT, FREE]
    assert named.notes == (
        (
            "1 product priced in another currency than EUR was left out: prices of several "
            "currencies are never added."
        ),
    )
    budget = till(OutfitRequest(budget=5.0), [*pieces, LIRA, FREE])
    # As many are priced in liras as in euros: the first that there is.
    assert (budget.currency, budget.strict, budget.budget) == ("EUR", True, True)
    assert budget.payable(pieces) == [EURO, CENT]
    assert budget.notes == (
        (
            "2 products priced in another currency than EUR were left out: prices of several "
            "currencies are never added."
        ),
        "2 products without a price were left out of the budget.",
    )


def test_nothing_that_can_be_paid_is_told_with_its_cause() -> None:
    euro = till(OutfitRequest(budget=60_000, currency="EUR"), [LIRA, FREE])
    assert euro.payable([LIRA, FREE]) == []
    assert euro.why_none([LIRA, FREE]) == (
        "None of the pieces that go with it is priced in EUR. Choose another `currency`, or leave "
        "it out."
    )
    free = till(OutfitRequest(budget=60_000), [FREE])
    assert free.payable([FREE]) == []
    assert free.why_none([FREE]).endswith("has a price. Leave `budget` out.")
    assert free.why_none([]) == "Nothing of the catalog goes with it as it was asked."


def test_prices_without_a_currency_are_told_as_such() -> None:
    assert till(OutfitRequest(currency="EUR"), [BARE]).notes == (
        (
            "1 product without a currency was left out: no price of this catalog has one. Leave "
            "the currency out."
        ),
    )
    assert till(OutfitRequest(budget=9.0), [BARE, BARE, EURO]).notes == (
        (
            "1 product priced in another currency than the others was left out: prices of several "
            "currencies are never added."
        ),
    )
    assert till(OutfitRequest(budget=9.0), [BARE, BARE]).notes == ()
    assert till(OutfitRequest(budget=9.0), [BARE, FREE]).notes == (
        "1 product without a price was left out of the budget.",
    )


def test_pieces_that_are_put_in_are_of_one_currency_where_it_matters() -> None:
    for asked in (OutfitRequest(currency="EUR"), OutfitRequest(budget=1.0, currency="EUR")):
        with pytest.raises(InvalidQueryError, match="in other currencies than EUR; prices of"):
            till(asked, [EURO], [LIRA])
    with pytest.raises(InvalidQueryError, match="in other currencies than none; prices of"):
        till(OutfitRequest(budget=1.0), [], [BARE, LIRA])
    assert till(OutfitRequest(budget=1.0), [], [LIRA, LIRA, FREE]).currency == "TRY"
    assert till(OutfitRequest(), [], [LIRA, EURO]).currency == "TRY"


@pytest.mark.parametrize(
    ("pieces", "total", "note"),
    [
        ([EURO, CENT], 10.01, None),
        ([piece(n, 0.1, "EUR") for n in range(3)], 0.3, None),
        ([], None, None),
        ([EURO, FREE], None, "There is no total: 1 product of the outfit has no price."),
        ([FREE, EURO, FREE], None, "There is no total: 2 products of the outfit have no price."),
        (
            [EURO, LIRA, BARE],
            None,
            (
                "There is no total: the pieces are priced in no currency, EUR, TRY, and prices of "
                "several currencies are never added. Choose one with `currency`."
            ),
        ),
        ([LIRA], None, None),
    ],
)
def test_a_total_is_of_prices_in_one_currency(
    pieces: list[Ranked], total: float | None, note: str | None
) -> None:
    euros = _Till("EUR", strict=False, budget=False)
    assert euros.total(pieces) == total
    assert euros.notes_of(pieces) == ([note] if note else [])


def test_others_are_the_first_three_that_the_rest_of_the_budget_pays() -> None:
    chosen = [piece(1, 60.0), piece(2, 40.0)]
    pieces = [piece(3, 10.01), piece(1, 1.0), *(piece(n, 10.0) for n in (4, 5, 6, 7)), piece(8)]
    slot = slot_of(*pieces)
    for budget, numbers in ((None, [3, 4, 5]), (50.0, [4, 5, 6]), (49.99, [8]), (39.99, [])):
        found = outfit._others(slot, chosen[0], chosen, budget)
        assert [each.number for each in found] == numbers


def test_a_piece_changes_its_place_with_another_alone() -> None:
    first, second, other = piece(1, 60.0), piece(1, 60.0), piece(3)
    assert outfit._swapped([first, second], second, other) == [first, other]
    assert outfit._swapped([first, second], first, other)[1] is second


def test_without_a_budget_the_best_pieces_are_chosen_whatever_they_cost() -> None:
    slots = [slot_of(LIRA, EURO), slot_of(FREE), slot_of(EURO, fixed=CENT)]
    any_price = _Till("EUR", strict=False, budget=False)
    assert outfit._chosen(OutfitRequest(), slots, any_price) == [LIRA, FREE, CENT]


def test_a_budget_is_spent_to_the_cent_or_the_least_total_is_told() -> None:
    good, cheap = piece(1, 30.0, kind="sofa", score=2.0), piece(2, 10.5, kind="sofa")
    rug = piece(3, 5.25, kind="rug")
    slots, euros = [slot_of(good, cheap), slot_of(rug)], _Till("EUR", strict=True, budget=True)
    for budget, chosen in ((35.25, good), (35.24, cheap), (15.75, cheap)):
        assert outfit._chosen(OutfitRequest(budget=budget), slots, euros) == [chosen, rug]
    with pytest.raises(InvalidQueryError) as caught:
        outfit._chosen(OutfitRequest(budget=15.74), slots, euros)
    assert str(caught.value) == (
        "A budget of 15.74 EUR is too small for these 2 pieces: the least total is 15.75 EUR "
        "(sofa 10.50, rug 5.25). Raise `budget`, lower `limit`, or leave a piece out with "
        "`leave_out`, such as sofa."
    )
    with pytest.raises(InvalidQueryError, match=r"A budget of 1\.00 is too small .* is 15\.75 \("):
        outfit._chosen(OutfitRequest(budget=1.0), slots, _Till("", strict=True, budget=True))


def test_kinds_are_those_put_in_and_then_of_the_best_pieces() -> None:
    by_kind = {kind: [piece(1, kind=kind, score=score)] for kind, score in SCORES.items()}
    assert outfit._chosen_kinds(by_kind, [], 3) == ["floor-lamp", "rug", "picture"]
    assert outfit._chosen_kinds(by_kind, ["picture"], 2) == ["picture", "floor-lamp"]
    assert outfit._chosen_kinds(by_kind, ["sofa", "mirror"], 2) == ["sofa", "mirror"]
    assert outfit._chosen_kinds(by_kind, [], 9) == ["floor-lamp", "rug", "picture", "table-lamp"]


SCORES = {"floor-lamp": 0.0, "table-lamp": -0.1, "rug": -0.2, "picture": -0.3}
