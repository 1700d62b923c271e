"""Dominant colours of a photo, for a glance."""

from pathlib import Path

import numpy as np

from furniture_prompter.cli.hits_table import WHITE, dominant_colours, photo_colours
from furniture_prompter.domain import RgbImage


def _on_white(*patches: tuple[tuple[int, int, int], int]) -> RgbImage:
    """A white square of 64 pixels with full-width stripes of these colours and heights."""
    image = np.full((64, 64, 3), 255, np.uint8)
    top = 8
    for colour, height in patches:
        image[top : top + height, 8:56] = colour
        top += height
    return image


def test_the_most_frequent_colour_comes_first_and_the_background_is_left_out() -> None:
    image = _on_white(((20, 40, 120), 10), ((150, 90, 40), 30))
    assert dominant_colours(image) == ((150, 90, 40), (20, 40, 120))


def test_two_shades_that_look_alike_are_one_colour() -> None:
    assert len(dominant_colours(_on_white(((150, 90, 40), 20), ((160, 100, 50), 20)))) == 1


def test_a_speck_is_no_dominant_colour() -> None:
    assert dominant_colours(_on_white(((150, 90, 40), 40), ((0, 200, 0), 1))) == ((150, 90, 40),)


def test_white_furniture_is_white() -> None:
    assert dominant_colours(np.full((32, 32, 3), 255, np.uint8)) == (WHITE,)


def test_a_photo_that_is_gone_or_damaged_has_no_colours(tmp_path: Path) -> None:
    damaged = tmp_path / "a.jpg"
    damaged.write_bytes(b"no photo at all")
    assert photo_colours(damaged) == ()
    assert photo_colours(tmp_path / "gone.jpg") == ()
