import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from furniture_prompter.web.limits import HangUp, RequestTimeout
from furniture_prompter.web.telemetry import Metrics
from tests.unit.web.asgi import Client


def after(seconds: float) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        await asyncio.sleep(seconds)
        await PlainTextResponse('"done"')(scope, receive, send)

    return app


def test_work_that_takes_too_long_is_answered_with_504() -> None:
    client = asyncio.run(Client().call(RequestTimeout(after(20), 0.1)))
    assert client.status == 504
    assert client.body["error"]["code"] == "timeout"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_write_that_takes_too_long_is_told_to_go_on(method: str) -> None:
    client = asyncio.run(Client(method=method).call(RequestTimeout(after(20), 0.1)))
    assert "still being written" in client.body["error"]["message"]
    client = asyncio.run(Client().call(RequestTimeout(after(20), 0.1)))
    assert client.body["error"]["message"].endswith("Try again, or ask less.")


def test_the_time_for_the_body_does_not_count() -> None:
    slow = Client([b"x"] * 4, pause_s=0.2)
    assert asyncio.run(slow.call(RequestTimeout(after(0), 0.5))).status == 200


def test_paths_without_a_limit_take_their_time() -> None:
    app = RequestTimeout(after(0.3), 0.05, unlimited={"/v1/products:batch"})
    assert asyncio.run(Client(path="/v1/products:batch").call(app)).status == 200


def test_an_answer_that_has_begun_is_broken_off_and_not_answered_twice() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(20)

    client = Client()
    with pytest.raises(TimeoutError):
        asyncio.run(client.call(RequestTimeout(app, 0.1)))
    assert [message["type"] for message in client.sent] == ["http.response.start"]


def test_a_timeout_of_the_work_itself_is_the_routes_own_affair() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise TimeoutError("of the work")

    client = Client()
    with pytest.raises(TimeoutError, match="of the work"):
        asyncio.run(client.call(RequestTimeout(app, 5)))
    assert client.sent == []


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_client_that_hangs_up_stops_its_work(method: str) -> None:
    async def test() -> None:
        metrics, stopped = Metrics(), asyncio.Event()
        entered = asyncio.Event()

        async def work(scope: Scope, receive: Receive, send: Send) -> None:
            if method == "POST":
                await Request(scope, receive).body()
            entered.set()
            try:
                await asyncio.sleep(60)
            finally:
                stopped.set()

        headers = {"content-length": "2"} if method == "POST" else {}
        client = Client([b"ab"] if method == "POST" else [b""], method=method, headers=headers)
        call = asyncio.create_task(client.call(HangUp(work, metrics)))
        await entered.wait()
        client.left.set()
        await asyncio.wait_for(call, 10)
        assert stopped.is_set()
        assert client.sent == []
        assert "hang_ups_total 1.0" in metrics.render()[0].decode()

    asyncio.run(test())


def test_a_client_that_leaves_within_its_body_is_no_error() -> None:
    async def test() -> None:
        metrics = Metrics()
        client = Client([], headers={"content-length": "100"})
        client.left.set()
        await client.call(HangUp(after(0), metrics))
        assert client.sent == []
        assert "hang_ups_total 1.0" in metrics.render()[0].decode()

    asyncio.run(test())


def test_a_client_that_leaves_after_its_answer_is_no_hang_up() -> None:
    async def test() -> None:
        metrics = Metrics()
        client = Client([b"ab"], headers={"content-length": "2"})

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await after(0)(scope, receive, send)
            client.left.set()
            await asyncio.sleep(0.05)

        await client.call(HangUp(app, metrics))
        assert client.status == 200
        assert "hang_ups_total 0.0" in metrics.render()[0].decode()

    asyncio.run(test())


def test_a_stream_ends_when_its_client_leaves() -> None:
    async def test() -> None:
        client = Client(method="GET")

        async def endless() -> object:
            while True:
                yield b"x"
                await asyncio.sleep(0.01)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await StreamingResponse(endless())(scope, receive, send)  # type: ignore[arg-type]  # test

        call = asyncio.create_task(client.call(HangUp(app, Metrics())))
        await asyncio.sleep(0.1)
        client.left.set()
        await asyncio.wait_for(call, 10)
        assert client.status == 200

    asyncio.run(test())


def test_cancelling_the_server_is_not_taken_for_a_hang_up() -> None:
    async def test() -> None:
        metrics = Metrics()
        client = Client()
        call = asyncio.create_task(client.call(HangUp(after(60), metrics)))
        await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (client.status, client.body["error"]["code"]) == (503, "unavailable")
        assert "hang_ups_total 0.0" in metrics.render()[0].decode()

    asyncio.run(test())
