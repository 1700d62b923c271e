"""Vectors of equal photos, kept in memory up to a number."""

import hashlib

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

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
