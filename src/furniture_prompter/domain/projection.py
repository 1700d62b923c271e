"""The last step of a vector: less what all photos have in common, along the axes that tell most.

Photos of furniture are alike, so a good part of a network's vector is the same in every one, and
cosines compare whole vectors. The mean is taken off, and the rest expressed in its first principal
axes (Hotelling, Analysis of a complex of statistical variables into principal components, Journal
of Educational Psychology 1933), which makes vectors shorter and loses nothing: docs/encoders.md.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """``rows @ axes + offset``.

    Attributes:
        axes: Shape (dimension before, components); columns of unit length at right angles.
        offset: Shape (components,): minus the mean, along the axes.
    """

    axes: NDArray[np.float32]
    offset: NDArray[np.float32]

    def of(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        """Unit rows (n, components) of rows (n, dimension before)."""
        projected = rows.astype(np.float64) @ self.axes + self.offset
        return np.asarray(projected / np.linalg.norm(projected, axis=1, keepdims=True))


def fit_projection(rows: NDArray[np.float32], components: int) -> Projection:
    """The mean of ``rows`` (n, dimension) and their first principal axes, the largest first.

    The sign of an axis is free; here its largest number is positive, so that the same rows give
    the same projection.

    Raises:
        ValueError: there are not more rows than components, or fewer dimensions.
    """
    if components > rows.shape[1] or components >= len(rows):
        raise ValueError(
            f"{components} components need more rows than that and as many dimensions, not "
            f"{rows.shape}: give more images or fewer components."
        )
    exact = rows.astype(np.float64)
    mean = exact.mean(axis=0)
    _, _, directions = np.linalg.svd(exact - mean, full_matrices=False)
    axes = directions[:components].T
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(components)]
    axes = axes * np.sign(largest)
    return Projection(axes.astype(np.float32), (-mean @ axes).astype(np.float32))
