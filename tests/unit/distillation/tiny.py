"""A network small enough to export in a test, and images for it."""

import numpy as np
import torch
from torch import nn

from furniture_prompter.distillation.networks.student import normalise, unit_rows
from furniture_prompter.domain.product import RgbImage

SIDE_PX = 32


class TinyNetwork(nn.Module):
    """Every kind of layer that the students have, a few channels wide; 6-d unit rows."""

    mean: torch.Tensor
    factor: torch.Tensor

    def __init__(self, *, float_layers: tuple[str, ...] = ()) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.float_layers = float_layers
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        )
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.block = nn.Sequential(
            nn.Conv2d(8, 8, 3, 1, 1, groups=8, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU6(inplace=True),
            nn.Conv2d(8, 8, 1, bias=False),
            nn.BatchNorm2d(8),
        )
        self.head = nn.Linear(8, 6)
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d):
                nn.init.uniform_(part.weight, 0.5, 1.5)
                nn.init.uniform_(part.bias, -0.5, 0.5)
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 127.0), persistent=False)
        self.register_buffer("factor", torch.full((1, 3, 1, 1), 1 / 64), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        value = self.pool(self.stem(normalise(images, self.mean, self.factor)))
        value = torch.relu(value + self.block(value))
        return unit_rows(self.head(value.mean(dim=(2, 3))))


def photos(count: int, *, seed: int = 0) -> list[RgbImage]:
    """Images of several shapes: patches of random colours."""
    draw = np.random.default_rng(seed)
    made = []
    for index in range(count):
        patches = draw.integers(0, 256, (4 + index % 3, 5, 3), np.uint8)
        made.append(np.ascontiguousarray(patches.repeat(9, axis=0).repeat(9, axis=1)))
    return made
