"""Data augmentation and training batches: furniture nearer or further, elsewhere, in other light.

Colour is meaning in furniture, so hue is never drawn: light changes all channels alike. Everything
follows from (seed, photo, view), never from the order in which views are made.
"""

import io
import itertools
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from furniture_prompter.distillation.photos import TrainingPhoto
from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.errors import DistillationError, InvalidPhotoError
from furniture_prompter.feeds.folder import PHOTO_EXTENSIONS
from furniture_prompter.read_ahead import read_ahead

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
    """Every photo in `folder` as a texture (height, width, 3), its shorter side at most 512 px.

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
        textures: To choose from, shapes (height, width, 3); none: plain colours.
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


VIEWS_VERSION: Final = 2
"""Raise it with every change to what a view shows: teacher vectors of views are kept by it."""

CLEAN: Final = 0
"""The view that is the photo as it is."""

_LEAST_BACKGROUND: Final = 0.08
"""Share of background below which a photo was not taken in front of white."""

_REPLACED: Final = 0.6
"""Share of views whose white background gives way to another."""

_SHADE_PX: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
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


Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Views of one step.

    Attributes:
        photos: Place of each view's photo, shape (n,).
        numbers: Number of each view.
        images: Pixels, shape (n, side, side, 3), uint8.
    """

    photos: Places
    numbers: Places
    images: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Batches:
    """The views of every step.

    Attributes:
        photos: All photos.
        train: Places of those to train on.
        squares: Kept squares of all photos, memory-mapped.
        square_places: For each photo the place of its square.
        maker: Makes the views.
        seed: Decides which photos a step sees.
        views: Views that the teacher has seen; 0: a new one in every pass.
        clean_share: Share of photos shown as they are, where `views` is 0.
        batch_size: Views of a step, over all processes.
        side_px: Side of the student's images.
        rank: Number of this process.
        processes: How many there are.
    """

    photos: tuple[TrainingPhoto, ...]
    train: Places
    squares: NDArray[np.uint8]
    square_places: Places
    maker: ViewMaker
    seed: int
    views: int
    clean_share: float
    batch_size: int
    side_px: int
    rank: int = 0
    processes: int = 1

    def plan(self, step: int) -> tuple[Places, Places]:
        """Photos and view numbers of this process at `step`, 0-based."""
        own = np.arange(self.rank, self.batch_size, self.processes)
        positions = step * self.batch_size + own
        passes, within = np.divmod(positions, len(self.train))
        photos = np.empty(len(own), np.intp)
        numbers = np.empty(len(own), np.intp)
        for number in np.unique(passes):
            draw = np.random.default_rng([self.seed, 1, int(number)])
            order = draw.permutation(self.train)
            chosen = passes == number
            photos[chosen] = order[within[chosen]]
            if self.views:
                # Every photo walks through its views, each from another one.
                numbers[chosen] = (photos[chosen] + number) % (1 + self.views)
            else:
                clean = draw.random(len(self.train))[within[chosen]] < self.clean_share
                numbers[chosen] = np.where(clean, CLEAN, number + 1)
        return photos, numbers

    def make(self, step: int) -> Batch:
        """The views of `step`."""
        photos, numbers = self.plan(step)
        return Batch(photos, numbers, self.images(photos, numbers))

    def images(self, photos: Places, numbers: Places) -> NDArray[np.uint8]:
        """View `numbers[i]` of photo `photos[i]`, shape (n, side, side, 3)."""
        images = np.empty((len(photos), self.side_px, self.side_px, 3), np.uint8)
        for row, (photo, number) in enumerate(zip(photos, numbers, strict=True)):
            square = self.squares[self.square_places[photo]]
            identity = self.photos[photo].id
            images[row] = self.maker.view(square, identity, int(number), self.side_px)
        return images

    def views_of(self, photos: Places, number: int) -> NDArray[np.uint8]:
        """One view of each photo, shape (n, side, side, 3)."""
        return self.images(photos, np.full(len(photos), number, np.intp))

    def ahead(self, first: int, workers: int) -> Generator[Batch]:
        """Batches from step `first` on without end, prepared ahead in `workers` threads."""
        steps = itertools.count(first)
        return read_ahead(self.make, steps, workers=workers, ahead=workers, thread_name="views")
