"""A network as an ONNX graph: uint8 image in, unit vector out."""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import onnx
import torch
from torch import nn

from furniture_prompter.errors import DistillationError

OPSET = 18
"""Read by every ONNX Runtime that the package allows; newer ones give these graphs nothing."""

INPUT, OUTPUT = "image", "vector"

LARGEST_BYTES = 2_000_000_000
"""Of weights in one file: protobuf, which ONNX is written in, ends at 2 GiB."""

_EXPORT_ERRORS = (torch.onnx.OnnxExporterError, RuntimeError, ValueError)


def write_graph(network: nn.Module, side_px: int) -> onnx.ModelProto:
    """``network`` for any number of images, batch normalisation folded into the convolutions.

    The same network gives the same bytes under the same versions of torch and onnxscript; what
    the exporter notes of this machine (paths of source files) is left out.

    Args:
        network: ``forward`` takes uint8 (n, side_px, side_px, 3) and gives float (n, dimension).
            It stays as it is, on whatever device.
        side_px: Side of the square image.

    Raises:
        DistillationError: torch cannot export it (the message is the exporter's), or its weights
            are too large for one file.
    """
    weights_bytes = 4 * sum(part.numel() for part in network.parameters())
    if weights_bytes > LARGEST_BYTES:
        raise DistillationError(
            f"{type(network).__name__} has {weights_bytes / 1e9:.1f} GB of weights; one ONNX file "
            f"holds {LARGEST_BYTES / 1e9:.1f}. Serve it as it is, or export a smaller encoder."
        )
    frozen = copy.deepcopy(network).to("cpu", torch.float32).eval()
    images = torch.zeros(2, side_px, side_px, 3, dtype=torch.uint8)
    with _quiet_exporter(), torch.no_grad():
        try:
            program = torch.onnx.export(
                frozen,
                (images,),
                dynamo=True,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
        except _EXPORT_ERRORS as error:
            raise DistillationError(
                f"PyTorch {torch.__version__} cannot export {type(network).__name__} to ONNX: "
                f"{error}. Export a network whose forward takes uint8 images (n, {side_px}, "
                f"{side_px}, 3) and gives vectors (n, dimension)."
            ) from error
    if program is None:
        raise DistillationError("PyTorch exported nothing. Install torch and onnxscript again.")
    model: onnx.ModelProto = program.model_proto
    _forget_machine(model)
    onnx.checker.check_model(model, full_check=True)
    return model


_CHATTY = (
    # That torchvision's operators, which no network here uses, are not registered.
    "torch.onnx._internal.exporter._registration",
    # Each operator of several outputs that it leaves in the graph.
    "onnxscript.optimizer._constant_folding",
)


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Without three remarks of the exporter that nobody can act on."""
    levels = {name: logging.getLogger(name).level for name in _CHATTY}
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # torch's own export copies a class that torch itself calls deprecated.
            warnings.filterwarnings(
                "ignore", message=r".*LeafSpec.*is deprecated", category=FutureWarning
            )
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _forget_machine(model: onnx.ModelProto) -> None:
    """Drop names of classes and source files, which say where the export ran and weigh much."""
    del model.metadata_props[:]
    model.doc_string = ""
    graph = model.graph
    del graph.metadata_props[:]
    graph.doc_string = ""
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        part.doc_string = ""
        del part.metadata_props[:]
