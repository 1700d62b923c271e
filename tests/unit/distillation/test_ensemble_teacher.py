"""What the teacher that needs no hub is built from, and what names its space."""

import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from furniture_prompter.bundled import photos_to_learn_from
from furniture_prompter.distillation import ensemble_teacher
from furniture_prompter.distillation.ensemble_teacher import build_imagenet_ensemble
from furniture_prompter.distillation.export import CardFields
from furniture_prompter.distillation.initial_weights import InitialWeights, load_initial
from furniture_prompter.distillation.networks import build_backbone
from furniture_prompter.distillation.networks.student import MEMBERS, Backbone, ImagenetEnsemble
from furniture_prompter.distillation.onnx_graph import write_graph
from furniture_prompter.domain import IndexProgress
from furniture_prompter.encoders.card import Preprocessing
from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.encoders.preprocessing import preprocess


class _RecordedError(Exception):
    """Instead of an export, which takes half a minute."""


PHOTOS = photos_to_learn_from()[:8]
COMPONENTS = 3


@functools.cache
def written_once(side_px: int) -> onnx.ModelProto:
    """The graph of all builds here: their networks differ in the projection alone."""
    torch.manual_seed(0)
    network = ImagenetEnsemble(COMPONENTS).eval()
    for name, member in zip(MEMBERS, network.backbones, strict=True):
        load_initial(member, name, "imagenet")
    return write_graph(network, side_px)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the builder hands to the export."""
    seen: dict[str, Any] = {}

    def export(network: nn.Module, folder: Path, **fields: Any) -> None:
        seen.update(fields, network=network, folder=folder)
        raise _RecordedError

    def graph(_network: nn.Module, side_px: int) -> onnx.ModelProto:
        copied = onnx.ModelProto()
        copied.CopyFrom(written_once(side_px))
        return copied

    monkeypatch.setattr(ensemble_teacher, "export_encoder", export)
    monkeypatch.setattr(ensemble_teacher, "write_graph", graph)
    # Encoding all 788 takes a minute.
    monkeypatch.setattr(ensemble_teacher, "photos_to_learn_from", lambda: PHOTOS)
    monkeypatch.setattr(ensemble_teacher, "ImagenetEnsemble", lambda: ImagenetEnsemble(COMPONENTS))
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


def test_other_photos_to_fit_the_projection_to_make_another_space(
    recorded: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fields(recorded, tmp_path / "first").space
    monkeypatch.setattr(ensemble_teacher, "photos_to_learn_from", lambda: PHOTOS[1:])
    second = fields(recorded, tmp_path / "second").space
    assert first is not None
    assert second is not None
    assert first.id != second.id


def test_the_mean_of_the_photos_is_taken_off_and_their_axes_tell_them_apart(
    recorded: dict[str, Any], tmp_path: Path
) -> None:
    identity = fields(recorded, tmp_path / "imagenet-ensemble")
    told = identity.training["projection"]
    assert told["components"] == COMPONENTS
    assert told["fitted_on"] == "8 bundled renders of models not held out"
    squares = [
        preprocess(decode_photo(read_photo_bytes(path), name=path.name), recorded["preprocessing"])
        for path in PHOTOS
    ]
    network = recorded["network"]
    with torch.inference_mode():
        joined = network.joined(torch.from_numpy(np.stack(squares)))
        projected = network.projection(joined).numpy()
    assert np.abs(projected.mean(axis=0)).max() < 0.02
    spread = projected.std(axis=0)
    assert spread[0] > spread[1] > spread[2] > 0.05
    session = onnxruntime.InferenceSession(recorded["graph"].SerializeToString())
    (vectors,) = session.run(None, {"image": np.stack(squares)})
    with torch.inference_mode():
        own = network(torch.from_numpy(np.stack(squares))).numpy()
    assert (vectors * own).sum(axis=1).min() >= 0.99999


def test_a_build_tells_its_steps_and_how_many_photos_are_encoded(
    recorded: dict[str, Any], tmp_path: Path
) -> None:
    told: list[IndexProgress] = []
    with pytest.raises(_RecordedError):
        build_imagenet_ensemble(tmp_path / "e", on_progress=told.append)
    assert list(dict.fromkeys(now.step for now in told)) == ["exporting", "fitting", "proving"]
    assert [(now.done, now.total) for now in told if now.step == "fitting"] == [(0, 8), (8, 8)]
