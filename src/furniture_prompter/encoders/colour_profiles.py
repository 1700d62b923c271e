"""From the colours that a profile describes to sRGB.

A photo's numbers mean what its embedded profile (ICC.1:2022) says: the same red has other numbers
in Display P3 or Adobe RGB. Encoders learned from sRGB and pages show sRGB, so every photo is
brought there. A profile that cannot be used is passed over, as browsers do: the numbers then count
as sRGB.
"""

import hashlib
import io
import threading
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from PIL import Image, ImageCms

Conversion: TypeAlias = Callable[[Image.Image], Image.Image]
"""Takes an image of the mode that it was made for, gives RGB."""

# Cameras and editors use a handful; a transform holds up to a few megabytes of tables.
_KEPT_TRANSFORMS: Final = 32
# Colour spaces by ICC signature, and the Pillow modes whose pixels they can describe.
_MODES: Final = {"RGB ": ("RGB", "L"), "GRAY": ("L",), "CMYK": ("CMYK",), "Lab ": ("LAB",)}
_INPUTS: Final = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab ": "LAB"}
# Profiles that call themselves sRGB differ by their rounding; nobody sees two levels of 255.
_SAME_LEVELS: Final = 2
_USELESS: Final = (ImageCms.PyCMSError, OSError, ValueError, TypeError)


class _Transforms:
    """Transforms by mode and profile, made once; safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: LRUCache[tuple[str, bytes], Conversion | None] = LRUCache(_KEPT_TRANSFORMS)
        self._lock = threading.Lock()

    def get(self, profile: bytes, mode: str) -> Conversion | None:
        key = (mode, hashlib.sha256(profile).digest())
        with self._lock:
            if key in self._kept:
                return self._kept[key]
        made = _made(profile, mode)
        with self._lock:
            self._kept[key] = made
        return made


_TRANSFORMS: Final = _Transforms()


def conversion_to_srgb(profile: bytes | None, mode: str) -> Conversion | None:
    """What brings an image's pixels to sRGB.

    Args:
        profile: The profile as it is embedded; None where there is none.
        mode: Pillow's mode of the image: RGB, L, CMYK or LAB.

    Returns:
        None where the pixels are sRGB already: there is no profile, it is one of sRGB, or it does
        not fit the image.
    """
    if mode == "LAB":
        # Its numbers are the profile's own connection space: they need none to have a meaning.
        return _TRANSFORMS.get(b"", mode)
    return _TRANSFORMS.get(profile, mode) if profile else None


def _made(profile: bytes, mode: str) -> Conversion | None:
    try:
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        source = lab if mode == "LAB" else ImageCms.getOpenProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space
        if mode not in _MODES.get(space, ()):
            return None
        source_mode = _INPUTS[space]
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            source_mode,
            "RGB",
            ImageCms.Intent.PERCEPTUAL,
        )
        convert = _applying(transform, source_mode)
        return None if _changes_nothing(convert, source_mode) else convert
    except _USELESS:
        return None


def _applying(transform: ImageCms.ImageCmsTransform, source_mode: str) -> Conversion:
    def convert(image: Image.Image) -> Image.Image:
        given = image if image.mode == source_mode else image.convert(source_mode)
        converted = ImageCms.applyTransform(given, transform)
        if converted is None:  # only where it is told to work in place
            raise ValueError("the profile gives no colours")
        return converted

    return convert


def _changes_nothing(convert: Conversion, mode: str) -> bool:
    """Whether colours from all over come out as they went in."""
    probe = _probe(mode)
    if probe is None:
        return False
    image = Image.fromarray(probe)
    before = np.asarray(image.convert("RGB"), np.int16)
    after = np.asarray(convert(image), np.int16)
    return bool(np.abs(after - before).max() <= _SAME_LEVELS)


def _probe(mode: str) -> NDArray[np.uint8] | None:
    """Greys in single levels, and for RGB a grid of nine levels a channel as well."""
    grey = np.arange(256, dtype=np.uint8)
    if mode == "L":
        return grey[None]
    if mode != "RGB":
        return None
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
    return np.concatenate([grid, np.repeat(grey[:, None], 3, axis=1)])[None]
