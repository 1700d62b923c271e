"""Photos of rendered rooms with the boxes of their pieces, as files."""

from __future__ import annotations

import io
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tools.proposer_builder.drawing import Camera, Drawer, Placed
from tools.proposer_builder.pieces import Models, Tiles
from tools.proposer_builder.rooms import camera, furnished
from tools.proposer_builder.shell import Room

LONG_SIDE = 448
"""Longer side of a photo in pixels."""
_FINER = 1.2
_ASPECTS = (4 / 3, 4 / 3, 3 / 2, 1.0, 16 / 9, 3 / 4, 1.55)

LEAST_SHARE = 0.006
"""Share of the photo that a piece's box covers at least; what covers less is ignored."""
LEAST_SEEN = 0.34
"""Share of its whole box, as far as it is in the photo, that the seen part's box covers."""


@dataclass(frozen=True)
class Box:
    """A piece in a photo: left, top, right and bottom, 0 to 1, its kind, and whether it counts."""

    left: float
    top: float
    right: float
    bottom: float
    kind: str
    counts: bool = True


def boxes_of(
    numbers: NDArray[np.int64],
    kinds: list[str],
    whole: dict[int, tuple[float, float, float, float]],
) -> list[Box]:
    """Boxes of the pieces whose numbers (h, w) an id pass gives.

    Args:
        numbers: The piece that every pixel shows, 0 for none.
        kinds: Kind of each piece, the first has number 1.
        whole: Box of each piece as if nothing stood before it, 0 to 1, cut to the photo.
    """
    height, width = numbers.shape
    found = []
    for number, kind in enumerate(kinds, start=1):
        mask = numbers == number
        # Single pixels through a gap are nothing that a person would draw a box around.
        rows = np.flatnonzero(mask.sum(axis=1) > 1)
        columns = np.flatnonzero(mask.sum(axis=0) > 1)
        if len(rows) < 4 or len(columns) < 4:
            continue
        left, right = columns[0] / width, (columns[-1] + 1) / width
        top, bottom = rows[0] / height, (rows[-1] + 1) / height
        area = (right - left) * (bottom - top)
        a, b, c, d = whole.get(number, (left, top, right, bottom))
        seen = area / max((c - a) * (d - b), area)
        filled = mask.mean() / area
        counts = area >= LEAST_SHARE and seen >= LEAST_SEEN and filled >= 0.1
        found.append(Box(float(left), float(top), float(right), float(bottom), kind, bool(counts)))
    return found


def whole_boxes(
    placed: list[Placed], eye: Camera, aspect: float
) -> dict[int, tuple[float, float, float, float]]:
    """Box of each numbered piece with nothing before it, cut to the photo."""
    spans: dict[int, list[NDArray[np.float64]]] = {}
    for thing in placed:
        if thing.number:
            matrix = thing.matrix()
            for solid in thing.solids:
                points = solid.points[:: max(1, len(solid.points) // 3000)]
                world = points @ matrix[:3, :3].T + matrix[:3, 3]
                spans.setdefault(thing.number, []).append(eye.project(world, aspect))
    boxes = {}
    for number, parts in spans.items():
        seen = np.concatenate(parts)
        seen = seen[np.isfinite(seen).all(axis=1)].clip(0, 1)
        if len(seen):
            low, high = seen.min(axis=0), seen.max(axis=0)
            boxes[number] = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return boxes


def spoilt(rng: np.random.Generator, pixels: NDArray[np.uint8]) -> bytes:
    """A photo as cameras and shops leave it, as JPEG."""
    values = pixels.astype(np.float32) / 255
    # Renders are dim and even; photos are lifted, and their light falls off.
    values = 1 - (1 - values) ** rng.uniform(1.0, 2.0)
    values = values ** rng.uniform(0.75, 1.3) * rng.uniform(0.8, 1.12)
    values *= 1 + rng.normal(0, 0.05, 3).astype(np.float32)
    if rng.random() < 0.5:
        height, width = values.shape[:2]
        rows, columns = np.mgrid[0:height, 0:width] / np.array([height, width])[:, None, None] - 0.5
        falls = 1 - rng.uniform(0, 0.7) * (rows**2 + columns**2)
        slant = 1 + rng.uniform(-0.3, 0.3) * columns + rng.uniform(-0.2, 0.2) * rows
        values *= (falls * slant)[:, :, None].astype(np.float32)
    if rng.random() < 0.3:
        grey = values.mean(axis=2, keepdims=True)
        values = grey + (values - grey) * rng.uniform(0.2, 1.5)
    if rng.random() < 0.6:
        values += rng.normal(0, rng.uniform(0.003, 0.03), values.shape).astype(np.float32)
    image = Image.fromarray(np.rint(values.clip(0, 1) * 255).astype(np.uint8))
    if rng.random() < 0.4:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    elif rng.random() < 0.3:
        image = image.filter(ImageFilter.UnsharpMask(2, 80, 2))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=int(rng.integers(55, 95)))
    return out.getvalue()


def render(
    folder: Path,
    count: int,
    *,
    source: Path,
    tiles_folder: Path,
    held_out: bool,
    seed: int,
    views: int = 5,
    report: Callable[[str], None] = print,
) -> None:
    """Write `count` photos of rooms, some of each, and ``boxes.jsonl`` into a folder.

    Rooms are numbered; a number gives the same room whichever are drawn before it. A folder that
    has photos already gets what it lacks.

    Args:
        folder: Made where it is not there.
        count: Photos that it has in the end, or some more where it had them.
        source: Folder of Sweet Home 3D's libraries.
        tiles_folder: Tiles of materials, one folder a class.
        held_out: Whether rooms are made of the models and tiles held out, or of all others.
        seed: Of the rooms.
        views: Photos of each room at the most.
        report: Told how far it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listing = folder / "boxes.jsonl"
    lines = listing.read_text("utf-8").splitlines() if listing.exists() else []
    rooms = [int(json.loads(line)["image"].partition("-")[0]) for line in lines]
    if len(lines) >= count:
        return
    # The last room may lack photos.
    first = rooms[-1] if rooms else 0
    lines = [line for line, room in zip(lines, rooms, strict=True) if room < first]
    listing.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    tiles = Tiles(tiles_folder, held_out=held_out)
    studio = Studio(
        Models(source, held_out=held_out), tiles, Drawer(tiles), folder, seed=seed, views=views
    )
    began, had, wrote = time.monotonic(), len(lines), len(lines)
    for number in itertools.count(first):
        if wrote >= count:
            return
        found = studio.photos_of(number)
        with listing.open("a", encoding="utf-8") as out:
            out.writelines(f"{json.dumps(line)}\n" for line in found)
        wrote += len(found)
        if number % 50 == 0:
            took = (time.monotonic() - began) / max(1, wrote - had)
            report(f"{wrote} photos, {took:.2f} s each")


@dataclass(frozen=True, eq=False)
class Studio:
    """What rooms are furnished and drawn with, and where their photos go."""

    models: Models
    tiles: Tiles
    drawer: Drawer
    folder: Path
    seed: int
    views: int

    def photos_of(self, number: int) -> list[dict[str, object]]:
        """Write the photos of one room; each one's line of ``boxes.jsonl``."""
        rng = np.random.default_rng([self.seed, number])
        room = furnished(rng, self.models, self.tiles)
        eyes = _eyes(rng, room, self.views)
        drawn = self.drawer.draw(
            room.placed, room.lamps, room.ambient,
            [(eye, int(w * _FINER), int(h * _FINER)) for eye, w, h in eyes],
        )  # fmt: skip
        lines: list[dict[str, object]] = []
        for view, ((eye, width, height), (pixels, numbers)) in enumerate(
            zip(eyes, drawn, strict=True)
        ):
            boxes = boxes_of(numbers, room.kinds, whole_boxes(room.placed, eye, width / height))
            if not any(box.counts for box in boxes):
                continue
            small = Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX)
            name = f"{number:06d}-{view}.jpg"
            (self.folder / name).write_bytes(spoilt(rng, np.asarray(small)))
            lines.append({"image": name, "boxes": [asdict(box) for box in boxes]})
        return lines


def _eyes(rng: np.random.Generator, room: Room, views: int) -> list[tuple[Camera, int, int]]:
    eyes = []
    for _ in range(views):
        aspect = float(rng.choice(_ASPECTS))
        width = round(LONG_SIDE * min(1.0, aspect))
        height = round(LONG_SIDE / max(1.0, aspect))
        eyes.append((camera(rng, room), width, height))
    return eyes
