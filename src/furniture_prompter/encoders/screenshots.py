"""Screenshots: where the picture is in a drawn page, a chat, a collage, or between bars.

A page is drawn: its ground has one colour, its words and signs are small, its pictures are boxes
with straight sides. A photo of a product on white has a ground of one colour too, and nothing on it
but the product; so a picture is only looked for where something else tells of a page. What is not
sure is left as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from furniture_prompter.domain.product import RgbImage
from furniture_prompter.domain.query import Crop

_Kind = TypeVar("_Kind", bound=np.generic)
_Mask = NDArray[np.bool_]
_Colour = NDArray[np.int_]

_SIDE_PX: Final = 512
"""Longer side at which a page is looked at: the smallest words still have three rows, and two in
half of it, as photos are decoded for an encoder."""
_SAME: Final = 12
"""Difference of a channel, of 255, below which two pixels are of one ground; JPEG needs so much."""
_LEAST_GROUND: Final = 0.35
"""Share of the pixels along the edge that have the ground's colour."""
_GAP_PX: Final = 1
"""Rows or columns of plain ground between two things, at least."""
_LINE: Final = 2 / _SIDE_PX
"""What is not thicker is a line, such as around a picture, as a share of the longer side."""
_LEAST_PICTURE: Final = 0.05
"""Share of the whole that a picture has at least."""
_SMALL: Final = 0.12
"""Height of words, signs, bars and bubbles at the most, as a share of the longer side."""
_LEAST_SMALL: Final = 4
"""So many small things, apart from one large one, are a page; products have fewer loose parts."""
_FILLED: Final = 0.8
"""Share of a bubble that a picture in it fills, where nothing else is in it."""
_STRAIGHT: Final = 0.93
"""Share of a side along which a box must differ from its ground."""
_LEAST_COVER: Final = 0.8
"""Share of a collage that its pictures cover."""
_MOST_PICTURES: Final = 100
"""Pictures of a collage."""
_BAR_PX: Final = 8
"""Rows of a bar that are looked at."""
_PLAIN: Final = 0.7
"""Share of a bar that has one colour; the rest are words and signs."""
_DEPTH: Final = 5
"""Pages in bubbles in pages: nobody nests them deeper."""
_MOST_BOXES: Final = 4_000
"""Boxes that are looked into for one image: more than a page full of words has letters, and few
enough to take some 20 ms. What has more, such as a ground of dots, is no page."""
_MOST_BARS: Final = 20
"""Rows below which a bar may end that are looked at."""
_MARGIN: Final = 0.04
"""What shops leave around a product that fills a square picture, as a share of its side."""


@dataclass(frozen=True, slots=True)
class _Box:
    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def area(self) -> int:
        return self.height * self.width

    def within(self, other: "_Box") -> "_Box":
        """This box, whose places count from another's corner, counted as the other's are."""
        return _Box(
            other.top + self.top,
            other.top + self.bottom,
            other.left + self.left,
            other.left + self.right,
        )

    def of(self, array: NDArray[_Kind]) -> NDArray[_Kind]:
        return array[self.top : self.bottom, self.left : self.right]


class _TooManyBoxesError(Exception):
    """What is looked at falls into more parts than a page does."""


class _Budget:
    """Boxes that may still be looked into for one image, whatever lies in it."""

    def __init__(self) -> None:
        self._left = _MOST_BOXES

    def take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise _TooManyBoxesError


def find_picture(image: RgbImage) -> Crop | None:
    """Where the picture is that a screenshot or a collage shows; None for a photo of something.

    Args:
        image: Pixels, shape (height, width, 3), uint8; looked at 512 px large.
    """
    small = _small(image)
    height, width = small.shape[:2]
    found = _picture(small, _Box(0, height, 0, width), 0, _Budget())
    if found is None or found.area < _LEAST_PICTURE * height * width:
        return None
    if found.area > 0.97 * height * width:
        return None
    return Crop(found.left / width, found.top / height, found.width / width, found.height / height)


def _small(image: RgbImage) -> RgbImage:
    side = max(image.shape[:2])
    if side <= _SIDE_PX:
        return image
    size = [max(1, round(length * _SIDE_PX / side)) for length in (image.shape[1], image.shape[0])]
    pixels = Image.fromarray(image).resize((size[0], size[1]), Image.Resampling.BOX, reducing_gap=2)
    return np.asarray(pixels)


def _picture(small: RgbImage, box: _Box, depth: int, budget: _Budget) -> _Box | None:
    """The picture within a box whose own edge may be a page's; the box where it is a picture."""
    try:
        return _looked_into(small, box, depth, budget)
    except _TooManyBoxesError:
        return box if depth else None


def _looked_into(small: RgbImage, box: _Box, depth: int, budget: _Budget) -> _Box | None:
    within = box if depth else None
    if depth == _DEPTH or min(box.height, box.width) < 8:
        return within
    pixels = box.of(small)
    ground = _ground(pixels)
    if ground is None:
        return within
    ink = _ink(pixels, ground)
    things = _things(ink, budget)
    if not depth and len(things) > _LEAST_SMALL:
        most = round(2 * _SMALL * max(small.shape[:2]))
        if _part_bars(pixels, ink, most):
            things = _things(ink, budget)
    line = max(1, round(_LINE * max(small.shape[:2])))
    things = [each for each in things if min(each.height, each.width) > line]
    if not things:
        return None
    main = max(things, key=lambda each: each.area)
    others = [each for each in things if each is not main]
    page = _is_page(main, others, max(small.shape[:2])) or _is_collage(ink, things)
    if _has_straight_sides(ink, main):
        if depth:
            page |= main.area >= _FILLED * box.area or _are_small(others, max(small.shape[:2]))
        if page or _lies_between_bars(ground, main, ink):
            return _picture(small, _inner(main, ink.shape).within(box), depth + 1, budget)
    return _cell(main, others, ink.shape).within(box) if page else within


def _ground(pixels: RgbImage) -> _Colour | None:
    """The colour that most of the edge has; None where it has no such colour."""
    edge = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]]).astype(int)
    coarse = edge // 4
    keys = (coarse[:, 0] << 12) + (coarse[:, 1] << 6) + coarse[:, 2]
    values, counts = np.unique(keys, return_counts=True)
    colour: _Colour = np.median(edge[keys == values[counts.argmax()]], axis=0).astype(int)
    share = (np.abs(edge - colour).max(axis=1) <= _SAME // 2).mean()
    return colour if share >= _LEAST_GROUND else None


def _ink(pixels: RgbImage, ground: _Colour) -> _Mask:
    """Which pixels are not the ground's, shape (h, w)."""
    ink = np.zeros(pixels.shape[:2], np.bool_)
    for channel, shade in enumerate(ground.tolist()):
        plane = pixels[:, :, channel]
        ink |= (plane < max(shade - _SAME, 0)) | (plane > min(shade + _SAME, 255))
    return ink


def _part_bars(pixels: RgbImage, ink: _Mask, most: int) -> bool:
    """Draw a line of ground below a bar, from edge to edge, that a picture begins right below.

    Args:
        pixels: Shape (h, w, 3).
        ink: Shape (h, w); altered.
        most: Rows from the top within which bars may end.

    Returns:
        Whether a line was drawn.
    """
    top = pixels[:most].astype(np.int16)
    steps = (np.abs(np.diff(top, axis=0)).max(axis=2) > _SAME).mean(axis=1)
    drawn = False
    for row in np.flatnonzero(steps >= _STRAIGHT)[:_MOST_BARS].tolist():
        above = top[max(0, row - _BAR_PX) : row + 1]
        shades = above.reshape(-1, 3)
        middle = np.partition(shades, len(shades) // 2, axis=0)[len(shades) // 2]
        same = np.abs(above - middle).max(axis=2) <= _SAME
        if same.mean() >= _PLAIN:
            ink[row : row + 2] = False
            drawn = True
    return drawn


def _things(ink: _Mask, budget: _Budget) -> list[_Box]:
    """What rows and columns of plain ground part, cut again and again (XY-cut, Nagy 1984).

    Raises:
        _TooManyBoxesError: the budget is spent; before the boxes are made.
    """
    found: list[_Box] = []
    todo = [_Box(0, ink.shape[0], 0, ink.shape[1])]
    while todo:
        box = todo.pop()
        part = box.of(ink)
        rows = _runs(np.asarray(part.any(axis=1)))
        columns = _runs(np.asarray(part.any(axis=0)))
        budget.take(len(rows) * len(columns))
        parts = [_Box(*row, *column).within(box) for row in rows for column in columns]
        if len(parts) == 1:
            found += parts
        else:
            todo += parts
    return found


def _runs(some: _Mask) -> list[tuple[int, int]]:
    """Where there is something, first and behind the last; what is nearer than a gap is one."""
    places = np.flatnonzero(some)
    if not places.size:
        return []
    first, last = int(places[0]), int(places[-1]) + 1
    if last - first == places.size:
        return [(first, last)]
    breaks = np.flatnonzero(np.diff(places) > _GAP_PX)
    firsts = places[np.concatenate([[0], breaks + 1])]
    lasts = places[np.concatenate([breaks, [places.size - 1]])] + 1
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


def _is_page(main: _Box, others: Sequence[_Box], side: int) -> bool:
    """Whether many small things lie around one that is not."""
    small = [each for each in others if each.height <= _SMALL * side]
    return len(small) >= _LEAST_SMALL and main.height > _SMALL * side


def _are_small(others: Sequence[_Box], side: int) -> bool:
    return bool(others) and all(each.height <= _SMALL * side for each in others)


def _inner(box: _Box, shape: tuple[int, ...]) -> _Box:
    """A box without its outermost pixels, which are mixed with its ground by shrinking."""
    return _Box(
        box.top + (box.top > 0),
        box.bottom - (box.bottom < shape[0]),
        box.left + (box.left > 0),
        box.right - (box.right < shape[1]),
    )


def _is_collage(ink: _Mask, things: Sequence[_Box]) -> bool:
    if (
        not 2 <= len(things) <= _MOST_PICTURES
        or sum(each.area for each in things) < _LEAST_COVER * ink.size
    ):
        return False
    return all(_has_straight_sides(ink, each) for each in things)


def _has_straight_sides(ink: _Mask, box: _Box) -> bool:
    part = box.of(ink)
    sides = (part[0], part[-1], part[:, 0], part[:, -1])
    # The outermost row or column is a mixture of box and ground where the page was shrunk.
    inner = (part[1:2], part[-2:-1], part[:, 1:2], part[:, -2:-1])
    return all(
        max(side.mean(), next_to_it.mean()) >= _STRAIGHT
        for side, next_to_it in zip(sides, inner, strict=True)
        if next_to_it.size
    )


def _lies_between_bars(ground: _Colour, main: _Box, ink: _Mask) -> bool:
    """Whether a box touches two opposite edges, and what lies beside it is not a page's white."""
    height, width = ink.shape
    wide = main.left <= 1 and main.right >= width - 1
    high = main.top <= 1 and main.bottom >= height - 1
    return (wide or high) and int(ground.max()) < 235


def _cell(main: _Box, others: Sequence[_Box], shape: tuple[int, ...]) -> _Box:
    """Where a picture without sides of its own may be: a square as shops have it, if there is room.

    Its ground is the page's, so nothing tells where it ends.
    """
    top, bottom, left, right = 0, shape[0], 0, shape[1]
    for each in others:
        if each.right > main.left and each.left < main.right:
            if each.bottom <= main.top:
                top = max(top, each.bottom)
            elif each.top >= main.bottom:
                bottom = min(bottom, each.top)
    for each in others:
        if each.bottom > main.top and each.top < main.bottom:
            if each.right <= main.left:
                left = max(left, each.right)
            elif each.left >= main.right:
                right = min(right, each.left)
    half = max(main.height, main.width) * (0.5 + _MARGIN)
    middle_y, middle_x = (main.top + main.bottom) / 2, (main.left + main.right) / 2
    return _Box(
        max(top, round(middle_y - half)),
        min(bottom, round(middle_y + half)),
        max(left, round(middle_x - half)),
        min(right, round(middle_x + half)),
    )
