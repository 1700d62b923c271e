"""Load on an HTTP server from a process of its own: ``python -m benchmarks.http_load``.

It shares its cores with the server that it measures, so it does little: requests are built before
it starts, sent as they are but for a counter that makes each a new one, and of an answer only
status, length and Retry-After are read.
"""

import argparse
import asyncio
import base64
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self, cast

import uvloop

from benchmarks.provenance import ROOT

# Sixteen digits: text in a prompt, and in base64 twelve bytes whatever they are.
COUNTER_DIGITS = 16
DRAIN_S = 60.0
# After a loss, or where nobody listens.
PAUSE_S: Final = 0.02
NOTED_LOSSES: Final = 100
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_WAIT = re.compile(rb"\r\nretry-after: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it goes over the wire.

    Attributes:
        data: Head and body.
        counter_at: Where in it the counter's digits stand; None to send it as it is every time.
    """

    data: bytes
    counter_at: int | None = None

    def numbered(self, number: int) -> bytes:
        """The request with a counter of its own."""
        if self.counter_at is None:
            return self.data
        end = self.counter_at + COUNTER_DIGITS
        digits = f"{number:0{COUNTER_DIGITS}}".encode()
        return b"".join((self.data[: self.counter_at], digits, self.data[end:]))


@dataclass(slots=True)
class Outcome:
    """What became of a load.

    Attributes:
        sent: Requests sent.
        statuses: HTTP status to answers.
        lost: Requests that got no whole answer.
        unreachable: Connections that nobody took; nothing was sent on them.
        refused_without_wait: Answers of 429 without Retry-After.
        wall_s: From the first request to the last answer.
        cpu_s: Processor time of the generator itself.
        latencies_ms: p50, p95 and p99 of answers of 200, from when each was to be sent.
        answered_per_s: Answers of 200 by ``wall_s``.
        lost_after_s: When requests were lost, from the start; the first hundred.
    """

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    unreachable: int = 0
    refused_without_wait: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    latencies_ms: dict[str, float] = field(default_factory=dict)
    answered_per_s: float = 0.0
    lost_after_s: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, value: dict[str, Any]) -> Self:
        """Read what the generator printed."""
        counts = Counter({int(status): count for status, count in value.pop("statuses").items()})
        return cls(statuses=counts, **value)

    def value(self) -> dict[str, Any]:
        """What :meth:`of` reads, as plain JSON values."""
        # dataclasses.asdict would count a Counter's items anew.
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def failed(self) -> int:
        """Answers that are neither 200 nor 429."""
        return sum(count for status, count in self.statuses.items() if status not in (200, 429))


class LostError(Exception):
    """A connection ended before the answer did."""


class Connection(asyncio.Protocol):
    """One connection: a request at a time, kept alive."""

    def __init__(self) -> None:
        self.open = False
        self._transport: asyncio.Transport | None = None
        self._held = bytearray()
        self._whole = 0
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :class:`asyncio.Protocol`."""
        # uvloop's transports have the methods without the class.
        self._transport = cast("asyncio.Transport", transport)
        self.open = True

    def connection_lost(self, exc: Exception | None) -> None:
        """See :class:`asyncio.Protocol`."""
        self.open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(LostError(repr(exc)))

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        self._held += data
        if not self._whole:
            end = self._held.find(b"\r\n\r\n")
            if end < 0:
                return
            found = _LENGTH.search(self._held, 0, end + 2)
            if found is None:
                raise ValueError("The answer has no Content-Length; this generator needs one.")
            self._whole = end + 4 + int(found[1])
        if len(self._held) >= self._whole and self._answer and not self._answer.done():
            head = bytes(self._held[: self._held.find(b"\r\n\r\n") + 2])
            self._held.clear()
            self._whole = 0
            self._answer.set_result(head)

    async def ask(self, data: bytes) -> bytes:
        """Send a request; the head of its answer, when all of it is there.

        Raises:
            LostError: the connection ended before.
        """
        if self._transport is None or not self.open:
            raise LostError("closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return await self._answer

    def close(self) -> None:
        """Let go of it."""
        if self._transport is not None:
            self._transport.close()


class Load:
    """A load on one server."""

    def __init__(self, port: int, requests: Sequence[Request], first: int) -> None:
        self._port = port
        self._requests = requests
        self._first = first
        self._began = 0.0
        self._times: list[float] = []
        self.outcome = Outcome()

    async def closed(self, connections: int, seconds: float, count: int | None) -> None:
        """Each connection sends when its last answer is there; one that is refused waits."""
        began = time.perf_counter()

        async def go() -> None:
            connection: Connection | None = None
            while time.perf_counter() - began < seconds:
                if count is not None and self.outcome.sent >= count:
                    break
                if connection is None or not connection.open:
                    connection = await self._connected()
                if connection is not None:
                    wait_s = await self._ask(connection, time.perf_counter())
                    if wait_s:
                        await asyncio.sleep(wait_s)
            if connection is not None:
                connection.close()

        await self._measured([go() for _ in range(connections)])

    async def offered(self, per_s: float, seconds: float) -> None:
        """Requests at a fixed rate whether or not the server keeps up, on as many connections."""
        idle: list[Connection] = []

        async def go(number: int) -> None:
            due = self._began + number / per_s
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            while idle and not idle[-1].open:
                idle.pop()
            connection = idle.pop() if idle else await self._connected()
            if connection is None:
                return
            await self._ask(connection, due)
            if connection.open:
                idle.append(connection)

        await self._measured([go(number) for number in range(int(per_s * seconds))])
        for connection in idle:
            connection.close()

    async def _measured(self, work: Iterable[Any]) -> None:
        self._began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*work)
        out = self.outcome
        out.wall_s = time.perf_counter() - self._began
        out.cpu_s = time.process_time() - cpu
        out.answered_per_s = out.statuses[200] / out.wall_s
        times = sorted(self._times)
        if times:
            out.latencies_ms = {
                f"p{share}": round(1_000 * times[min(len(times) - 1, len(times) * share // 100)], 3)
                for share in (50, 95, 99)
            }

    async def _connected(self) -> Connection | None:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
        except OSError:
            self.outcome.unreachable += 1
            await asyncio.sleep(PAUSE_S)
            return None
        return connection

    async def _ask(self, connection: Connection, due: float) -> float:
        """Ask once; seconds that the server wants to be left alone."""
        number = self.outcome.sent
        self.outcome.sent += 1
        request = self._requests[number % len(self._requests)]
        try:
            async with asyncio.timeout(DRAIN_S):
                head = await connection.ask(request.numbered(self._first + number))
        except (LostError, TimeoutError):
            connection.close()
            self.outcome.lost += 1
            if len(self.outcome.lost_after_s) < NOTED_LOSSES:
                self.outcome.lost_after_s.append(round(time.perf_counter() - self._began, 3))
            return PAUSE_S
        status = int(head[9:12])
        self.outcome.statuses[status] += 1
        if status == 200:
            self._times.append(time.perf_counter() - due)
        if b"\r\nconnection: close" in head.lower():
            connection.close()
        if status != 429:
            return 0.0
        wait = _WAIT.search(head)
        self.outcome.refused_without_wait += wait is None
        return float(wait[1]) if wait else 0.0


def write_requests(requests: Sequence[Request], file: Path) -> None:
    """Keep requests for the generator."""
    lines = [
        json.dumps([base64.b64encode(each.data).decode("ascii"), each.counter_at])
        for each in requests
    ]
    file.write_text("\n".join(lines) + "\n", "utf-8")


def read_requests(file: Path) -> list[Request]:
    """Requests as :func:`write_requests` kept them."""
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return [Request(base64.b64decode(data), counter_at) for data, counter_at in rows]


def start_load(
    port: int,
    requests: Path,
    *,
    seconds: float,
    connections: int = 1,
    per_s: float | None = None,
    count: int | None = None,
    first: int = 0,
) -> subprocess.Popen[str]:
    """Start the generator as another process; :func:`outcome_of` waits for it.

    Args:
        port: Of the server on this machine.
        requests: File of requests, sent in turn.
        seconds: How long.
        connections: Connections that each wait for their answer before they send again.
        per_s: Requests a second to send whether or not answers come, in place of `connections`.
        count: Most requests.
        first: Where the counter begins, so that a later load does not repeat an earlier one's.
    """
    rest = ["--per-s", str(per_s)] if per_s else ["--connections", str(connections)]
    rest += ["--count", str(count)] if count else []
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "benchmarks.http_load"),
            *("--port", str(port), "--requests", str(requests)),
            *("--seconds", str(seconds), "--first", str(first), *rest),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def outcome_of(load: subprocess.Popen[str]) -> Outcome:
    """Wait for a generator."""
    printed, _ = load.communicate()
    if load.returncode:
        raise SystemExit("The load generator failed; what it said stands above.")
    return Outcome.of(json.loads(printed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--requests", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--per-s", type=float)
    parser.add_argument("--count", type=int)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    load = Load(arguments.port, read_requests(arguments.requests), arguments.first)
    if arguments.per_s:
        work = load.offered(arguments.per_s, arguments.seconds)
    else:
        work = load.closed(arguments.connections, arguments.seconds, arguments.count)
    uvloop.run(work)
    print(json.dumps(load.outcome.value()))


if __name__ == "__main__":
    main()
