"""Photos that tests of decoding draw, save and spoil."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders.decoding import PhotoLimits, decode_photo
from furniture_prompter.errors import InvalidPhotoError


def picture(width: int = 64, height: int = 48) -> Image.Image:
    """A smooth picture without any symmetry, so that every turn of it looks different."""
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    pixels = np.stack([255 * across, 200 * down + 20, 160 * across * down + 60], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def saved(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def decode(data: bytes, **options: object) -> RgbImage:
    return decode_photo(data, name="chair.jpg", **options)  # type: ignore[arg-type]  # test


def difference(first: object, second: object) -> float:
    """Mean absolute difference of two images, in grey levels."""
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    assert one.shape == other.shape
    return float(np.abs(one - other).mean())


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png_of_zeros(width: int, height: int, *, rows: int) -> bytes:
    """A PNG whose header promises `height` rows of grey, with `rows` of them in it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes((width + 1) * rows))
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", pixels)
        + png_chunk(b"IEND", b"")
    )


def refused(data: bytes, *words: str, limits: PhotoLimits | None = None) -> None:
    """`data` is refused by a message that names the photo, has `words` in it and says a cure."""
    with pytest.raises(InvalidPhotoError) as caught:
        decode(data, **({"limits": limits} if limits else {}))
    message = str(caught.value)
    assert "chair.jpg" in message
    for word in words:
        assert word in message
    assert any(cure in message for cure in ("Save it", "Export", "Convert", "Give one")), message


def noise() -> Image.Image:
    """A picture that compresses badly, so that its pixels are most of its file."""
    pixels = np.random.default_rng(7).integers(0, 256, (48, 64, 3), np.uint8)
    return Image.fromarray(pixels)
