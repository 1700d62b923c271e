"""Views: the same furniture, reproducibly."""

import colorsys

import numpy as np
import pytest
from PIL import Image

from furniture_prompter.distillation.augmentation import CLEAN, ViewMaker, white_background
from tests.fakes import draw_product

PHOTO = "7f" * 32


def _square(colour: str = "red", side_px: int = 72) -> np.ndarray:
    image = np.asarray(draw_product(colour, "sofa", 1).resize((side_px, side_px)))
    return np.dstack([image, white_background(image)])


def test_a_view_follows_from_seed_photo_and_number_alone() -> None:
    square = _square()
    first = ViewMaker(1).view(square, PHOTO, 3, 64)
    assert (ViewMaker(1).view(square, PHOTO, 3, 64) == first).all()
    for other in (
        ViewMaker(2).view(square, PHOTO, 3, 64),
        ViewMaker(1).view(square, "8a" * 32, 3, 64),
        ViewMaker(1).view(square, PHOTO, 4, 64),
    ):
        assert (other != first).any()


def test_the_clean_view_is_the_photo() -> None:
    square = _square(side_px=64)
    assert (ViewMaker(1).view(square, PHOTO, CLEAN, 64) == square[..., :3]).all()
    assert ViewMaker(1).view(square, PHOTO, CLEAN, 48).shape == (48, 48, 3)


def test_the_square_stays_as_it_is() -> None:
    square = _square()
    before = square.copy()
    for number in range(8):
        ViewMaker(1).view(square, PHOTO, number, 64)
    assert (square == before).all()


@pytest.mark.parametrize("number", range(1, 25))
def test_a_view_shows_the_same_at_every_side(number: int) -> None:
    # Noise and compression differ; what is shown and where does not.
    small = ViewMaker(5).view(_square(), PHOTO, number, 64)
    large = ViewMaker(5).view(_square(), PHOTO, number, 128)
    shrunk = np.asarray(Image.fromarray(large).resize((64, 64), Image.Resampling.BOX))
    assert np.abs(small.astype(int) - shrunk).mean() < 12


@pytest.mark.parametrize("colour", ["red", "green", "blue", "yellow"])
def test_hue_is_kept(colour: str) -> None:
    square = _square(colour)
    hue = colorsys.rgb_to_hsv(*square[square[..., 3] == 0][:, :3].mean(axis=0) / 255)[0]
    for number in range(1, 30):
        pixels = ViewMaker(2).view(square, PHOTO, number, 64).reshape(-1, 3) / 255
        strong = [colorsys.rgb_to_hsv(*pixel) for pixel in pixels[::7]]
        hues = [value[0] for value in strong if value[1] > 0.6]
        if hues:
            turned = np.abs((np.median(hues) - hue + 0.5) % 1 - 0.5)
            assert turned < 0.04, number


def test_white_backgrounds_change_in_some_views_and_stay_in_others() -> None:
    corners = [
        ViewMaker(4).view(_square(), PHOTO, number, 64)[:4].reshape(-1, 3).std(axis=0).max()
        + np.ptp(ViewMaker(4).view(_square(), PHOTO, number, 64)[0, 0].astype(int))
        for number in range(1, 60)
    ]
    coloured = np.array(corners) > 6
    assert 0.1 < coloured.mean() < 0.9


def test_a_photo_without_white_keeps_its_background() -> None:
    image = np.full((72, 72, 3), (40, 90, 160), np.uint8)
    square = np.dstack([image, white_background(image)])
    for number in range(1, 40):
        view = ViewMaker(4).view(square, PHOTO, number, 64).reshape(-1, 3).astype(int)
        coloured = view[np.ptp(view, axis=1) > 30]
        # What a view that shrinks the photo adds around it is white.
        assert len(coloured) > 0.5 * len(view), number
        assert (coloured[:, 2] > coloured[:, 0]).mean() > 0.98
