import numpy as np
import pytest

from tools.catalog_builder.colours import (
    CLEAR,
    METAL,
    NAMES,
    NAMES_TR,
    PLAIN,
    WOOD,
    dominant_colours,
    name_pixels,
    srgb_to_lab,
)


def _named(rgb: tuple[int, int, int], substance: int = PLAIN) -> str:
    pixels = np.array([rgb], dtype=np.uint8)
    return str(name_pixels(pixels, np.array([substance], dtype=np.uint8))[0])


def test_lab_agrees_with_published_values() -> None:
    # sRGB primaries under D65, from Lindbloom's CIE colour calculator.
    swatches = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]], dtype=np.uint8)
    expected = np.array(
        [[53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86], [100.0, 0.0, 0.0]]
    )
    assert np.abs(srgb_to_lab(swatches) - expected).max() < 0.05


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        ((250, 250, 250), "white"),
        ((225, 224, 222), "white"),
        ((172, 172, 174), "light grey"),
        ((128, 128, 128), "grey"),
        ((75, 76, 78), "dark grey"),
        ((18, 18, 18), "black"),
        ((200, 20, 25), "red"),
        ((110, 12, 20), "dark red"),
        ((240, 165, 185), "pink"),
        ((220, 60, 160), "pink"),
        ((240, 130, 20), "orange"),
        ((245, 210, 40), "yellow"),
        ((40, 140, 50), "green"),
        ((15, 60, 25), "dark green"),
        ((40, 170, 170), "turquoise"),
        ((30, 80, 200), "blue"),
        ((20, 30, 70), "dark blue"),
        ((150, 190, 235), "light blue"),
        ((130, 50, 150), "purple"),
        ((215, 200, 165), "beige"),
        ((120, 75, 45), "brown"),
        ((60, 35, 20), "dark brown"),
    ],
)
def test_swatches_get_the_name_a_shopper_would_use(
    rgb: tuple[int, int, int], expected: str
) -> None:
    assert _named(rgb) == expected


def test_wood_is_named_by_its_lightness_and_only_where_it_is_wood() -> None:
    assert _named((222, 190, 140), WOOD) == "light wood"
    assert _named((165, 115, 70), WOOD) == "medium wood"
    assert _named((80, 50, 30), WOOD) == "dark wood"
    assert _named((222, 190, 140), PLAIN) == "beige"


def test_painted_wood_keeps_the_name_of_its_paint() -> None:
    assert _named((245, 245, 243), WOOD) == "white"
    assert _named((30, 80, 200), WOOD) == "blue"


def test_bright_metal_is_silver_and_glass_is_clear() -> None:
    assert _named((190, 192, 195), METAL) == "silver"
    assert _named((180, 60, 40), METAL) == "red"
    assert _named((240, 240, 240), METAL) == "white"
    assert _named((200, 220, 220), CLEAR) == "clear"
    assert _named((200, 20, 25), CLEAR) == "red"


def test_dominant_colours_come_by_share_and_small_ones_are_dropped() -> None:
    white, red, black = [250] * 3, [200, 20, 25], [10] * 3
    pixels = np.array([white] * 60 + [red] * 35 + [black] * 5, dtype=np.uint8)
    names, shares = dominant_colours(pixels, np.zeros(100, dtype=np.uint8))
    assert names == ["white", "red"]
    assert shares == {"white": 0.6, "red": 0.35, "black": 0.05}


def test_no_pixels_have_no_colour() -> None:
    with pytest.raises(ValueError, match="no pixels"):
        dominant_colours(np.zeros((0, 3), dtype=np.uint8), np.zeros(0, dtype=np.uint8))


def test_every_colour_in_the_cube_has_a_known_name_and_a_turkish_one() -> None:
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    for substance in (PLAIN, WOOD, METAL, CLEAR):
        found = set(name_pixels(cube, np.full(len(cube), substance, dtype=np.uint8)).tolist())
        assert found <= set(NAMES)
    assert set(NAMES_TR) == set(NAMES)
