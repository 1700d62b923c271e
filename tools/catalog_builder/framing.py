"""Where the camera stands: the directions to look from, and a lens that the product fills."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.catalog_builder.libraries import SourceModel

# The camera stands this many bounding radii away: a long lens, as in catalog photography, with
# just enough perspective to look like a photograph.
DISTANCE_RADII = 4.0
MARGIN = 0.03


@dataclass(frozen=True)
class View:
    """A direction to look from: azimuth 0 is the front, positive to the product's left side."""

    azimuth_deg: float
    elevation_deg: float


@dataclass(frozen=True)
class Camera:
    """Position and focal point in centimetres (y up), full view angle in degrees."""

    position: tuple[float, float, float]
    focal_point: tuple[float, float, float]
    view_angle_deg: float


def fit_camera(points: NDArray[np.float64], view: View) -> Camera:
    """The camera that shows all ``points`` (n, 3) centred in a square frame with `MARGIN`."""
    azimuth, elevation = math.radians(view.azimuth_deg), math.radians(view.elevation_deg)
    backward = np.array(
        [
            math.sin(azimuth) * math.cos(elevation),
            math.sin(elevation),
            math.cos(azimuth) * math.cos(elevation),
        ]
    )
    right = np.array([math.cos(azimuth), 0.0, -math.sin(azimuth)])
    up = np.cross(backward, right)
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    radius = float(np.linalg.norm(points - centre, axis=1).max())
    distance = DISTANCE_RADII * radius
    half = 0.0
    # Panning changes depths only slightly, so that three rounds centre the outline to a pixel.
    for _ in range(3):
        offset = points - (centre + backward * distance)
        depth = -(offset @ backward)
        across, above = (offset @ right) / depth, (offset @ up) / depth
        centre = centre + right * (across.min() + across.max()) / 2 * distance
        centre = centre + up * (above.min() + above.max()) / 2 * distance
        half = max(np.ptp(across), np.ptp(above)) / 2
    angle = 2 * math.degrees(math.atan(half * (1 + 2 * MARGIN)))
    position = centre + backward * distance
    return Camera(_triple(position), _triple(centre), angle)


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


# The first two are the bundled catalog's: front three-quarter from the left, and from the right
# and higher up.
_STANDING = (
    View(-32, 16), View(46, 32), View(0, 8), View(-60, 12), View(22, 24), View(66, 16),
    View(-14, 40), View(-46, 30), View(34, 5), View(-78, 22), View(80, 30), View(10, 15),
)  # fmt: skip
# Things that lie flat are seen from above, things that hang flat from their front.
_LYING = (
    View(-28, 48), View(40, 66), View(0, 38), View(-55, 55), View(15, 75), View(65, 45),
    View(-15, 60), View(-75, 40), View(28, 34), View(85, 58), View(-40, 70), View(52, 52),
)  # fmt: skip
_HANGING = (
    View(-24, 8), View(36, 22), View(0, 3), View(-45, 14), View(14, 16), View(50, 10),
    View(-12, 30), View(-34, 26), View(24, 2), View(-55, 20), View(56, 28), View(6, 10),
)  # fmt: skip
# Thinner than this share of its longest side, a thing counts as flat.
_FLAT_SHARE = 0.12


def views_of(model: SourceModel, count: int) -> tuple[View, ...]:
    """The first ``count`` (at most 12) views of a model, chosen by its proportions.

    Raises:
        ValueError: more views than there are.
    """
    if not 1 <= count <= len(_STANDING):
        raise ValueError(f"{count} views asked for; there are 1 to {len(_STANDING)}")
    longest = max(model.width_cm, model.depth_cm, model.height_cm)
    if model.height_cm < _FLAT_SHARE * longest:
        return _LYING[:count]
    if model.depth_cm < _FLAT_SHARE * longest:
        return _HANGING[:count]
    return _STANDING[:count]
