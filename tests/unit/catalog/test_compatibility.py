"""Which encoders may add to a catalog, and which may ask it."""

from dataclasses import replace
from typing import Any

import pytest

from furniture_prompter.catalog.manifest import (
    refuse_mismatch,
    refuse_other_prompt_encoder,
    refuse_other_space,
)
from furniture_prompter.domain import EncoderIdentity
from furniture_prompter.errors import CatalogMismatchError
from tests.unit.catalog.test_manifest import MANIFEST

TEACHER = MANIFEST.encoder
STUDENT = EncoderIdentity("s", "c" * 64, 27, "cosine", {"side_px": 32}, TEACHER.space_id)
STRANGER = EncoderIdentity("x", "d" * 64, 27, "cosine", {"side_px": 48})


def test_the_catalogs_own_encoders_may_do_both() -> None:
    refuse_mismatch(MANIFEST, TEACHER, MANIFEST.prompt_encoder)
    refuse_other_space(MANIFEST, TEACHER, "e")
    refuse_other_prompt_encoder(MANIFEST, MANIFEST.prompt_encoder)


def test_a_student_may_ask_but_not_add() -> None:
    refuse_other_space(MANIFEST, STUDENT, "e")
    with pytest.raises(CatalogMismatchError, match=r"photo vectors come from e .* is s "):
        refuse_mismatch(MANIFEST, STUDENT, MANIFEST.prompt_encoder)


@pytest.mark.parametrize(
    ("change", "told", "untold"),
    [
        ({"weights_sha256": "9" * 64}, "another build", "--encoder"),
        ({"preprocessing": {"side_px": 40}}, "another build", "--encoder"),
        ({"name": "y"}, "--encoder e`", "another build"),
    ],
)
def test_a_refusal_names_a_cure_that_can_be_followed(
    change: dict[str, Any], told: str, untold: str
) -> None:
    with pytest.raises(CatalogMismatchError) as refused:
        refuse_mismatch(MANIFEST, replace(TEACHER, **change), MANIFEST.prompt_encoder)
    assert told in str(refused.value)
    assert untold not in str(refused.value)
    assert "`furniture-prompter index FEED --catalog NEW-FOLDER`" in str(refused.value)


def test_a_teacher_and_a_fellow_student_may_ask_a_students_catalog() -> None:
    taught = replace(MANIFEST, encoder=STUDENT)
    refuse_other_space(taught, TEACHER, "e")
    refuse_other_space(taught, replace(STUDENT, name="t", weights_sha256="e" * 64), "e")


@pytest.mark.parametrize(
    "stranger",
    [STRANGER, replace(STUDENT, space="9" * 64), replace(STUDENT, dimension=28)],
)
def test_another_space_may_not_ask(stranger: EncoderIdentity) -> None:
    with pytest.raises(CatalogMismatchError, match=r"lie in the space of e; .* space of who: they"):
        refuse_other_space(MANIFEST, stranger, "who")


def test_a_students_catalog_names_the_space_by_its_id() -> None:
    taught = replace(MANIFEST, encoder=STUDENT)
    with pytest.raises(CatalogMismatchError, match=TEACHER.space_id[:12]):
        refuse_other_space(taught, STRANGER, "x")


def test_another_prompt_encoder_may_neither_add_nor_ask() -> None:
    other = replace(MANIFEST.prompt_encoder, weights_sha256="f" * 64)
    with pytest.raises(CatalogMismatchError, match="prompt vectors") as refused:
        refuse_mismatch(MANIFEST, TEACHER, other)
    assert "--encoder" not in str(refused.value)
    with pytest.raises(CatalogMismatchError, match="prompt vectors"):
        refuse_other_prompt_encoder(MANIFEST, other)
