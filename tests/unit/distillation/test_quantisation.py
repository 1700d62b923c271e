"""What becomes int8, what cannot, and gates that can fail."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from onnxruntime.quantization import matmul_nbits_quantizer
from torch import nn

from furniture_prompter.distillation.export import (
    Parity,
    parity,
    quantise,
    require_export,
    require_int8,
)
from furniture_prompter.distillation.networks.student import normalise, unit_rows
from furniture_prompter.distillation.onnx_graph import write_graph
from furniture_prompter.errors import DistillationError
from tests.unit.distillation.tiny import SIDE_PX, TinyNetwork, photos

PATCH_PX = 8
WIDTH = 32


class _TinyTransformer(nn.Module):
    """Patches, one layer of attention, mean: the shape of a hub's image towers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.patches = nn.Conv2d(3, WIDTH, PATCH_PX, PATCH_PX)
        self.norm = nn.LayerNorm(WIDTH)
        self.queries = nn.Linear(WIDTH, WIDTH)
        self.wide = nn.Linear(WIDTH, 4 * WIDTH)
        self.narrow = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        value = self.patches(normalise(images, torch.tensor(127.0), torch.tensor(1 / 64)))
        value = self.norm(value.flatten(2).transpose(1, 2))
        asked = self.queries(value)
        value = value + torch.softmax(asked @ value.transpose(1, 2), dim=2) @ value
        value = value + self.narrow(nn.functional.gelu(self.wide(value)))
        return unit_rows(value.mean(dim=1))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def vectors(model: onnx.ModelProto, images: list[np.ndarray]) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, {"image": np.stack(images)})[0])


def test_a_transformers_matrices_become_int8_and_its_vectors_hardly_move() -> None:
    graph = write_graph(_TinyTransformer(), SIDE_PX)
    small = quantise(graph, [])
    found = [node for node in small.graph.node if node.op_type == "MatMulNBits"]
    bits = {
        attribute.i for node in found for attribute in node.attribute if attribute.name == "bits"
    }
    assert (len(found), bits) == (3, {8})
    images = [image[:SIDE_PX, :SIDE_PX] for image in photos(4)]
    exact, moved = vectors(graph, images), vectors(small, images)
    assert (exact * moved).sum(axis=1).min() > 0.999
    assert not np.array_equal(exact, moved)
    # Each image by itself gives what it gives among others.
    assert np.allclose(vectors(small, images[1:2]), moved[1:2], atol=1e-5)
    assert not any(node.op_type == "MatMulNBits" for node in graph.graph.node)


def test_a_convolutions_weights_fill_seven_bits_and_no_more() -> None:
    graph = write_graph(TinyNetwork(), SIDE_PX)
    small = quantise(graph, [image[:SIDE_PX, :SIDE_PX] for image in photos(4)])
    weights = [
        numpy_helper.to_array(tensor)
        for tensor in small.graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) > 1
    ]
    assert len(weights) == 4  # three convolutions and the head
    for values in weights:
        assert 60 <= np.abs(values.astype(np.int16)).max() <= 64


@pytest.mark.parametrize(
    ("calibration", "float_layers", "message"),
    [(0, (), "photos to calibrate on"), (1, ("",), "3 convolutions all stay float")],
)
def test_what_cannot_become_int8_is_refused(
    calibration: int, float_layers: tuple[str, ...], message: str
) -> None:
    graph = write_graph(TinyNetwork(), SIDE_PX)
    images = [image[:SIDE_PX, :SIDE_PX] for image in photos(calibration)]
    with pytest.raises(DistillationError, match=message):
        quantise(graph, images, float_layers=float_layers)


def test_an_onnx_runtime_that_writes_no_8_bit_matrices_is_named_with_the_cure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def older(model: onnx.ModelProto, block_size: int = 128) -> None:
        raise AssertionError("never called")

    monkeypatch.setattr(matmul_nbits_quantizer, "MatMulNBitsQuantizer", older)
    norm = onnx.helper.make_node("LayerNormalization", ["image", "scale"], ["vector"])
    model = onnx.helper.make_model(onnx.helper.make_graph([norm], "attention", [], []))
    with pytest.raises(DistillationError, match="pip install --upgrade onnxruntime"):
        quantise(model, [])


ROWS = np.eye(3, dtype=np.float32)


def test_parity_is_the_mean_and_the_worst_cosine_whatever_the_lengths() -> None:
    turned = 5 * ROWS
    turned[2] = [0.0, 1.0, 1.0]
    found = parity(ROWS, turned)
    assert found.least == pytest.approx(0.5**0.5)
    assert found.mean == pytest.approx((2 + 0.5**0.5) / 3)


@pytest.mark.parametrize(
    "other",
    [ROWS[:2], ROWS[:, :2], np.zeros_like(ROWS), np.full_like(ROWS, np.nan), ROWS[0]],
    ids=["fewer rows", "fewer columns", "no length", "not finite", "one row"],
)
def test_vectors_that_cannot_be_compared_are_refused(other: np.ndarray) -> None:
    with pytest.raises(DistillationError):
        parity(ROWS, other)


def test_no_rows_are_no_proof() -> None:
    with pytest.raises(DistillationError):
        parity(ROWS[:0], ROWS[:0])


def test_the_export_gate_closes_below_its_worst_cosine() -> None:
    require_export(Parity(mean=1.0, least=0.9999))
    for least in (0.99989, float("nan")):
        with pytest.raises(DistillationError, match=r"worst cosine .* 0\.9999 is needed"):
            require_export(Parity(mean=1.0, least=least))


def test_the_int8_gate_closes_below_its_mean_cosine() -> None:
    require_int8(Parity(mean=0.98, least=0.5))
    for mean in (0.9799, float("nan")):
        with pytest.raises(DistillationError, match=r"mean cosine .* 0\.98 is needed"):
            require_int8(Parity(mean=mean, least=mean))
