"""Which kind a prompt asks for, which products are of it, and what the others lose."""

import asyncio
from typing import Any

import numpy as np
import pytest

from furniture_prompter.search.kinds import (
    SHOWN_AS_WELL,
    AskedKinds,
    Kinds,
    OtherKindRetriever,
    ProductKinds,
)
from furniture_prompter.understanding.reading import Reading
from furniture_prompter.understanding.thesaurus import thesaurus

KINDS = Kinds(thesaurus())


def asked(prompt: str, *pieces: str) -> AskedKinds | None:
    """What a prompt asks for that names some pieces."""
    reading = Reading.of(prompt)
    words = [token.low for token in reading.tokens]
    places = []
    for piece in pieces:
        own = piece.split()
        start = next(at for at in range(len(words)) if words[at : at + len(own)] == own)
        places.append((start, start + len(own)))
    return KINDS.asked(reading, places)


class Shop:
    """Products by category and title."""

    def __init__(self, *products: tuple[str | None, str]) -> None:
        self.products = products
        self.asked = 0

    async def columns(self, numbers: Any, names: Any) -> dict[str, list[str | None]]:
        self.asked += 1
        told = [
            dict(zip(("category", "title"), self.products[each], strict=True)) for each in numbers
        ]
        return {name: [each[name] for each in told] for name in names}


def far(found: AskedKinds | None, *products: tuple[str | None, str]) -> list[float]:
    """How far products are from what a prompt asks for."""
    assert found is not None
    shop: Any = Shop(*products)
    told = ProductKinds(shop, KINDS).distances(found, np.arange(len(products)))
    return [round(each, 6) for each in asyncio.run(told).tolist()]


@pytest.mark.parametrize(
    ("prompt", "piece", "category", "title", "distance"),
    [
        ("turquoise desk", "desk", "desk", "MICKE Desk", 0.0),
        ("turquoise desk", "desk", "mug", "Turquoise mug", 1.0),
        ("turquoise desk", "desk", "desk lamp", "Turquoise desk lamp", 1.0),
        ("turkuaz masa", "masa", "coffee table", "", 0.0),
        ("kırmızı dresuar", "dresuar", "console table", "", 0.0),
        ("beyaz sehpa", "sehpa", "TV sehpası", "", 0.0),
        ("pink armchair", "armchair", "recliner", "", SHOWN_AS_WELL),
        # An armchair by its title, whatever the shop's category holds as well.
        ("pink armchair", "armchair", "seating", "Wing chair in pink", 0.0),
        ("pink sofa", "sofa", None, "Pink cushion for a sofa", 1.0),
        ("pink sofa", "sofa", None, "Sofa with pink cushion", 0.0),
        ("pink sofa", "sofa", "Home > Living room > Sofas & armchairs", "EKTORP", 0.0),
        ("pink sofa", "sofa", None, "EKTORP", 0.5),
        # What the words before make of a piece: no sofa with a bed, but a sofa bed.
        ("sofa bed", "sofa bed", "three-seat sofa-bed", "HIMMENE Three-seat sofa-bed", 0.0),
        ("bed", "bed", "bed frame", "HEMNES Bed frame", 0.0),
        ("yatak", "yatak", "bed frame", "HEMNES Bed frame", 0.0),
        ("bed", "bed", "day-bed frame", "FYRESDAL Day-bed frame", 0.15),
        ("day bed", "day bed", "day-bed frame", "FYRESDAL Day-bed frame", 0.0),
        ("double bed", "double bed", "day-bed frame", "FYRESDAL Day-bed frame", 0.45),
        ("double bed", "double bed", "bed frame", "HEMNES Bed frame", SHOWN_AS_WELL),
        # What belongs to a bed is none, whatever its title ends in.
        ("bed", "bed", "bed tent", "KURA Bed tent", SHOWN_AS_WELL),
        ("masa", "masa", "Masa Modelleri", "", 0.0),
        ("sofa", "sofa", "sofas, fabric", "", 0.0),
        # Who asks for a category by its name finds it, whatever it is.
        ("net for plant pot", "plant pot", "net for plant pot", "ANVNDBAR", 0.0),
        ("cover for chaise longue", "chaise longue", "cover for chaise longue", "", 0.0),
        ("mini chest with 3 drawers", "chest", "Mini chests with 3 drawers", "", 0.0),
        # A "koltuk" is an armchair as well as a sofa.
        ("siyah kanepe", "kanepe", "Koltuk", "Bergama Koltuk", SHOWN_AS_WELL),
        ("siyah koltuk", "koltuk", "Koltuk", "Bergama Koltuk", 0.0),
        ("siyah berjer", "berjer", "Berjer Koltuk", "", 0.0),
        ("sectional", "sectional", "dinlenme koltuğu", "", 1.0),
        # A "yatak" is a mattress as well as a bed: no loft bed is a mattress.
        ("white mattress", "mattress", "loft bed", "", 1.0),
    ],
)
def test_a_product_is_as_far_from_the_kind_as_its_words_say(
    prompt: str, piece: str, category: str | None, title: str, distance: float
) -> None:
    assert far(asked(prompt, piece), (category, title)) == [distance]


def test_a_shade_that_bears_the_name_of_a_piece_asks_for_none() -> None:
    found = asked("light grey sofa", "light", "sofa")
    assert found is not None
    assert "sofa" in found.same
    assert "lamp" not in found.same


def test_of_pieces_side_by_side_the_last_is_asked_for() -> None:
    pillow = asked("beige chair pillow", "chair", "pillow")
    assert pillow is not None
    assert "pillow" in pillow.same
    assert "chair" not in pillow.same
    both = asked("gri berjer koltuk", "berjer", "koltuk")
    assert both is not None
    assert both.same == {"armchair"}
    either = asked("sofa or armchair", "sofa", "armchair")
    assert either is not None
    assert {"sofa", "armchair"} <= either.same


def test_a_kind_that_the_thesaurus_lacks_is_known_by_the_shops_own_category() -> None:
    found = asked("pink chopping boards")
    assert found is not None
    assert not found.same
    assert far(found, ("Chopping board", ""), ("board game", ""), (None, "")) == [0.0, 1.0, 1.0]
    # "Wall mounted range hood" is no wall.
    assert far(asked("wall mounted range hood"), ("wall", "")) == [1.0]
    # "Glass" says which doors.
    assert far(asked("glass door"), ("glass door", ""), ("glass", "")) == [0.0, 1.0]
    # A colour is no kind: "glass" asks for no drinking glasses.
    of_colour = asked("clear glass")
    assert of_colour is None or far(of_colour, ("glass", "")) == [1.0]


def test_others_lose_only_where_something_is_of_the_kind() -> None:
    found = asked("turquoise desk", "desk")
    assert found is not None
    shop: Any = Shop(("mug", ""), ("desk", ""), ("mug", "EKTORP"))
    gate = OtherKindRetriever(ProductKinds(shop, KINDS), found)
    assert asyncio.run(gate.strengths(np.array([0, 1]))).tolist() == [1.0, 0.0]
    assert asyncio.run(gate.strengths(np.array([0, 2]))).tolist() == [0.0, 0.0]
    assert asyncio.run(gate.distances(np.array([0, 2]))).tolist() == [1.0, 1.0]
    assert asyncio.run(gate.strengths(np.zeros(0, np.int64))).size == 0
    # A shop without wall shelves has shelves.
    other = OtherKindRetriever(ProductKinds(shop, KINDS), AskedKinds(frozenset({"x"}), found.same))
    assert asyncio.run(other.strengths(np.array([0, 1]))) == pytest.approx([1.0, SHOWN_AS_WELL])
    # What products are is read once.
    assert shop.asked == 3
