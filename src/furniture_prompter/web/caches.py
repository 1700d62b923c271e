"""LRU caches: vectors by photo content, thumbnails by ETag; and the thumbnails themselves."""

import hashlib
import io
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from PIL import Image

from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders.decoding import PhotoLimits, decode_into, read_photo_bytes

Vector = NDArray[np.float32]


def content_key(data: bytes, *parts: object) -> bytes:
    """What tells one content from another: SHA-256 of the bytes and of what else decides.

    Args:
        data: A photo's bytes.
        parts: Further things that its vector depends on, such as a crop; told apart by ``repr``.
    """
    return hashlib.sha256(hashlib.sha256(data).digest() + repr(parts).encode()).digest()


class VectorCache:
    """The vectors that were asked for last; for use from one thread."""

    def __init__(self, limit_vectors: int) -> None:
        """Keep at most `limit_vectors`; 0 keeps none."""
        self._kept: LRUCache[bytes, Vector] = LRUCache(limit_vectors)

    def __len__(self) -> int:
        """Vectors kept."""
        return len(self._kept)

    def get(self, key: bytes) -> Vector | None:
        """The vector of `key`, read-only, or None where it is not kept."""
        return self._kept.get(key)

    def put(self, key: bytes, vector: Vector) -> None:
        """Keep a copy, shape (d,); what was not asked for longest goes to make room."""
        if not self._kept.maxsize:
            return
        # A row of a batch would keep the whole batch alive.
        kept = vector.copy()
        kept.flags.writeable = False
        self._kept[key] = kept


Format = Literal["jpeg", "webp"]

LEAST_SIDE_PX: Final = 16
LIMIT_SIDE_PX: Final = 2_048
DEFAULT_SIDE_PX: Final = 512
# The second way of making them: in sRGB, whatever the photo's own colours. Browsers that kept one
# of the first way ask for it anew.
_RENDERING: Final = 2
# Of JPEG and WebP alike: artefacts are hard to see at the size of a page's picture.
_QUALITY: Final = 85


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A photo made small, as it is sent.

    Attributes:
        data: The file's bytes.
        media_type: ``image/jpeg`` or ``image/webp``.
    """

    data: bytes
    media_type: str


def etag(photo_id: str, side_px: int, kind: Format) -> str:
    """What tells a picture from any other; a photo's id is the hash of its content (RFC 9110)."""
    return f'"{photo_id[:32]}-{side_px}-{kind}-{_RENDERING}"'


def resized(path: Path, side_px: int, kind: Format, limits: PhotoLimits) -> Thumbnail:
    """A photo whose longer side has at most `side_px` pixels, without metadata; never enlarged.

    Raises:
        InvalidPhotoError: the file cannot be used; the message has its path.
    """
    data = read_photo_bytes(path, limits)
    image = decode_into(
        data, partial(_thumbnail, side_px), name=str(path), target_side_px=side_px, limits=limits
    )
    buffer = io.BytesIO()
    if kind == "webp":
        image.save(buffer, "WEBP", quality=_QUALITY, method=2)
    else:
        image.save(buffer, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    return Thumbnail(buffer.getvalue(), f"image/{kind}")


def _thumbnail(side_px: int, pixels: RgbImage) -> Image.Image:
    image = Image.fromarray(pixels)
    image.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    return image


class ThumbnailCache:
    """The thumbnails that were asked for last, by their ETag; safe to use from several threads."""

    def __init__(self, limit_thumbnails: int) -> None:
        """Keep at most so many; 0 keeps none."""
        self._kept: LRUCache[str, Thumbnail] = LRUCache(limit_thumbnails)
        self._lock = threading.Lock()

    def get(self, tag: str) -> Thumbnail | None:
        """A thumbnail that is kept."""
        with self._lock:
            return self._kept.get(tag)

    def put(self, tag: str, thumbnail: Thumbnail) -> None:
        """Keep a thumbnail, and give up the one that was not asked for longest."""
        if not self._kept.maxsize:
            return
        with self._lock:
            self._kept[tag] = thumbnail
