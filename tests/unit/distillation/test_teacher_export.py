from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from furniture_prompter.distillation import ensemble_teacher
from furniture_prompter.distillation.ensemble_teacher import export_teacher
from furniture_prompter.distillation.export import Precision
from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders.card import EmbeddingSpace, EncoderCard, Preprocessing, identity_of
from furniture_prompter.encoders.hub.encoder import load_hub_encoder
from furniture_prompter.encoders.hub.pulling import pull
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.errors import DistillationError, EncoderError
from furniture_prompter.feeds.opening import open_feed
from tests.tiny_checkpoints import save_clip, save_resnet


def _picture(number: int) -> RgbImage:
    patches = np.random.default_rng(number).integers(0, 256, (5, 6, 3)).astype(np.uint8)
    return patches.repeat(9, axis=0).repeat(9, axis=1)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teachers")
    pull("resnet", cache=folder / "cache", source=save_resnet(folder / "resnet"))
    pull("clip", cache=folder / "cache", source=save_clip(folder / "clip"))
    return folder / "cache"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pictures, and a file that only says it is one."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(40):
        Image.fromarray(_picture(number)).save(folder / f"{number:02d}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def test_the_exported_image_side_gives_the_teachers_vectors_in_its_space(
    cache: Path, tmp_path: Path
) -> None:
    teacher = load_hub_encoder(cache / "clip", device="cpu")

    card = export_teacher(cache / "clip", tmp_path / "clip-onnx")

    exported = OnnxEncoder.load(tmp_path / "clip-onnx")
    assert exported.card == card == EncoderCard.load(tmp_path / "clip-onnx")
    assert (card.name, card.runtime, card.encodes_prompts) == ("clip-onnx", "onnx", False)
    assert card.preprocessing == teacher.card.preprocessing
    assert card.licence == teacher.card.licence
    assert identity_of(card).space_id == identity_of(teacher.card).space_id
    assert card.space == EmbeddingSpace("clip", identity_of(teacher.card).space_id)
    images = [_picture(number) for number in range(5)]
    np.testing.assert_allclose(exported.encode(images), teacher.encode(images), atol=1e-4)


@pytest.mark.parametrize("name", ["resnet", "clip"])
def test_int8_keeps_the_vectors_and_the_space(
    name: str, cache: Path, photos: Path, tmp_path: Path
) -> None:
    target = tmp_path / "small"
    card = export_teacher(cache / name, target, precision="int8", photos=open_feed(photos))
    teacher = load_hub_encoder(cache / name, device="cpu")
    assert identity_of(card).space_id == identity_of(teacher.card).space_id
    assert card.figures["int8_mean_cosine"] >= 0.98
    images = [_picture(number) for number in range(100, 110)]
    cosines = (OnnxEncoder.load(target).encode(images) * teacher.encode(images)).sum(axis=1)
    assert cosines.mean() > 0.98
    assert not np.allclose(cosines, 1, atol=1e-7)


def test_int8_without_photos_is_refused(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="--calibrate"):
        export_teacher(cache / "clip", tmp_path / "x", precision="int8")


def test_int8_with_too_few_usable_photos_is_refused(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    Image.fromarray(_picture(1)).save(tmp_path / "photos" / "one.png")
    (tmp_path / "photos" / "broken.png").write_bytes(b"no picture")
    feed = open_feed(tmp_path / "photos")
    with pytest.raises(DistillationError, match="at least 8 photos"):
        export_teacher(cache / "clip", tmp_path / "x", precision="int8", photos=feed)
    assert not (tmp_path / "x").exists()


def test_an_encoder_that_already_runs_without_pytorch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="efficientnet-lite2 is no teacher"):
        export_teacher(encoder_folder("efficientnet-lite2"), tmp_path / "x")


def test_a_folder_that_holds_something_else_is_not_written_into(
    cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(EncoderError, match="holds no encoder"):
        export_teacher(cache / "clip", tmp_path)


def test_the_ensemble_is_built_again_in_the_precision_wanted(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensemble = EncoderCard(
        name="imagenet-ensemble",
        kind="image",
        architecture="imagenet-ensemble",
        dimension=8,
        preprocessing=Preprocessing(side_px=32),
        licence="Apache-2.0",
        source="packages",
        weights_file="encoder.onnx",
        weights_sha256="0" * 64,
        weights_bytes=1,
        parameters=1,
        description="For tests.",
    )
    ensemble.save(tmp_path)
    asked: dict[str, Any] = {}

    def build(
        folder: Path,
        *,
        precision: Precision,
        calibration: Sequence[RgbImage],
        held_out: Sequence[RgbImage],
    ) -> EncoderCard:
        asked.update(folder=folder, precision=precision)
        asked.update(counts=(len(calibration), len(held_out)))
        return ensemble

    monkeypatch.setattr(ensemble_teacher, "build_imagenet_ensemble", build)
    export_teacher(tmp_path, tmp_path / "int8", precision="int8", photos=open_feed(photos))
    assert asked == {"folder": tmp_path / "int8", "precision": "int8", "counts": (32, 8)}
