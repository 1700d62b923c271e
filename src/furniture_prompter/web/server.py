"""Server processes: one or several on one socket, supervised and replaced.

Several processes share the listening socket, so a connection that waits is taken by whichever is
alive: when one is killed, only what it was working on is lost, and a new one takes its place.
"""

import errno
import logging
import math
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from furniture_prompter.assembly.catalogs import Catalog
from furniture_prompter.assembly.query_photos import load_detector
from furniture_prompter.assembly.remote_catalogs import local_folder
from furniture_prompter.encoders.processors import available_cpus
from furniture_prompter.errors import CatalogError, EncoderError, ServeError
from furniture_prompter.settings import ServeSettings
from furniture_prompter.understanding.rooms import read_rooms
from furniture_prompter.web.access import Keys, refuse_public_without_keys
from furniture_prompter.web.behaviour import BehaviourLog
from furniture_prompter.web.connections import PatientProtocol, backlog, raise_file_limit
from furniture_prompter.web.origins import cors_middleware
from furniture_prompter.web.telemetry import SHARED_FOLDER, log_config, replaced_workers
from furniture_prompter.web.worker import CreateApp, app_of_process, create_app

_LOG = logging.getLogger("furniture_prompter.web")

# Longer than proxies and clients keep an idle connection (60 s is usual), so that it is they who
# close it: a connection closed from here may have a request on its way.
_KEEP_ALIVE_S: Final = 65
# A worker that does not answer its supervisor this long is replaced.
_WORKER_ANSWERS_S: Final = 20.0
# The first answer takes as long as starting; on a machine that is busy, one that were replaced for
# that would never come up.
_WORKER_STARTS_S: Final = 180.0
# Uvicorn's own for a worker that never came up.
_STARTUP_FAILED: Final = 3
# Pools of native threads that each take all processors unless they are told.
_THREAD_VARIABLES: Final = (
    "RAYON_NUM_THREADS",
    "LANCE_CPU_THREADS",
    "LANCE_IO_THREADS",
)
# With a single thread for input and output, a write of Lance's waits for itself for ever.
_LEAST_THREADS: Final = {"LANCE_IO_THREADS": 2}


def serve(settings: ServeSettings, on_bound: Callable[[str], None]) -> None:
    """Serve a catalog until SIGTERM or SIGINT, and finish then what was accepted.

    Args:
        settings: The settings; ``catalog`` must be there.
        on_bound: Called with the address, such as ``http://127.0.0.1:8000``, once it is taken.

    Raises:
        ServeError: it cannot be served as it is set up.
        CatalogError, EncoderError: the catalog cannot be opened.
    """
    refuse_public_without_keys(settings)
    _check(settings)
    run_app(create_app, settings, on_bound)


def run_app(create: CreateApp, settings: ServeSettings, on_bound: Callable[[str], None]) -> None:
    """Run an application, in one process or several.

    Args:
        create: Makes the application in each process; importable by name.
        settings: Address, workers, timeouts and log level.
        on_bound: See :func:`serve`.

    Raises:
        ServeError: the address cannot be taken, or the application does not start.
    """
    raise_file_limit()
    with listen(settings.host, settings.port) as listener, _environment(settings.workers):
        on_bound(_address(listener))
        config = uvicorn.Config(
            partial(app_of_process, create, pinned(settings)),
            factory=True,
            http=PatientProtocol,
            ws="none",
            lifespan="on",
            workers=settings.workers,
            log_config=log_config(settings.log_level),
            access_log=False,
            server_header=False,
            # Whose word counts is the application's affair (trusted_proxies); else uvicorn believes
            # whatever comes from loopback.
            proxy_headers=False,
            backlog=backlog(),
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=math.ceil(settings.shutdown_timeout_s),
        )
        if settings.workers == 1:
            _run_here(config, listener)
        else:
            _Supervisor(config, [listener]).run()


def pinned(settings: ServeSettings) -> ServeSettings:
    """The settings of one of the processes: together they take as many threads as processors.

    One process alone takes them all unless told; for one photo it then takes no more than help.
    """
    if settings.threads is not None or settings.workers == 1:
        return settings
    return settings.model_copy(update={"threads": _threads_each(settings.workers)})


def listen(host: str, port: int) -> socket.socket:
    """A listening socket that other processes may inherit.

    Raises:
        ServeError: the address is none of this machine's, or the port is taken or not allowed.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server(address[:2], family=family, backlog=backlog())
    except OSError as error:
        raise ServeError(_why_not_bound(host, port, error)) from error
    listener.set_inheritable(True)
    return listener


def _why_not_bound(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is taken. Choose another with --port, or 0 for a free one."
    if error.errno == errno.EACCES:
        return f"Port {port} needs rights that this user does not have. Choose one from 1024 up."
    return (
        f"{host} is no address that can be listened on here ({error.strerror}). Use 127.0.0.1 for "
        "this machine alone, or 0.0.0.0 for all its addresses."
    )


def _check(settings: ServeSettings) -> None:
    """Find out here, in one sentence, what every process would else stumble over."""
    if settings.catalog is None:
        raise ServeError("There is no catalog to serve. Name its folder with --catalog.")
    if settings.api_keys is not None:
        Keys.load(settings.api_keys)
    cors_middleware(settings)
    if settings.events is not None:
        BehaviourLog(settings.events)
    if settings.rooms is not None:
        read_rooms(settings.rooms)
    if settings.detector is not None:
        load_detector(settings.detector)
    # The address's version is copied here once, not by every process.
    folder = local_folder(settings.catalog, settings)
    Catalog.open(folder, settings=settings, encoder=settings.query_encoder).close()
    if settings.compare is not None:
        _check_compared(settings.compare, settings.of_compared())


def _check_compared(folder: Path, settings: ServeSettings) -> None:
    try:
        Catalog.open(folder, settings=settings).close()
    except (CatalogError, EncoderError) as error:
        raise type(error)(f"The setting compare names {folder}. {error}") from error
    except OSError as error:
        raise ServeError(
            f"The setting compare names {folder}, which cannot be read ({error.strerror}). Name "
            "the folder of a catalog that this user may read."
        ) from error


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _threads_each(workers: int) -> int:
    return max(1, available_cpus() // workers)


@contextmanager
def _environment(workers: int) -> Iterator[None]:
    """What processes that are started from here must find before they import anything."""
    if workers == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="furniture-prompter-") as folder:
        each = _threads_each(workers)
        wanted = {name: str(max(each, _LEAST_THREADS.get(name, 1))) for name in _THREAD_VARIABLES}
        wanted[SHARED_FOLDER] = folder
        # Who set one of them knows better.
        added = [name for name in wanted if name not in os.environ]
        os.environ.update({name: wanted[name] for name in added})
        try:
            yield
        finally:
            for name in added:
                del os.environ[name]


def _run_here(config: uvicorn.Config, listener: socket.socket) -> None:
    # Uvicorn raises the signal again when all is finished; that is a good end, not a failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        return
    except SystemExit as leaving:
        if leaving.code == _STARTUP_FAILED:
            raise _not_started() from None
        raise


def _not_started() -> ServeError:
    return ServeError("The server could not start; the log above says why.")


class _Supervisor(Multiprocess):
    """Uvicorn's supervisor, which replaces workers that were killed or hang.

    Its own waits for each worker in turn to answer, so that a dead one behind one that starts, or
    has much to do, is found many seconds later. This one waits for none.
    """

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        """See uvicorn."""
        super().__init__(config, sockets)
        # Since when a worker owes an answer, and which have given one.
        self._asked_s: dict[Process, float] = {}
        self._up: set[Process] = set()

    def run(self) -> None:
        """Supervise until a signal ends it."""
        super().run()
        if any(process.exitcode == _STARTUP_FAILED for process in self.processes):
            raise _not_started()

    def keep_subprocess_alive(self) -> None:
        """Replace dead workers and take their gauges out of the sums; called twice a second."""
        for index, process in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            why = self._why_replaced(process)
            if why is None:
                continue
            process.kill()
            process.join()
            self._asked_s.pop(process, None)
            self._up.discard(process)
            mark_process_dead(process.pid, os.environ[SHARED_FOLDER])  # type: ignore[no-untyped-call]  # upstream leaves it untyped
            if process.exitcode == _STARTUP_FAILED:
                # It would fail again, and so would the others.
                self.should_exit.set()
                return
            successor = Process(self.config, self.sockets)
            successor.start()
            self.processes[index] = successor
            replaced_workers().inc(1)
            _LOG.warning("Worker %s %s; %s takes its place.", process.pid, why, successor.pid)

    def _why_replaced(self, process: Process) -> str | None:
        if not process.process.is_alive():
            code = process.exitcode or 0
            return f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        now_s = time.monotonic()
        asked_s = self._asked_s.get(process)
        try:
            if asked_s is None:
                process.parent_conn.send(b"ping")
                self._asked_s[process] = now_s
            elif process.parent_conn.poll():
                process.parent_conn.recv()
                del self._asked_s[process]
                self._up.add(process)
        except (OSError, EOFError):
            # It ends just now, as the next look sees; or it closed this and hangs.
            self._asked_s.setdefault(process, now_s)
        limit_s = _WORKER_ANSWERS_S if process in self._up else _WORKER_STARTS_S
        if now_s - self._asked_s.get(process, now_s) > limit_s:
            return f"has not answered for {limit_s:.0f} s"
        return None
