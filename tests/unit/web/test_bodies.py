import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from furniture_prompter.web.bodies import LimitBody
from furniture_prompter.web.metrics import Metrics
from tests.unit.web.asgi import Client

STREAM = "/v1/products:batch"


async def count_bytes(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(f'"{len(body)}"')(scope, receive, send)


async def count_streamed(scope: Scope, receive: Receive, send: Send) -> None:
    total = 0
    async for chunk in Request(scope, receive).stream():
        total += len(chunk)
    await PlainTextResponse(f'"{total}"')(scope, receive, send)


def limited(timeout_s: float = 5.0, limit_bytes: int = 100) -> LimitBody:
    return LimitBody(count_bytes, limit_bytes, timeout_s, Metrics(), streamed={STREAM})


def test_a_body_within_the_limits_passes_and_is_forgotten_afterwards() -> None:
    app = limited()
    for _ in range(20):
        client = asyncio.run(Client([b"x" * 60, b"x" * 40]).call(app))
        assert (client.status, client.body) == (200, "100")


def test_a_declared_length_above_the_limit_is_refused_unread() -> None:
    client = Client([b"x" * 101], headers={"content-length": "101", "expect": "100-continue"})
    asyncio.run(client.call(limited()))
    assert client.status == 413
    assert client.body["error"]["code"] == "too_large"
    assert client.taken == 0
    assert client.answer_headers["connection"] == "close"


def test_chunks_above_the_limit_are_refused_without_a_declared_length() -> None:
    client = asyncio.run(Client([b"x" * 60] * 3).call(limited()))
    assert client.status == 413
    # The rest is read and thrown away, so that the client comes to read the answer.
    assert client.taken == 3
    assert [message.get("more_body") for message in client.sent[1:]] == [True, False]


def test_a_client_that_goes_on_sending_is_cut_off_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("furniture_prompter.web.bodies._LINGER_S", 0.2)
    client = Client([b"x" * 60] * 100_000, pause_s=0.01)
    asyncio.run(asyncio.wait_for(client.call(limited()), 10))
    assert client.status == 413
    assert client.taken < 1_000


def test_a_body_that_trickles_is_refused() -> None:
    client = asyncio.run(Client([b"x"] * 90, pause_s=0.05).call(limited(timeout_s=0.3)))
    assert client.status == 408
    assert client.body["error"]["code"] == "timeout"


def test_a_stream_may_be_long_but_not_stall() -> None:
    app = LimitBody(count_streamed, 100, 0.5, Metrics(), streamed={STREAM})
    steady = asyncio.run(Client([b"x" * 60] * 12, path=STREAM, pause_s=0.06).call(app))
    assert (steady.status, steady.body) == (200, "720")
    stalled = asyncio.run(Client([b"x"] * 2, path=STREAM, pause_s=2).call(app))
    assert stalled.status == 408


def test_a_route_that_answers_broken_bodies_in_its_own_words_is_not_heard() -> None:
    async def wordy(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await Request(scope, receive).body()
        except Exception:  # noqa: BLE001  # as frameworks do
            await PlainTextResponse("There was an error", 400)(scope, receive, send)

    app = LimitBody(wordy, 100, 5, Metrics())
    assert asyncio.run(Client([b"x" * 101]).call(app)).status == 413


def test_too_many_bytes_in_memory_are_refused_and_come_free_again() -> None:
    async def test() -> None:
        metrics = Metrics()
        let = asyncio.Event()

        async def hold(scope: Scope, receive: Receive, send: Send) -> None:
            await Request(scope, receive).body()
            await let.wait()
            await PlainTextResponse('"held"')(scope, receive, send)

        app = LimitBody(hold, 100, 5, metrics)
        clients = [Client([b"x" * 90]) for _ in range(9)]
        calls = [asyncio.create_task(client.call(app)) for client in clients]
        for _ in range(50):
            await asyncio.sleep(0)
        assert [client.status for client in clients].count(429) == 3
        let.set()
        await asyncio.gather(*calls)
        assert [client.status for client in clients].count(200) == 6
        assert 'refused_total{full="memory"} 3.0' in metrics.render()[0].decode()
        again = await asyncio.gather(*(Client([b"x" * 90]).call(app) for _ in range(6)))
        assert {client.status for client in again} == {200}

    asyncio.run(test())
