"""A student small enough to train in a test, and photos for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from furniture_prompter.distillation import networks
from furniture_prompter.distillation.distilling import DistillationSummary, distill
from furniture_prompter.distillation.networks.student import Backbone, start
from furniture_prompter.distillation.options import DistillationOptions
from furniture_prompter.distillation.photos import PhotoSet, photos_of_feed
from furniture_prompter.distillation.training_data import space_of
from furniture_prompter.encoders.decoding import DEFAULT_LIMITS
from furniture_prompter.encoders.protocols import Encoder
from tests.fakes import ColourGridEncoder, ListFeed, make_rows

SIDE_PX = 32


class TinyBackbone(Backbone):
    """Two convolutions."""

    def __init__(self) -> None:
        super().__init__(width=12, inner_widths=(8,), stride=4)
        self.first = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        )
        self.second = nn.Sequential(
            nn.Conv2d(8, 12, 3, 2, 1, bias=False),
            nn.BatchNorm2d(12),
            nn.ReLU(inplace=True),
        )
        start(self)

    def stages(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        first: torch.Tensor = self.first(value)
        return first, self.second(first)


def install(set_attribute: Callable[[object, str, object], None] = setattr) -> None:
    """Put the architecture "tiny" into the registry."""
    tiny = networks.Architecture("Tiny", "", SIDE_PX, 0)
    others, build = networks.ARCHITECTURES, networks.build_backbone
    set_attribute(networks, "ARCHITECTURES", {**others, "tiny": tiny})
    set_attribute(
        networks,
        "build_backbone",
        lambda name: TinyBackbone() if name == "tiny" else build(name),
    )


def options(**changes: Any) -> DistillationOptions:
    """Quick ones: two passes in float32 on one thread."""
    values = {
        "student": "tiny",
        "initial": "random",
        "epochs": 2.0,
        "batch_size": 8,
        "evaluations": 3,
        "precision": "fp32",
        "device": "cpu",
        "threads": 1,
    }
    return DistillationOptions(**{**values, **changes})


def photos(folder: Path, count: int = 24) -> PhotoSet:
    """Drawn products, each its own."""
    return photos_of_feed(ListFeed(tuple(make_rows(folder, count))), DEFAULT_LIMITS)


def run(folder: Path, found: PhotoSet, **changes: Any) -> DistillationSummary:
    """A whole distillation of the colour grid into ``folder/student``."""
    teacher = ColourGridEncoder()
    return run_with(folder, found, teacher, options(**changes))


def run_with(
    folder: Path, found: PhotoSet, teacher: Encoder, chosen: DistillationOptions
) -> DistillationSummary:
    """The same with another teacher."""
    out = folder / "student"
    space = space_of(teacher)
    return distill(found, space, teacher, out, chosen, limits=DEFAULT_LIMITS)


def unit_rows(count: int, dimension: int, seed: int = 0) -> NDArray[np.float32]:
    """Random unit rows."""
    rows = np.random.default_rng(seed).normal(size=(count, dimension))
    unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit.astype(np.float32)
