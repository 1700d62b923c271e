"""Photo decoding, from a file's bytes to sRGB pixels, bounded in size, work and memory.

JPEG goes through libjpeg-turbo, which can decode straight to a fraction of the size; everything
else through Pillow. Size, work and memory are known from the header and refused before any pixel is
allocated; all photos that a process decodes at once share one budget of memory. Nothing is
repaired: a photo of which pixels are missing is refused, never filled up with grey.
"""

import hashlib
import io
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Self, TypeVar

import numpy as np
import simplejpeg
from PIL import Image, UnidentifiedImageError

from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders.colour_profiles import (
    convert_in_place,
    missing_inks_to_srgb,
    on_white,
)
from furniture_prompter.encoders.decoding_memory import MEMORY, jpeg_bytes, pillow_bytes
from furniture_prompter.encoders.headers import image_format, read_header
from furniture_prompter.encoders.headers.jpeg_png import refuse_missing_rows, with_stream_end
from furniture_prompter.encoders.headers.model import (
    LIMIT_PROFILE_BYTES,
    DamagedImageError,
    ImageHeader,
    IntricateImageError,
)
from furniture_prompter.errors import InvalidPhotoError, install_line
from furniture_prompter.settings import Settings

Result = TypeVar("Result")

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""Formats that are always read; HEIC is where pillow-heif is installed. Pillow's other decoders are
never reached."""

_EXTENSIONS: Final = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "AVIF": ".avif",
    "HEIF": ".heic",
}
_EXIF_ORIENTATION: Final = 0x0112
# What Pillow and its plugins raise on damaged files.
_PILLOW_ERRORS: Final = (
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
# Of 32-bit grey nobody knows which value is white.
_UNSCALED_MODES: Final = {"I", "F"}
# Behind the last row's data, before the end marker: bytes that belong to no pixel.
_HARMLESS: Final = re.compile(r"extraneous bytes before marker 0xd9")
# Frames of an AVIF have its pixels, once more for alpha, and less than both where the tiles of a
# grid stick out; small ones may stick out further, and have a thumbnail.
_MOST_CODED: Final = 4
_FREE_CODED_PIXELS: Final = 1 << 20
# A colour that no row of a photo is likely to have throughout; see _read_png.
_UNREAD: Final = 0x9B


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """What is refused before decoding.

    Attributes:
        limit_bytes: Largest file, in bytes.
        limit_pixels: Largest width times height.
        least_side_px: Smallest width and height: fewer pixels show no piece of furniture.
        limit_memory_bytes: Memory that all photos being decoded in this process may take together.
            Who finds too little left waits; who needs more than that alone is refused.
        wait_s: Longest wait for that memory; None waits as long as it takes.
    """

    limit_bytes: int = 30_000_000
    limit_pixels: int = 120_000_000
    least_side_px: int = 16
    limit_memory_bytes: int = 700_000_000
    wait_s: float | None = None

    @classmethod
    def of(cls, settings: Settings, *, wait_s: float | None = None) -> Self:
        """The limits that settings give."""
        return cls(
            limit_bytes=settings.limit_photo_bytes,
            limit_pixels=settings.limit_photo_pixels,
            limit_memory_bytes=settings.limit_decoding_bytes,
            wait_s=wait_s,
        )


DEFAULT_LIMITS: Final = PhotoLimits()


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
        DecodingBusyError: other photos took all the memory for longer than ``limits.wait_s``.
    """
    return decode_into(
        data, lambda image: image, name=name, target_side_px=target_side_px, limits=limits
    )


def decode_into(
    data: bytes,
    use: Callable[[RgbImage], Result],
    *,
    name: str,
    target_side_px: int | None = None,
    limits: PhotoLimits = DEFAULT_LIMITS,
) -> Result:
    """As :func:`decode_photo`, with what `use` makes of the pixels while their memory is counted.

    Where many photos wait for something after decoding, such as an encoder, `use` makes them small.

    Args:
        data: The file's bytes.
        use: Takes the pixels, shape (height, width, 3), and keeps no hold of them.
        name: See :func:`decode_photo`.
        target_side_px: See :func:`decode_photo`.
        limits: What to refuse.

    Raises:
        InvalidPhotoError, DecodingBusyError: see :func:`decode_photo`.
    """
    _refuse_size(data, name, limits)
    try:
        header = read_header(data)
        if header is None:
            raise _unknown_format(name)
        with _silent_pillow():
            if header.size is not None:
                _refuse_dimensions(header.size, name, limits)
            if header.jpeg is not None:
                needed = jpeg_bytes(header, target_side_px)
                with _memory(needed, header.format, name, limits):
                    pixels = _turn(_decode_jpeg(header, target_side_px), header.orientation)
                    return use(pixels)
            with _opened(header, name) as image:
                _refuse_dimensions(image.size, name, limits)
                _refuse_mode(image.mode, name)
                _refuse_other_frames(image.size, header.coded_pixels)
                needed = pillow_bytes(header.format, image.mode, image.size, header.coded_pixels)
                with _memory(needed, header.format, name, limits):
                    pixels = _decode_with_pillow(image, header)
                    turned = header.orientation or _orientation(image)
                    image.close()
                    return use(_turn(pixels, turned))
    except InvalidPhotoError:
        raise
    except IntricateImageError as error:
        raise InvalidPhotoError(
            f"The photo {name} {error}. Export it again as a plain JPEG or PNG."
        ) from error
    except UnidentifiedImageError as error:
        raise _unknown_format(name) from error
    except Image.DecompressionBombError as error:
        raise _bomb(name, error) from error
    except _PILLOW_ERRORS as error:
        raise InvalidPhotoError(
            f"The photo {name} is damaged or cut short ({_reason(error)}). Export or download it "
            "again."
        ) from error


def names_orientation(data: bytes) -> bool:
    """Whether a photo's file says which side is up, or may; of bytes that can be decoded."""
    header = read_header(data)
    return header is None or header.names_orientation


def photo_extension(data: bytes, *, name: str, limits: PhotoLimits = DEFAULT_LIMITS) -> str:
    """The extension of a photo's format, told by its first bytes, such as ``.jpg``.

    Raises:
        InvalidPhotoError: the bytes are empty, too many or of no format that is read here. More is
            told only by decoding.
    """
    _refuse_size(data, name, limits)
    kind = image_format(data)
    if kind is None:
        raise _unknown_format(name)
    if kind == "HEIF":
        _heif_reader(name)
    return _EXTENSIONS[kind]


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


@contextmanager
def _memory(needed_bytes: int, kind: str, name: str, limits: PhotoLimits) -> Iterator[None]:
    if needed_bytes > limits.limit_memory_bytes:
        raise InvalidPhotoError(
            f"The photo {name} takes {needed_bytes / 1e6:,.0f} MB to decode from {kind}, more than "
            f"{limits.limit_memory_bytes / 1e6:,.0f}. Save it smaller or as JPEG, or raise "
            "FURNITURE_PROMPTER_LIMIT_DECODING_BYTES."
        )
    with MEMORY.hold(needed_bytes, limits.limit_memory_bytes, limits.wait_s):
        yield


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


def _refuse_other_frames(size: tuple[int, int], coded_pixels: int | None) -> None:
    """Refuse frames that are not of the size that the file says; the decoder would scale them."""
    if coded_pixels is None:
        return
    pixels = size[0] * size[1]
    if not pixels <= coded_pixels <= _MOST_CODED * pixels + _FREE_CODED_PIXELS:
        raise DamagedImageError(
            f"it says {size[0]} × {size[1]} pixels, and its frames have {coded_pixels:,} together"
        )


def _refuse_mode(mode: str, name: str) -> None:
    if mode in _UNSCALED_MODES:
        raise InvalidPhotoError(
            f"The photo {name} has 32 bits a pixel of one colour, which is measurement data. Save "
            "it with 8 or 16 bits a channel."
        )


# --- JPEG ----------------------------------------------------------------------------------------


def _decode_jpeg(header: ImageHeader, target_side_px: int | None) -> RgbImage:
    frame = header.jpeg
    if frame is None or header.size is None:
        raise TypeError("only the header of a JPEG goes this way")
    if frame.components not in {1, 3, 4} or frame.precision != 8:
        raise DamagedImageError(
            f"it has {frame.components} components of {frame.precision} bits, which are not read"
        )
    if frame.components == 4:
        return _decode_cmyk(header)
    width, height = header.size
    # libjpeg scales both sides alike, so asking for the longer side alone is enough. A factor of
    # two first: scaling by less takes longer than it saves.
    side = target_side_px or 0
    pixels = _libjpeg(
        header.data,
        "RGB",
        min_width=side if width >= height else 0,
        min_height=side if height > width else 0,
        min_factor=2 if side and max(header.size) >= 2 * side else 1,
    )
    return convert_in_place(pixels, "L" if frame.components == 1 else "RGB", header.profile)


def _libjpeg(data: bytes, colours: str, **options: int) -> RgbImage:
    """Decode, and refuse whatever libjpeg only warns of, unless every pixel has been read."""
    try:
        decoded = simplejpeg.decode_jpeg(data, colours, strict=True, **options)
    except ValueError as error:
        # It tells its first warning alone; this one is of the end, where nothing comes after.
        if not _HARMLESS.search(str(error)):
            raise
        decoded = simplejpeg.decode_jpeg(data, colours, strict=False, **options)
    return np.asarray(decoded)


def _decode_cmyk(header: ImageHeader) -> RgbImage:
    # Adobe stores how much of each ink is missing, and everybody followed.
    return missing_inks_to_srgb(_libjpeg(header.data, "CMYK"), header.profile)


# --- Everything else -----------------------------------------------------------------------------


def _opened(header: ImageHeader, name: str) -> Image.Image:
    if header.format == "HEIF":
        _heif_reader(name)()
    return Image.open(io.BytesIO(header.data), formats=(header.format,))


def _decode_with_pillow(image: Image.Image, header: ImageHeader) -> RgbImage:
    profile = header.profile or image.info.get("icc_profile")
    if not isinstance(profile, bytes) or len(profile) > LIMIT_PROFILE_BYTES:
        profile = None
    if header.format == "PNG":
        image = _read_png(image, header)
    else:
        image.seek(0)
        image.load()
    return on_white(image, profile)


def _read_png(image: Image.Image, header: ImageHeader) -> Image.Image:
    """Read a PNG whose rows are all there; Pillow leaves those that are not as they were before."""
    # So before, the last one has a colour by which it is known again. Counting what every PNG
    # inflates to would take a third more time.
    bands = len(image.getbands())
    unread = (_UNREAD,) * bands if bands > 1 else _UNREAD
    before = Image.new(image.mode, image.size, None)
    before.paste(unread, (0, image.height - 1, image.width, image.height))
    image.im = before.im
    try:
        image.load()
    except OSError as error:
        if "truncated" not in str(error):
            raise
        image = Image.open(io.BytesIO(with_stream_end(header)), formats=("PNG",))
        image.load()
        return image
    last = image.crop((0, image.height - 1, image.width, image.height))
    unread_row = Image.new(image.mode, last.size, unread)
    if image.info.get("interlace") or last.tobytes() == unread_row.tobytes():
        refuse_missing_rows(header)
    return image


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


# --- HEIC ----------------------------------------------------------------------------------------


def _heif_reader(name: str) -> Callable[[], None]:
    """What makes Pillow read HEIC; only files that say they are HEIC are ever given to it."""
    try:
        from pillow_heif import register_heif_opener
    except ModuleNotFoundError as error:
        raise InvalidPhotoError(
            f"The photo {name} is HEIC, which is read where the extra `heic` is installed. "
            f"Convert it to JPEG or PNG, or install the extra. {install_line('heic')}"
        ) from error
    return partial(register_heif_opener, thumbnails=False)


def _unknown_format(name: str) -> InvalidPhotoError:
    heic = ("HEIC",) if find_spec("pillow_heif") else ()
    return InvalidPhotoError(
        f"The photo {name} is no image of a known format, whatever its name says. Give one of "
        f"{', '.join((*FORMATS, *heic))}."
    )


def _bomb(name: str, error: Exception) -> InvalidPhotoError:
    return InvalidPhotoError(
        f"The photo {name} has far too many pixels ({_reason(error)}). Save it smaller."
    )


def _reason(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
