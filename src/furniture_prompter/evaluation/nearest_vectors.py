"""Latency and recall of a catalog's own vector search, at its own size."""

import time

import numpy as np

from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.vector_index import REFINE_FACTOR, best_per_product
from furniture_prompter.evaluation.record import IndexTimes

TOP = 10
# Float32 sums in other orders, and lengths of vectors rounded to float16, differ by less.
EQUAL_COSINES = 1e-5
_WARM_UP = 5
_NOTE = "Asked with its own photos."


async def measure_nearest(reader: CatalogReader, queries: int, seed: int = 0) -> IndexTimes:
    """Ask an opened catalog for the products nearest to some of its own photos, one at a time.

    Recall@10 is the share of an exact scan's ten products that are as near as its tenth, so that
    products of equal cosine may stand for each other.

    Args:
        reader: The catalog; its vector index is read, if it has one.
        queries: Photos that ask, drawn at random; fewer where there are fewer.
        seed: Of the draw.

    Raises:
        ValueError: no queries, or a catalog without photos.
    """
    photos = await reader.all_photos()
    if photos.vectors is None or not len(photos.vectors) or queries < 1:
        raise ValueError("the nearest vectors take a photo and a query at least.")
    space, kind = await reader.photo_index(), reader.manifest.vector_index
    drawn = np.random.default_rng(seed).permutation(len(photos.vectors))[:queries]
    for row in drawn[:_WARM_UP]:
        await space.similarities(photos.vectors[row]).top(TOP, None)
    recalls: list[float] = []
    times: list[float] = []
    for row in drawn:
        query = photos.vectors[row]
        began = time.perf_counter()
        found = await space.similarities(query).top(TOP, None)
        times.append(1_000 * (time.perf_counter() - began))
        products, cosines = best_per_product(photos.numbers, photos.vectors @ query)
        wanted = min(TOP, len(products))
        near = products[cosines >= np.sort(cosines)[-wanted] - EQUAL_COSINES]
        recalls.append(min(1.0, float(np.isin(found, near).sum()) / wanted))
    return IndexTimes(
        engine="furniture-prompter",
        way=f"{kind}, refine {REFINE_FACTOR}" if kind else "exact, float32 in memory",
        vectors=len(photos.vectors),
        dimension=photos.vectors.shape[1],
        grown=False,
        share_kept=1.0,
        queries=len(drawn),
        recall_at_10=tuple(recalls),
        ask_ms=tuple(round(each, 4) for each in times),
        build_s=0.0,
        disk_bytes=0,
        memory_bytes=0,
        note=_NOTE,
    )
