from dataclasses import replace

from furniture_prompter.encoders.card import EmbeddingSpace, Preprocessing, identity_of
from furniture_prompter.search.presenting import OVERLAP_FIGURE, asymmetry_note
from tests.fakes import colour_card

TEACHER = colour_card("teacher", "1")
SPACE = EmbeddingSpace("teacher", identity_of(TEACHER).space_id)
STUDENT = colour_card("student", "2", space=SPACE, figures={OVERLAP_FIGURE: 0.5})


def test_one_encoder_on_both_sides_needs_no_words() -> None:
    assert asymmetry_note(identity_of(TEACHER), TEACHER) is None
    assert asymmetry_note(identity_of(STUDENT), STUDENT) is None
    assert asymmetry_note(identity_of(TEACHER), replace(TEACHER, name="renamed")) is None


def test_the_same_weights_that_look_at_photos_otherwise_are_another_encoder() -> None:
    squashing = replace(TEACHER, name="squashing", space=SPACE, preprocessing=Preprocessing(32))
    note = asymmetry_note(identity_of(TEACHER), squashing)
    assert note == "Photos were embedded by teacher; this query by squashing, its export."


def test_the_agreement_is_told_only_where_it_was_measured_and_means_this_pair() -> None:
    note = asymmetry_note(identity_of(TEACHER), STUDENT)
    assert note is not None
    assert note.endswith("its student: agreement with the teacher 0.50 overlap@10 (card).")
    silent = replace(STUDENT, figures={})
    assert asymmetry_note(identity_of(TEACHER), silent) == (
        "Photos were embedded by teacher; this query by student, its student."
    )
    sibling = colour_card("sibling", "3", space=SPACE)
    assert asymmetry_note(identity_of(sibling), STUDENT) == (
        "Photos were embedded by sibling; this query by student, of the same space."
    )


def test_a_teacher_whose_space_has_a_name_of_its_own_is_still_the_teacher() -> None:
    # An ensemble names its space after its parts, so that a rebuilt one stays comparable.
    teacher = replace(TEACHER, space=EmbeddingSpace("teacher", "9" * 64))
    student = replace(STUDENT, space=EmbeddingSpace("teacher", "9" * 64))
    note = asymmetry_note(identity_of(teacher), student)
    assert note is not None
    assert "its student: agreement with the teacher 0.50" in note


def test_an_export_and_another_build_are_called_what_they_are() -> None:
    export = replace(STUDENT, name="export", training={})
    note = asymmetry_note(identity_of(TEACHER), export)
    assert note == "Photos were embedded by teacher; this query by export, its export."
    build = replace(STUDENT, name="teacher")
    note = asymmetry_note(identity_of(TEACHER), build)
    assert note == "Photos were embedded by teacher; this query by teacher, another build of it."


def test_a_teacher_that_asks_its_students_catalog_is_called_one() -> None:
    assert asymmetry_note(identity_of(STUDENT), TEACHER) == (
        "Photos were embedded by student; this query by teacher, its teacher."
    )
