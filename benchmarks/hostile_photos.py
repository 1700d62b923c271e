"""Small files that cost much: photos that ask a decoder for more work or memory than they weigh."""

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Final

from PIL import Image

# 79 million pixels: the default `limit_photo_pixels` lets 80 million through.
SIDE_PX = 8_900
SCANS = 882
FILLER_BYTES = 20_000_000

_BLOCK_PX: Final = 8
_COEFFICIENTS: Final = 63
# The run of blocks that one symbol of an AC scan can pass over (ITU T.81, G.1.2.2: EOB14).
_LONGEST_RUN: Final = 0x7FFF


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _bits(text: str) -> bytes:
    """A string of 0 and 1 as entropy-coded data: filled up with ones, 0xFF stuffed."""
    text += "1" * (-len(text) % 8)
    data = int(text, 2).to_bytes(len(text) // 8, "big") if text else b""
    return data.replace(b"\xff", b"\xff\x00")


def _table(kind: int, symbol: int) -> bytes:
    """A Huffman table of one symbol, whose code is a single 0."""
    return _segment(0xC4, bytes([kind, 1, *[0] * 15, symbol]))


def scans_jpeg(side_px: int = SIDE_PX, scans: int = SCANS) -> bytes:
    """A grey progressive JPEG in `scans` scans, each as it must be and each over the whole picture.

    The first brings the mean of every block, the others one coefficient each that is nought
    everywhere, first its high bits and then bit by bit, as ITU T.81 (G.1.1) allows.
    """
    blocks = (-(-side_px // _BLOCK_PX)) ** 2
    frame = struct.pack(">BHHB", 8, side_px, side_px, 1) + bytes([1, 0x11, 0])
    parts = [
        b"\xff\xd8",
        _segment(0xDB, bytes([0, *[1] * 64])),
        _segment(0xC2, frame),
        _table(0x00, 0),
        _table(0x10, 0xE0),
        _segment(0xDA, bytes([1, 1, 0x00, 0, 0, 0x00])),
        _bits("0" * blocks),
    ]
    passes = [(0, 10)] + [(high, high - 1) for high in range(10, 0, -1)]
    # The one symbol's code, and the fourteen bits that say how far beyond 2^14 the run goes.
    run = _bits(("0" + "1" * 14) * -(-blocks // _LONGEST_RUN))
    wanted = [(k, high, low) for high, low in passes for k in range(1, _COEFFICIENTS + 1)]
    for k, high, low in wanted[: scans - 1]:
        parts += [_segment(0xDA, bytes([1, 1, 0x00, k, k, high << 4 | low])), run]
    return b"".join([*parts, b"\xff\xd9"])


def filler_jpeg(fillers: int = FILLER_BYTES) -> bytes:
    """A JPEG with fill bytes, which may stand before any marker (ITU T.81, B.1.1.2)."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(out, "JPEG")
    data = out.getvalue()
    return data[:2] + b"\xff" * fillers + data[2:]


def flat_png(depth: int, colour: int, channels: int, side_px: int = SIDE_PX) -> bytes:
    """A PNG of one value everywhere, written row by row.

    Args:
        depth: Bits of a sample, 8 or 16.
        colour: PNG's colour type: 0 grey, 2 RGB, 6 RGBA.
        channels: Samples of a pixel.
        side_px: Width and height.
    """

    def chunk(name: bytes, body: bytes) -> bytes:
        check = zlib.crc32(name + body)
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", check)

    row = b"\x00" + b"\x80" * (side_px * channels * depth // 8)
    press = zlib.compressobj(9)
    body = b"".join([press.compress(row) for _ in range(side_px)]) + press.flush()
    header = struct.pack(">IIBBBBB", side_px, side_px, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", body), chunk(b"IEND", b"")]
    )


def _flat(kind: str, mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    colour = (128,) * len(Image.new(mode, (1, 1)).getbands())
    Image.new(mode, (SIDE_PX, SIDE_PX), colour).save(out, kind, **options)
    return out.getvalue()


PHOTOS: Final[Mapping[str, Callable[[], bytes]]] = {
    f"progressive JPEG of {SCANS} scans": scans_jpeg,
    f"JPEG with {FILLER_BYTES // 1_000_000} MB of fill bytes": filler_jpeg,
    "flat WebP, lossless": lambda: _flat("WEBP", lossless=True, method=0),
    "flat WebP with alpha": lambda: _flat("WEBP", "RGBA", lossless=True, method=0),
    "flat PNG, grey in 16 bits": lambda: flat_png(16, 0, 1),
    "flat PNG, RGBA": lambda: flat_png(8, 6, 4),
    "flat PNG, RGBA in 16 bits": lambda: flat_png(16, 6, 4),
    "flat TIFF, RGB": lambda: _flat("TIFF", compression="tiff_lzw"),
    "flat AVIF": lambda: _flat("AVIF", speed=10),
}
"""What it is, and how it is made; each of some 79 megapixels but the JPEGs."""
