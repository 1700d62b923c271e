"""A furniture model as parts to draw: geometry of each material in centimetres, y up, front +z."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

from tools.catalog_builder.libraries import SourceModel
from tools.catalog_builder.materials import Material, parse_mtl
from tools.catalog_builder.obj_file import FaceGroup, ObjFile, parse_obj

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

Floats = NDArray[np.float64]


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
