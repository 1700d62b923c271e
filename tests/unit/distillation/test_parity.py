"""Gates that can fail."""

import numpy as np
import pytest

from furniture_prompter.distillation.export import (
    Parity,
    parity,
    require_export,
    require_int8,
)
from furniture_prompter.errors import DistillationError

ROWS = np.eye(3, dtype=np.float32)


def test_parity_is_the_mean_and_the_worst_cosine_whatever_the_lengths() -> None:
    turned = 5 * ROWS
    turned[2] = [0.0, 1.0, 1.0]
    found = parity(ROWS, turned)
    assert found.least == pytest.approx(0.5**0.5)
    assert found.mean == pytest.approx((2 + 0.5**0.5) / 3)


@pytest.mark.parametrize(
    "other",
    [ROWS[:2], ROWS[:, :2], np.zeros_like(ROWS), np.full_like(ROWS, np.nan), ROWS[0]],
    ids=["fewer rows", "fewer columns", "no length", "not finite", "one row"],
)
def test_vectors_that_cannot_be_compared_are_refused(other: np.ndarray) -> None:
    with pytest.raises(DistillationError):
        parity(ROWS, other)


def test_no_rows_are_no_proof() -> None:
    with pytest.raises(DistillationError):
        parity(ROWS[:0], ROWS[:0])


def test_the_export_gate_closes_below_its_worst_cosine() -> None:
    require_export(Parity(mean=1.0, least=0.9999))
    for least in (0.99989, float("nan")):
        with pytest.raises(DistillationError, match=r"worst cosine .* 0\.9999 is needed"):
            require_export(Parity(mean=1.0, least=least))


def test_the_int8_gate_closes_below_its_mean_cosine() -> None:
    require_int8(Parity(mean=0.98, least=0.5))
    for mean in (0.9799, float("nan")):
        with pytest.raises(DistillationError, match=r"mean cosine .* 0\.98 is needed"):
            require_int8(Parity(mean=mean, least=mean))
