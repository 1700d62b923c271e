"""A teacher with a text tower, its export and a student of it, through the library's door."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from furniture_prompter import assembly
from furniture_prompter.distillation.options import DistillationOptions
from furniture_prompter.domain import Hit
from furniture_prompter.encoders.card import identity_of
from furniture_prompter.errors import CatalogMismatchError, EncoderError
from furniture_prompter.settings import Settings
from tests.tiny_checkpoints import save_resnet, save_siglip2

PHOTOS = 24
# Small words are not embedded.
PROMPT = "white oak chair"


@dataclass(frozen=True)
class House:
    """A cache with a teacher, and photos.

    Attributes:
        folder: Holds everything.
        settings: Only the words' way to the photos ranks.
    """

    folder: Path
    settings: Settings

    def pixels(self, number: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
        patches = np.random.default_rng(number).integers(0, 256, (4, 4, 3)).astype(np.uint8)
        return patches.repeat(24, axis=0).repeat(24, axis=1)

    def index(self, catalog: str, encoder: str) -> Path:
        path = self.folder / catalog
        assembly.index(self.folder / "photos", path, settings=self.settings, encoder=encoder)
        return path


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("house")
    settings = Settings(
        encoder_cache=folder / "cache",
        encoder_device="cpu",
        threads=1,
        weight_keyword=0,
        weight_prompt_text=0,
    )
    made = House(folder, settings)
    (folder / "photos").mkdir()
    for number in range(PHOTOS):
        Image.fromarray(made.pixels(number)).save(folder / "photos" / f"{number:02d}.png")
    for name, save in (("teacher", save_siglip2), ("stranger", save_resnet)):
        assembly.pull_encoder(name, source=save(folder / name), settings=settings)
    return made


@pytest.fixture(scope="module")
def export(house: House) -> str:
    assembly.export_encoder("teacher", house.folder / "export", settings=house.settings)
    return str(house.folder / "export")


@pytest.fixture(scope="module")
def student(house: House) -> str:
    """A head in closed form on ImageNet's features puts it into its teacher's space."""
    options = DistillationOptions(
        student="mobilenetv2-small",
        side_px=64,
        initial="imagenet",
        epochs=0,
        precision="fp32",
        threads=1,
    )
    catalog = house.index("for-student", "teacher")
    assembly.distill(catalog, house.folder / "student", options, settings=house.settings)
    return str(house.folder / "student")


def _likenesses(house: House, photos: str) -> dict[str, float]:
    """Of each picture, as the encoder ``photos`` sees it, to the prompt by the teacher's tower."""
    teacher = assembly.load_encoder("teacher", 1, house.settings.encoder_cache)
    rows = assembly.load_encoder(photos, 1, house.settings.encoder_cache).encode(
        [house.pixels(number) for number in range(PHOTOS)]
    )
    prompt = teacher.encode_prompts([PROMPT])[0]  # type: ignore[attr-defined]  # it has a text tower
    return {f"{number:02d}.png": float(row @ prompt) for number, row in enumerate(rows)}


def _assert_ranked_by(likenesses: dict[str, float], hits: tuple[Hit, ...]) -> None:
    found = [likenesses[hit.product.id] for hit in hits]
    best = sorted(likenesses.values(), reverse=True)[: len(hits)]
    # A catalog keeps its own digits.
    np.testing.assert_allclose(found, best, atol=1e-4)
    assert best[0] - min(likenesses.values()) > 5e-4


def test_a_prompt_reaches_the_teachers_catalog_through_its_own_text_tower(house: House) -> None:
    catalog = house.index("by-teacher", "teacher")
    with assembly.Catalog.open(catalog, settings=house.settings) as opened:
        hits = opened.search(PROMPT, limit=5, diversity=0).hits
    _assert_ranked_by(_likenesses(house, "teacher"), hits)


def test_the_export_asks_the_teachers_catalog_by_photo(house: House, export: str) -> None:
    catalog = house.index("by-teacher", "teacher")
    with assembly.Catalog.open(catalog, settings=house.settings, encoder=export) as opened:
        hits = opened.search(photo=house.pixels(7), limit=3, diversity=0).hits
    assert hits[0].product.id == "07.png"


@pytest.mark.parametrize("taught", ["export", "student"])
def test_a_prompt_reaches_a_catalog_that_the_teacher_never_saw(
    taught: str, house: House, request: pytest.FixtureRequest
) -> None:
    name = request.getfixturevalue(taught)
    card = assembly.describe_encoder(name, settings=house.settings)
    teacher = assembly.describe_encoder("teacher", settings=house.settings)
    assert identity_of(card).space_id == identity_of(teacher).space_id
    assert not card.encodes_prompts
    catalog = house.index(f"by-{taught}", name)
    with assembly.Catalog.open(
        catalog, settings=house.settings, encoder=name, text_tower="teacher"
    ) as opened:
        hits = opened.search(PROMPT, limit=5, diversity=0).hits
    _assert_ranked_by(_likenesses(house, name), hits)


def test_a_teacher_of_another_space_may_not_ask(house: House) -> None:
    catalog = house.index("by-teacher", "teacher")
    with pytest.raises(CatalogMismatchError, match="stranger"):
        assembly.Catalog.open(catalog, settings=house.settings, encoder="stranger")


def test_pulled_teachers_are_listed_after_those_that_ship(house: House) -> None:
    names = [card.name for card in assembly.available_encoders(house.settings)]
    assert names[-2:] == ["stranger", "teacher"]
    assert "efficientnet-lite2" in names[:-2]


def test_the_settings_given_choose_the_device(house: House) -> None:
    catalog = house.index("by-teacher", "teacher")
    elsewhere = house.settings.model_copy(update={"encoder_device": "cuda:99"})
    with pytest.raises(EncoderError, match="cuda:99"):
        assembly.index(house.folder / "photos", catalog, settings=elsewhere, encoder="teacher")
    with (
        assembly.Catalog.open(catalog, settings=elsewhere) as opened,
        pytest.raises(EncoderError, match="cuda:99"),
    ):
        opened.search(PROMPT)
    with pytest.raises(EncoderError, match="cuda:99"):
        assembly.pull_encoder("other", source=house.folder / "stranger", settings=elsewhere)
