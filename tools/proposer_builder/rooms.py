"""Rooms to draw: what stands along the walls and free, and cameras inside."""

from __future__ import annotations

import math

import numpy as np

from tools.proposer_builder import solids
from tools.proposer_builder.drawing import Camera, Placed
from tools.proposer_builder.pieces import (
    Models,
    Thing,
    Tiles,
    colour,
    dressed,
    hard,
    made,
    piece,
    soft,
    styles,
)
from tools.proposer_builder.shell import Room, hang, on_wall, shell, wall_place
from tools.proposer_builder.solids import Style

_BESIDE = ("armchair", "ottoman", "chair", "seat")


def furnished(rng: np.random.Generator, models: Models, tiles: Tiles) -> Room:
    """A room with furniture."""
    room = Room(rng.uniform(300, 620), rng.uniform(280, 560), rng.uniform(235, 300))
    shell(rng, room, tiles)
    groups = {
        "sofa": _sofa_group, "bed": _bed_group, "meal": _meal_group, "desk": _desk_group,
        "kitchen": _kitchen,
    }  # fmt: skip
    names = list(groups)
    chances = np.array([0.3, 0.25, 0.22, 0.17, 0.06])
    for name in rng.choice(names, size=int(rng.integers(1, 3)), replace=False, p=chances):
        groups[name](rng, room, models, tiles)
    wanted = int(rng.integers(3, 10))
    for _ in range(wanted * 2):
        if len(room.kinds) > wanted + 4:
            break
        kind = rng.choice(
            ["storage", "seat", "table", "lamp", "other", "houseplant"],
            p=[0.42, 0.2, 0.13, 0.07, 0.1, 0.08],
        )
        found = piece(rng, models, tiles, str(kind))
        if found is None:
            continue
        if kind in ("storage", "other", "lamp") or rng.random() < 0.4:
            _along_wall(rng, room, found, tiles, models)
        else:
            _free(rng, room, found, tiles, models)
    hang(rng, room, tiles)
    _litter(rng, room, models, tiles)
    return room


def _along_wall(
    rng: np.random.Generator, room: Room, found: Thing, tiles: Tiles, models: Models,
    wall: int | None = None,
) -> bool:  # fmt: skip
    for _ in range(6):
        chosen = int(rng.choice(3, p=[0.5, 0.25, 0.25])) if wall is None else wall
        length = room.width if chosen == 0 else room.depth
        along = rng.uniform(-0.5, 0.5) * max(0.0, length - found.size[0])
        (x, z), turn = wall_place(room, chosen, along, found.size[2] / 2 + rng.uniform(0.5, 6))
        if room.put(found, x, z, turn) is not None:
            _on_top(rng, room, found, (x, z), turn, tiles, models)
            return True
    return False


def _free(rng: np.random.Generator, room: Room, found: Thing, tiles: Tiles, models: Models) -> bool:
    for _ in range(6):
        x = rng.uniform(-0.42, 0.42) * room.width
        z = rng.uniform(-0.42, 0.35) * room.depth
        turn = float(rng.choice([0, 90, 180, 270])) + rng.normal(0, 12)
        if rng.random() < 0.3:
            turn = rng.uniform(0, 360)
        if room.put(found, x, z, turn) is not None:
            _on_top(rng, room, found, (x, z), turn, tiles, models)
            return True
    return False


def _on_top(
    rng: np.random.Generator, room: Room, found: Thing, at: tuple[float, float], turn: float,
    tiles: Tiles, models: Models,
) -> None:  # fmt: skip
    if not found.flat:
        return
    angle = math.radians(turn)
    many = int(rng.choice([0, 1, 2, 3, 5, 8]))
    if found.kind == "storage" and rng.random() < 0.15:
        many += 1
    for count in range(many):
        small = dressed(rng, tiles, models.any(rng, "small"))
        kind = ""
        if found.kind == "storage" and count == 0 and rng.random() < 0.3:
            name = str(rng.choice(["tv", "table lamp", "houseplant", "desk lamp"]))
            small = dressed(rng, tiles, models.any(rng, name))
            kind = small.kind if small is not None else ""
        elif rng.random() < 0.35:
            small = _books(rng)
        if small is None:
            continue
        span = (found.size[0] - small.size[0], found.size[2] - small.size[2])
        if min(span) < 0:
            continue
        across, ahead = rng.uniform(-0.5, 0.5) * span[0], rng.uniform(-0.5, 0.5) * span[1]
        x = at[0] + across * math.cos(angle) + ahead * math.sin(angle)
        z = at[1] - across * math.sin(angle) + ahead * math.cos(angle)
        upright = turn + rng.normal(0, 25)
        room.placed.append(Placed(small.solids, room.number(kind), upright, (x, found.size[1], z)))


def _books(rng: np.random.Generator) -> Thing:
    parts, high = [], 0.0
    for _ in range(int(rng.integers(1, 5))):
        thick = rng.uniform(1, 4)
        size = (rng.uniform(15, 28), thick, rng.uniform(12, 22))
        parts.append(solids.cuboid(size, (rng.uniform(-2, 2), high, 0), Style(colour(rng))))
        high += thick
    return Thing("", tuple(parts), (30.0, high, 24.0))


def _sofa_group(rng: np.random.Generator, room: Room, models: Models, tiles: Tiles) -> None:
    sofa = (
        made(rng, tiles, solids.sofa, "seat") if rng.random() < 0.5
        else dressed(rng, tiles, models.any(rng, "sofa"))
    )  # fmt: skip
    if sofa is None:
        return
    wall = int(rng.choice(3, p=[0.5, 0.25, 0.25]))
    off = sofa.size[2] / 2 + (rng.uniform(1, 10) if rng.random() < 0.7 else rng.uniform(20, 120))
    length = room.width if wall == 0 else room.depth
    along = rng.uniform(-0.4, 0.4) * max(0.0, length - sofa.size[0])
    (x, z), turn = wall_place(room, wall, along, off)
    if room.put(sofa, x, z, turn) is None:
        return
    angle = math.radians(turn)
    ahead = sofa.size[2] / 2 + rng.uniform(35, 60)
    if rng.random() < 0.75:
        low = piece(rng, models, tiles, "table")
        low = (
            low
            if low is not None and low.size[1] < 60
            else dressed(rng, tiles, models.any(rng, "coffee table"))
        )
        if low is not None:
            far = ahead + low.size[2] / 2
            spot = (x + far * math.sin(angle), z + far * math.cos(angle))
            if room.put(low, *spot, turn) is not None:
                _on_top(rng, room, low, spot, turn, tiles, models)
    for side in (-1, 1):
        if rng.random() < 0.45:
            seat = (
                made(rng, tiles, solids.sofa, "seat") if rng.random() < 0.4
                else dressed(rng, tiles, models.any(rng, str(rng.choice(_BESIDE))))
            )  # fmt: skip
            if seat is not None:
                far, aside = (
                    ahead + rng.uniform(20, 70),
                    side * (sofa.size[0] / 2 + rng.uniform(0, 40)),
                )
                spot = (
                    x + far * math.sin(angle) + aside * math.cos(angle),
                    z + far * math.cos(angle) - aside * math.sin(angle),
                )
                room.put(seat, *spot, turn - side * rng.uniform(50, 110))
        if rng.random() < 0.3:
            beside = piece(rng, models, tiles, str(rng.choice(["lamp", "table", "houseplant"])))
            if beside is not None and max(beside.size[0], beside.size[2]) < 75:
                aside = side * (sofa.size[0] / 2 + beside.size[0] / 2 + 6)
                spot = (x + aside * math.cos(angle), z - aside * math.sin(angle))
                if room.put(beside, *spot, turn) is not None:
                    _on_top(rng, room, beside, spot, turn, tiles, models)
    if rng.random() < 0.6:
        _rug(rng, room, tiles, (x + ahead * math.sin(angle), z + ahead * math.cos(angle)), turn)


def _rug(
    rng: np.random.Generator, room: Room, tiles: Tiles, at: tuple[float, float], turn: float
) -> None:
    style = soft(rng, tiles)
    if rng.random() < 0.2:
        radius = rng.uniform(70, 130)
        part = solids.turned([(0.1, 1.2), (radius, 1.2), (radius, 0)], (0, 0, 0), style)
        room.placed.append(Placed([part], 0, 0.0, (at[0], 0.0, at[1])))
        return
    wide, deep = rng.uniform(140, 260), rng.uniform(90, 180)
    parts = [solids.cuboid((wide, 1.0, deep), (0, 0, 0), style)]
    if rng.random() < 0.5:
        stripe = Style(colour(rng))
        for place in range(int(rng.integers(1, 9))):
            z = ((place + 0.5) / 9 - 0.5) * deep
            parts.append(solids.cuboid((wide * 0.96, 1.2, deep / 24), (0, 0, z), stripe))
    room.placed.append(Placed(parts, 0, turn + rng.normal(0, 3), (at[0], 0.0, at[1])))


def _bed_group(rng: np.random.Generator, room: Room, models: Models, tiles: Tiles) -> None:
    bed = piece(rng, models, tiles, "bed")
    if bed is None:
        return
    wall = int(rng.choice(3, p=[0.4, 0.3, 0.3]))
    length = room.width if wall == 0 else room.depth
    along = rng.uniform(-0.5, 0.5) * max(0.0, length - bed.size[0])
    (x, z), turn = wall_place(room, wall, along, bed.size[2] / 2 + 1)
    if room.put(bed, x, z, turn) is None:
        return
    for side in (-1, 1):
        if rng.random() < 0.65:
            beside = (
                made(rng, tiles, solids.cabinet, "storage") if rng.random() < 0.6
                else dressed(rng, tiles, models.any(rng, "bedside table"))
            )  # fmt: skip
            if beside is None or beside.size[0] > 80 or beside.size[1] > 90:
                continue
            aside = along + side * (bed.size[0] / 2 + beside.size[0] / 2 + rng.uniform(2, 15))
            spot, _ = wall_place(room, wall, aside, beside.size[2] / 2 + 2)
            if room.put(beside, *spot, turn) is not None:
                _on_top(rng, room, beside, spot, turn, tiles, models)
    if rng.random() < 0.4:
        angle = math.radians(turn)
        far = bed.size[2] / 2 + 25
        spot = (x + far * math.sin(angle), z + far * math.cos(angle))
        foot = piece(rng, models, tiles, str(rng.choice(["seat", "bench", "storage"])))
        if foot is not None and foot.size[1] < 90 and foot.size[2] < 60:
            room.put(foot, *spot, turn)
        _rug(rng, room, tiles, spot, turn)


def _meal_group(rng: np.random.Generator, room: Room, models: Models, tiles: Tiles) -> None:
    table = piece(rng, models, tiles, "table")
    for _ in range(6):
        if (
            table is not None
            and 65 < table.size[1] < 110
            and min(table.size[0], table.size[2]) > 55
        ):
            break
        table = piece(rng, models, tiles, "table")
    chair = (
        made(rng, tiles, solids.chair, "seat") if rng.random() < 0.5
        else dressed(rng, tiles, models.any(rng, "chair"))
    )  # fmt: skip
    if table is None or chair is None or chair.size[0] > 75:
        return
    x, z = rng.uniform(-0.25, 0.25) * room.width, rng.uniform(-0.25, 0.2) * room.depth
    turn = float(rng.choice([0, 90])) + rng.normal(0, 4)
    if room.put(table, x, z, turn) is None:
        return
    _on_top(rng, room, table, (x, z), turn, tiles, models)
    angle = math.radians(turn)
    tucked = rng.uniform(-0.5, 0.25) * chair.size[2]
    each = max(1, int(table.size[0] // 70))
    spots = []
    for side in (-1, 1):
        for place in range(each):
            across = ((place + 0.5) / each - 0.5) * table.size[0]
            spots.append(
                (
                    across,
                    side * (table.size[2] / 2 + chair.size[2] / 2 + tucked),
                    0 if side < 0 else 180,
                )
            )
        spots.append(
            (side * (table.size[0] / 2 + chair.size[2] / 2 + tucked), 0.0, 90 if side < 0 else -90)
        )
    for across, ahead, own in spots:
        if rng.random() < 0.7:
            px = x + across * math.cos(angle) + ahead * math.sin(angle)
            pz = z - across * math.sin(angle) + ahead * math.cos(angle)
            away = rng.normal(0, 8)
            if abs(px) < room.width / 2 and abs(pz) < room.depth / 2:
                room.put(chair, px, pz, turn + own + away, force=True)
    if rng.random() < 0.6:
        _pendant(rng, room, models, tiles, (x, z))
    if rng.random() < 0.4:
        _rug(rng, room, tiles, (x, z), turn)


def _pendant(
    rng: np.random.Generator, room: Room, models: Models, tiles: Tiles, at: tuple[float, float]
) -> None:
    if rng.random() < 0.5:
        wide, tall = rng.uniform(12, 32), rng.uniform(15, 40)
        shade = Style(colour(rng), glow=float(rng.choice([0.0, 0.7])))
        parts = [
            solids.turned([(wide, 0), (wide * rng.uniform(0.1, 1), tall)], (0, 0, 0), shade),
            solids.turned([(0.5, tall), (0.5, 90)], (0, 0, 0), Style((0.1, 0.1, 0.1))),
        ]
        number = room.number("lamp")
        room.placed.append(Placed(parts, number, 0.0, (at[0], room.height - 90, at[1])))
        return
    found = dressed(rng, tiles, models.any(rng, "pendant lamp"))
    if found is not None:
        low = room.height - found.size[1]
        room.placed.append(Placed(found.solids, room.number("lamp"), 0.0, (at[0], low, at[1])))


def _desk_group(rng: np.random.Generator, room: Room, models: Models, tiles: Tiles) -> None:
    desk = (
        made(rng, tiles, solids.table, "table") if rng.random() < 0.5
        else dressed(rng, tiles, models.any(rng, "desk"))
    )  # fmt: skip
    if desk is None or desk.size[1] < 60:
        return
    wall = int(rng.integers(3))
    length = room.width if wall == 0 else room.depth
    along = rng.uniform(-0.5, 0.5) * max(0.0, length - desk.size[0])
    spot, turn = wall_place(room, wall, along, desk.size[2] / 2 + 2)
    if room.put(desk, *spot, turn) is None:
        return
    _on_top(rng, room, desk, spot, turn, tiles, models)
    seat = dressed(rng, tiles, models.any(rng, str(rng.choice(["office chair", "chair"]))))
    if seat is not None:
        near, _ = wall_place(
            room,
            wall,
            along + rng.normal(0, 15),
            desk.size[2] + seat.size[2] * rng.uniform(0.2, 0.6),
        )
        room.put(seat, *near, turn + 180 + rng.normal(0, 30), force=True)


def _kitchen(rng: np.random.Generator, room: Room, models: Models, tiles: Tiles) -> None:
    """A row of cabinets of one look along a wall: one piece, as nobody takes it apart."""
    wall = int(rng.choice(3, p=[0.5, 0.25, 0.25]))
    look = styles(rng, tiles)
    length = min(rng.uniform(180, 380), (room.width if wall == 0 else room.depth) - 20)
    parts = [
        solids.cuboid((length, 86, 58), (0, 0, 0), look[1]),
        solids.cuboid((length, 4, 62), (0, 86, 1), hard(rng, tiles)),
        *solids.fronts(rng, (-length / 2, length / 2, 10, 85), 29, look),
    ]
    low = Thing("storage", tuple(parts), (length, 90.0, 62.0), flat=True)
    along = rng.uniform(-0.5, 0.5) * ((room.width if wall == 0 else room.depth) - length)
    spot, turn = wall_place(room, wall, along, 31)
    if room.put(low, *spot, turn) is None:
        return
    _on_top(rng, room, low, spot, turn, tiles, models)
    if rng.random() < 0.6:
        upper = [
            solids.cuboid((length, 70, 34), (0, 0, 17), look[1]),
            *solids.fronts(rng, (-length / 2, length / 2, 0, 70), 34, look),
        ]
        room.placed.append(on_wall(room, wall, along, 145, upper, room.number("storage")))


def _litter(rng: np.random.Generator, room: Room, models: Models, tiles: Tiles) -> None:
    """Small things on the floor that are no pieces, and a rug where there was none."""
    if rng.random() < 0.3:
        at = (rng.uniform(-0.3, 0.3) * room.width, rng.uniform(-0.3, 0.3) * room.depth)
        _rug(rng, room, tiles, at, float(rng.choice([0, 90])))
    for _ in range(int(rng.choice([0, 0, 1, 3]))):
        small = dressed(rng, tiles, models.any(rng, "small"))
        x, z = rng.uniform(-0.45, 0.45) * room.width, rng.uniform(-0.45, 0.45) * room.depth
        if small is not None and room.free(x, z, (small.size[0], small.size[2])):
            room.placed.append(Placed(small.solids, 0, rng.uniform(0, 360), (x, 0.0, z)))


def camera(rng: np.random.Generator, room: Room) -> Camera:
    """A camera at eye height in the front half of a room, or before a wall it looks through."""
    w, d = room.width / 2, room.depth / 2
    style = rng.random()
    high = rng.uniform(95, 175)
    view = rng.uniform(34, 58)
    if style < 0.65:
        x, z = rng.uniform(-0.9, 0.9) * w, rng.uniform(0.2, 0.95) * d
    else:
        x, z = rng.uniform(-0.9, 0.9) * w, d + rng.uniform(0, 200)
        view = rng.uniform(26, 48)
    target = (rng.uniform(-0.6, 0.6) * w, rng.uniform(25, 115), rng.uniform(-1.0, -0.2) * d)
    pieces = [thing.at for thing in room.placed if thing.number]
    if pieces and style < 0.8:
        # Towards a piece, or between two, as people photograph what they mean.
        chosen = [
            pieces[place] for place in rng.integers(len(pieces), size=2 if style < 0.5 else 1)
        ]
        middle = np.mean(chosen, axis=0) + rng.normal(0, 25, 3)
        away = math.hypot(middle[0] - x, middle[2] - z)
        if away < 130:
            x, z = x * 0.9, z + 150
        target = (float(middle[0]), rng.uniform(30, 90), float(middle[2]))
    return Camera((x, high, z), target, view, rng.normal(0, 1.0))
