"""Parsed image headers, embedded colour profiles, and the errors of files that cannot be read."""

import math
import struct
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

LIMIT_PIECES: Final = 65_536
"""Most segments, chunks or strips of one file: encoders write a few thousand at most, and that many
are walked in a tenth of a second."""

LIMIT_PROFILE_BYTES: Final = 4_000_000
"""Largest colour profile that is read; those of presses have 0.5 to 2.5 MB."""


class DamagedImageError(ValueError):
    """Pixels are missing or cannot be read; the message says which, as half a sentence."""


class IntricateImageError(ValueError):
    """Decoding takes more work than any photo needs; the message says why, after "The photo"."""


@dataclass(frozen=True, slots=True)
class JpegFrame:
    """What else a JPEG's tables say.

    Attributes:
        components: 1 is grey, 3 colour, 4 CMYK.
        precision: Bits of a sample.
        samples: Samples of all components, padded to whole blocks.
        buffered: Whether all of them are held until the last scan, as 16-bit coefficients.
    """

    components: int
    precision: int
    samples: int
    buffered: bool


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """A photo's file, ready for its decoder.

    Attributes:
        format: Pillow's name of the format.
        data: The file, or what of it the first picture needs.
        size: Width and height in pixels; None where only the decoder can tell.
        orientation: EXIF orientation, 1 to 8; None where only the decoder can tell.
        profile: The colour profile as it is embedded; None where there is none that can be read,
            or where only the decoder can tell.
        jpeg: What a JPEG's tables say besides.
        coded_pixels: Pixels of all frames of an AVIF, with those of alpha, tiles and thumbnails;
            None of other formats.
        names_orientation: False where the file is known to say nothing of which side is up.
    """

    format: str
    data: bytes
    size: tuple[int, int] | None = None
    orientation: int | None = None
    profile: bytes | None = None
    jpeg: JpegFrame | None = None
    coded_pixels: int | None = None
    names_orientation: bool = True


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
