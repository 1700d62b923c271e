import numpy as np
import pytest

from furniture_prompter.evaluation.metrics import bootstrap_interval
from furniture_prompter.evaluation.prompt_quality import measure_against_teacher, spearman
from furniture_prompter.evaluation.record import AGREEMENT, ANOTHER_VIEW, ASYMMETRIC, SAME_CATEGORY
from furniture_prompter.evaluation.suite import QualitySettings
from tests.unit.evaluation.collections import collection_of, random_unit, unit

SHOP = collection_of([f"c{number % 5}" for number in range(100)], 2)
TEACHER = random_unit(200, 12, 0)


def test_a_student_that_is_its_teacher_agrees_in_everything() -> None:
    agreement, *asymmetric = measure_against_teacher(
        SHOP, "s", TEACHER, TEACHER, same_space=True, settings=QualitySettings()
    )
    assert agreement.task == AGREEMENT
    assert set(agreement.values["overlap@10"]) == {1.0}
    assert agreement.values["Spearman"] == pytest.approx([1.0] * 200)
    assert agreement.chance == {"overlap@10": pytest.approx(10 / 199), "Spearman": 0.0}
    assert [each.variant for each in asymmetric] == [ANOTHER_VIEW, SAME_CATEGORY]
    assert {each.task for each in asymmetric} == {ASYMMETRIC}


def test_a_student_of_random_vectors_agrees_by_chance() -> None:
    (agreement,) = measure_against_teacher(
        SHOP, "s", random_unit(200, 12, 1), TEACHER, same_space=False, settings=QualitySettings()
    )
    for measure, values in agreement.values.items():
        low, high = bootstrap_interval(values, level=0.999)
        assert low <= agreement.chance[measure] <= high, measure


def test_a_constant_student_agrees_by_chance() -> None:
    constant = np.repeat(random_unit(1, 12, 3), 200, axis=0)
    (agreement,) = measure_against_teacher(
        SHOP, "s", constant, TEACHER, same_space=False, settings=QualitySettings()
    )
    low, high = bootstrap_interval(agreement.values["overlap@10"], level=0.999)
    assert low <= agreement.chance["overlap@10"] <= high
    assert set(agreement.values["Spearman"]) == {0.0}


def test_the_teachers_catalog_is_searched_by_the_students_query() -> None:
    # Two products of two photos: the student sees the first product's photos as the second's.
    collection = collection_of(["a", "a", "b", "b"], 2)
    axes = np.repeat(np.eye(4), 2, axis=0)
    teacher = unit(axes + 0.001 * np.arange(8)[:, None])
    student = teacher[[2, 3, 0, 1, 4, 5, 6, 7]]
    view, category = measure_against_teacher(
        collection,
        "s",
        student,
        teacher,
        same_space=True,
        settings=QualitySettings(tasks=(ASYMMETRIC,), least_members=2),
    )
    assert list(view.values["Success@1"]) == [0, 0, 0, 0, 1, 1, 1, 1]
    # The swap is within a category: asked for it, the student answers as the teacher's best.
    assert category.values["Success@1"][:2] == (1, 1)


def test_nothing_asymmetric_is_asked_across_spaces() -> None:
    found = measure_against_teacher(
        SHOP, "s", TEACHER, random_unit(200, 7, 2), same_space=False, settings=QualitySettings()
    )
    assert [each.task for each in found] == [AGREEMENT]


def test_vectors_of_other_photos_are_refused() -> None:
    with pytest.raises(ValueError, match="199 vectors"):
        measure_against_teacher(
            SHOP, "s", TEACHER[:199], TEACHER, same_space=True, settings=QualitySettings()
        )


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ([0.1, 0.2, 0.3], [1, 5, 9], 1.0),
        ([0.1, 0.2, 0.3], [9, 5, 1], -1.0),
        # Ranks 1 2 3 4 against 2 1 4 3: 1 - 6 · 4 / (4 · 15).
        ([1, 2, 3, 4], [2, 1, 4, 3], 0.6),
        # Ranks 1 2 3 against 1.5 1.5 3: 1.5 over the root of 2 · 1.5.
        ([1, 2, 3], [4, 4, 7], 1.5 / 3**0.5),
        ([1, 2, 3], [4, 4, 4], 0.0),
    ],
)
def test_rank_correlation_is_what_a_hand_computes(
    left: list[float], right: list[float], expected: float
) -> None:
    found = spearman(np.array(left, np.float32), np.array(right, np.float32))
    assert found == pytest.approx(expected)
