"""The teacher that needs no hub: three ImageNet networks side by side."""

import torch
from torch import nn

from furniture_prompter.distillation.networks.backbone import normalise, unit_rows
from furniture_prompter.distillation.networks.registry import architecture, build_backbone

MEMBERS = ("mobilenetv2", "efficientnet-lite0", "efficientnet-lite2")
SIDE_PX = 256

_LEAST_VALUE = 1e-6
_POWER = 3.0


class ImagenetEnsemble(nn.Module):
    """Last features of each member, pooled, to unit length, joined, to unit length.

    Attributes:
        members: The backbones, by the order of ``MEMBERS``.
        dimension: Components of a vector: 3 x 1,280.
        side_px: Side of the images it takes.
    """

    def __init__(self, *, gem: bool = False) -> None:
        super().__init__()
        members = [build_backbone(name) for name in MEMBERS]
        self.members = nn.ModuleList(members)
        self.gem = gem
        self.side_px = SIDE_PX
        self.dimension = sum(member.width for member in members)
        for name in MEMBERS:
            entry = architecture(name)
            mean = torch.tensor(entry.mean).reshape(1, 3, 1, 1)
            factor = 1 / torch.tensor(entry.scale).reshape(1, 3, 1, 1)
            self.register_buffer(f"{name}_mean", mean, persistent=False)
            self.register_buffer(f"{name}_factor", factor, persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images uint8 (n, side, side, 3), sRGB, to unit rows float32 (n, dimension)."""
        parts = []
        for name, member in zip(MEMBERS, self.members, strict=True):
            mean, factor = self.get_buffer(f"{name}_mean"), self.get_buffer(f"{name}_factor")
            maps = member(normalise(images, mean, factor)).float()
            parts.append(unit_rows(self._pooled(maps)))
        return unit_rows(torch.cat(parts, dim=1))

    def _pooled(self, maps: torch.Tensor) -> torch.Tensor:
        if not self.gem:
            return maps.mean(dim=(2, 3))
        # Generalised mean (Radenovic et al., TPAMI 2019): cube, average, cube root.
        cubed = maps.clamp(min=_LEAST_VALUE).pow(_POWER)
        return cubed.mean(dim=(2, 3)).pow(1 / _POWER)
