"""The load generator against a server whose every answer a test decides."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine

import pytest
import uvloop

from benchmarks.http_load import COUNTER_DIGITS, Load, Outcome, Request, read_requests

REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" + b"0" * COUNTER_DIGITS
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 429 Too Many\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n"
Answer = Callable[[int], bytes | None]


def loaded(
    answer: Answer, work: Callable[[Load], Coroutine[None, None, None]]
) -> tuple[Outcome, list[bytes]]:
    """Outcome of a load on a server that answers by `answer` (None: hangs up), and what came."""
    seen: list[bytes] = []
    serving: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.append(task)
        while data := await reader.read(65_536):
            seen.append(data)
            given = answer(len(seen))
            if given is None:
                break
            # In pieces: an answer may arrive in as many as the network likes.
            for start in range(0, len(given), 20):
                writer.write(given[start : start + 20])
                await writer.drain()
                await asyncio.sleep(0)
        writer.close()
        await writer.wait_closed()

    async def run() -> Outcome:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        load = Load(port, [Request(REQUEST, len(REQUEST) - COUNTER_DIGITS)], 40)
        await work(load)
        server.close()
        await asyncio.gather(*serving)
        return load.outcome

    # On uvloop, as the generator runs: its transports are not asyncio's.
    return uvloop.run(run()), seen


def test_every_request_is_counted_and_is_a_new_one() -> None:
    outcome, seen = loaded(lambda _: OK, lambda load: load.closed(3, 30.0, 12))
    assert outcome.sent == outcome.statuses[200] == len(seen) >= 12
    assert (outcome.lost, outcome.failed) == (0, 0)
    numbers = {int(each[-COUNTER_DIGITS:]) for each in seen}
    assert numbers == set(range(40, 40 + len(seen)))
    assert 0 < outcome.latencies_ms["p50"] <= outcome.latencies_ms["p99"]


def test_a_connection_that_ends_before_its_answer_is_a_lost_request() -> None:
    outcome, _ = loaded(
        lambda number: None if number % 4 == 0 else OK, lambda load: load.closed(1, 30.0, 12)
    )
    assert (outcome.sent, outcome.lost, outcome.statuses[200]) == (12, 3, 9)
    assert len(outcome.lost_after_s) == 3


def test_half_an_answer_is_a_lost_request() -> None:
    outcome, _ = loaded(
        lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\nConnection: close\r\n\r\nok",
        lambda load: _impatient(load),
    )
    assert (outcome.lost, outcome.statuses[200]) == (1, 0)


async def _impatient(load: Load) -> None:
    import benchmarks.http_load as module

    before, module.DRAIN_S = module.DRAIN_S, 0.1
    try:
        await load.closed(1, 0.05, 1)
    finally:
        module.DRAIN_S = before


def test_refusals_are_told_apart_from_failures() -> None:
    answers = {1: BUSY, 2: b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"}
    outcome, _ = loaded(
        lambda number: answers.get(number, OK), lambda load: load.closed(1, 30.0, 5)
    )
    assert dict(outcome.statuses) == {429: 1, 500: 1, 200: 3}
    assert (outcome.failed, outcome.refused_without_wait) == (1, 0)


def test_a_rate_is_kept_whether_or_not_answers_come() -> None:
    outcome, _ = loaded(lambda _: OK, lambda load: load.offered(100.0, 0.3))
    assert outcome.sent == 30
    assert 0.25 < outcome.wall_s < 5


def test_a_server_that_is_gone_is_unreachable_and_nothing_is_lost() -> None:
    load = Load(9, [Request(REQUEST)], 0)
    asyncio.run(load.closed(1, 0.1, None))
    assert load.outcome.unreachable > 0
    assert (load.outcome.sent, load.outcome.lost) == (0, 0)


def test_requests_are_kept_byte_for_byte(tmp_path_factory: pytest.TempPathFactory) -> None:
    from benchmarks.http_load import write_requests

    file = tmp_path_factory.mktemp("load") / "requests.jsonl"
    requests = [Request(bytes(range(256)), 3), Request(b"\r\n", None)]
    write_requests(requests, file)
    assert read_requests(file) == requests


def test_an_outcome_survives_being_printed() -> None:
    outcome = Outcome(sent=4, statuses=Counter({200: 3, 503: 1}), latencies_ms={"p50": 1.5})
    assert Outcome.of(json.loads(json.dumps(outcome.value()))) == outcome
    assert outcome.failed == 1
