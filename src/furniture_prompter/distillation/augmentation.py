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
from PIL import Image, ImageChops, ImageFilter

from furniture_prompter.distillation.backgrounds import draw_background
from furniture_prompter.domain import RgbImage

VIEWS_VERSION: Final = 2
"""Raise it with every change to what a view shows: teacher vectors of views are kept by it."""

CLEAN: Final = 0
"""The view that is the photo as it is."""

_LEAST_BACKGROUND: Final = 0.08
"""Share of background below which a photo was not taken in front of white."""

_REPLACED: Final = 0.6
"""Share of views whose white background gives way to another."""

_SHADE_PX: Final = 16


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
        covered = square[::4, ::4, 3].mean() > 255 * _LEAST_BACKGROUND
        if covered and draw.random() < _REPLACED:
            image = _before(image, background, draw_background(draw, side_px, self.textures))
        return np.array(_as_photographed(_lit(image, draw), draw))


def _resized(image: RgbImage, side_px: int) -> RgbImage:
    if image.shape[0] == side_px:
        return image.copy()
    pixels = Image.fromarray(np.ascontiguousarray(image))
    return np.array(pixels.resize((side_px, side_px), Image.Resampling.BICUBIC))


def _placed(
    square: NDArray[np.uint8], draw: np.random.Generator, side_px: int
) -> tuple[Image.Image, Image.Image]:
    """Cut or shrunk, shifted, a little stretched, perhaps mirrored: colour and background."""
    kept_px = square.shape[0]
    scale = float(np.exp(draw.uniform(np.log(0.62), np.log(1.25))))
    stretch = float(np.exp(draw.uniform(-0.1, 0.1)))
    across, down, mirrored = draw.random(), draw.random(), draw.random() < 0.5
    # Four channels that Pillow resizes independently; RGBA would be multiplied by its fourth.
    four = Image.frombytes("CMYK", (kept_px, kept_px), np.ascontiguousarray(square).tobytes())
    parts = (scale * stretch, scale / stretch)
    # Per axis: what part of the square is seen, and what part of the answer it fills.
    seen = [min(1.0, part) for part in parts]
    filled = [max(1, round(side_px * min(1.0, 1 / part))) for part in parts]
    left, top = across * (1 - seen[0]) * kept_px, down * (1 - seen[1]) * kept_px
    box = (left, top, left + seen[0] * kept_px, top + seen[1] * kept_px)
    piece = four.resize((filled[0], filled[1]), Image.Resampling.BILINEAR, box=box)
    if piece.size != (side_px, side_px):
        # Beyond the square there is what a padded photo has there: white background.
        whole = Image.new("CMYK", (side_px, side_px), (255, 255, 255, 255))
        whole.paste(piece, (int(across * (side_px - filled[0])), int(down * (side_px - filled[1]))))
        piece = whole
    if mirrored:
        piece = piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    red, green, blue, background = piece.split()
    return Image.merge("RGB", (red, green, blue)), background


def _before(image: Image.Image, background: Image.Image, behind: Image.Image) -> Image.Image:
    """The furniture before something else; shadows on the white fall onto it.

    Background pixels multiply what is behind, so grey shadows darken it; at the furniture's edge
    the two are mixed by how far a pixel is background.
    """
    soft = background.filter(ImageFilter.BoxBlur(1))
    return Image.composite(ImageChops.multiply(image, behind), image, soft)


def _lit(image: Image.Image, draw: np.random.Generator) -> Image.Image:
    """Brightness, contrast and gamma alike for all channels, and light from one side."""
    gain, contrast = draw.uniform(0.75, 1.2), draw.uniform(0.85, 1.15)
    gamma = float(np.exp(draw.uniform(-0.25, 0.25)))
    angle, fall = draw.uniform(0, 2 * np.pi), draw.uniform(0, 0.35)
    sided = draw.random() < 0.4
    values = np.linspace(0, 1, 256) ** gamma * gain
    curve = np.clip(((values - 0.5) * contrast + 0.5) * 255, 0, 255).astype(np.uint8)
    lit = image.point(curve.tolist() * 3)
    if not sided:
        return lit
    side = np.linspace(-0.5, 0.5, _SHADE_PX)
    ramp = np.cos(angle) * side[np.newaxis, :] + np.sin(angle) * side[:, np.newaxis]
    shade = (255 * (1 - fall * (0.5 + ramp / np.sqrt(2)))).astype(np.uint8)
    large = Image.fromarray(shade).resize(image.size, Image.Resampling.BILINEAR)
    return ImageChops.multiply(lit, large.convert("RGB"))


def _as_photographed(image: Image.Image, draw: np.random.Generator) -> Image.Image:
    """Now and then a little blur, noise or compression."""
    blurred, noisy, compressed = draw.random(3) < (0.15, 0.15, 0.2)
    radius, strength, quality = draw.uniform(0.3, 1.0), draw.uniform(1, 6), draw.integers(40, 90)
    if blurred:
        # By share of the side, so that a view is as soft at every side.
        image = image.filter(ImageFilter.BoxBlur(radius * image.width / 256))
    if noisy:
        pixels = np.asarray(image)
        # Two even draws added make a triangle, near enough to the sensor's bell.
        grain = np.frombuffer(draw.bytes(2 * pixels.size), np.int8).reshape(2, *pixels.shape)
        step = (grain[0].astype(np.int16) + grain[1]) * round(strength) // 128
        image = Image.fromarray(np.clip(pixels + step, 0, 255).astype(np.uint8))
    if compressed:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=int(quality))
        image = Image.open(file)
    return image
