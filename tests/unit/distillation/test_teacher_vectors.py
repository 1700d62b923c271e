"""The teacher is asked once."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from furniture_prompter.distillation.augmentation import ViewMaker
from furniture_prompter.distillation.photos import PhotoSet
from furniture_prompter.distillation.training_data import (
    TeacherVectors,
    ask_teacher,
    from_catalog,
    prepare_photos,
    refuse_alike,
    space_of,
)
from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders.card import EmbeddingSpace, EncoderCard, Preprocessing
from furniture_prompter.encoders.decoding import DEFAULT_LIMITS
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.errors import DistillationError
from tests.fakes import ColourGridEncoder
from tests.unit.distillation.tiny_student import photos, unit_rows


class DyingTeacher(ColourGridEncoder):
    """Works for two batches."""

    def encode(self, images: Sequence[RgbImage]) -> NDArray[np.float32]:
        if self.encoded >= 16:
            raise KeyboardInterrupt
        return super().encode(images)


def _ask(
    folder: Path, found: PhotoSet, teacher: Encoder, views: int = 0, seed: int = 0
) -> TeacherVectors:
    spec = Preprocessing(side_px=32)
    prepared = prepare_photos(found, spec, 48, folder / "c", DEFAULT_LIMITS, 1)
    maker = ViewMaker(seed)
    return ask_teacher(teacher, prepared, maker, "", views, folder / "c", DEFAULT_LIMITS, 1)


def test_the_clean_view_is_what_indexing_would_store(tmp_path: Path) -> None:
    found, teacher = photos(tmp_path, 20), ColourGridEncoder()
    vectors = _ask(tmp_path, found, teacher)
    from PIL import Image

    images = [np.asarray(Image.open(photo.path).convert("RGB")) for photo in found.photos]
    assert vectors.clean() == pytest.approx(ColourGridEncoder().encode(images), abs=2e-3)
    assert np.linalg.norm(vectors.clean(), axis=1) == pytest.approx(1)


def test_nobody_is_asked_twice(tmp_path: Path) -> None:
    found, teacher = photos(tmp_path, 20), ColourGridEncoder()
    first = _ask(tmp_path, found, teacher, views=2)
    assert teacher.encoded == 60
    second = _ask(tmp_path, found, teacher, views=2)
    assert teacher.encoded == 60
    assert (np.asarray(first.rows) == np.asarray(second.rows)).all()


def test_a_run_that_died_goes_on_where_it_was(tmp_path: Path) -> None:
    found, teacher = photos(tmp_path, 24), ColourGridEncoder()
    with pytest.raises(KeyboardInterrupt):
        _ask(tmp_path, found, DyingTeacher())
    whole = _ask(tmp_path, found, teacher)
    assert teacher.encoded == 8
    assert (whole.clean() == _ask(tmp_path / "anew", found, ColourGridEncoder()).clean()).all()


def test_another_teacher_or_seed_or_number_of_views_is_asked_anew(tmp_path: Path) -> None:
    found = photos(tmp_path, 20)
    _ask(tmp_path, found, ColourGridEncoder(), views=1)
    for teacher, views, seed in (
        (ColourGridEncoder("1" * 64), 1, 0),
        (ColourGridEncoder(), 2, 0),
        (ColourGridEncoder(), 1, 5),
    ):
        _ask(tmp_path, found, teacher, views, seed)
        assert teacher.encoded == 20 * (1 + views)


class StudentTeacher(ColourGridEncoder):
    """A teacher in another encoder's space, as a student or an export is."""

    @property
    def card(self) -> EncoderCard:
        return replace(super().card, space=EmbeddingSpace("colour-grid", "a" * 64))


def test_other_weights_in_the_same_space_are_asked_anew(tmp_path: Path) -> None:
    found = photos(tmp_path, 20)
    first, second = StudentTeacher("1" * 64), StudentTeacher("2" * 64)
    assert space_of(first) == space_of(second)
    _ask(tmp_path, found, first)
    _ask(tmp_path, found, second)
    assert (first.encoded, second.encoded) == (20, 20)


def test_the_teacher_sees_the_students_views(tmp_path: Path) -> None:
    found = photos(tmp_path, 20)
    vectors = _ask(tmp_path, found, ColourGridEncoder(), views=2)
    spec = Preprocessing(side_px=32)
    prepared = prepare_photos(found, spec, 48, tmp_path / "c", DEFAULT_LIMITS, 1)
    square = prepared.squares[prepared.places[7]]
    view = ViewMaker(0).view(square, found.photos[7].id, 2, 48)
    given = vectors.of(np.array([7]), np.array([2]))
    assert given == pytest.approx(ColourGridEncoder().encode([view]), abs=2e-3)


def test_a_catalogs_vectors_stand_for_the_clean_views(tmp_path: Path) -> None:
    found = photos(tmp_path, 20)
    held = PhotoSet(found.photos, (), unit_rows(20, 27))
    assert (from_catalog(held, space_of(ColourGridEncoder())).rows == held.vectors).all()
    teacher = ColourGridEncoder()
    vectors = _ask(tmp_path, held, teacher, views=1)
    assert teacher.encoded == 20
    assert vectors.clean() == pytest.approx(held.vectors, abs=2e-3)


def test_without_views_every_view_has_the_clean_vector() -> None:
    rows = unit_rows(4, 6)
    vectors = TeacherVectors(space_of(ColourGridEncoder()), 0, rows, np.arange(4))
    assert vectors.of(np.array([2, 2]), np.array([0, 9])) == pytest.approx(rows[[2, 2]])


def test_vectors_that_are_no_unit_rows_are_refused(tmp_path: Path) -> None:
    class Broken(ColourGridEncoder):
        def encode(self, images: Sequence[RgbImage]) -> NDArray[np.float32]:
            return super().encode(images) * np.float32("nan")

    with pytest.raises(DistillationError, match="cannot teach"):
        _ask(tmp_path, photos(tmp_path, 20), Broken())


def test_photos_that_are_all_alike_are_refused() -> None:
    same = np.repeat(unit_rows(1, 6), 20, axis=0)
    with pytest.raises(DistillationError, match="look alike"):
        refuse_alike(same)
    refuse_alike(unit_rows(20, 6))
