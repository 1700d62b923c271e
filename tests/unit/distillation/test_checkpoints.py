"""Checkpoints: whole or not at all."""

import errno
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from torch import nn

from furniture_prompter.distillation import run_folder as module
from furniture_prompter.distillation.run_folder import Checkpoints, Progress
from furniture_prompter.errors import DistillationError


def _network(value: float) -> nn.Module:
    layer = nn.Linear(3, 2)
    nn.init.constant_(layer.weight, value)
    return nn.Sequential(layer, nn.BatchNorm1d(2))


def _save(kept: Checkpoints, step: int) -> None:
    kept.save(Progress(step=step, steps=9), _network(step), _network(-step), {"optimizer": {}})


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path)
    progress = Progress(3, 9, 4, 2, 0.5, 1, 7.25, [{"step": 1, "loss": 0.5}])
    state = {"optimizer": {"state": {0: {"step": torch.tensor(3.0)}}}}
    kept.save(progress, _network(2.0), _network(4.0), state)
    network, mean = _network(0), _network(0)
    latest = kept.latest()
    assert latest is not None
    back, more = kept.load(latest, network, mean)
    assert back == progress
    assert more["optimizer"]["state"][0]["step"] == 3
    assert torch.equal(network.state_dict()["0.weight"], torch.full((2, 3), 2.0))
    assert torch.equal(mean.state_dict()["0.weight"], torch.full((2, 3), 4.0))


def test_the_newest_whole_one_is_taken_and_older_ones_go(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path)
    assert kept.latest() is None
    for step in (1, 2, 10):
        _save(kept, step)
    # A process that died while writing left this behind.
    (tmp_path / ".step-00000011.new").mkdir()
    assert kept.latest() == tmp_path / "step-00000010"
    assert sorted(path.name for path in tmp_path.glob("step-*")) == [
        "step-00000002",
        "step-00000010",
    ]


def test_a_full_disk_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Checkpoints(tmp_path)
    _save(kept, 1)

    def full(*_: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(module, "save_file", full)
    with pytest.raises(DistillationError, match=r"disk is full.*--resume"):
        _save(kept, 2)
    assert kept.latest() == tmp_path / "step-00000001"
    assert errno.ENOSPC == 28


@pytest.mark.parametrize("name", ["student.safetensors", "state.pt"])
def test_a_damaged_one_is_refused_with_its_path(tmp_path: Path, name: str) -> None:
    kept = Checkpoints(tmp_path)
    _save(kept, 1)
    (tmp_path / "step-00000001" / name).write_bytes(b"PK nothing")
    with pytest.raises(DistillationError, match=r"step-00000001 cannot be read"):
        kept.load(tmp_path / "step-00000001", _network(0), _network(0))


def test_another_networks_is_refused(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path)
    _save(kept, 1)
    with pytest.raises(DistillationError, match="cannot be read"):
        kept.load(tmp_path / "step-00000001", nn.Linear(3, 2), nn.Linear(3, 2))


def test_the_best_weights_are_kept_apart(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path)
    kept.save_best(_network(5.0))
    network = _network(0)
    kept.load_best(network)
    assert torch.equal(network.state_dict()["0.weight"], torch.full((2, 3), 5.0))
