"""The head in closed form."""

import numpy as np
import pytest
import torch

from furniture_prompter.distillation.networks.student import Student, unit_rows
from furniture_prompter.distillation.optimisation import (
    REGULARISATIONS,
    ValidationMetrics,
    Validator,
    fit_head,
    least,
)

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
        given = unit_rows(student.head(balanced)).numpy()
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
