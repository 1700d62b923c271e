import numpy as np
import pytest
from numpy.typing import NDArray

from furniture_prompter.evaluation.agreement import measure_agreement


def clusters(noise: float, seed: int) -> tuple[NDArray[np.float32], list[str]]:
    """60 items in six labelled clusters of an 16-dimensional sphere."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(6, 16))
    codes = np.arange(60) % 6
    rows = (centres[codes] + noise * generator.normal(size=(60, 16))).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows, [f"label {code}" for code in codes]


def test_a_student_that_is_its_teacher_has_no_gap() -> None:
    teacher, labels = clusters(0.5, 1)
    found = measure_agreement(teacher, teacher.copy(), labels)
    assert found.teacher.means() == found.student.means() == found.asymmetric.means()
    assert set(found.gap().values()) == {0.0}
    assert found.asymmetric.means()["overlap_at_10"] == 1.0
    assert (found.queries, found.candidates) == (60, 59)


def test_a_turned_student_agrees_with_itself_but_not_with_its_teachers_vectors() -> None:
    teacher, labels = clusters(0.3, 1)
    turn, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(16, 16)))
    found = measure_agreement(teacher, (teacher @ turn).astype(np.float32), labels)
    assert found.student.means()["map"] == pytest.approx(found.teacher.means()["map"], abs=1e-6)
    assert found.student.means()["overlap_at_10"] == pytest.approx(1.0)
    assert found.asymmetric.means()["map"] < found.teacher.means()["map"] - 0.2
    assert found.asymmetric.means()["overlap_at_10"] < 0.5


def test_the_gap_is_what_the_student_loses_and_the_sentence_says_it() -> None:
    teacher, labels = clusters(0.3, 1)
    noise = np.random.default_rng(2).normal(size=teacher.shape).astype(np.float32)
    student = teacher + 0.4 * noise
    student /= np.linalg.norm(student, axis=1, keepdims=True)
    found = measure_agreement(teacher, student, labels)
    gap = found.gap()
    assert all(value < 0 for value in gap.values())
    asked = found.asymmetric.means()
    assert gap["map"] == pytest.approx(asked["map"] - found.teacher.means()["map"])
    assert found.chance_overlap_at_10 < asked["overlap_at_10"] < 1
    told = found.sentence()
    assert f"mAP {asked['map']:.3f} ({found.teacher.means()['map']:.3f})" in told
    assert "by chance 17%" in told


def test_items_without_a_label_of_their_own_count_in_the_overlap_only() -> None:
    teacher, labels = clusters(0.5, 1)
    labels[0] = "alone"
    found = measure_agreement(teacher, teacher, labels, least=5)
    assert found.queries == 59
    assert found.teacher.overlap_at_10.shape == (60,)


def test_a_student_of_another_dimension_is_refused() -> None:
    teacher, labels = clusters(0.5, 1)
    with pytest.raises(ValueError, match="alike"):
        measure_agreement(teacher, teacher[:, :8], labels)


def test_ten_items_are_too_few_for_a_first_ten() -> None:
    teacher, labels = clusters(0.5, 1)
    with pytest.raises(ValueError, match="between 1 and 9"):
        measure_agreement(teacher[:10], teacher[:10], labels[:10])
