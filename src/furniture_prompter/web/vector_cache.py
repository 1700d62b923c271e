"""Vectors of equal photos, kept in memory up to a number."""

import hashlib
from collections import OrderedDict

import numpy as np
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
        self._limit = limit_vectors
        self._kept: OrderedDict[bytes, Vector] = OrderedDict()

    def __len__(self) -> int:
        """Vectors kept."""
        return len(self._kept)

    def get(self, key: bytes) -> Vector | None:
        """The vector of `key`, read-only, or None where it is not kept."""
        vector = self._kept.get(key)
        if vector is not None:
            self._kept.move_to_end(key)
        return vector

    def put(self, key: bytes, vector: Vector) -> None:
        """Keep a copy, shape (d,); what was not asked for longest goes to make room."""
        if not self._limit:
            return
        # A row of a batch would keep the whole batch alive.
        kept = vector.copy()
        kept.flags.writeable = False
        self._kept[key] = kept
        self._kept.move_to_end(key)
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)
