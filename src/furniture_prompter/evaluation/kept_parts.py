"""Parts of a benchmark run on disk, so that one that stops goes on where it was."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from furniture_prompter.errors import BenchmarkError

Part = TypeVar("Part")

FOLDER = ".parts"
_STAMP = "run.json"


class KeptParts:
    """What a run has measured so far, in a folder that belongs to this run alone.

    A part is written beside its place and renamed: it is whole or not there.
    """

    def __init__(self, folder: Path) -> None:
        """Use :meth:`open`."""
        self._folder = folder

    @classmethod
    def open(cls, out: Path, stamp: dict[str, str], *, restart: bool) -> "KeptParts":
        """The parts kept below `out`.

        Args:
            out: The report's folder.
            stamp: What must be equal for parts to be put together: machine, data, suite, encoders.
            restart: Whether what is kept is dropped first.

        Raises:
            BenchmarkError: what is kept belongs to another machine, other data or settings, or the
                folder cannot be written.
        """
        folder = out / FOLDER
        stamped = folder / _STAMP
        try:
            if restart and folder.is_dir():
                for path in folder.iterdir():
                    path.unlink()
            folder.mkdir(parents=True, exist_ok=True)
            if stamped.is_file():
                before = json.loads(stamped.read_text("utf-8"))
                other = [name for name in stamp if before.get(name) != stamp[name]]
                if other:
                    raise BenchmarkError(
                        f"{out} holds part of another run: its {' and '.join(other)} differ"
                        f"{'s' if len(other) == 1 else ''}, and what two runs measured is never "
                        "put together. Give another --out, or --restart to measure all anew."
                    )
            else:
                _replace(stamped, json.dumps(stamp, indent=2).encode())
        except OSError as error:
            raise _unwritable(out, error) from error
        except ValueError as error:
            raise BenchmarkError(
                f"{stamped} is damaged. Give --restart to measure all anew."
            ) from error
        return cls(folder)

    def records(self, name: str, adapter: TypeAdapter[Part], measure: Callable[[], Part]) -> Part:
        """What is kept under `name`; measured and kept where it is not, or cannot be read."""
        path = self._folder / f"{_file_name(name)}.json"
        if path.is_file():
            try:
                return adapter.validate_json(path.read_bytes())
            except ValidationError:
                path.unlink()
        found = measure()
        try:
            _replace(path, adapter.dump_json(found))
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        return found

    def rows(self, name: str, measure: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        """The same for an array, shape as `measure` gives it."""
        path = self._folder / f"{_file_name(name)}.npy"
        if path.is_file():
            try:
                kept: NDArray[np.float32] = np.load(path, allow_pickle=False)
            except (ValueError, EOFError):
                path.unlink()
            else:
                return kept
        found = measure()
        try:
            with path.with_suffix(".new").open("wb") as handle:
                np.save(handle, found, allow_pickle=False)
            path.with_suffix(".new").replace(path)
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        return found


def save(path: Path, data: bytes) -> None:
    """Write a file that is whole or not there.

    Raises:
        BenchmarkError: the disk is full or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
    except OSError as error:
        raise _unwritable(path.parent, error) from error


def _file_name(name: str) -> str:
    """A safe file name of its own for any part's name."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)
    return f"{plain[:60]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _replace(path: Path, data: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(data)
    new.replace(path)


def _unwritable(folder: Path, error: OSError) -> BenchmarkError:
    return BenchmarkError(
        f"Cannot write to {folder}: {error.strerror}. Make room or name another folder with --out; "
        "what was measured so far is kept."
    )
