"""From a file's bytes to pixels, safely: the only place where photos are decoded.

JPEG goes through libjpeg-turbo, which can decode straight to a fraction of the size; everything
else, and the JPEGs that it does not take (CMYK), through Pillow. Sizes are read from the header and
refused before any pixel is allocated. Nothing is repaired: a photo that cannot be decoded to its
end is refused, never filled up with grey.
"""

import hashlib
import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image, ImageOps, UnidentifiedImageError

from furniture_prompter.domain import RgbImage
from furniture_prompter.errors import InvalidPhotoError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""Formats that are accepted; Pillow's other decoders are never reached."""

_EXIF_ORIENTATION = 0x0112
_HEIF_BRANDS = (b"heic", b"heix", b"heif", b"mif1", b"msf1", b"hevc")
# What Pillow and its plugins raise on damaged files.
_PILLOW_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    OverflowError,
    AttributeError,
    struct.error,
    zlib.error,
)
_PILLOW_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_ALPHA_MODES = {"RGBA", "LA", "PA", "La", "RGBa"}
_SIXTEEN_BIT_MODES = {"I;16", "I;16B", "I;16L", "I;16N", "I"}


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """What is refused before decoding.

    Attributes:
        limit_bytes: Largest file, in bytes.
        limit_pixels: Largest width times height. Pillow's own alarm rings at 89 million.
        least_side_px: Smallest width and height: fewer pixels show no piece of furniture.
    """

    limit_bytes: int = 30_000_000
    limit_pixels: int = 80_000_000
    least_side_px: int = 16


DEFAULT_LIMITS = PhotoLimits()


def photo_id(data: bytes) -> str:
    """The identity of a photo: SHA-256 of its bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def read_photo_bytes(path: Path, limits: PhotoLimits = DEFAULT_LIMITS) -> bytes:
    """The bytes of a photo file, never more than the limit and one.

    Raises:
        InvalidPhotoError: it is missing, unreadable, no plain file, empty or too large.
    """
    try:
        if not path.is_file():
            raise InvalidPhotoError(f"There is no photo file at {path}. Check the path.")
        with path.open("rb") as file:
            data = file.read(limits.limit_bytes + 1)
    except OSError as error:
        raise InvalidPhotoError(
            f"The photo {path} cannot be read ({error.strerror}). Check its permissions."
        ) from error
    _refuse_size(data, str(path), limits)
    return data


def decode_photo(
    data: bytes,
    *,
    name: str,
    target_side_px: int | None = None,
    limits: PhotoLimits = DEFAULT_LIMITS,
) -> RgbImage:
    """Decode a photo to upright sRGB pixels on white.

    Args:
        data: The file's bytes.
        name: What to call the photo in errors.
        target_side_px: Side of the square that the image will be fitted into. A JPEG whose longer
            side is at least twice that is decoded at an eighth, quarter or half of its size, so
            long as the longer side stays at least that long. None decodes at full size.
        limits: What to refuse.

    Returns:
        Shape (height, width, 3), uint8, contiguous.

    Raises:
        InvalidPhotoError: the bytes are no photo that can be used; the message names `name`, the
            reason and the cure.
    """
    _refuse_size(data, name, limits)
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        raise InvalidPhotoError(
            f"The photo {name} is HEIC, which is not read here. Convert it to JPEG or PNG."
        )
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _refuse_dimensions(image.size, name, limits)
            if image.format == "JPEG" and image.mode in {"RGB", "L"}:
                orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
                return _turn(_decode_jpeg(data, image.size, target_side_px), orientation)
            return _decode_with_pillow(image)
    except UnidentifiedImageError as error:
        raise InvalidPhotoError(
            f"The photo {name} is no image of a known format, whatever its name says. Give one of "
            f"{', '.join(FORMATS)}."
        ) from error
    except _PILLOW_BOMBS as error:
        raise InvalidPhotoError(
            f"The photo {name} has far more than {limits.limit_pixels:,} pixels. Save it smaller."
        ) from error
    except _PILLOW_ERRORS as error:
        raise InvalidPhotoError(
            f"The photo {name} is damaged or cut short ({_reason(error)}). Export or download it "
            "again."
        ) from error


def _refuse_size(data: bytes, name: str, limits: PhotoLimits) -> None:
    if not data:
        raise InvalidPhotoError(f"The photo {name} is empty. Export or download it again.")
    if len(data) > limits.limit_bytes:
        raise InvalidPhotoError(
            f"The photo {name} has more than {limits.limit_bytes:,} bytes. Save it smaller, or "
            "raise FURNITURE_PROMPTER_LIMIT_PHOTO_BYTES."
        )


def _refuse_dimensions(size: tuple[int, int], name: str, limits: PhotoLimits) -> None:
    width, height = size
    if width * height > limits.limit_pixels:
        raise InvalidPhotoError(
            f"The photo {name} has {width} × {height} pixels, more than {limits.limit_pixels:,}. "
            "Save it smaller, or raise FURNITURE_PROMPTER_LIMIT_PHOTO_PIXELS."
        )
    if min(size) < limits.least_side_px:
        raise InvalidPhotoError(
            f"The photo {name} has {width} × {height} pixels, too few to show anything. Give one "
            f"of at least {limits.least_side_px} pixels on each side."
        )


def _decode_jpeg(data: bytes, size: tuple[int, int], target_side_px: int | None) -> RgbImage:
    width, height = size
    # libjpeg scales both sides alike, so asking for the longer side alone is enough. A factor of
    # two first: scaling by less takes longer than it saves.
    side = target_side_px or 0
    decoded = simplejpeg.decode_jpeg(
        data,
        "RGB",
        min_width=side if width >= height else 0,
        min_height=side if height > width else 0,
        min_factor=2 if side and max(size) >= 2 * side else 1,
    )
    return np.asarray(decoded)


def _turn(image: RgbImage, orientation: int) -> RgbImage:
    """Undo an EXIF orientation, 1 to 8; see CIPA DC-008-2023, tag 0x0112."""
    if orientation in {5, 6, 7, 8}:
        image = image.transpose(1, 0, 2)
    if orientation in {3, 4, 7, 8}:
        image = image[::-1]
    if orientation in {2, 3, 6, 7}:
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def _decode_with_pillow(image: Image.Image) -> RgbImage:
    image.seek(0)
    image.load()
    upright = ImageOps.exif_transpose(image)
    if upright.mode in _SIXTEEN_BIT_MODES:
        upright = _to_eight_bits(upright)
    if upright.mode in _ALPHA_MODES or "transparency" in upright.info:
        white = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(white, upright.convert("RGBA"))
    return np.array(upright.convert("RGB"))


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion clips at 255."""
    values = np.asarray(image).astype(np.int64)
    return Image.fromarray((values.clip(0, 65_535) // 257).astype(np.uint8))


def _reason(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
