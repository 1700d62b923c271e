"""From a file's bytes to pixels, safely: the only place where photos are decoded.

JPEG goes through libjpeg-turbo, which can decode straight to a fraction of the size; everything
else, and the JPEGs that it does not take (CMYK), through Pillow. Sizes are read from the header and
refused before any pixel is allocated. Nothing is repaired: a photo that cannot be decoded to its
end is refused, never filled up with grey.
"""

import hashlib
import io
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image, UnidentifiedImageError

from furniture_prompter.domain import RgbImage
from furniture_prompter.errors import InvalidPhotoError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""Formats that are accepted; Pillow's other decoders are never reached."""

_EXTENSIONS = {
    "JPEG": ".jpg",
    "MPO": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "AVIF": ".avif",
}
_EXIF_ORIENTATION = 0x0112
# ISO/IEC 23008-12, annex B. The last two say only that there are pictures; AVIF has them as well.
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"heif")
_PICTURE_BRANDS = (b"mif1", b"msf1")
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
    RuntimeError,
    struct.error,
    zlib.error,
)
_ALPHA_MODES = {"RGBA", "LA", "PA", "RGBa"}
_SIXTEEN_BIT_MODES = {"I;16", "I;16B", "I;16L", "I;16N"}
# Of 32-bit grey nobody knows which value is white.
_UNSCALED_MODES = {"I", "F"}


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
        target_side_px: Side of the square that the image will be fitted into. A JPEG is decoded at
            the fewest eighths of its size at which its longer side is still at least that long,
            half of its size at most where it is at least twice as long. None decodes at full size.
        limits: What to refuse.

    Returns:
        Shape (height, width, 3), uint8, contiguous.

    Raises:
        InvalidPhotoError: the bytes are no photo that can be used; the message names `name`, the
            reason and the cure.
    """
    _refuse_size(data, name, limits)
    if _is_heic(data):
        raise _heic(name)
    try:
        with _silent_pillow(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _refuse_dimensions(image.size, name, limits)
            _refuse_mode(image.mode, name)
            if image.format == "JPEG" and image.mode in {"RGB", "L"}:
                pixels = _decode_jpeg(data, image.size, target_side_px)
            else:
                pixels = _decode_with_pillow(image)
            return _turn(pixels, _orientation(image))
    except UnidentifiedImageError as error:
        raise _unknown_format(name) from error
    except Image.DecompressionBombError as error:
        raise _bomb(name, error) from error
    except _PILLOW_ERRORS as error:
        raise InvalidPhotoError(
            f"The photo {name} is damaged or cut short ({_reason(error)}). Export or download it "
            "again."
        ) from error


def photo_extension(data: bytes, *, name: str, limits: PhotoLimits = DEFAULT_LIMITS) -> str:
    """The extension of a photo's format, told by its first bytes, such as ``.jpg``.

    Raises:
        InvalidPhotoError: the bytes are empty, too many or of no format that is read here. More is
            told only by decoding.
    """
    _refuse_size(data, name, limits)
    if _is_heic(data):
        raise _heic(name)
    try:
        with _silent_pillow(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return _EXTENSIONS[str(image.format)]
    except _PILLOW_ERRORS as error:
        raise _unknown_format(name) from error
    except Image.DecompressionBombError as error:
        raise _bomb(name, error) from error


class _Silence:
    """Pillow's warnings are off while any thread is inside.

    Pillow warns of odd metadata, which is no news to whoever indexes ten thousand photos. The
    filters of :mod:`warnings` belong to the process, so the first thread in changes them and the
    last one out restores them; warnings of other packages pass as before.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filters = warnings.catch_warnings()

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._filters.__exit__(None, None, None)


_SILENCE = _Silence()


@contextmanager
def _silent_pillow() -> Iterator[None]:
    _SILENCE.enter()
    try:
        yield
    finally:
        _SILENCE.leave()


def _is_heic(data: bytes) -> bool:
    if data[4:8] != b"ftyp":
        return False
    brand = data[8:12]
    compatible = data[16 : int.from_bytes(data[:4], "big")]
    return brand in _HEIC_BRANDS or (brand in _PICTURE_BRANDS and b"avif" not in compatible)


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


def _refuse_mode(mode: str, name: str) -> None:
    if mode in _UNSCALED_MODES:
        raise InvalidPhotoError(
            f"The photo {name} has 32 bits a pixel of one colour, which is measurement data. Save "
            "it with 8 or 16 bits a channel."
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


def _orientation(image: Image.Image) -> object:
    """The EXIF orientation; 1, upright, where the metadata is damaged or says nothing."""
    try:
        return image.getexif().get(_EXIF_ORIENTATION, 1)
    except _PILLOW_ERRORS:
        return 1


def _turn(image: RgbImage, orientation: object) -> RgbImage:
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
    if image.mode in _SIXTEEN_BIT_MODES:
        return np.array(_to_eight_bits(image).convert("RGB"))
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        layers = image.convert("RGBA")
        white = Image.new("RGB", layers.size, "white")
        white.paste(layers, mask=layers.getchannel("A"))
        return np.array(white)
    return np.array(image.convert("RGB"))


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion clips at 255."""
    values = np.asarray(image).astype(np.int64)
    return Image.fromarray((values.clip(0, 65_535) // 257).astype(np.uint8))


def _heic(name: str) -> InvalidPhotoError:
    return InvalidPhotoError(
        f"The photo {name} is HEIC, which is not read here. Convert it to JPEG or PNG."
    )


def _unknown_format(name: str) -> InvalidPhotoError:
    return InvalidPhotoError(
        f"The photo {name} is no image of a known format, whatever its name says. Give one of "
        f"{', '.join(FORMATS)}."
    )


def _bomb(name: str, error: Exception) -> InvalidPhotoError:
    return InvalidPhotoError(
        f"The photo {name} has far too many pixels ({_reason(error)}). Save it smaller."
    )


def _reason(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
