"""Learning rates over steps."""

from itertools import pairwise

import pytest

from furniture_prompter.distillation.losses import rate_share


def test_it_rises_in_a_line_and_falls_along_a_cosine() -> None:
    shares = [rate_share(step, 100, 0.1) for step in range(100)]
    assert shares[:10] == pytest.approx([0.1 * step for step in range(1, 11)])
    assert shares[10] == pytest.approx(1)
    assert shares[55] == pytest.approx(0.5)
    assert all(later < earlier for earlier, later in pairwise(shares[10:]))
    assert 0 < shares[-1] < 0.001


def test_a_training_without_warm_up_begins_at_the_top() -> None:
    assert rate_share(0, 1, 0.0) == 1


def test_steps_beyond_the_plan_learn_nothing() -> None:
    assert rate_share(120, 100, 0.1) == pytest.approx(0)
