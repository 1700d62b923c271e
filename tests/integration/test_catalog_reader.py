"""Products as a reader of a catalog gives them: from the tables once, then from memory."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from furniture_prompter.catalog import reader as reader_module
from furniture_prompter.catalog.reader import CatalogReader, Rows
from furniture_prompter.catalog.vector_index import Numbers
from tests.fakes import make_rows
from tests.integration.conftest import Shop

PRODUCTS = 12
NUMBERS = list(range(1, PRODUCTS + 1))


class NotingRows:
    """Rows, and which of them were asked for."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.asked: list[int] = []

    async def fetch(self, numbers: Numbers, columns: Sequence[str]) -> pa.Table:
        self.asked += numbers.tolist()
        return await self._rows.fetch(numbers, columns)


def read(shop: Shop, batches: Sequence[Sequence[int]]) -> list[list[int]]:
    """Read products batch by batch, all of them right; what each batch asked the tables for."""

    async def run() -> list[list[int]]:
        reader = await CatalogReader.open(shop.folder)
        rows = NotingRows(reader._product_rows)
        reader._product_rows = rows
        asked = []
        try:
            for batch in batches:
                rows.asked = []
                products = await reader.products(np.array(batch, np.int64))
                asked.append(sorted(rows.asked))
                assert {number: product.id for number, product in products.items()} == {
                    number: ids[number] for number in batch
                }
        finally:
            reader.close()
        return asked

    async def every_id() -> dict[int, str]:
        reader = await CatalogReader.open(shop.folder)
        try:
            numbers = np.unique((await reader.all_photos()).numbers)
            return {
                number: (await reader.products(np.array([number], np.int64)))[number].id
                for number in numbers.tolist()
            }
        finally:
            reader.close()

    ids = asyncio.run(every_id())
    assert sorted(ids) == NUMBERS
    assert len(set(ids.values())) == PRODUCTS
    return asyncio.run(run())


@pytest.fixture
def filled(shop: Shop, tmp_path: Path) -> Shop:
    shop.index(make_rows(tmp_path / "feed", PRODUCTS))
    return shop


def test_products_are_read_once(filled: Shop) -> None:
    assert read(filled, [[1, 2, 3], [3, 2], [3, 4], [1, 2, 3, 4]]) == [[1, 2, 3], [], [4], []]


def test_up_to_the_limit_all_are_kept(filled: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "KEPT_PRODUCTS", PRODUCTS)
    each = [[number] for number in NUMBERS]
    assert read(filled, [*each, NUMBERS]) == [*each, []]


def test_beyond_the_limit_those_not_asked_for_longest_go(
    filled: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "KEPT_PRODUCTS", 3)
    batches = [[1, 2, 3], [1], [4], [1, 3, 4], [2], [3, 4, 2], [1]]
    assert read(filled, batches) == [[1, 2, 3], [], [4], [], [2], [], [1]]


def test_more_at_once_than_are_kept_are_all_given(
    filled: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "KEPT_PRODUCTS", 3)
    assert read(filled, [NUMBERS, NUMBERS[:6]])[0] == NUMBERS
