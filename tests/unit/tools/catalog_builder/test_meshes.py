import numpy as np
import pytest

from tools.catalog_builder.meshes import boards, box_uvs, parse_obj

OBJ = """\
mtllib box.mtl
v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
vt 0 0
vt 1 0
vt 1 1
vn 0 0 1
usemtl top
f 1/1/1 2/2/1 3/3/1
usemtl side
f 1//1 3//1 4//1
usemtl top
f -4 -3 \\
 -2 -1
"""


def test_faces_are_gathered_by_material_even_when_a_file_returns_to_one() -> None:
    obj = parse_obj(OBJ)
    assert {name: group.sizes for name, group in obj.groups.items()} == {"top": [3, 4], "side": [3]}
    assert obj.material_libraries == ("box.mtl",)


def test_corners_without_texture_or_normal_are_marked() -> None:
    top, side = parse_obj(OBJ).groups["top"], parse_obj(OBJ).groups["side"]
    assert top.uvs == [0, 1, 2, -1, -1, -1, -1]
    assert side.uvs == [-1, -1, -1]
    assert side.normals == [0, 0, 0]


def test_negative_numbers_count_back_and_lines_continue() -> None:
    assert parse_obj(OBJ).groups["top"].points[3:] == [0, 1, 2, 3]
    np.testing.assert_array_equal(parse_obj(OBJ).points[2], [1, 1, 0])


def test_a_corner_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="corner 9, but only 1"):
        parse_obj("v 0 0 0\nf 1 1 9\n")


# Two triangles of an upright board, 10 cm wide and 90 cm high, and one far away.
BOARD = np.array([[0, 0, 0], [10, 0, 0], [10, 90, 0], [0, 0, 0], [10, 90, 0], [0, 90, 0]], float)
OTHER = np.array([[500, 0, 0], [540, 0, 0], [540, 0, 20]], float)


def test_triangles_that_touch_are_one_board() -> None:
    assert boards(np.concatenate([BOARD, OTHER])).tolist() == [0, 0, 1]


def test_grain_follows_the_longest_side_of_a_board() -> None:
    uvs = box_uvs(BOARD, 45, grain=True)
    np.testing.assert_allclose(np.ptp(uvs, axis=0), [90 / 45, 10 / 45])


def test_cloth_lies_the_same_way_everywhere() -> None:
    uvs = box_uvs(BOARD, 45, grain=False)
    np.testing.assert_allclose(np.ptp(uvs, axis=0), [10 / 45, 90 / 45])


def test_a_tile_is_not_stretched_on_any_face() -> None:
    points = np.concatenate([BOARD, OTHER])
    uvs = box_uvs(points, 45, grain=True).reshape(-1, 3, 2)
    corners = points.reshape(-1, 3, 3)
    for triangle, mapped in zip(corners, uvs, strict=True):
        length_cm = np.linalg.norm(triangle[1] - triangle[0])
        np.testing.assert_allclose(np.linalg.norm(mapped[1] - mapped[0]) * 45, length_cm)
