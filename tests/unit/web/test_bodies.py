import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.bodies import PACE_BYTES_S, BodyLimits, HeldBytes, LimitBody
from furniture_prompter.web.errors import ApiError, Overloaded
from furniture_prompter.web.telemetry import Metrics
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


def limited(
    timeout_s: float = 5.0, limit_bytes: int = 100, app: ASGIApp = count_bytes
) -> LimitBody:
    held = HeldBytes.for_bodies(limit_bytes, Metrics())
    return LimitBody(app, BodyLimits(limit_bytes, timeout_s, patience_s=timeout_s), held)


def streaming(limit_bytes: int, timeout_s: float, patience_s: float) -> LimitBody:
    held = HeldBytes.for_bodies(100, Metrics())
    apart = {STREAM: BodyLimits(limit_bytes, timeout_s, patience_s, streamed=True)}
    return LimitBody(count_streamed, BodyLimits(100, 5.0, 5.0), held, apart=apart)


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


def test_a_body_that_keeps_the_pace_may_take_long_and_one_that_pauses_may_not() -> None:
    held = HeldBytes.for_bodies(1_000_000, Metrics())
    app = LimitBody(count_bytes, BodyLimits(1_000_000, 60, patience_s=0.3), held)
    steady = asyncio.run(Client([b"x" * PACE_BYTES_S] * 8, pause_s=0.06).call(app))
    assert (steady.status, steady.body) == (200, str(8 * PACE_BYTES_S))
    # What came early is kept in memory, so it buys no pause, as it does in a stream.
    pausing = asyncio.run(Client([b"x" * 100_000, *[b"x"] * 90], pause_s=0.05).call(app))
    assert pausing.status == 408
    assert f"{PACE_BYTES_S:,} bytes a second" in pausing.body["error"]["message"]


def test_a_phone_on_a_slow_line_has_the_time_for_its_photo() -> None:
    settings = ServeSettings()
    assert settings.body_timeout_s * 30_000 > 3_000_000
    assert PACE_BYTES_S < 30_000


def test_a_stream_may_be_long_but_not_stall() -> None:
    app = streaming(1_000_000, 5, 0.4)
    # Half a second: longer than the patience, but faster than the pace.
    pieces = [b"x" * PACE_BYTES_S] * 8
    steady = asyncio.run(Client(pieces, path=STREAM, pause_s=0.06).call(app))
    assert (steady.status, steady.body) == (200, str(8 * PACE_BYTES_S))
    stalled = asyncio.run(Client([b"x"] * 2, path=STREAM, pause_s=2).call(app))
    assert stalled.status == 408


def test_a_stream_of_blank_lines_does_not_keep_its_slot() -> None:
    client = Client([b"\n"] * 1_000, path=STREAM, pause_s=0.02)
    asyncio.run(client.call(streaming(1_000_000, 600, 0.3)))
    assert client.status == 408
    assert f"{PACE_BYTES_S:,} bytes a second" in client.body["error"]["message"]
    # The answer lingers two seconds, in which the rest is thrown away.
    assert client.taken < 200


def test_a_stream_that_keeps_the_pace_is_bounded_in_time_and_bytes_all_the_same() -> None:
    app = streaming(1_000_000, 0.5, 0.3)
    long = asyncio.run(Client([b"x" * 1_000] * 900, path=STREAM, pause_s=0.01).call(app))
    assert long.status == 408
    assert "longer than 0.5 seconds" in long.body["error"]["message"]
    large = Client([b"x" * 1_000] * 900, path=STREAM)
    asyncio.run(large.call(streaming(10_000, 60, 60)))
    assert large.status == 413


def test_what_the_server_takes_between_two_pieces_is_not_the_clients_time() -> None:
    async def slow_route(scope: Scope, receive: Receive, send: Send) -> None:
        async for _ in Request(scope, receive).stream():
            await asyncio.sleep(0.2)
        await PlainTextResponse('"done"')(scope, receive, send)

    client = Client([b"x"] * 5, pause_s=0.01)
    asyncio.run(client.call(limited(timeout_s=0.5, app=slow_route)))
    assert client.status == 200


def test_a_share_holds_no_more_than_all_may_and_gives_everything_back() -> None:
    metrics = Metrics()
    held = HeldBytes(100, metrics)

    def hold_until_it_breaks() -> None:
        with held.share() as first:
            first.take(60)
            with held.share() as second:
                second.take(40)
                with pytest.raises(Overloaded):
                    second.take(1)
                second.give_back(30)
                second.take(20)
            first.take(40)
            first.take(1)

    with pytest.raises(ApiError, match="more than 100 bytes") as caught:
        hold_until_it_breaks()
    assert caught.value.status == 413
    with held.share() as again:
        again.take(100)
    assert 'refused_total{full="memory"} 1.0' in metrics.render()[0].decode()


def test_a_route_that_answers_broken_bodies_in_its_own_words_is_not_heard() -> None:
    async def wordy(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await Request(scope, receive).body()
        except Exception:  # noqa: BLE001  # as frameworks do
            await PlainTextResponse("There was an error", 400)(scope, receive, send)

    app = limited(app=wordy)
    assert asyncio.run(Client([b"x" * 101]).call(app)).status == 413


def test_too_many_bytes_in_memory_are_refused_and_come_free_again() -> None:
    async def test() -> None:
        metrics = Metrics()
        let = asyncio.Event()

        async def hold(scope: Scope, receive: Receive, send: Send) -> None:
            await Request(scope, receive).body()
            await let.wait()
            await PlainTextResponse('"held"')(scope, receive, send)

        app = LimitBody(hold, BodyLimits(100, 5, 5), HeldBytes.for_bodies(100, metrics))
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
