"""The part of a photo that a shopper means."""

from dataclasses import dataclass

import numpy as np

from furniture_prompter.domain.images import RgbImage


@dataclass(frozen=True, slots=True)
class Crop:
    """A box in shares of an upright photo's width and height, from its upper left corner.

    Attributes:
        x: Left edge, 0 to 1.
        y: Upper edge, 0 to 1.
        width: Share of the photo's width, above 0.
        height: Share of the photo's height, above 0.
    """

    x: float
    y: float
    width: float
    height: float

    def whole_side_px(self, side_px: int) -> int:
        """Longer side at which the whole photo must be decoded for the box to keep `side_px`.

        It is at least what is needed: the box's longer side is no shorter than the smaller of its
        two shares of the photo's longer side.
        """
        return max(side_px, round(side_px / max(min(self.width, self.height), 1e-3)))

    def cut(self, image: RgbImage) -> RgbImage:
        """The box's pixels, shape (h, w, 3), at least one; edges go to the nearest pixel."""
        rows, columns = image.shape[:2]
        top, bottom = _edges(self.y, self.height, rows)
        left, right = _edges(self.x, self.width, columns)
        return np.ascontiguousarray(image[top:bottom, left:right])


def _edges(start: float, share: float, length: int) -> tuple[int, int]:
    first = min(round(start * length), length - 1)
    return first, max(first + 1, round((start + share) * length))
