"""Milliseconds an image, end to end: the starting report's recipe against ours, in one run."""

import argparse
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, helper
from PIL import Image
from torch import nn

from benchmarks.datasets import IKEA_DEV, ikea_dev
from benchmarks.provenance import add_output_option, write_result
from benchmarks.reference_recipe import (
    DIMENSION,
    RECIPE_BATCH,
    SIDE_PX,
    PooledResNet50,
    ReferenceRecipe,
    reference_recipes,
)
from furniture_prompter.distillation.export import CardFields, export_encoder
from furniture_prompter.distillation.networks import IMAGENET_MEAN, IMAGENET_SCALE
from furniture_prompter.distillation.networks.student import Student
from furniture_prompter.distillation.operations import multiply_adds_of_module
from furniture_prompter.domain.product import RgbImage
from furniture_prompter.encoders.card import Preprocessing
from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.processors import available_cpus

INDEXING_BATCH, INDEXING_DECODERS, INDEXING_AHEAD = 16, 2, 2
PHOTOS = 96
CALIBRATION_PHOTOS = 24
MATRIX_SIDE = 1_536
MATRIX_RUNS = 15
ARCHITECTURES = ("resnet18", "mobilenetv2", "mobilenetv2-small", "efficientnet-lite0")
TARGET_AGAINST_TEACHER = "≥ 8"
TARGET_AGAINST_STUDENT = "≥ 3"
TARGET_ABOVE_FLOOR = "≤ 1.4"

METHOD = f"""
Every contender reads the same {PHOTOS} photos from files (page cache warm), decodes, preprocesses
and encodes them; milliseconds an image are the wall time of all by their number. The contenders
take turns, round after round, so that what else the machine does falls on all alike; the figure is
the median of the rounds and a ratio is the median of the rounds' own ratios. The recipe is the
starting report's: Pillow opens a photo and resizes it to {SIDE_PX} px, PyTorch runs it eagerly in
float32, {RECIPE_BATCH} at a time; the teacher is ResNet50 with its pooled {DIMENSION:,} values, the
student ResNet18 and a linear layer to as many. Ours are the same architectures, and the faster
students, exported to int8 and run as a search runs them, one photo at a time: scaled JPEG decoding,
then ONNX Runtime. "As indexing runs it" decodes ahead in {INDEXING_DECODERS} threads while
{INDEXING_BATCH} photos are encoded, which is nearer to the recipe's batches.
Both use the processor's {{cores}} cores. Speed does not depend on what weights say, so they are
random: nothing here says how well anything finds. The floor is what the convolutions' and the
linear layer's operations (two a multiply-add, counted by PyTorch) take at the rate at which ONNX
Runtime multiplies uint8 by int8 matrices of {MATRIX_SIDE:,} x {MATRIX_SIDE:,} on this machine, the
best of {MATRIX_RUNS} runs; "network alone" is a run of the graph on one preprocessed image.
"""

Encode = Callable[[Sequence[Path]], None]


class UnitResNet50(nn.Module):
    """The same teacher as an encoder that can be exported: pixels in, unit vectors out."""

    mean: torch.Tensor
    factor: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.network = PooledResNet50()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("factor", 1 / torch.tensor(IMAGENET_SCALE).reshape(1, 3, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images uint8 (n, side, side, 3)."""
        planes = (images.permute(0, 3, 1, 2).float() - self.mean) * self.factor
        return nn.functional.normalize(self.network(planes), dim=1)


def recipe(taken: ReferenceRecipe) -> Encode:
    """Pillow, eager PyTorch in float32, batches."""

    def encode(files: Sequence[Path]) -> None:
        for start in range(0, len(files), taken.batch):
            squares = [taken.read(file) for file in files[start : start + taken.batch]]
            taken.encode(taken.preprocess(squares))

    return encode


def decoded(file: Path, side_px: int) -> RgbImage:
    """A photo as indexing and searching decode it."""
    return decode_photo(read_photo_bytes(file), name=str(file), target_side_px=side_px)


def ours(encoder: OnnxEncoder, side_px: int) -> Encode:
    """Scaled decoding and ONNX Runtime."""

    def encode(files: Sequence[Path]) -> None:
        for file in files:
            encoder.encode([decoded(file, side_px)])

    return encode


def ours_indexing(encoder: OnnxEncoder, side_px: int) -> Encode:
    """The same as indexing runs it: decoded ahead in threads, encoded a few at once."""

    def encode(files: Sequence[Path]) -> None:
        waiting: deque[list[Future[RgbImage]]] = deque()
        with ThreadPoolExecutor(INDEXING_DECODERS) as pool:
            for start in range(0, len(files), INDEXING_BATCH):
                batch = files[start : start + INDEXING_BATCH]
                waiting.append([pool.submit(decoded, file, side_px) for file in batch])
                if len(waiting) > INDEXING_AHEAD:
                    encoder.encode([image.result() for image in waiting.popleft()])
            for images in waiting:
                encoder.encode([image.result() for image in images])

    return encode


def exported(
    network: nn.Module, name: str, side_px: int, work: Path, files: Sequence[Path]
) -> Path:
    """An int8 encoder folder of a network with random weights."""
    images = [decoded(file, side_px) for file in files[: 2 * CALIBRATION_PHOTOS]]
    export_encoder(
        network.eval(),
        work / name,
        identity=CardFields(
            name=name,
            licence="Apache-2.0",
            source="random weights, for timing",
            source_sha256={},
            description="Random weights: only its speed means anything.",
            architecture=name,
        ),
        preprocessing=Preprocessing(side_px=side_px),
        precision="int8",
        calibration=images[:CALIBRATION_PHOTOS],
        held_out=images[CALIBRATION_PHOTOS:],
    )
    return work / name


def int8_operations_per_s(threads: int) -> float:
    """Operations a second (two a multiply-add) of ONNX Runtime's uint8 x int8 matrix product."""
    shape = [MATRIX_SIDE, MATRIX_SIDE]
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["left", "right"], ["product"])],
        "rate",
        [helper.make_tensor_value_info("left", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("product", TensorProto.INT32, shape)],
        [
            helper.make_tensor(
                "right",
                TensorProto.INT8,
                shape,
                np.random.default_rng(0).integers(-127, 128, shape, np.int8).tobytes(),
                raw=True,
            )
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    left = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    times = []
    for _ in range(MATRIX_RUNS):
        began = time.perf_counter()
        session.run(None, {"left": left})
        times.append(time.perf_counter() - began)
    return 2 * MATRIX_SIDE**3 / min(times)


def operations(network: Student) -> int:
    """Operations of one image's convolutions and matrix products, two a multiply-add."""
    side = network.side_px
    square = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    return 2 * multiply_adds_of_module(network, square)


def alone_ms(encoder: OnnxEncoder, square: RgbImage) -> float:
    """Median milliseconds of one run of the graph."""
    times = []
    for _ in range(60):
        began = time.perf_counter()
        # Encoding would copy the square twice first, which is not the network's work.
        encoder._run(square[np.newaxis])
        times.append(1_000 * (time.perf_counter() - began))
    return statistics.median(times[10:])


def measure(files: list[Path], work: Path, rounds: int) -> dict[str, list[dict[str, object]]]:
    """Rows of the two tables."""
    threads = available_cpus()
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    students = {
        name: Student(name, DIMENSION, SIDE_PX if name == "resnet18" else None)
        for name in ARCHITECTURES
    }
    folders = {
        name: exported(student, name, student.side_px, work, files)
        for name, student in students.items()
    }
    folders["resnet50"] = exported(UnitResNet50(), "resnet50", SIDE_PX, work, files)
    encoders = {name: OnnxEncoder.load(folder) for name, folder in folders.items()}
    contenders = {taken.name: recipe(taken) for taken in reference_recipes(threads)}
    sides = {name: encoder.card.input_side_px or SIDE_PX for name, encoder in encoders.items()}
    for name, encoder in encoders.items():
        contenders[f"ours: {name}, int8, {sides[name]} px"] = ours(encoder, sides[name])
    name = f"ours: resnet18, int8, {sides['resnet18']} px, as indexing runs it"
    contenders[name] = ours_indexing(encoders["resnet18"], sides["resnet18"])
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for encode in contenders.values():
        encode(files[:RECIPE_BATCH])
    for _ in range(rounds):
        for name, encode in contenders.items():
            began = time.perf_counter()
            encode(files)
            times[name].append(1_000 * (time.perf_counter() - began) / len(files))
    recipe_teacher, recipe_student = list(times.values())[:2]
    rows: list[dict[str, object]] = []
    for name, each in times.items():
        mine = name.startswith("ours: resnet18") and not name.endswith("runs it")
        rows.append(
            {
                "encoder": name,
                "ms an image": round(statistics.median(each), 2),
                "fastest round": round(min(each), 2),
                "slowest round": round(max(each), 2),
                "times the recipe's teacher": _ratio(recipe_teacher, each),
                "target, teacher": TARGET_AGAINST_TEACHER if mine else None,
                "times the recipe's student": _ratio(recipe_student, each),
                "target, student": TARGET_AGAINST_STUDENT if mine else None,
            }
        )
    rate = statistics.median(int8_operations_per_s(threads) for _ in range(3))
    floors: list[dict[str, object]] = []
    for name, student in students.items():
        count = operations(student)
        floor_ms = 1_000 * count / rate
        side = student.side_px
        square = np.asarray(
            Image.fromarray(decoded(files[0], side)).resize((side, side)), np.uint8
        ).copy()
        took_ms = alone_ms(encoders[name], square)
        floors.append(
            {
                "encoder": f"{name}, int8, {side} px",
                "operations, billions": round(count / 1e9, 2),
                "int8 rate, billion/s": round(rate / 1e9, 0),
                "floor, ms": round(floor_ms, 2),
                "network alone, ms": round(took_ms, 2),
                "times the floor": round(took_ms / floor_ms, 2),
                "target": TARGET_ABOVE_FLOOR if name == "resnet18" else None,
            }
        )
    return {"rows": rows, "the processor's floor": floors}


def _ratio(reference: Sequence[float], each: Sequence[float]) -> float:
    pairs = zip(reference, each, strict=True)
    return round(statistics.median(other / own for other, own in pairs), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=IKEA_DEV, help="folder of the measuring set")
    parser.add_argument("--rounds", type=int, default=7)
    add_output_option(parser, "starting_report")
    arguments = parser.parse_args()
    data = ikea_dev(arguments.data)
    step = len(data.products) // PHOTOS
    files = [product.images[0] for product in data.products[::step]][:PHOTOS]
    with tempfile.TemporaryDirectory() as work:
        figures = measure(files, Path(work), arguments.rounds)
    for rows in figures.values():
        for row in rows:
            print(row)
    write_result(
        arguments.out,
        title="The starting report's recipe against ours",
        data=[data.source],
        method=METHOD.format(cores=available_cpus()),
        figures=figures,
    )


if __name__ == "__main__":
    main()
