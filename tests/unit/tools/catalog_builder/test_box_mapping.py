import numpy as np

from tools.catalog_builder.meshes import boards, box_uvs

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
