"""The API over a catalog in a process of its own, to be asked and measured."""

import os
import re
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from furniture_prompter.errors import BenchmarkError
from furniture_prompter.settings import ServeSettings, Settings

if TYPE_CHECKING:
    from furniture_prompter.client import Client

_READY_S: Final = 90.0
_STOP_S: Final = 30.0
_BOUND: Final = re.compile(r"^furniture-prompter \S+ on (http://\S+)", re.MULTILINE)
# What an environment may set for a server of the shop's own; this one has the defaults.
_OF_SERVERS: Final = ServeSettings.model_fields.keys() - Settings.model_fields.keys()
_PREFIX: Final = "FURNITURE_PROMPTER_"
_TOLD_CHARACTERS: Final = 2_000
_PAUSE_S: Final = 0.05


def can_serve() -> bool:
    """Whether the extra `serve` is installed."""
    return all(find_spec(name) is not None for name in ("fastapi", "httpx", "limits", "uvicorn"))


class ServedCatalog:
    """Answers photo files over HTTP, by a server that starts with the first of them.

    The server listens on loopback alone, keeps no vectors of photos, and ends with
    :meth:`close`.
    """

    def __init__(self, catalog: Path, encoder: Path, threads: int | None = None) -> None:
        """Prepare; nothing runs yet.

        Args:
            catalog: The catalog's folder.
            encoder: Folder of the encoder of queries.
            threads: For encoding; None as the server itself chooses.
        """
        self._words = [
            *(sys.executable, "-m", "furniture_prompter.cli.main", "serve"),
            *("--catalog", str(catalog), "--encoder", str(encoder)),
            *("--host", "127.0.0.1", "--port", "0", "--log-level", "warning"),
            *(() if threads is None else ("--threads", str(threads))),
        ]
        self._running = ExitStack()
        self._client: Client | None = None

    def __call__(self, photo: Path) -> object:
        """Search by a photo's file.

        Raises:
            BenchmarkError: the server does not start, or does not answer with hits.
        """
        from furniture_prompter.client import ClientError

        if self._client is None:
            self._client = self._start()
        try:
            return self._client.search(photo=photo)
        except ClientError as error:
            raise BenchmarkError(f"The API that is measured did not answer: {error}") from error

    def close(self) -> None:
        """End the server, if it runs."""
        self._client = None
        self._running.close()

    def _start(self) -> "Client":
        from furniture_prompter.client import Client

        with ExitStack() as starting:
            # A file and not a pipe: nobody reads along, and a pipe that is full stops the server.
            log = Path(starting.enter_context(TemporaryDirectory())) / "server.log"
            with log.open("wb") as out:
                process = subprocess.Popen(  # noqa: S603  # our own command
                    self._words, stdout=out, stderr=out, env=_environment()
                )
            starting.callback(_end, process)
            client = starting.enter_context(Client(_bound(process, log)))
            _wait_until_ready(client, process, log)
            self._running = starting.pop_all()
        return client


def _environment() -> dict[str, str]:
    removed = {f"{_PREFIX}{name.upper()}" for name in _OF_SERVERS}
    kept = {name: value for name, value in os.environ.items() if name not in removed}
    return kept | {f"{_PREFIX}CACHE_VECTORS": "0"}


def _bound(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """The address that the server says it took."""
    end = time.monotonic() + _READY_S
    while process.poll() is None and time.monotonic() < end:
        found = _BOUND.search(log.read_text("utf-8", "replace"))
        if found is not None:
            return found[1]
        time.sleep(_PAUSE_S)
    raise _not_started(log)


def _wait_until_ready(client: "Client", process: "subprocess.Popen[bytes]", log: Path) -> None:
    from furniture_prompter.client import NoAnswerError

    end = time.monotonic() + _READY_S
    while process.poll() is None and time.monotonic() < end:
        # It listens while its process still loads.
        with suppress(NoAnswerError):
            if client.ready():
                return
        time.sleep(_PAUSE_S)
    raise _not_started(log)


def _not_started(log: Path) -> BenchmarkError:
    told = log.read_text("utf-8", "replace")[-_TOLD_CHARACTERS:].strip()
    return BenchmarkError(
        "The API over the catalog did not start, so whole queries through HTTP cannot be timed; "
        f"set end_to_end.queries = 0 in the suite to leave them out. It said: {told}"
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
