"""How a catalog's own search is measured: exact, and by its vector index."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.evaluation.latency import measure_nearest
from furniture_prompter.evaluation.record import IndexTimes
from tests.fakes import make_rows
from tests.integration.conftest import Shop


def _measured(folder: Path, queries: int) -> IndexTimes:
    async def measured() -> IndexTimes:
        reader = await CatalogReader.open(folder)
        try:
            return await measure_nearest(reader, queries)
        finally:
            reader.close()

    return asyncio.run(measured())


def test_an_exact_catalog_finds_all_and_says_how_it_searches(shop: Shop, tmp_path: Path) -> None:
    shop.index(make_rows(tmp_path / "feed", 48))
    found = _measured(shop.folder, 20)
    assert (found.engine, found.way) == ("furniture-prompter", "exact, float32 in memory")
    assert (found.vectors, found.queries, found.grown) == (48, 20, False)
    assert found.recall_at_10 == (1.0,) * 20
    assert len(found.ask_ms) == 20
    assert min(found.ask_ms) > 0


def test_products_that_are_not_near_count_as_missed(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.index(make_rows(tmp_path / "feed", 48))

    class Furthest:
        def __init__(self, scores: np.ndarray[tuple[int], np.dtype[np.float32]]) -> None:
            self._scores = scores

        async def top(self, count: int, _: object) -> object:
            return np.argsort(self._scores)[:count]

    class Space:
        def __init__(self, vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> None:
            self._vectors = vectors

        def similarities(self, query: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Furthest:
            return Furthest(self._vectors @ query)

    async def space_of(reader: CatalogReader) -> Space:
        photos = await reader.all_photos()
        assert photos.vectors is not None
        return Space(photos.vectors)

    monkeypatch.setattr(CatalogReader, "photo_index", space_of)
    assert np.mean(_measured(shop.folder, 20).recall_at_10) < 0.2


def test_no_queries_are_refused(shop: Shop, tmp_path: Path) -> None:
    shop.index(make_rows(tmp_path / "feed", 12))
    with pytest.raises(ValueError, match="a query at least"):
        _measured(shop.folder, 0)
