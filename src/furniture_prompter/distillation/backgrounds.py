"""The white background of a product photo: where it is, and what to put in its place."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.errors import DistillationError, InvalidPhotoError
from furniture_prompter.feeds.folder import PHOTO_EXTENSIONS

Mask = NDArray[np.bool_]

NEAR_WHITE: Final = 243
"""Least value of each channel; a render's white floor lies above, most white furniture below."""

_SWEEPS = 3
_TEXTURE_SIDE_PX = 512


def white_background(image: RgbImage) -> NDArray[np.uint8]:
    """255 where a pixel is near white and hangs together with the image's border, else 0.

    Reached are pixels from which horizontal and vertical walks over near-white pixels lead to the
    border, with at most five turns: enough to get between a chair's legs, and a flood fill
    without its loop over pixels.

    Args:
        image: Shape (height, width, 3).

    Returns:
        Shape (height, width), uint8.
    """
    white: Mask = image.min(axis=2) >= NEAR_WHITE
    reached = np.zeros_like(white)
    reached[[0, -1]] = white[[0, -1]]
    reached[:, [0, -1]] = white[:, [0, -1]]
    for _ in range(_SWEEPS):
        for turned in (white, white.T):
            own = reached if turned is white else reached.T
            own |= _walk(turned, own) | _walk(turned[:, ::-1], own[:, ::-1])[:, ::-1]
    return np.where(reached, np.uint8(255), np.uint8(0))


def _walk(white: Mask, reached: Mask) -> Mask:
    """Near-white pixels to whose left a reached one lies with nothing else between."""
    places = np.arange(white.shape[1], dtype=np.int32)
    last_reached = np.maximum.accumulate(np.where(reached, places, -1), axis=1)
    last_other = np.maximum.accumulate(np.where(white, -1, places), axis=1)
    walked: Mask = white & (last_reached > last_other)
    return walked


def read_textures(folder: Path) -> tuple[RgbImage, ...]:
    """Every photo in `folder` as a texture, its shorter side at most 512 px.

    Raises:
        DistillationError: the folder is not there or holds no photo, or one cannot be read.
    """
    files = (
        sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_EXTENSIONS)
        if folder.is_dir()
        else []
    )
    if not files:
        raise DistillationError(
            f"There are no textures in {folder}. Name a folder of JPEG or PNG files, or leave "
            "--backgrounds out for plain colours."
        )
    textures = []
    for path in files:
        try:
            image = Image.fromarray(decode_photo(read_photo_bytes(path), name=str(path)))
        except InvalidPhotoError as error:
            raise DistillationError(f"A texture cannot be used. {error}") from error
        scale = _TEXTURE_SIDE_PX / min(image.size)
        if scale < 1:
            image = image.resize([max(1, round(side * scale)) for side in image.size])
        textures.append(np.asarray(image))
    return tuple(textures)


def draw_background(
    draw: np.random.Generator, side_px: int, textures: Sequence[RgbImage]
) -> Image.Image:
    """A wall, or a wall above a floor, each of a plain colour or a piece of a texture.

    Args:
        draw: What decides; how much is drawn does not depend on `side_px`.
        side_px: Side of the square.
        textures: To choose from; none: plain colours.
    """
    horizon = float(draw.uniform(0.45, 0.8)) if draw.random() < 0.5 else 1.0
    wall, floor = _surface(draw, side_px, textures), _surface(draw, side_px, textures)
    rows = round(horizon * side_px)
    if rows < side_px:
        wall.paste(floor.crop((0, rows, side_px, side_px)), (0, rows))
    return wall


def _surface(draw: np.random.Generator, side_px: int, textures: Sequence[RgbImage]) -> Image.Image:
    textured, which = draw.random(), draw.random()
    share, x, y = draw.uniform(0.3, 1.0), draw.random(), draw.random()
    # Walls are seldom dark and seldom of a strong colour.
    value, tint = draw.uniform(70, 250), draw.uniform(-1, 1, 3) * draw.uniform(0, 40)
    if not textures or textured < 0.4:
        red, green, blue = np.clip(value + tint, 0, 255).astype(int).tolist()
        return Image.new("RGB", (side_px, side_px), (red, green, blue))
    texture = textures[int(which * len(textures))]
    height, width = texture.shape[:2]
    piece = max(1, int(share * min(height, width)))
    top, left = int(y * (height - piece)), int(x * (width - piece))
    cut = Image.fromarray(texture[top : top + piece, left : left + piece])
    return cut.resize((side_px, side_px), Image.Resampling.BILINEAR)
