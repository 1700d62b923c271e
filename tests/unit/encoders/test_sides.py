"""The orientation classifier beside an encoder's weights."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.onnx_encoder import SIDES_FILE, OnnxEncoder, SideClassifier
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.errors import EncoderDamagedError

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
