"""Views of a photo: the same furniture, nearer or further, elsewhere, in other light.

Colour is meaning in furniture, so hue is never drawn: light changes all channels alike. Everything
follows from (seed, photo, view), never from the order in which views are made.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from furniture_prompter.distillation.backgrounds import draw_background
from furniture_prompter.domain import RgbImage

VIEWS_VERSION: Final = 1
"""Raise it with every change to what a view shows: teacher vectors of views are kept by it."""

CLEAN: Final = 0
"""The view that is the photo as it is."""

_LEAST_BACKGROUND: Final = 0.08
"""Share of background below which a photo was not taken in front of white."""


@dataclass(frozen=True, slots=True)
class ViewMaker:
    """Makes views out of kept squares.

    Attributes:
        seed: Decides all views.
        textures: To put behind white-background photos, beside plain colours.
    """

    seed: int
    textures: Sequence[RgbImage] = ()

    def view(self, square: NDArray[np.uint8], photo_id: str, number: int, side_px: int) -> RgbImage:
        """One view of a photo; the same at another side, but for blur, noise and compression.

        Args:
            square: Kept square, shape (kept side, kept side, 4): colour and background.
            photo_id: SHA-256 of the photo, hexadecimal.
            number: Which view; CLEAN is the photo as it is.
            side_px: Side of the answer.

        Returns:
            Shape (side_px, side_px, 3), uint8, a new array.
        """
        if number == CLEAN:
            return _resized(square[..., :3], side_px)
        draw = np.random.default_rng([self.seed, int(photo_id[:16], 16), number])
        image, background = _placed(square, draw, side_px)
        behind = draw_background(draw, side_px, self.textures)
        wanted = draw.random() < 0.6
        if wanted and np.count_nonzero(square[..., 3]) > _LEAST_BACKGROUND * square[..., 3].size:
            image = _before(image, background, behind)
        image = _lit(image, draw)
        return _as_photographed(image, draw)


def _resized(image: RgbImage, side_px: int) -> RgbImage:
    if image.shape[0] == side_px:
        return image.copy()
    pixels = Image.fromarray(np.ascontiguousarray(image))
    return np.array(pixels.resize((side_px, side_px), Image.Resampling.BICUBIC))


def _placed(
    square: NDArray[np.uint8], draw: np.random.Generator, side_px: int
) -> tuple[RgbImage, NDArray[np.uint8]]:
    """Cut or shrunk, shifted, a little stretched, perhaps mirrored: colour and background."""
    kept_px = square.shape[0]
    scale = float(np.exp(draw.uniform(np.log(0.62), np.log(1.25))))
    stretch = float(np.exp(draw.uniform(-0.1, 0.1)))
    across, down, mirrored = draw.random(), draw.random(), draw.random() < 0.5
    # Four channels that Pillow resizes independently; RGBA would be multiplied by its fourth.
    four = Image.frombuffer(
        "CMYK", (kept_px, kept_px), np.ascontiguousarray(square).data, "raw", "CMYK", 0, 1
    )
    width, height = scale * stretch, scale / stretch
    # Per axis: what part of the square is seen, and what part of the answer it fills.
    seen = [min(1.0, part) for part in (width, height)]
    filled = [max(1, round(side_px * min(1.0, 1 / part))) for part in (width, height)]
    left, top = across * (1 - seen[0]) * kept_px, down * (1 - seen[1]) * kept_px
    box = (left, top, left + seen[0] * kept_px, top + seen[1] * kept_px)
    piece = np.asarray(four.resize((filled[0], filled[1]), Image.Resampling.BILINEAR, box=box))
    if piece.shape[:2] != (side_px, side_px):
        x, y = int(across * (side_px - filled[0])), int(down * (side_px - filled[1]))
        around = ((y, side_px - filled[1] - y), (x, side_px - filled[0] - x), (0, 0))
        # Beyond the square there is what a padded photo has there: white background.
        piece = np.pad(piece, around, constant_values=255)
    if mirrored:
        piece = piece[:, ::-1]
    return np.ascontiguousarray(piece[..., :3]), np.ascontiguousarray(piece[..., 3])


def _before(image: RgbImage, background: NDArray[np.uint8], behind: RgbImage) -> RgbImage:
    """The furniture before something else; shadows on the white fall onto it.

    Background pixels multiply what is behind, so grey shadows darken it; at the furniture's edge
    the two are mixed by how far a pixel is background.
    """
    soft = np.asarray(Image.fromarray(background).filter(ImageFilter.BoxBlur(1)))
    share = soft.astype(np.uint16)[..., np.newaxis]
    multiplied = (image.astype(np.uint16) * behind) // 255
    mixed = (image * (255 - share) + multiplied * share) // 255
    return mixed.astype(np.uint8)


def _lit(image: RgbImage, draw: np.random.Generator) -> RgbImage:
    """Brightness, contrast and gamma alike for all channels, and light from one side."""
    gain, contrast = draw.uniform(0.75, 1.2), draw.uniform(0.85, 1.15)
    gamma = float(np.exp(draw.uniform(-0.25, 0.25)))
    angle, fall = draw.uniform(0, 2 * np.pi), draw.uniform(0, 0.35)
    sided = draw.random() < 0.4
    values = np.linspace(0, 1, 256) ** gamma * gain
    curve = np.clip(((values - 0.5) * contrast + 0.5) * 255, 0, 255).astype(np.uint8)
    lit: RgbImage = curve[image]
    if not sided:
        return lit
    side = np.linspace(-0.5, 0.5, image.shape[0], dtype=np.float32)
    ramp = np.cos(angle) * side[np.newaxis, :] + np.sin(angle) * side[:, np.newaxis]
    shade = (255 * (1 - fall * (0.5 + ramp / np.sqrt(2)))).astype(np.uint16)
    shaded: RgbImage = (lit * shade[..., np.newaxis] // 255).astype(np.uint8)
    return shaded


def _as_photographed(image: RgbImage, draw: np.random.Generator) -> RgbImage:
    """Now and then a little blur, noise or compression."""
    blurred, noisy, compressed = draw.random(3) < (0.15, 0.15, 0.2)
    radius, strength, quality = draw.uniform(0.3, 1.0), draw.uniform(1, 6), draw.integers(40, 90)
    if blurred:
        pixels = Image.fromarray(image)
        # By share of the side, so that a view is as soft at every side.
        image = np.asarray(pixels.filter(ImageFilter.BoxBlur(radius * image.shape[0] / 256)))
    if noisy:
        # Two even draws added make a triangle, near enough to the sensor's bell.
        grain = np.frombuffer(draw.bytes(2 * image.size), np.int8).reshape(2, *image.shape)
        step = (grain[0].astype(np.int16) + grain[1]) * round(strength) // 128
        image = np.clip(image + step, 0, 255).astype(np.uint8)
    if compressed:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=int(quality))
        image = np.array(Image.open(file))
    return image
