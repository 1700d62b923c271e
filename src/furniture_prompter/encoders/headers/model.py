"""Parsed image headers, EXIF orientation, and TIFF directories (revision 6.0, BigTIFF)."""

import re
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

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


Buffer: TypeAlias = bytes | memoryview

LIMIT_METADATA_BYTES: Final = 1_000_000
"""Most of EXIF and XMP that is looked at; JPEG allows 64 kB."""

_LIMIT_TAGS: Final = 4_096
# Of all tags together, beside bytes and text: Pillow makes objects of the numbers that it looks at.
# Offsets and lengths of the most strips, and three curves of 16 bits (TransferFunction), are fewer.
_LIMIT_NUMBERS: Final = 400_000
# A fraction takes Pillow as long as so many plain numbers; cameras write a dozen.
_FRACTIONS: Final = frozenset({5, 10})
_NUMBERS_A_FRACTION: Final = 100
_ORIENTATION: Final = 0x0112
_PROFILE: Final = 0x8773
# Width, height, and the same of a tile.
_SINGLE: Final = (256, 257, 322, 323)
_XMP_ORIENTATION: Final = re.compile(rb"tiff:Orientation(?:=[\"']|>)([1-8])")
# Compressions of TIFF 6.0 and its supplements, and WebP and Zstandard by libtiff's numbers. LZMA is
# not among them: its header alone can ask for gigabytes.
_TIFF_COMPRESSIONS: Final = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 32_773, 32_946, 50_000, 50_001})
_TIFF_BYTES: Final = MappingProxyType(
    {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
    | {16: 8, 17: 8, 18: 8}
)
# Bytes, text and what is undefined stay bytes, however many there are.
_PLAIN_BYTES: Final = frozenset({1, 2, 7})


@dataclass(frozen=True, slots=True)
class _Directory:
    """Entries by tag: kind, count and bytes of the value; and where the next one's address is."""

    order: str
    entries: Mapping[int, tuple[int, int, memoryview]]
    next_at: int

    def number(self, tag: int, default: int = 0) -> int:
        """The first whole number of an entry; `default` where there is none."""
        kind, count, value = self.entries.get(tag, (0, 0, memoryview(b"")))
        code = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}.get(kind)
        if not code or not count:
            return default
        first: int = struct.unpack_from(f"{self.order}{code}", value)[0]
        return first

    def count(self, tag: int) -> int:
        """How many values an entry has."""
        return self.entries.get(tag, (0, 0, b""))[1]


def _directory(data: Buffer, at: int | None = None) -> _Directory:
    """One directory, the first unless told.

    Raises:
        IntricateImageError: its entries name more bytes than there are: each would be copied; or
            more numbers than any photo has.
        struct.error, KeyError: it is damaged.
    """
    order = {b"II": "<", b"MM": ">"}[bytes(data[:2])]
    big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    address, count_of, entry_bytes = ("Q", "Q", 20) if big else ("I", "H", 12)
    if at is None:
        (at,) = struct.unpack_from(order + address, data, 8 if big else 4)
    (count,) = struct.unpack_from(order + count_of, data, at)
    at += struct.calcsize(count_of)
    if count > _LIMIT_TAGS:
        raise IntricateImageError(f"has more than {_LIMIT_TAGS:,} tags")
    inline = struct.calcsize(address)
    whole = memoryview(data)
    entries: dict[int, tuple[int, int, memoryview]] = {}
    named = numbers = 0
    for place in range(at, at + count * entry_bytes, entry_bytes):
        try:
            tag, kind, length = struct.unpack_from(f"{order}HH{address}", data, place)
            size = _TIFF_BYTES.get(kind, 0) * length
            where = place + 4 + inline
            if size > inline:
                named += size
                (where,) = struct.unpack_from(order + address, data, where)
        except struct.error:
            # What stands before the cut is as good as ever.
            break
        if named > 2 * len(data):
            raise IntricateImageError("has tags that name more bytes than there are")
        if kind not in _PLAIN_BYTES and size:
            numbers += length * (_NUMBERS_A_FRACTION if kind in _FRACTIONS else 1)
        if numbers > _LIMIT_NUMBERS:
            raise IntricateImageError(f"has more than {_LIMIT_NUMBERS:,} numbers in its tags")
        entries.setdefault(tag, (kind, length, whole[where : where + size]))
    return _Directory(order, entries, at + count * entry_bytes)


_EXIF_DIRECTORIES: Final = (34_665, 34_853, 40_965)


def tiff(data: bytes) -> ImageHeader:
    """Walk a file that begins as TIFF does.

    Raises:
        DamagedImageError, IntricateImageError: see
            :func:`furniture_prompter.encoders.headers.read_header`.
    """
    try:
        found = _directory(data)
    except KeyError as error:
        raise DamagedImageError("its directory cannot be read") from error
    compression = found.number(259, 1)
    if compression not in _TIFF_COMPRESSIONS:
        raise IntricateImageError(f"is compressed by method {compression}, which is not read here")
    if max(found.count(tag) for tag in _SINGLE) > 1:
        raise DamagedImageError("it has several sizes")
    width, height = found.number(256), found.number(257)
    if max(found.count(tag) for tag in (273, 324)) > LIMIT_PIECES:
        raise IntricateImageError(f"has more than {LIMIT_PIECES:,} strips")
    tile = found.number(322) * found.number(323)
    if tile > max(2 * width * height, 1 << 22):
        raise IntricateImageError("has tiles much larger than itself")
    for tag in _EXIF_DIRECTORIES:
        if place := found.number(tag):
            refuse_hostile_directory(data, place)
    profile = found.entries.get(_PROFILE, (0, 0, memoryview(b"")))[2]
    return ImageHeader(
        "TIFF",
        _without_next(data, found),
        (width, height),
        profile=bytes(profile) if 0 < len(profile) <= LIMIT_PROFILE_BYTES else None,
    )


def refuse_hostile_directory(data: Buffer, place: int | None = None) -> None:
    """Refuse a directory, the first unless told, whose entries name more bytes than there are.

    A damaged one is nobody's concern here.

    Raises:
        IntricateImageError: it does.
    """
    with suppress(struct.error, KeyError):
        _directory(data, place)


def _without_next(data: bytes, found: _Directory) -> bytes:
    """The file without its further pictures, whose chain Pillow follows to its end."""
    wide = 8 if struct.unpack_from(f"{found.order}H", data, 2)[0] == 43 else 4
    at = found.next_at
    if at + wide > len(data) or not any(data[at : at + wide]):
        return data
    return b"".join([data[:at], bytes(wide), data[at + wide :]])


UPRIGHT: Final = 1
"""The orientation of a photo whose file names none."""


def orientation(exif: bytes, xmp: bytes) -> int | None:
    """The orientation, 1 to 8, that an EXIF block names, or else an XMP one; None without either.

    Of EXIF only the first directory is read (CIPA DC-008-2023): a hostile block has further ones
    without end.
    """
    try:
        found = _directory(exif.removeprefix(b"Exif\0\0"))
        named = found.number(_ORIENTATION) if found.count(_ORIENTATION) else None
    except (struct.error, KeyError, IntricateImageError):
        named = None
    if named is None:
        match = _XMP_ORIENTATION.search(xmp[:LIMIT_METADATA_BYTES])
        named = int(match[1]) if match else None
    return named if named is not None and 1 <= named <= 8 else None
