"""What goes with a piece, and outfits under a budget, on a small catalog with prices."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from furniture_prompter import Catalog, index
from furniture_prompter.domain.outfit import Outfit
from furniture_prompter.errors import (
    InvalidFilterError,
    InvalidQueryError,
    InvalidRoomsError,
    ProductNotFoundError,
)
from furniture_prompter.settings import Settings
from furniture_prompter.understanding.rooms import RoomTable
from tests.tiny_detector import write_detector

RED, WHITE, BLUE = (190, 30, 40), (245, 245, 240), (30, 60, 190)
PRODUCTS: list[tuple[str, str, str, tuple[int, int, int], dict[str, Any]]] = [
    ("sofa", "Red oak sofa", "sofa", RED, {"price": 900, "color": "red", "material": "oak"}),
    ("sofa-2", "Corner sofa", "corner sofa", RED, {"price": 800, "color": "red"}),
    ("rug-red", "Red rug", "rug", RED, {"price": 200, "color": "red"}),
    ("rug-white", "White rug", "rug", WHITE, {"price": 80, "color": "white"}),
    ("table-oak", "Oak table", "orta sehpa", BLUE, {"price": 300, "material": "oak"}),
    ("table-white", "White low table", "coffee table", WHITE, {"price": 120, "color": "white"}),
    ("lamp", "Reading light", "floor lamp", RED, {"price": 150, "color": "red"}),
    ("lamp-2", "Ceiling light", "pendant lamp", WHITE, {"price": 60, "color": "white"}),
    ("chair", "Easy chair", "armchair", BLUE, {"price": 400, "color": "blue"}),
    ("tv", "TV bench", "tv bench", WHITE, {"price": 250, "color": "white"}),
    ("tv-gone", "TV bench, red", "tv bench", RED, {"price": 1, "availability": "out of stock"}),
    ("cushion-usd", "Cushion", "cushion", RED, {"price": 5, "currency": "USD"}),
    ("curtain-free", "Curtain", "curtain", RED, {}),
    ("lamp-garden", "Garden light", "floor lamp", RED, {"price": 150, "color": "red"}),
    ("billiards", "Pool table", "", RED, {"price": 1500, "color": "red"}),
    ("tennis", "Table tennis", "game table", RED, {"price": 300, "color": "red"}),
    ("basin", "Wash basin", "wash basin", WHITE, {"price": 70}),
    ("clip", "Paper clip", "clips", BLUE, {"price": 1}),
]


def photo_of(colour: tuple[int, int, int], number: int) -> Image.Image:
    """A piece of a colour, no two alike."""
    image = np.full((96, 96, 3), 255, np.uint8)
    image[20 + number : 80, 16 : 80 - number] = colour
    return Image.fromarray(image)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outfits")
    lines = []
    for number, (name, title, category, colour, further) in enumerate(PRODUCTS):
        photo_of(colour, number).save(folder / f"{name}.png")
        row = {"id": name, "title": title, "category": category, "image": f"{name}.png"}
        currency = {"currency": "EUR"} if "price" in further else {}
        lines.append(json.dumps({**row, **currency, **further}))
    (folder / "products.jsonl").write_text("\n".join(lines), "utf-8")
    index(folder / "products.jsonl", folder / "catalog")
    return folder


@pytest.fixture(scope="module")
def catalog(shop: Path) -> Iterator[Catalog]:
    with Catalog.open(shop / "catalog") as opened:
        yield opened


def ids(found: Outfit) -> dict[str, str]:
    return {each.piece.kind: each.piece.product.id for each in found.choices}


def test_what_goes_with_a_sofa_is_of_other_kinds_each_first_before_any_twice(
    catalog: Catalog,
) -> None:
    found = catalog.goes_with("sofa")
    assert found.kind == "sofa"
    listed = [each.kind for each in found.companions]
    assert len(set(listed[:6])) == 6
    assert {"coffee-table", "rug", "floor-lamp"} <= set(listed[:6])
    assert not {"sofa", "sofa-2", "tv-gone", "clip", "basin"} & {
        each.product.id for each in found.companions
    }
    assert found.notes == ()


def test_every_piece_has_reasons_that_are_true(catalog: Catalog) -> None:
    by_id = {each.product.id: each for each in catalog.goes_with("sofa", limit=50).companions}
    reasons = {name: {each.name: each.value for each in by_id[name].why} for name in by_id}
    assert reasons["table-oak"] == {"beside": "sofa", "material": "oak"}
    assert reasons["rug-red"]["room"] == "living-room"
    assert reasons["rug-red"]["colour"] == "red"
    assert "colour" not in reasons["rug-white"]
    assert all(each.why for each in by_id.values())


def test_of_a_kind_the_piece_of_its_colour_comes_first(catalog: Catalog) -> None:
    listed = [each.product.id for each in catalog.goes_with("sofa", limit=50).companions]
    assert listed.index("rug-red") < listed.index("rug-white")
    listed = [each.product.id for each in catalog.goes_with("tv", limit=50).companions]
    assert listed.index("rug-white") < listed.index("rug-red")


def test_a_piece_for_outside_is_nothing_for_inside_and_a_game_is_no_table(
    catalog: Catalog,
) -> None:
    listed = [each.product.id for each in catalog.goes_with("sofa", limit=50).companions]
    assert "lamp" in listed
    assert not {"lamp-garden", "billiards", "tennis"} & set(listed)
    outside = [each.product.id for each in catalog.goes_with("lamp-garden", limit=50).companions]
    assert "rug-red" in outside


def test_whether_a_piece_is_for_outside_is_read_off_its_words_once(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    says = RoomTable.is_outdoors

    def counted(table: RoomTable, kind: str, texts: Sequence[str]) -> bool:
        read.append(kind)
        return says(table, kind, texts)

    monkeypatch.setattr(RoomTable, "is_outdoors", counted)
    with Catalog.open(shop / "catalog") as catalog:
        first = catalog.goes_with("lamp-garden", limit=50)
        once = len(read)
        assert once >= len(first.companions)
        assert catalog.goes_with("lamp-garden", limit=50) == first
        assert len(read) == once
        catalog.goes_with("rug-red", limit=50)
        assert len(read) <= len(PRODUCTS)


def test_a_filter_and_a_limit_are_kept(catalog: Catalog) -> None:
    found = catalog.goes_with("sofa", where="price < 130", limit=2)
    assert len(found.companions) == 2
    assert {each.product.id for each in found.companions} <= {
        *("rug-white", "table-white", "lamp-2", "cushion-usd")
    }
    assert catalog.goes_with("sofa", where="price < 0").companions == ()


def test_what_cannot_be_asked_is_refused(catalog: Catalog) -> None:
    with pytest.raises(ProductNotFoundError):
        catalog.goes_with("none")
    with pytest.raises(InvalidQueryError, match="1 to 50"):
        catalog.goes_with("sofa", limit=51)
    with pytest.raises(InvalidFilterError):
        catalog.goes_with("sofa", where="size of it")


def test_a_piece_of_no_known_kind_says_so(catalog: Catalog) -> None:
    found = catalog.goes_with("clip")
    assert found.kind == "clips"
    assert "“Paper clip”" in found.notes[0]
    assert "`rooms`" in found.notes[0]
    assert len(found.companions) > 3
    reasons = {why.name for each in found.companions for why in each.why}
    assert "usual" in reasons
    assert not {"room", "beside"} & reasons


def rooms_of(folder: Path, *rooms: list[str]) -> Settings:
    file = folder / "rooms.jsonl"
    file.write_text("\n".join(json.dumps({"product_ids": each}) for each in rooms), "utf-8")
    return Settings(rooms=file)


def test_a_shops_own_rooms_come_before_the_table(shop: Path, tmp_path: Path) -> None:
    settings = rooms_of(tmp_path, *[["sofa", "clip", "gone"]] * 30, ["sofa-2", "basin", "sofa"])
    with Catalog.open(shop / "catalog", settings=settings) as opened:
        found = opened.goes_with("sofa")
        assert found.companions[0].product.id == "clip"
        assert found.companions[0].kind == "clips"
        assert (found.companions[0].why[0].name, found.companions[0].why[0].count) == (
            *("together", 30),
        )
        assert found.notes[0].endswith("does not have them: 1 product.")
        # The other sofa never stood with a clip; its kind did.
        other = opened.goes_with("sofa-2").companions
    named = {each.product.id: [why.name for why in each.why] for each in other}
    assert named["clip"][0] == "counted"
    assert "sofa" not in named
    assert named["basin"][0] == "together"


def test_rooms_that_cannot_be_read_are_refused(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "rooms.jsonl").write_text("{", "utf-8")
    settings = Settings(rooms=tmp_path / "rooms.jsonl")
    with (
        Catalog.open(shop / "catalog", settings=settings) as opened,
        pytest.raises(InvalidRoomsError, match="line 1"),
    ):
        opened.goes_with("sofa")


def test_an_outfit_has_one_piece_of_each_kind_within_the_budget(catalog: Catalog) -> None:
    rich = catalog.outfit(like="sofa", budget=5_000, limit=3)
    poor = catalog.outfit(like="sofa", budget=400, limit=3)
    assert ids(rich).keys() == ids(poor).keys()
    assert len(ids(rich)) == 3
    for found, budget in ((rich, 5_000), (poor, 400)):
        prices = [each.offer.price or 0 for each in found.choices]
        assert found.total == sum(prices) <= budget
        assert found.currency == "EUR"
    assert rich.product is not None
    assert rich.product.id == "sofa"
    assert rich.total is not None
    assert poor.total is not None
    assert poor.total < rich.total


def test_a_budget_that_is_too_small_says_the_least_total(catalog: Catalog) -> None:
    with pytest.raises(InvalidQueryError, match=r"the least total is (\d+\.\d\d) EUR") as refused:
        catalog.outfit(like="sofa", budget=100, limit=3)
    least = float(str(refused.value).split("least total is ")[1].split(" ")[0])
    assert catalog.outfit(like="sofa", budget=least, limit=3).total == least
    with pytest.raises(InvalidQueryError):
        catalog.outfit(like="sofa", budget=least - 0.01, limit=3)


def test_prices_of_several_currencies_are_never_added(catalog: Catalog) -> None:
    found = catalog.outfit(like="sofa", budget=5_000, limit=12)
    assert {each.offer.currency for each in found.choices} == {"EUR"}
    assert any("1 product priced in another currency than EUR" in each for each in found.notes)
    assert any("1 product without a price was left out" in each for each in found.notes)
    dollars = catalog.outfit(like="sofa", budget=5_000, currency="usd")
    assert (ids(dollars), dollars.total, dollars.currency) == ({"cushion": "cushion-usd"}, 5, "USD")
    free = catalog.outfit(like="sofa", limit=12)
    assert {"cushion-usd", "curtain-free"} <= set(ids(free).values())
    assert free.total is None
    assert "no total" in free.notes[-1]


def test_several_currencies_without_a_budget_have_no_total(catalog: Catalog) -> None:
    found = catalog.outfit(like="sofa", limit=12, leave_out=["curtain"])
    assert found.total is None
    assert "EUR, USD" in found.notes[-1]


def test_a_piece_is_replaced_by_its_kind_in_words_of_either_language(catalog: Catalog) -> None:
    for kind in ("rug", "carpet", "halı"):
        found = catalog.outfit(like="sofa", budget=5_000, limit=3, replaced={kind: "rug-white"})
        (rug,) = [each for each in found.choices if each.piece.kind == "rug"]
        assert (rug.piece.product.id, rug.replaced) == ("rug-white", True)
        assert [each.piece.product.id for each in rug.alternatives] == ["rug-red"]


def test_alternatives_say_what_the_outfit_then_costs(catalog: Catalog) -> None:
    found = catalog.outfit(like="sofa", budget=5_000, limit=4)
    told = 0
    for each in found.choices:
        for other in each.alternatives:
            told += 1
            again = catalog.outfit(
                like="sofa",
                budget=5_000,
                limit=4,
                replaced={
                    **{x.piece.kind: x.piece.product.id for x in found.choices},
                    each.piece.kind: other.piece.product.id,
                },
            )
            assert again.total == other.total
    assert told
    assert found.total is not None
    tight = catalog.outfit(like="sofa", budget=found.total, limit=4)
    assert all(
        other.total is not None and other.total <= found.total
        for each in tight.choices
        for other in each.alternatives
    )


def test_kinds_that_are_left_out_are_not_in_it(catalog: Catalog) -> None:
    found = catalog.outfit(like="sofa", limit=12, leave_out=["rug", "orta sehpa", "Clips"])
    assert not {"rug", "coffee-table"} & ids(found).keys()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"replaced": {"rug": "lamp"}}, "is no rug but a floor lamp. Put it in as floor-lamp=lamp"),
        ({"replaced": {"tv-bench": "tv-gone"}}, "cannot be had now"),
        ({"replaced": {"curtain": "curtain-free"}}, "has no price, and there is a budget"),
        ({"replaced": {"cushion": "cushion-usd", "rug": "rug-red"}}, "of one currency"),
        ({"replaced": {"rug": "rug-red", "halı": "rug-white"}}, "Two products"),
        ({"replaced": {"sofa": "sofa"}}, "is there already"),
        ({"replaced": {"rug": "rug-red"}, "leave_out": ["halı"]}, "to be left out"),
        ({"replaced": {"paper": "clip"}}, "There is no kind 'paper'"),
        ({"leave_out": ["paper"]}, "There is no kind 'paper'"),
        ({"replaced": {"rug": "rug-red", "tv-bench": "tv"}, "limit": 1}, "Raise it, or put in"),
        ({"limit": 0}, "Ask for 1 to 12"),
        ({"limit": 13}, "Ask for 1 to 12"),
        ({"budget": 0.0}, "above 0"),
        ({"budget": float("nan")}, "above 0"),
        ({"like": None}, "Give one of them"),
        ({"photo": b"x"}, "Give one of them"),
    ],
)
def test_an_outfit_that_cannot_be_put_together_says_what_helps(
    catalog: Catalog, given: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidQueryError, match=told):
        catalog.outfit(**{"like": "sofa", "budget": 5_000.0, **given})


def test_a_product_that_is_not_there_is_refused(catalog: Catalog) -> None:
    for given in ({"like": "none"}, {"like": "sofa", "replaced": {"rug": "none"}}):
        with pytest.raises(ProductNotFoundError):
            catalog.outfit(**given)


ROOM_BOXES = [((4, 20, 28, 44), "couch", 0.9), ((36, 20, 60, 44), "chair", 0.8)]


def room(shop: Path) -> bytes:
    """A red sofa and a blue armchair before a wall, 256 pixels a side."""
    file = shop / "room.png"
    image = Image.new("RGB", (256, 256), (255, 255, 255))
    image.paste(Image.open(shop / "sofa.png"), (16, 80))
    image.paste(Image.open(shop / "chair.png"), (144, 80))
    image.save(file)
    return file.read_bytes()


def test_the_pieces_of_a_room_are_found_in_the_catalog_under_a_budget(
    shop: Path, tmp_path: Path
) -> None:
    detector = write_detector(tmp_path / "tiny", ROOM_BOXES)
    with Catalog.open(shop / "catalog", settings=Settings(detector=detector)) as opened:
        found = opened.outfit(photo=room(shop), budget=1_400)
        assert ids(found) == {"sofa": "sofa", "armchair": "chair"}
        assert found.total == 1_300
        assert found.product is None
        assert [each.piece.why[0].name for each in found.choices] == ["like", "like"]
        assert found.choices[0].box is not None
        assert found.choices[0].box.x == pytest.approx(4 / 64)
        assert ids(opened.outfit(photo=room(shop), budget=1_250))["sofa"] == "sofa-2"
        first = opened.outfit(photo=room(shop), limit=1, replaced={"armchair": "chair"})
        assert ids(first) == {"armchair": "chair"}
        cheap = opened.outfit(
            photo=room(shop), budget=900, where="currency = 'EUR' and price > 500"
        )
        assert ids(cheap) == {"sofa": "sofa"}
        dollars = opened.outfit(photo=room(shop), budget=900, currency="USD")
        assert ids(dollars) == {}
        assert "Of the kind sofa nothing is left" in " ".join(dollars.notes)
        only = opened.outfit(photo=room(shop), budget=1_400, leave_out=["armchair"])
        assert ids(only) == {"sofa": "sofa"}
        with pytest.raises(InvalidQueryError, match="The photo has no rug to be replaced"):
            opened.outfit(photo=room(shop), replaced={"rug": "rug-red"})
        with pytest.raises(InvalidQueryError, match=r"least total is 1,200\.00 EUR"):
            opened.outfit(photo=room(shop), budget=500)


def test_a_photo_needs_a_detector_and_a_piece(shop: Path, tmp_path: Path) -> None:
    with (
        Catalog.open(shop / "catalog", settings=Settings(detector=None)) as opened,
        pytest.raises(InvalidQueryError, match="--detector"),
    ):
        opened.outfit(photo=room(shop))
    nothing = Settings(detector=write_detector(tmp_path / "blind", []))
    with (
        Catalog.open(shop / "catalog", settings=nothing) as opened,
        pytest.raises(InvalidQueryError, match="No piece was found"),
    ):
        opened.outfit(photo=room(shop))
