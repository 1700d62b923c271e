"""Dominant colours of a hit's photo, to show beside it.

The method: shrink to at most 64 pixels a side, leave out the near-white background (every channel
at least 242), sort the rest into 8 x 8 x 8 cells of the RGB cube, and take the mean colour of the
fullest cells, skipping any within 48 of one already taken (Euclidean, 0 to 255 a channel) and any
that holds less than a twentieth of what is left. A photo that is nearly all background shows white
furniture: white is then its first colour. It is meant for a glance; the colours that can be
searched come from the feed.
"""

from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.errors import InvalidPhotoError

Colour: TypeAlias = tuple[int, int, int]

SIDE_PX = 64
BACKGROUND_LEVEL = 242
LEAST_DISTANCE = 48.0
LEAST_SHARE = 0.05
# Less than this share left beside the background means that the furniture itself is white.
LEAST_FOREGROUND = 0.04
WHITE: Colour = (255, 255, 255)


def dominant_colours(image: RgbImage, count: int = 3) -> tuple[Colour, ...]:
    """Up to `count` colours of an image of shape (height, width, 3), most frequent first."""
    small = Image.fromarray(image)
    small.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
    pixels = np.asarray(small).reshape(-1, 3)
    foreground = pixels[pixels.min(axis=1) < BACKGROUND_LEVEL]
    chosen: list[Colour] = []
    if len(foreground) < LEAST_FOREGROUND * len(pixels):
        chosen.append(WHITE)
    if not len(foreground):
        return tuple(chosen)
    levels = foreground.astype(np.int64) >> 5
    cells = levels @ np.array([64, 8, 1])
    counts = np.bincount(cells, minlength=512)
    for cell in np.argsort(-counts, kind="stable")[: 4 * count]:
        if len(chosen) == count or counts[cell] < LEAST_SHARE * len(foreground):
            break
        mean = foreground[cells == cell].mean(axis=0)
        if all(np.linalg.norm(mean - np.array(other)) >= LEAST_DISTANCE for other in chosen):
            red, green, blue = (round(channel) for channel in mean.tolist())
            chosen.append((red, green, blue))
    return tuple(chosen)


def photo_colours(path: Path, count: int = 3) -> tuple[Colour, ...]:
    """Dominant colours of a photo file; none when it is gone or no longer a usable photo."""
    try:
        image = decode_photo(read_photo_bytes(path), name=str(path), target_side_px=SIDE_PX)
    except InvalidPhotoError:
        return ()
    return dominant_colours(image, count)
