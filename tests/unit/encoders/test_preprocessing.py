import numpy as np
import pytest

from furniture_prompter.encoders.card import Fit, Preprocessing
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.errors import InvalidPhotoError

RED = np.array([200, 10, 20], np.uint8)


def filled(height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((height, width, 3), RED, np.uint8)


@pytest.mark.parametrize("fit", ["pad", "squash", "crop"])
@pytest.mark.parametrize(
    "size", [(1, 1), (1, 4000), (4000, 1), (17, 31), (31, 17), (64, 64), (500, 300)]
)
def test_every_size_becomes_the_square(fit: Fit, size: tuple[int, int]) -> None:
    square = preprocess(filled(*size), Preprocessing(side_px=64, fit=fit))
    assert square.shape == (64, 64, 3)
    assert square.dtype == np.uint8


def test_a_wide_image_is_padded_above_and_below_with_the_background() -> None:
    square = preprocess(filled(20, 40), Preprocessing(side_px=40, background=(1, 2, 3)))
    assert (square[:10] == (1, 2, 3)).all()
    assert (square[10:30] == RED).all()
    assert (square[30:] == (1, 2, 3)).all()


def test_a_tall_image_is_padded_left_and_right_with_white_by_default() -> None:
    square = preprocess(filled(40, 20), Preprocessing(side_px=40))
    assert (square[:, :10] == 255).all()
    assert (square[:, 10:30] == RED).all()
    assert (square[:, 30:] == 255).all()


def test_a_strip_keeps_at_least_one_pixel() -> None:
    square = preprocess(filled(1, 5000), Preprocessing(side_px=64))
    assert (square == RED).all(axis=2).any()


@pytest.mark.parametrize("fit", ["squash", "crop"])
def test_squash_and_crop_leave_no_background(fit: Fit) -> None:
    square = preprocess(filled(20, 60), Preprocessing(side_px=32, fit=fit, background=(0, 0, 0)))
    assert (square == RED).all()


def test_crop_takes_the_centre() -> None:
    image = np.zeros((10, 30, 3), np.uint8)
    image[:, 10:20] = RED
    square = preprocess(image, Preprocessing(side_px=10, fit="crop"))
    assert (square == RED).all()


def test_an_image_of_the_right_size_passes_unchanged_as_a_copy() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    square = preprocess(image, Preprocessing(side_px=32))
    assert (square == image).all()
    assert not np.shares_memory(square, image)


def test_a_view_with_negative_strides_gives_what_its_copy_gives() -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)[:, ::-1]
    spec = Preprocessing(side_px=32)
    assert (preprocess(image, spec) == preprocess(image.copy(), spec)).all()


def test_shrinking_averages_instead_of_skipping_pixels() -> None:
    board = np.zeros((256, 256, 3), np.uint8)
    board[::2, ::2] = board[1::2, 1::2] = 255
    square = preprocess(board, Preprocessing(side_px=32))
    assert np.abs(square.astype(int) - 128).max() < 8


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_anything_but_rgb_bytes_is_refused(
    image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> None:
    with pytest.raises(InvalidPhotoError, match="decoding"):
        preprocess(image, Preprocessing(side_px=8))
