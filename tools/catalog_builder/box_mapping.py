"""Texture coordinates for surfaces that have none: the tile projected along the main axes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Floats = NDArray[np.float64]
# Corners closer than this are the same corner when boards are told apart.
WELD_CM = 0.02


def boards(points: Floats) -> NDArray[np.int64]:
    """Which connected piece each triangle belongs to.

    Args:
        points: (3 m, 3) corners in centimetres, three rows a triangle.

    Returns:
        (m,) piece numbers from 0.
    """
    _, corner = np.unique(np.rint(points / WELD_CM).astype(np.int64), axis=0, return_inverse=True)
    triangles = corner.reshape(-1, 3)
    count = int(triangles.max()) + 1
    starts = np.concatenate([triangles[:, 0], triangles[:, 1]])
    ends = np.concatenate([triangles[:, 1], triangles[:, 2]])
    graph = coo_array((np.ones(len(starts), dtype=np.int8), (starts, ends)), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    return np.asarray(labels[triangles[:, 0]], dtype=np.int64)


def box_uvs(points: Floats, tile_cm: float, *, grain: bool) -> Floats:
    """Texture coordinates (3 m, 2) of a box projection.

    Each triangle is projected along the axis it faces most. With ``grain`` the tile's horizontal
    direction follows the longest side of each connected piece, as boards are cut, and pieces
    begin at different places of the tile so that neighbours do not look alike.

    Args:
        points: (3 m, 3) corners in centimetres, three rows a triangle.
        tile_cm: length of surface that the tile covers.
        grain: whether the tile has a direction, as wood has.
    """
    corners = points.reshape(-1, 3, 3)
    normals = np.abs(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    facing = normals.argmax(axis=1)
    length_order = np.tile(np.array([0, 1, 2]), (len(corners), 1))
    shift = np.zeros((len(corners), 2))
    if grain:
        piece = boards(points)
        pieces = int(piece.max()) + 1
        low, high = np.full((pieces, 3), np.inf), np.full((pieces, 3), -np.inf)
        np.minimum.at(low, piece, corners.min(axis=1))
        np.maximum.at(high, piece, corners.max(axis=1))
        length_order = np.argsort(low - high, axis=1, kind="stable")[piece]
        # The golden ratio spreads any number of pieces evenly over the tile.
        shift = np.column_stack([piece * 0.6180339887, piece * 0.3819660113]) % 1.0
    # Of the two axes a triangle does not face, the longer one takes the tile's horizontal.
    remaining = length_order[length_order != facing[:, None]].reshape(-1, 2)
    rows = np.arange(len(corners))[:, None]
    along = corners[rows, np.arange(3)[None, :], remaining[:, :1]]
    across = corners[rows, np.arange(3)[None, :], remaining[:, 1:]]
    uvs = np.stack([along, across], axis=-1) / tile_cm + shift[:, None, :]
    return np.asarray(uvs.reshape(-1, 2))
