"""What training stops on."""

import numpy as np
import pytest

from furniture_prompter.distillation.optimisation import Validator
from tests.unit.distillation.tiny_student import unit_rows

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
