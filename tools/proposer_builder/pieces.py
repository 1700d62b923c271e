"""What stands in rendered rooms: Sweet Home 3D's models in true size, and some put together."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tools.catalog_builder.libraries import SourceModel, read_all
from tools.catalog_builder.meshes import Part, box_uvs, load_parts
from tools.catalog_builder.planning import Selected, Selection
from tools.proposer_builder import solids
from tools.proposer_builder.solids import TILE_CM, Solid, Style

KINDS: Final = ("seat", "table", "storage", "bed", "lamp", "other")
"""What the finder tells apart, roughly: it is there to find pieces, not to name them."""

_CATEGORIES: Final = {
    "seat": ("armchair", "bar stool", "bench", "chair", "child chair", "corner sofa", "deck chair",
             "garden chair", "high chair", "office chair", "ottoman", "sofa", "sofa bed", "stool"),
    "table": ("coffee table", "desk", "dressing table", "garden table", "table", "workbench",
              "game table"),
    "storage": ("bedside table", "bookcase", "cabinet", "changing table", "chest", "dresser",
                "filing cabinet", "kitchen cabinet", "kitchen island", "shelf", "tv stand",
                "wardrobe", "wall unit", "bathroom cabinet", "clothes rack"),
    "bed": ("bed", "bunk bed", "child bed", "crib"),
    "lamp": ("floor lamp", "table lamp", "desk lamp", "pendant lamp", "chandelier"),
    "other": ("houseplant", "fridge", "washing machine", "oven", "piano", "room divider", "tv",
              "fireplace", "laundry basket", "fan", "aquarium", "christmas tree", "storage box",
              "trash can", "washbasin", "toilet", "bathtub", "safe", "suitcase"),
}  # fmt: skip
SMALL: Final = (
    "vase", "flowers", "bowl", "candle", "clock", "coffee maker", "cup", "glass", "kettle",
    "kitchen appliance", "kitchen utensil", "microwave", "plate", "speaker", "stereo", "toy",
    "tray",
    "picture frame", "office accessory", "figurine", "desk lamp", "table lamp", "houseplant",
)  # fmt: skip
"""Categories of things that stand on tables and shelves."""
MOST_TRIANGLES: Final = 30_000
"""Models of more triangles are left out: a room of them takes seconds."""
HELD_OUT_OF: Final = 8
"""One model in so many, by its place among the sorted ids, is in validation rooms only."""


@dataclass(frozen=True, eq=False)
class Thing:
    """Something to place.

    Attributes:
        kind: One of KINDS; empty where it counts as no piece.
        solids: Its triangles.
        size: Width, height and depth in centimetres.
        flat: Whether things can stand on it.
    """

    kind: str
    solids: tuple[Solid, ...]
    size: tuple[float, float, float]
    flat: bool = False


def thing(kind: str, parts: list[Solid], *, flat: bool = False) -> Thing:
    """Solids as one thing, brought to stand around the middle."""
    points = np.concatenate([part.points for part in parts])
    low, high = points.min(axis=0), points.max(axis=0)
    shift = (-float(low[0] + high[0]) / 2, -float(low[1]), -float(low[2] + high[2]) / 2)
    width, height, depth = (float(v) for v in high - low)
    return Thing(
        kind, tuple(solids.moved(part, shift) for part in parts), (width, height, depth), flat
    )


class Models:
    """Models by kind, read when they are first placed."""

    def __init__(self, source: Path, *, held_out: bool) -> None:
        """Take the models that validation rooms are made of, or all others."""
        selection = Selection()
        self._source = source
        kinds = {name: kind for kind, names in _CATEGORIES.items() for name in names}
        self._of: dict[str, list[SourceModel]] = {}
        self._read: dict[str, Thing | None] = {}
        models = sorted(read_all(source), key=lambda model: model.model_id)
        for place, model in enumerate(models):
            decided = selection.decide(model)
            if not isinstance(decided, Selected) or (place % HELD_OUT_OF == 0) != held_out:
                continue
            names = [decided.category]
            if decided.category in kinds:
                names.append(kinds[decided.category])
            if decided.category in SMALL and max(model.width_cm, model.height_cm) < 60:
                names.append("small")
            for name in names:
                self._of.setdefault(name, []).append(model)

    def any(self, rng: np.random.Generator, name: str) -> Thing | None:
        """A thing of a kind or a category; None where there is none that can be drawn."""
        models = self._of.get(name, [])
        for _ in range(5 if models else 0):
            model = models[rng.integers(len(models))]
            if model.model_id not in self._read:
                self._read[model.model_id] = _read(model, self._source)
            if (found := self._read[model.model_id]) is not None:
                return found
        return None


def _read(model: SourceModel, source: Path) -> Thing | None:
    kinds = {name: kind for kind, names in _CATEGORIES.items() for name in names}
    decided = Selection().decide(model)
    category = decided.category if isinstance(decided, Selected) else ""
    kind = kinds.get(category, "")
    parts = load_parts(model, source)
    if sum(len(part.points) for part in parts) // 3 > MOST_TRIANGLES:
        return None
    low = kind in ("table", "storage") and model.height_cm < 125
    flat = low or category == "kitchen cabinet"
    return Thing(
        kind, tuple(_solid(part) for part in parts),
        (model.width_cm, model.height_cm, model.depth_cm), flat,
    )  # fmt: skip


def _solid(part: Part) -> Solid:
    texture = None
    red, green, blue = (max(level, 0.05) for level in part.material.diffuse)
    if part.texture is not None and part.uvs is not None:
        image = Image.open(io.BytesIO(part.texture)).convert("RGBA")
        image.thumbnail((512, 512))
        texture = np.asarray(image)
        if texture[:, :, 3].min() == 255:
            texture = texture[:, :, :3]
        red = green = blue = 1.0
    uvs = part.uvs if texture is not None else box_uvs(part.points, TILE_CM, grain=False)
    assert uvs is not None  # noqa: S101  # a texture goes with coordinates
    return Solid(
        part.points.astype(np.float32), part.normals.astype(np.float32), uvs.astype(np.float32),
        Style((red, green, blue)), texture,
    )  # fmt: skip


class Tiles:
    """Tiles of materials by their class, as images."""

    def __init__(self, folder: Path, *, held_out: bool) -> None:
        """List those of validation rooms, or all others."""
        files = sorted(folder.glob("*/*.jpg"))
        self.files = [file for place, file in enumerate(files) if (place % 8 == 0) == held_out]
        self._of: dict[str, list[int]] = {}
        for number, file in enumerate(self.files):
            self._of.setdefault(file.parent.name, []).append(number)
        self._read: dict[int, NDArray[np.uint8]] = {}

    def any(self, rng: np.random.Generator, *materials: str) -> int:
        """The number of a tile of one of some classes; -1 where there is none."""
        choice = [number for name in materials for number in self._of.get(name, [])]
        return int(choice[rng.integers(len(choice))]) if choice else -1

    def image(self, number: int) -> NDArray[np.uint8]:
        """A tile's pixels, shape (h, w, 3)."""
        if number not in self._read:
            self._read[number] = np.asarray(Image.open(self.files[number]).convert("RGB"))
        return self._read[number]


def colour(rng: np.random.Generator, *, pale: bool = False) -> solids.Colour:
    """A colour as rooms and furniture have them: mostly greys, browns and whites, some strong."""
    tone = rng.random()
    level = rng.uniform(0.65, 1.0) if pale or tone < 0.3 else rng.uniform(0.05, 0.85)
    strong = rng.uniform(0.0, 0.12) if tone < 0.65 else rng.uniform(0.1, 0.7)
    hue = rng.normal(0.09, 0.05) % 1 if rng.random() < 0.5 else rng.random()
    angles = 2 * np.pi * (hue - np.array([0, 1 / 3, 2 / 3]))
    red, green, blue = (level * (1 - strong + strong * (0.5 + 0.5 * np.cos(angles)))).tolist()
    return red, green, blue


def hard(rng: np.random.Generator, tiles: Tiles) -> Style:
    """Wood, paint, stone or metal."""
    if rng.random() < 0.55:
        tint = rng.uniform(0.55, 1.25)
        warm = rng.uniform(0.9, 1.1)
        tile = tiles.any(rng, "Wood", "Wood", "Planks", "Bamboo", "Chipboard", "WoodFloor")
        return Style((tint * warm, tint, tint / warm), tile)
    if rng.random() < 0.15:
        return Style((1.0, 1.0, 1.0), tiles.any(rng, "Marble", "Metal", "Granite", "Cork"))
    return Style(colour(rng, pale=rng.random() < 0.4))


def soft(rng: np.random.Generator, tiles: Tiles) -> Style:
    """Cloth or leather."""
    if rng.random() < 0.6:
        red, green, blue = colour(rng, pale=rng.random() < 0.5)
        gain = 1.4 if rng.random() < 0.6 else 1.0
        tile = tiles.any(rng, "Fabric", "Fabric", "Carpet", "Wallpaper")
        return Style((red * gain, green * gain, blue * gain), tile)
    return Style(colour(rng))


def styles(rng: np.random.Generator, tiles: Tiles) -> list[Style]:
    """Six looks of one piece: fronts, body, handles and legs, cloth, linen, another cloth."""
    front = hard(rng, tiles)
    body = front if rng.random() < 0.6 else hard(rng, tiles)
    small = Style((rng.uniform(0.05, 0.9),) * 3) if rng.random() < 0.6 else body
    linen = soft(rng, tiles) if rng.random() < 0.4 else Style(colour(rng, pale=True))
    return [front, body, small, soft(rng, tiles), linen, soft(rng, tiles)]


_MADE: Final[dict[str, tuple[Callable[..., list[Solid]], ...]]] = {
    "seat": (solids.sofa, solids.chair, solids.chair),
    "table": (solids.table,),
    "storage": (solids.cabinet, solids.shelves),
    "bed": (solids.bed,),
    "lamp": (solids.lamp,),
}
_MADE_SHARE: Final = {"seat": 0.3, "table": 0.4, "storage": 0.65, "bed": 0.6, "lamp": 0.5}


def made(
    rng: np.random.Generator, tiles: Tiles, make: Callable[..., list[Solid]], kind: str
) -> Thing:
    """One put-together piece."""
    parts = make(rng, styles(rng, tiles))
    built = thing(kind, parts)
    flat = kind in ("table", "storage") and built.size[1] < 125 and make is not solids.shelves
    return Thing(kind, built.solids, built.size, flat)


def piece(rng: np.random.Generator, models: Models, tiles: Tiles, kind: str) -> Thing | None:
    """A piece of one of KINDS: a model, sometimes in another finish, or put together."""
    if rng.random() < _MADE_SHARE.get(kind, 0.0):
        choices = _MADE[kind]
        return made(rng, tiles, choices[rng.integers(len(choices))], kind)
    return dressed(rng, tiles, models.any(rng, kind))


def dressed(rng: np.random.Generator, tiles: Tiles, model: Thing | None) -> Thing | None:
    """A model as it is, or with other materials, and stretched a little."""
    if model is None:
        return None
    stretch = rng.uniform(0.88, 1.14, 3).astype(np.float32)
    other = rng.random() < 0.6
    parts = []
    for solid in model.solids:
        style, texture, uvs = solid.style, solid.texture, solid.uvs
        if other and rng.random() < 0.7:
            look = (
                soft(rng, tiles)
                if model.kind == "seat" and rng.random() < 0.6
                else hard(rng, tiles)
            )
            if texture is None:
                style = look
            else:
                level = rng.uniform(0.6, 1.3)
                tint = rng.uniform(0.75, 1.2, 3) * level
                style = Style((float(tint[0]), float(tint[1]), float(tint[2])))
        parts.append(Solid(solid.points * stretch, solid.normals, uvs, style, texture))
    width, height, depth = (float(a * b) for a, b in zip(model.size, stretch, strict=True))
    return Thing(model.kind, tuple(parts), (width, height, depth), model.flat)
