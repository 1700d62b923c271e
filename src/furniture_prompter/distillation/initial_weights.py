"""Where a backbone starts: ImageNet weights of a package, random ones, or a file of one's own."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file

from furniture_prompter.distillation.networks.backbone import Backbone
from furniture_prompter.distillation.package_weights import CLASSIFIERS, State, package_weights
from furniture_prompter.errors import DistillationError

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
        package = package_weights(name)
        _load(backbone, name, package.state, package.source)
        return InitialWeights(package.source, package.licence, package.source_sha256)
    path = _file(Path(source))
    with path.open("rb") as handle:
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
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
