import numpy as np
import pytest

from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.collection import DEGRADATIONS, degradation, fitted
from furniture_prompter.evaluation.suite import QualitySettings
from tests.fakes import draw_product
from tests.unit.evaluation.collections import picture

OTHERS = [picture(1), np.asarray(draw_product("blue", "sofa", 0))]


@pytest.mark.parametrize("name", DEGRADATIONS)
@pytest.mark.parametrize("shape", [(96, 96), (16, 70), (101, 33)])
def test_a_spoilt_photo_keeps_its_shape_and_is_another_picture(
    name: str, shape: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    before = image.copy()
    spoilt = degradation(name)(image, np.random.default_rng(3), OTHERS)
    assert spoilt.shape == image.shape
    assert spoilt.dtype == np.uint8
    assert np.array_equal(image, before), "the photo itself was altered"
    assert np.abs(spoilt.astype(int) - image.astype(int)).mean() > 2


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_the_same_seed_spoils_a_photo_the_same_way(name: str) -> None:
    image = np.asarray(draw_product("red", "chair", 0))
    first, second = (degradation(name)(image, np.random.default_rng(3), OTHERS) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("name", ["phone light", "crop", "clutter", "rotation"])
def test_another_seed_spoils_it_another_way(name: str) -> None:
    image = picture(0)
    first, second = (
        degradation(name)(image, np.random.default_rng(seed), OTHERS) for seed in (3, 4)
    )
    assert not np.array_equal(first, second)


def test_phone_light_darkens_and_most_of_all_in_the_corners() -> None:
    grey = np.full((80, 80, 3), 180, np.uint8)
    spoilt = degradation("phone light")(grey, np.random.default_rng(0), ())
    centre = spoilt[36:44, 36:44, 1].mean()
    # Half the light of sRGB 180 is sRGB 132; a quarter, in the corners, is 95.
    assert centre == pytest.approx(132, abs=4)
    assert spoilt[:3, :3, 1].mean() == pytest.approx(97, abs=8)


def test_a_photo_on_white_stays_on_white_when_it_is_turned() -> None:
    image = np.full((60, 60, 3), 255, np.uint8)
    image[25:35, 10:50] = 0
    spoilt = degradation("rotation")(image, np.random.default_rng(0), ())
    corners = spoilt[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners > 240).all()


def test_clutter_without_other_products_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="other products"):
        degradation("clutter")(picture(0), np.random.default_rng(0), ())


def test_an_unknown_way_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(BenchmarkError, match="phone light, crop, blur, JPEG, clutter, rotation"):
        degradation("coffee stain")


def test_the_standard_suite_names_every_way() -> None:
    assert QualitySettings().degradations == tuple(DEGRADATIONS)


def test_a_large_photo_is_brought_to_one_size_and_a_small_one_left() -> None:
    assert fitted(np.zeros((2_000, 1_000, 3), np.uint8)).shape == (512, 256, 3)
    small = picture(0)
    assert fitted(small) is small
