"""Rooms drawn off screen: light and shade, and which piece every pixel shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  # registers what draws
from numpy.typing import NDArray
from vtkmodules.util import numpy_support
from vtkmodules.vtkCommonCore import vtkPoints, vtkUnsignedCharArray
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkImageData, vtkPolyData
from vtkmodules.vtkCommonMath import vtkMatrix4x4
from vtkmodules.vtkRenderingCore import (
    vtkActor,
    vtkLight,
    vtkPolyDataMapper,
    vtkRenderer,
    vtkRenderWindow,
    vtkTexture,
)
from vtkmodules.vtkRenderingOpenGL2 import (
    vtkRenderStepsPass,
    vtkSSAOPass,
)

from tools.proposer_builder.pieces import Tiles
from tools.proposer_builder.solids import Solid

Pixels = NDArray[np.uint8]
# As VTK ships them, its functions have no types.
_ARRAYS: Any = numpy_support


@dataclass(frozen=True, eq=False)
class Placed:
    """Solids that stand somewhere.

    Attributes:
        solids: What.
        number: Of the piece they belong to, from 1; 0 for the room and what counts as none.
        turn_deg: Around the upright axis; 0 leaves the front at +z, 90 turns it to +x.
        at: Where the middle of its bottom stands.
        one_sided: Whether its back is not drawn, as of walls that the camera looks through.
    """

    solids: Sequence[Solid]
    number: int = 0
    turn_deg: float = 0.0
    at: tuple[float, float, float] = (0.0, 0.0, 0.0)
    one_sided: bool = False

    def matrix(self) -> NDArray[np.float64]:
        """From its own coordinates to the room's, (4, 4)."""
        angle = math.radians(self.turn_deg)
        matrix = np.eye(4)
        matrix[0, [0, 2]] = math.cos(angle), math.sin(angle)
        matrix[2, [0, 2]] = -math.sin(angle), math.cos(angle)
        matrix[:3, 3] = self.at
        return matrix


@dataclass(frozen=True)
class Lamp:
    """A light at a place, with the colour and strength that it adds."""

    at: tuple[float, float, float]
    colour: tuple[float, float, float]
    strength: float


@dataclass(frozen=True)
class Camera:
    """Where the camera stands, what it looks at, and its upright angle of view in degrees."""

    at: tuple[float, float, float]
    towards: tuple[float, float, float]
    view_deg: float
    roll_deg: float = 0.0

    def project(self, points: NDArray[np.floating], aspect: float) -> NDArray[np.float64]:
        """Points (n, 3) as places (n, 2) in the picture, 0 to 1 from the upper left; NaN behind."""
        ahead = np.subtract(self.towards, self.at, dtype=np.float64)
        ahead /= np.linalg.norm(ahead)
        right = np.cross(ahead, [0.0, 1.0, 0.0])
        right /= np.linalg.norm(right)
        up = np.cross(right, ahead)
        offset = points - np.array(self.at)
        depth = offset @ ahead
        depth = np.where(depth > 5.0, depth, np.nan)
        half = math.tan(math.radians(self.view_deg) / 2)
        across = offset @ right / depth / half / aspect
        above = offset @ up / depth / half
        return np.stack([(across + 1) / 2, (1 - above) / 2], axis=1)


class Drawer:
    """One window off screen in which rooms are drawn one after the other."""

    def __init__(self, tiles: Tiles, *, shade_samples: int = 8) -> None:
        self._tiles = tiles
        self._textures: dict[int, Any] = {}
        self._window: Any = vtkRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(0)
        self._samples = shade_samples

    def draw(
        self,
        placed: Sequence[Placed],
        lamps: Sequence[Lamp],
        ambient: float,
        cameras: Sequence[tuple[Camera, int, int]],
        background: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> list[tuple[Pixels, NDArray[np.int64]]]:
        """Pictures (h, w, 3) and the numbers of pieces (h, w) of one room from some sides."""
        renderer: Any = vtkRenderer()
        renderer.SetBackground(*background)
        renderer.SetAutomaticLightCreation(0)
        actors = []
        for thing in placed:
            matrix = vtkMatrix4x4()
            matrix.DeepCopy(thing.matrix().ravel().tolist())
            for solid in thing.solids:
                actor = self._actor(solid, ambient)
                actor.SetUserMatrix(matrix)
                if thing.one_sided:
                    actor.GetProperty().BackfaceCullingOn()
                renderer.AddActor(actor)
                actors.append((actor, thing.number))
        for lamp in lamps:
            light: Any = vtkLight()
            light.SetPositional(1)
            light.SetConeAngle(180)
            light.SetPosition(*lamp.at)
            light.SetColor(*lamp.colour)
            light.SetIntensity(lamp.strength)
            renderer.AddLight(light)
        steps: Any = vtkRenderStepsPass()
        shade: Any = vtkSSAOPass()
        shade.SetRadius(35.0)
        shade.SetBias(0.6)
        shade.SetKernelSize(self._samples)
        shade.BlurOn()
        shade.SetDelegatePass(steps)
        self._window.AddRenderer(renderer)
        pictures, numbers = [], []
        renderer.SetPass(shade)
        for camera, width, height in cameras:
            self._stand(renderer, camera, width, height)
            pictures.append(self._pixels())
        renderer.SetPass(None)
        for actor, number in actors:
            texture = actor.GetTexture()
            # What a texture cuts out must stay cut out.
            if texture is None or texture.GetInput().GetNumberOfScalarComponents() != 4:
                actor.SetTexture(None)
            own = actor.GetProperty()
            own.LightingOff()
            # Without lighting VTK still adds the ambient share to the colour.
            own.SetAmbient(0.0)
            own.SetDiffuse(1.0)
            own.SetOpacity(1.0)
            own.SetColor((number % 16) * 16 / 255, (number // 16) * 16 / 255, 0.0)
        renderer.SetBackground(0, 0, 0)
        for camera, width, height in cameras:
            self._stand(renderer, camera, width, height)
            seen = np.rint(self._pixels().astype(np.float64) / 16).astype(np.int64)
            numbers.append(seen[:, :, 0] + 16 * seen[:, :, 1])
        shade.ReleaseGraphicsResources(self._window)
        self._window.RemoveRenderer(renderer)
        return list(zip(pictures, numbers, strict=True))

    def _stand(self, renderer: Any, camera: Camera, width: int, height: int) -> None:
        self._window.SetSize(width, height)
        eye = renderer.GetActiveCamera()
        eye.SetPosition(*camera.at)
        eye.SetFocalPoint(*camera.towards)
        eye.SetViewUp(0, 1, 0)
        eye.SetRoll(camera.roll_deg)
        eye.SetViewAngle(camera.view_deg)
        renderer.ResetCameraClippingRange()
        self._window.Render()

    def _pixels(self) -> Pixels:
        width, height = self._window.GetSize()
        data: Any = vtkUnsignedCharArray()
        self._window.GetRGBACharPixelData(0, 0, width - 1, height - 1, 0, data)
        pixels = _ARRAYS.vtk_to_numpy(data).reshape(height, width, 4)[::-1, :, :3]
        return np.ascontiguousarray(pixels)

    def _actor(self, solid: Solid, ambient: float) -> Any:
        count = len(solid.points)
        mesh: Any = vtkPolyData()
        points: Any = vtkPoints()
        points.SetData(_ARRAYS.numpy_to_vtk(np.ascontiguousarray(solid.points), deep=True))
        mesh.SetPoints(points)
        cells: Any = vtkCellArray()
        corners = np.arange(count, dtype=np.int64)
        cells.SetData(
            _ARRAYS.numpy_to_vtkIdTypeArray(np.arange(0, count + 1, 3, dtype=np.int64), deep=True),
            _ARRAYS.numpy_to_vtkIdTypeArray(corners, deep=True),
        )
        mesh.SetPolys(cells)
        normals = _ARRAYS.numpy_to_vtk(np.ascontiguousarray(solid.normals), deep=True)
        mesh.GetPointData().SetNormals(normals)
        mesh.GetPointData().SetTCoords(
            _ARRAYS.numpy_to_vtk(np.ascontiguousarray(solid.uvs), deep=True)
        )
        mapper: Any = vtkPolyDataMapper()
        mapper.SetInputData(mesh)
        actor: Any = vtkActor()
        actor.SetMapper(mapper)
        own = actor.GetProperty()
        colour = [min(max(level, 0.02), 1.0) for level in solid.style.colour]
        own.SetColor(*colour)
        own.SetAmbient(min(1.0, ambient + solid.style.glow))
        own.SetDiffuse(1.0 - 0.6 * solid.style.glow)
        own.SetSpecular(0.06)
        own.SetSpecularPower(14)
        own.SetInterpolationToPhong()
        if solid.texture is not None:
            actor.SetTexture(_texture(solid.texture))
        elif solid.style.tile >= 0:
            number = solid.style.tile
            if number not in self._textures:
                self._textures[number] = _texture(self._tiles.image(number))
            actor.SetTexture(self._textures[number])
        return actor


def _texture(pixels: NDArray[np.uint8]) -> Any:
    height, width, bands = pixels.shape
    image: Any = vtkImageData()
    image.SetDimensions(width, height, 1)
    values = _ARRAYS.numpy_to_vtk(np.ascontiguousarray(pixels[::-1]).reshape(-1, bands), deep=True)
    image.GetPointData().SetScalars(values)
    texture: Any = vtkTexture()
    texture.SetInputData(image)
    texture.RepeatOn()
    texture.InterpolateOn()
    texture.MipmapOn()
    return texture
