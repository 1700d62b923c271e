"""Optimisation of a student: its head, terms of the loss, rates, mean of weights, validation."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from furniture_prompter.distillation.networks.student import Student
from furniture_prompter.distillation.networks.student import unit_rows as to_unit_length
from furniture_prompter.distillation.optimisation import (
    CONTRASTIVE_TEMPERATURE,
    RANK_TEMPERATURE,
    REGULARISATIONS,
    LossWeights,
    ValidationMetrics,
    Validator,
    averaged,
    contrastive,
    fit_head,
    least,
    rank,
    rate_schedule,
    rate_share,
    regression,
    relational,
)
from tests.unit.distillation.tiny_student import unit_rows

TEACHER_ROWS = torch.from_numpy(unit_rows(6, 5, 1))
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
    assert LOSSES[name](TEACHER_ROWS, TEACHER_ROWS).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_another_student_is_punished_more(name: str) -> None:
    assert LOSSES[name](OTHER, TEACHER_ROWS) > LOSSES[name](TEACHER_ROWS, TEACHER_ROWS) + 1e-3


@pytest.mark.parametrize("name", LOSSES)
def test_following_the_gradient_makes_it_smaller(name: str) -> None:
    student = OTHER.clone().requires_grad_()
    before = LOSSES[name](student, TEACHER_ROWS)
    before.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    assert student.grad is not None
    assert student.grad.norm() > 0
    assert LOSSES[name](student - 1e-3 * student.grad, TEACHER_ROWS) < before


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
    relational(student, torch.cat([TEACHER_ROWS[:1], TEACHER_ROWS[:1], TEACHER_ROWS])).backward()  # type: ignore[no-untyped-call]  # torch
    assert student.grad is not None
    assert torch.isfinite(student.grad).all()


def test_the_sum_is_weighted_and_terms_without_weight_are_left_out() -> None:
    alone = LossWeights().total(OTHER, TEACHER_ROWS, BANK)
    assert set(alone) == {"regression", "loss"}
    every = LossWeights(0.5, 0.25, 2.0).total(OTHER, TEACHER_ROWS, BANK)
    expected = (
        every["regression"]
        + 0.5 * every["relational"]
        + 0.25 * every["contrastive"]
        + 2.0 * every["rank"]
    )
    assert every["loss"].item() == pytest.approx(expected.item())


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


def test_it_is_the_mean_by_hand() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 0.0)
    mean = averaged(network, 0.9)
    nn.init.constant_(network.weight, 11.0)
    mean.update_parameters(network)
    # The decay of the first step is 2 / 11, of the second 3 / 12.
    assert mean.module.state_dict()["weight"].item() == pytest.approx(9.0)
    mean.update_parameters(network)
    assert mean.module.state_dict()["weight"].item() == pytest.approx(10.5)


def test_a_training_that_goes_on_averages_as_if_it_had_not_stopped() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 9.0)
    mean = averaged(network, 0.9, 999)
    nn.init.constant_(network.weight, 11.0)
    mean.update_parameters(network)
    assert mean.module.state_dict()["weight"].item() == pytest.approx(9.2)


def test_statistics_are_copied_and_nothing_is_trained() -> None:
    network = nn.BatchNorm1d(2)
    mean = averaged(network, 0.5)
    network(torch.ones(4, 2))
    mean.update_parameters(network)
    assert torch.equal(mean.module.state_dict()["running_mean"], torch.full((2,), 0.1))
    assert not any(parameter.requires_grad for parameter in mean.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not mean.module.training


TEACHER = unit_rows(30, 8)
PLACES = np.array([2, 5, 11])


def test_the_teacher_itself_agrees_in_full() -> None:
    validator = Validator(TEACHER[PLACES], TEACHER, PLACES)
    for judged in (
        validator.asymmetric(TEACHER[PLACES]),
        validator.symmetric(TEACHER[PLACES], TEACHER),
    ):
        assert judged.overlap == 1
        assert judged.cosine == pytest.approx(1)


def test_a_rotated_space_agrees_symmetrically_only() -> None:
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))
    rotated = (TEACHER @ turn).astype(np.float32)
    validator = Validator(TEACHER[PLACES], TEACHER, PLACES)
    assert validator.symmetric(rotated[PLACES], rotated).overlap == 1
    assert validator.asymmetric(rotated[PLACES]).overlap < 0.9


def test_chance_is_the_share_of_the_catalog() -> None:
    catalog, places = unit_rows(1000, 8), np.arange(200)
    validator = Validator(catalog[places], catalog, places)
    assert validator.asymmetric(unit_rows(200, 8, 9)).overlap < 0.05


def test_a_small_catalog_compares_what_it_has() -> None:
    validator = Validator(TEACHER[:2], TEACHER[:4], np.array([0, 1]))
    assert validator.depth == 3


WIDTH = 12 + 8

pytestmark = pytest.mark.usefixtures("tiny")


def _data(noise: float, count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    features = draw.normal(3, 1, (count, WIDTH)).astype(np.float32)
    wanted = features @ draw.normal(size=(WIDTH, 5)) + 2 + noise * draw.normal(size=(count, 5))
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    return features, wanted.astype(np.float32)


def _validator(rows: np.ndarray) -> Validator:
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return Validator(unit, unit, np.arange(len(rows)))


def test_a_linear_teacher_is_found() -> None:
    student = Student("tiny", 5)
    draw = np.random.default_rng(0)
    features = draw.normal(3, 1, (200, WIDTH)).astype(np.float32)
    wanted = (features @ draw.normal(size=(WIDTH, 5)) + 2).astype(np.float32)
    fitted = fit_head(
        student, features[:150], wanted[:150], features[150:], _validator(wanted[150:])
    )
    assert fitted.head_cosine > 0.9999
    with torch.no_grad():
        balanced = torch.from_numpy(features[150:]) * student.balance
        given = to_unit_length(student.head(balanced)).numpy()
    lengths = np.linalg.norm(wanted[150:], axis=1)
    assert ((given * wanted[150:]).sum(1) / lengths).min() > 0.999


def test_noise_is_answered_with_regularisation() -> None:
    quiet, loud = _data(0.0, 400), _data(4.0, 400)
    fitted = [
        fit_head(Student("tiny", 5), x[:30], y[:30], x[30:], _validator(y[30:]))
        for x, y in (quiet, loud)
    ]
    assert fitted[1].head_regularisation > fitted[0].head_regularisation
    assert {item.head_regularisation for item in fitted} <= set(REGULARISATIONS)


def test_the_heads_scale_is_that_of_first_weights() -> None:
    student = Student("tiny", 5)
    features, wanted = _data(0.1)
    fit_head(student, features, wanted, features, _validator(wanted))
    assert student.head.weight.square().mean().sqrt().item() == pytest.approx(
        1 / np.sqrt(3 * WIDTH), rel=1e-4
    )


def test_features_that_never_change_do_no_harm() -> None:
    student = Student("tiny", 5)
    features, wanted = _data(0.1)
    features[:, 3:] = 1.0
    fitted = fit_head(student, features, wanted, features, _validator(wanted))
    assert np.isfinite(fitted.head_cosine)
    assert torch.isfinite(student.head.weight).all()


def test_each_part_of_the_features_varies_as_much_as_the_last_map_does() -> None:
    student = Student("tiny", 5)
    assert student.parts == (12, 8)
    features, wanted = _data(0.1)
    features[:, 12:] *= 0.01
    fit_head(student, features, wanted, features, _validator(wanted))
    first, second = np.split(student.balance.numpy(), [12])
    assert (set(first.tolist()), len(set(second.tolist()))) == ({1.0}, 1)
    variances = (features * student.balance.numpy()).var(axis=0)
    assert variances[12:].sum() == pytest.approx(variances[:12].sum(), rel=1e-3)


def test_a_part_that_never_varies_is_left_as_it_is() -> None:
    student = Student("tiny", 5)
    features, wanted = _data(0.1)
    features[:, 12:] = 4.0
    fit_head(student, features, wanted, features, _validator(wanted))
    assert set(student.balance.tolist()) == {1.0}


@pytest.mark.parametrize(
    ("judged", "taken"),
    [
        # (overlap, cosine) of each, the least regularisation first; both errors are 0.02.
        ([(0.70, 0.79), (0.70, 0.81), (0.70, 0.82)], 1),
        ([(0.70, 0.79), (0.73, 0.81), (0.76, 0.82)], 2),
        ([(0.70, 0.81), (0.71, 0.82), (0.69, 0.75)], 0),
        ([(0.79, 0.70), (0.71, 0.82), (0.69, 0.82)], 1),
    ],
)
def test_the_least_regularisation_is_taken_that_is_within_an_error_of_the_best_by_both_figures(
    judged: list[tuple[float, float]], taken: int
) -> None:
    tried = [
        (ValidationMetrics(overlap, cosine, 0.02, 0.02), float(place), np.zeros((1, 1)))
        for place, (overlap, cosine) in enumerate(judged)
    ]
    assert least(tried)[1] == taken


@pytest.mark.parametrize("count", [WIDTH // 2, 3 * WIDTH])
def test_the_head_is_ridge_regression_for_few_photos_and_for_many(count: int) -> None:
    student = Student("tiny", 5)
    features, wanted = _data(1.0)
    validator = _validator(wanted[100:])
    fitted = fit_head(student, features[:count], wanted[:count], features[100:], validator)
    balance = student.balance.numpy()
    x = features[:count].astype(np.float64) * balance
    y = wanted[:count].astype(np.float64)
    centred = x - x.mean(axis=0)
    covariance = centred.T @ centred / count
    ridge = fitted.head_regularisation * np.trace(covariance) / WIDTH * np.eye(WIDTH)
    weight = np.linalg.solve(covariance + ridge, centred.T @ (y - y.mean(axis=0)) / count)
    given = student.head.weight.detach().numpy().T
    scale = np.linalg.norm(given) / np.linalg.norm(weight)
    np.testing.assert_allclose(given, scale * weight, atol=1e-5)
    bias = scale * (y.mean(axis=0) - x.mean(axis=0) @ weight)
    np.testing.assert_allclose(student.head.bias.detach().numpy(), bias, atol=1e-4)
