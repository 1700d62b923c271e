import numpy as np

from tools.prompt_encoder_builder.distil import quantise_rows


def test_rows_come_back_within_half_a_step_whatever_their_size() -> None:
    rng = np.random.default_rng(7)
    table = rng.normal(size=(200, 16)).astype(np.float32) * np.logspace(-6, 3, 200)[:, None]
    rows = quantise_rows(table.astype(np.float32))
    back = rows["vector"] * rows["scale"][:, None]
    step = np.abs(table).max(axis=1, keepdims=True) / 127
    assert (np.abs(back - table) <= step * 0.5001).all()


def test_a_row_of_zeros_stays_zeros() -> None:
    rows = quantise_rows(np.zeros((2, 3), np.float32))
    np.testing.assert_array_equal(rows["scale"], 0)
    np.testing.assert_array_equal(rows["vector"], 0)


def test_the_largest_component_uses_the_whole_range() -> None:
    rows = quantise_rows(np.array([[0.5, -2.0, 1.0]], np.float32))
    np.testing.assert_array_equal(rows["vector"], [[32, -127, 64]])
