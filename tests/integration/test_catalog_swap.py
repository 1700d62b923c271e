"""A real catalog that grows while a server's searches go on."""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from furniture_prompter import assembly, timing
from furniture_prompter.domain import Query
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.caches import content_key
from furniture_prompter.web.decoding_pool import DecodePool
from furniture_prompter.web.encoding import EncodeQueue
from furniture_prompter.web.services import VersionedCatalog
from furniture_prompter.web.telemetry import Metrics
from tests.fakes import draw_product

COLOURS = ("red", "green", "blue", "yellow")
SHAPES = ("chair", "table", "lamp", "sofa")
GENERATIONS = 4


def add_photos(folder: Path, generation: int) -> None:
    for number, shape in enumerate(SHAPES):
        image = draw_product(COLOURS[(generation + number) % 4], shape, generation)
        image.save(folder / f"{shape}-{generation}.png")


def test_searches_lose_nothing_while_an_index_run_replaces_the_version(tmp_path: Path) -> None:
    photos, catalog = tmp_path / "photos", tmp_path / "catalog"
    photos.mkdir()
    add_photos(photos, 0)
    assembly.index(photos, catalog)
    settings = ServeSettings(catalog_poll_s=0.05, threads=1, cache_vectors=64)
    metrics = Metrics()
    answered: list[tuple[int, int]] = []
    failures: list[BaseException] = []

    async def serve() -> None:
        versions = VersionedCatalog(catalog, settings, metrics)
        await versions.start()
        async with versions.current() as opened:
            encoder = opened.encoder
        decoding = DecodePool(settings, metrics)
        decoding.fit = encoder.card.preprocessing
        encoding = EncodeQueue(encoder, settings, metrics, coming=decoding.coming)
        done = asyncio.Event()

        async def ask(client: int) -> None:
            data = (photos / f"{SHAPES[client % 4]}-0.png").read_bytes()
            while not done.is_set():
                async with versions.current() as opened:
                    image = await decoding.decode(data, encoder.card.input_side_px or 224)
                    # Only every other client lets its vector be kept.
                    key = content_key(data) if client % 2 else None
                    vector = await encoding.encode(image, key)
                    query = Query(prompt="chair", photo=image, photo_weight=0.9, limit=50)
                    result = await opened.search_async(query, photo_vector=vector)
                    answered.append((result.catalog.version, len(result.hits)))
                    assert result.hits[0].product.id == f"{SHAPES[client % 4]}-0.png"

        clients = [asyncio.create_task(ask(client)) for client in range(6)]
        for generation in range(1, GENERATIONS):
            add_photos(photos, generation)
            await asyncio.to_thread(assembly.index, photos, catalog)
            while versions.version != generation + 1:
                await asyncio.sleep(0.02)
        done.set()
        ended = await asyncio.gather(*clients, return_exceptions=True)
        failures.extend(each for each in ended if isinstance(each, BaseException))
        await versions.close()
        await encoding.close()
        decoding.close()

    asyncio.run(asyncio.wait_for(serve(), 120))
    assert failures == []
    # Each answer is of one version, whole.
    assert {hits for version, hits in answered if version == 1} == {4}
    assert all(hits == 4 * version for version, hits in answered)
    assert len({version for version, _ in answered}) >= 2


KILLED = """
import os, signal, sys
from pathlib import Path
from furniture_prompter import assembly
from furniture_prompter.catalog import history

setattr(history, sys.argv[2], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
assembly.rollback(Path(sys.argv[1]), 1)
"""


def test_searches_lose_nothing_while_old_versions_are_returned_to_and_a_rollback_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = {"s": 0.0}
    monkeypatch.setattr(timing, "_clock", lambda: time.time() + ahead["s"])
    photos, catalog = tmp_path / "photos", tmp_path / "catalog"
    photos.mkdir()
    for generation in range(2):
        add_photos(photos, generation)
        assembly.index(photos, catalog)
        # Long past the time for which replaced versions stay.
        ahead["s"] += 40 * 86_400.0
    settings = ServeSettings(catalog_poll_s=0.05, threads=1)
    answered: list[tuple[int, int]] = []

    def killed(function: str) -> int:
        command = [sys.executable, "-c", KILLED, str(catalog), function]
        return subprocess.run(command, check=False).returncode

    async def serve() -> None:
        versions = VersionedCatalog(catalog, settings, Metrics())
        await versions.start()
        done = asyncio.Event()

        async def ask() -> None:
            while not done.is_set():
                async with versions.current() as opened:
                    # A search that began before the version was replaced ends after it.
                    for _ in range(2):
                        result = await opened.search_async(Query(prompt="chair", limit=50))
                        answered.append((result.catalog.version, len(result.hits)))

        async def taken_up(version: int) -> None:
            while versions.version != version:
                await asyncio.sleep(0.02)

        clients = [asyncio.create_task(ask()) for _ in range(3)]
        assert await asyncio.to_thread(killed, "write_manifest") == -signal.SIGKILL
        assert versions.version == 2
        await asyncio.to_thread(assembly.rollback, catalog, 1)
        await taken_up(3)
        ahead["s"] += 40 * 86_400.0
        await asyncio.to_thread(assembly.rollback, catalog, 2)
        await taken_up(4)
        assert await asyncio.to_thread(killed, "prune_checksums") == -signal.SIGKILL
        await taken_up(5)
        done.set()
        # What failed is raised here.
        await asyncio.gather(*clients)
        await versions.close()

    asyncio.run(asyncio.wait_for(serve(), 240))
    hits = {1: 4, 2: 8, 3: 4, 4: 8, 5: 4}
    assert all(found == hits[version] for version, found in answered)
    assert {2, 3, 4} <= {version for version, _ in answered}
    assert {each.version for each in assembly.versions(catalog) if each.kept} >= {3, 4, 5}


def test_what_the_queue_answers_is_what_the_catalog_itself_would(tmp_path: Path) -> None:
    photos, catalog = tmp_path / "photos", tmp_path / "catalog"
    photos.mkdir()
    add_photos(photos, 0)
    noise = np.random.default_rng(5).integers(0, 256, (700, 900, 3), np.uint8)
    Image.fromarray(noise).save(photos / "noise.jpg", quality=90)
    assembly.index(photos, catalog)
    settings = ServeSettings(threads=1)

    async def serve(data: bytes) -> list[tuple[str, float]]:
        metrics = Metrics()
        versions = VersionedCatalog(catalog, settings, metrics)
        await versions.start()
        decoding = DecodePool(settings, metrics)
        async with versions.current() as opened:
            encoder = opened.encoder
            decoding.fit = encoder.card.preprocessing
            encoding = EncodeQueue(encoder, settings, metrics)
            image = await decoding.decode(data, opened.card.input_side_px or 224)
            vector = await encoding.encode(image)
            result = await opened.search_async(Query(photo=image), photo_vector=vector)
        await versions.close()
        await encoding.close()
        decoding.close()
        return [(hit.product.id, hit.score) for hit in result.hits]

    with assembly.Catalog.open(catalog, settings=settings) as opened:
        for path in (photos / "noise.jpg", photos / "chair-0.png"):
            alone = [(hit.product.id, hit.score) for hit in opened.search(photo=path).hits]
            assert asyncio.run(serve(path.read_bytes())) == alone
