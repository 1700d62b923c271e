import numpy as np
import pytest
from numpy.typing import NDArray

from tools.catalog_builder.product import (
    UnfitPictureError,
    check_cropped,
    check_shot,
    check_textured,
)

Pixels = NDArray[np.uint8]


def _shot(level: int, rows: slice, columns: slice) -> tuple[Pixels, Pixels]:
    pixels, coverage = np.full((60, 60, 3), 255, np.uint8), np.zeros((60, 60), np.uint8)
    pixels[rows, columns] = level
    coverage[rows, columns] = 255
    return pixels, coverage


def test_a_product_inside_the_frame_passes() -> None:
    check_shot(*_shot(120, slice(10, 50), slice(5, 55)))


def test_an_empty_frame_is_refused() -> None:
    with pytest.raises(UnfitPictureError, match="empty"):
        check_shot(*_shot(120, slice(0, 0), slice(0, 0)))


@pytest.mark.parametrize(
    ("rows", "columns"),
    [(slice(0, 30), slice(5, 55)), (slice(30, 60), slice(5, 55)), (slice(5, 9), slice(0, 60))],
)
def test_a_product_at_the_edge_is_refused(rows: slice, columns: slice) -> None:
    with pytest.raises(UnfitPictureError, match="cut off"):
        check_shot(*_shot(120, rows, columns))


def test_a_product_drawn_without_light_is_refused() -> None:
    with pytest.raises(UnfitPictureError, match="black"):
        check_shot(*_shot(4, slice(10, 50), slice(5, 55)))


def test_a_few_specks_are_refused() -> None:
    coverage = np.zeros((100, 100), np.uint8)
    coverage[0, 0] = coverage[-1, -1] = 255
    with pytest.raises(UnfitPictureError, match="covers"):
        check_cropped(coverage)


def test_a_texture_that_does_not_show_is_refused() -> None:
    pixels, coverage = _shot(120, slice(10, 50), slice(5, 55))
    with pytest.raises(UnfitPictureError, match="untextured: 1 colours"):
        check_textured(pixels, coverage, plain_parts=0)
    pixels[10:50, 5:55, 0] = np.arange(50, dtype=np.uint8) * 5
    check_textured(pixels, coverage, plain_parts=3)
