"""The whole recipe on a tiny student."""

import errno
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from furniture_prompter.distillation import distilling, student_export
from furniture_prompter.distillation.distilling import DistillationSummary
from furniture_prompter.distillation.export import export_encoder
from furniture_prompter.distillation.photos import PhotoSet, photos_of_feed, prepare_photo
from furniture_prompter.distillation.training_data import TrainingData
from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders import decoding
from furniture_prompter.encoders.card import EncoderCard, Preprocessing, identity_of
from furniture_prompter.encoders.decoding import DEFAULT_LIMITS
from furniture_prompter.encoders.registry import load_encoder
from furniture_prompter.errors import DistillationError
from furniture_prompter.feeds.folder import FolderFeed
from tests.fakes import ColourGridEncoder
from tests.unit.distillation.tiny_student import (
    SIDE_PX,
    TinyBackbone,
    install,
    options,
    photos,
    run,
    run_with,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> DistillationSummary:
    """One student with everything."""
    with pytest.MonkeyPatch.context() as patch:
        install(patch.setattr)
        folder = tmp_path_factory.mktemp("made")
        found = photos(folder / "photos", 48)
        return run(folder, found, epochs=3.0, views=1, loss_contrastive=0.1, initial="auto")


def test_the_student_lies_in_its_teachers_space(made: DistillationSummary) -> None:
    teacher = identity_of(ColourGridEncoder().card)
    for folder in (made.folder, made.folder / "fp32"):
        student = load_encoder(folder)
        assert identity_of(student.card).shares_space_with(teacher)
        image = np.full((40, 60, 3), 90, np.uint8)
        assert np.linalg.norm(student.encode([image])) == pytest.approx(1, abs=1e-3)


def test_the_cards_tell_how_well_it_follows(made: DistillationSummary) -> None:
    for card in (made.card, made.full_card):
        assert 0 <= card.figures["asymmetric_overlap_at_10"] <= 1
        assert 0 <= card.figures["symmetric_overlap_at_10"] <= 1
        assert -1 <= card.figures["mean_cosine_to_teacher"] <= 1
        assert card.figures["encode_ms"] > 0
    assert made.card.figures["int8_mean_cosine"] > 0.98
    assert made.card.architecture == "tiny"
    training = made.card.training
    assert training["data"]["photos"] == 48
    assert training["data"]["train"] + training["data"]["held_out"] == 48
    assert training["options"]["views"] == 1
    assert training["environment"]["torch"]


def test_an_architecture_that_no_package_carries_starts_from_random_weights(
    made: DistillationSummary,
) -> None:
    assert made.card.training["initial"] == "random"
    assert made.card.training["options"]["initial"] == "random"


def test_the_page_tells_data_licence_figures_environment_and_limits(
    made: DistillationSummary,
) -> None:
    page = (made.folder / "README.md").read_text("utf-8")
    for heading in ("What it is", "Data", "Figures", "Training", "Environment", "Limits"):
        assert f"\n## {heading}\n" in page
    assert "licence" in page
    assert f"{made.card.figures['asymmetric_overlap_at_10']:.4f}" in page
    assert str(made.folder.parent) not in page


def test_curves_metrics_and_tensorboard_are_there(made: DistillationSummary) -> None:
    with Image.open(made.folder / "curves.png") as picture:
        assert picture.size[0] > 500
        assert len(np.unique(np.asarray(picture))) > 50
    lines = (made.run_folder / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert sum("held_out_overlap" in record for record in records) == 4
    assert {"regression", "contrastive", "loss", "rate"} <= records[1].keys()
    assert any((made.run_folder / "tensorboard").iterdir())
    assert not (made.run_folder / "checkpoints").exists()
    assert not (made.run_folder / "student").exists()


@pytest.mark.usefixtures("tiny")
def test_int8_is_calibrated_on_photos_learned_from_and_judged_on_photos_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    materials: list[TrainingData] = []
    given: list[dict[str, Any]] = []
    export_student = student_export.export_student

    def watched(*arguments: Any) -> None:
        materials.extend(each for each in arguments if isinstance(each, TrainingData))
        export_student(*arguments)

    def exported(*arguments: Any, **named: Any) -> EncoderCard:
        given.append(named)
        return export_encoder(*arguments, **named)

    monkeypatch.setattr(distilling, "export_student", watched)
    monkeypatch.setattr(student_export, "export_encoder", exported)
    run(tmp_path, photos(tmp_path, 48), epochs=1.0)
    (data,) = materials

    def contents(places: NDArray[np.intp]) -> set[bytes]:
        some = [data.prepared.found.photos[place] for place in places]
        spec = Preprocessing(side_px=SIDE_PX)
        return {prepare_photo(photo, [spec], DEFAULT_LIMITS)[0].tobytes() for photo in some}

    learned, held = contents(data.train), contents(data.held)
    assert learned.isdisjoint(held)
    assert {named["precision"] for named in given} == {"int8", "fp32"}
    for named in given:
        assert {image.tobytes() for image in named["calibration"]} <= learned
        assert {image.tobytes() for image in named["held_out"]} == held


@pytest.mark.usefixtures("tiny")
def test_every_photo_is_decoded_once_for_the_whole_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = photos(tmp_path, 48)
    decoded: Counter[Path] = Counter()
    decode_into = decoding.decode_into

    def counted(data: bytes, use: Any, *, name: str, **options: Any) -> Any:
        decoded[Path(name)] += 1
        return decode_into(data, use, name=name, **options)

    # All ways to pixels lead through here.
    monkeypatch.setattr(decoding, "decode_into", counted)

    class SameSide(ColourGridEncoder):
        @property
        def card(self) -> EncoderCard:
            return replace(super().card, preprocessing=Preprocessing(side_px=SIDE_PX))

    run_with(tmp_path, found, SameSide(), options(epochs=2.0, views=1))
    assert decoded.keys() == {photo.path for photo in found.photos}
    # One once more: encoding is timed from its pixels on.
    assert sorted(decoded.values())[:-1] == [1] * 47
    assert max(decoded.values()) == 2


@pytest.mark.usefixtures("tiny")
def test_a_student_takes_the_place_of_the_one_before(
    made: DistillationSummary, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = photos(made.folder.parent / "photos", 48)
    before = (made.folder / "card.json").read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(student_export, "export_encoder", full)
        with pytest.raises(DistillationError, match=r"disk is full.*--resume"):
            run(made.folder.parent, found, epochs=1.0, views=1)
    assert (made.folder / "card.json").read_bytes() == before
    # What was trained is not lost: only the export is done again.
    again = run(made.folder.parent, found, epochs=1.0, views=1, resume=True)
    assert again.steps == 6
    assert (made.folder / "card.json").read_bytes() != before


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("count", [0, 1, 15])
def test_too_few_photos_are_refused_with_their_number(tmp_path: Path, count: int) -> None:
    found = photos(tmp_path, count) if count else PhotoSet((), ())
    with pytest.raises(DistillationError, match=rf"^{count} distinct usable photos are too few"):
        run(tmp_path, found)


@pytest.mark.usefixtures("tiny")
def test_files_that_are_no_photos_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    found = photos_of_feed(FolderFeed(tmp_path), DEFAULT_LIMITS)
    with pytest.raises(DistillationError, match=r"1 files were set aside"):
        run(tmp_path, found)


@pytest.mark.usefixtures("tiny")
def test_a_student_that_there_is_not_is_told_before_its_weights_are_looked_for(
    tmp_path: Path,
) -> None:
    found = photos(tmp_path, 20)
    with pytest.raises(DistillationError, match="No architecture 'nonesuch'"):
        run(tmp_path, found, student="nonesuch", epochs=0.0, initial="auto")


@pytest.mark.usefixtures("tiny")
def test_photos_all_alike_are_refused(tmp_path: Path) -> None:
    class Blind(ColourGridEncoder):
        def encode(self, images: Sequence[RgbImage]) -> NDArray[np.float32]:
            return np.repeat(np.eye(1, 27, dtype=np.float32), len(images), axis=0)

    with pytest.raises(DistillationError, match="look alike"):
        run_with(tmp_path, photos(tmp_path, 20), Blind(), options())


@pytest.mark.usefixtures("tiny")
def test_one_product_cannot_be_divided(tmp_path: Path) -> None:
    found = photos(tmp_path, 20)
    one = tuple(type(photo)(photo.path, photo.id, "same") for photo in found.photos)
    with pytest.raises(DistillationError, match="too few products"):
        run(tmp_path, PhotoSet(one, ()))


@pytest.mark.usefixtures("tiny")
def test_a_place_that_is_taken_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "student").mkdir()
    (tmp_path / "student" / "mine.txt").write_text("mine")
    with pytest.raises(DistillationError, match="no student's folder"):
        run(tmp_path, photos(tmp_path / "photos", 20))
    assert not (tmp_path / "student.run").exists()


@pytest.mark.usefixtures("tiny")
def test_without_a_pass_the_head_alone_is_fitted(tmp_path: Path) -> None:
    torch.manual_seed(4)
    first = TinyBackbone()
    save_file(first.state_dict(), tmp_path / "first.safetensors")
    found = photos(tmp_path / "photos")
    chosen = {"epochs": 0.0, "initial": str(tmp_path / "first.safetensors")}
    made = run(tmp_path, found, **chosen)
    assert made.steps == 0
    lines = (tmp_path / "student/metrics.jsonl").read_text("utf-8").splitlines()
    (record,) = [json.loads(line) for line in lines]
    assert (record["step"], record["head_cosine"]) == (
        0,
        pytest.approx(record["held_out_cosine"], abs=1e-4),
    )
    assert record["head_overlap"] == pytest.approx(record["held_out_overlap"], abs=0.01)
    assert made.card.figures["mean_cosine_to_teacher"] > 0.5
