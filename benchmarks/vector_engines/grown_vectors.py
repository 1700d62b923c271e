"""More vectors than a catalog has, spread as its own are.

Each made vector is x + (y - z) / 2 for three different vectors of the catalog drawn at random,
scaled to length 1: the difference of two leaves the mean where it is and keeps the shape of the
spread. Real catalogs have tighter clusters of near-equal products, so an index finds its way a
little more easily in grown vectors than in as many real ones.
"""

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.unit_rows import unit_rows

Vectors = NDArray[np.float32]

# Rows made at once: 4,096 rows of 1,280 float32 are 21 MB, and four such arrays are held.
_BLOCK_ROWS = 4_096


def grown(
    real: Vectors,
    count: int,
    seed: int,
    *,
    out: Vectors | None = None,
    block_rows: int = _BLOCK_ROWS,
) -> Vectors:
    """`count` unit vectors spread as `real` is; the real ones come first.

    Args:
        real: Shape (n, d), three rows at least; none of them zero.
        count: Vectors wanted; below n, the first ones of `real`.
        seed: Of the draws; the same seed gives the same vectors.
        out: Where they go, shape (count, d), float32, such as a memory map: a million vectors of
            1,280 components are 5 GB. None makes an array.
        block_rows: Rows made at once; the vectors do not depend on it.

    Returns:
        `out`, or a new array of shape (count, d).

    Raises:
        ValueError: fewer than three real vectors, or `out` has another shape or type.
    """
    size = len(real)
    if size < 3:
        raise ValueError(f"growing takes three vectors at least, not {size}.")
    rows = np.empty((count, real.shape[1]), np.float32) if out is None else out
    if rows.shape != (count, real.shape[1]) or rows.dtype != np.float32:
        raise ValueError(
            f"out must be float32 of shape {(count, real.shape[1])}, "
            f"not {rows.dtype} of {rows.shape}."
        )
    kept, made = min(size, count), max(0, count - size)
    rng = np.random.default_rng(seed)
    # Three different rows each: with two alike, different draws would make the same vector.
    x = rng.integers(0, size, made)
    first = rng.integers(1, size, made)
    second = 1 + (first - 1 + rng.integers(1, size - 1, made)) % (size - 1)
    y, z = (x + first) % size, (x + second) % size
    for start in range(0, kept, block_rows):
        end = min(start + block_rows, kept)
        rows[start:end] = unit_rows(real[start:end].astype(np.float32))
    for start in range(0, made, block_rows):
        part = slice(start, min(start + block_rows, made))
        block = real[x[part]] + (real[y[part]] - real[z[part]]) / 2
        rows[kept + part.start : kept + part.stop] = unit_rows(block.astype(np.float32))
    return rows
