"""The shell of a room to draw: floor, walls with what hangs on them, light, and what is free."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from tools.proposer_builder import solids
from tools.proposer_builder.drawing import Lamp, Placed
from tools.proposer_builder.pieces import Thing, Tiles, colour, hard, soft
from tools.proposer_builder.solids import Solid, Style

MOST_PIECES = 40


@dataclass(eq=False)
class Room:
    """A room as it fills.

    Attributes:
        width, depth, height: Of the room; the back wall is at -depth / 2, right is +x.
        placed: What stands in it.
        kinds: Kind of each numbered piece, the first has number 1.
        lamps: Lights.
        ambient: Light that is everywhere.
    """

    width: float
    depth: float
    height: float
    placed: list[Placed] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    lamps: list[Lamp] = field(default_factory=list)
    ambient: float = 0.5
    _taken: list[tuple[float, float, float, float]] = field(default_factory=list)

    def number(self, kind: str) -> int:
        """A new piece's number; 0 for a thing without a kind, which is none."""
        if not kind or len(self.kinds) >= MOST_PIECES:
            return 0
        self.kinds.append(kind)
        return len(self.kinds)

    def free(self, x: float, z: float, span: tuple[float, float], gap: float = 4.0) -> bool:
        """Whether a rectangle of the floor lies in the room and nothing stands on it."""
        left, right = x - span[0] / 2 - gap, x + span[0] / 2 + gap
        back, front = z - span[1] / 2 - gap, z + span[1] / 2 + gap
        if left < -self.width / 2 - gap - 1 or right > self.width / 2 + gap + 1:
            return False
        if back < -self.depth / 2 - gap - 1 or front > self.depth / 2 + gap + 1:
            return False
        return not any(
            left < b and right > a and back < d and front > c for a, b, c, d in self._taken
        )

    def put(
        self, thing: Thing, x: float, z: float, turn: float, *, force: bool = False
    ) -> int | None:
        """Stand a thing on the floor where it is free; its number, or None where it is not."""
        span = footprint(thing, turn)
        if not force and not self.free(x, z, span):
            return None
        if thing.size[1] > self.height:
            return None
        number = self.number(thing.kind)
        self.placed.append(Placed(thing.solids, number, turn, (x, 0.0, z)))
        self._taken.append((x - span[0] / 2, x + span[0] / 2, z - span[1] / 2, z + span[1] / 2))
        return number


def footprint(thing: Thing, turn_deg: float) -> tuple[float, float]:
    """Width and depth of the floor under a turned thing."""
    c, s = abs(math.cos(math.radians(turn_deg))), abs(math.sin(math.radians(turn_deg)))
    return thing.size[0] * c + thing.size[2] * s, thing.size[0] * s + thing.size[2] * c


def shell(rng: np.random.Generator, room: Room, tiles: Tiles) -> None:
    """Floor, walls, ceiling, windows, doors and light of an empty room."""
    w, d, h = room.width / 2, room.depth / 2, room.height
    floor = rng.random()
    if floor < 0.6:
        tint = rng.uniform(0.6, 1.3)
        under = Style(
            (tint, tint * 0.98, tint * 0.94), tiles.any(rng, "WoodFloor", "Planks", "Wood")
        )
    elif floor < 0.8:
        under = soft(rng, tiles)
    else:
        under = Style(
            (1.0, 1.0, 1.0), tiles.any(rng, "Tiles", "Carpet", "Concrete", "Marble", "Terrazzo")
        )
    side = rng.random()
    if side < 0.66:
        walls = Style(colour(rng, pale=rng.random() < 0.7))
    elif side < 0.8:
        red, green, blue = colour(rng, pale=True)
        walls = Style((red, green, blue), tiles.any(rng, "Plaster", "Paint", "Concrete"))
    else:
        walls = Style(
            (1.1, 1.1, 1.1), tiles.any(rng, "Wallpaper", "Tiles", "Bricks", "WoodSiding", "Planks")
        )
    accent = Style(colour(rng)) if rng.random() < 0.25 else walls
    ceiling = Style(colour(rng, pale=True))
    sheets = [
        solids.quad([(-w, 0, d), (w, 0, d), (w, 0, -d), (-w, 0, -d)], under),
        solids.quad([(-w, h, -d), (w, h, -d), (w, h, d), (-w, h, d)], ceiling),
        solids.quad([(-w, 0, -d), (w, 0, -d), (w, h, -d), (-w, h, -d)], accent),
        solids.quad([(-w, 0, d), (-w, 0, -d), (-w, h, -d), (-w, h, d)], walls),
        solids.quad([(w, 0, -d), (w, 0, d), (w, h, d), (w, h, -d)], walls),
        solids.quad([(w, 0, d), (-w, 0, d), (-w, h, d), (w, h, d)], walls),
    ]
    room.placed.append(Placed(sheets, one_sided=True))
    if rng.random() < 0.7:
        skirting = Style(colour(rng, pale=True))
        tall = rng.uniform(5, 12)
        room.placed.append(
            Placed(
                [
                    solids.cuboid((2 * w, tall, 1.5), (0, 0, -d + 0.8), skirting),
                    solids.cuboid((1.5, tall, 2 * d), (-w + 0.8, 0, 0), skirting),
                    solids.cuboid((1.5, tall, 2 * d), (w - 0.8, 0, 0), skirting),
                ]
            )
        )
    # Windows and doors: on which wall, at which place along it.
    for wall in rng.permutation(3)[: int(rng.integers(1, 4))]:
        length = 2 * w if wall == 0 else 2 * d
        wide = rng.uniform(60, min(220.0, length * 0.6))
        along = rng.uniform(-1, 1) * (length - wide) / 2
        low = rng.uniform(70, 100) if rng.random() < 0.7 else 0.0
        parts = _window(rng, wide, min(h - low - 15, rng.uniform(110, 200)), tiles, curtains=True)
        if rng.random() < 0.3:
            low, parts = 0.0, _door(rng)
        room.placed.append(on_wall(room, int(wall), along, low, parts))
        near, _ = wall_place(room, int(wall), along, 40.0)
        room.lamps.append(
            Lamp((near[0], 190.0, near[1]), (0.95, 0.98, 1.05), rng.uniform(0.1, 0.5))
        )
    room.ambient = rng.uniform(0.3, 0.6)
    for _ in range(int(rng.integers(1, 3))):
        warm = rng.uniform(0.75, 1.0)
        at = (rng.uniform(-w, w) * 0.8, rng.uniform(0.6, 0.97) * h, rng.uniform(-d, d) * 0.8)
        room.lamps.append(Lamp(at, (1.0, 0.5 + warm / 2, warm), rng.uniform(0.1, 0.45)))


def wall_place(
    room: Room, wall: int, along: float, off: float
) -> tuple[tuple[float, float], float]:
    """Where on the floor, and turned how, something stands off a wall: back, left or right."""
    if wall == 0:
        return (along, -room.depth / 2 + off), 0.0
    if wall == 1:
        return (-room.width / 2 + off, along), 90.0
    return (room.width / 2 - off, along), -90.0


def on_wall(
    room: Room, wall: int, along: float, low: float, parts: list[Solid], number: int = 0
) -> Placed:
    """Solids that hang at a height on a wall: back, left or right."""
    (x, z), turn = wall_place(room, wall, along, 0.5)
    return Placed(parts, number, turn, (x, low, z))


def _window(
    rng: np.random.Generator, wide: float, high: float, tiles: Tiles, *, curtains: bool
) -> list[Solid]:
    sky = Style(
        colour(rng, pale=True), tiles.any(rng, "Grass", "Ground") if rng.random() < 0.1 else -1, 1.0
    )
    frame = Style(colour(rng, pale=rng.random() < 0.8))
    parts = [solids.cuboid((wide, high, 0.6), (0, 0, 0), sky)]
    upright = np.linspace(-wide / 2, wide / 2, int(rng.integers(2, 5)))
    parts += [solids.cuboid((5, high, 4), (float(x), 0, 1), frame) for x in upright]
    level = np.linspace(0, high - 5, int(rng.integers(2, 4)))
    parts += [solids.cuboid((wide, 5, 4), (0, float(y), 1), frame) for y in level]
    if rng.random() < 0.25:
        slat = Style(colour(rng, pale=True), glow=0.3)
        slats = np.arange(high * rng.uniform(0.1, 0.6), high, 5)
        parts += [solids.cuboid((wide - 6, 3.6, 1), (0, float(y), 4), slat) for y in slats]
    if curtains and rng.random() < 0.55:
        cloth = soft(rng, tiles)
        part = rng.uniform(20, 50)
        reach = rng.uniform(0, 60)
        for side in (-1, 1):
            folds = int(part // 6)
            for fold in range(folds):
                x = side * (wide / 2 + 12 - fold * 6)
                parts.append(
                    solids.turned([(3.6, 0), (3.6, high + 12 + reach)], (x, -reach, 7), cloth)
                )
    return parts


def _door(rng: np.random.Generator) -> list[Solid]:
    leaf, frame = Style(colour(rng, pale=rng.random() < 0.6)), Style(colour(rng, pale=True))
    parts = [
        solids.cuboid((96, 210, 3), (0, 0, 0), frame),
        solids.cuboid((80, 202, 5), (0, 0, 0.5), leaf),
        solids.cuboid((11, 2, 6), (-30, 100, 4), Style((0.6, 0.6, 0.6))),
    ]
    if rng.random() < 0.5:
        parts += [solids.cuboid((56, 75, 6), (0, low, 0.8), leaf) for low in (20.0, 110.0)]
    return parts


def hang(rng: np.random.Generator, room: Room, tiles: Tiles) -> None:
    """Pictures, mirrors and shelves on the walls."""
    for _ in range(int(rng.integers(0, 6))):
        wall = int(rng.choice(3, p=[0.5, 0.25, 0.25]))
        length = room.width if wall == 0 else room.depth
        wide = rng.uniform(20, 110)
        high = wide * rng.uniform(0.6, 1.6)
        low = rng.uniform(105, 160)
        if low + high > room.height - 10:
            continue
        along = rng.uniform(-0.5, 0.5) * (length - wide)
        if rng.random() < 0.2:
            plank = hard(rng, tiles)
            parts = [solids.cuboid((wide, 3, 22), (0, 0, 11), plank)]
            for x in np.arange(-wide / 2 + 5, wide / 2 - 5, 9):
                if rng.random() < 0.6:
                    tall = rng.uniform(8, 28)
                    parts.append(
                        solids.cuboid((6, tall, 12), (float(x), 3, 10), Style(colour(rng)))
                    )
            room.placed.append(on_wall(room, wall, along, low, parts))
            continue
        frame = Style(colour(rng))
        parts = [
            solids.cuboid((wide, high, 2), (0, 0, 0), frame),
            solids.cuboid((wide - 5, high - 5, 3), (0, 2.5, 0), Style(colour(rng, pale=True))),
        ]
        for _ in range(int(rng.integers(0, 7))):
            part = rng.uniform(0.1, 0.5, 2)
            aside = rng.uniform(-0.5, 0.5) * (0.7 - part[0]) * wide
            up = rng.uniform(0.12, 0.88 - part[1]) * high
            style = Style(
                colour(rng), int(rng.integers(len(tiles.files))) if rng.random() < 0.3 else -1
            )
            size = (part[0] * wide, part[1] * high, 3.2 + rng.uniform(0, 0.5))
            parts.append(solids.cuboid(size, (aside, up, 0), style))
        room.placed.append(on_wall(room, wall, along, low, parts))
