"""Renders a small cupboard that the test writes: a textured front, a glass top, a red body."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.unit.tools.catalog_builder.source_models import source_model
from tools.catalog_builder.colours import CLEAR
from tools.catalog_builder.framing import View
from tools.catalog_builder.libraries import SourceModel
from tools.catalog_builder.meshes import MissingTextureError, load_parts
from tools.catalog_builder.product import Order, UnfitPictureError, check_shot, render_product
from tools.catalog_builder.rendering import Studio, cropped

OBJ = """\
mtllib thing1.mtl
v 0 0 0
v 2 0 0
v 2 1 0
v 0 1 0
v 0 0 -1
v 2 0 -1
v 2 1 -1
v 0 1 -1
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl front
f 1/1 2/2 3/3 4/4
usemtl body
f 6 5 8 7
f 2 6 7 3
f 5 1 4 8
f 5 6 2 1
usemtl glass
f 4 3 7 8
"""
MTL = """\
newmtl front
Kd 0 0 0
map_Kd Check.png
newmtl body
Kd 0.8 0.05 0.05
newmtl glass
Kd 0.7 0.9 0.9
d 0.3
"""


def _check_picture() -> bytes:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, :, 1] = np.arange(64) * 3 + 60
    pixels[::16, :, 2] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def cupboard(tmp_path: Path) -> SourceModel:
    model = source_model("Cupboard", size_cm=(120.0, 50.0, 80.0))
    with zipfile.ZipFile(tmp_path / model.library.file_name, "w") as archive:
        archive.writestr("scopia/thing1/thing1.obj", OBJ)
        archive.writestr("scopia/thing1/thing1.mtl", MTL)
        archive.writestr("scopia/thing1/check.png", _check_picture())
    return model


def test_a_model_is_scaled_to_its_declared_size_and_stands_on_the_floor(
    cupboard: SourceModel, tmp_path: Path
) -> None:
    points = np.concatenate([part.points for part in load_parts(cupboard, tmp_path)])
    np.testing.assert_allclose(points.min(axis=0), [-60, 0, -25], atol=1e-9)
    np.testing.assert_allclose(points.max(axis=0), [60, 80, 25], atol=1e-9)


def test_normals_are_made_where_a_file_gives_none(cupboard: SourceModel, tmp_path: Path) -> None:
    front = load_parts(cupboard, tmp_path)[0]
    np.testing.assert_allclose(np.abs(front.normals), np.tile([0.0, 0.0, 1.0], (6, 1)), atol=1e-6)


def test_a_texture_the_library_lacks_is_refused_by_name(
    cupboard: SourceModel, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / cupboard.library.file_name, "w") as archive:
        archive.writestr("scopia/thing1/thing1.obj", OBJ)
        archive.writestr("scopia/thing1/thing1.mtl", MTL)
    with pytest.raises(MissingTextureError, match=r"Check\.png is not in the library"):
        load_parts(cupboard, tmp_path)


def test_front_and_side_show_their_own_colours(cupboard: SourceModel, tmp_path: Path) -> None:
    with Studio(load_parts(cupboard, tmp_path), 128) as studio:
        front = studio.flat(View(0, 2))
        side = studio.flat(View(89, 2))
        lit = studio.lit(View(-32, 20))
    middle = front.pixels[64, 40:90]
    assert (middle[:, 1] > middle[:, 0] + 40).all()
    assert len(np.unique(middle, axis=0)) > 20
    red = side.pixels[64, 64].astype(int)
    assert red[0] > red[1] + 100
    check_shot(lit.pixels, lit.coverage)
    assert (lit.pixels[0] == 255).all()


def test_see_through_parts_show_in_flat_colour_and_count_as_clear(
    cupboard: SourceModel, tmp_path: Path
) -> None:
    glass = [part for part in load_parts(cupboard, tmp_path) if part.material.name == "glass"]
    with Studio(glass, 96) as studio:
        flat, made_of = studio.flat(View(0, 60)), studio.substance_codes(View(0, 60))
    assert flat.coverage[48, 48] > 0
    assert flat.pixels[48, 48].min() < 250
    assert made_of[48, 48] == CLEAR


def test_crop_keeps_the_proportions_and_leaves_a_small_margin(
    cupboard: SourceModel, tmp_path: Path
) -> None:
    with Studio(load_parts(cupboard, tmp_path), 160) as studio:
        picture = cropped(studio.lit(View(0, 0)), 96)
    height, width = picture.coverage.shape
    assert width == 96
    assert height / width == pytest.approx(80 / 120, abs=0.06)
    columns = np.flatnonzero((picture.coverage > 8).any(axis=0))
    assert 1 <= columns[0] <= 6
    assert 1 <= width - 1 - columns[-1] <= 6


def test_a_product_is_rendered_measured_and_described(
    cupboard: SourceModel, tmp_path: Path
) -> None:
    order = Order(
        cupboard, "cabinet", "dolap", "Cupboard", "Dolap", None,
        view_count=2, longest_side_pixels=96, jpeg_quality=85,
    )  # fmt: skip
    rendered = render_product(order, tmp_path)
    first, second = (Image.open(io.BytesIO(data)) for data in rendered.pictures)
    assert max(first.size) == max(second.size) == 96
    assert rendered.pictures[0] != rendered.pictures[1]
    row = rendered.row
    assert (row["width_cm"], row["depth_cm"], row["height_cm"]) == (120.0, 50.0, 80.0)
    assert row["color"] == ", ".join(row["colors"])  # type: ignore[arg-type]  # a list of names
    assert {"green", "red"} & set(row["colors"])  # type: ignore[call-overload]  # the same list
    assert row["licence"] == "CC-BY-3.0"


def test_a_model_of_one_point_is_refused(tmp_path: Path) -> None:
    model = source_model("Nothing")
    with zipfile.ZipFile(tmp_path / model.library.file_name, "w") as archive:
        archive.writestr("scopia/thing1/thing1.obj", "v 0 0 0\n")
    with pytest.raises(ValueError, match="no face"):
        load_parts(model, tmp_path)


def test_the_checks_see_a_product_that_was_cut_off(cupboard: SourceModel, tmp_path: Path) -> None:
    with Studio(load_parts(cupboard, tmp_path), 128) as studio:
        shot = studio.lit(View(0, 0))
    with pytest.raises(UnfitPictureError, match="cut off"):
        check_shot(shot.pixels[40:], shot.coverage[40:])
