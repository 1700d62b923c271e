import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from furniture_prompter.encoders import onnx_encoder
from furniture_prompter.encoders.card import CARD_FILE, EncoderCard
from furniture_prompter.encoders.onnx_encoder import (
    ROOMS_FILE,
    SIDES_FILE,
    OnnxEncoder,
    RoomNoise,
    SideClassifier,
)
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.errors import EncoderDamagedError, EncoderNotFoundError, InvalidPhotoError

WEIGHTS = Path(onnx_encoder.__file__).parent / "weights"
SHIPPED = WEIGHTS / "efficientnet-lite2"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "encoder"))


def test_the_shipped_encoder_matches_its_card_and_stays_small() -> None:
    encoder = OnnxEncoder.load(SHIPPED)
    card = encoder.card
    assert card.name == SHIPPED.name
    assert card.weights_bytes == (SHIPPED / card.weights_file).stat().st_size <= 12_000_000
    assert card.figures["ikea_dev_same_type_r_at_1"] >= 0.64
    assert card.figures["ikea_dev_same_type_p_at_5"] >= 0.48
    assert card.figures["export_least_cosine"] >= 0.9999
    assert card.figures["int8_mean_cosine"] >= 0.98


def test_altered_weights_are_refused(copied: Path) -> None:
    weights = bytearray((copied / "encoder.onnx").read_bytes())
    weights[len(weights) // 2] ^= 1
    (copied / "encoder.onnx").write_bytes(weights)
    with pytest.raises(EncoderDamagedError, match="sha256"):
        OnnxEncoder.load(copied)


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x08\x09" * 40])
def test_a_file_that_is_no_graph_is_refused_with_a_cure(copied: Path, content: bytes) -> None:
    (copied / "encoder.onnx").write_bytes(content)
    with pytest.raises(EncoderDamagedError, match="Reinstall furniture-prompter"):
        OnnxEncoder.load(copied, verify=False)


def test_a_truncated_graph_is_refused(copied: Path) -> None:
    weights = (copied / "encoder.onnx").read_bytes()
    (copied / "encoder.onnx").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(EncoderDamagedError, match="Reinstall furniture-prompter"):
        OnnxEncoder.load(copied, verify=False)


def test_missing_weights_are_refused_even_without_verification(copied: Path) -> None:
    (copied / "encoder.onnx").unlink()
    with pytest.raises(EncoderDamagedError):
        OnnxEncoder.load(copied, verify=False)


@pytest.mark.parametrize(
    ("key", "value"),
    [("dimension", 70), ("preprocessing", {"side_px": 224})],
)
def test_a_graph_that_is_not_what_its_card_says_is_refused(
    copied: Path, key: str, value: object
) -> None:
    path = copied / CARD_FILE
    card = json.loads(path.read_text(encoding="utf-8"))
    card[key] = value
    path.write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(EncoderDamagedError, match="its card says"):
        OnnxEncoder.load(copied)


def test_a_prompt_card_is_no_image_encoder(copied: Path) -> None:
    path = copied / CARD_FILE
    card = json.loads(path.read_text(encoding="utf-8"))
    card |= {"kind": "prompt", "preprocessing": None}
    path.write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(EncoderDamagedError, match="image encoder"):
        OnnxEncoder.load(copied)


def test_no_folder_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(EncoderNotFoundError):
        OnnxEncoder.load(tmp_path / "nowhere")


def test_an_image_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(InvalidPhotoError):
        OnnxEncoder.load(SHIPPED).encode([np.zeros((8, 8), np.uint8)])


def test_the_number_of_threads_changes_no_answer_noticeably() -> None:
    images = [np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)]
    one = OnnxEncoder.load(SHIPPED, threads=1).encode(images)
    two = OnnxEncoder.load(SHIPPED, threads=2).encode(images)
    np.testing.assert_allclose(one, two, atol=1e-3)


CARD = EncoderCard.load(encoder_folder("default"))


def weights(*constants: float) -> np.ndarray:
    """Of components that say nothing, so that the constants alone decide."""
    return np.concatenate([np.zeros((2, 4)), [constants]]).astype(np.float32)


def test_an_encoder_whose_card_names_none_has_none(tmp_path: Path) -> None:
    assert SideClassifier.beside(tmp_path, replace(CARD, other_files={})) is None


@pytest.mark.parametrize(
    ("constants", "expected"),
    [((1.2, 0, 0, 0), True), ((1.0, 0, 0, 0), False), ((0, 0, 0, 9), False)],
)
def test_upright_is_what_is_likelier_than_all_sides_together(
    constants: tuple[float, ...], expected: bool
) -> None:
    vector = np.ones(2, np.float32)
    assert SideClassifier(weights(*constants)).looks_upright(vector) is expected


def test_probabilities_add_up_to_one_however_large_the_logits() -> None:
    rows = SideClassifier(weights(900, 0, -900, 899)).probabilities(np.ones((3, 2), np.float32))
    assert rows.shape == (3, 4)
    assert rows.sum(axis=1) == pytest.approx(1)
    assert rows[0, 0] == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-5)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (np.zeros((CARD.dimension, 4), np.float32), "not float32"),
        (np.zeros((CARD.dimension + 1, 4)), "float64"),
        (np.full((CARD.dimension + 1, 4), np.nan, np.float32), "numbers that are none"),
        (None, "Cannot read"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(
    tmp_path: Path, content: np.ndarray | None, reason: str
) -> None:
    if content is not None:
        np.save(tmp_path / SIDES_FILE, content)
    with pytest.raises(EncoderDamagedError, match=reason):
        SideClassifier.beside(tmp_path, CARD)


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    np.save(tmp_path / SIDES_FILE, np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(EncoderDamagedError, match="Cannot read"):
        SideClassifier.beside(tmp_path, CARD)


def test_a_changed_file_is_found_by_its_hash(tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    shutil.copytree(encoder_folder("default"), folder)
    with (folder / SIDES_FILE).open("ab") as file:
        file.write(b"0")
    with pytest.raises(EncoderDamagedError, match=r"sides\.npy is not the file"):
        OnnxEncoder.load(folder)


def test_what_a_room_adds_counts_less_along_its_axes_and_rows_stay_units() -> None:
    noise = RoomNoise(np.array([[np.sqrt(0.5), 0, 0]], np.float32))
    rows = noise.without(np.array([[0.6, 0.8, 0], [0, 0, 1], [0, 0, 0]], np.float32))
    assert rows[0] == pytest.approx(np.array([0.3, 0.8, 0]) / np.hypot(0.3, 0.8))
    assert rows[1].tolist() == [0, 0, 1]
    assert rows[2].tolist() == [0, 0, 0]
    assert rows.dtype == np.float32


def test_the_encoder_that_ships_knows_what_rooms_add() -> None:
    noise = RoomNoise.beside(SHIPPED, CARD)
    assert noise is not None
    vector = OnnxEncoder.load(SHIPPED, threads=1).encode([np.full((9, 9, 3), 90, np.uint8)])
    left = noise.without(vector)
    # Less along the axes than before, by share of the whole.
    ways = noise.axes / np.linalg.norm(noise.axes, axis=1, keepdims=True)
    assert np.linalg.norm(left @ ways.T) < np.linalg.norm(vector @ ways.T)
    assert RoomNoise.beside(SHIPPED, replace(CARD, other_files={})) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (np.zeros((3, CARD.dimension + 1), np.float32), "not rows of 512"),
        (np.zeros(CARD.dimension, np.float32), "not rows of 512"),
        (np.float32(0), "not rows of 512"),
        (np.full((1, CARD.dimension), 0.5, np.float32), "at most 1 long"),
        (np.zeros((3, CARD.dimension)), "float64"),
        (np.full((3, CARD.dimension), np.inf, np.float32), "numbers that are none"),
        (None, "Cannot read"),
    ],
)
def test_a_file_of_the_noise_that_is_none_is_refused(
    tmp_path: Path, content: np.ndarray | None, reason: str
) -> None:
    if content is not None:
        np.save(tmp_path / ROOMS_FILE, content)
    with pytest.raises(EncoderDamagedError, match=reason):
        RoomNoise.beside(tmp_path, CARD)
