"""From a checkpoint's config.json to networks: which classes, which tensor belongs where.

Only the classes in this table are ever built; code that a checkpoint brings along is never run.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from transformers import (
    CLIPConfig,
    CLIPTextModelWithProjection,
    CLIPVisionModelWithProjection,
    PreTrainedConfig,
    PreTrainedModel,
    ResNetConfig,
    ResNetModel,
    SiglipConfig,
    SiglipTextModel,
    SiglipVisionModel,
)

from furniture_prompter.encoders.hub.catalogue import Family
from furniture_prompter.encoders.hub.checkpoint import CONFIG_FILE, quiet_transformers, read_json
from furniture_prompter.errors import EncoderDamagedError, EncoderError

_FAMILIES: tuple[Family, ...] = get_args(Family)

Tower = Literal["vision", "text"]

_LIMIT_LAYERS = 256
"""A config.json that asks for more is damaged or hostile; SigLIP 2's largest has 40 a tower."""

_TIMM_RESNETS: Mapping[str, Mapping[str, Any]] = {
    "resnet18": {
        "layer_type": "basic",
        "depths": [2, 2, 2, 2],
        "hidden_sizes": [64, 128, 256, 512],
    },
    "resnet34": {
        "layer_type": "basic",
        "depths": [3, 4, 6, 3],
        "hidden_sizes": [64, 128, 256, 512],
    },
    "resnet50": {"depths": [3, 4, 6, 3]},
    "resnet101": {"depths": [3, 4, 23, 3]},
}
"""He et al., "Deep residual learning for image recognition" (2016), table 1, by timm's names."""

# Of the whole network, but of no tower: the temperature and bias of the training loss, the classes.
_NO_TOWER = re.compile(r"(logit_(scale|bias)|(classifier|fc)\..*|.*\.position_ids)$")
_TIMM_BLOCK = re.compile(r"layer(\d+)\.(\d+)\.(conv|bn)(\d+)\.(.+)")
_TIMM_SHORTCUT = re.compile(r"layer(\d+)\.(\d+)\.downsample\.([01])\.(.+)")
_PARTS = {"conv": "convolution", "bn": "normalization", "0": "convolution", "1": "normalization"}


@dataclass(frozen=True, slots=True)
class Architecture:
    """The networks of a checkpoint, before any weight is read.

    Attributes:
        family: Which network.
        timm: Whether the checkpoint names its tensors as timm and torchvision do.
        towers: Class and configuration of each tower.
        dimension: Components of a vector.
        side_px: Side of the only square that the network takes; None where it takes any.
        text_tokens: Word pieces that the text tower takes; 0 where there is none.
    """

    family: Family
    timm: bool
    towers: Mapping[Tower, tuple[type[PreTrainedModel], PreTrainedConfig]]
    dimension: int
    side_px: int | None
    text_tokens: int

    def place_of(self, name: str) -> tuple[Tower, str] | None:
        """Tower and name, within it, of a checkpoint's tensor; None where no tower needs it."""
        if _NO_TOWER.match(name):
            return None
        if self.timm:
            return "vision", _from_timm(name)
        if self.family == "resnet":
            return "vision", name.removeprefix("resnet.")
        part, _, rest = name.partition(".")
        tower: Tower = "text" if part in {"text_model", "text_projection"} else "vision"
        # SigLIP's towers stand alone; CLIP's have their projection beside them.
        return tower, rest if self.family == "siglip" else name

    def build(self, tower: Tower) -> PreTrainedModel:
        """The tower without weights, on the meta device: names and shapes only."""
        network, config = self.towers[tower]
        with torch.device("meta"), quiet_transformers():
            return network(config)

    def check_tensors(self, shapes: Mapping[str, tuple[int, ...]]) -> int:
        """Hold a checkpoint's tensors against the networks, before a byte of them is read.

        Args:
            shapes: Shape of every tensor in the checkpoint, by its name.

        Returns:
            Trained numbers in the towers.

        Raises:
            EncoderDamagedError: tensors are missing or have another shape.
        """
        placed = {place: shape for name, shape in shapes.items() if (place := self.place_of(name))}
        parameters = 0
        for tower in self.towers:
            network = self.build(tower)
            for name, wanted in network.state_dict().items():
                if name.endswith("num_batches_tracked"):
                    continue
                shape = placed.get((tower, name))
                if shape is None:
                    raise EncoderDamagedError(
                        f"The weights lack {name} of the {tower} tower, so they are not those of "
                        f"the {self.family} network in {CONFIG_FILE}. Download both again, from "
                        "the same revision."
                    )
                if shape != tuple(wanted.shape):
                    raise EncoderDamagedError(
                        f"{name} of the {tower} tower has shape {shape} in the weights and "
                        f"{tuple(wanted.shape)} by {CONFIG_FILE}. Download both again, from the "
                        "same revision."
                    )
            parameters += sum(parameter.numel() for parameter in network.parameters())
        return parameters


def read_architecture(folder: Path) -> Architecture:
    """Read which networks the checkpoint in ``folder`` holds.

    Raises:
        EncoderError: a network that is not among those that can be taken.
        EncoderDamagedError: config.json describes none that can be built.
    """
    settings = read_json(folder / CONFIG_FILE)
    kind, timm = settings.get("model_type"), settings.get("architecture")
    if kind is None and isinstance(timm, str) and timm in _TIMM_RESNETS:
        return _build("resnet", _TIMM_RESNETS[timm], timm=True)
    family = next((known for known in _FAMILIES if known == kind), None)
    if family is None:
        raise EncoderError(_refusal(kind or timm))
    if "quantization_config" in settings:
        raise EncoderError(
            f"The weights are quantised ({CONFIG_FILE} has a quantization_config). Take the "
            "float checkpoint; `encoders export --precision int8` quantises it with a check."
        )
    return _build(family, settings, timm=False)


def _refusal(kind: object) -> str:
    known = "SigLIP and SigLIP 2 of fixed resolution, CLIP and ResNet"
    if kind == "siglip2":
        return (
            "This is a SigLIP 2 of variable resolution (NaFlex). Take one of fixed resolution, "
            "such as siglip2-base-patch16-224."
        )
    return f"{CONFIG_FILE} describes {kind!r}, which is no teacher here. {known} are."


def _build(family: Family, settings: Mapping[str, Any], *, timm: bool) -> Architecture:
    try:
        with quiet_transformers():
            architecture = _described(family, dict(settings), timm=timm)
        for tower in architecture.towers:
            architecture.build(tower)
    except (
        ArithmeticError,
        AttributeError,
        KeyError,
        RuntimeError,
        StrictDataclassError,
        TypeError,
        ValueError,
    ) as error:
        raise EncoderDamagedError(
            f"{CONFIG_FILE} describes a {family} network that cannot be built: {error}. "
            "Download the checkpoint again."
        ) from error
    return architecture


def _described(family: Family, settings: dict[str, Any], *, timm: bool) -> Architecture:
    if family == "resnet":
        config = ResNetConfig.from_dict(settings)
        _limit_layers(sum(config.depths or ()))
        width = list(config.hidden_sizes or ())[-1]
        return Architecture(family, timm, {"vision": (ResNetModel, config)}, width, None, 0)
    classes: tuple[type[PreTrainedModel], type[PreTrainedModel]]
    if family == "siglip":
        whole: Any = SiglipConfig.from_dict(settings)
        classes = (SiglipVisionModel, SiglipTextModel)
        dimension, text_dimension = (
            whole.vision_config.hidden_size,
            (whole.text_config.projection_size),
        )
    else:
        whole = CLIPConfig.from_dict(settings)
        classes = (CLIPVisionModelWithProjection, CLIPTextModelWithProjection)
        # The towers read their own copy of the width that both are projected to.
        whole.vision_config.projection_dim = whole.projection_dim
        whole.text_config.projection_dim = whole.projection_dim
        dimension = text_dimension = whole.projection_dim
    if dimension != text_dimension:
        raise ValueError(f"photos have {dimension} components and prompts {text_dimension}")
    vision, text = whole.vision_config, whole.text_config
    _limit_layers(vision.num_hidden_layers + text.num_hidden_layers)
    if not isinstance(vision.image_size, int):
        raise ValueError(f"image_size {vision.image_size} is no square")
    return Architecture(
        family,
        timm,
        {"vision": (classes[0], vision), "text": (classes[1], text)},
        dimension,
        vision.image_size,
        text.max_position_embeddings,
    )


def _limit_layers(layers: int) -> None:
    if layers > _LIMIT_LAYERS:
        raise ValueError(f"{layers} layers are more than {_LIMIT_LAYERS}")


def _from_timm(name: str) -> str:
    """Timm's and torchvision's ResNet names in those of transformers."""
    if match := _TIMM_BLOCK.fullmatch(name):
        stage, block, part, number, rest = match.groups()
        place = f"layer.{int(number) - 1}.{_PARTS[part]}.{rest}"
        return f"encoder.stages.{int(stage) - 1}.layers.{block}.{place}"
    if match := _TIMM_SHORTCUT.fullmatch(name):
        stage, block, part, rest = match.groups()
        return f"encoder.stages.{int(stage) - 1}.layers.{block}.shortcut.{_PARTS[part]}.{rest}"
    stem, _, rest = name.partition(".")
    stems = {"conv1": "convolution", "bn1": "normalization"}
    return f"embedder.embedder.{stems[stem]}.{rest}" if stem in stems else name


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
