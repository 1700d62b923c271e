from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.tools.catalog_builder.furniture_source import write_source
from tests.unit.tools.catalog_builder.source_models import source_model
from tools.catalog_builder.planning import (
    BUNDLED,
    FULL,
    TABLE,
    LeftOut,
    Selected,
    Selection,
    UnclassifiedModelError,
    orders,
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_source(tmp_path, with_broken=True)
    return tmp_path


def test_a_wooden_table_is_ordered_as_it_is_and_in_other_woods(source: Path) -> None:
    planned = [o for o in orders(FULL, source, Selection()) if "plain" in o.product_id]
    assert [o.finish is None for o in planned] == [True, False, False]
    assert len({o.product_id for o in planned}) == 3
    assert all(o.finish is None or o.finish.substance == "wood" for o in planned)
    assert planned[1].title == f"Table, {planned[1].finish.title if planned[1].finish else ''}"
    assert planned[1].title_tr.startswith("Masa, ")


def test_the_plan_is_the_same_every_time(source: Path) -> None:
    assert orders(FULL, source, Selection()) == orders(FULL, source, Selection())


def test_a_finish_that_the_piece_wears_already_is_no_variant(source: Path) -> None:
    every = replace(FULL, variants_each=99)
    finishes = {o.finish.key for o in orders(every, source, Selection()) if o.finish}
    # The table is (153, 102, 51) in sRGB: nearest to the honey-coloured wood.
    assert "honey-wood" not in finishes
    assert {"light-wood", "black-wood"} <= finishes


def test_a_model_that_cannot_be_read_is_still_ordered_but_without_variants(source: Path) -> None:
    broken = [o for o in orders(FULL, source, Selection()) if "broken" in o.product_id]
    assert [o.finish for o in broken] == [None]


def test_the_bundled_plan_has_two_views_of_each_and_the_full_one_more() -> None:
    assert (BUNDLED.view_count, BUNDLED.variant_view_count) == (2, 2)
    assert FULL.view_count > FULL.variant_view_count > 2


@pytest.fixture(scope="module")
def selection() -> Selection:
    return Selection()


def test_a_chair_is_a_product_whose_category_depends_on_its_room(selection: Selection) -> None:
    rooms = {"Living room": "chair", "Office": "office chair", "Exterior": "garden chair"}
    for room, category in rooms.items():
        decision = selection.decide(source_model("Chair", category=room))
        assert isinstance(decision, Selected)
        assert decision.category == category


@pytest.mark.parametrize(
    ("name", "category", "tags"),
    [
        ("Female", "Characters", ("Human",)),
        ("Siamese cat", "Characters", ("Animal",)),
        ("Renault Scenic", "Vehicles", ("Car",)),
        ("Hamburger", "Kitchen", ("Food",)),
        ("Exterior door", "Doors and windows", ("Adjustable",)),
        ("Spiral staircase", "Staircases", ()),
        ("Japanese maple", "Exterior", ("Tree", "Outdoor", "Garden")),
        ("Wall double socket", "Miscellaneous", ("Outlet", "Electricity")),
        ("Jacket", "Bedroom", ("Clothes",)),
    ],
)
def test_what_is_no_furnishing_is_left_out_with_a_reason(
    selection: Selection, name: str, category: str, tags: tuple[str, ...]
) -> None:
    decision = selection.decide(source_model(name, category=category, tags=tags))
    assert isinstance(decision, LeftOut)
    assert decision.reason


@pytest.mark.parametrize(
    ("name", "category", "expected"),
    [
        ("Decorative plant", "Living room", "houseplant"),
        ("Corner bathtub", "Bathroom", "bathtub"),
        ("Little lamp", "Lights", "table lamp"),
        ("Upper cabinet", "Kitchen", "kitchen cabinet"),
        ("Oriental rug", "Living room", "rug"),
        ("Microwave", "Kitchen", "microwave"),
    ],
)
def test_furnishing_fixtures_lamps_and_textiles_are_products(
    selection: Selection, name: str, category: str, expected: str
) -> None:
    decision = selection.decide(source_model(name, category=category))
    assert isinstance(decision, Selected)
    assert decision.category == expected
    assert decision.category_tr


def test_a_model_no_table_knows_stops_the_builder_with_the_cure(selection: Selection) -> None:
    with pytest.raises(UnclassifiedModelError, match=r"selection\.toml: add it under"):
        selection.decide(source_model("Teleporter"))


def test_a_single_model_can_differ_from_others_of_its_name(selection: Selection) -> None:
    decision = selection.decide(source_model("Box", stem="box_room"))
    assert isinstance(decision, Selected)
    assert decision.category == "dresser"
    assert selection.title(source_model("Box", stem="box_room")) == "Sideboard with drawers"


def test_slips_of_the_source_are_corrected_in_titles(selection: Selection) -> None:
    assert selection.title(source_model("Teck chair", category="Exterior")) == "Teak chair"
    assert selection.title(source_model("Sofa")) == "Sofa"


def test_a_missing_turkish_title_falls_back_to_the_turkish_category(selection: Selection) -> None:
    assert selection.title_tr(source_model("Sofa", name_tr="Divan")) == "Divan"
    assert selection.title_tr(source_model("Sofa", name_tr=None)) == "Kanepe"


def test_a_name_in_two_tables_is_refused(tmp_path: Path) -> None:
    text = TABLE.read_text(encoding="utf-8").replace('"doll" = ["doll"]', '"doll" = ["sofa"]')
    path = tmp_path / "selection.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="both included and excluded"):
        Selection(path)
