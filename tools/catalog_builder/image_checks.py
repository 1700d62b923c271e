"""What makes a rendered picture unfit: empty, cut off, black, or without its texture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Coverage above this (of 255) counts as product.
COVERED = 8
LEAST_FOREGROUND = 0.01
# A black chair still shows edges and highlights; a picture whose brightest hundredth stays under
# this level was drawn without light.
LEAST_BRIGHT_LEVEL = 16

Pixels = NDArray[np.uint8]


class UnfitPictureError(ValueError):
    """A picture failed a check; the message says which."""


def check_shot(pixels: Pixels, coverage: Pixels) -> None:
    """Refuse a shot (h, w, 3) with its coverage (h, w), before it is cropped.

    Raises:
        UnfitPictureError: empty, cut off at an edge of the frame, or black.
    """
    mask = coverage > COVERED
    share = float(mask.mean())
    if share < LEAST_FOREGROUND / 10:
        raise UnfitPictureError(f"empty: {share:.2%} of the frame shows the product")
    if mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any():
        raise UnfitPictureError("cut off: the product touches the edge of the frame")
    brightness = pixels[mask].max(axis=1)
    if float(np.percentile(brightness, 99)) < LEAST_BRIGHT_LEVEL:
        raise UnfitPictureError("black: the product reflects no light")


def check_cropped(coverage: Pixels) -> None:
    """Refuse a cropped picture in which the product covers less than `LEAST_FOREGROUND`.

    Raises:
        UnfitPictureError: the product is a few specks.
    """
    share = float((coverage > COVERED).mean())
    if share < LEAST_FOREGROUND:
        raise UnfitPictureError(f"empty: the product covers {share:.2%} of its picture")


def check_textured(flat: Pixels, coverage: Pixels, plain_parts: int) -> None:
    """Refuse a flat-coloured shot with no more colours than its untextured parts explain.

    Args:
        flat: (h, w, 3) shot without light.
        coverage: (h, w) of the same shot.
        plain_parts: how many parts of the product have one colour each.

    Raises:
        UnfitPictureError: the texture that the product has does not show.
    """
    colours = flat[coverage > COVERED] >> 2
    distinct = len(np.unique(colours, axis=0))
    if distinct <= plain_parts + 1:
        raise UnfitPictureError(f"untextured: {distinct} colours for a product with a texture")
