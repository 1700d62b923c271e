import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from furniture_prompter.assembly.catalogs import Catalog
from furniture_prompter.catalog.manifest import read_manifest
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.errors import CatalogDamagedError, CatalogError, CatalogMismatchError
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.services import VersionedCatalog
from furniture_prompter.web.telemetry import Metrics
from tests.fakes import ColourGridEncoder

MANIFEST: dict[str, Any] = {
    "version": 1,
    "created": "2026-01-01T00:00:00+00:00",
    "encoder": {
        "name": "colour-grid",
        "weights_sha256": "0" * 64,
        "dimension": 27,
        "metric": "cosine",
        "preprocessing": {},
    },
    "prompt_encoder": {
        "name": "words",
        "weights_sha256": "0" * 64,
        "dimension": 4,
        "metric": "cosine",
        "preprocessing": {},
    },
    "language": "english",
    "tables": {"products": 1, "photos": 1},
    "columns": {},
    "products": 1,
    "photos": 1,
    "next_number": 2,
    "alignment": {
        "file": None,
        "fingerprint": None,
        "fitted_on": 0,
        "changed_since": 0,
        "statement": "None.",
    },
    "vector_index": None,
    "format_version": 1,
}


class FakeCatalog:
    """A version that knows whether it was closed while somebody used it."""

    def __init__(self, version: int, weights: str, shared: Catalog | None) -> None:
        self.version = version
        self.shared = shared
        self.closed = False
        self.card: EncoderCard = ColourGridEncoder(weights * 64).card

    def close(self) -> None:
        assert not self.closed
        self.closed = True


class Shop:
    """A folder whose manifest a test commits, and the versions that were opened of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: list[FakeCatalog] = []
        self.weights = "0"
        self.broken = False
        self.metrics = Metrics()
        self.commit(1)

    def commit(self, version: int) -> None:
        beside = self.folder / "new.json"
        beside.write_text(json.dumps({**MANIFEST, "version": version}))
        beside.replace(self.folder / "manifest.json")

    def open(self, path: Path, shared: Catalog | None) -> Catalog:
        if self.broken:
            raise CatalogDamagedError("A table is gone. Index again.")
        version = read_manifest(path).version
        self.opened.append(FakeCatalog(version, self.weights, shared))
        return cast("Catalog", self.opened[-1])

    def number(self, name: str) -> float:
        lines = self.metrics.render()[0].decode().splitlines()
        (line,) = [each for each in lines if each.startswith(f"furniture_prompter_{name} ")]
        return float(line.split()[-1])


def run(
    folder: Path, test: Callable[[Shop, VersionedCatalog], Awaitable[None]], poll_s: float = 3_600
) -> Shop:
    async def body() -> Shop:
        shop = Shop(folder)
        settings = ServeSettings(catalog_poll_s=poll_s)
        versions = VersionedCatalog(folder, settings, shop.metrics, open_catalog=shop.open)
        await versions.start()
        try:
            await asyncio.wait_for(test(shop, versions), 30)
        finally:
            await versions.close()
        return shop

    return asyncio.run(body())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def test_a_new_version_is_taken_up_without_being_asked_for(tmp_path: Path) -> None:
    async def test(shop: Shop, versions: VersionedCatalog) -> None:
        assert versions.version == 1
        shop.commit(2)
        await until(lambda: versions.version == 2)
        assert shop.opened[1].shared is cast("Catalog", shop.opened[0])
        await until(lambda: shop.opened[0].closed)
        assert shop.number("catalog_version") == 2
        assert shop.number("catalog_swaps_total") == 1

    shop = run(tmp_path, test, poll_s=0.02)
    assert [each.closed for each in shop.opened] == [True, True]


def test_requests_lose_nothing_while_versions_follow_each_other(tmp_path: Path) -> None:
    answered: list[int] = []

    async def test(shop: Shop, versions: VersionedCatalog) -> None:
        done = False

        async def ask() -> None:
            while not done:
                async with versions.current() as catalog:
                    before = catalog.version
                    for _ in range(3):
                        await asyncio.sleep(0.001)
                        assert not cast("FakeCatalog", catalog).closed
                    assert catalog.version == before
                    answered.append(catalog.version)

        clients = [asyncio.create_task(ask()) for _ in range(16)]
        for version in range(2, 12):
            shop.commit(version)
            await versions.refresh()
            assert versions.version == version
            await asyncio.sleep(0.01)
        done = True
        await asyncio.gather(*clients)
        await until(lambda: all(each.closed for each in shop.opened[:-1]))

    run(tmp_path, test)
    assert len(set(answered)) >= 8


def test_a_version_that_cannot_be_opened_changes_nothing_and_is_tried_again(
    tmp_path: Path,
) -> None:
    async def test(shop: Shop, versions: VersionedCatalog) -> None:
        shop.broken = True
        shop.commit(2)
        await until(lambda: shop.number("catalog_failures_total") >= 2)
        async with versions.current() as catalog:
            assert catalog.version == 1
        shop.broken = False
        await until(lambda: versions.version == 2)

    run(tmp_path, test, poll_s=0.02)


def test_whoever_wrote_hears_that_a_version_cannot_be_opened(tmp_path: Path) -> None:
    async def test(shop: Shop, versions: VersionedCatalog) -> None:
        shop.broken = True
        shop.commit(2)
        with pytest.raises(CatalogError, match="table is gone"):
            await versions.refresh()
        assert versions.version == 1

    run(tmp_path, test)


def test_a_version_of_another_encoder_is_refused_and_closed(tmp_path: Path) -> None:
    async def test(shop: Shop, versions: VersionedCatalog) -> None:
        shop.weights = "1"
        shop.commit(2)
        with pytest.raises(CatalogMismatchError, match="Start the server again"):
            await versions.refresh()
        assert versions.version == 1
        assert shop.opened[1].closed
        assert not shop.opened[0].closed

    run(tmp_path, test)


def test_nothing_is_opened_while_nothing_changes(tmp_path: Path) -> None:
    async def test(shop: Shop, versions: VersionedCatalog) -> None:
        for _ in range(5):
            await versions.refresh()
        shop.commit(1)
        await versions.refresh()
        assert len(shop.opened) == 1

    run(tmp_path, test)


def test_a_manifest_that_is_gone_for_a_moment_stops_no_answers(tmp_path: Path) -> None:
    async def test(shop: Shop, versions: VersionedCatalog) -> None:
        (tmp_path / "manifest.json").unlink()
        await until(lambda: shop.number("catalog_failures_total") >= 1)
        shop.commit(2)
        await until(lambda: versions.version == 2)

    run(tmp_path, test, poll_s=0.02)


def test_a_catalog_that_was_not_started_says_so(tmp_path: Path) -> None:
    async def test() -> None:
        versions = VersionedCatalog(tmp_path, ServeSettings(), Metrics())
        with pytest.raises(RuntimeError, match="start"):
            async with versions.current():
                pass

    asyncio.run(test())
