"""The server as processes: its end, a killed worker, a killed supervisor, silent clients."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
WAIT_S = 60.0
UP = "Application startup complete."


@dataclass
class Running:
    """A server that a test started."""

    process: subprocess.Popen[str]
    address: str = ""
    lines: list[str] = field(default_factory=list)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=WAIT_S)

    def get(self, path: str) -> httpx.Response:
        with self.client() as client:
            return client.get(path)

    def started(self) -> list[int]:
        """Processes that came up to answer, in turn; the log has the id of each."""
        told = [json.loads(line) for line in list(self.lines) if line.startswith("{")]
        return [each["process"] for each in told if each["message"] == UP]

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_S)


@contextmanager
def serving(workers: int, **settings: str) -> Iterator[Running]:
    arguments = [f"{name}={value}" for name, value in settings.items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.serve_small_app", str(workers), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    running = Running(process)

    def read() -> None:
        assert process.stdout is not None
        with process.stdout:
            running.lines.extend(iter(process.stdout.readline, ""))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        until(lambda: bool(running.lines) or process.poll() is not None)
        running.address = running.lines[0].strip() if running.lines else ""
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(WAIT_S)
            finally:
                process.kill()
        reader.join(WAIT_S)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def test_sigterm_finishes_what_was_accepted_and_takes_nothing_more() -> None:
    with serving(1) as server:
        answers: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: answers.append(server.get("/slow?s=2")))
        asking.start()
        until(lambda: "slow has begun\n" in server.lines)
        assert server.end() == 0
        asking.join(WAIT_S)
        assert [answer.status_code for answer in answers] == [200]
        with pytest.raises(httpx.ConnectError):
            server.get("/who")
    assert "closed\n" in server.lines


def test_shutting_down_waits_no_longer_than_it_may() -> None:
    with serving(1, shutdown_timeout_s="1") as server:
        answers: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: answers.append(server.get("/slow?s=50")))
        asking.start()
        until(lambda: "slow has begun\n" in server.lines)
        began = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - began < 40
        asking.join(WAIT_S)
        # Even then nobody is left without an answer.
        assert [answer.json()["error"]["code"] for answer in answers] == ["unavailable"]


def test_the_log_is_json_with_route_and_status_and_without_the_query() -> None:
    with serving(1) as server:
        assert server.get("/slow?s=0&prompt=private").status_code == 200
        server.end()
    told = [json.loads(line) for line in server.lines if line.startswith("{")]
    (line,) = [each for each in told if each["message"] == "request"]
    assert (line["route"], line["status"], line["level"]) == ("/slow", 200, "INFO")
    assert {"request_id", "ms", "time", "process"} <= set(line)
    assert "private" not in str(told)


def test_a_killed_worker_loses_its_own_requests_at_most_and_is_replaced() -> None:
    with serving(2) as server:
        until(lambda: len(server.started()) == 2)
        outcomes: Counter[str] = Counter()
        counted = threading.Lock()
        stop = threading.Event()

        def ask() -> None:
            with server.client() as client:
                while not stop.is_set():
                    try:
                        outcome = str(client.get("/slow?s=0.02").status_code)
                    except httpx.HTTPError:
                        outcome = "lost"
                    with counted:
                        outcomes[outcome] += 1

        askers = [threading.Thread(target=ask) for _ in range(8)]
        for asker in askers:
            asker.start()
        until(lambda: outcomes["200"] >= 20)
        os.kill(server.started()[0], signal.SIGKILL)
        until(lambda: len(server.started()) == 3)
        answered = outcomes["200"]
        until(lambda: outcomes["200"] >= answered + 20)
        stop.set()
        for asker in askers:
            asker.join(WAIT_S)
        # Each of the eight had one request at most in the hands of the victim.
        assert set(outcomes) <= {"200", "lost"}
        assert outcomes["lost"] <= 8
        assert server.get("/who").status_code == 200
        assert "furniture_prompter_workers_replaced_total 1.0" in server.get("/metrics").text


def test_idle_connections_give_way_to_new_ones_and_the_log_says_so_once() -> None:
    with serving(1, limit_connections="8") as server:
        parts = urlsplit(server.address)
        assert parts.hostname is not None
        assert parts.port is not None
        held = []
        for _ in range(40):
            held.append(socket.create_connection((parts.hostname, parts.port), WAIT_S))
            held[-1].sendall(b"GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert held[-1].recv(64).startswith(b"HTTP/1.1 200")
        told = server.get("/metrics").text
        assert "furniture_prompter_connections 8.0" in told
        assert 'furniture_prompter_connections_closed_total{which="idle"} 33.0' in told
        for each in held:
            each.close()
        server.end()
    assert sum("limit_connections" in line for line in server.lines) == 1


def test_two_workers_share_the_processors_and_count_together() -> None:
    with serving(2) as server:
        until(lambda: len(server.started()) == 2)
        for _ in range(5):
            server.get("/slow?s=0")
        threads = server.get("/who").json()["threads"]
        assert threads == max(1, len(os.sched_getaffinity(0)) // 2)
        answered = 'furniture_prompter_requests_total{method="GET",route="/slow",status="200"} 5.0'
        # Whoever is asked knows of all.
        for _ in range(4):
            assert answered in server.get("/metrics").text
        assert server.end() == 0


def test_workers_end_when_their_supervisor_is_killed() -> None:
    with serving(2) as server:
        until(lambda: len(server.started()) == 2)
        server.process.kill()

        def gone() -> bool:
            try:
                server.get("/who")
            except httpx.HTTPError:
                return True
            return False

        until(gone)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_application_that_cannot_start_ends_the_server(workers: int) -> None:
    with serving(workers, log_level="error") as server:
        assert server.process.wait(WAIT_S) != 0
    assert any("could not start" in line for line in server.lines)


def test_clients_that_never_finish_their_headers_are_cut_off() -> None:
    with serving(1) as server:
        server.get("/who")
        parts = urlsplit(server.address)
        assert parts.hostname is not None
        assert parts.port is not None
        for sent in (b"", b"GET /who HTTP/1.1\r\nHost: x\r\nX-Slow: "):
            with socket.create_connection((parts.hostname, parts.port), WAIT_S) as silent:
                silent.sendall(sent)
                assert silent.recv(1) == b""


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with serving(1, port=port) as server:
            assert server.process.wait(WAIT_S) != 0
    assert any(f"Port {port} of 127.0.0.1 is taken" in line for line in server.lines)
