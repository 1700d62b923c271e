"""What the teacher that needs no hub is built from, and what names its space."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from furniture_prompter.distillation import ensemble_teacher
from furniture_prompter.distillation.ensemble_teacher import build_imagenet_ensemble
from furniture_prompter.distillation.export import CardFields
from furniture_prompter.distillation.initial_weights import InitialWeights, load_initial
from furniture_prompter.distillation.networks.backbone import Backbone
from furniture_prompter.distillation.networks.registry import build_backbone
from furniture_prompter.encoders.card import Preprocessing


class _RecordedError(Exception):
    """Instead of an export, which takes half a minute."""


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the builder hands to the export."""
    seen: dict[str, Any] = {}

    def export(network: nn.Module, folder: Path, **fields: Any) -> None:
        seen.update(fields, network=network, folder=folder)
        raise _RecordedError

    monkeypatch.setattr(ensemble_teacher, "export_encoder", export)
    return seen


def fields(recorded: Mapping[str, Any], folder: Path) -> CardFields:
    with pytest.raises(_RecordedError):
        build_imagenet_ensemble(folder)
    identity = recorded["identity"]
    assert isinstance(identity, CardFields)
    return identity


def test_the_ensemble_carries_three_packages_weights_with_licences_and_hashes(
    recorded: dict[str, Any], tmp_path: Path
) -> None:
    identity = fields(recorded, tmp_path / "imagenet-ensemble")
    assert (identity.name, identity.licence) == ("imagenet-ensemble", "Apache-2.0 AND MIT")
    assert len(identity.source_sha256) == len(identity.source.split("; ")) == 3
    assert recorded["preprocessing"] == Preprocessing(side_px=256)
    backbone = build_backbone("efficientnet-lite2")
    load_initial(backbone, "efficientnet-lite2", "imagenet")
    member = recorded["network"].backbones[2].state_dict()
    assert all(torch.equal(member[key], value) for key, value in backbone.state_dict().items())


def test_the_space_is_named_by_the_weights_and_not_by_the_exported_bytes(
    recorded: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fields(recorded, tmp_path / "first").space
    assert first is not None
    assert fields(recorded, tmp_path / "second").space == first

    def others(backbone: Backbone, name: str, source: str) -> InitialWeights:
        came = load_initial(backbone, name, source)
        return replace(came, source_sha256=dict.fromkeys(came.source_sha256, "0" * 64))

    monkeypatch.setattr(ensemble_teacher, "load_initial", others)
    changed = fields(recorded, tmp_path / "third").space
    assert changed is not None
    assert changed.id != first.id
