"""Results filed one encoder a file, never changed afterwards."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.kept_parts import save
from furniture_prompter.evaluation.record import Run, read_run, run_as_json

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
