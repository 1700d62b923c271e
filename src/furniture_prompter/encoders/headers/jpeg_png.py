"""JPEG and PNG headers: segments and chunks up to the end of the first picture, and rows counted.

JPEG as in ITU-T T.81, annex B; PNG as in W3C Portable Network Graphics, third edition.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from furniture_prompter.encoders.headers.model import (
    LIMIT_METADATA_BYTES,
    LIMIT_PIECES,
    LIMIT_PROFILE_BYTES,
    UPRIGHT,
    DamagedImageError,
    ImageHeader,
    IntricateImageError,
    JpegFrame,
    orientation,
)

# The scans of a progressive JPEG go over its blocks again and again: the usual ten scans make five
# visits of a block, twenty no more than thirteen. A visit takes 0.1 to 0.3 microseconds however
# little it brings, so 15 kB of empty scans can take seconds.
_LIMIT_VISITS_A_BLOCK: Final = 16
_LIMIT_VISITS: Final = 30_000_000
# So few take 0.3 s at most, so small photos may have any scans.
_FREE_VISITS: Final = 1_000_000

_EOI: Final = 0xD9
_SOS: Final = 0xDA
_COM: Final = 0xFE
_APP0, _APP1, _APP2, _APP14, _APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL: Final = frozenset({0xC0, 0xC1, 0xC9})
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_NO_PADDING: Final = re.compile(rb"[^\xff]")
# Within a scan: stuffed bytes and restart markers belong to it.
_END_OF_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
# A search holds up all other threads: 20 ms for so many bytes at the worst.
_SEARCHED_BYTES: Final = 1 << 20
_ICC: Final = b"ICC_PROFILE\0"
_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"


class _Jpeg:
    """A walk over a JPEG's segments, up to the end of its first picture."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        # What the pixels need; written anew only where something else lies in between.
        self.kept: list[bytes | slice] = [slice(0, 2)]
        self.odd = False
        self.code = 0
        self.width = self.height = self.precision = 0
        self.components: dict[int, tuple[int, int]] = {}
        self.scans: list[tuple[tuple[int, ...], int, int, int]] = []
        self.exif = self.xmp = b""
        self.profile: dict[int, bytes] = {}
        self.visits = 0

    def header(self) -> ImageHeader:
        ended = self._walk()
        if not self.scans or not self.components:
            raise DamagedImageError("it ends before its pixels begin")
        self._refuse_work()
        if not ended:
            self._refuse_missing_scans()
        parts = len(self.profile)
        # The largest profiles take many parts, in any order.
        profile = b"".join(self.profile[number] for number in sorted(self.profile))
        named = orientation(self.exif, self.xmp)
        return ImageHeader(
            "JPEG",
            self.data if ended and not self.odd else self._rewritten(),
            (self.width, self.height),
            named or UPRIGHT,
            profile if parts and len(profile) <= LIMIT_PROFILE_BYTES else None,
            JpegFrame(
                len(self.components),
                self.precision,
                64 * self._blocks(),
                buffered=self.code not in _SEQUENTIAL or len(self.scans) > 1,
            ),
            names_orientation=named is not None,
        )

    def _rewritten(self) -> bytes:
        pieces = (self.data[each] if isinstance(each, slice) else each for each in self.kept)
        return b"".join([*pieces, b"\xff\xd9"])

    def _walk(self) -> bool:
        """Whether the end marker was met; what comes after it is another picture, or nothing."""
        data, at = self.data, 2
        for _ in range(LIMIT_PIECES):
            # Padding, and bytes that belong to nothing, are passed over at once.
            start = data.find(b"\xff", at)
            found = _search(_NO_PADDING, data, start) if start >= 0 else -1
            if found < 0:
                return False
            self.odd |= found != at + 1
            code, at = data[found], found + 1
            if code == 0:
                continue
            if code == _EOI:
                return True
            if code in _ALONE:
                self.odd = True
                continue
            length = int.from_bytes(data[at : at + 2], "big")
            end = at + length
            if length < 2 or end > len(data):
                # What is cut off here may be no more than a comment.
                return False
            if code == _SOS:
                end = self._scan(at - 2, end)
            elif _APP0 < code <= _APP15 and code != _APP14:
                self._application(code, data[at + 2 : end])
            elif code != _COM:
                if code in _FRAMES:
                    self._frame(code, data[at + 2 : end])
                self.kept.append(slice(at - 2, end))
            at = end
        raise IntricateImageError(f"has more than {LIMIT_PIECES:,} segments")

    def _frame(self, code: int, content: bytes) -> None:
        if self.code:
            raise DamagedImageError("it has two frames, so its size could be either's")
        self.code = code
        self.precision, self.height, self.width, count = struct.unpack_from(">BHHB", content)
        for place in range(6, 6 + 3 * count, 3):
            identity, factors = content[place], content[place + 1]
            if identity in self.components:
                raise DamagedImageError("two of its components have the same name")
            self.components[identity] = (factors >> 4, factors & 15)
        if not all(1 <= each <= 4 for pair in self.components.values() for each in pair):
            raise DamagedImageError("its sampling factors do not exist")

    def _scan(self, start: int, end: int) -> int:
        """Take a scan with its data; where they end."""
        content = self.data[start + 4 : end]
        count = content[0]
        chosen = tuple(content[1 : 1 + 2 * count : 2])
        first, last, bits = content[1 + 2 * count : 4 + 2 * count]
        found = _search(_END_OF_SCAN, self.data, end)
        after = found if found >= 0 else len(self.data)
        if self.code in _SEQUENTIAL and (first, last, bits) != (0, 63, 0):
            # They mean nothing there, and some writers leave them empty.
            first, last, bits = 0, 63, 0
            self.kept += [self.data[start : start + 5 + 2 * count], b"\x00\x3f\x00"]
            self.kept.append(slice(end, after))
            self.odd = True
        else:
            self.kept.append(slice(start, after))
        self.scans.append((chosen, first, last, bits & 15))
        self.visits += self._scan_blocks(chosen)
        return after

    def _application(self, code: int, content: bytes) -> None:
        if code == _APP1 and content.startswith(b"Exif\0\0") and not self.exif:
            self.exif = content
        elif code == _APP1 and content.startswith(_XMP) and not self.xmp:
            self.xmp = content
        elif code == _APP2 and content.startswith(_ICC) and len(content) > 14:
            self.profile.setdefault(content[12], content[14:])

    def _scan_blocks(self, chosen: tuple[int, ...]) -> int:
        """Blocks that a scan goes over (A.2)."""
        across = max((each[0] for each in self.components.values()), default=1)
        down = max((each[1] for each in self.components.values()), default=1)
        sizes = [self.components.get(identity, (1, 1)) for identity in chosen]
        if len(sizes) == 1:
            ((horizontal, vertical),) = sizes
            width = -(-self.width * horizontal // across)
            height = -(-self.height * vertical // down)
            return -(-width // 8) * -(-height // 8)
        units = -(-self.width // (8 * across)) * -(-self.height // (8 * down))
        return units * sum(horizontal * vertical for horizontal, vertical in sizes)

    def _blocks(self) -> int:
        return self._scan_blocks(tuple(self.components))

    def _refuse_work(self) -> None:
        limit = min(_LIMIT_VISITS_A_BLOCK * self._blocks(), _LIMIT_VISITS)
        if self.visits > max(limit, _FREE_VISITS):
            raise IntricateImageError(
                f"has {len(self.scans)} scans over its pixels, where ten are usual"
            )

    def _refuse_missing_scans(self) -> None:
        """Without its end marker, a photo is whole if every coefficient has come to its last bit.

        Within a scan the decoder misses what is not there; between scans it could not.
        """
        left: dict[int, dict[int, int]] = {identity: {} for identity in self.components}
        for chosen, first, last, low in self.scans:
            for identity in chosen:
                if identity in left:
                    left[identity].update(dict.fromkeys(range(first, last + 1), low))
        for bits in left.values():
            if len(bits) < 64 or any(bits.values()):
                raise DamagedImageError(f"it ends after {len(self.scans)} of its scans")


def _search(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    """Where a pattern of at most two bytes is met first; -1 where it is not."""
    for start in range(at, len(data), _SEARCHED_BYTES):
        found = pattern.search(data, start, start + _SEARCHED_BYTES + 1)
        if found is not None:
            return found.start()
    return -1


def jpeg(data: bytes) -> ImageHeader:
    """Walk a file that begins as JPEG does.

    Raises:
        DamagedImageError, IntricateImageError: see
            :func:`furniture_prompter.encoders.headers.read_header`.
    """
    return _Jpeg(data).header()


# --- PNG -----------------------------------------------------------------------------------------

_SAMPLES: Final = MappingProxyType({0: 1, 2: 3, 3: 1, 4: 2, 6: 4})
# Of Adam7: first column, first row, step across, step down.
_PASSES: Final = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
_RAW_EXIF: Final = b"Raw profile type exif"
_XMP_KEYWORD: Final = b"XML:com.adobe.xmp"
_LONGEST_KEYWORD: Final = 79
_INFLATE_BYTES: Final = 1 << 18


def png(data: bytes) -> ImageHeader:
    """Walk a file that begins as PNG does.

    Raises:
        DamagedImageError, IntricateImageError: see
            :func:`furniture_prompter.encoders.headers.read_header`.
    """
    kept: list[bytes] = []
    exif = b""
    # What is inflated, each once, whatever comes of it: a file may have tens of thousands.
    firsts: dict[bytes, tuple[bytes, bytes]] = {}
    for kind, content in _png_chunks(data):
        if kind in {b"IHDR", b"PLTE", b"IDAT", b"tRNS"}:
            kept.append(content)
        elif kind == b"eXIf":
            exif = content[8:-4]
        elif kind == b"iCCP":
            firsts.setdefault(kind, (kind, content[8:-4]))
        elif kind in {b"tEXt", b"zTXt", b"iTXt"}:
            name = content[8 : 9 + _LONGEST_KEYWORD].partition(b"\0")[0]
            if name in {_RAW_EXIF, _XMP_KEYWORD}:
                firsts.setdefault(name, (kind, content[8:-4]))
    profile = _profile(firsts.get(b"iCCP", (b"", b""))[1])
    exif = exif or _unhexed(_png_text(*firsts.get(_RAW_EXIF, (b"", b""))))
    xmp = _png_text(*firsts.get(_XMP_KEYWORD, (b"", b"")))
    if not kept or kept[0][4:8] != b"IHDR":
        raise DamagedImageError("it has no header")
    width, height = struct.unpack_from(">II", kept[0], 8)
    whole = b"".join([data[:8], *kept, _png_chunk(b"IEND", b"")])
    named = orientation(exif, xmp)
    return ImageHeader(
        "PNG",
        whole,
        (width, height),
        named or UPRIGHT,
        profile,
        names_orientation=named is not None,
    )


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and whole of each chunk up to the end; of one that is cut off, what there is of it."""
    at = 8
    for _ in range(LIMIT_PIECES):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, end = data[at + 4 : at + 8], at + 12 + length
        if len(kind) < 4 or kind == b"IEND":
            return
        if end > len(data):
            yield kind, _png_chunk(kind, data[at + 8 : at + 8 + length])
            return
        # Transparency that fails its checksum would hide pixels at random.
        if kind != b"tRNS" or data[end - 4 : end] == _checksum(data[at + 4 : end - 4]):
            yield kind, data[at:end]
        at = end
    raise IntricateImageError(f"has more than {LIMIT_PIECES:,} chunks")


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + _checksum(body)


def _checksum(body: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(body))


def _profile(content: bytes) -> bytes | None:
    packed = content.partition(b"\0")[2][1:]
    return _inflated(packed, LIMIT_PROFILE_BYTES) if packed else None


def _png_text(kind: bytes, content: bytes) -> bytes:
    text = content.partition(b"\0")[2]
    if kind == b"zTXt":
        return _inflated(text[1:], LIMIT_METADATA_BYTES) or b""
    if kind == b"iTXt":
        packed, text = text[:1] == b"\1", text[2:].partition(b"\0")[2].partition(b"\0")[2]
        return (_inflated(text, LIMIT_METADATA_BYTES) or b"") if packed else text
    return text


def _unhexed(text: bytes) -> bytes:
    # As ImageMagick writes it: the kind, the length, then lines of hexadecimal digits.
    try:
        return bytes.fromhex(b"".join(text[:LIMIT_METADATA_BYTES].split(b"\n")[3:]).decode("ascii"))
    except ValueError:
        return b""


def _inflated(data: bytes, limit_bytes: int) -> bytes | None:
    """What a zlib stream holds; None where it is damaged or longer than the limit."""
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(data, limit_bytes + 1)
    except zlib.error:
        return None
    return found if stream.eof and len(found) <= limit_bytes else None


def refuse_missing_rows(header: ImageHeader) -> None:
    """Count the bytes that a PNG's pixels inflate to: decoders leave what is missing black.

    Raises:
        DamagedImageError: there are fewer than its size needs.
    """
    for _ in _png_rows(header):
        pass


def with_stream_end(header: ImageHeader) -> bytes:
    """A PNG whose pixels are all there, with the end of their zlib stream that it lacks.

    Raises:
        DamagedImageError: pixels are missing, or the stream is damaged.
    """
    packing = zlib.compressobj(1)
    packed = [packing.compress(piece) for piece in _png_rows(header)]
    pixels = _png_chunk(b"IDAT", b"".join([*packed, packing.flush()]))
    others = [chunk for kind, chunk in _png_chunks(header.data) if kind != b"IDAT"]
    return b"".join([header.data[:8], *others, pixels, _png_chunk(b"IEND", b"")])


def _png_rows(header: ImageHeader) -> Iterator[bytes]:
    """Inflated rows with their filter bytes, piece by piece, no more than the size needs."""
    width, height, depth, colours, _, _, interlaced = struct.unpack_from(
        ">IIBBBBB", header.data, 16
    )
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    bits = _SAMPLES.get(colours, 4) * depth
    wanted = sum(
        rows * (1 + -(-columns * bits // 8))
        for columns, rows in (
            (-(-max(0, width - left) // across), -(-max(0, height - top) // down))
            for left, top, across, down in passes
        )
        if columns
    )
    stream, left_bytes = zlib.decompressobj(), wanted
    for kind, chunk in _png_chunks(header.data):
        packed = chunk[8:-4] if kind == b"IDAT" else b""
        while packed and left_bytes and not stream.eof:
            try:
                piece = stream.decompress(packed, min(_INFLATE_BYTES, left_bytes))
            except zlib.error as error:
                raise DamagedImageError(f"its pixels cannot be unpacked: {error}") from error
            packed = stream.unconsumed_tail
            left_bytes -= len(piece)
            yield piece
    if left_bytes:
        rows = (wanted - left_bytes) * height // wanted
        raise DamagedImageError(f"it has {rows:,} of its {height:,} rows of pixels")
