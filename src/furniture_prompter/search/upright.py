"""Photos that lie on their side, told by how near their turns come to the catalog's photos.

Turns cost three more runs of the encoder. They are tried where the photo is near to no product and
the encoder cannot tell from its vector that it is upright.

How near is near differs from encoder to encoder and from shop to shop. So the yardstick is how far
the catalog's own products are from the one that is nearest to each.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.vector_index import VectorIndex
from furniture_prompter.domain import RgbImage

Vectors = NDArray[np.float32]

SAMPLE_PHOTOS: Final = 64
"""Photos of the catalog that the yardstick is taken from."""
LEAST_SAMPLE: Final = 8
"""A smaller catalog has no yardstick: every photo stays as it is."""
CONVINCING: Final = 0.5
"""A photo that is nearer to a product than this share of the products to their nearest is upright
without trying its turns."""
BELIEVABLE: Final = 0.1
"""The same of a turn, for it to be believed."""
NEARER: Final = 1.5
"""How many times nearer than the photo as it is a turn must come. These three were chosen on two
shops: benchmarks/results/turned_photos.json."""


def quarter_turns(image: RgbImage) -> list[RgbImage]:
    """A photo turned clockwise by 90, 180 and 270 degrees, shapes (w, h, 3) and (h, w, 3)."""
    return [np.ascontiguousarray(np.rot90(image, -quarters)) for quarters in (1, 2, 3)]


@dataclass(frozen=True, slots=True)
class _Yardstick:
    """Distances, 1 - cosine, that the catalog's own products have to their nearest."""

    convincing: float
    believable: float


class Upright:
    """Finds the side of photos that is up, on one catalog version."""

    def __init__(
        self, reader: CatalogReader, looks_upright: Callable[[Vectors], bool] = lambda _: False
    ) -> None:
        """Take the version; the yardstick is taken when the first photo comes.

        Args:
            reader: The version.
            looks_upright: Whether a photo's vector, shape (d,), says by itself that it is upright.
        """
        self._reader = reader
        self._looks_upright = looks_upright
        self._yardstick: _Yardstick | None = None
        self._has_none = False

    async def convinces(self, vector: Vectors) -> bool:
        """Whether a photo's vector, shape (d,), looks upright or is near enough to be so."""
        if self._looks_upright(vector):
            return True
        index = await self._reader.photo_index()
        yardstick = await self._measured(index)
        if yardstick is None:
            return True
        return await _distance(index, vector) < yardstick.convincing

    async def quarters(self, rows: Vectors) -> int:
        """By how many quarters clockwise a photo is to be turned: 0, 1, 2 or 3.

        Args:
            rows: Vectors of the photo as it is and of its :func:`quarter_turns`, shape (4, d).
        """
        index = await self._reader.photo_index()
        yardstick = await self._measured(index)
        if yardstick is None:
            return 0
        distances = np.array([await _distance(index, row) for row in rows])
        best = int(distances.argmin())
        believed = distances[best] <= yardstick.believable
        return best if believed and distances[0] >= NEARER * distances[best] else 0

    async def _measured(self, index: VectorIndex) -> _Yardstick | None:
        if self._yardstick is None and not self._has_none:
            sample = index.some_rows(SAMPLE_PHOTOS)
            asked = (_distance(index, row, beside_itself=True) for row in sample)
            found = await asyncio.gather(*asked)
            if len(found) < LEAST_SAMPLE:
                self._has_none = True
            else:
                near = np.quantile(found, [1 - CONVINCING, 1 - BELIEVABLE])
                self._yardstick = _Yardstick(float(near[0]), float(near[1]))
        return self._yardstick


async def _distance(index: VectorIndex, vector: Vectors, *, beside_itself: bool = False) -> float:
    """How far the nearest product is, or the one behind it; 2, the farthest, without one."""
    similarities = index.similarities(vector)
    numbers = await similarities.top(2 if beside_itself else 1, None)
    if numbers.size < (2 if beside_itself else 1):
        return 2.0
    return 1.0 - float((await similarities.of(numbers[-1:]))[0])
