import asyncio

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from furniture_prompter.web.metrics import Metrics
from furniture_prompter.web.overload import LimitRequests
from tests.unit.web.asgi import Client


def test_four_times_as_many_requests_as_fit_get_200_or_429_and_none_is_lost() -> None:
    async def test() -> None:
        metrics, let = Metrics(), asyncio.Event()
        entered = 0

        async def work(scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal entered
            entered += 1
            await let.wait()
            await PlainTextResponse("done")(scope, receive, send)

        app = LimitRequests(work, 16, metrics)
        clients = [Client() for _ in range(64)]
        calls = [asyncio.create_task(client.call(app)) for client in clients]
        for _ in range(20):
            await asyncio.sleep(0)
        assert entered == 16
        assert "requests_in_flight 16.0" in metrics.render()[0].decode()
        let.set()
        await asyncio.gather(*calls)
        statuses = [client.status for client in clients]
        assert sorted(set(statuses), key=str) == [200, 429]
        assert statuses.count(200) == 16
        refused = next(client for client in clients if client.status == 429)
        assert int(refused.answer_headers["retry-after"]) >= 1
        assert refused.body["error"]["code"] == "overloaded"
        assert "requests_in_flight 0.0" in metrics.render()[0].decode()
        assert (await Client().call(app)).status == 200

    asyncio.run(test())


def test_a_request_that_fails_makes_room_again() -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("broken")

    app = LimitRequests(fail, 1, Metrics())
    for _ in range(3):
        with pytest.raises(RuntimeError, match="broken"):
            asyncio.run(Client().call(app))


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_those_who_watch_the_server_are_answered_however_full_it_is(path: str) -> None:
    async def test() -> None:
        let = asyncio.Event()

        async def work(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] != path:
                await let.wait()
            await PlainTextResponse("done")(scope, receive, send)

        app = LimitRequests(work, 1, Metrics())
        busy = asyncio.create_task(Client().call(app))
        await asyncio.sleep(0)
        assert (await Client().call(app)).status == 429
        assert (await Client(path=path, method="GET").call(app)).status == 200
        let.set()
        await busy

    asyncio.run(test())


def test_paths_with_places_of_their_own_keep_nobody_else_waiting() -> None:
    async def test() -> None:
        metrics, let = Metrics(), asyncio.Event()

        async def work(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] == "/batch":
                await let.wait()
            await PlainTextResponse("done")(scope, receive, send)

        app = LimitRequests(work, 4, metrics, apart={"/batch": ("batches", 2)})
        clients = [Client(path="/batch") for _ in range(256)]
        calls = [asyncio.create_task(client.call(app)) for client in clients]
        for _ in range(20):
            await asyncio.sleep(0)
        assert [client.status for client in clients].count(429) == 254
        searches = await asyncio.gather(*(Client().call(app) for _ in range(4)))
        assert {client.status for client in searches} == {200}
        let.set()
        await asyncio.gather(*calls)
        assert [client.status for client in clients].count(200) == 2
        assert 'refused_total{full="batches"} 254.0' in metrics.render()[0].decode()

    asyncio.run(test())
