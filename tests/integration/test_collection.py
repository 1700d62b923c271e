import asyncio
from pathlib import Path

import numpy as np
import pytest

from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.collection import LEAST_PHOTOS, Collection, collect
from tests.fakes import make_rows
from tests.integration.conftest import Shop


def collected(shop: Shop, **options: int) -> Collection:
    async def run() -> Collection:
        reader = await CatalogReader.open(shop.folder)
        try:
            return await collect(reader, "shop", source="made up", licence="CC0-1.0", **options)
        finally:
            reader.close()

    return asyncio.run(run())


def test_photos_come_by_product_and_position_with_the_catalogs_vectors(
    shop: Shop, tmp_path: Path
) -> None:
    rows = make_rows(tmp_path / "feed", 14)
    shared = rows[3].images[0]
    rows[5] = type(rows[5])(rows[5].product, (*rows[5].images, shared), rows[5].source, 6)
    shop.index(rows)
    found = collected(shop)
    assert (found.data.products, found.data.photos) == (14, 15)
    assert found.data.licence == "CC0-1.0"
    assert [product.id for product in found.products] == sorted(f"p{n}" for n in range(14))
    place = next(p for p, product in enumerate(found.products) if product.id == "p5")
    own = np.flatnonzero(found.product_of == place)
    assert found.positions[own].tolist() == [0, 1]
    assert [found.paths[photo] for photo in own] == [rows[5].images[0], shared]
    assert [found.data.photo_names[photo] for photo in own] == ["p5/0", "p5/1"]
    assert found.data.photo_categories[own[0]] == rows[5].product.category
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-3)
    assert len(found.main_photos) == 14
    assert set(found.positions[found.main_photos]) == {0}


def test_a_draw_takes_whole_products_and_is_the_same_each_time(shop: Shop, tmp_path: Path) -> None:
    shop.index(make_rows(tmp_path / "feed", 30))
    first, again = collected(shop, limit=16, seed=1), collected(shop, limit=16, seed=1)
    other = collected(shop, limit=16, seed=2)
    assert first.data.photos == 16
    assert first.data.fingerprint == again.data.fingerprint != other.data.fingerprint


def test_some_photos_alone_are_a_set_of_their_own(shop: Shop, tmp_path: Path) -> None:
    shop.index(make_rows(tmp_path / "feed", 20))
    whole = collected(shop)
    places = np.arange(3, 18)
    part = whole.only(places)
    assert part.data.photo_names == whole.data.photo_names[3:18]
    assert part.data.fingerprint != whole.data.fingerprint
    assert part.ids == whole.ids[3:18]
    assert np.array_equal(part.vectors, whole.vectors[3:18])
    assert [part.products[place].id for place in part.product_of] == [
        whole.products[place].id for place in whole.product_of[3:18]
    ]
    with pytest.raises(BenchmarkError, match="too few"):
        whole.only(np.arange(LEAST_PHOTOS - 1))


def test_a_catalog_of_too_few_photos_is_refused(shop: Shop, tmp_path: Path) -> None:
    shop.index(make_rows(tmp_path / "feed", LEAST_PHOTOS - 1))
    with pytest.raises(BenchmarkError, match="too few to measure"):
        collected(shop)
