"""Learning rates over steps."""

from itertools import pairwise

import pytest
import torch

from furniture_prompter.distillation.optimisation import rate_schedule, rate_share


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


def test_every_group_has_its_share_of_the_rate_from_the_step_it_goes_on_with() -> None:
    groups = [
        {"params": [torch.nn.Parameter(torch.zeros(1))], "share": share} for share in (1.0, 0.1)
    ]
    optimizer = torch.optim.AdamW(groups, lr=7.0)
    schedule = rate_schedule(optimizer, lambda step: 1 / (1 + step), 0.6, 2)
    rates = []
    for _ in range(2):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    assert rates == [pytest.approx([0.2, 0.02]), pytest.approx([0.15, 0.015])]
