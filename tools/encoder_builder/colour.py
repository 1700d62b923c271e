"""The colour part of a vector: how much of the product is near each of a few fixed colours.

Networks trained to name objects learn to look past colour, but a shopper does not: with this part
in the vector, prompts that name a colour and other views of the same product find more (figures in
docs/encoders.md). The image is shrunk to cells; each cell spreads one vote over the palette's
colours by nearness in CIELAB (a Gaussian, normalised over the palette), cells near white count
little because catalog photos stand on white, and the square roots of the shares have length 1
(Hellinger's kernel). The palette is a fixed lattice over the sRGB gamut: nothing is fitted.

This module is the definition, in numpy; :mod:`tools.encoder_builder.graph` writes the same
arithmetic as ONNX nodes, and the build compares the two.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CELLS = 32
"""Cells along a side of the shrunk image."""

LIGHTNESS_STEP, CHROMA_STEP = 25.0, 40.0
"""Spacing of the palette in L* and in a*, b*."""

LIGHTNESS_WIDTH, CHROMA_WIDTH = 12.0, 20.0
"""Standard deviation of a vote: half the palette's spacing."""

WHITE_LIGHTNESS, WHITE_RAMP, LEAST_WEIGHT = 98.0, 4.0, 0.02
"""A cell's weight is (WHITE_LIGHTNESS - L*) / WHITE_RAMP, kept within LEAST_WEIGHT and 1: an image
that is white all over still gets a vector."""

GAMMA = 2.2
"""sRGB's curve to within a shade; its linear toe would cost three more nodes."""

TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
) / np.array([[0.9505], [1.0], [1.089]])
"""Linear sRGB to XYZ relative to D65 white (IEC 61966-2-1)."""

LEAST_XYZ = 1e-6

TO_LAB = np.array([[0.0, 116.0, 0.0], [500.0, -500.0, 0.0], [0.0, 200.0, -200.0]])
LAB_OFFSET = np.array([-16.0, 0.0, 0.0])
"""CIELAB from cube roots of relative XYZ (CIE 15), without its linear toe near black."""


def lab(rgb: Floats) -> Floats:
    """L*, a*, b* of sRGB values 0 to 1; any shape (..., 3)."""
    roots = np.cbrt(np.maximum(rgb**GAMMA @ TO_XYZ.T, LEAST_XYZ))
    return np.asarray(roots @ TO_LAB.T + LAB_OFFSET)


def palette() -> Floats:
    """Lattice points of CIELAB that lie within half a step of an sRGB colour: (colours, 3)."""
    levels = np.linspace(0, 1, 25)
    gamut = lab(np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3))
    chroma = np.arange(-2, 3) * CHROMA_STEP
    lattice = np.array(
        [
            (lightness, a, b)
            for lightness in np.arange(LIGHTNESS_STEP / 2, 100, LIGHTNESS_STEP)
            for a in chroma
            for b in chroma
        ]
    )
    half_step = np.array([LIGHTNESS_STEP, CHROMA_STEP, CHROMA_STEP]) / 2
    reachable = [bool((np.abs(gamut - point) <= half_step).all(axis=1).any()) for point in lattice]
    return lattice[reachable]


def colour_shares(image: NDArray[np.uint8]) -> Floats:
    """Square roots of the palette's shares in one square image (side, side, 3): (colours,).

    The side must be a multiple of CELLS.
    """
    cell = image.shape[0] // CELLS
    cells = image.reshape(CELLS, cell, CELLS, cell, 3).mean(axis=(1, 3)) / 255
    values = lab(cells.reshape(-1, 3))
    width = np.array([LIGHTNESS_WIDTH, CHROMA_WIDTH, CHROMA_WIDTH])
    distance = (((values[:, None] - palette()[None]) / width) ** 2).sum(axis=2)
    votes = np.exp(-0.5 * (distance - distance.min(axis=1, keepdims=True)))
    votes /= votes.sum(axis=1, keepdims=True)
    weight = np.clip((WHITE_LIGHTNESS - values[:, 0]) / WHITE_RAMP, LEAST_WEIGHT, 1)
    shares = (votes * weight[:, None]).sum(axis=0) / weight.sum()
    return np.asarray(np.sqrt(shares))
