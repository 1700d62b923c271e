"""The one type of decoded image."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

RgbImage: TypeAlias = NDArray[np.uint8]
"""Pixels of shape (height, width, 3), sRGB, 0 to 255, upright, composited on white."""
