"""Wavefront OBJ files: the faces of each material, corner by corner.

VTK's own reader gives two numbers to a material that a file returns to after another one, so its
parts cannot be told apart; hence this reader.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass
class FaceGroup:
    """The polygons of one material; corner index lists run over all polygons in order.

    ``sizes`` holds each polygon's corner count. An index of -1 in ``uvs`` or ``normals`` means
    that the corner has none.
    """

    sizes: list[int] = field(default_factory=list)
    points: list[int] = field(default_factory=list)
    uvs: list[int] = field(default_factory=list)
    normals: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class ObjFile:
    """``points`` (n, 3), ``uvs`` (n, 2), ``normals`` (n, 3) and the faces of each material."""

    points: Floats
    uvs: Floats
    normals: Floats
    groups: dict[str, FaceGroup]
    material_libraries: tuple[str, ...]


def parse_obj(text: str) -> ObjFile:
    """Read points, texture coordinates, normals and faces; lines and curves are skipped.

    Raises:
        ValueError: a number that is none, or a face that names a corner out of range.
    """
    points: list[str] = []
    uvs: list[str] = []
    normals: list[str] = []
    groups: dict[str, FaceGroup] = {}
    libraries: list[str] = []
    group = groups.setdefault("", FaceGroup())
    for line in text.replace("\\\n", " ").splitlines():
        keyword, _, rest = line.strip().partition(" ")
        if keyword == "v":
            points.extend(rest.split()[:3])
        elif keyword == "vt":
            uvs.extend(rest.split()[:2])
        elif keyword == "vn":
            normals.extend(rest.split()[:3])
        elif keyword == "f":
            corners = rest.split()
            if len(corners) < 3:
                continue
            group.sizes.append(len(corners))
            counts = (len(points) // 3, len(uvs) // 2, len(normals) // 3)
            for corner in corners:
                _add_corner(group, corner, counts)
        elif keyword == "usemtl":
            group = groups.setdefault(rest.strip(), FaceGroup())
        elif keyword == "mtllib":
            libraries.append(rest.strip())
    return ObjFile(
        points=np.array(points, dtype=np.float64).reshape(-1, 3),
        uvs=np.array(uvs, dtype=np.float64).reshape(-1, 2),
        normals=np.array(normals, dtype=np.float64).reshape(-1, 3),
        groups={name: g for name, g in groups.items() if g.sizes},
        material_libraries=tuple(libraries),
    )


def _add_corner(group: FaceGroup, corner: str, counts: tuple[int, int, int]) -> None:
    parts = corner.split("/")
    group.points.append(_index(parts[0], counts[0]))
    group.uvs.append(_index(parts[1], counts[1]) if len(parts) > 1 and parts[1] else -1)
    group.normals.append(_index(parts[2], counts[2]) if len(parts) > 2 and parts[2] else -1)


def _index(number: str, count: int) -> int:
    # OBJ counts from 1; negative numbers count back from the last one read so far.
    value = int(number)
    index = value - 1 if value > 0 else count + value
    if not 0 <= index < count:
        raise ValueError(f"a face names corner {value}, but only {count} have been given")
    return index
