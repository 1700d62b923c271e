"""Parts → pictures: soft light on white, and flat colour for measuring."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pyvista as pv
from numpy.typing import NDArray
from PIL import Image

from tools.catalog_builder.colours import CLEAR, METAL, PLAIN, WOOD
from tools.catalog_builder.framing import View, fit_camera
from tools.catalog_builder.meshes import Part

Pixels = NDArray[np.uint8]

# Light on a surface = AMBIENT + what the lamps add; the lamps' positions are in camera space
# (right, up, towards the camera), so that every view is lit alike. Chosen by eye on contact sheets
# so that a white surface turned to the key lamp is just below white and no side falls under 60 %.
AMBIENT = 0.50
LAMPS = (((-0.7, 1.1, 1.0), 0.34), ((1.0, 0.3, 0.7), 0.12))
# Light on a surface of average tilt, at which flat colours are shown.
FLAT_LIGHT = 0.85
# Sweet Home 3D lights its models brightly: many "white" ones have a diffuse colour of 0.64, the
# default of the program they were drawn in. The tone curve 1 - (1 - x)^e lifts them to the
# brightness of the library's own icons and, unlike a plain gain, never clips.
TONE_EXPONENT = 1.6
# Nothing real is as black as 0; without this a black thing shows no edges.
LEAST_DIFFUSE = 0.06
# Clear glass on a white ground would vanish; this is the least opacity that is still seen.
LEAST_OPACITY = 0.28
# Ambient occlusion looks this far around, as a share of the product's diagonal.
OCCLUSION_RADIUS = 0.10
OCCLUSION_SAMPLES = 32
MAX_TEXTURE_PIXELS = 1024
# Surfaces less opaque than this are named clear, not by what shines through them.
SEE_THROUGH = 0.7
_CODE_STEP = 80


def _tone_curve(light: float) -> Pixels:
    levels = np.arange(256) / 255 * light
    return np.asarray(np.rint(255 * (1 - (1 - levels) ** TONE_EXPONENT)), dtype=np.uint8)


_TONE = _tone_curve(1.0)
_FLAT_TONE = _tone_curve(FLAT_LIGHT)


@dataclass(frozen=True)
class Shot:
    """One rendered view: ``pixels`` (h, w, 3) sRGB on white, ``coverage`` (h, w) 0…255."""

    pixels: Pixels
    coverage: Pixels


def _toned(image: Pixels, curve: Pixels) -> Shot:
    coverage = image[:, :, 3].copy()
    return Shot(np.where(coverage[:, :, None] > 0, curve[image[:, :, :3]], 255), coverage)


def _code(part: Part) -> int:
    if part.material.opacity < SEE_THROUGH and part.texture is None:
        return CLEAR
    return {"wood": WOOD, "metal": METAL}.get(part.material.substance or "", PLAIN)


class Studio:
    """Draws one product from any number of sides; use as a context manager.

    Args:
        parts: the product, in centimetres, y up.
        size_pixels: side of the square that every shot is drawn on.
    """

    def __init__(self, parts: list[Part], size_pixels: int) -> None:
        self._points = np.concatenate([part.points for part in parts])
        # pyvista's decorators hide its methods' signatures from type checkers, hence Any.
        self._plotter = cast(
            "Any",
            pv.Plotter(off_screen=True, window_size=[size_pixels, size_pixels], lighting="none"),
        )
        self._plotter.set_background("white")
        self._actors = [self._add(part) for part in parts]
        self._codes = [_code(part) for part in parts]
        for position, intensity in LAMPS:
            self._plotter.add_light(
                pv.Light(position=position, focal_point=(0, 0, 0), intensity=intensity,
                         light_type="camera light")
            )  # fmt: skip
        self._lit: bool | None = None
        extent = np.ptp(self._points, axis=0)
        self._occlusion_radius = OCCLUSION_RADIUS * float(np.linalg.norm(extent))

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, *_: object) -> None:
        self._plotter.close()

    def lit(self, view: View) -> Shot:
        """The product in soft light with ambient occlusion."""
        self._light(on=True)
        return _toned(self._draw(view), _TONE)

    def flat(self, view: View) -> Shot:
        """The product's own colours without any light or shade."""
        self._light(on=False)
        return _toned(self._draw(view), _FLAT_TONE)

    def substance_codes(self, view: View) -> Pixels:
        """What each pixel (h, w) is made of: the codes of `colours`; `PLAIN` where nothing is."""
        self._light(on=False)
        kept = []
        for actor, code in zip(self._actors, self._codes, strict=True):
            kept.append((actor.prop.color, actor.texture, actor.prop.opacity))
            actor.texture = None
            actor.prop.opacity = 1.0
            actor.prop.color = (code * _CODE_STEP / 255,) * 3
        levels = self._draw(view)
        for actor, (colour, texture, opacity) in zip(self._actors, kept, strict=True):
            actor.prop.color, actor.texture, actor.prop.opacity = colour, texture, opacity
        codes = np.rint(levels[:, :, 0] / _CODE_STEP)
        return np.where(levels[:, :, 3] > 0, codes, PLAIN).astype(np.uint8)

    def _light(self, *, on: bool) -> None:
        # Switching the occlusion pass compiles shaders anew, which costs more than a picture.
        if on == self._lit:
            return
        for actor in self._actors:
            actor.prop.lighting = on
            # Without lighting VTK still adds the ambient share to the colour itself.
            actor.prop.ambient = AMBIENT if on else 0.0
        if on:
            self._plotter.enable_ssao(
                radius=self._occlusion_radius,
                bias=0.02 * self._occlusion_radius,
                kernel_size=OCCLUSION_SAMPLES,
            )
        else:
            self._plotter.disable_ssao()
        self._lit = on

    def _draw(self, view: View) -> Pixels:
        camera = fit_camera(self._points, view)
        self._plotter.camera.up = (0.0, 1.0, 0.0)
        self._plotter.camera.position = camera.position
        self._plotter.camera.focal_point = camera.focal_point
        self._plotter.camera.view_angle = camera.view_angle_deg
        self._plotter.reset_camera_clipping_range()
        self._plotter.render()
        image = self._plotter.screenshot(return_img=True, transparent_background=True)
        return np.asarray(image, dtype=np.uint8)

    def _add(self, part: Part) -> Any:
        corners = np.arange(len(part.points)).reshape(-1, 3)
        faces = np.column_stack([np.full(len(corners), 3), corners]).ravel()
        mesh: Any = pv.PolyData(part.points.astype(np.float32), faces)
        mesh.point_data.active_normals = part.normals.astype(np.float32)
        texture = None
        colour = tuple(max(level, LEAST_DIFFUSE) for level in part.material.diffuse)
        if part.texture is not None and part.uvs is not None:
            mesh.active_texture_coordinates = part.uvs.astype(np.float32)
            texture = _texture(part)
            # Authors left Kd at Blender's grey under their textures; the texture is the colour.
            colour = (1.0, 1.0, 1.0)
        opacity = part.material.opacity
        if opacity < 1.0:
            opacity = max(opacity, LEAST_OPACITY)
        metal = part.material.substance == "metal"
        return self._plotter.add_mesh(
            mesh,
            color=colour,
            texture=texture,
            opacity=opacity,
            smooth_shading=True,
            ambient=AMBIENT,
            diffuse=1.0,
            specular=0.35 if metal else 0.08,
            specular_power=25.0 if metal else 12.0,
            show_scalar_bar=False,
        )


def _texture(part: Part) -> Any:
    assert part.texture is not None  # noqa: S101  # the only caller has just looked
    image: Image.Image = Image.open(io.BytesIO(part.texture))
    has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    image = image.convert("RGBA" if has_alpha else "RGB")
    if part.opacity_texture is not None:
        alpha = Image.open(io.BytesIO(part.opacity_texture))
        band = alpha.getchannel("A") if alpha.mode in ("RGBA", "LA") else alpha.convert("L")
        image = image.convert("RGBA")
        image.putalpha(band.resize(image.size))
    if max(image.size) > MAX_TEXTURE_PIXELS:
        image.thumbnail((MAX_TEXTURE_PIXELS, MAX_TEXTURE_PIXELS), Image.Resampling.LANCZOS)
    texture: Any = pv.Texture(np.asarray(image))  # type: ignore[no-untyped-call]  # as pyvista ships it
    texture.repeat = True
    texture.mipmap = True
    texture.interpolate = True
    return texture


def cropped(shot: Shot, longest_side: int, margin: float = 0.035) -> Shot:
    """Cut a shot to the product plus ``margin`` of its longer side, scaled to ``longest_side``.

    Raises:
        ValueError: nothing is drawn on the shot.
    """
    rows = np.flatnonzero((shot.coverage > 8).any(axis=1))
    columns = np.flatnonzero((shot.coverage > 8).any(axis=0))
    if not len(rows) or not len(columns):
        raise ValueError("the picture is empty")
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    pad = max(2, round(max(bottom - top, right - left) * margin))
    pixels = np.pad(shot.pixels, ((pad, pad), (pad, pad), (0, 0)), constant_values=255)
    coverage = np.pad(shot.coverage, pad)
    box = (left, top, right + 2 * pad, bottom + 2 * pad)
    image = Image.fromarray(pixels).crop(box)
    mask = Image.fromarray(coverage).crop(box)
    factor = longest_side / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return replace(
        shot,
        pixels=np.asarray(image.resize(size, Image.Resampling.LANCZOS)),
        coverage=np.asarray(mask.resize(size, Image.Resampling.BOX)),
    )
