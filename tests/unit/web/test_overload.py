import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from furniture_prompter.web.bodies import BodyLimits, HeldBytes, LimitBody
from furniture_prompter.web.limits import LimitRequests
from furniture_prompter.web.telemetry import Metrics
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


BODY = {"content-length": "4000"}


def unfinished() -> Client:
    """One that sends a byte and no more, as a client on the slowest of lines."""
    client = Client([b"{", b"}"], headers=BODY)
    receive = client.receive

    async def stuck() -> Message:
        if client.taken:
            await asyncio.Event().wait()
        return await receive()

    client.receive = stuck  # type: ignore[method-assign]  # the end of the body never comes
    return client


def test_bodies_on_their_way_take_no_place_of_requests_and_have_a_bound_of_their_own() -> None:
    async def test() -> None:
        metrics = Metrics()

        async def read(scope: Scope, receive: Receive, send: Send) -> None:
            await Request(scope, receive).body()
            await PlainTextResponse("done")(scope, receive, send)

        limited = LimitBody(read, BodyLimits(9_000, 60, 60), HeldBytes.for_bodies(9_000, metrics))
        app = LimitRequests(limited, 4, metrics)
        trickling = [unfinished() for _ in range(15)]
        calls = [asyncio.create_task(client.call(app)) for client in trickling]
        for _ in range(20):
            await asyncio.sleep(0)
        assert [client.status for client in trickling] == [None] * 15
        for each in (Client([b"{}"], headers=BODY), Client(), Client(method="GET", headers=BODY)):
            assert (await each.call(app)).status == 200
        calls.append(asyncio.create_task(unfinished().call(app)))
        await asyncio.sleep(0)
        assert (await Client([b"{}"], headers=BODY).call(app)).status == 429
        assert (await Client().call(app)).status == 200
        assert 'refused_total{full="bodies"} 1.0' in metrics.render()[0].decode()
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        # All places came free again.
        whole = [Client([b"{}"], headers=BODY) for _ in range(4)]
        await asyncio.gather(*(client.call(app) for client in whole))
        assert {client.status for client in whole} == {200}

    asyncio.run(test())


def test_a_body_that_is_whole_when_no_place_is_left_is_answered_429_at_once() -> None:
    async def test() -> None:
        metrics, let = Metrics(), asyncio.Event()
        entered = 0

        async def work(scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal entered
            await Request(scope, receive).body()
            entered += 1
            await let.wait()
            await PlainTextResponse("done")(scope, receive, send)

        limited = LimitBody(work, BodyLimits(9_000, 60, 60), HeldBytes.for_bodies(9_000, metrics))
        app = LimitRequests(limited, 2, metrics)
        # All begin while places are free, and end together.
        clients = [Client([b"{", b"}"], headers=BODY) for _ in range(6)]
        calls = [asyncio.create_task(client.call(app)) for client in clients]
        for _ in range(50):
            await asyncio.sleep(0)
        assert entered == 2
        assert [client.status for client in clients].count(429) == 4
        assert sum(call.done() for call in calls) == 4
        assert 'refused_total{full="requests"} 4.0' in metrics.render()[0].decode()
        let.set()
        await asyncio.gather(*calls)
        assert [client.status for client in clients].count(200) == 2

    asyncio.run(test())
