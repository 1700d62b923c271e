import math

import numpy as np
import pytest

from furniture_prompter.errors import DistillationError
from tools.encoder_builder import figures


def circle(*degrees: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_two_far_apart_types_are_told_apart_perfectly() -> None:
    vectors = circle(0, 1, 2, 3, 4, 5, 90, 91, 92, 93, 94, 95)
    found = figures.same_type(vectors, ["chair"] * 6 + ["lamp"] * 6)
    assert found == {"r_at_1": 1.0, "p_at_5": 1.0}


def test_only_images_that_ask_are_counted_and_all_are_candidates() -> None:
    vectors = circle(0, 1, 90, 40, 91)
    products = ["a", "a", "b", "b", "c"]
    asking = np.array([False, False, True, True, False])
    assert figures.other_view(vectors, products, asking) == {"r_at_1": 0.0, "r_at_5": 1.0}
    assert figures.other_view(vectors, products)["r_at_1"] == 0.5


def test_a_product_never_finds_itself() -> None:
    vectors = circle(0, 10, 20, 30, 40, 180)
    found = figures.same_type(vectors, ["chair"] * 5 + ["lamp"])
    assert found["r_at_1"] == 1.0
    assert found["p_at_5"] == pytest.approx(4 / 5)  # the fifth is the lamp, never the query


def test_small_types_are_candidates_but_no_queries() -> None:
    vectors = circle(0, 10, 20, 30, 40, -1)
    found = figures.same_type(vectors, ["chair"] * 5 + ["stool"])
    assert found["r_at_1"] == pytest.approx(4 / 5)  # the stool is nearest to the first chair only


def test_other_views_are_found_at_their_rank() -> None:
    vectors = circle(0, 1, 50, 53, 51)
    found = figures.other_view(vectors, ["a", "a", "b", "b", "c"])
    assert found["r_at_1"] == pytest.approx(2 / 4)  # c stands between the views of b
    assert found["r_at_5"] == 1.0


def test_products_with_one_image_are_no_queries() -> None:
    found = figures.other_view(circle(0, 1, 90), ["a", "a", "alone"])
    assert found["r_at_1"] == 1.0


def test_a_loss_of_less_than_two_hundredths_passes_and_so_does_a_gain() -> None:
    figures.require_figures({"a": 0.5, "b": 0.5}, {"a": 0.4901, "b": 0.6})


@pytest.mark.parametrize("after", [0.4899, 0.0, math.nan])
def test_a_larger_loss_of_one_figure_is_refused_by_name(after: float) -> None:
    with pytest.raises(DistillationError, match="second"):
        figures.require_figures({"first": 0.5, "second": 0.5}, {"first": 0.5, "second": after})


def test_a_float_figure_that_is_not_finite_is_refused() -> None:
    with pytest.raises(DistillationError):
        figures.require_figures({"a": math.nan}, {"a": 0.5})


def test_figures_that_do_not_match_or_are_missing_are_refused() -> None:
    with pytest.raises(DistillationError, match="Cannot compare"):
        figures.require_figures({"a": 0.5}, {"b": 0.5})
    with pytest.raises(DistillationError, match="Cannot compare"):
        figures.require_figures({}, {})
