import dataclasses
import importlib.util
from pathlib import Path

import pytest

from furniture_prompter.encoders.card import EmbeddingSpace, identity_of
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder, load_prompt_encoder
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation import running
from furniture_prompter.evaluation.running import facts_of
from tests.fakes import ColourEncoder, ColourGridEncoder, colour_card


def test_facts_come_from_the_card(tmp_path: Path) -> None:
    facts = facts_of(ColourGridEncoder(), "grid (2)", "baseline", tmp_path)
    assert (facts.key, facts.name, facts.role) == ("grid (2)", "colour-grid", "baseline")
    assert (facts.side_px, facts.dimension, facts.space) == (48, 27, "colour-grid")
    assert facts.multiply_adds is None  # there is no weights file
    assert facts.searches


def test_a_student_has_the_space_that_it_was_taught_into(tmp_path: Path) -> None:
    teacher = colour_card()
    space = EmbeddingSpace(teacher.name, identity_of(teacher).space_id)
    student = colour_card("student", "2", space=space)
    of_teacher = facts_of(ColourEncoder(teacher), "t", "teacher", tmp_path)
    of_student = facts_of(ColourEncoder(student), "s", "student", tmp_path)
    assert of_student.space == "colour-teacher"
    assert of_student.space_id == of_teacher.space_id == space.id


def test_a_known_architecture_is_written_as_its_authors_do(tmp_path: Path) -> None:
    card = dataclasses.replace(colour_card(), architecture="mobilenetv2")
    assert facts_of(ColourEncoder(card), "s", "student", tmp_path).architecture == "MobileNetV2"


@pytest.mark.parametrize(
    ("weights_bytes", "precision"), [(1_100, "int8"), (2_010, "16 bits"), (4_050, "fp32")]
)
def test_the_precision_is_told_by_the_bytes_of_a_number(
    weights_bytes: int, precision: str, tmp_path: Path
) -> None:
    card = dataclasses.replace(colour_card(), parameters=1_000, weights_bytes=weights_bytes)
    assert facts_of(ColourEncoder(card), "e", "encoder", tmp_path).precision == precision


def test_the_encoder_that_ships_is_int8_and_its_operations_need_the_extra_train(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = encoder_folder("default")
    encoder = OnnxEncoder.load(folder, threads=1)
    monkeypatch.setattr(running, "can_count_operations", lambda: False)
    facts = facts_of(encoder, "default", "encoder", folder)
    assert facts.precision == "int8"
    assert facts.multiply_adds is None
    assert facts.file_bytes == (folder / encoder.card.weights_file).stat().st_size


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("torch", "onnx")),
    reason="needs the extra train",
)
def test_operations_of_the_encoder_that_ships_are_counted() -> None:
    folder = encoder_folder("default")
    facts = facts_of(OnnxEncoder.load(folder, threads=1), "default", "encoder", folder)
    # EfficientNet-Lite2 as PyTorch counts it at 256 px, the projection, and the colours' small map.
    joined = 352 + 1_280 + 63
    assert facts.multiply_adds == pytest.approx(751_320_064 + joined * 256, rel=0.001)


def test_a_prompt_encoder_is_refused(tmp_path: Path) -> None:
    prompts = load_prompt_encoder(encoder_folder("default-prompt"))
    with pytest.raises(BenchmarkError, match="image encoder"):
        facts_of(prompts, "p", "encoder", tmp_path)  # type: ignore[arg-type]  # the wrong kind
