import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.encoders.card import CARD_FILE, EmbeddingSpace, EncoderCard, Preprocessing
from furniture_prompter.errors import EncoderDamagedError, EncoderNotFoundError


def card(**changes: Any) -> EncoderCard:
    weights = b"weights"
    fields: dict[str, Any] = {
        "name": "small",
        "kind": "image",
        "dimension": 4,
        "preprocessing": Preprocessing(side_px=32),
        "licence": "MIT",
        "source": "made for a test",
        "source_sha256": {"a.pth": "0" * 64},
        "weights_file": "encoder.onnx",
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "weights_bytes": len(weights),
        "parameters": 10,
        "description": "Small.",
        "figures": {"r_at_1": 0.5},
    }
    return EncoderCard(**{**fields, **changes})


def edit(folder: Path, **changes: Any) -> None:
    path = folder / CARD_FILE
    data = json.loads(path.read_text(encoding="utf-8"))
    for key, value in changes.items():
        if value is None:
            del data[key]
        else:
            data[key] = value
    path.write_text(json.dumps(data), encoding="utf-8")


def test_a_saved_card_loads_as_the_same_card(tmp_path: Path) -> None:
    card().save(tmp_path)
    assert EncoderCard.load(tmp_path) == card()


def test_a_prompt_card_with_further_files_loads_as_the_same_card(tmp_path: Path) -> None:
    words = card(kind="prompt", preprocessing=None, other_files={"tokenizer.json": "1" * 64})
    words.save(tmp_path)
    assert EncoderCard.load(tmp_path) == words
    assert words.input_side_px is None


def test_the_input_side_is_that_of_the_preprocessing() -> None:
    assert card().input_side_px == 32


def test_a_folder_without_a_card_is_not_found_and_the_message_says_how_to_list(
    tmp_path: Path,
) -> None:
    with pytest.raises(EncoderNotFoundError, match="furniture-prompter encoders"):
        EncoderCard.load(tmp_path / "nowhere")


def test_a_card_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / CARD_FILE).mkdir()
    with pytest.raises(EncoderDamagedError, match="Cannot read"):
        EncoderCard.load(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"name": "\\ud800"}'])
def test_a_card_that_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / CARD_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(EncoderDamagedError, match="no valid card"):
        EncoderCard.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"dimension": None}, "dimension"),
        ({"dimension": "4"}, "dimension"),
        ({"dimension": 0}, "dimension"),
        ({"colour": "red"}, "colour"),
        ({"kind": "sound"}, "kind"),
        ({"metric": "l2"}, "metric"),
        ({"weights_file": "../encoder.onnx"}, "weights_file|plain name"),
        ({"weights_sha256": "abc"}, "sha256"),
        ({"preprocessing": {"side_px": 0}}, "side_px"),
        ({"preprocessing": {"side_px": 32, "zoom": 2}}, "zoom"),
        ({"preprocessing": {"side_px": 32, "fit": "stretch"}}, "fit"),
        ({"preprocessing": {"side_px": 32, "background": [0, 0, 256]}}, "background"),
        ({"figures": {"r_at_1": "high"}}, "r_at_1"),
    ],
)
def test_a_card_with_a_wrong_field_is_refused_by_its_name_with_a_cure(
    tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    card().save(tmp_path)
    edit(tmp_path, **change)
    with pytest.raises(EncoderDamagedError, match=named) as caught:
        EncoderCard.load(tmp_path)
    assert "Reinstall furniture-prompter" in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"preprocessing": None},
        {"kind": "prompt"},
        {"weights_bytes": 0},
        {"other_files": {"a/b": "0" * 64}},
        {"other_files": {"b": "0"}},
    ],
)
def test_a_card_that_contradicts_itself_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        card(**change)


def test_preprocessing_refuses_an_unknown_filter() -> None:
    with pytest.raises(ValueError, match="bicubic"):
        Preprocessing(side_px=8, resampling="nearest")  # type: ignore[arg-type]  # the point


def test_files_that_match_their_hashes_pass(tmp_path: Path) -> None:
    (tmp_path / "encoder.onnx").write_bytes(b"weights")
    card().verify_files(tmp_path)


def test_one_changed_byte_of_the_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "encoder.onnx").write_bytes(b"weightz")
    with pytest.raises(EncoderDamagedError, match="not the file its card describes"):
        card().verify_files(tmp_path)


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderDamagedError, match="Cannot read"):
        card().verify_files(tmp_path)


def test_a_card_cannot_be_changed_after_it_is_made() -> None:
    made = card()
    with pytest.raises(TypeError):
        made.figures["r_at_1"] = 1.0  # type: ignore[index]  # the point
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.dimension = 5  # type: ignore[misc]  # the point


NEW_SINCE_FIRST_FORMAT = (
    "runtime",
    "space",
    "architecture",
    "training",
    "encodes_prompts",
    "languages",
)


@pytest.mark.parametrize(
    ("made", "runtime"), [({}, "onnx"), ({"kind": "prompt", "preprocessing": None}, "static")]
)
def test_a_card_of_the_first_format_loads_as_the_card_it_was(
    tmp_path: Path, made: dict[str, Any], runtime: str
) -> None:
    card(**made).save(tmp_path)
    edit(tmp_path, **dict.fromkeys(NEW_SINCE_FIRST_FORMAT))
    loaded = EncoderCard.load(tmp_path)
    assert loaded == card(**made)
    assert loaded.runtime == runtime
    assert loaded.space is None
    assert not loaded.encodes_prompts


def test_a_students_card_loads_as_the_same_card(tmp_path: Path) -> None:
    student = card(
        space=EmbeddingSpace("teacher", "2" * 64),
        architecture="resnet18",
        training={"photos": 990, "loss": {"regression": 1.0}, "data": ["renders"], "gpu": None},
    )
    student.save(tmp_path)
    assert EncoderCard.load(tmp_path) == student


def test_a_card_of_a_text_tower_loads_as_the_same_card(tmp_path: Path) -> None:
    teacher = card(runtime="hub", encodes_prompts=True)
    teacher.save(tmp_path)
    assert EncoderCard.load(tmp_path) == teacher


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"runtime": "torchscript"}, "runtime"),
        ({"space": {"name": "teacher", "id": "abc"}}, "sha256"),
        ({"space": {"name": "", "id": "2" * 64}}, "name"),
        ({"space": {"name": "teacher"}}, "space.id"),
        ({"space": "teacher"}, "space"),
        ({"encodes_prompts": "yes"}, "encodes_prompts"),
        ({"training": []}, "training"),
    ],
)
def test_a_card_with_a_wrong_newer_field_is_refused_by_its_name(
    tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    card().save(tmp_path)
    edit(tmp_path, **change)
    with pytest.raises(EncoderDamagedError, match=named):
        EncoderCard.load(tmp_path)


@pytest.mark.parametrize(
    "change", [{"encodes_prompts": True}, {"space": EmbeddingSpace("teacher", "2" * 64)}]
)
def test_a_prompt_encoder_has_no_text_tower_and_no_photo_space(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="image encoders"):
        card(kind="prompt", preprocessing=None, **change)
