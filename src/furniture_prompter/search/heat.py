"""Heat maps: what of a query's photo made a hit match.

One part of the photo after another is covered, and the rest encoded: where a hit is less like what
is left, there it matched (occlusion, Zeiler & Fergus 2014, arXiv 1311.2901). That needs no
gradient, and of an encoder nothing but its vectors.
"""

from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain import RgbImage

Vectors = NDArray[np.float32]
HeatMap: TypeAlias = tuple[tuple[float, ...], ...]
"""Rows of cells from the top, each from the left: 0 where nothing matched to 1 where most did."""

CELLS: Final = 7
"""Cells of a map in each direction, each under a cover of its own (docs/experiments.md, "What of a
photo made a hit match")."""
LEAST_MOVED: Final = 0.012
"""How far, as one less the cosine, a cover moves a photo's vector at least where a part of it
stands out."""
_SAMPLES: Final = 64


def covered_rows(image: RgbImage) -> Iterator[list[RgbImage]]:
    """A photo under each of its covers, the :data:`CELLS` of a row together, row by row.

    Covers have the photo's own shading, so that on a bare wall they are not seen.

    Args:
        image: Shape (h, w, 3), uint8.
    """
    height, width = image.shape[:2]
    rows, columns = ((np.arange(length) + 0.5) / length for length in (height, width))
    down, across = (max(1, length // _SAMPLES) for length in (height, width))
    seen = image[::down, ::across].reshape(-1, 3).astype(np.float64)
    weights = np.linalg.lstsq(_terms(rows[::down], columns[::across]), seen)[0]
    for row in range(CELLS):
        covered = []
        for column in range(CELLS):
            hidden = image.copy()
            part = _covered(row, height), _covered(column, width)
            shading = _terms(rows[part[0]], columns[part[1]]) @ weights
            hidden[part] = shading.clip(0, 255).round().reshape(hidden[part].shape)
            covered.append(hidden)
        yield covered


def _terms(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of a quadratic surface, shape (pixels, 6): what light does on a wall, and nothing finer."""
    y, x = (each.ravel() for each in np.meshgrid(rows, columns, indexing="ij"))
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def _covered(cell: int, length: int) -> slice:
    # A photo of fewer pixels than cells has several cells on one pixel.
    first = cell * length // CELLS
    return slice(first, max(first + 1, (cell + 1) * length // CELLS))


def heat_maps(photo: Vectors, covered: Vectors, hits: Vectors) -> list[HeatMap]:
    """How much each cell of a photo made each hit match.

    Args:
        photo: The photo's vector, shape (d,).
        covered: The same under each of its covers, shape (:data:`CELLS` squared, d).
        hits: A vector of each hit's photo, shape (n, d).

    Returns:
        A map for each hit; all zeros where no part of the photo made it match, and of a photo that
        is nearly the same to the encoder under every cover.
    """
    if (1 - covered @ photo).max() < LEAST_MOVED:
        return [((0.0,) * CELLS,) * CELLS] * len(hits)
    lost = (hits @ photo)[:, np.newaxis] - hits @ covered.T
    lost = lost.clip(min=0)
    most = lost.max(axis=1, keepdims=True)
    told = np.divide(lost, most, out=np.zeros_like(lost), where=most > 0)
    return [tuple(tuple(row) for row in each.tolist()) for each in told.reshape(-1, CELLS, CELLS)]
