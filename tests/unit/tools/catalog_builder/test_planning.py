from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.tools.catalog_builder.furniture_source import write_source
from tools.catalog_builder.planning import BUNDLED, FULL, Selection, orders


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
