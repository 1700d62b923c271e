"""Colour conversion to sRGB by embedded ICC profiles, and transparency on white.

A photo's numbers mean what its embedded profile (ICC.1:2022) says: the same red has other numbers
in Display P3 or Adobe RGB. Encoders learned from sRGB and pages show sRGB, so every photo is
brought there. A profile that cannot be used is passed over, as browsers do: the numbers then count
as sRGB. What is used of one bounds the work of using it.
"""

import hashlib
import io
import math
import struct
import threading
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from PIL import Image, ImageCms

from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders.headers.model import LIMIT_PROFILE_BYTES

Conversion: TypeAlias = Callable[[Image.Image], Image.Image]
"""Takes an image of the mode that it was made for, gives RGB."""

# Cameras and editors use a handful; a transform holds up to a few megabytes of tables.
_KEPT_TRANSFORMS: Final = 32
# Colour spaces by ICC signature, and the Pillow modes whose pixels they can describe.
_MODES: Final = {"RGB ": ("RGB", "L"), "GRAY": ("L",), "CMYK": ("CMYK",), "Lab ": ("LAB",)}
_INPUTS: Final = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab ": "LAB"}
# Profiles that call themselves sRGB differ by their rounding; nobody sees two levels of 255.
_SAME_LEVELS: Final = 2
_ALPHA_MODES: Final = {"RGBA", "LA", "PA", "RGBa"}
_SIXTEEN_BIT_MODES: Final = {"I;16", "I;16B", "I;16L", "I;16N"}
# Whole images are converted a strip at a time: copies of a strip are small.
_STRIP_PIXELS: Final = 1 << 18
_USELESS: Final = (ImageCms.PyCMSError, OSError, ValueError, TypeError)


class _Transforms:
    """Transforms by mode and profile, made once; safe to use from several threads.

    One is made at a time, which takes milliseconds: photos of one camera come together, and who
    waits finds it made. That a profile is of no use is remembered as well.
    """

    def __init__(self) -> None:
        self._kept: LRUCache[tuple[str, bytes], Conversion | None] = LRUCache(_KEPT_TRANSFORMS)
        self._lock = threading.Lock()
        self._making = threading.Lock()

    def get(self, profile: bytes, mode: str) -> Conversion | None:
        key = (mode, hashlib.sha256(profile).digest())
        with self._lock:
            if key in self._kept:
                return self._kept[key]
        with self._making:
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
        None where the pixels are sRGB already: there is no profile, it is one of sRGB, it does not
        fit the image, or it is none that can be used within bounds; see
        :func:`classic_profile`.
    """
    if mode == "LAB":
        # Its numbers are the profile's own connection space: they need none to have a meaning.
        return _TRANSFORMS.get(b"", mode)
    return _TRANSFORMS.get(profile, mode) if profile else None


def _made(profile: bytes, mode: str) -> Conversion | None:
    try:
        source = _source(profile, mode)
        if source is None:
            return None
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


def _source(profile: bytes, mode: str) -> ImageCms.ImageCmsProfile | None:
    if mode == "LAB":
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    classic = classic_profile(profile)
    return None if classic is None else ImageCms.getOpenProfile(io.BytesIO(classic))


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


def convert_in_place(pixels: RgbImage, mode: str, profile: bytes | None) -> RgbImage:
    """Convert pixels to sRGB where they lie.

    Args:
        pixels: Shape (height, width, 3), uint8; all three the same where `mode` is ``L``.
        mode: ``L`` or ``RGB``: what the profile speaks of.
        profile: The ICC profile; None leaves the pixels as they are.
    """
    convert = conversion_to_srgb(profile, mode)
    if convert is None:
        return pixels
    for rows in _strips(pixels.shape[1], pixels.shape[0]):
        strip = pixels[rows, :, 0] if mode == "L" else pixels[rows]
        pixels[rows] = np.asarray(convert(Image.fromarray(np.ascontiguousarray(strip))))
    return pixels


def missing_inks_to_srgb(missing: NDArray[np.uint8], profile: bytes | None) -> RgbImage:
    """Convert to sRGB what was not printed.

    Args:
        missing: How much of cyan, magenta, yellow and black is missing, shape (height, width, 4),
            uint8, 0 for all of the ink.
        profile: The ICC profile; None takes Pillow's plain conversion.

    Returns:
        Shape (height, width, 3), uint8.
    """
    convert = conversion_to_srgb(profile, "CMYK")
    height, width = missing.shape[:2]
    pixels = np.empty((height, width, 3), np.uint8)
    for rows in _strips(width, height):
        strip = 255 - missing[rows]
        image = Image.frombytes("CMYK", (width, len(strip)), strip.tobytes())
        pixels[rows] = np.asarray(convert(image) if convert else image.convert("RGB"))
    return pixels


def on_white(image: Image.Image, profile: bytes | None) -> RgbImage:
    """An image of any mode in sRGB on white, converted a strip at a time.

    Args:
        image: Read whole.
        profile: Its ICC profile; None takes it for sRGB.

    Returns:
        Shape (height, width, 3), uint8.
    """
    width, height = image.size
    convert = _conversion_of(image, profile)
    pixels = np.empty((height, width, 3), np.uint8)
    for rows in _strips(width, height):
        whole = rows.stop - rows.start == height
        strip = image if whole else image.crop((0, rows.start, width, rows.stop))
        pixels[rows] = np.asarray(_strip_on_white(strip, convert))
    return pixels


def _conversion_of(image: Image.Image, profile: bytes | None) -> Conversion | None:
    if image.mode in {"CMYK", "LAB"}:
        return conversion_to_srgb(profile, image.mode)
    grey = image.mode in {"1", "L", "LA"} or image.mode in _SIXTEEN_BIT_MODES
    return conversion_to_srgb(profile, "L" if grey else "RGB")


def _strip_on_white(strip: Image.Image, convert: Conversion | None) -> Image.Image:
    if strip.mode in _SIXTEEN_BIT_MODES:
        strip = _to_eight_bits(strip)
    opacity = None
    if strip.mode in _ALPHA_MODES or "transparency" in strip.info:
        strip = strip.convert("RGBA")
        opacity = strip.getchannel("A")
        strip = strip.convert("RGB")
    colours = convert(strip) if convert is not None else strip.convert("RGB")
    if opacity is None:
        return colours
    white = Image.new("RGB", colours.size, "white")
    white.paste(colours, mask=opacity)
    return white


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion clips at 255."""
    return Image.fromarray((np.asarray(image) // 257).astype(np.uint8))


def _strips(width: int, height: int) -> Iterator[slice]:
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


# --- Profiles bounded before they are used (ICC.1:2022) -------------------------------------------

_HEADER_BYTES: Final = 128
_LIMIT_TAGS: Final = 100
"""As many as Little CMS reads; the most intricate profiles of presses have about thirty."""
_LIMIT_VALUE_BYTES: Final = 1_024
"""Of colours and formulas: 20 and 40 bytes, and whatever pads them."""
_LIMIT_CURVE_BYTES: Final = 12 + 2 * 32_767
_CLASSES: Final = frozenset({b"scnr", b"mntr", b"prtr", b"spac"})
_CHANNELS: Final = MappingProxyType({b"RGB ": 3, b"GRAY": 1, b"CMYK": 4, b"Lab ": 3})
_COLOURS: Final = frozenset({b"rXYZ", b"gXYZ", b"bXYZ"})
_CURVES: Final = frozenset({b"rTRC", b"gTRC", b"bTRC", b"kTRC"})
# Perceptual, and the one by which the black of a display is found.
_TABLES: Final = frozenset({b"A2B0", b"A2B1"})


def classic_profile(profile: bytes) -> bytes | None:
    """A profile less everything but the matrix, curves and tables that lead to its colours.

    Args:
        profile: As it is embedded.

    Returns:
        A profile whose size bounds the work of using it; None where there is none: it is no profile
        of pixels, its tags lie outside of it, overlap beyond its size, or are of other kinds.
    """
    try:
        return _rewritten(profile)
    except (struct.error, IndexError):
        return None


def _rewritten(profile: bytes) -> bytes | None:
    channels = _CHANNELS.get(profile[16:20])
    known = profile[12:16] in _CLASSES and profile[20:24] in {b"XYZ ", b"Lab "}
    (count,) = struct.unpack_from(">I", profile, _HEADER_BYTES)
    if channels is None or not known or count > _LIMIT_TAGS:
        return None
    places: dict[bytes, tuple[int, int]] = {}
    for at in range(_HEADER_BYTES + 4, _HEADER_BYTES + 4 + 12 * count, 12):
        tag, start, size = struct.unpack_from(">4sII", profile, at)
        if tag in _COLOURS | _CURVES | _TABLES:
            places.setdefault(tag, (start, size))
    table = struct.pack(">I", len(places))
    body_at = _HEADER_BYTES + 4 + 12 * len(places)
    body = bytearray()
    # Curves of several channels are often one and the same.
    written: dict[tuple[int, int], int] = {}
    for tag, (start, size) in places.items():
        if (start, size) not in written:
            content = profile[start : start + size]
            if len(content) < size or len(body) + size > LIMIT_PROFILE_BYTES:
                return None
            written[start, size] = body_at + len(body)
            body += content + bytes(-size % 4)
        if not _is_bounded(tag, profile[start : start + size], channels):
            return None
        table += struct.pack(">4sII", tag, written[start, size], size)
    whole_bytes = struct.pack(">I", body_at + len(body))
    return whole_bytes + profile[4:_HEADER_BYTES] + table + bytes(body)


def _is_bounded(tag: bytes, content: bytes, channels: int) -> bool:
    kind = content[:4]
    if tag in _TABLES:
        return _is_table(kind, content, channels)
    if kind == b"curv":
        return tag in _CURVES and len(content) <= _LIMIT_CURVE_BYTES
    expected = b"para" if tag in _CURVES else b"XYZ "
    return kind == expected and len(content) <= _LIMIT_VALUE_BYTES


def _is_table(kind: bytes, content: bytes, channels: int) -> bool:
    """Whether a table of colours is as large as it says; room for it is made before it is read."""
    if content[8:10] != bytes([channels, 3]):
        return False
    points: int = 3 * content[10] ** channels
    if kind == b"mft1":
        return 48 + 256 * (channels + 3) + points <= len(content)
    if kind == b"mft2":
        before, after = (int.from_bytes(content[at : at + 2], "big") for at in (48, 50))
        return 52 + 2 * (before * channels + points + after * 3) <= len(content)
    if kind != b"mAB ":
        return False
    # The curves and the matrix around it are ten at most, each bounded by its 16-bit length.
    at = int.from_bytes(content[24:28], "big")
    points = 3 * math.prod(content[at : at + channels])
    value_bytes = content[at + 16]
    return at == 0 or (value_bytes in {1, 2} and at + 20 + points * value_bytes <= len(content))
