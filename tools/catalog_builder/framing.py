"""Where the camera stands: a direction to look from, and a lens that the product fills."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
