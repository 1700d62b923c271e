"""The knapsack of outfits, against every combination; what a product costs; reasons in words."""

from itertools import product as combinations
from typing import Any

import numpy as np
import pytest

from furniture_prompter.domain import Product, Variant
from furniture_prompter.domain.outfit import Offer, Reason
from furniture_prompter.search.answer import product_answer
from furniture_prompter.search.goes_with import Ranked, diversified
from furniture_prompter.search.outfit import best_under, cents
from furniture_prompter.search.outfit_answer import reason_text
from furniture_prompter.understanding.rooms import room_table
from furniture_prompter.web.page_products import is_sold_out, product_card
from furniture_prompter.web.page_words import Words


def by_trying_all(
    costs: list[list[int]], worths: list[list[int]], budget: int
) -> tuple[int, int] | None:
    """Greatest worth within a budget, and the least cost of it."""
    found = [
        (sum(w), -sum(c))
        for c, w in zip(combinations(*costs), combinations(*worths), strict=True)
        if sum(c) <= budget
    ]
    return max(found, default=None)


@pytest.mark.parametrize("seed", range(60))
def test_the_best_pieces_are_those_of_all_combinations(seed: int) -> None:
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 6, random.integers(1, 5)).tolist()
    costs = [random.integers(0, 50, size).tolist() for size in sizes]
    worths = [random.integers(0, 12, size).tolist() for size in sizes]
    budget = int(random.integers(0, 120))
    expected = by_trying_all(costs, worths, budget)
    places = best_under(costs, worths, budget)
    if expected is None:
        assert places is None
        return
    assert places is not None
    worth = sum(each[place] for each, place in zip(worths, places, strict=True))
    cost = sum(each[place] for each, place in zip(costs, places, strict=True))
    assert (worth, -cost) == expected


def test_a_full_outfit_is_chosen_in_bounded_work() -> None:
    random = np.random.default_rng(1)
    costs = [random.integers(0, 10**12, 30).tolist() for _ in range(12)]
    worths = [random.integers(0, 8_000, 30).tolist() for _ in range(12)]
    budget = sum(min(each) for each in costs)
    assert best_under(costs, worths, budget) == [each.index(min(each)) for each in costs]
    assert best_under(costs, worths, budget - 1) is None


def test_what_costs_more_than_the_budget_is_no_piece_however_much() -> None:
    # Far beyond 64 bits, and where a sum would be.
    for dear in (6 * 10**18, 10**30):
        assert best_under([[100, 300], [500, dear]], [[0, 3], [0, 50]], 2_000) == [1, 0]
        assert best_under([[dear]], [[1]], 2_000) is None
    assert cents(1e308) > cents(1e12)


def test_no_group_is_an_outfit_of_nothing() -> None:
    assert best_under([], [], 0) == []


@pytest.mark.parametrize(
    ("attributes", "variants", "price"),
    [
        ({"price": 10.0}, [], 10.0),
        ({"price": 10.0, "sale_price": 8.0}, [], 8.0),
        ({}, [], None),
        ({"price": float("nan")}, [], None),
        ({"price": 10.0, "availability": "out of stock"}, [], "gone"),
        ({"price": 10.0, "stock": 0.0}, [], "gone"),
        ({"price": 10.0, "stock": 0.0, "availability": "preorder"}, [], 10.0),
        ({"price": 5.0}, [{"price": 5.0, "stock": 0.0}, {"price": 7.0}], 7.0),
        ({"price": 5.0}, [{"price": 5.0, "availability": "discontinued"}], "gone"),
        ({"price": 5.0}, [{"price": 9.0, "sale_price": 6.0}, {"price": 7.0}], 6.0),
        ({"price": 5.0, "stock": 0.0}, [{"availability": "in stock", "price": 5.0}], 5.0),
        ({"price": 5.0}, [{}], 5.0),
    ],
)
def test_a_product_costs_what_its_card_on_the_page_says(
    attributes: dict[str, Any], variants: list[dict[str, Any]], price: float | str | None
) -> None:
    forms = tuple(Variant(str(n), attributes=each) for n, each in enumerate(variants))
    sold = Product("a", "A", attributes={**attributes, "currency": "EUR"}, variants=forms)
    offer = Offer.of(sold)
    told = product_answer(sold)
    assert (offer is None) == (price == "gone") == is_sold_out(told)
    if offer is not None:
        assert (offer.price, offer.currency) == (price, "EUR")
        shown = product_card(told, None, Words("en"))["price"]
        assert shown == ("" if price is None else f"€{price:,.0f}")


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (Reason("beside", "armchair"), "often goes with an armchair"),
        (Reason("beside", "sofa"), "often goes with a sofa"),
        (Reason("counted", "sofa", 12), "in 12 rooms of the shop with a sofa"),
        (Reason("together", count=1), "shown with it in a room of the shop"),
        (Reason("room", "childrens-room"), "stands in the children's room as well"),
        (Reason("material", "oak"), "oak like it"),
        (Reason("colour", "white"), "white like it"),
        (Reason("tones"), "in colours like its own"),
        (Reason("usual"), "in most rooms"),
        (Reason("like"), "looks like the piece in the photo"),
        (Reason("chosen"), "chosen by its id"),
    ],
)
def test_reasons_are_said_in_plain_words(reason: Reason, text: str) -> None:
    assert reason_text(reason) == text


def ranked(*pieces: tuple[str, float]) -> list[Ranked]:
    return [
        Ranked(kind, score, number, Product(str(number), kind), Offer(None), ())
        for number, (kind, score) in enumerate(pieces)
    ]


def test_five_lamps_are_not_what_goes_with_a_sofa() -> None:
    lamps = ("floor-lamp", "table-lamp", "pendant-lamp", "wall-lamp", "desk-lamp")
    pool = ranked(
        *((lamp, 0.0) for lamp in lamps), ("floor-lamp", 0.0), ("rug", -0.5), ("picture", -0.6)
    )
    chosen = [each.kind for each in diversified(pool, 4, room_table())]
    assert chosen == ["floor-lamp", "table-lamp", "rug", "picture"]
    assert len(diversified(pool, 50, room_table())) == len(pool)
