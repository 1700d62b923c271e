import io

import numpy as np
from PIL import Image

from tools.catalog_builder.finishes import FINISHES, TILES, dressed_materials, finish_material
from tools.catalog_builder.materials import Material
from tools.catalog_builder.meshes import Part


def _part(name: str, side_cm: float, opacity: float = 1.0) -> Part:
    points = np.array([[0, 0, 0], [side_cm, 0, 0], [0, side_cm, 0]], float)
    return Part(Material(name, opacity=opacity), points, np.tile([0.0, 0.0, 1.0], (3, 1)), None)


def test_every_finish_has_a_picture_and_every_picture_a_finish() -> None:
    assert {f.tile for f in FINISHES} == {path.stem for path in TILES.glob("*.jpg")}
    for finish in FINISHES:
        assert Image.open(io.BytesIO(finish.picture())).size == (128, 128)
    assert len({f.key for f in FINISHES}) == len(FINISHES)


def test_the_wood_of_a_table_changes_and_its_legs_stay() -> None:
    parts = [_part("oak", 100), _part("chrome legs", 20)]
    assert dressed_materials("table", parts) == ("wood", frozenset({"oak"}))


def test_the_cover_of_a_sofa_changes() -> None:
    parts = [_part("leather", 100), _part("feet_metal", 10)]
    assert dressed_materials("sofa", parts) == ("fabric", frozenset({"leather"}))


def test_a_chair_of_unknown_substance_keeps_its_looks_but_a_desk_is_taken_for_wood() -> None:
    assert dressed_materials("chair", [_part("material_1", 100)]) is None
    assert dressed_materials("desk", [_part("material_1", 100)]) is not None


def test_glass_tables_and_things_without_wood_or_cloth_have_no_variants() -> None:
    assert dressed_materials("table", [_part("top", 100, 0.3), _part("legs_metal", 30)]) is None
    assert dressed_materials("fridge", [_part("wood", 100)]) is None


def test_a_small_share_of_wood_makes_no_variant() -> None:
    assert dressed_materials("table", [_part("oak", 10), _part("steel", 100)]) is None


def test_the_material_of_a_finish_says_its_substance() -> None:
    for finish in FINISHES:
        assert finish_material(finish).substance == finish.substance
