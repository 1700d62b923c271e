"""Image headers: format, size, colours and cost of decoding, known before any pixel is decoded.

Files are walked by their own tables (segments, chunks, blocks), once and in linear time, so that
what would keep a decoder busy for minutes, or fill the memory, is known beforehand. What the pixels
of the first picture do not need (comments, thumbnails, further pictures, padding) never reaches a
decoder, so that damage there costs nothing.
"""

import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from furniture_prompter.encoders.headers.blocks import avif, bmp, gif, webp
from furniture_prompter.encoders.headers.jpeg_png import jpeg, png
from furniture_prompter.encoders.headers.model import DamagedImageError, ImageHeader, tiff

# ISO/IEC 23008-12, annex B. The last two say only that there are pictures; AVIF has them as well.
_HEIC_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"heif")
_PICTURE_BRANDS: Final = (b"mif1", b"msf1")

_READERS: Final[Mapping[str, Callable[[bytes], ImageHeader]]] = MappingProxyType(
    {
        "JPEG": jpeg,
        "PNG": png,
        "WEBP": webp,
        "GIF": gif,
        "TIFF": tiff,
        "BMP": bmp,
        "AVIF": avif,
        "HEIF": lambda data: ImageHeader("HEIF", data, orientation=1),
    }
)


def image_format(data: bytes) -> str | None:
    """Pillow's name of a file's format, told by its first bytes; None where none is known here."""
    if data[:2] == b"\xff\xd8":
        return "JPEG"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:6] in {b"GIF87a", b"GIF89a"}:
        return "GIF"
    if data[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}:
        return "TIFF"
    if data[:2] == b"BM":
        return "BMP"
    return _iso_format(data) if data[4:8] == b"ftyp" else None


def _iso_format(data: bytes) -> str | None:
    brand = data[8:12]
    compatible = data[16 : int.from_bytes(data[:4], "big")]
    if brand in _HEIC_BRANDS or (brand in _PICTURE_BRANDS and b"avif" not in compatible):
        return "HEIF"
    return "AVIF" if b"avif" in brand + compatible or brand == b"avis" else None


def read_header(data: bytes) -> ImageHeader | None:
    """Walk a photo's file up to the end of its first picture; None where no format is known.

    Raises:
        DamagedImageError: it ends before its pixels do, or its tables are wrong.
        IntricateImageError: decoding it would take too much work.
    """
    kind = image_format(data)
    if kind is None:
        return None
    try:
        return _READERS[kind](data)
    except (struct.error, IndexError) as error:
        raise DamagedImageError("it ends before its pixels begin") from error
