"""Solids that rooms are built of: cuboids, cushions and cylinders, and furniture put together.

Lengths are centimetres, y is up, a piece stands on y = 0 around x = z = 0 and its front faces +z.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tools.catalog_builder.meshes import box_uvs

Floats = NDArray[np.float32]
Colour = tuple[float, float, float]

TILE_CM = 60.0
"""Length of surface that a tile of material covers."""


@dataclass(frozen=True)
class Style:
    """How a surface looks.

    Attributes:
        colour: Red, green and blue, 0 to 1; of a textured surface what its tile is multiplied by.
        tile: Number of a tile of the library, -1 for none.
        glow: Share of light that it gives by itself.
    """

    colour: Colour
    tile: int = -1
    glow: float = 0.0


@dataclass(frozen=True, eq=False)
class Solid:
    """Triangles of one look: ``points`` and ``normals`` (3 m, 3), ``uvs`` (3 m, 2).

    ``texture`` is an image (h, w, 3 or 4), uint8, that goes with ``uvs``; None where a tile or
    nothing but a colour covers it.
    """

    points: Floats
    normals: Floats
    uvs: Floats
    style: Style
    texture: NDArray[np.uint8] | None = field(default=None)


def _solid(points: NDArray[np.floating], normals: NDArray[np.floating], style: Style) -> Solid:
    uvs = box_uvs(points.astype(np.float64), TILE_CM, grain=False)
    return Solid(
        points.astype(np.float32), normals.astype(np.float32), uvs.astype(np.float32), style
    )


_CORNERS = np.array(
    [[x, y, z] for x in (-0.5, 0.5) for y in (0.0, 1.0) for z in (-0.5, 0.5)], np.float32
)
# Two triangles a side, seen from outside in counter-clockwise order.
_SIDES = np.array(
    [
        [0, 1, 3, 0, 3, 2], [4, 6, 7, 4, 7, 5], [0, 4, 5, 0, 5, 1],
        [2, 3, 7, 2, 7, 6], [0, 2, 6, 0, 6, 4], [1, 5, 7, 1, 7, 3],
    ]
)  # fmt: skip
_OUTWARD = np.array(
    [[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1]], np.float32
)


def cuboid(size: tuple[float, float, float], at: tuple[float, float, float], style: Style) -> Solid:
    """A box of width, height and depth whose bottom's middle is `at`."""
    points = _CORNERS[_SIDES.ravel()] * np.array(size, np.float32) + np.array(at, np.float32)
    return _solid(points, np.repeat(_OUTWARD, 6, axis=0), style)


def cushion(
    size: tuple[float, float, float],
    at: tuple[float, float, float],
    style: Style,
    roundness: float = 0.35,
) -> Solid:
    """A superellipsoid: nearly a box at roundness 0.1, an ellipsoid at 1; bottom's middle `at`."""
    up = np.linspace(-np.pi / 2, np.pi / 2, 13)
    round_ = np.linspace(-np.pi, np.pi, 25)

    def bent(value: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.sign(value) * np.abs(value) ** roundness)

    high, wide = np.meshgrid(up, round_, indexing="ij")
    unit = np.stack(
        [bent(np.cos(high)) * bent(np.cos(wide)), bent(np.sin(high)),
         bent(np.cos(high)) * bent(np.sin(wide))], axis=-1
    )  # fmt: skip
    half = np.array(size) / 2
    return _sheet(unit * half + np.array(at) + np.array([0, half[1], 0]), style)


def turned(radii: list[tuple[float, float]], at: tuple[float, float, float], style: Style) -> Solid:
    """A body of revolution of (radius, height) from below, around the upright axis through `at`."""
    angles = np.linspace(0, -2 * np.pi, 21)
    ring = np.stack([np.cos(angles), np.zeros_like(angles), np.sin(angles)], axis=-1)
    rows = [ring * radius + np.array([0, height, 0]) for radius, height in radii]
    return _sheet(np.stack(rows) + np.array(at), style)


def _sheet(grid: NDArray[np.float64], style: Style) -> Solid:
    """A grid (rows, columns, 3) of points as triangles with smooth normals."""
    along = np.gradient(grid, axis=1)
    # The first and the last column are one and the same.
    along[:, 0] = along[:, -1] = grid[:, 1] - grid[:, -2]
    normal = np.cross(np.gradient(grid, axis=0), along)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    outward = grid - grid.mean(axis=(0, 1))
    if (normal * outward).sum() < 0:
        normal = -normal

    def triangles(values: NDArray[np.float64]) -> NDArray[np.float64]:
        a, b, c, d = values[:-1, :-1], values[1:, :-1], values[1:, 1:], values[:-1, 1:]
        return np.stack([a, b, c, a, c, d], axis=2).reshape(-1, 3)

    return _solid(triangles(grid), triangles(normal), style)


def quad(corners: list[tuple[float, float, float]], style: Style) -> Solid:
    """A flat sheet with four corners, its front where they run counter-clockwise."""
    points = np.array([corners[place] for place in (0, 1, 2, 0, 2, 3)], np.float64)
    normal = np.cross(points[1] - points[0], points[2] - points[0])
    return _solid(points, np.tile(normal / np.linalg.norm(normal), (6, 1)), style)


def moved(solid: Solid, by: tuple[float, float, float]) -> Solid:
    """The same elsewhere."""
    return replace(solid, points=solid.points + np.array(by, np.float32))


def fronts(
    rng: np.random.Generator,
    box: tuple[float, float, float, float],
    face: float,
    styles: list[Style],
) -> list[Solid]:
    """Doors and drawers over a front of (left, right, bottom, top), with something to hold."""
    left, right, bottom, top = box
    columns = max(1, round((right - left) / rng.uniform(35, 75)))
    rows = max(1, round((top - bottom) / rng.uniform(18, 90)))
    wide, high = (right - left) / columns, (top - bottom) / rows
    gap, proud = rng.uniform(0.4, 1.6), rng.uniform(0.5, 2.0)
    holder = rng.choice(["bar", "knob", "upright", "none"])
    made = []
    for column in range(columns):
        for row in range(rows):
            x, y = left + (column + 0.5) * wide, bottom + row * high
            made.append(
                cuboid(
                    (wide - gap, high - gap, proud), (x, y + gap / 2, face + proud / 2), styles[0]
                )
            )
            front = face + proud + 1
            if holder == "bar":
                made.append(cuboid((wide / 3, 1.2, 2), (x, y + high * 0.75, front), styles[2]))
            elif holder == "knob":
                made.append(cushion((3, 3, 3), (x, y + high / 2, front), styles[2], roundness=1.0))
            elif holder == "upright":
                aside = wide * (0.4 if column % 2 else -0.4)
                made.append(cuboid((1.2, high / 3, 2), (x + aside, y + high / 3, front), styles[2]))
    return made


def cabinet(rng: np.random.Generator, styles: list[Style]) -> list[Solid]:
    """A chest of drawers, sideboard, wardrobe or bedside table."""
    width, depth, height = _of(
        rng,
        [
            (40, 120, 60, 130),
            (100, 200, 50, 90),
            (80, 240, 180, 230),
            (35, 55, 35, 65),
            (90, 180, 35, 60),
        ],
    )
    legs = rng.choice([0.0, 0.0, 6.0, 15.0])
    body = cuboid((width, height - legs, depth), (0, legs, 0), styles[1])
    made = [body, *_legs((width, depth), legs, 2.0, styles[2])]
    side = rng.uniform(0, 3)
    return made + fronts(
        rng, (-width / 2 + side, width / 2 - side, legs + side, height - side), depth / 2, styles
    )


def shelves(rng: np.random.Generator, styles: list[Style]) -> list[Solid]:
    """An open shelf with books and boxes in it."""
    width, depth, height = _of(rng, [(40, 160, 120, 230), (60, 150, 70, 120)], deep=(25, 42))
    thick = rng.uniform(1.5, 4)
    rows = max(2, round(height / rng.uniform(28, 42)))
    columns = max(1, round(width / rng.uniform(40, 90)))
    made = []
    if rng.random() < 0.7:
        made.append(cuboid((width, height, 1), (0, 0, -depth / 2 + 0.5), styles[0]))
    for column in range(columns + 1):
        x = (column / columns - 0.5) * (width - thick)
        made.append(cuboid((thick, height, depth), (x, 0, 0), styles[1]))
    for row in range(rows + 1):
        y = row / rows * (height - thick)
        made.append(cuboid((width, thick, depth), (0, y, 0), styles[1]))
    cell = width / columns - thick
    full = rng.uniform(0.2, 0.95)
    for column in range(columns):
        for row in range(rows):
            low = row / rows * (height - thick) + thick
            high = (height - thick) / rows - thick
            middle = ((column + 0.5) / columns - 0.5) * width
            if rng.random() < full:
                made += _filling(rng, (middle - cell / 2, low, 0.0), (cell, high, depth), styles)
    return made


def _filling(
    rng: np.random.Generator,
    at: tuple[float, float, float],
    size: tuple[float, float, float],
    styles: list[Style],
) -> list[Solid]:
    left, low, _ = at
    wide, high, deep = size
    if rng.random() < 0.25:
        inner = (wide * rng.uniform(0.5, 0.95), high * rng.uniform(0.5, 0.9), deep * 0.9)
        return [cuboid(inner, (left + wide / 2, low, 0), styles[2])]
    made, x, end = [], left, left + wide * rng.uniform(0.3, 1.0)
    while (thick := rng.uniform(2, 7)) + x < end:
        tall = high * rng.uniform(0.55, 0.9)
        colour = tuple(float(v) for v in rng.uniform(0.05, 0.95, 3))
        if rng.random() < 0.5:
            colour = (colour[0],) * 3
        made.append(
            cuboid((thick * 0.92, tall, deep * 0.7), (x + thick / 2, low, 0),
                   Style((colour[0], colour[1], colour[2])))
        )  # fmt: skip
        x += thick
    return made


def _legs(
    span: tuple[float, float], height: float, thick: float, style: Style, inset: float = 1.0
) -> list[Solid]:
    if height <= 0:
        return []
    x, z = span[0] / 2 - thick / 2 - inset, span[1] / 2 - thick / 2 - inset
    return [
        cuboid((thick, height, thick), (right * x, 0, back * z), style)
        for right in (-1, 1)
        for back in (-1, 1)
    ]


def _of(
    rng: np.random.Generator,
    ranges: list[tuple[float, float, float, float]],
    deep: tuple[float, float] = (32, 62),
) -> tuple[float, float, float]:
    low, high, least, most = ranges[rng.integers(len(ranges))]
    return rng.uniform(low, high), rng.uniform(*deep), rng.uniform(least, most)


def table(rng: np.random.Generator, styles: list[Style]) -> list[Solid]:
    """A table for meals, for work, or beside a sofa, of given or random height."""
    low = rng.random() < 0.4
    height = rng.uniform(35, 55) if low else rng.uniform(70, 78)
    width = rng.uniform(45, 130) if low else rng.uniform(70, 220)
    depth = width * rng.uniform(0.4, 1.0) if low else rng.uniform(55, 100)
    thick = rng.uniform(1.5, 6)
    if rng.random() < 0.25:
        radius = min(width, 130) / 2
        top = turned(
            [(0, 0), (radius, 0), (radius, thick), (0, thick)], (0, height - thick, 0), styles[0]
        )
        if rng.random() < 0.5:
            foot = turned([(radius * 0.6, 0), (4, 4), (4, height - thick)], (0, 0, 0), styles[1])
            return [top, foot]
        around = _legs((radius * 1.35, radius * 1.35), height - thick, rng.uniform(2, 6), styles[1])
        return [top, *around]
    made = [cuboid((width, thick, depth), (0, height - thick, 0), styles[0])]
    kind = rng.integers(4)
    if kind < 2:
        made += _legs(
            (width, depth), height - thick, rng.uniform(2, 9), styles[1], rng.uniform(0, 6)
        )
        if rng.random() < 0.4:
            made.append(cuboid((width - 8, 7, depth - 8), (0, height - thick - 7, 0), styles[1]))
        if low and rng.random() < 0.4:
            made.append(cuboid((width - 4, 2, depth - 4), (0, height * 0.3, 0), styles[1]))
    elif kind == 2:
        for side in (-1, 1):
            x = side * (width / 2 - rng.uniform(2, 15))
            made.append(cuboid((3, height - thick, depth * 0.9), (x, 0, 0), styles[1]))
    else:
        wide = rng.uniform(30, max(31.0, width / 3))
        made.append(
            cuboid((wide, height - thick, depth * 0.95), (width / 2 - wide / 2, 0, 0), styles[1])
        )
        made += fronts(
            rng, (width / 2 - wide, width / 2, 3, height - thick), depth * 0.95 / 2, styles
        )
        made.append(cuboid((3, height - thick, depth * 0.9), (-width / 2 + 2, 0, 0), styles[1]))
    return made


def bed(rng: np.random.Generator, styles: list[Style]) -> list[Solid]:
    """A bed with mattress, cover and pillows; its head is at the back."""
    width, length = float(rng.choice([90, 120, 140, 160, 180])), rng.uniform(195, 215)
    base = rng.uniform(15, 32)
    cover, sheet = styles[3], styles[4]
    made = [cuboid((width + 4, base, length), (0, 0 if rng.random() < 0.5 else 10, 0), styles[0])]
    base += 8
    made.append(cushion((width, 22, length - 4), (0, base, 0), sheet, 0.12))
    reach = rng.uniform(0.55, 0.85)
    drop = rng.uniform(14, base + 16)
    made.append(
        cushion(
            (width + 9, drop + 5, length * reach),
            (0, base + 26 - drop, length * (1 - reach) / 2 + 2),
            cover,
            rng.uniform(0.1, 0.25),
        )
    )
    if rng.random() < 0.5:
        made.append(
            cushion(
                (width + 11, drop + 4, length * 0.25),
                (0, base + 29 - drop, length * 0.3),
                styles[5],
                0.15,
            )
        )
    if rng.random() < 0.85:
        high = base + rng.uniform(35, 75)
        made.append(
            cuboid((width + rng.uniform(0, 20), high, 6), (0, 0, -length / 2 - 3), styles[0])
        )
    many = 1 if width < 110 else 2
    for layer in range(int(rng.integers(1, 3))):
        for place in range(many):
            x = (place + 0.5) / many * width - width / 2
            made.append(
                cushion(
                    (width / many * 0.85, 16, 42),
                    (x, base + 18 + 6 * layer, -length / 2 + 26 + 18 * layer),
                    styles[4 + layer],
                    0.5,
                )
            )
    return made


def sofa(rng: np.random.Generator, styles: list[Style]) -> list[Solid]:
    """A sofa or an armchair of cushions, sometimes with a longer seat."""
    seats = int(rng.choice([1, 1, 2, 2, 3, 3, 4]))
    seat, arm, back = rng.uniform(52, 78), rng.uniform(8, 26), rng.uniform(14, 26)
    deep, base = rng.uniform(75, 100), rng.uniform(20, 32)
    tall, arm_tall = rng.uniform(65, 100), rng.uniform(45, 68)
    width, legs = seats * seat + 2 * arm, float(rng.choice([2.0, 8.0, 15.0]))
    soft = rng.uniform(0.08, 0.3)
    made = [cuboid((width, base - legs, deep), (0, legs, 0), styles[3])]
    made += _legs((width, deep), legs, 4, styles[2])
    made.append(
        cushion((width, tall - legs, back), (0, legs, -deep / 2 + back / 2), styles[3], soft)
    )
    for side in (-1, 1):
        made.append(
            cushion(
                (arm, arm_tall - legs, deep), (side * (width - arm) / 2, legs, 0), styles[3], soft
            )
        )
    for place in range(seats):
        x = (place + 0.5 - seats / 2) * seat
        made.append(cushion((seat - 1, 17, deep - back), (x, base - 1, back / 2), styles[3], 0.2))
        made.append(
            cushion(
                (seat - 1, tall - base - 10, 18),
                (x, base + 13, -deep / 2 + back + 6),
                styles[3],
                0.35,
            )
        )
        if rng.random() < 0.4:
            at = (x + rng.uniform(-12, 12), base + 14, -deep / 2 + back + 24)
            made.append(cushion((40, 38, 13), at, styles[int(rng.integers(4, 6))], 0.55))
    if seats > 1 and rng.random() < 0.3:
        x = rng.choice([-1, 1]) * (seats - 1) / 2 * seat
        made.append(cuboid((seat, base - legs, 70), (x, legs, deep / 2 + 35), styles[3]))
        made.append(cushion((seat - 1, 17, 78), (x, base - 1, deep / 2 + 31), styles[3], 0.2))
    return made


def chair(rng: np.random.Generator, styles: list[Style]) -> list[Solid]:
    """A chair, or a stool where it has no back."""
    width, deep, high = rng.uniform(36, 52), rng.uniform(36, 50), rng.uniform(43, 48)
    if rng.random() < 0.15:
        high = rng.uniform(62, 78)
    thick = rng.uniform(2, 4.5)
    made = _legs((width, deep), high, thick, styles[1], 0.5)
    seat = styles[3] if rng.random() < 0.4 else styles[0]
    if rng.random() < 0.5:
        made.append(cushion((width, rng.uniform(4, 9), deep), (0, high - 2, 0), seat, 0.25))
    else:
        made.append(cuboid((width, 3, deep), (0, high - 2, 0), seat))
    if rng.random() < 0.15:
        return made
    top, z = high + rng.uniform(28, 55), -deep / 2 + thick / 2
    kind = rng.integers(4)
    if kind == 0:
        made.append(cushion((width, top - high - 12, 6), (0, high + 10, z), seat, 0.3))
    if kind == 1:
        for row in range(int(rng.integers(1, 5))):
            made.append(cuboid((width - 2, 6, 2), (0, top - 8 - 11 * row, z), styles[1]))
    if kind == 2:
        many = int(rng.integers(3, 8))
        for place in range(many):
            x = ((place + 0.5) / many - 0.5) * (width - 4)
            made.append(cuboid((2, top - high, 2), (x, high, z), styles[1]))
    if kind == 3:
        made.append(cushion((width, top - high, 5), (0, high, z), styles[0], 0.2))
    made += [
        cuboid((thick, top - high, thick), (side * (width - thick) / 2, high, z), styles[1])
        for side in (-1, 1)
    ]
    if kind != 0:
        made.append(cuboid((width, 6, 2.5), (0, top - 3, z), styles[1]))
    if rng.random() < 0.2:
        for side in (-1, 1):
            x = side * (width / 2 + 1)
            made.append(cuboid((3, 3, deep), (x, high + 20, 0), styles[1]))
            made.append(cuboid((3, 22, 3), (x, high, deep / 2 - 2), styles[1]))
    return made


def lamp(rng: np.random.Generator, styles: list[Style]) -> list[Solid]:
    """A lamp on the floor or on a table with a shade that glows or not."""
    high = rng.uniform(130, 180) if rng.random() < 0.5 else rng.uniform(35, 65)
    wide, narrow = rng.uniform(0.14, 0.3) * min(high, 90), rng.uniform(0.5, 1.0)
    shade = min(high * 0.4, rng.uniform(16, 34))
    glow = Style(styles[4].colour, -1, float(rng.choice([0.0, 0.6, 1.0])))
    return [
        turned([(wide * 0.7, 0), (wide * 0.7, 2), (1, 3)], (0, 0, 0), styles[2]),
        turned([(1.2, 0), (1.2, high - shade)], (0, 2, 0), styles[2]),
        turned([(wide, 0), (wide * narrow, shade)], (0, high - shade, 0), glow),
    ]
