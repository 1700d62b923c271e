import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.memory import measure_memory, peak_bytes, probe, resident_bytes
from tests.fakes import ColourGridEncoder

LARGE = 200_000_000


class Hoarder(ColourGridEncoder):
    """Holds a lot once it has encoded something."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[NDArray[np.uint8]] = []

    def encode(self, images: Sequence[RgbImage]) -> NDArray[np.float32]:
        self.held.append(np.ones(LARGE, np.uint8))
        return super().encode(images)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.new("RGB", (60, 60), "red").save(path)
    return path


def test_a_large_allocation_is_seen_and_stays_in_the_peak() -> None:
    before = resident_bytes()
    held = np.ones(LARGE, np.uint8)
    assert resident_bytes() - before > 0.9 * held.nbytes
    del held
    assert resident_bytes() - before < 0.5 * LARGE
    assert peak_bytes() - before > 0.9 * LARGE


def test_what_an_encoder_holds_is_its_own(tmp_path: Path, photo: Path) -> None:
    ColourGridEncoder().card.save(tmp_path)
    found = probe(tmp_path, [photo], lambda _: Hoarder())
    assert 0.9 * LARGE < found["encoder_bytes"] < 1.5 * LARGE
    assert found["resident_bytes"] > found["encoder_bytes"]
    small = probe(tmp_path, [photo], lambda _: ColourGridEncoder())
    assert small["encoder_bytes"] < 0.5 * LARGE


def test_each_process_is_fresh_and_holds_the_weights(photo: Path) -> None:
    folder = encoder_folder("default")
    found = measure_memory("default", folder, [photo], 2, 1_664.0)
    assert (found.encoder, found.index_bytes_a_product) == ("default", 1_664.0)
    weights = EncoderCard.load(folder).weights_bytes
    assert len(found.resident_bytes) == 2
    for resident, peak, own in zip(
        found.resident_bytes, found.peak_bytes, found.encoder_bytes, strict=True
    ):
        assert weights < own < resident <= peak


def test_an_encoder_that_cannot_be_loaded_is_told_in_its_own_words(
    tmp_path: Path, photo: Path
) -> None:
    with pytest.raises(BenchmarkError, match=r"memory of broken .* holds no card\.json"):
        measure_memory("broken", tmp_path, [photo], 1, 0.0)
    with pytest.raises(BenchmarkError, match="There is no photo file"):
        measure_memory("default", encoder_folder("default"), [tmp_path / "gone.jpg"], 1, 0.0)


def test_a_process_that_ends_by_a_signal_or_takes_too_long_is_said_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def killed(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[0] == sys.executable
        return subprocess.CompletedProcess(command, -9, "", "")

    monkeypatch.setattr("subprocess.run", killed)
    with pytest.raises(BenchmarkError, match="SIGKILL"):
        measure_memory("e", tmp_path, [], 1, 0.0)
    monkeypatch.undo()
    with pytest.raises(BenchmarkError, match=r"memory\.photos = 0"):
        measure_memory("e", encoder_folder("default"), [], 1, 0.0, limit_s=0.01)
