import numpy as np
import pytest
from numpy.typing import NDArray

from furniture_prompter.domain.catalog import fit_projection


def rows_along(*lengths: float, count: int = 400) -> NDArray[np.float32]:
    """Rows about a common mean, spread along the first dimensions by ``lengths``."""
    generator = np.random.default_rng(2)
    spread = generator.standard_normal((count, len(lengths))) * np.array(lengths)
    return np.asarray(spread + np.arange(1, len(lengths) + 1), np.float32)


def test_axes_come_by_spread_and_the_mean_becomes_zero() -> None:
    rows = rows_along(0.1, 3.0, 1.0)
    projection = fit_projection(rows, 2)
    np.testing.assert_allclose(np.abs(projection.axes), [[0, 0], [1, 0], [0, 1]], atol=0.05)
    centre = rows.mean(axis=0) @ projection.axes + projection.offset
    np.testing.assert_allclose(centre, 0, atol=1e-4)


def test_all_axes_leave_cosines_about_the_mean_as_they_are() -> None:
    rows = rows_along(1.0, 2.0, 0.5)
    about_mean = rows - rows.mean(axis=0)
    about_mean /= np.linalg.norm(about_mean, axis=1, keepdims=True)
    projected = fit_projection(rows, 3).of(rows)
    np.testing.assert_allclose(projected @ projected.T, about_mean @ about_mean.T, atol=1e-4)


def test_rows_that_are_mirrored_give_axes_of_the_same_sign() -> None:
    rows = rows_along(1.0, 2.0, 0.5)
    mirrored = 2 * rows.mean(axis=0) - rows
    first, second = fit_projection(rows, 3), fit_projection(mirrored, 3)
    np.testing.assert_allclose(first.axes, second.axes, atol=1e-5)


@pytest.mark.parametrize(("count", "components"), [(3, 3), (400, 4)])
def test_more_components_than_the_rows_can_tell_are_refused(count: int, components: int) -> None:
    with pytest.raises(ValueError, match="more images or fewer components"):
        fit_projection(rows_along(1.0, 2.0, 0.5, count=count), components)
