"""Boxes in shares, cut to whole pixels."""

import numpy as np
import pytest

from furniture_prompter.domain.query import Crop
from furniture_prompter.errors import InvalidQueryError

IMAGE = np.arange(20 * 10 * 3, dtype=np.uint8).reshape(10, 20, 3)


@pytest.mark.parametrize(
    ("crop", "rows", "columns"),
    [
        (Crop(0, 0, 1, 1), slice(0, 10), slice(0, 20)),
        (Crop(0.5, 0, 0.5, 1), slice(0, 10), slice(10, 20)),
        (Crop(0.1, 0.2, 0.3, 0.4), slice(2, 6), slice(2, 8)),
        (Crop(0.3, 0.1, 0.1, 0.2), slice(1, 3), slice(6, 8)),
        (Crop(0.99, 0.99, 0.01, 0.01), slice(9, 10), slice(19, 20)),
        (Crop(0.5, 0.3, 0.001, 0.001), slice(3, 4), slice(10, 11)),
        (Crop(0.2, 0.2, 0.8 + 1e-7, 0.8 + 1e-7), slice(2, 10), slice(4, 20)),
    ],
)
def test_a_box_goes_to_the_nearest_pixels_and_has_at_least_one(
    crop: Crop, rows: slice, columns: slice
) -> None:
    cut = crop.cut(IMAGE)
    assert np.array_equal(cut, IMAGE[rows, columns])
    assert cut.flags.c_contiguous


@pytest.mark.parametrize("size", [(1_000, 500), (500, 1_000), (700, 700), (2_000, 300)])
@pytest.mark.parametrize("crop", [Crop(0, 0, 0.5, 1), Crop(0.2, 0.3, 0.25, 0.1), Crop(0, 0, 1, 1)])
def test_the_box_keeps_its_pixels_in_a_photo_decoded_at_the_side_that_is_told(
    crop: Crop, size: tuple[int, int]
) -> None:
    width, height = size
    side = crop.whole_side_px(224)
    scale = min(1.0, side / max(size))
    longer = max(crop.width * width, crop.height * height) * scale
    assert scale == 1.0 or longer >= 223


@pytest.mark.parametrize(
    "text",
    ["0.1,0.2,0.5,0.6", " 0.1, 0.2, 0.5, 0.6 ", "xywh=percent:10,20,50,60", "percent:10,20,50,60"],
)
def test_a_box_is_read_in_shares_and_in_per_cent(text: str) -> None:
    crop = Crop.of_text(text)
    assert (crop.x, crop.y, crop.width, crop.height) == pytest.approx((0.1, 0.2, 0.5, 0.6))


@pytest.mark.parametrize(
    "text", ["", "1", "0.1,0.2,0.5", "a,b,c,d", "xywh=pixel:1,2,3,4", "0,0,nan,1", "0,0,1,inf"]
)
def test_what_is_no_box_is_refused_with_both_spellings(text: str) -> None:
    with pytest.raises(InvalidQueryError, match=r"0\.1,0\.2,0\.5,0\.6.*xywh=percent:10,20,50,60"):
        Crop.of_text(text)


def test_a_photo_is_decoded_large_enough_for_a_box_to_keep_its_side() -> None:
    assert Crop(0, 0, 1, 1).whole_side_px(224) == 224
    assert Crop(0, 0, 0.5, 0.25).whole_side_px(224) == 896
    # Of a sliver no more than a thousandth is taken into account.
    assert Crop(0, 0, 1e-6, 1).whole_side_px(224) == 224_000
