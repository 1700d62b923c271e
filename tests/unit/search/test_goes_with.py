"""What two pieces have in common, and how it is counted and said."""

from types import SimpleNamespace
from typing import Any

import pytest

from furniture_prompter.domain import Product
from furniture_prompter.domain.outfit import Offer, Reason
from furniture_prompter.search.goes_with import (
    Ranked,
    _both,
    _of_tie,
    _said_of,
    _weighed,
    diversified,
)
from furniture_prompter.understanding.rooms import Tie


def piece(
    colours: tuple[str, ...] = (), materials: tuple[str, ...] = (), **attributes: Any
) -> Product:
    told = {"base_colors": colours, "base_materials": materials, **attributes}
    return Product("p", "P", attributes={name: value for name, value in told.items() if value})


@pytest.mark.parametrize(
    ("deviations", "score", "why"),
    [
        (0.0, 0.0, []),
        (0.99, 0.3465, []),
        (1.0, 0.35, [Reason("tones")]),
        (2.5, 0.875, [Reason("tones")]),
        (9.0, 0.875, [Reason("tones")]),
        (-2.5, -0.875, []),
        (-9.0, -0.875, []),
    ],
)
def test_photos_count_by_how_near_they_are_up_to_two_and_a_half_deviations(
    deviations: float, score: float, why: list[Reason]
) -> None:
    told, said = _weighed(piece(), piece(), deviations, 0)
    assert told == pytest.approx(score)
    assert said == why


@pytest.mark.parametrize(
    ("one", "other", "rooms", "score", "why"),
    [
        (piece(("red",)), piece(("red",)), 0, 0.5, [Reason("colour", "red")]),
        (piece(("white",)), piece(("white",)), 0, 0.25, [Reason("colour", "white")]),
        # A colour that tells counts, whatever neutral ones are before it.
        (piece(("white", "red")), piece(("red", "white")), 0, 0.5, [Reason("colour", "red")]),
        (piece(("red",)), piece(("blue",)), 0, 0.0, []),
        (piece(("multicolour",)), piece(("multicolour",)), 0, 0.0, []),
        (piece((), ("oak", "ash")), piece((), ("ash", "oak")), 0, 0.5, [Reason("material", "oak")]),
        (piece(), piece(), 1, 2.0, [Reason("together", count=1)]),
        (
            piece(("red",), ("oak",)),
            piece(("red",), ("oak",)),
            3,
            3.0,
            [Reason("together", count=3), Reason("material", "oak"), Reason("colour", "red")],
        ),
    ],
)
def test_rooms_materials_and_colours_in_common_count_each(
    one: Product, other: Product, rooms: int, score: float, why: list[Reason]
) -> None:
    assert _weighed(one, other, 0.0, rooms) == (score, why)


def test_a_colour_in_common_is_said_instead_of_near_tones() -> None:
    score, why = _weighed(piece(("red",)), piece(("red",)), 2.0, 0)
    assert score == pytest.approx(1.2)
    assert why == [Reason("colour", "red")]


def test_only_lists_have_something_in_common() -> None:
    one = piece(("red", "blue", "white"))
    assert _both(one, piece(("white", "red")), "base_colors") == ["red", "white"]
    assert _both(one, piece(), "base_colors") == []
    assert _both(piece(), one, "base_colors") == []
    assert _both(one, piece(base_colors="red"), "base_colors") == []


@pytest.mark.parametrize(
    ("tie", "why"),
    [
        (Tie(0.5), []),
        (Tie(0.5, counted=1), [Reason("counted", "sofa", 1)]),
        (Tie(0.5, counted=2), [Reason("counted", "sofa", 2)]),
        (Tie(0.5, beside=True, room="bedroom", counted=2), [Reason("counted", "sofa", 2)]),
        (Tie(0.5, beside=True, room="bedroom", counted=1), [Reason("beside", "sofa")]),
        (Tie(0.5, room="bedroom", counted=1), [Reason("room", "bedroom")]),
    ],
)
def test_what_was_counted_twice_is_said_before_the_table(tie: Tie, why: list[Reason]) -> None:
    assert _of_tie(tie, "sofa") == why


def test_categories_are_believed_before_the_title() -> None:
    product = Product(
        *("p", "Oslo", "Sofas"),
        attributes={"category_tr": "Kanepe", "category_en": "Sofa", "category": "x", "price": 1.0},
    )
    assert _said_of(product) == ["Sofas", "Sofa", "Kanepe", "Oslo"]
    assert _said_of(Product("p", "Oslo", attributes={"category_en": 5.0})) == ["", "Oslo"]


def ranked(*pieces: tuple[str, float]) -> list[Ranked]:
    return [
        Ranked(kind, score, number, Product(f"{number}", kind), Offer(None), ())
        for number, (kind, score) in enumerate(pieces)
    ]


@pytest.mark.parametrize(
    ("second", "third", "order"),
    [
        # A second one of the kind loses 1.2, and 0.4 where the kind has a family.
        (("rug", 0.0), ("mirror", -1.19), [0, 2, 1]),
        (("rug", 0.0), ("mirror", -1.21), [0, 1, 2]),
        (("lamp", 0.0), ("mirror", -0.39), [0, 2, 1]),
        (("lamp", 0.0), ("mirror", -0.41), [0, 1, 2]),
    ],
)
def test_a_piece_loses_by_those_of_its_kind_and_family_before_it(
    second: tuple[str, float], third: tuple[str, float], order: list[int]
) -> None:
    families = {"lantern": "light", "lamp": "light"}
    table: Any = SimpleNamespace(families=families)
    first = ("rug" if second[0] == "rug" else "lantern", 0.5)
    pool = ranked(first, second, third)
    assert [each.number for each in diversified(pool, 3, table)] == order
    assert [each.number for each in diversified(pool, 1, table)] == [0]
    assert diversified(pool, 0, table) == []
    assert len(diversified(pool, 9, table)) == 3
