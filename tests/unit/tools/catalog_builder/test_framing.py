import numpy as np
import pytest

from tools.catalog_builder.framing import MARGIN, View, fit_camera

BOX = np.array([[x, y, z] for x in (-60, 60) for y in (0, 75) for z in (-30, 30)], dtype=float)


@pytest.mark.parametrize("view", [View(0, 8), View(-32, 16), View(80, 30), View(40, 66)])
def test_the_product_is_centred_and_fills_the_frame_but_for_the_margin(view: View) -> None:
    camera = fit_camera(BOX, view)
    position, focal = np.array(camera.position), np.array(camera.focal_point)
    forward = (focal - position) / np.linalg.norm(focal - position)
    right = np.cross(forward, [0, 1, 0])
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    offset = BOX - position
    half = np.tan(np.radians(camera.view_angle_deg / 2))
    across = offset @ right / (offset @ forward) / half
    above = offset @ up / (offset @ forward) / half
    assert across.max() == pytest.approx(-across.min(), abs=0.01)
    assert above.max() == pytest.approx(-above.min(), abs=0.01)
    assert max(across.max(), above.max()) == pytest.approx(1 / (1 + 2 * MARGIN), abs=0.01)


def test_azimuth_zero_looks_at_the_front_and_elevation_from_above() -> None:
    camera = fit_camera(BOX, View(0, 30))
    assert camera.position[2] > 0
    assert camera.position[1] > camera.focal_point[1]
    assert camera.position[0] == pytest.approx(camera.focal_point[0], abs=1e-6)
