"""WebP, GIF, BMP and AVIF headers: chunks and blocks up to the end of the first picture.

AV1 frames inside an AVIF are sized too (ISO/IEC 23008-12, AV1 specification 5.5): its boxes say one
size, and the frames within say their own; the decoder makes room for the frames and scales them
afterwards.
"""

import re
import struct
from collections.abc import Iterator
from itertools import islice
from typing import Final

from furniture_prompter.encoders.headers.model import (
    LIMIT_PIECES,
    LIMIT_PROFILE_BYTES,
    UPRIGHT,
    DamagedImageError,
    ImageHeader,
    IntricateImageError,
    orientation,
    refuse_hostile_directory,
)

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
    named = orientation(exif, xmp)
    return ImageHeader(
        "WEBP", data, size, named or UPRIGHT, profile, names_orientation=named is not None
    )


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
            return ImageHeader("GIF", b"".join(kept), size, UPRIGHT, names_orientation=False)
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
    return ImageHeader("BMP", data, orientation=UPRIGHT, names_orientation=False)


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
    return ImageHeader("AVIF", data, coded_pixels=_av1_pixels(data))


_SEQUENCE_HEADER: Final = 1
_FULL_BOX_BYTES: Final = 4
_ONCE: Final = frozenset({b"iinf", b"iloc", b"idat", b"stsz", b"stco", b"co64"})
_SAMPLE_TABLE: Final = (b"trak", b"mdia", b"minf", b"stbl")


def _av1_pixels(data: bytes) -> int:
    """Width times height of all AV1 items of a file, or of the first frames of its tracks.

    Returns:
        The larger of the two sums; what alpha, tiles and thumbnails have is in it. 0 where no frame
        is found.

    Raises:
        IntricateImageError: it has more boxes or pieces than any photo.
        DamagedImageError: it has two of a table that can be there once.
        IndexError: its boxes are damaged.
    """
    return _Av1(data).pixels()


class _Av1:
    """A walk over the boxes; `left` pieces may still come, and `left_bytes` be put together."""

    def __init__(self, data: bytes) -> None:
        self.data = memoryview(data)
        self.left = LIMIT_PIECES
        self.left_bytes = 2 * len(data)

    def pixels(self) -> int:
        items = tracks = 0
        for kind, box in self._boxes(self.data):
            if kind == b"meta":
                items += sum(map(self._frame_pixels, self._items(box[_FULL_BOX_BYTES:])))
            elif kind == b"moov":
                tables = [box]
                for wanted in _SAMPLE_TABLE:
                    within = [pair for table in tables for pair in self._boxes(table)]
                    tables = [table for name, table in within if name == wanted]
                tracks += sum(self._frame_pixels(self._first_sample(each)) for each in tables)
        return max(items, tracks)

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise IntricateImageError(f"has more than {LIMIT_PIECES:,} boxes and pieces")

    def _boxes(self, within: memoryview) -> Iterator[tuple[bytes, memoryview]]:
        at = 0
        while at + 8 <= len(within):
            self._count()
            size, start = _number(within, at, 4), at + 8
            if size == 1:
                size, start = _number(within, at + 8, 8), at + 16
            end = at + size if size else len(within)
            if end < start:
                return
            yield bytes(within[at + 4 : at + 8]), within[start:end]
            at = end

    def _tables(self, within: memoryview) -> dict[bytes, memoryview]:
        """The boxes by kind."""
        found: dict[bytes, memoryview] = {}
        for kind, box in self._boxes(within):
            if kind in found and kind in _ONCE:
                raise DamagedImageError(f"it has two boxes {kind.decode('ascii')}")
            found[kind] = box
        return found

    def _items(self, meta: memoryview) -> list[memoryview]:
        """The bytes of each AV1 item."""
        boxes = self._tables(meta)
        wanted = set()
        listed = boxes.get(b"iinf", memoryview(b""))
        for kind, entry in self._boxes(listed[8 if any(listed[:1]) else 6 :]):
            wide = 2 if entry[0] == 2 else 4
            if kind == b"infe" and bytes(entry[6 + wide : 10 + wide]) == b"av01":
                wanted.add(_number(entry, 4, wide))
        places = self._places(boxes.get(b"iloc", memoryview(bytes(16))))
        inside = boxes.get(b"idat", memoryview(b""))
        found = []
        for identity, method, extents in places:
            if identity in wanted:
                whole = inside if method == 1 else self.data
                found.append(self._joined([whole[at : at + size] for at, size in extents]))
        return found

    def _joined(self, pieces: list[memoryview]) -> memoryview:
        if len(pieces) == 1:
            return pieces[0]
        self.left_bytes -= sum(map(len, pieces))
        if self.left_bytes < 0:
            raise IntricateImageError("has items that name more bytes than there are")
        return memoryview(b"".join(pieces))

    def _places(self, iloc: memoryview) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
        """Identity, method of construction, and extents (address and length) of each item."""
        version = iloc[0]
        offset_bytes, length_bytes = iloc[4] >> 4, iloc[4] & 15
        base_bytes, index_bytes = iloc[5] >> 4, (iloc[5] & 15 if version else 0)
        wide = 4 if version == 2 else 2
        at = 6 + wide
        for _ in range(_number(iloc, 6, wide)):
            self._count()
            identity, method = _number(iloc, at, wide), 0
            at += wide
            if version:
                method = _number(iloc, at, 2) & 15
                at += 2
            base, extents = _number(iloc, at + 2, base_bytes), []
            at += 2 + base_bytes
            count, at = _number(iloc, at, 2), at + 2
            for _ in range(count):
                self._count()
                start = base + _number(iloc, at + index_bytes, offset_bytes)
                at += index_bytes + offset_bytes
                # A length of zero is all that there is.
                extents.append((start, _number(iloc, at, length_bytes) or len(self.data)))
                at += length_bytes
            yield identity, method, extents

    def _first_sample(self, table: memoryview) -> memoryview:
        boxes = self._tables(table)
        if b"co64" in boxes and b"stco" in boxes:
            raise DamagedImageError("it has two boxes of addresses")
        sizes = boxes.get(b"stsz", memoryview(b""))
        size = _number(sizes, 4, 4) or _number(sizes, 12, 4)
        wide, places = (8, boxes[b"co64"]) if b"co64" in boxes else (4, boxes.get(b"stco"))
        at = _number(places or memoryview(b""), 8, wide)
        return self.data[at : at + size]

    def _frame_pixels(self, frames: memoryview) -> int:
        """The largest size that a sequence header names."""
        largest = at = 0
        while at < len(frames):
            self._count()
            first, at = frames[at], at + 1
            at += first >> 2 & 1
            size = len(frames) - at
            if first >> 1 & 1:
                size, at = _leb128(frames, at)
            if first >> 3 & 15 == _SEQUENCE_HEADER:
                largest = max(largest, _sequence_pixels(bytes(frames[at : at + min(size, 512)])))
            at += size
        return largest


def _number(data: memoryview, at: int, size: int) -> int:
    """A whole number; IndexError where it is cut off."""
    if at + size > len(data):
        raise IndexError("a box is cut off")
    return int.from_bytes(data[at : at + size], "big")


def _leb128(data: memoryview, at: int) -> tuple[int, int]:
    """A number of the AV1 specification 4.10.5, and where it ends."""
    value = 0
    for place in range(8):
        value |= (data[at + place] & 127) << 7 * place
        if data[at + place] < 128:
            return value, at + place + 1
    raise IndexError("a length has no end")


class _Bits:
    """Bits from the highest to the lowest; zeros behind the end."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        shifted = self._value >> self._left if self._left >= 0 else 0
        return shifted & (1 << count) - 1


def _sequence_pixels(content: bytes) -> int:
    """Largest width times height of the frames after a sequence header (5.5.1)."""
    bits = _Bits(content)
    bits.take(4)
    if bits.take(1):
        bits.take(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return (bits.take(width_bits) + 1) * (bits.take(height_bits) + 1)


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits.take(1):
        bits.take(64)
        if bits.take(1):
            zeros = 0
            while zeros < 32 and not bits.take(1):
                zeros += 1
            bits.take(zeros if zeros < 32 else 0)
        if bits.take(1):
            delay_bits = bits.take(5) + 1
            bits.take(42)
    display_delays = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if display_delays and bits.take(1):
            bits.take(4)
