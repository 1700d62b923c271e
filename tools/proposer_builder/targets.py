"""What a finder's cells should say of a photo: sides of a piece, whether there is one, its kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tools.proposer_builder.pieces import KINDS
from tools.proposer_builder.rendering import Box

STRIDES: Final = (8, 16, 32, 64)
_SPANS: Final = ((0.0, 9.0), (6.5, 9.0), (6.5, 9.0), (6.0, 1e9))
"""Root of a box's area, in strides, between which a stride's cells answer for it."""
_NEAR: Final = 1.6
"""Strides between a cell's middle and a box's middle within which the cell answers for it."""
EMPTY: Final = -1
IGNORED: Final = -2


@dataclass(frozen=True, eq=False)
class Targets:
    """Of every cell, in the order of `cells`.

    Attributes:
        sides: Distances to left, top, right and bottom in pixels, shape (cells, 4).
        kinds: Place in KINDS, EMPTY where no piece is, IGNORED where nothing is asked, (cells,).
    """

    sides: NDArray[np.float32]
    kinds: NDArray[np.int8]


def cells(side_px: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Middles of all cells in pixels, shape (cells, 2), and their strides, (cells,)."""
    middles, strides = [], []
    for stride in STRIDES:
        count = side_px // stride
        rows, columns = np.indices((count, count))
        middles.append((np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5) * stride)
        strides.append(np.full(count * count, stride))
    return np.concatenate(middles).astype(np.float32), np.concatenate(strides).astype(np.float32)


def targets(boxes: Sequence[Box], size: tuple[int, int], side_px: int) -> Targets:
    """What the cells should say of a photo of a size (width, height) in the network's pixels.

    A cell near the middle of a box that fits its stride answers for it, of several for the
    smallest. Of what stands in the photo but counts as no piece nothing is asked, nor of the cells
    between a piece's middle and its edges on a stride that answers for it.
    """
    middles, strides = cells(side_px)
    sides = np.zeros((len(middles), 4), np.float32)
    kinds = np.full(len(middles), EMPTY, np.int8)
    width, height = size
    scale = np.array([width, height, width, height], np.float32)
    # The largest first: what is written last stays.
    ordered = sorted(boxes, key=lambda box: -(box.right - box.left) * (box.bottom - box.top))
    for box in (*(b for b in ordered if not b.counts), *(b for b in ordered if b.counts)):
        edges = np.array([box.left, box.top, box.right, box.bottom], np.float32) * scale
        found = np.concatenate([middles - edges[:2], edges[2:] - middles], axis=1)
        inside = found.min(axis=1) > 0
        if not box.counts:
            kinds[inside & (kinds == EMPTY)] = IGNORED
            continue
        root = float(np.sqrt(max(1e-6, (edges[2] - edges[0]) * (edges[3] - edges[1]))))
        near = inside & (
            np.abs(middles - (edges[:2] + edges[2:]) / 2).max(axis=1) < _NEAR * strides
        )
        answering = np.zeros(len(middles), bool)
        for stride, (low, high) in zip(STRIDES, _SPANS, strict=True):
            if low * stride / 2 <= root < high * stride:
                answering |= strides == stride
        if not (near & answering).any():
            # Thin things may lie between the middles of all cells.
            away = np.abs(middles - (edges[:2] + edges[2:]) / 2).max(axis=1)
            near = away == away[answering].min() if answering.any() else near
        chosen = near & answering
        sides[chosen] = found[chosen].clip(0.5)
        kinds[chosen] = KINDS.index(box.kind)
    return Targets(sides, kinds)


def mirrored(boxes: Sequence[Box]) -> list[Box]:
    """Boxes of the photo as a mirror shows it."""
    return [
        Box(1 - box.right, box.top, 1 - box.left, box.bottom, box.kind, box.counts) for box in boxes
    ]
