"""A real catalog that grows while a server's searches go on."""

import asyncio
from pathlib import Path

import numpy as np
from PIL import Image

from furniture_prompter import assembly
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
