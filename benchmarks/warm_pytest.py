"""Runs of pytest by one process that has imported other people's packages already.

``python -B -m benchmarks.warm_pytest``: each line of standard input is a JSON list of pytest's
arguments, for which a child is forked; its exit status and what it said go back as a line of JSON.
Nothing of this project is imported before the fork, so that a child sees its files as they are.
"""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

# What most tests import, and what takes longest. Plugins of pytest are left to pytest: Hypothesis,
# and anyio, which FastAPI and httpx bring.
_PACKAGES: Final = (
    *("numpy", "pyarrow", "pyarrow.compute", "lancedb", "onnxruntime", "PIL.Image", "simplejpeg"),
    *("pydantic_settings", "lark", "rich", "typer"),
)
_SAID: Final = 4_000

NOT_STARTED: Final = 70
"""Exit status where pytest could not be started; it has none that is so high."""


class WarmPytest:
    """A process that runs pytest in a folder, with the package that lies in its ``src``."""

    def __init__(self, folder: Path) -> None:
        """Start it; a run's first answer takes as long as importing the packages."""
        command = [sys.executable, "-B", "-m", "benchmarks.warm_pytest"]
        environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, arguments: Sequence[str], limit_s: float) -> tuple[int | None, str]:
        """Pytest's exit status, None where it took longer than the limit, and its last words."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process has no pipes.")
        process.stdin.write(json.dumps([limit_s, *arguments]) + "\n")
        process.stdin.flush()
        status, said = json.loads(process.stdout.readline())
        return status, said

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def forked(arguments: Sequence[str], limit_s: float) -> tuple[int | None, str]:
    """One run of pytest in a child with its own process group; see :meth:`WarmPytest.run`."""
    with tempfile.TemporaryFile() as words:
        child = os.fork()
        if child == 0:
            status = NOT_STARTED
            try:
                os.setsid()
                os.dup2(words.fileno(), 1)
                os.dup2(words.fileno(), 2)
                with Path(os.devnull).open("rb") as nothing:
                    os.dup2(nothing.fileno(), 0)
                status = int(pytest.main([*arguments]))
                sys.stdout.flush()
            except BaseException:  # noqa: BLE001 - a child must never go on as its parent would
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        killed = False

        def kill(*_: object) -> None:
            nonlocal killed
            killed = True
            _end(child)

        signal.signal(signal.SIGALRM, kill)
        signal.setitimer(signal.ITIMER_REAL, limit_s)
        _, code = os.waitpid(child, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        # What the tests started and did not end.
        _end(child)
        words.seek(0)
        said = words.read().decode("utf-8", "replace")[-_SAID:]
    return None if killed else os.waitstatus_to_exitcode(code), said


def _end(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def main() -> None:
    # It was only imported: none of its threads runs when a child is forked.
    warnings.filterwarnings("ignore", "lancedb fork support is experimental")
    for name in _PACKAGES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        limit_s, *arguments = json.loads(line)
        print(json.dumps(forked(arguments, limit_s)), flush=True)


if __name__ == "__main__":
    main()
