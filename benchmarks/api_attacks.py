"""The API while somebody tries to knock it over: ``python -m benchmarks.api_attacks``.

Every attack is one that a client without a key can send with little. What counts is what others
notice: whether they are answered, how long they wait, and what it costs in memory.
"""

import argparse
import asyncio
import http.client
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final, Self

import httpx
import psutil

from benchmarks.api_server import ServedApi, copied
from benchmarks.hostile_photos import PHOTOS
from benchmarks.provenance import add_output_option, write_result
from furniture_prompter.assembly import index
from furniture_prompter.bundled import catalog_feed

Row = dict[str, Any]
Statuses = Counter[str]
Send = Callable[[int], Coroutine[Any, Any, Statuses]]

AT_ONCE: Final = 2
# What a login shell and a systemd unit usually allow.
DESCRIPTORS: Final = 1_024
PROBE_EVERY_S: Final = 0.02
SEARCH_EVERY_S: Final = 0.5
SEARCHES: Final = 10
# How long an attack may go on; what it has not been told by then it will not wait for.
LONGEST_S: Final = 60.0
WAIT_S: Final = 120.0
TARGET_STALL_MS: Final = 250.0
TARGET_GROWN_MB: Final = 1_000.0
TARGET_STOP_S: Final = 25.0

METHOD = f"""
A server of its own for each attack, one worker, default settings, no keys, a catalog of the bundled
products. {SEARCHES} photo searches, then {AT_ONCE} attacks of a kind at once (or as many as the row
says) for at most {LONGEST_S:.0f} s, then {SEARCHES} photo searches again. All the while `/healthz`
is asked every {1000 * PROBE_EVERY_S:.0f} ms over a new connection each time, by a process of its
own, so that the wait is the server's and not that of the attacker's interpreter, and a photo is
searched every {SEARCH_EVERY_S:g} s; those that were refused (429, 503) are told apart from those
that were not answered. The stall is the longest wait for `/healthz`; grown is the highest resident
memory of all the server's processes less what they had before the attack. In the end the server
gets SIGTERM. Targets: stall ≤ {TARGET_STALL_MS:.0f} ms, grown ≤ {TARGET_GROWN_MB:.0f} MB, every
search before and after answered, ended within {TARGET_STOP_S:.0f} s. The attacker, who asks over
plain sockets, shares the two cores with the server: a stall holds what it takes from them too.
"""


@dataclass(slots=True)
class Attack:
    """One kind of attack.

    Attributes:
        what: What it is.
        send: Sends it once to a port and says how it was answered.
        at_once: How many of it run side by side.
    """

    what: str
    send: Send
    at_once: int = AT_ONCE


@dataclass(slots=True)
class Watch:
    """What others notice while an attack goes on.

    Attributes:
        port: The server's.
        photo: A photo to search.
        api: The server.
    """

    port: int
    photo: bytes
    api: ServedApi
    stall_ms: float = 0.0
    peak_mb: float = 0.0
    healthy: Statuses = field(default_factory=Counter)
    searches: Statuses = field(default_factory=Counter)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _probe: SpawnProcess = field(init=False)
    _probing_over: Event = field(init=False)
    _said: Connection = field(init=False)

    def __enter__(self) -> Self:
        """Begin to watch, once the process that asks is there."""
        spawn = multiprocessing.get_context("spawn")
        self._probing_over = spawn.Event()
        self._said, saying = spawn.Pipe(duplex=False)
        arguments = (self.port, self._probing_over, saying)
        self._probe = spawn.Process(target=probe_health, args=arguments, daemon=True)
        self._probe.start()
        saying.close()
        self._said.recv()
        for work in (self._memory, self._search):
            self._threads.append(threading.Thread(target=work, daemon=True))
            self._threads[-1].start()
        return self

    def __exit__(self, *_: object) -> None:
        """End when what is under way has been answered."""
        self._over.set()
        self._probing_over.set()
        for thread in self._threads:
            thread.join(WAIT_S)
        if not self._said.poll(WAIT_S):
            raise RuntimeError("The process that asks /healthz did not come to its end.")
        self.stall_ms, self.healthy = self._said.recv()
        self._probe.join(WAIT_S)

    def _memory(self) -> None:
        while not self._over.wait(PROBE_EVERY_S):
            try:
                self.peak_mb = max(self.peak_mb, self.api.resident_mb())
            except psutil.NoSuchProcess:  # a worker that ends while it is asked
                continue

    def _search(self) -> None:
        while not self._over.wait(SEARCH_EVERY_S):
            self.searches[search(self.port, self.photo)] += 1


def probe_health(port: int, over: Event, saying: Connection) -> None:
    """Ask ``/healthz`` until it is over; a process's work.

    Args:
        port: The server's.
        over: Set when it is to end.
        saying: Told once that it begins; in the end the longest wait in milliseconds and how often
            each status came.
    """
    statuses: Statuses = Counter()
    longest_ms = 0.0
    saying.send("ready")
    while not over.wait(PROBE_EVERY_S):
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
        try:
            connection.request("GET", "/healthz")
            statuses[str(connection.getresponse().status)] += 1
        except (OSError, http.client.HTTPException) as error:
            statuses[type(error).__name__] += 1
        finally:
            connection.close()
        longest_ms = max(longest_ms, 1000 * (time.perf_counter() - began))
    saying.send((longest_ms, statuses))


def search(port: int, photo: bytes) -> str:
    """Status of a photo search, or the kind of its failure."""
    url = f"http://127.0.0.1:{port}/v1/search"
    # Bytes behind the picture make it one that was not asked before.
    body = photo + os.urandom(8)
    try:
        return str(httpx.post(url, files={"photo": ("p.jpg", body)}, timeout=WAIT_S).status_code)
    except httpx.TransportError as error:
        return type(error).__name__


def posted(path: str, body: bytes, kind: str = "application/json") -> Send:
    """An attack by one body."""

    async def send(port: int) -> Statuses:
        return await _post(port, path, content=body, headers={"content-type": kind})

    return send


def photographed(photo: bytes) -> Send:
    """An attack by one photo, each time another file."""

    async def send(port: int) -> Statuses:
        return await _post(port, "/v1/search", files={"photo": ("p", photo + os.urandom(8))})

    return send


async def _post(port: int, path: str, **body: Any) -> Statuses:
    async with httpx.AsyncClient(timeout=WAIT_S) as client:
        try:
            answer = await client.post(f"http://127.0.0.1:{port}{path}", **body)
        except httpx.TransportError as error:
            return Counter([type(error).__name__])
    return Counter([str(answer.status_code)])


async def _raw(port: int, head: bytes, pieces: Sequence[bytes], pause_s: float = 0.0) -> str:
    """Send bytes as they are; the status that came back, or how it ended."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError as error:
        return type(error).__name__
    try:
        writer.write(head)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            if pause_s:
                await asyncio.sleep(pause_s)
            if reader.at_eof():
                break
        line = await asyncio.wait_for(reader.readline(), LONGEST_S / 2)
        return line.split(b" ")[1].decode() if line.count(b" ") else "closed"
    except TimeoutError:
        return "no answer"
    except OSError:
        return "closed"
    finally:
        writer.transport.abort()


async def headers(port: int) -> Statuses:
    """40 MB of header lines."""
    line = b"x-a: " + b"y" * 993 + b"\r\n"
    head = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    return Counter([await _raw(port, head, [line * 100] * 400)])


async def readiness(port: int) -> Statuses:
    """``/readyz`` without a pause, for ten seconds."""
    statuses: Statuses = Counter()
    until = time.monotonic() + 10
    head = b"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    while time.monotonic() < until:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError as error:
            statuses[type(error).__name__] += 1
            continue
        try:
            while time.monotonic() < until:
                writer.write(head)
                answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_S)
                fields = dict(line.lower().split(b": ", 1) for line in answer.split(b"\r\n")[1:-2])
                await reader.readexactly(int(fields[b"content-length"]))
                statuses[answer[9:12].decode()] += 1
        except (OSError, EOFError, TimeoutError) as error:
            statuses[type(error).__name__] += 1
        finally:
            writer.transport.abort()
    return statuses


async def labels(port: int) -> Statuses:
    """Paths that nobody serves, 3,500 of them, long ones; then the page of metrics."""
    statuses: Statuses = Counter()
    async with httpx.AsyncClient(timeout=WAIT_S) as client:
        for number in range(3_500):
            path = f"/{number}{'x' * 1_500}/none"
            answer = await client.get(f"http://127.0.0.1:{port}{path}")
            statuses[str(answer.status_code)] += 1
        page = await client.get(f"http://127.0.0.1:{port}/metrics")
    statuses[f"metrics of {len(page.content) // 100_000 / 10} MB"] += 1
    return statuses


_BATCH: Final = (
    b"POST /v1/products:batch HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    b"content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
)


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def blank_lines(port: int) -> Statuses:
    """A batch that sends a blank line every eight seconds."""
    return Counter([await _raw(port, _BATCH, [_chunk(b"\n")] * 5, pause_s=8)])


async def unfinished_line(port: int) -> Statuses:
    """A batch whose line of 44 MB never ends."""
    piece = _chunk(b" " * 1_000_000)
    return Counter([await _raw(port, _BATCH, [piece] * 44, pause_s=0.1)])


async def idle(port: int) -> Statuses:
    """A connection that stays open behind its answer."""
    head = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        status = (await asyncio.wait_for(reader.readline(), 20))[9:12].decode() or "closed"
        await asyncio.sleep(10)
        writer.transport.abort()
    except TimeoutError:
        return Counter(["no answer"])
    except OSError:
        return Counter(["closed"])
    return Counter([status])


def quotes(size: int) -> bytes:
    """An unclosed string of escaped quotes behind brackets."""
    return b"[" + b"[]," * 40 + b'"' + b'\\"' * (size // 2)


def attacks() -> list[Attack]:
    """All of them."""
    keys = b"{" + b",".join(b'"k%d":1' % number for number in range(200_000)) + b"}"
    bodies: Mapping[str, tuple[str, bytes]] = {
        "JSON: 64 kB of an unclosed string": ("/v1/search", quotes(64_000)),
        "JSON: 200 kB of an unclosed string": ("/v1/search", quotes(200_000)),
        "embeddings of 1 MB of ones": (
            "/v1/embeddings",
            b'{"model": "m", "input": [' + b"1," * 500_000 + b"1]}",
        ),
        "embeddings with 2.3 MB of unknown keys": ("/v1/embeddings", keys),
        "embeddings with 9 MB of lists": (
            "/v1/embeddings",
            b'{"model": "m", "input": [' + b"[]," * 3_000_000 + b"[]]}",
        ),
        "search with 9 MB of lists": ("/v1/search", b'{"prompt": [' + b"[]," * 3_000_000 + b"[]]}"),
    }
    return [
        *(Attack(what, posted(path, body)) for what, (path, body) in bodies.items()),
        *(Attack(f"photo: {what}", photographed(make())) for what, make in PHOTOS.items()),
        Attack("40 MB of header lines", headers),
        Attack("/readyz in 128 loops", readiness, at_once=128),
        Attack("3,500 paths that nobody serves", labels),
        Attack("256 batches of blank lines", blank_lines, at_once=256),
        Attack("24 batches with a line of 44 MB", unfinished_line, at_once=24),
        Attack("1,200 idle connections", idle, at_once=1_200),
    ]


async def _all(attack: Attack, port: int) -> Statuses:
    tasks = [asyncio.create_task(attack.send(port)) for _ in range(attack.at_once)]
    done, waiting = await asyncio.wait(tasks, timeout=LONGEST_S)
    for task in waiting:
        task.cancel()
    statuses: Statuses = Counter({"not answered": len(waiting)} if waiting else {})
    for task in done:
        statuses += task.result()
    return statuses


@contextmanager
def started(catalog: Path, log: Path, **given: object) -> Iterator[ServedApi]:
    """A server with the descriptors that a login gives it; the attacker may have more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, hard), hard))
    try:
        api = ServedApi.of_catalog(catalog, log, **given)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with api:
        yield api


def measured(attack: Attack, catalog: Path, photo: bytes, log: Path) -> Row:
    """What an attack did."""
    with started(catalog, log) as api:
        before = Counter(search(api.port, photo) for _ in range(SEARCHES))
        rested_mb = api.resident_mb()
        began = time.perf_counter()
        with Watch(api.port, photo, api) as watch:
            statuses = asyncio.run(_all(attack, api.port))
            attacked_s = time.perf_counter() - began
        after = Counter(search(api.port, photo) for _ in range(SEARCHES))
        began = time.perf_counter()
        try:
            api.stop()
        except SystemExit:
            print(f"{attack.what}: the server had to be killed", file=sys.stderr)
        stopped_s = time.perf_counter() - began
    grown_mb = watch.peak_mb - rested_mb
    answered = Counter({"200": SEARCHES})
    row = {
        "attack": attack.what,
        "at once": attack.at_once,
        "answers": told(statuses),
        "seconds": round(attacked_s, 1),
        "longest wait for /healthz, ms": round(watch.stall_ms),
        "/healthz not 200": watch.healthy.total() - watch.healthy["200"],
        "memory grown, MB": round(grown_mb),
        "searches meanwhile": told(watch.searches),
        "searches afterwards": told(after),
        "ended after, s": round(stopped_s, 1),
        "met": watch.stall_ms <= TARGET_STALL_MS
        and watch.healthy.total() == watch.healthy["200"]
        and grown_mb <= TARGET_GROWN_MB
        and before == after == answered
        and stopped_s <= TARGET_STOP_S,
    }
    print(row, file=sys.stderr)
    return row


def killed_worker(catalog: Path, photo: bytes, log: Path) -> Row:
    """SIGKILL to one of two workers: how long until there are two again."""
    with started(catalog, log, workers=2) as api:
        before = {worker.pid for worker in api.workers()}
        began = time.perf_counter()
        os.kill(min(before), signal.SIGKILL)
        while time.perf_counter() - began < LONGEST_S:
            now = {worker.pid for worker in api.workers()}
            if len(now) == len(before) and now != before:
                break
            time.sleep(0.02)
        noticed_s = time.perf_counter() - began
        after = Counter(search(api.port, photo) for _ in range(SEARCHES))
    return {
        "attack": "kill -9 of one of two workers",
        "at once": 1,
        "seconds": round(noticed_s, 1),
        "searches afterwards": told(after),
        "met": noticed_s <= 2 and after == Counter({"200": SEARCHES}),
    }


def told(statuses: Statuses) -> str:
    """Statuses with how often each came, such as ``200 × 9, 429 × 1``."""
    return ", ".join(f"{name} × {count}" for name, count in sorted(statuses.items())) or "none"


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalog", type=Path, help="a catalog to serve; the bundled one else")
    parser.add_argument("--only", default="", help="attacks whose name holds this")
    add_output_option(parser, "api_attacks")
    arguments = parser.parse_args(words)
    work = Path(tempfile.mkdtemp())
    try:
        given = arguments.catalog
        if given is None:
            given = work / "indexed"
            index(catalog_feed(), given)
        source, _ = copied(given, work / "catalog")
        photo = next((catalog_feed().parent / "images").glob("*.jpg")).read_bytes()
        log = work / "server.log"
        rows = [
            measured(attack, work / "catalog", photo, log)
            for attack in attacks()
            if arguments.only in attack.what
        ]
        if arguments.only in "kill -9 of one of two workers":
            rows.append(killed_worker(work / "catalog", photo, log))
    finally:
        shutil.rmtree(work)
    write_result(
        arguments.out,
        title="The API under attack",
        data=[source],
        method=METHOD,
        figures={"rows": rows},
    )


if __name__ == "__main__":
    main()
