"""Furniture models as parts to draw: OBJ faces, texture coordinates, geometry in centimetres.

A part is the geometry of one material, y up, front +z. VTK's own reader gives two numbers to a
material that a file returns to after another one, so its parts cannot be told apart; hence the
reader of OBJ files here. Surfaces without texture coordinates get the tile projected along the
main axes.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
import pyvista as pv
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tools.catalog_builder.libraries import SourceModel
from tools.catalog_builder.materials import Material, parse_mtl

Floats = NDArray[np.float64]


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


# Corners closer than this are the same corner when boards are told apart.
WELD_CM = 0.02


def boards(points: Floats) -> NDArray[np.int64]:
    """Which connected piece each triangle belongs to.

    Args:
        points: (3 m, 3) corners in centimetres, three rows a triangle.

    Returns:
        (m,) piece numbers from 0.
    """
    _, corner = np.unique(np.rint(points / WELD_CM).astype(np.int64), axis=0, return_inverse=True)
    triangles = corner.reshape(-1, 3)
    count = int(triangles.max()) + 1
    starts = np.concatenate([triangles[:, 0], triangles[:, 1]])
    ends = np.concatenate([triangles[:, 1], triangles[:, 2]])
    graph = coo_array((np.ones(len(starts), dtype=np.int8), (starts, ends)), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    return np.asarray(labels[triangles[:, 0]], dtype=np.int64)


def box_uvs(points: Floats, tile_cm: float, *, grain: bool) -> Floats:
    """Texture coordinates (3 m, 2) of a box projection.

    Each triangle is projected along the axis it faces most. With ``grain`` the tile's horizontal
    direction follows the longest side of each connected piece, as boards are cut, and pieces
    begin at different places of the tile so that neighbours do not look alike.

    Args:
        points: (3 m, 3) corners in centimetres, three rows a triangle.
        tile_cm: length of surface that the tile covers.
        grain: whether the tile has a direction, as wood has.
    """
    corners = points.reshape(-1, 3, 3)
    normals = np.abs(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    facing = normals.argmax(axis=1)
    length_order = np.tile(np.array([0, 1, 2]), (len(corners), 1))
    shift = np.zeros((len(corners), 2))
    if grain:
        piece = boards(points)
        pieces = int(piece.max()) + 1
        low, high = np.full((pieces, 3), np.inf), np.full((pieces, 3), -np.inf)
        np.minimum.at(low, piece, corners.min(axis=1))
        np.maximum.at(high, piece, corners.max(axis=1))
        length_order = np.argsort(low - high, axis=1, kind="stable")[piece]
        # The golden ratio spreads any number of pieces evenly over the tile.
        shift = np.column_stack([piece * 0.6180339887, piece * 0.3819660113]) % 1.0
    # Of the two axes a triangle does not face, the longer one takes the tile's horizontal.
    remaining = length_order[length_order != facing[:, None]].reshape(-1, 2)
    rows = np.arange(len(corners))[:, None]
    along = corners[rows, np.arange(3)[None, :], remaining[:, :1]]
    across = corners[rows, np.arange(3)[None, :], remaining[:, 1:]]
    uvs = np.stack([along, across], axis=-1) / tile_cm + shift[:, None, :]
    return np.asarray(uvs.reshape(-1, 2))


# Where a file gives no normals, edges sharper than this stay sharp.
FEATURE_ANGLE_DEG = 40.0

# Files that models name but their libraries never held, and what stands in: another file of the
# model, or None for the material's own colour. Anything else that is missing is an error.
STAND_INS: dict[str, str | None] = {
    "cuir.jpg": None,
    "cushionmap.jpg": None,
    "granite.jpg": None,
    "kids_shelves_sh3d.mtl": "kids_shelves.mtl",
    "laminat.jpg": None,
    "leather_bump.png": None,
    "lily_carpel.jpg": None,
    "living room rug.jpg": "rug.jpg",
    "normal2.jpg": None,
    "normalmap.jpg": None,
    "patron1.jpg": None,
    "pulido2.jpg": None,
    "rose_petal.jpg": None,
    "wood_table_chairs.jpg": None,
}


@dataclass(frozen=True)
class Part:
    """All triangles of one material, each with corners of its own.

    ``points`` and ``normals`` are (3 m, 3), ``uvs`` (3 m, 2) or None; three rows make a triangle.
    ``texture`` is the undecoded image file, ``opacity_texture`` likewise.
    """

    material: Material
    points: Floats
    normals: Floats
    uvs: Floats | None
    texture: bytes | None = None
    opacity_texture: bytes | None = None

    @property
    def area(self) -> float:
        """Surface in square centimetres."""
        corners = self.points.reshape(-1, 3, 3)
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        return float(np.linalg.norm(cross, axis=1).sum() / 2)


class MissingTextureError(ValueError):
    """The MTL file names a texture that the library does not hold."""


def load_parts(model: SourceModel, source: Path) -> list[Part]:
    """Read a model out of its library, turned and scaled to the size that its entry declares.

    Raises:
        MissingTextureError: a material that is drawn names a texture the library lacks.
        ValueError: broken OBJ or MTL, or a model without any face.
    """
    with zipfile.ZipFile(source / model.library.file_name) as archive:
        files = _Folder(archive, model.model_path.parent)
        obj = parse_obj(archive.read(str(model.model_path)).decode("utf-8", errors="replace"))
        materials: dict[str, Material] = {}
        for name in obj.material_libraries:
            mtl = files.read(name)
            if mtl is not None:
                materials |= parse_mtl(mtl.decode("utf-8", errors="replace"))
        parts = [
            _part(obj, group, materials.get(name, Material(name)), files)
            for name, group in obj.groups.items()
        ]
    drawn = [part for part in parts if len(part.points) and part.material.opacity > 0.01]
    if not drawn:
        raise ValueError("the model has no face to draw")
    return _placed(drawn, model)


class _Folder:
    """The files beside a model.

    Names are compared without regard to case, as on the systems that the models were made on.
    """

    def __init__(self, archive: zipfile.ZipFile, folder: PurePosixPath) -> None:
        self._archive = archive
        self._names = {
            PurePosixPath(name).name.lower(): name
            for name in archive.namelist()
            if PurePosixPath(name).parent == folder
        }

    def read(self, name: str) -> bytes | None:
        """A file's content, or that of its stand-in; None where its stand-in is None.

        Raises:
            MissingTextureError: neither the file nor a stand-in is there.
        """
        wanted: str | None = name.lower()
        if wanted not in self._names:
            wanted = STAND_INS.get(name.lower(), name.lower())
        if wanted is None:
            return None
        try:
            return self._archive.read(self._names[wanted])
        except KeyError:
            raise MissingTextureError(f"{name} is not in the library") from None


def _part(obj: ObjFile, group: FaceGroup, material: Material, files: _Folder) -> Part:
    corner_points = obj.points[group.points]
    triangles = _triangles(corner_points, group.sizes)
    points = corner_points[triangles].reshape(-1, 3)
    uv_index = np.array(group.uvs)
    uvs = None
    if len(obj.uvs) and (uv_index >= 0).all():
        uvs = obj.uvs[uv_index][triangles].reshape(-1, 2)
    normal_index = np.array(group.normals)
    normals = None
    if len(obj.normals) and (normal_index >= 0).all():
        normals = obj.normals[normal_index][triangles].reshape(-1, 3)
        lengths = np.linalg.norm(normals, axis=1, keepdims=True)
        normals = normals / np.maximum(lengths, 1e-9) if (lengths > 1e-3).all() else None
    if normals is None:
        normals = _crease_normals(obj.points, np.array(group.points)[triangles])
    textured = uvs is not None and material.texture is not None
    return Part(
        material=material,
        points=points,
        normals=normals,
        uvs=uvs,
        texture=files.read(material.texture) if textured and material.texture else None,
        opacity_texture=(
            files.read(material.opacity_texture) if textured and material.opacity_texture else None
        ),
    )


def _triangles(points: Floats, sizes: list[int]) -> NDArray[np.int64]:
    """Polygons → (m, 3) corner numbers; VTK's ear clipping gets concave polygons right."""
    faces = np.empty(len(sizes) + len(points), dtype=np.int64)
    position = corner = 0
    for size in sizes:
        faces[position] = size
        faces[position + 1 : position + 1 + size] = np.arange(corner, corner + size)
        position += size + 1
        corner += size
    return np.asarray(pv.PolyData(points, faces).triangulate().regular_faces, dtype=np.int64)


def _crease_normals(points: Floats, triangles: NDArray[np.int64]) -> Floats:
    faces = np.column_stack([np.full(len(triangles), 3), triangles]).ravel()
    mesh = pv.PolyData(points, faces).compute_normals(
        cell_normals=False,
        split_vertices=True,
        feature_angle=FEATURE_ANGLE_DEG,
        consistent_normals=False,
        auto_orient_normals=False,
    )
    normals: Floats = np.asarray(mesh.point_data["Normals"], dtype=np.float64)
    return np.asarray(normals[np.asarray(mesh.regular_faces)].reshape(-1, 3))


def _placed(parts: list[Part], model: SourceModel) -> list[Part]:
    rotation = np.eye(3)
    if model.rotation is not None:
        rotation = np.array(model.rotation, dtype=np.float64).reshape(3, 3)
    turned = [part.points @ rotation.T for part in parts]
    every = np.concatenate(turned)
    low, high = every.min(axis=0), every.max(axis=0)
    size_cm = np.array([model.width_cm, model.height_cm, model.depth_cm])
    extent = high - low
    scale = np.where(extent > 1e-9, size_cm / np.maximum(extent, 1e-9), 1.0)
    origin = np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2])
    placed = []
    for part, points in zip(parts, turned, strict=True):
        # Normals take the inverse scale so that they stay square to a stretched surface.
        normals = (part.normals @ rotation.T) / scale
        normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        placed.append(
            Part(part.material, (points - origin) * scale, normals, part.uvs, part.texture,
                 part.opacity_texture)
        )  # fmt: skip
    return placed
