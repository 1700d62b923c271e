"""From a network to an encoder folder, and every reason not to write one."""

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from furniture_prompter.distillation import export as export_module
from furniture_prompter.distillation import onnx_graph
from furniture_prompter.distillation.export import (
    CardFields,
    Parity,
    Precision,
    export_encoder,
    parity,
)
from furniture_prompter.distillation.networks.student import Student, unit_rows
from furniture_prompter.distillation.onnx_graph import write_graph
from furniture_prompter.encoders.card import EmbeddingSpace, EncoderCard, Preprocessing
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.errors import DistillationError
from tests.unit.distillation.tiny import SIDE_PX, TinyNetwork, photos

SPEC = Preprocessing(side_px=SIDE_PX)
FIELDS = CardFields(
    name="tiny",
    licence="Apache-2.0",
    source="a test",
    source_sha256={"weights.safetensors": "0" * 64},
    description="Eight channels.",
    architecture="tiny",
    space=EmbeddingSpace("teacher", "1" * 64),
    training={"epochs": 3, "losses": ["regression"]},
    figures={"held_out_r_at_1": 0.5},
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def export(
    folder: Path,
    precision: Precision,
    network: nn.Module | None = None,
    *,
    spec: Preprocessing = SPEC,
    calibration: int = 24,
    held_out: int = 12,
) -> EncoderCard:
    return export_encoder(
        network or TinyNetwork(),
        folder,
        identity=FIELDS,
        preprocessing=spec,
        precision=precision,
        calibration=photos(calibration, seed=1),
        held_out=photos(held_out, seed=2),
    )


@pytest.fixture(scope="module")
def int8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("students") / "tiny"
    export(folder, "int8")
    return folder


def operators(path: Path, folder: Path) -> Counter[str]:
    """What ONNX Runtime makes of a graph."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(folder / "optimised.onnx").graph.node)


def test_a_float_export_gives_the_networks_own_vectors_and_leaves_it_as_it_was(
    tmp_path: Path,
) -> None:
    network = TinyNetwork().train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    card = export(tmp_path / "deep/tiny", "fp32", network, calibration=0, held_out=0)
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    encoder = OnnxEncoder.load(tmp_path / "deep/tiny")
    squares = [preprocess(image, SPEC) for image in photos(5, seed=3)]
    network.eval()
    with torch.inference_mode():
        expected = network(torch.from_numpy(np.stack(squares))).numpy()
    assert np.allclose(encoder.encode(squares), expected, atol=1e-5)
    assert card.figures["export_least_cosine"] >= 0.9999


def test_the_card_says_what_was_given_and_what_was_measured(int8: Path) -> None:
    card = EncoderCard.load(int8)
    for name in ("name", "licence", "source", "description", "architecture", "space"):
        assert getattr(card, name) == getattr(FIELDS, name)
    assert card.training == {"epochs": 3, "losses": ["regression"]}
    assert card.figures.keys() == {
        "held_out_r_at_1",
        "export_least_cosine",
        "int8_mean_cosine",
        "int8_least_cosine",
    }
    assert 0.98 <= card.figures["int8_mean_cosine"] < 1
    assert (card.dimension, card.preprocessing) == (6, SPEC)
    assert card.parameters == sum(part.numel() for part in TinyNetwork().parameters())
    assert card.weights_bytes == (int8 / "encoder.onnx").stat().st_size


def test_an_int8_graph_runs_in_int8_from_the_first_convolution_to_the_head(
    int8: Path, tmp_path: Path
) -> None:
    found = operators(int8 / "encoder.onnx", tmp_path)
    assert (found["QLinearConv"], found["QLinearAdd"], found["QGemm"]) == (3, 1, 1)
    assert not {"Conv", "Relu", "Gemm", "Add", "BatchNormalization"} & found.keys()


def test_layers_stay_float_when_the_network_asks_for_it(tmp_path: Path) -> None:
    export(tmp_path / "tiny", "int8", TinyNetwork(float_layers=("stem.",)))
    found = operators(tmp_path / "tiny" / "encoder.onnx", tmp_path)
    assert found["QLinearConv"] == 2
    assert found["Conv"] + found["FusedConv"] == 1


def test_one_network_gives_the_same_bytes_each_time(int8: Path, tmp_path: Path) -> None:
    card = export(tmp_path / "tiny", "int8")
    assert card == EncoderCard.load(int8)
    assert (tmp_path / "tiny/encoder.onnx").read_bytes() == (int8 / "encoder.onnx").read_bytes()


def test_a_graph_says_nothing_of_the_machine_it_was_exported_on() -> None:
    written = write_graph(TinyNetwork(), SIDE_PX).SerializeToString()
    assert b".py" not in written
    assert str(Path(__file__).parents[3]).encode() not in written


def test_a_network_too_large_for_one_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_graph, "LARGEST_BYTES", 100)
    with pytest.raises(DistillationError, match="GB of weights"):
        write_graph(TinyNetwork(), SIDE_PX)


def test_a_resnet18_becomes_an_encoder_of_int8_convolutions(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = Student("resnet18", 32, 64)
    for part in network.modules():
        # A fresh ResNet passes its input around every block; a trained one does not.
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.0)
    card = export(tmp_path / "r18", "int8", network, spec=Preprocessing(side_px=64), calibration=8)
    found = operators(tmp_path / "r18/encoder.onnx", tmp_path)
    assert (found["QLinearConv"], found["QLinearAdd"], found["Conv"]) == (20, 8, 0)
    assert card.weights_bytes < 12_000_000 < card.parameters * 1.1


def test_an_export_replaces_its_own_files_and_leaves_others(int8: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(int8, folder)
    (folder / "README.md").write_text("kept", encoding="utf-8")
    changed = TinyNetwork()
    nn.init.uniform_(changed.head.weight)
    card = export(folder, "fp32", changed)
    assert OnnxEncoder.load(folder).card == card
    assert (folder / "README.md").read_text(encoding="utf-8") == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny"]


class _Noisy(TinyNetwork):
    """Its graph keeps the noise of the moment it was traced in: the export cannot be faithful."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        noise = torch.ones(6) if torch.compiler.is_exporting() else -torch.ones(6)
        return unit_rows(super().forward(images) + noise)


class _Sensitive(TinyNetwork):
    """One channel of a thousand times the others' range, which the head does not even look at."""

    def __init__(self) -> None:
        super().__init__()
        last = self.block[4]
        assert isinstance(last, nn.BatchNorm2d)
        with torch.no_grad():
            last.bias[0] = 1000
            self.head.weight[:, 0] = 0


class _Broken(TinyNetwork):
    def __init__(self) -> None:
        super().__init__()
        nn.init.constant_(self.head.weight, torch.nan)


class _Odd(nn.Module):
    """Its shape depends on values: nothing that a graph could hold."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if images.sum() > 0:
            return images.float()[:, 0, 0] * self.scale
        return images.float()[:, 0, 1]


@pytest.mark.parametrize(
    ("network", "precision", "message"),
    [
        (_Noisy, "fp32", r"is not the network: worst cosine"),
        (_Sensitive, "int8", r"int8 graph is not the float one: mean cosine.*export as fp32"),
        (_Broken, "fp32", r"not finite"),
        (_Odd, "fp32", r"cannot export _Odd"),
    ],
)
def test_an_export_that_is_not_the_network_is_refused_and_nothing_is_written(
    network: type[nn.Module], precision: Precision, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DistillationError, match=message):
        export(tmp_path / "tiny", precision, network())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("calibration", "held_out", "message"),
    [(7, 12, "8 photos to calibrate on, not 7"), (24, 3, "4 photos to be compared on, not 3")],
)
def test_int8_without_enough_photos_is_refused(
    calibration: int, held_out: int, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DistillationError, match=message):
        export(tmp_path / "tiny", "int8", calibration=calibration, held_out=held_out)
    assert list(tmp_path.iterdir()) == []


def test_the_int8_gate_compares_all_photos_held_out_and_none_calibrated_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[int] = []

    def counted(left: NDArray[np.float32], right: NDArray[np.float32]) -> Parity:
        compared.append(len(left))
        return parity(left, right)

    monkeypatch.setattr(export_module, "parity", counted)
    export(tmp_path / "tiny", "int8", calibration=24, held_out=11)
    assert compared == [export_module.PARITY_IMAGES, 11]


def test_training_is_written_as_json(int8: Path) -> None:
    written = json.loads((int8 / "card.json").read_text(encoding="utf-8"))
    assert written["training"]["losses"] == ["regression"]
    assert replace(EncoderCard.load(int8)).as_json() == written
