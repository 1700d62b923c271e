"""Material variants: the same piece of furniture in another wood or fabric."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.catalog_builder.materials import Material
from tools.catalog_builder.meshes import Part

TILES = Path(__file__).with_name("tiles")


@dataclass(frozen=True)
class Finish:
    """A wood or fabric to dress a product in, from a CC0 picture of ambientCG.

    ``tile_cm`` is how long a stretch of surface the tile covers.
    """

    key: str
    substance: str
    title: str
    title_tr: str
    tile: str
    tile_cm: float

    def picture(self) -> bytes:
        """The tile, an undecoded JPEG."""
        return (TILES / f"{self.tile}.jpg").read_bytes()


FINISHES = (
    Finish("light-wood", "wood", "light wood", "açık ahşap", "wood-095", 45),
    Finish("honey-wood", "wood", "honey-coloured wood", "bal rengi ahşap", "wood-062", 60),
    Finish("chestnut-wood", "wood", "chestnut wood", "kestane ahşap", "wood-025", 60),
    Finish("dark-wood", "wood", "dark wood", "koyu ahşap", "wood-065", 60),
    Finish("black-wood", "wood", "black-stained wood", "siyah ahşap", "wood-050", 60),
    Finish("whitewashed-wood", "wood", "whitewashed wood", "beyaz ahşap", "wood-060", 45),
    Finish("grey-wood", "wood", "grey wood", "gri ahşap", "wood-040", 45),
    Finish("light-grey-fabric", "fabric", "light grey fabric", "açık gri kumaş", "fabric-044", 25),
    Finish("dark-grey-fabric", "fabric", "dark grey fabric", "koyu gri kumaş", "fabric-038", 25),
    Finish("navy-fabric", "fabric", "navy fabric", "lacivert kumaş", "fabric-022", 30),
    Finish("green-fabric", "fabric", "green fabric", "yeşil kumaş", "fabric-036", 25),
    Finish("red-fabric", "fabric", "red fabric", "kırmızı kumaş", "fabric-025", 30),
    Finish("beige-fabric", "fabric", "beige fabric", "bej kumaş", "fabric-061", 25),
    Finish("turquoise-fabric", "fabric", "turquoise fabric", "turkuaz kumaş", "fabric-016", 30),
    Finish("mustard-fabric", "fabric", "mustard fabric", "hardal kumaş", "fabric-034", 25),
    Finish("rust-fabric", "fabric", "rust fabric", "kiremit rengi kumaş", "fabric-039", 25),
    Finish("pink-fabric", "fabric", "pink fabric", "pembe kumaş", "fabric-005", 25),
    Finish("tartan-fabric", "fabric", "red tartan fabric", "kırmızı ekose kumaş", "fabric-053", 35),
    Finish("striped-fabric", "fabric", "striped fabric", "çizgili kumaş", "fabric-075", 25),
)

# Where a change of wood or fabric makes a piece that a shop could sell.
WOOD_CATEGORIES = frozenset(
    {
        "bed", "bedside table", "bench", "bookcase", "bunk bed", "cabinet", "chair",
        "changing table", "chest", "child bed", "child chair", "coffee table", "crib", "desk",
        "dresser", "dressing table", "garden table", "kitchen cabinet", "kitchen island", "shelf",
        "stool", "table", "tv stand", "wall unit", "wardrobe", "bathroom cabinet",
    }
)  # fmt: skip
FABRIC_CATEGORIES = frozenset({"armchair", "corner sofa", "ottoman", "sofa", "sofa bed"})
# Among these even a surface whose name says nothing is wood, if it is most of the product. A
# chair's largest surface, on the other hand, may be its cushion: there the name has to say wood.
MOSTLY_WOOD = frozenset(
    {
        "bookcase", "cabinet", "chest", "coffee table", "desk", "dresser", "dressing table",
        "kitchen cabinet", "kitchen island", "shelf", "table", "tv stand", "wall unit", "wardrobe",
    }
)  # fmt: skip
LEAST_AREA_SHARE = 0.5
# Substances that a fabric cover replaces.
UPHOLSTERY = frozenset({"fabric", "leather"})


def dressed_materials(category: str, parts: list[Part]) -> tuple[str, frozenset[str]] | None:
    """What of a product can be dressed anew.

    Returns:
        The substance ("wood" or "fabric") that a product of ``category`` can change and the names
        of the materials that change with it; None where no variant makes sense.
    """
    total = sum(part.area for part in parts)
    solid = [part for part in parts if part.material.opacity == 1.0]
    if category in WOOD_CATEGORIES:
        kept = [part for part in solid if part.material.substance == "wood"]
        substance = "wood"
        unnamed_counts = category in MOSTLY_WOOD
    elif category in FABRIC_CATEGORIES:
        kept = [part for part in solid if part.material.substance in UPHOLSTERY]
        substance = "fabric"
        unnamed_counts = True
    else:
        return None
    if not kept and unnamed_counts and solid:
        largest = max(solid, key=lambda part: part.area)
        kept = [largest] if largest.material.substance is None else []
    if not total or sum(part.area for part in kept) < LEAST_AREA_SHARE * total:
        return None
    return substance, frozenset(part.material.name for part in kept)


def finish_material(finish: Finish) -> Material:
    """The material of surfaces in this finish; its name tells the substance."""
    return Material(name=finish.key, texture=f"{finish.tile}.jpg")
