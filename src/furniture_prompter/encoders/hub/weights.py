"""Reading and joining safetensors files. Nothing here can run code from a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from transformers import PreTrainedModel

from furniture_prompter.encoders.hub.architecture import Architecture, Tower
from furniture_prompter.encoders.hub.quiet import quiet_transformers
from furniture_prompter.errors import EncoderDamagedError, EncoderError

_FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
_COUNTS = ("num_batches_tracked", "position_ids")
"""Whole numbers that checkpoints carry beside their weights, and that nothing here reads."""


def tensor_shapes(paths: Sequence[Path]) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor in some files, from their headers alone.

    Raises:
        EncoderDamagedError: a file is truncated or no safetensors, or two have the same tensor.
        EncoderError: a weight is no floating-point number.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path in paths:
        try:
            with safe_open(path, "pt") as file:
                found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - no mapping
                kinds = {name: tensor.get_dtype() for name, tensor in found.items()}
                sizes = {name: tuple(tensor.get_shape()) for name, tensor in found.items()}
        except (OSError, SafetensorError, ValueError) as error:
            raise _damaged(path, error) from error
        for name, kind in kinds.items():
            if kind not in _FLOATS and not name.endswith(_COUNTS):
                raise EncoderError(
                    f"{path.name} has {name} as {kind}: the weights are quantised. Take the float "
                    "checkpoint; `encoders export --precision int8` quantises it with a check."
                )
        if twice := sorted(sizes.keys() & shapes.keys()):
            raise EncoderDamagedError(
                f"{path.name} repeats the tensor {twice[0]}. Download the checkpoint again."
            )
        shapes |= sizes
    return shapes


def join_shards(shards: Sequence[Path], target: Path) -> None:
    """Write the tensors of several files into one, so that one hash stands for all of them.

    Raises:
        EncoderDamagedError: a shard is truncated or no safetensors.
    """
    tensors: dict[str, torch.Tensor] = {}
    for shard in shards:
        try:
            with safe_open(shard, "pt") as file:
                tensors |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        except (OSError, SafetensorError, ValueError) as error:
            raise _damaged(shard, error) from error
    save_file(dict(sorted(tensors.items())), target, metadata={"format": "pt"})


def load_tower(
    architecture: Architecture, tower: Tower, path: Path, device: torch.device
) -> PreTrainedModel:
    """Build a tower, in float32, with its weights from the file, ready to run on ``device``.

    Raises:
        EncoderDamagedError: the file is no safetensors, or lacks one of the tower's tensors.
        EncoderError: there is not enough memory.
    """
    network, config = architecture.towers[tower]
    try:
        with safe_open(path, "pt") as file, quiet_transformers():
            state = {
                place[1]: file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118 - no mapping
                if (place := architecture.place_of(name)) and place[0] == tower
            }
            loaded: Any = network.from_pretrained(
                None,
                config=config,
                state_dict=state,
                dtype=torch.float32,
                local_files_only=True,
                output_loading_info=True,
            )
            model, report = loaded
            _refuse_gaps(report, path)
            ready: PreTrainedModel = model.to(device).eval().requires_grad_(requires_grad=False)
            return ready
    except (OSError, SafetensorError, ValueError) as error:
        raise _damaged(path, error) from error
    except (MemoryError, RuntimeError) as error:
        raise EncoderError(
            f"The {tower} tower in {path} does not fit on {device}: {error}. Close other programs, "
            "take a smaller encoder, or set FURNITURE_PROMPTER_ENCODER_DEVICE=cpu."
        ) from error


def _refuse_gaps(report: Mapping[str, object], path: Path) -> None:
    for trouble in ("missing_keys", "mismatched_keys", "error_msgs"):
        names = report.get(trouble)
        if isinstance(names, list | set | tuple):
            gaps = [name for name in names if not str(name).endswith("num_batches_tracked")]
            if gaps:
                raise EncoderDamagedError(
                    f"{path} does not fill its network ({trouble}: {gaps[0]}). Pull it again."
                )


def _damaged(path: Path, error: Exception) -> EncoderDamagedError:
    return EncoderDamagedError(
        f"{path.name} is truncated or no safetensors file: {error}. Download it again."
    )
