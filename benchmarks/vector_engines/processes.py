"""One engine measured in processes of its own, and set aside when it fails."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.provenance import ROOT
from benchmarks.vector_engines.assignment import (
    ASKED,
    ASSIGNMENT,
    BUILT,
    VECTORS,
    Assignment,
)
from benchmarks.vector_engines.engine import EngineSpec
from furniture_prompter.evaluation.record import IndexTimes

LIMIT_BUILD_S = 3_600.0
LIMIT_ASK_S = 3_600.0
_LIMIT_REASON = 200

_PROGRAM = "benchmarks.vector_engines.process"


class _FailedError(Exception):
    """A process of an engine did not end well; the reason in words."""


def measure_engine(
    spec: EngineSpec,
    inputs: Path,
    work: Path,
    *,
    tuning: int,
    shares: tuple[float, ...],
    filters: tuple[int | None, ...],
    grown: bool,
    limit_build_s: float = LIMIT_BUILD_S,
    limit_ask_s: float = LIMIT_ASK_S,
) -> tuple[IndexTimes, ...] | str:
    """Build, load and ask one engine.

    Args:
        spec: The engine.
        inputs: See :class:`Assignment`.
        work: Folder for what it stores, emptied again.
        tuning: Questions at the head of the inputs that efforts are chosen by.
        shares: Share that each filter keeps.
        filters: Their bounds; see :class:`Assignment`.
        grown: Whether the vectors were made from the catalog's.
        limit_build_s: It is set aside when it builds longer than this.
        limit_ask_s: It is set aside when it is asked longer than this.

    Returns:
        A row for each way and filter; or a sentence that says why there is none.
    """
    count, dimension = np.load(inputs / VECTORS, mmap_mode="r").shape
    label = " ".join(part for part in (spec.engine, spec.argument) if part)
    store = work / "store"
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir(parents=True)
    assignment = Assignment(
        factory=spec.factory,
        argument=spec.argument,
        inputs=inputs,
        store=store,
        tuning=tuning,
        filters=filters,
    )
    told, answer = work / "assignment.json", work / "asked.json"
    told.write_bytes(ASSIGNMENT.dump_json(assignment))
    try:
        built = BUILT.validate_json(_run("build", told, answer, limit_build_s))
        disk_bytes = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
        asked = ASKED.validate_json(_run("ask", told, answer, limit_ask_s))
    except _FailedError as error:
        return f"{label} was set aside at {count:,} vectors: {error}"
    finally:
        shutil.rmtree(store, ignore_errors=True)
    return tuple(
        IndexTimes(
            engine=spec.engine,
            way=f"{each.way}, {asked.effort_name} {each.effort}" if asked.effort_name else each.way,
            vectors=count,
            dimension=dimension,
            grown=grown,
            share_kept=shares[each.filter],
            queries=len(each.ask_ms),
            recall_at_10=each.recall_at_10,
            ask_ms=each.ask_ms,
            build_s=built.build_s,
            disk_bytes=disk_bytes,
            memory_bytes=asked.memory_bytes,
            note=spec.note,
        )
        for each in asked.found
    )


def _run(step: str, told: Path, answer: Path, limit_s: float) -> bytes:
    """What a process of the engine answers."""
    answer.unlink(missing_ok=True)
    command = [sys.executable, "-m", _PROGRAM, step, str(told), str(answer)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
            cwd=ROOT,
        )
    except subprocess.TimeoutExpired as error:
        raise _FailedError(f"to {step} took more than {limit_s:,.0f} s.") from error
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise _FailedError(f"to {step} ended by {name}; there may be too little memory.")
    if done.returncode or not answer.is_file():
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        # The folder is a temporary one and says nothing.
        reason = lines[-1].replace(f"{told.parent}/", "").rstrip(".")
        raise _FailedError(f"to {step} failed ({reason[:_LIMIT_REASON]}).")
    return answer.read_bytes()
