"""Terms of the loss: least at equality, by hand, and with a gradient."""

import math
from collections.abc import Callable

import pytest
import torch

from furniture_prompter.distillation.optimisation import (
    CONTRASTIVE_TEMPERATURE,
    RANK_TEMPERATURE,
    LossWeights,
    contrastive,
    rank,
    regression,
    relational,
)
from tests.unit.distillation.tiny_student import unit_rows

TEACHER = torch.from_numpy(unit_rows(6, 5, 1))
OTHER = torch.from_numpy(unit_rows(6, 5, 2))
BANK = torch.from_numpy(unit_rows(9, 5, 3))
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

LOSSES: dict[str, Loss] = {
    "regression": regression,
    "relational": relational,
    "contrastive": contrastive,
    "rank": lambda student, teacher: rank(student, teacher, BANK),
}


@pytest.mark.parametrize("name", ["regression", "relational", "rank"])
def test_it_is_nought_at_equality(name: str) -> None:
    assert LOSSES[name](TEACHER, TEACHER).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_another_student_is_punished_more(name: str) -> None:
    assert LOSSES[name](OTHER, TEACHER) > LOSSES[name](TEACHER, TEACHER) + 1e-3


@pytest.mark.parametrize("name", LOSSES)
def test_following_the_gradient_makes_it_smaller(name: str) -> None:
    student = OTHER.clone().requires_grad_()
    before = LOSSES[name](student, TEACHER)
    before.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    assert student.grad is not None
    assert student.grad.norm() > 0
    assert LOSSES[name](student - 1e-3 * student.grad, TEACHER) < before


def test_regression_is_half_the_squared_distance() -> None:
    student = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    teacher = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    assert regression(student, teacher).item() == pytest.approx((1.0 + 0.4) / 2)
    assert ((student - teacher).square().sum(1) / 2).mean() == pytest.approx(0.7)


def test_relational_by_hand() -> None:
    # Student: distances sqrt2, 2, sqrt2; teacher: sqrt2, sqrt2, sqrt2 (an orthogonal basis).
    student = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    teacher = torch.eye(3)
    mean = (2 * math.sqrt(2) + 2) / 3
    short, long = math.sqrt(2) / mean - 1, 2 / mean - 1
    expected = (2 * 0.5 * short**2 + 0.5 * long**2) / 3
    assert relational(student, teacher).item() == pytest.approx(expected, rel=1e-5)


def test_contrastive_by_hand() -> None:
    student = torch.tensor([[1.0, 0.0], [0.8, 0.6]])
    gap = 1 / CONTRASTIVE_TEMPERATURE
    first, second = math.log1p(math.exp(-gap)), math.log1p(math.exp(0.2 * gap))
    assert contrastive(student, torch.eye(2)).item() == pytest.approx((first + second) / 2)


def test_rank_by_hand() -> None:
    student, teacher = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]])
    near = 1 / (1 + math.exp(-1 / RANK_TEMPERATURE))
    expected = near * (1 / RANK_TEMPERATURE) - (1 - near) * (1 / RANK_TEMPERATURE)
    assert rank(student, teacher, torch.eye(2)).item() == pytest.approx(expected, rel=1e-4)


def test_two_equal_views_have_a_finite_slope() -> None:
    student = torch.cat([OTHER[:1], OTHER[:1], OTHER]).requires_grad_()
    relational(student, torch.cat([TEACHER[:1], TEACHER[:1], TEACHER])).backward()  # type: ignore[no-untyped-call]  # torch
    assert student.grad is not None
    assert torch.isfinite(student.grad).all()


def test_the_sum_is_weighted_and_terms_without_weight_are_left_out() -> None:
    alone = LossWeights().total(OTHER, TEACHER, BANK)
    assert set(alone) == {"regression", "loss"}
    every = LossWeights(0.5, 0.25, 2.0).total(OTHER, TEACHER, BANK)
    expected = (
        every["regression"]
        + 0.5 * every["relational"]
        + 0.25 * every["contrastive"]
        + 2.0 * every["rank"]
    )
    assert every["loss"].item() == pytest.approx(expected.item())
