"""Colour conversion to sRGB, and the memory budget that all decoding shares.

A photo's numbers mean what its embedded profile (ICC.1:2022) says: the same red has other numbers
in Display P3 or Adobe RGB. Encoders learned from sRGB and pages show sRGB, so every photo is
brought there. A profile that cannot be used is passed over, as browsers do: the numbers then count
as sRGB.
"""

import hashlib
import io
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from PIL import Image, ImageCms

from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders.headers.model import ImageHeader, classic_profile
from furniture_prompter.errors import DecodingBusyError

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
        :func:`furniture_prompter.encoders.headers.model.classic_profile`.
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


# By format and Pillow's mode.
_BYTES_A_PIXEL: Final = MappingProxyType(
    {
        ("PNG", "1"): 5,
        ("PNG", "L"): 5,
        ("PNG", "P"): 5,
        ("PNG", "I;16"): 6,
        ("WEBP", "RGB"): 19,
        ("BMP", "L"): 5,
        ("BMP", "P"): 5,
        ("TIFF", "L"): 5,
        ("TIFF", "I;16"): 6,
        # With ten bits a sample, which only the decoder knows, four more than were measured.
        ("AVIF", "RGB"): 15,
    }
)
# Of all other modes: as much as the worst of the format.
_WORST_BYTES_A_PIXEL: Final = MappingProxyType(
    {"PNG": 8, "WEBP": 21, "GIF": 6, "BMP": 8, "TIFF": 9, "AVIF": 17, "HEIF": 17}
)
# Tables, buffers of the libraries and strips, whatever the size.
_FIXED_BYTES: Final = 12_000_000


def pillow_bytes(
    kind: str, mode: str, size: tuple[int, int], coded_pixels: int | None = None
) -> int:
    """Bytes that decoding takes at its peak, for a format and mode as Pillow names them.

    Args:
        kind: The format.
        mode: The mode of what comes out.
        size: Its width and height.
        coded_pixels: Pixels of all frames that are decoded for it, where they are known; alpha,
            which is one of the same size, is in what was measured.
    """
    pixel = _BYTES_A_PIXEL.get((kind, mode), _WORST_BYTES_A_PIXEL[kind])
    pixels = size[0] * size[1]
    return round(pixel * max(pixels, (coded_pixels or 0) - pixels)) + _FIXED_BYTES


def jpeg_bytes(header: ImageHeader, target_side_px: int | None) -> int:
    """Bytes that decoding a JPEG takes at its peak, scaled down to `target_side_px` if given.

    Coefficients of all scans are held where there are several; pixels come out at the fewest
    eighths that are enough, and once more where they are turned.

    Raises:
        TypeError: the header is no JPEG's.
    """
    if header.jpeg is None or header.size is None:
        raise TypeError("only the header of a JPEG has this cost")
    width, height = header.size
    share = 1.0
    if target_side_px and header.jpeg.components != 4:
        eighths = -(-8 * target_side_px // max(width, height))
        share = min(8, max(1, eighths)) / 8
        if max(width, height) >= 2 * target_side_px:
            share = min(share, 0.5)
    bytes_out = 7 if header.jpeg.components == 4 else 3
    if header.orientation != 1:
        bytes_out *= 2
    if target_side_px:
        # Whoever fits the pixels into a square copies them first.
        bytes_out += 4
    coefficients = 2 * header.jpeg.samples if header.jpeg.buffered else 0
    return round(coefficients + bytes_out * width * height * share**2) + _FIXED_BYTES


class MemoryBudget:
    """Bytes that are spoken for; who finds too few waits, first come, first served."""

    def __init__(self) -> None:
        """Nothing is spoken for yet."""
        self._changed = threading.Condition()
        self._waiting: deque[threading.Thread] = deque()
        self._held_bytes = 0

    @property
    def held_bytes(self) -> int:
        """Bytes that are spoken for now."""
        return self._held_bytes

    def keeps_waiting(self, thread: threading.Thread) -> bool:
        """Whether a thread waits for others to let go."""
        return thread in self._waiting

    @contextmanager
    def hold(self, wanted_bytes: int, limit_bytes: int, wait_s: float | None) -> Iterator[None]:
        """Speak for `wanted_bytes` while inside.

        Args:
            wanted_bytes: At most `limit_bytes`, or nobody could ever let go of enough.
            limit_bytes: How much may be spoken for by all together.
            wait_s: Longest wait; None waits as long as it takes.

        Raises:
            DecodingBusyError: others held too much for too long.
        """
        self._take(wanted_bytes, limit_bytes, wait_s)
        try:
            yield
        finally:
            with self._changed:
                self._held_bytes -= wanted_bytes
                self._changed.notify_all()

    def _take(self, wanted_bytes: int, limit_bytes: int, wait_s: float | None) -> None:
        place = threading.current_thread()
        with self._changed:
            self._waiting.append(place)
            try:
                # Who came first goes first, or small photos would keep a large one out for ever.
                free = self._changed.wait_for(
                    lambda: (
                        self._waiting[0] is place and self._held_bytes + wanted_bytes <= limit_bytes
                    ),
                    wait_s,
                )
            finally:
                self._waiting.remove(place)
                self._changed.notify_all()
            if not free:
                raise DecodingBusyError(
                    "Other photos take all the memory for decoding (limit_decoding_bytes). Try "
                    "again in a moment."
                )
            self._held_bytes += wanted_bytes


MEMORY: Final = MemoryBudget()
"""The budget of this process."""
