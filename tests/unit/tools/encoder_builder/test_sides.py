"""Fitting what tells which side of a photo is up."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from furniture_prompter.encoders.card import EncoderCard, identity_of
from furniture_prompter.encoders.onnx_encoder import SIDES_FILE, OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder
from tools.encoder_builder import __main__ as command
from tools.encoder_builder.sides import fit_sides


def test_sides_that_a_vector_tells_are_learned() -> None:
    rng = np.random.default_rng(3)
    ways = np.eye(8, dtype=np.float32)[:4]
    seen, new = ((ways + 0.3 * rng.normal(size=(60, 4, 8))).astype(np.float32) for _ in range(2))
    classifier = fit_sides(seen)
    told = classifier.probabilities(new.reshape(-1, 8)).argmax(axis=1).reshape(60, 4)
    assert (told == np.arange(4)).mean() > 0.8
    assert classifier.weights.dtype == np.float32


def test_what_a_vector_does_not_tell_stays_unsure() -> None:
    rows = np.repeat(np.random.default_rng(4).normal(size=(40, 1, 8)), 4, axis=1)
    shares = fit_sides(rows.astype(np.float32)).probabilities(rows[:, 0].astype(np.float32))
    assert shares == pytest.approx(0.25, abs=0.01)


def test_the_command_adds_the_file_and_leaves_the_encoder_what_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, catalog = tmp_path / "encoder", tmp_path / "renders"
    shutil.copytree(encoder_folder("default"), folder)
    before = EncoderCard.load(folder)
    catalog.mkdir()
    lines = []
    for number in range(12):
        pixels = np.full((64, 64, 3), 255, np.uint8)
        pixels[40:, 8 + number : 56] = (200, 40, 40)
        Image.fromarray(pixels).save(catalog / f"{number}.png")
        row = {"id": str(number), "family": f"f{number}", "image": f"{number}.png"}
        lines.append(json.dumps(row))
    (catalog / "products.jsonl").write_text("\n".join(lines))
    assert command.main(["sides", "--out", str(folder), "--catalog", str(catalog)]) == 0
    assert "its catalogs stay as they are" in capsys.readouterr().out
    after = EncoderCard.load(folder)
    assert identity_of(after) == identity_of(before)
    assert after.other_files[SIDES_FILE] != before.other_files[SIDES_FILE]
    upright = np.full((64, 64, 3), 255, np.uint8)
    upright[40:, 12:56] = (200, 40, 40)
    encoder = OnnxEncoder.load(folder)
    rows = encoder.encode([upright, np.rot90(upright, -2)])
    assert encoder.looks_upright(rows[0])
    assert not encoder.looks_upright(rows[1])
