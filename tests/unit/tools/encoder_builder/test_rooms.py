"""Learning what a room around a piece adds to its vector."""

import shutil
from pathlib import Path

import numpy as np

from furniture_prompter.encoders.card import EncoderCard, identity_of
from furniture_prompter.encoders.onnx_encoder import ROOMS_FILE
from furniture_prompter.encoders.registry import encoder_folder
from tools.encoder_builder.rooms import add_rooms, fit_rooms


def test_pieces_are_found_again_in_rooms_that_taught_nothing() -> None:
    rng = np.random.default_rng(5)
    alone = rng.normal(size=(400, 16)).astype(np.float32)
    # Rooms move pieces along two ways far more than pieces differ.
    moved = rng.normal(size=(400, 2)) * 6 @ np.eye(16)[:2]
    in_rooms = np.asarray(alone + moved, np.float32)
    noise = fit_rooms(in_rooms[:200], alone[:200], ridge=0.1, axes=2)
    assert noise.axes.shape == (2, 16)

    def own_first(rows: np.ndarray) -> float:
        units = alone[200:] / np.linalg.norm(alone[200:], axis=1, keepdims=True)
        return float(((rows @ units.T).argmax(axis=1) == np.arange(200)).mean())

    assert own_first(noise.without(in_rooms[200:])) > own_first(in_rooms[200:]) + 0.3


def test_more_ridge_takes_less_out() -> None:
    rng = np.random.default_rng(6)
    alone, noise = rng.normal(size=(2, 60, 8)).astype(np.float32)
    little, much = (fit_rooms(alone + noise, alone, ridge=ridge).axes for ridge in (9.0, 0.1))
    assert (np.linalg.norm(little, axis=1) < np.linalg.norm(much, axis=1)).all()
    assert (np.linalg.norm(much, axis=1) < 1).all()


def test_the_file_comes_beside_the_encoder_which_stays_what_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    shutil.copytree(encoder_folder("default"), folder)
    before = EncoderCard.load(folder)
    rng = np.random.default_rng(7)
    pairs = [tuple(rng.integers(0, 255, (2, 24, 24, 3), np.uint8)) for _ in range(4)]
    told: list[str] = []
    after = add_rooms(folder, [(one, other) for one, other in pairs], told.append)
    assert identity_of(after) == identity_of(before)
    assert after.other_files[ROOMS_FILE] != before.other_files.get(ROOMS_FILE)
    assert "Of 4 pieces of drawn rooms" in told[0]
    EncoderCard.load(folder).verify_files(folder)
