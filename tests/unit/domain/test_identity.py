from dataclasses import replace
from typing import Any

import pytest

from furniture_prompter.domain import EncoderIdentity

TEACHER = EncoderIdentity(
    "teacher", "a" * 64, 8, "cosine", {"side_px": 48, "background": [1, 2, 3]}
)
STUDENT = EncoderIdentity("student", "b" * 64, 8, "cosine", {"side_px": 32}, TEACHER.space_id)


def test_a_space_id_is_pinned_because_cards_of_students_hold_it() -> None:
    assert TEACHER.space_id == "df57c8792f4dfc62abe74a9061c66152b7d811056e2b283f4dda4b675a8decdb"


def test_a_space_id_does_not_depend_on_the_order_of_keys_or_on_the_name() -> None:
    turned = replace(TEACHER, name="other", preprocessing={"background": [1, 2, 3], "side_px": 48})
    assert turned.space_id == TEACHER.space_id


@pytest.mark.parametrize(
    "change",
    [{"weights_sha256": "c" * 64}, {"dimension": 9}, {"metric": "dot"}, {"preprocessing": {}}],
)
def test_whatever_decides_a_vector_decides_the_space(change: dict[str, Any]) -> None:
    assert replace(TEACHER, **change).space_id != TEACHER.space_id


def test_a_student_shares_its_teachers_space_both_ways() -> None:
    assert STUDENT != TEACHER
    assert STUDENT.shares_space_with(TEACHER)
    assert TEACHER.shares_space_with(STUDENT)


def test_a_student_of_a_student_shares_the_first_teachers_space() -> None:
    grandchild = replace(STUDENT, name="grandchild", weights_sha256="d" * 64)
    grandchild = replace(grandchild, space=STUDENT.space_id)
    assert grandchild.shares_space_with(TEACHER)


def test_an_equal_space_id_with_another_dimension_is_not_shared() -> None:
    assert not replace(STUDENT, dimension=4).shares_space_with(TEACHER)


def test_strangers_share_no_space() -> None:
    assert not replace(STUDENT, space="").shares_space_with(TEACHER)
