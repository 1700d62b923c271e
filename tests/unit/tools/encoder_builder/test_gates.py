import math

import numpy as np
import pytest

from tools.encoder_builder import gates
from tools.encoder_builder.gates import GateError, Parity


def unit_rows(count: int = 6) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    rows = np.random.default_rng(0).standard_normal((count, 5)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_equal_vectors_have_cosine_one() -> None:
    found = gates.parity(unit_rows(), unit_rows())
    assert found.mean == pytest.approx(1)
    assert found.least == pytest.approx(1)


def test_parity_reports_the_worst_row_beside_the_mean() -> None:
    left, right = unit_rows(4), unit_rows(4)
    right[2] *= -1
    found = gates.parity(left, right)
    assert found.least == pytest.approx(-1)
    assert found.mean == pytest.approx(0.5)


def test_lengths_do_not_matter() -> None:
    assert gates.parity(unit_rows(), unit_rows() * 3).least == pytest.approx(1)


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_vector_that_is_not_finite_is_refused(broken: float) -> None:
    right = unit_rows()
    right[1, 1] = broken
    with pytest.raises(GateError, match="not finite"):
        gates.parity(unit_rows(), right)


def test_a_vector_of_zeros_is_refused() -> None:
    right = unit_rows()
    right[1] = 0
    with pytest.raises(GateError, match="no length"):
        gates.parity(unit_rows(), right)


def test_different_shapes_and_no_rows_are_refused() -> None:
    with pytest.raises(GateError, match="shape"):
        gates.parity(unit_rows(3), unit_rows(4))
    with pytest.raises(GateError, match="shape"):
        gates.parity(unit_rows()[:0], unit_rows()[:0])


def test_an_exact_export_passes() -> None:
    gates.require_export(Parity(mean=1.0, least=0.99995))


@pytest.mark.parametrize("least", [0.9998, math.nan])
def test_an_export_with_one_bad_image_is_refused(least: float) -> None:
    with pytest.raises(GateError, match="PyTorch"):
        gates.require_export(Parity(mean=1.0, least=least))


def test_int8_is_judged_by_its_mean() -> None:
    gates.require_int8(Parity(mean=0.981, least=0.5))


@pytest.mark.parametrize("mean", [0.979, math.nan])
def test_int8_that_moved_too_far_is_refused(mean: float) -> None:
    with pytest.raises(GateError, match="int8"):
        gates.require_int8(Parity(mean=mean, least=mean))


def test_a_loss_of_less_than_a_hundredth_passes_and_so_does_a_gain() -> None:
    gates.require_figures({"a": 0.5, "b": 0.5}, {"a": 0.4951, "b": 0.6})


@pytest.mark.parametrize("after", [0.4949, 0.0, math.nan])
def test_a_larger_loss_of_one_figure_is_refused_by_name(after: float) -> None:
    with pytest.raises(GateError, match="second"):
        gates.require_figures({"first": 0.5, "second": 0.5}, {"first": 0.5, "second": after})


def test_a_float_figure_that_is_not_finite_is_refused() -> None:
    with pytest.raises(GateError):
        gates.require_figures({"a": math.nan}, {"a": 0.5})


def test_figures_that_do_not_match_or_are_missing_are_refused() -> None:
    with pytest.raises(GateError, match="Cannot compare"):
        gates.require_figures({"a": 0.5}, {"b": 0.5})
    with pytest.raises(GateError, match="Cannot compare"):
        gates.require_figures({}, {})
