"""Where a catalog lies: in the folder that is named, whatever its name means elsewhere."""

import asyncio
from pathlib import Path

import pytest

from furniture_prompter.catalog.upkeep import optimize_catalog, verify_catalog
from furniture_prompter.domain import Query
from tests.fakes import make_rows
from tests.integration.conftest import Shop

NAMES = ["memory:x", "file:x", "shop:v2", "s3:x", "~x", "a%20b", "a#b?c", "a b ü"]


@pytest.mark.parametrize("name", NAMES)
def test_a_catalog_lies_where_it_is_named(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    rows = make_rows(tmp_path / "photos", 16)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    shop.folder = Path(name)
    shop.index(rows[:8])
    assert {"products.lance", "photos.lance"} <= {path.name for path in Path(name).iterdir()}
    assert [path.name for path in Path().iterdir()] == [name]
    assert shop.index(rows).products == 16
    asyncio.run(optimize_catalog(shop.folder, 100_000, 600.0, 0))
    assert asyncio.run(verify_catalog(shop.folder)).sound
    assert len(shop.ids(Query(prompt="chair", where="price >= 0", limit=100))) == 16
