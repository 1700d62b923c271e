"""The whole application over a small catalog, asked without a network."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from fastapi import FastAPI

from furniture_prompter import index
from furniture_prompter.client import AsyncClient
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.app import create_app
from tests.fakes import make_rows

Answer = TypeVar("Answer")

PRODUCTS = 48


@dataclass
class Api:
    """A running application; every call is one request.

    Attributes:
        catalog: Folder of the catalog.
        photos: Folder of its photos, ``0.png``, ``1.png``, …
        app: The application.
        runner: Its event loop.
    """

    catalog: Path
    photos: Path
    app: FastAPI
    runner: asyncio.Runner

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with self.client() as client:
                return await client.request(method, path, **options)

        return self.runner.run(ask())

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client

    def search(self, **query: Any) -> Any:
        answer = self("POST", "/v1/search", json=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def error(self, method: str, path: str, **options: Any) -> tuple[int, str, str]:
        """Status, code and message of a refusal, whose shape is checked."""
        answer = self(method, path, **options)
        assert answer.headers["content-type"] == "application/json"
        told = answer.json()
        assert list(told) == ["error"]
        assert list(told["error"]) == ["code", "message", "request_id"]
        assert told["error"]["request_id"] == answer.headers["x-request-id"]
        return answer.status_code, told["error"]["code"], told["error"]["message"]


def call(api: Api, ask: Callable[[AsyncClient], Awaitable[Answer]]) -> Answer:
    """What the Python client makes of the application's answer."""

    async def run() -> Answer:
        transport = httpx.ASGITransport(api.app, raise_app_exceptions=False)
        async with AsyncClient("http://localhost", transport=transport) as client:
            return await ask(client)

    return api.runner.run(run())


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, and a catalog of them."""
    folder = tmp_path_factory.mktemp("shop")
    lines = [
        {
            "id": row.product.id,
            "title": row.product.title,
            "category": row.product.category,
            "color": row.product.color,
            "tags": ["first", "even" if number % 2 == 0 else "odd"],
            "price": row.product.attributes["price"],
            "on_sale": number % 3 == 0,
            "image": f"photos/{number}.png",
        }
        for number, row in enumerate(make_rows(folder / "photos", PRODUCTS))
    ]
    feed = folder / "feed.jsonl"
    feed.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    index(feed, folder / "catalog")
    return folder


@contextmanager
def running(folder: Path, **settings: Any) -> Iterator[Api]:
    """An application over the shop in a folder."""
    given = {"catalog": folder / "catalog", "threads": 2, "catalog_poll_s": 3_600, **settings}
    app = create_app(ServeSettings(**given))
    with asyncio.Runner() as runner:
        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        try:
            yield Api(folder / "catalog", folder / "photos", app, runner)
        finally:
            runner.run(lifespan.__aexit__(None, None, None))


@pytest.fixture(scope="session")
def api(shop: Path) -> Iterator[Api]:
    with running(shop) as started:
        yield started


@pytest.fixture
def serve(shop: Path) -> Iterator[Callable[..., Api]]:
    """Start further applications over the same shop, with other settings."""
    started: list[Any] = []

    def start(**settings: Any) -> Api:
        started.append(running(shop, **settings))
        api: Api = started[-1].__enter__()
        return api

    yield start
    for each in reversed(started):
        each.__exit__(None, None, None)
