from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from furniture_prompter.distillation.networks import build_backbone
from furniture_prompter.distillation.networks.student import Student, parameter_count
from furniture_prompter.distillation.onnx_graph import write_graph
from furniture_prompter.distillation.operations import (
    multiply_adds_of_graph,
    multiply_adds_of_module,
    parameters_of_graph,
)
from furniture_prompter.errors import DistillationError


def written(
    folder: Path,
    nodes: Sequence[onnx.NodeProto],
    tensors: dict[str, np.ndarray],
    given: tuple[str, int, Sequence[int | str]],
    taken: tuple[str, int, Sequence[int | str]],
) -> Path:
    """An ONNX file of these nodes."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(*given)],
        [helper.make_tensor_value_info(*taken)],
        [numpy_helper.from_array(values, name) for name, values in tensors.items()],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.example", 1)]
    file = folder / "tiny.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), file)
    return file


def test_a_graph_of_each_operator_counts_what_a_hand_counts(tmp_path: Path) -> None:
    nodes = [
        # (n, 4, 8, 8) to 6 channels in 2 groups, windows of 3 x 3, every second place: 4 x 4.
        helper.make_node("Conv", ["x", "kernel", "bias"], ["a"], group=2, strides=[2, 2],
                         pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["d"]),
        helper.make_node("Gemm", ["d", "layer", "layer_bias"], ["e"], transB=1),
        helper.make_node("MatMul", ["e", "product"], ["y"]),
    ]  # fmt: skip
    tensors = {
        "kernel": np.ones((6, 2, 3, 3), np.float32),
        "bias": np.ones(6, np.float32),
        "layer": np.ones((5, 6), np.float32),
        "layer_bias": np.ones(5, np.float32),
        "product": np.ones((5, 7), np.float32),
    }
    file = written(
        tmp_path,
        nodes,
        tensors,
        ("x", TensorProto.FLOAT, ["batch", 4, 8, 8]),
        ("y", TensorProto.FLOAT, ["batch", 7]),
    )
    assert multiply_adds_of_graph(file) == (6 * 4 * 4) * (2 * 3 * 3) + 5 * 6 + 7 * 5
    assert parameters_of_graph(file) == 6 * 2 * 3 * 3 + 6 + 5 * 6 + 5 + 5 * 7


def test_a_product_of_turned_matrices_counts_what_it_sums(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        [helper.make_node("Gemm", ["x", "right"], ["y"], transA=1)],
        {"right": np.ones((3, 5), np.float32)},
        ("x", TensorProto.FLOAT, [3, 2]),
        ("y", TensorProto.FLOAT, [2, 5]),
    )
    assert multiply_adds_of_graph(file) == 2 * 5 * 3


def test_quantised_layers_count_like_float_ones(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["kernel", "scale", "zero"], ["weights"]),
        helper.make_node("Conv", ["x", "weights"], ["a"]),
        helper.make_node("QuantizeLinear", ["a", "a_scale", "a_zero"], ["b"]),
        helper.make_node(
            "QLinearConv",
            ["b", "a_scale", "a_zero", "kernel2", "scale", "zero", "a_scale", "a_zero"],
            ["y"],
        ),
    ]
    tensors: dict[str, np.ndarray] = {
        "kernel": np.ones((6, 3, 2, 2), np.int8),
        "kernel2": np.ones((2, 6, 1, 1), np.int8),
        "scale": np.array(0.1, np.float32),
        "zero": np.array(0, np.int8),
        "a_scale": np.array(0.1, np.float32),
        "a_zero": np.array(0, np.uint8),
    }
    file = written(
        tmp_path,
        nodes,
        tensors,
        ("x", TensorProto.FLOAT, ["batch", 3, 4, 4]),
        ("y", TensorProto.UINT8, ["batch", 2, 3, 3]),
    )
    assert multiply_adds_of_graph(file) == 6 * 3 * 3 * (3 * 2 * 2) + 2 * 3 * 3 * 6
    assert parameters_of_graph(file) == 6 * 3 * 2 * 2 + 2 * 6


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("ConvTranspose", ["x", "kernel"], ["y"]),
        helper.make_node("FusedSomething", ["x", "kernel"], ["y"], domain="com.example"),
    ],
    ids=["of the standard", "of somebody's own"],
)
def test_a_graph_with_an_operator_that_nobody_counts_has_no_count(
    node: onnx.NodeProto, tmp_path: Path
) -> None:
    file = written(
        tmp_path,
        [node],
        {"kernel": np.ones((3, 2, 1, 1), np.float32)},
        ("x", TensorProto.FLOAT, [1, 3, 4, 4]),
        ("y", TensorProto.FLOAT, [1, 2, 4, 4]),
    )
    assert multiply_adds_of_graph(file) is None


def test_resnet18_has_its_published_size_and_operations() -> None:
    network = build_backbone("resnet18")
    # 11.69 million parameters with ImageNet's 512 x 1,000 classifier and its 1,000 biases
    # (torchvision's figure: 11,689,512); 1.81 billion multiply-adds at 224 px with it.
    assert parameter_count(network) == 11_689_512 - 513_000
    count = multiply_adds_of_module(network, torch.zeros(1, 3, 224, 224))
    assert count == pytest.approx(1.814e9 - 512_000, rel=0.01)


def test_an_exported_resnet18_counts_as_pytorch_does(tmp_path: Path) -> None:
    student = Student("resnet18", 64, 64)
    file = tmp_path / "student.onnx"
    onnx.save(write_graph(student, 64), file)
    own = multiply_adds_of_module(student, torch.zeros(1, 64, 64, 3, dtype=torch.uint8))
    assert multiply_adds_of_graph(file) == pytest.approx(own, rel=0.01)
    # Norms are folded into the convolutions: of each channel's two numbers one bias is left.
    assert parameters_of_graph(file) == pytest.approx(parameter_count(student), rel=0.01)


def test_counting_leaves_a_network_as_it_was() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    network.train()
    assert multiply_adds_of_module(network, torch.ones(2, 3)) == 2 * 3 * 4
    assert network.training
    mean = network[1].running_mean
    assert isinstance(mean, torch.Tensor)
    assert not mean.any()


@pytest.mark.parametrize("data", [b"", b"no graph at all"])
def test_what_is_no_onnx_file_is_refused_by_name(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "weights.onnx"
    file.write_bytes(data)
    for count in (multiply_adds_of_graph, parameters_of_graph):
        with pytest.raises(DistillationError, match=r"weights\.onnx is no ONNX file"):
            count(file)
    with pytest.raises(DistillationError, match="Cannot read"):
        multiply_adds_of_graph(tmp_path / "missing.onnx")
