"""WebP, GIF, BMP and AVIF: chunks and blocks, up to the end of the first picture."""

import re
import struct
from collections.abc import Iterator
from itertools import islice
from typing import Final

from furniture_prompter.encoders.headers.av1 import av1_pixels
from furniture_prompter.encoders.headers.model import (
    LIMIT_PIECES,
    LIMIT_PROFILE_BYTES,
    DamagedImageError,
    ImageHeader,
    IntricateImageError,
)
from furniture_prompter.encoders.headers.tiff import orientation, refuse_hostile_directory

# Pillow expands run-length BMPs in Python, pixel by pixel where a line ends early.
_LIMIT_RLE_PIXELS: Final = 4_000_000


def webp(data: bytes) -> ImageHeader:
    """Walk a file that begins as WebP does.

    Raises:
        DamagedImageError, IntricateImageError: see
            :func:`furniture_prompter.encoders.headers.read_header`.
    """
    size: tuple[int, int] | None = None
    exif = xmp = b""
    profile: bytes | None = None
    kept: list[bytes] = []
    frames = 0
    for kind, content in _webp_chunks(data):
        if kind == b"VP8X":
            size = (_uint24(content, 4) + 1, _uint24(content, 7) + 1)
        elif kind == b"VP8 " and size is None:
            wide, high = struct.unpack_from("<HH", content, 6)
            size = (wide & 0x3FFF, high & 0x3FFF)
        elif kind == b"VP8L" and size is None:
            bits = int.from_bytes(content[1:5], "little")
            size = ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        elif kind == b"ICCP":
            profile = content if len(content) <= LIMIT_PROFILE_BYTES else None
        elif kind == b"EXIF":
            exif = content
        elif kind == b"XMP ":
            xmp = content
        frames += kind == b"ANMF"
        if kind in {b"VP8X", b"ANIM"} or (kind == b"ANMF" and frames == 1):
            padding = b"\0" * (len(content) % 2)
            kept.append(kind + struct.pack("<I", len(content)) + content + padding)
    if size is None:
        raise DamagedImageError("it ends before its pixels begin")
    if frames > 1:
        body = b"WEBP" + b"".join(kept)
        data = b"RIFF" + struct.pack("<I", len(body)) + body
    return ImageHeader("WEBP", data, size, orientation(exif, xmp), profile)


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    for _ in range(LIMIT_PIECES):
        if at + 8 > len(data):
            return
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    raise IntricateImageError(f"has more than {LIMIT_PIECES:,} chunks")


def _uint24(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")


# --- GIF (version 89a) ---------------------------------------------------------------------------

_LIMIT_BLOCKS: Final = 200_000
"""Blocks of at most 255 bytes up to the end of the first picture; 30 MB have 118,000."""


def gif(data: bytes) -> ImageHeader:
    """Walk a file that begins as GIF does.

    Raises:
        DamagedImageError, IntricateImageError: see
            :func:`furniture_prompter.encoders.headers.read_header`.
    """
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + _gif_table_bytes(flags)
    kept, control = [data[:at]], b""
    blocks = 0
    while True:
        start, kind = at, data[at]
        if kind == 0x21:
            is_control = data[at + 1] == 0xF9
            at, blocks = _gif_blocks_end(data, at + 2, blocks)
            if is_control:
                control = data[start:at]
        elif kind == 0x2C:
            left, top, wide, high, local = struct.unpack_from("<HHHHB", data, at + 1)
            at, _ = _gif_blocks_end(data, at + 11 + _gif_table_bytes(local), blocks)
            kept += [control, data[start:at], b";"]
            # Pillow makes room for a picture that sticks out.
            size = (max(width, left + wide), max(height, top + high))
            return ImageHeader("GIF", b"".join(kept), size, 1)
        else:
            raise DamagedImageError("it has no picture")


def _gif_table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _gif_blocks_end(data: bytes, at: int, blocks: int) -> tuple[int, int]:
    """Where a chain of blocks ends; one that is cut off ends with the file."""
    while at < len(data) and data[at]:
        at += 1 + data[at]
        blocks += 1
        if blocks > _LIMIT_BLOCKS:
            raise IntricateImageError(f"has more than {_LIMIT_BLOCKS:,} blocks")
    return min(at + 1, len(data)), blocks


# --- BMP, AVIF -----------------------------------------------------------------------------------


def bmp(data: bytes) -> ImageHeader:
    """Walk a file that begins as BMP does.

    Raises:
        DamagedImageError, IntricateImageError: see
            :func:`furniture_prompter.encoders.headers.read_header`.
    """
    (header_bytes,) = struct.unpack_from("<I", data, 14)
    if header_bytes >= 40:
        width, height, _, _, compression = struct.unpack_from("<iiHHI", data, 18)
        if compression in {1, 2} and abs(width * height) > _LIMIT_RLE_PIXELS:
            raise IntricateImageError(
                f"is a run-length BMP of more than {_LIMIT_RLE_PIXELS:,} pixels"
            )
    return ImageHeader("BMP", data, orientation=1)


# One, and a few more within the notes of a camera's maker.
_LIMIT_EXIFS: Final = 16
_TIFF_HEADER: Final = re.compile(rb"II\*\0|MM\0\*")


def avif(data: bytes) -> ImageHeader:
    """Walk a file that begins as AVIF does.

    Raises:
        DamagedImageError, IntricateImageError: see
            :func:`furniture_prompter.encoders.headers.read_header`.
    """
    # Pillow copies what every entry of the EXIF block names while it opens the file. Where that
    # block lies only its own tables tell, so whatever looks like one is looked at.
    places = [each.start() for each in islice(_TIFF_HEADER.finditer(data), _LIMIT_EXIFS + 1)]
    if len(places) > _LIMIT_EXIFS:
        raise IntricateImageError(f"has more than {_LIMIT_EXIFS} blocks of EXIF")
    for place in places:
        refuse_hostile_directory(memoryview(data)[place:])
    return ImageHeader("AVIF", data, coded_pixels=av1_pixels(data))
