import asyncio
import logging

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from furniture_prompter.web.telemetry import Metrics, RequestLog
from tests.unit.web.asgi import Client

LOGGER = "furniture_prompter.web.requests"


async def fine(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(scope["state"]["request_id"])(scope, receive, send)


def test_a_request_gets_an_id_that_its_answer_bears() -> None:
    clients = [asyncio.run(Client().call(RequestLog(fine, Metrics()))) for _ in range(2)]
    ids = [client.answer_headers["x-request-id"] for client in clients]
    assert ids[0] != ids[1]
    assert [client.sent[1]["body"].decode() for client in clients] == ids


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("01J9ZK3W8Q6V5N4M3B2A1C0D9E", True),
        ("d9b1d7db-6d0f-4c1a-9f2e-0a1b2c3d4e5f", True),
        ("short", False),
        ("x" * 65, False),
        ('", "status": 200', False),
        ("line\nbreak-and-more", False),
    ],
)
def test_a_sane_id_of_the_client_is_kept_and_any_other_is_replaced(given: str, kept: bool) -> None:
    client = Client(headers={"x-request-id": given})
    asyncio.run(client.call(RequestLog(fine, Metrics())))
    assert (client.answer_headers["x-request-id"] == given) is kept


def test_route_status_and_time_are_logged_but_nothing_of_what_was_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, metrics = FastAPI(), Metrics()
    router = APIRouter()

    @router.get("/products/{product_id}")
    async def product(product_id: str) -> dict[str, str]:
        return {"id": product_id}

    app.include_router(router, prefix="/v1")
    app.add_middleware(RequestLog, metrics)

    async def ask() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            headers = {"Authorization": "Bearer secret-key"}
            await client.get("/v1/products/chair-77?prompt=private", headers=headers)
            await client.get("/v1/nothing/private")

    with caplog.at_level(logging.INFO, LOGGER):
        asyncio.run(ask())
    told = [vars(record) for record in caplog.records if record.name == LOGGER]
    assert [(line["method"], line["route"], line["status"]) for line in told] == [
        ("GET", "/v1/products/{product_id}", 200),
        ("GET", "none", 404),
    ]
    assert all(line["request_id"] and line["ms"] >= 0 for line in told)
    assert not any(word in str(told) for word in ("private", "secret", "chair-77"))
    text = metrics.render()[0].decode()
    assert 'route="/v1/products/{product_id}",status="200"} 1.0' in text
    assert "chair-77" not in text


def test_an_exception_counts_as_500_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("broken")

    metrics = Metrics()
    with caplog.at_level(logging.INFO, LOGGER), pytest.raises(RuntimeError, match="broken"):
        asyncio.run(Client().call(RequestLog(broken, metrics)))
    assert [vars(record)["status"] for record in caplog.records] == [500]
    assert 'status="500"} 1.0' in metrics.render()[0].decode()


def test_a_request_without_an_answer_counts_as_left(caplog: pytest.LogCaptureFixture) -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    with caplog.at_level(logging.INFO, LOGGER):
        asyncio.run(Client().call(RequestLog(silent, Metrics())))
    assert [vars(record)["status"] for record in caplog.records] == [499]
