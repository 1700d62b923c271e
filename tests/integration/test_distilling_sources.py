"""Where photos and teacher vectors come from: catalogs, folders, and who is asked."""

from pathlib import Path
from typing import Any

import pytest

from furniture_prompter import assembly
from furniture_prompter.distillation import distilling
from furniture_prompter.distillation.photos import PhotoSet, decode
from furniture_prompter.encoders import registry
from furniture_prompter.encoders.card import EmbeddingSpace, identity_of
from furniture_prompter.encoders.decoding import DEFAULT_LIMITS
from furniture_prompter.errors import DistillationError, EncoderNotFoundError
from tests.fakes import colour_card, make_rows
from tests.integration.conftest import Shop
from tests.unit.distillation.tiny_student import install, options


class Asked:
    """What the recipe is given, in the place of the recipe."""

    def __init__(self) -> None:
        self.found = PhotoSet((), ())
        self.space = EmbeddingSpace("none", "0" * 64)
        self.load: Any = None

    def __call__(
        self, found: PhotoSet, space: EmbeddingSpace, load: Any, *_: Any, **__: Any
    ) -> None:
        self.found, self.space, self.load = found, space, load


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    fake = Asked()
    monkeypatch.setattr(distilling, "distill", fake)
    return fake


@pytest.fixture
def teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of another encoder than the shop's."""
    folder = tmp_path / "colour-teacher"
    folder.mkdir()
    colour_card().save(folder)
    table = {**registry.FACTORIES, "hub": "tests.fakes:load_colour_encoder"}
    monkeypatch.setattr(registry, "FACTORIES", table)
    return folder


def test_a_catalog_teaches_with_the_vectors_that_it_holds(
    shop: Shop, asked: Asked, tmp_path: Path
) -> None:
    shop.index(make_rows(tmp_path / "photos", 24))
    assembly.distill(shop.folder, tmp_path / "s", options())
    card = shop.encoder.card
    assert asked.load is None
    assert asked.space == EmbeddingSpace(card.name, identity_of(card).space_id)
    assert asked.found.vectors is not None
    # Stored rows are padded; the teacher's dimension is 27.
    assert asked.found.vectors.shape == (24, 27)
    images = [decode(photo, None, DEFAULT_LIMITS) for photo in asked.found.photos]
    assert shop.encoder.encode(images) == pytest.approx(asked.found.vectors, abs=2e-3)
    assert len({photo.product_id for photo in asked.found.photos}) == 24


def test_another_teacher_is_asked_about_a_catalogs_photos(
    shop: Shop, asked: Asked, teacher: Path, tmp_path: Path
) -> None:
    shop.index(make_rows(tmp_path / "photos", 24))
    assembly.distill(shop.folder, tmp_path / "s", options(), teacher=str(teacher))
    assert asked.found.vectors is None
    assert asked.load.card == colour_card()
    assert asked.space.id == identity_of(colour_card()).space_id


def test_views_need_the_catalogs_own_encoder(shop: Shop, asked: Asked, tmp_path: Path) -> None:
    shop.index(make_rows(tmp_path / "photos", 24))
    with pytest.raises(EncoderNotFoundError, match="colour-grid"):
        assembly.distill(shop.folder, tmp_path / "s", options(views=1))


def test_a_catalogs_own_encoder_by_its_folder_keeps_the_vectors(
    shop: Shop, asked: Asked, teacher: Path, tmp_path: Path
) -> None:
    make_rows(tmp_path / "photos", 24)
    assembly.index(tmp_path / "photos", shop.folder, encoder=str(teacher))
    assembly.distill(shop.folder, tmp_path / "s", options(views=1), teacher=str(teacher))
    assert asked.found.vectors is not None
    assert asked.load.card == colour_card()


def test_a_folder_is_embedded_by_the_teacher_that_is_named(
    asked: Asked, teacher: Path, tmp_path: Path
) -> None:
    make_rows(tmp_path / "photos", 24)
    assembly.distill(tmp_path / "photos", tmp_path / "s", options(), teacher=str(teacher))
    assert len(asked.found.photos) == 24
    assert asked.load.card == colour_card()


def test_a_folder_without_a_teacher_is_refused(asked: Asked, tmp_path: Path) -> None:
    make_rows(tmp_path / "photos", 4)
    with pytest.raises(DistillationError, match="--teacher"):
        assembly.distill(tmp_path / "photos", tmp_path / "s", options())


def test_a_student_learns_from_a_catalog_alone(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch.setattr)
    shop.index(make_rows(tmp_path / "photos", 24))
    encoded = shop.encoder.encoded
    summary = assembly.distill(shop.folder, tmp_path / "s", options(epochs=1.0))
    assert shop.encoder.encoded == encoded
    assert summary.card.dimension == 27
    assert identity_of(summary.card).shares_space_with(identity_of(shop.encoder.card))
    assert summary.card.space is not None
    assert summary.card.space.name == "colour-grid"
