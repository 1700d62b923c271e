"""Partial results that a stopped run goes on from, and filed results that never change."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from furniture_prompter.atomic_files import replace_bytes, replacing
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.record import Run, read_run, run_as_json

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
                replace_bytes(stamped, json.dumps(stamp, indent=2).encode())
        except OSError as error:
            raise _unwritable(out, error) from error
        except ValueError as error:
            raise BenchmarkError(
                f"{stamped} is damaged. Give --restart to measure all anew."
            ) from error
        return cls(folder)

    def records(self, name: str, adapter: TypeAdapter[Part], measure: Callable[[], Part]) -> Part:
        """What is kept under `name`; measured and kept where it is not, or cannot be read.

        Raises:
            BenchmarkError: the folder cannot be written.
        """
        path = self._folder / f"{_file_name(name)}.json"
        if path.is_file():
            try:
                return adapter.validate_json(path.read_bytes())
            except ValidationError:
                path.unlink()
        found = measure()
        try:
            replace_bytes(path, adapter.dump_json(found))
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        return found

    def rows(self, name: str, measure: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        """The same for an array, shape as `measure` gives it.

        Raises:
            BenchmarkError: the folder cannot be written.
        """
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
            with replacing(path) as file:
                np.save(file, found, allow_pickle=False)
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
        replace_bytes(path, data)
    except OSError as error:
        raise _unwritable(path.parent, error) from error


def _file_name(name: str) -> str:
    """A safe file name of its own for any part's name."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)
    return f"{plain[:60]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _unwritable(folder: Path, error: OSError) -> BenchmarkError:
    return BenchmarkError(
        f"Cannot write to {folder}: {error.strerror}. Make room or name another folder with --out; "
        "what was measured so far is kept."
    )


_HASH_DIGITS = 12


def file_run(run: Run, folder: Path) -> tuple[Path, ...]:
    """File each encoder of a run as ``SUITE/ENCODER-HASH.json``.

    A file holds one encoder's rows; the first one's holds the indexes too, which belong to its
    vectors, and every file the reference recipe's times, which a ratio needs from the same run.

    Args:
        run: What was measured.
        folder: Where suites have their folders.

    Raises:
        BenchmarkError: a file of that name holds another result, or cannot be written.
    """
    searched = [each for each in run.encoders if each.searches]
    paths = []
    for place, facts in enumerate(searched):
        path = _place(folder, run.suite, facts.key, facts.weights_sha256)
        part = of_encoder(run, facts.key)
        if place:
            part = replace(part, indexes=())
        _refuse_change(path, part)
        paths.append((path, part))
    for path, part in paths:
        save(path, run_as_json(part))
    return tuple(path for path, _ in paths)


def refuse_filed(folder: Path, suite: str, encoders: Iterable[tuple[str, str]]) -> None:
    """Refuse what :func:`file_run` would refuse, before an hour is spent on measuring it.

    Args:
        folder: Where suites have their folders.
        suite: The suite's name.
        encoders: Key and weights' sha256 of each encoder.

    Raises:
        BenchmarkError: a result of the suite and one of the encoders is filed there.
    """
    for key, weights_sha256 in encoders:
        path = _place(folder, suite, key, weights_sha256)
        if path.is_file():
            raise _changed(path)


def of_encoder(run: Run, key: str) -> Run:
    """A run reduced to one encoder and the reference recipe."""
    recipe = {each.key for each in run.encoders if not each.searches}
    kept = {key, *recipe}
    return replace(
        run,
        encoders=tuple(each for each in run.encoders if each.key in kept),
        latency=tuple(each for each in run.latency if each.encoder in kept),
        answers=tuple(each for each in run.answers if each.encoder == key),
        memory=tuple(each for each in run.memory if each.encoder == key),
        end_to_end=tuple(each for each in run.end_to_end if each.encoder == key),
    )


def read_filed(folder: Path) -> list[Run]:
    """Filed results of one suite's folder, by name.

    Raises:
        BenchmarkError: one cannot be read, or they are of different machines or data, whose
            figures must not stand in one table.
    """
    runs = [read_run(path) for path in sorted(folder.glob("*.json"))]
    _refuse_mixed({run.machine.fingerprint for run in runs}, folder, "machines")
    _refuse_mixed({run.data.fingerprint for run in runs}, folder, "data sets")
    return runs


def merged(runs: Sequence[Run]) -> Run:
    """Filed results of one run as one again, encoders in the order of the files.

    Raises:
        BenchmarkError: none is given.
        ValueError: they are of several runs, whose times must not be compared.
    """
    if not runs:
        raise BenchmarkError("There is nothing filed to show.")
    if len({(run.created, run.suite_sha256) for run in runs}) > 1:
        raise ValueError("the results are of several runs.")
    encoders = {each.key: each for run in runs for each in run.encoders}
    latency = {each.encoder: each for run in runs for each in run.latency}
    recipes = [key for key, each in encoders.items() if not each.searches]
    order = [*recipes, *(key for key in encoders if key not in recipes)]
    return replace(
        runs[0],
        encoders=tuple(encoders[key] for key in order),
        latency=tuple(latency[key] for key in order if key in latency),
        answers=tuple(each for run in runs for each in run.answers),
        memory=tuple(each for run in runs for each in run.memory),
        indexes=tuple(each for run in runs for each in run.indexes),
        end_to_end=tuple(each for run in runs for each in run.end_to_end),
    )


def _refuse_mixed(prints: Iterable[str], folder: Path, what: str) -> None:
    if len(set(prints)) > 1:
        raise BenchmarkError(
            f"{folder} holds results of different {what}. File them under suites of other names."
        )


def _refuse_change(path: Path, part: Run) -> None:
    if path.is_file() and read_run(path) != part:
        raise _changed(path)


def _changed(path: Path) -> BenchmarkError:
    return BenchmarkError(
        f"{path} holds another result of this suite and encoder, and a filed result is never "
        "changed. Give the suite another name, or delete the file."
    )


def _place(folder: Path, suite: str, key: str, weights_sha256: str) -> Path:
    return folder / suite / f"{_plain(key)}-{weights_sha256[:_HASH_DIGITS]}.json"


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-") or "encoder"
