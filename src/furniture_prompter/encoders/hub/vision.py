"""The image side of a teacher as one network: pixels in, unit rows out."""

import torch
from torch import nn
from transformers import PreTrainedModel

from furniture_prompter.encoders.hub.preprocessor import Normalisation

_SMALLEST_LENGTH = 1e-12
"""Keeps a vector of zeros from becoming not-a-number; any real one is far longer."""


class ImageNetwork(nn.Module):
    """Everything after :func:`~furniture_prompter.encoders.preprocessing.preprocess`.

    Takes uint8 (n, side, side, 3), sRGB, and gives float32 (n, dimension), rows of unit length: the
    centre crop, rescaling and normalising of the checkpoint's own settings, the vision tower, its
    pooled (and, for CLIP, projected) features. Features keep float32 from the tower's end on,
    whatever the tower runs in.
    """

    def __init__(self, tower: PreTrainedModel, normalisation: Normalisation, side_px: int) -> None:
        super().__init__()
        self.tower = tower
        self._first = (side_px - normalisation.crop_px) // 2
        self._last = self._first + normalisation.crop_px
        self.scale: torch.Tensor
        self.shift: torch.Tensor
        # (x · rescale - mean) / deviation, as one product and one sum.
        deviation = torch.tensor(normalisation.deviation, dtype=torch.float64)
        scale = normalisation.rescale / deviation
        shift = -torch.tensor(normalisation.mean, dtype=torch.float64) / deviation
        self.register_buffer("scale", scale.float().view(1, 3, 1, 1))
        self.register_buffer("shift", shift.float().view(1, 3, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Encode (n, side, side, 3) into (n, dimension)."""
        centre = images[:, self._first : self._last, self._first : self._last, :]
        values = centre.permute(0, 3, 1, 2).to(torch.float32) * self.scale + self.shift
        output = self.tower(values.to(self.tower.dtype))
        return unit_rows(pooled(output))


def pooled(output: object) -> torch.Tensor:
    """One row a photo or prompt from what a tower of transformers returns, float32."""
    features = next(
        value
        for name in ("image_embeds", "text_embeds", "pooler_output")
        if isinstance(value := getattr(output, name, None), torch.Tensor)
    )
    return features.flatten(1).to(torch.float32)


def unit_rows(features: torch.Tensor) -> torch.Tensor:
    """Divide every row by its length."""
    length: torch.Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return features / length.clamp_min(_SMALLEST_LENGTH)
