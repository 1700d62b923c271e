from dataclasses import replace

from furniture_prompter.assembly.benchmarking import teacher_of
from furniture_prompter.encoders.card import EmbeddingSpace, identity_of
from tests.fakes import colour_card


def test_the_teacher_is_the_encoder_into_whose_space_another_was_trained() -> None:
    plain = colour_card()
    teacher = replace(
        plain,
        name="teacher",
        space=EmbeddingSpace("teacher", "a" * 64),
        training={"members": "three"},
    )
    student = replace(
        plain,
        name="student",
        space=EmbeddingSpace("teacher", "a" * 64),
        training={"initial": "imagenet"},
    )
    own_space = replace(student, space=EmbeddingSpace(plain.name, identity_of(plain).space_id))
    assert teacher_of([plain, teacher, student]) == 1
    assert teacher_of([plain, own_space]) == 0
    assert teacher_of([student, plain]) is None
    # What was exported into another's space was not taught by it.
    assert teacher_of([teacher, replace(teacher, name="export")]) is None
