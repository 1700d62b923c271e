import numpy as np
import pytest

from tools.encoder_builder import colour


def plain(*rgb: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((64, 64, 3), rgb, np.uint8)


def likeness(
    left: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    right: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> float:
    return float(colour.colour_shares(left) @ colour.colour_shares(right))


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [  # CIE L*a*b* under D65; the tolerance covers the plain 2.2 gamma
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((255, 0, 0), (53.2, 80.1, 67.2)),
        ((0, 0, 255), (32.3, 79.2, -107.9)),
        ((128, 128, 128), (53.6, 0.0, 0.0)),
    ],
)
def test_known_colours_have_their_lab_values(
    rgb: tuple[int, int, int], expected: tuple[float, float, float]
) -> None:
    found = colour.lab(np.array([rgb]) / 255)[0]
    np.testing.assert_allclose(found, expected, atol=1.5)


def test_shares_have_unit_length() -> None:
    for image in (plain(255, 255, 255), plain(0, 0, 0), plain(200, 30, 40)):
        assert np.linalg.norm(colour.colour_shares(image)) == pytest.approx(1)


def test_red_is_like_dark_red_and_unlike_blue() -> None:
    assert likeness(plain(200, 20, 20), plain(150, 20, 20)) > 0.4
    assert likeness(plain(200, 20, 20), plain(20, 20, 200)) < 0.05


def test_a_white_background_hardly_counts() -> None:
    small = plain(255, 255, 255)
    small[16:48, 16:48] = (200, 20, 20)
    assert likeness(small, plain(200, 20, 20)) > 0.9


def test_where_the_colour_stands_does_not_matter() -> None:
    left, right = plain(255, 255, 255), plain(255, 255, 255)
    left[:32, :32] = right[32:, 32:] = (30, 120, 60)
    assert likeness(left, right) == pytest.approx(1)


def test_every_colour_of_the_palette_is_near_one_that_a_screen_shows() -> None:
    found = colour.palette()
    assert 40 <= len(found) <= 100
    assert len(np.unique(found, axis=0)) == len(found)
    assert (np.abs(found[:, 1:]) <= 2 * colour.CHROMA_STEP).all()
