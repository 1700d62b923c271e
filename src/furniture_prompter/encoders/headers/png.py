"""PNG headers: chunks (W3C Portable Network Graphics, third edition) and the count of rows."""

import struct
import zlib
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from furniture_prompter.encoders.headers.model import (
    LIMIT_PIECES,
    LIMIT_PROFILE_BYTES,
    DamagedImageError,
    ImageHeader,
    IntricateImageError,
)
from furniture_prompter.encoders.headers.tiff import LIMIT_METADATA_BYTES, UPRIGHT, orientation

_SAMPLES: Final = MappingProxyType({0: 1, 2: 3, 3: 1, 4: 2, 6: 4})
# Of Adam7: first column, first row, step across, step down.
_PASSES: Final = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
_RAW_EXIF: Final = b"Raw profile type exif"
_XMP: Final = b"XML:com.adobe.xmp"
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
            if name in {_RAW_EXIF, _XMP}:
                firsts.setdefault(name, (kind, content[8:-4]))
    profile = _profile(firsts.get(b"iCCP", (b"", b""))[1])
    exif = exif or _unhexed(_png_text(*firsts.get(_RAW_EXIF, (b"", b""))))
    xmp = _png_text(*firsts.get(_XMP, (b"", b"")))
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
