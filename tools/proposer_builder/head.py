"""The finder's head in PyTorch: a pyramid over an ImageNet network's maps, and its loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from tools.proposer_builder.pieces import KINDS
from tools.proposer_builder.targets import EMPTY, IGNORED, STRIDES

OUTPUTS = 5 + len(KINDS)
"""Of a cell: left, top, right, bottom in strides; certainty; kinds."""


class Separable(nn.Module):
    """A convolution of each channel by itself, then one across them, each with its norm."""

    def __init__(self, width: int, kernel: int = 3, levels: int = 1) -> None:
        super().__init__()
        self.each = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width, bias=False)
        self.across = nn.Conv2d(width, width, 1, bias=False)
        # Levels share what they look for, but not how strong their maps are.
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(levels))

    def forward(self, value: torch.Tensor, level: int = 0) -> torch.Tensor:
        """(n, width, h, w) to the same."""
        normed: torch.Tensor = self.norms[level](self.across(self.each(value)))
        return functional.relu(normed)


class Head(nn.Module):
    """Maps of the strides 8, 16 and 32 to what every cell says, shape (n, cells, OUTPUTS)."""

    def __init__(self, widths: Sequence[int], width: int = 64, depth: int = 2) -> None:
        super().__init__()
        levels = len(STRIDES)
        self.lateral = nn.ModuleList(
            nn.Sequential(nn.Conv2d(inside, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
            for inside in widths
        )
        self.deep = Separable(width)
        self.smooth = nn.ModuleList(Separable(width) for _ in range(2))
        self.down = nn.ModuleList(Separable(width) for _ in range(2))
        self.sides_tower = nn.ModuleList(Separable(width, levels=levels) for _ in range(depth))
        self.sure_tower = nn.ModuleList(Separable(width, levels=levels) for _ in range(depth))
        self.sides = nn.Conv2d(width, 4, 1)
        self.sure = nn.Conv2d(width, 1 + len(KINDS), 1)
        self.scales = nn.Parameter(torch.full((levels,), 1.2))
        nn.init.normal_(self.sides.weight, std=0.01)
        nn.init.normal_(self.sure.weight, std=0.01)
        assert self.sides.bias is not None and self.sure.bias is not None  # noqa: S101, PT018
        nn.init.zeros_(self.sides.bias)
        nn.init.zeros_(self.sure.bias)
        # Nearly every cell sees no piece.
        with torch.no_grad():
            self.sure.bias[0] = -4.0

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """Distances in strides and logits, (n, cells, OUTPUTS)."""
        fine, middle, coarse = (lay(value) for lay, value in zip(self.lateral, maps, strict=True))
        coarse = self.deep(coarse)
        middle = self.smooth[0](middle + functional.interpolate(coarse, scale_factor=2.0))
        fine = self.smooth[1](fine + functional.interpolate(middle, scale_factor=2.0))
        middle = self.down[0](middle + functional.max_pool2d(fine, 2))
        coarse = self.down[1](coarse + functional.max_pool2d(middle, 2))
        values = [fine, middle, coarse, functional.max_pool2d(coarse, 2)]
        rows = []
        for level, value in enumerate(values):
            aside = sure = value
            for sides_layer, sure_layer in zip(self.sides_tower, self.sure_tower, strict=True):
                aside, sure = sides_layer(aside, level), sure_layer(sure, level)
            sides = functional.softplus(self.sides(aside) + self.scales[level])
            row = torch.cat([sides, self.sure(sure)], dim=1)
            rows.append(row.flatten(2).transpose(1, 2))
        return torch.cat(rows, dim=1)


def loss_of(
    out: torch.Tensor, sides: torch.Tensor, kinds: torch.Tensor, strides: torch.Tensor
) -> torch.Tensor:
    """Generalised IoU of the boxes, certainty against their IoU, and kinds.

    Certainty is learned as Generalized Focal Loss does (Li et al., NeurIPS 2020): how well a box
    lies is what it is sure of, with no class beside it (OLN: Kim et al., RA-L 2022).

    Args:
        out: Of the head, (n, cells, OUTPUTS).
        sides: Distances in pixels, (n, cells, 4).
        kinds: Places in KINDS, EMPTY or IGNORED, (n, cells).
        strides: Of the cells, (cells,).
    """
    chosen = kinds >= 0
    count = chosen.sum().clamp(min=1)
    overlap, generalised = overlaps(out[..., :4][chosen], (sides / strides[:, None])[chosen])
    wanted = torch.zeros_like(out[..., 4])
    wanted[chosen] = overlap.detach().clamp(0, 1)
    logits = out[..., 4]
    focal = (wanted - logits.sigmoid()).abs() ** 2
    sure = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none") * focal
    sure = sure[kinds != IGNORED].sum() / count
    boxes = (1 - generalised).sum() / count
    named = functional.cross_entropy(
        out[..., 5:][chosen], kinds[chosen].long(), reduction="sum", label_smoothing=0.05
    )
    return sure + 2.0 * boxes + 0.2 * named / count


def overlaps(found: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """IoU and generalised IoU of boxes around the same points, given as four distances (n, 4)."""
    areas = [(box[:, 0] + box[:, 2]) * (box[:, 1] + box[:, 3]) for box in (found, wanted)]
    inner, outer = torch.minimum(found, wanted), torch.maximum(found, wanted)
    shared = (inner[:, 0] + inner[:, 2]).clamp(min=0) * (inner[:, 1] + inner[:, 3]).clamp(min=0)
    union = areas[0] + areas[1] - shared + 1e-6
    around = (outer[:, 0] + outer[:, 2]) * (outer[:, 1] + outer[:, 3]) + 1e-6
    iou = shared / union
    return iou, iou - (around - union) / around


assert EMPTY < 0 and IGNORED < 0  # noqa: S101, PT018  # kinds are told from them by their sign
