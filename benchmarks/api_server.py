"""The API under a benchmark: the installed command, in processes of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import httpx
import psutil

from benchmarks.provenance import DataSet
from furniture_prompter.assembly import Catalog
from furniture_prompter.atomic_files import sha256_of

READY_S = 90.0
STOP_S = 60.0
# How exactly a start can be timed.
_ASKED_EVERY_S = 0.02


def copied(catalog: Path, to: Path) -> tuple[DataSet, int]:
    """Copy a catalog, which a server may change, to a new folder.

    Returns:
        What results say of it, and how many photos it has.
    """
    with Catalog.open(catalog) as opened:
        info = opened.info()
    shutil.copytree(catalog, to)
    note = f"{info.products:,} products, {info.photos:,} photos"
    return DataSet("served catalog", sha256_of(to / "manifest.json"), note), info.photos


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class ServedApi:
    """A running server, ready to answer; ends with its ``with`` block.

    Attributes:
        port: Where it listens, on loopback.
    """

    def __init__(
        self,
        command: list[str],
        port: int,
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        ready_path: str = "/readyz",
    ) -> None:
        """Start a server and wait until it is ready.

        Args:
            command: The command that serves.
            port: The port it was told.
            log: Where what it says goes.
            environment: Variables beside those of this process.
            ready_path: What answers 200 when it is ready.

        Raises:
            SystemExit: it ended, or was not ready in time.
        """
        self.port = port
        self._log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command, stdout=out, stderr=out, env={**os.environ, **(environment or {})}
            )
        self._wait_until_ready(ready_path)

    @classmethod
    def of_catalog(cls, catalog: Path, log: Path, **settings: object) -> Self:
        """Serve a catalog with further settings, such as ``workers=2``."""
        port = free_port()
        given = {"catalog": catalog, "port": port, **settings}
        command = [str(Path(sys.executable).with_name("furniture-prompter")), "serve"]
        names = {f"FURNITURE_PROMPTER_{name.upper()}": str(each) for name, each in given.items()}
        return cls(command, port, log, environment=names)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def workers(self) -> list[psutil.Process]:
        """Processes that answer: the one that was started, or those it started to answer."""
        own = psutil.Process(self._process.pid)
        answering = [
            child
            for child in own.children(recursive=True)
            # Python's own process that tidies up after shared memory.
            if child.status() != psutil.STATUS_ZOMBIE
            and not any("resource_tracker" in part for part in child.cmdline())
        ]
        return answering or [own]

    def processes(self) -> list[int]:
        """Ids of all its processes."""
        own = psutil.Process(self._process.pid)
        return [own.pid, *(each.pid for each in own.children(recursive=True))]

    def resident_mb(self) -> float:
        """Resident memory of all its processes, MB."""
        own = psutil.Process(self._process.pid)
        members = [own, *own.children(recursive=True)]
        return sum(float(each.memory_info().rss) for each in members) / 1e6

    def own_mb(self) -> float:
        """Memory of all its processes that no other has too, MB: what one more worker takes."""
        own = psutil.Process(self._process.pid)
        members = [own, *own.children(recursive=True)]
        return sum(float(each.memory_full_info().uss) for each in members) / 1e6

    def written_bytes(self) -> int:
        """What all its processes have handed to the system to write so far, answers too."""
        return sum(psutil.Process(each).io_counters().write_chars for each in self.processes())

    def cpu_s(self) -> float:
        """Processor time of all its processes so far."""
        own = psutil.Process(self._process.pid)
        times = [each.cpu_times() for each in (own, *own.children(recursive=True))]
        return sum(float(each.user + each.system) for each in times)

    def stop(self) -> int:
        """End it as an operator does, with SIGTERM; its exit status."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise SystemExit(f"The server did not end in {STOP_S:.0f} s: {self._said()}") from None

    def __enter__(self) -> Self:
        """Use with ``with``."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it, unless it has ended."""
        if self._process.poll() is None:
            self.stop()

    def _wait_until_ready(self, path: str) -> None:
        began = time.monotonic()
        while time.monotonic() - began < READY_S:
            if self._process.poll() is not None:
                raise SystemExit(f"The server ended: {self._said()}")
            try:
                if httpx.get(f"{self.url}{path}", timeout=10).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(_ASKED_EVERY_S)
        self._process.kill()
        self._process.wait()
        raise SystemExit(f"The server was not ready in {READY_S:.0f} s: {self._said()}")

    def _said(self) -> str:
        return self._log.read_text("utf-8", "replace")[-2_000:]
