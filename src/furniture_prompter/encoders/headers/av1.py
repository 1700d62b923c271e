"""AV1 frame sizes inside AVIF files (ISO/IEC 23008-12, AV1 specification 5.5).

The boxes of an AVIF say one size, and the frames within say their own; the decoder makes room for
the frames and scales them afterwards.
"""

from collections.abc import Iterator
from typing import Final

from furniture_prompter.encoders.headers.model import (
    LIMIT_PIECES,
    DamagedImageError,
    IntricateImageError,
)

_SEQUENCE_HEADER: Final = 1
_FULL_BOX_BYTES: Final = 4
_ONCE: Final = frozenset({b"iinf", b"iloc", b"idat", b"stsz", b"stco", b"co64"})
_SAMPLE_TABLE: Final = (b"trak", b"mdia", b"minf", b"stbl")


def av1_pixels(data: bytes) -> int:
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
