"""Pieces as rooms show them, each beside a photo of the same piece alone before white."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from furniture_prompter.domain.product import RgbImage
from furniture_prompter.domain.query import Crop
from tools.proposer_builder.drawing import Camera, Drawer, Lamp, Placed
from tools.proposer_builder.pieces import Models, Tiles
from tools.proposer_builder.rendering import Box, boxes_of, spoilt, whole_boxes
from tools.proposer_builder.rooms import camera, furnished

ROOMS = 250
"""Rooms that are drawn."""
SEED = 4242
LISTING = "pairs.jsonl"
_LONG_SIDE = 720
_ASPECTS = (4 / 3, 4 / 3, 3 / 2, 1.0, 1.55)
_MOST_OF_A_ROOM = 6
_LEAST_SHARE = 0.008
_ALONE_PX = 420
_ALONE_VIEW_DEG = 24.0
_MARGIN_PX = 8
_LEAST_PIXELS = 200


def draw_pairs(
    folder: Path, *, source: Path, tiles_folder: Path, report: Callable[[str], None]
) -> None:
    """Draw what is missing of the rooms and of their largest pieces alone; resumable.

    Args:
        folder: Gets the photos and, a line a room, ``pairs.jsonl``.
        source: Sweet Home 3D's libraries.
        tiles_folder: Tiles of materials, a folder for each class.
        report: Told how far it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listing = folder / LISTING
    lines = listing.read_text("utf-8").splitlines() if listing.exists() else []
    first = max((json.loads(line)["room"] for line in lines), default=-1) + 1
    if first >= ROOMS:
        return
    tiles = Tiles(tiles_folder, held_out=False)
    models, drawer = Models(source, held_out=False), Drawer(tiles)
    for number in range(first, ROOMS):
        pieces = _drawn(number, folder, models, tiles, drawer)
        with listing.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"room": number, "pieces": pieces}) + "\n")
        if number % 10 == 0:
            report(f"{number + 1} of {ROOMS} rooms")


def read_pairs(folder: Path) -> Iterator[tuple[RgbImage, RgbImage]]:
    """Each piece cut out of its room, and alone; pixels of shape (h, w, 3)."""
    for line in (folder / LISTING).read_text("utf-8").splitlines():
        told = json.loads(line)
        if not told["pieces"]:
            continue
        room = np.asarray(Image.open(folder / f"{told['room']:05d}.jpg").convert("RGB"))
        for name, (left, top, right, bottom) in told["pieces"].items():
            cut = Crop(left, top, right - left, bottom - top).cut(room)
            yield cut, np.asarray(Image.open(folder / name).convert("RGB"))


def _drawn(
    number: int, folder: Path, models: Models, tiles: Tiles, drawer: Drawer
) -> dict[str, tuple[float, float, float, float]]:
    """Draw a room; boxes of its pieces by the names of their own photos, 0 to 1."""
    rng = np.random.default_rng([SEED, number])
    room = furnished(rng, models, tiles)
    aspect = float(rng.choice(_ASPECTS))
    width = round(_LONG_SIDE * min(1.0, aspect))
    height = round(_LONG_SIDE / max(1.0, aspect))
    eye = camera(rng, room)
    drawn = drawer.draw(room.placed, room.lamps, room.ambient, [(eye, width, height)])
    pixels, seen = drawn[0]
    whole = whole_boxes(room.placed, eye, aspect)
    # One at a time, so that each box keeps the number of its piece.
    found: list[tuple[int, Box]] = []
    for piece, kind in enumerate(room.kinds, start=1):
        own = {1: whole[piece]} if piece in whole else {}
        one = boxes_of((seen == piece).astype(np.int64), [kind], own)
        found += [(piece, box) for box in one]
    if not any(box.counts for _, box in found):
        return {}
    (folder / f"{number:05d}.jpg").write_bytes(spoilt(rng, pixels))
    large = [
        (area, place)
        for place, (_, box) in enumerate(found)
        if box.counts and (area := (box.right - box.left) * (box.bottom - box.top)) >= _LEAST_SHARE
    ]
    pieces = {}
    for _, place in sorted(large, key=lambda each: (-each[0], each[1]))[:_MOST_OF_A_ROOM]:
        piece, box = found[place]
        things = [thing for thing in room.placed if thing.number == piece]
        if len(things) == 1 and (alone := _alone(rng, things[0], drawer)) is not None:
            name = f"{number:05d}-{place}.png"
            Image.fromarray(alone).save(folder / name)
            pieces[name] = (box.left, box.top, box.right, box.bottom)
    return pieces


def _alone(rng: np.random.Generator, thing: Placed, drawer: Drawer) -> NDArray[np.uint8] | None:
    """A thing before white, from about its front, as catalogs show it, cut close, (h, w, 3)."""
    points = np.concatenate([solid.points for solid in thing.solids])
    low, high = points.min(axis=0), points.max(axis=0)
    middle, radius = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    around = math.radians(rng.uniform(-50, 50))
    above = math.radians(rng.uniform(3, 25))
    away = radius / math.sin(math.radians(_ALONE_VIEW_DEG / 2)) * 1.03
    ahead = (
        math.sin(around) * math.cos(above), math.sin(above), math.cos(around) * math.cos(above)
    )  # fmt: skip

    def at(way: tuple[float, float, float], distance: float) -> tuple[float, float, float]:
        x, y, z = (middle + distance * np.array(way)).tolist()
        return x, y, z

    white = (1.0, 1.0, 1.0)
    lamps = [Lamp(at((-2, 3, 3), radius), white, 0.45), Lamp(at((3, 2, 2), radius), white, 0.3)]
    eye = Camera(at(ahead, away), at((0, 0, 0), 0), _ALONE_VIEW_DEG)
    drawn = drawer.draw([Placed(thing.solids, 1)], lamps, 0.62, [(eye, _ALONE_PX, _ALONE_PX)])
    pixels, seen = drawn[0]
    mask = seen == 1
    if mask.sum() < _LEAST_PIXELS:
        return None
    # Renders are dim; catalogs' photos are not.
    lifted = np.rint(255 * (1 - (1 - pixels / 255) ** 1.35))
    rows, columns = np.nonzero(mask)
    top, left = max(0, rows.min() - _MARGIN_PX), max(0, columns.min() - _MARGIN_PX)
    shown: NDArray[np.uint8] = np.where(mask[:, :, np.newaxis], lifted, 255).astype(np.uint8)
    return np.ascontiguousarray(
        shown[top : rows.max() + _MARGIN_PX + 1, left : columns.max() + _MARGIN_PX + 1]
    )
