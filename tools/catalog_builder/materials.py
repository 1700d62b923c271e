"""Wavefront MTL files: colour, opacity and texture of each material, and what it is made of."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Words in material and texture names (English, Spanish, French, Italian, Polish, German: the
# languages of the models' authors) that say what a surface is made of.
_WORDS: dict[str, tuple[str, ...]] = {
    "wood": ("wood", "oak", "teak", "teca", "pine", "walnut", "bamboo", "madera", "bois", "legno",
             "holz", "drewno", "parquet", "plywood", "alder", "pear", "cherry", "timber", "palo",
             "mahogany", "maple", "beech", "birch", "nogal", "roble", "haya", "pino", "wenge"),
    "leather": ("leather", "cuero", "cuir", "pelle", "piel"),
    "fabric": ("fabric", "cloth", "tela", "tissu", "textile", "cushion", "pillow", "linen",
               "cotton", "velvet", "wool", "burlap", "sheet", "mattress", "towel", "cojin",
               "canvas", "carpet", "felt"),
    "glass": ("glass", "cristal", "vidrio", "verre", "vetro"),
    "metal": ("metal", "steel", "chrome", "iron", "alumin", "brass", "inox", "acero", "hierro",
              "cromo", "copper", "gold", "silver", "acier", "metall"),
    "plastic": ("plastic", "plastico", "plastique", "pvc"),
    "ceramic": ("ceramic", "porcelain", "ceramica", "porcelana"),
    "rattan": ("rattan", "wicker", "mimbre"),
    "stone": ("stone", "marble", "granite", "concrete", "marmol", "granit"),
}  # fmt: skip

# What a product's own name says it is made of; whole words only, since a rack for towels is none.
_NAME_WORDS = {
    "alder": "wood", "oak": "wood", "teak": "wood", "wood": "wood", "wooden": "wood",
    "burlap": "fabric", "leather": "leather", "rattan": "rattan", "glass": "glass",
    "iron": "metal", "concrete": "stone", "stone": "stone", "plastic": "plastic",
    "cardboard": "cardboard",
}  # fmt: skip


@dataclass(frozen=True)
class Material:
    """One MTL entry: ``diffuse`` is sRGB in 0…1, ``opacity`` 0…1, textures are file names."""

    name: str
    diffuse: tuple[float, float, float] = (0.8, 0.8, 0.8)
    opacity: float = 1.0
    shininess: float = 0.0
    texture: str | None = None
    opacity_texture: str | None = None

    @property
    def substance(self) -> str | None:
        """What the names say it is made of ("wood", "metal", …), None when they say nothing."""
        return substance_of(f"{self.name} {self.texture or ''}")


def substance_of(words: str) -> str | None:
    """The first substance one of whose words occurs in ``words``; None without any."""
    lowered = re.sub(r"[^a-z]+", " ", words.lower())
    for substance, signs in _WORDS.items():
        if any(sign in lowered for sign in signs):
            return substance
    return None


def substance_in_title(title: str) -> str | None:
    """The substance that a word of an English product title names; None without any."""
    words = re.findall(r"[a-z]+", title.lower())
    return next((_NAME_WORDS[word] for word in words if word in _NAME_WORDS), None)


def parse_mtl(text: str) -> dict[str, Material]:
    """Read an MTL file; unknown statements are skipped, a missing ``Kd`` means 0.8 grey.

    Texture paths are reduced to their file name, since authors left the absolute paths of their
    own machines in them and the libraries keep textures beside the model.

    Raises:
        ValueError: a number that is none.
    """
    fields: dict[str, dict[str, object]] = {}
    current: dict[str, object] | None = None
    for raw in text.splitlines():
        keyword, _, rest = raw.strip().partition(" ")
        rest = rest.strip()
        if keyword == "newmtl":
            current = fields.setdefault(rest, {})
        elif current is None or not rest:
            continue
        elif keyword == "Kd":
            red, green, blue = (min(max(float(v), 0.0), 1.0) for v in rest.split()[:3])
            current["diffuse"] = (red, green, blue)
        elif keyword == "d":
            current["opacity"] = min(max(float(rest.split()[-1]), 0.0), 1.0)
        elif keyword == "Ks":
            current["shininess"] = min(max(float(v) for v in rest.split()[:3]), 1.0)
        elif keyword == "map_Kd":
            current["texture"] = _file_name(rest)
        elif keyword == "map_d":
            current["opacity_texture"] = _file_name(rest)
    return {name: Material(name, **values) for name, values in fields.items()}  # type: ignore[arg-type]  # each value is put in above under the field it belongs to


def _file_name(statement: str) -> str:
    return re.split(r"[\\/]", statement)[-1].strip()
