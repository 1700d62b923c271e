"""How fast and how well the nearest vectors are found: this project's ways, and other engines.

Some of the catalog's vectors, drawn at random, are held out: half of them choose each way's effort,
the others are the queries. The rest is indexed, rounded to float16 as a catalog stores it, at its
own size and grown to larger ones. Every way is given the least effort that reaches a recall@10 of
0.99 on the first half, or else the one that finds most, and is then timed on the second, one query
at a time. Recall is against an exact scan of the rows that the filter keeps.

Every vector has one of 1,000 buckets, drawn at random and equally often; a filter that keeps a
share asks for the buckets below a bound, and keeps one row at least.
"""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.provenance import ROOT
from benchmarks.vector_engines.assignment import (
    ASKED,
    ASSIGNMENT,
    BUCKETS,
    BUILT,
    QUESTIONS,
    THRESHOLDS,
    VECTORS,
    Assignment,
    thresholds_of,
)
from benchmarks.vector_engines.engine import OWN_ENGINES, PEERS, EngineSpec
from benchmarks.vector_engines.grown_vectors import grown
from furniture_prompter.domain import IndexProgress
from furniture_prompter.errors import BenchmarkError
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


Vectors = NDArray[np.float32]
OnProgress = Callable[[IndexProgress], None]

BUCKET_COUNT = 1_000
TUNING_QUESTIONS = 50
LEAST_VECTORS = 12
# At most this part of a small catalog is held out, half for choosing and half for asking.
_HELD_OUT_PART = 4
_BLOCK_ROWS = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSettings:
    """Which indexes are compared.

    Attributes:
        sizes: Numbers of vectors beside the catalog's own.
        queries: For each.
        shares_kept: Shares of the vectors that a filter lets through, above 0 and at most 1.
        peers: Whether other engines are measured too.
    """

    sizes: tuple[int, ...] = ()
    queries: int = 100
    shares_kept: tuple[float, ...] = (1.0,)
    peers: bool = False


def measure_indexes(
    vectors: Vectors,
    settings: TrialSettings,
    work: Path,
    *,
    on_progress: OnProgress,
    seed: int = 0,
    engines: Sequence[EngineSpec] | None = None,
) -> tuple[tuple[IndexTimes, ...], tuple[str, ...]]:
    """Measure every way at every size.

    Args:
        vectors: The catalog's, unit rows, shape (n, d).
        settings: Sizes, queries, filters and whether other engines take part.
        work: Folder for what is built; it needs about four times the bytes of the largest set of
            vectors in float32, and is left as it was.
        on_progress: Told often where it stands.
        seed: Of the draws.
        engines: What is measured; None takes this project's, and the others by the settings.

    Returns:
        A row for each way, size and filter; and a sentence for each engine that was left out.

    Raises:
        BenchmarkError: fewer than LEAST_VECTORS vectors.
    """
    if len(vectors) < LEAST_VECTORS:
        raise BenchmarkError(
            f"{len(vectors)} vectors are too few to measure indexes on; {LEAST_VECTORS} are the "
            "least, thousands are better."
        )
    chosen = engines if engines is not None else OWN_ENGINES + (PEERS if settings.peers else ())
    present, flags = _present(chosen)
    order = np.random.default_rng(seed).permutation(len(vectors))
    tuning = min(TUNING_QUESTIONS, max(1, len(vectors) // _HELD_OUT_PART // 2))
    queries = min(settings.queries, max(1, len(vectors) // _HELD_OUT_PART - tuning))
    questions = vectors[order[: tuning + queries]]
    rest = vectors[np.sort(order[tuning + queries :])]
    sizes = sorted({len(rest), *settings.sizes})
    filters = tuple(bound_of(share) for share in settings.shares_kept)
    rows: list[IndexTimes] = []
    done, total = 0, len(sizes) * len(present)
    for size in sizes:
        inputs = work / "inputs"
        _write_inputs(rest, size, questions, filters, inputs, seed)
        for spec in present:
            on_progress(IndexProgress(f"indexes over {size:,} vectors", done, total, "indexes"))
            done += 1
            if spec.limit_vectors is not None and size > spec.limit_vectors:
                flags.append(
                    f"{_label(spec)} was left out at {size:,} vectors: it is measured up to "
                    f"{spec.limit_vectors:,}."
                )
                continue
            found = measure_engine(
                spec,
                inputs,
                work / "engine",
                tuning=tuning,
                shares=settings.shares_kept,
                filters=filters,
                grown=size > len(rest),
            )
            if isinstance(found, str):
                flags.append(found)
            else:
                rows += found
        shutil.rmtree(inputs)
    shutil.rmtree(work / "engine", ignore_errors=True)
    on_progress(IndexProgress("indexes", total, total, "indexes"))
    return tuple(rows), tuple(flags)


def _present(engines: Sequence[EngineSpec]) -> tuple[list[EngineSpec], list[str]]:
    """Engines that are installed; and a sentence for those that are not."""
    missing = {name: None for spec in engines for name in spec.missing}
    if not missing:
        return list(engines), []
    sentence = (
        f"Not installed, and so left out: {', '.join(missing)}. Run: pip install -e '.[peers]'"
    )
    return [spec for spec in engines if not spec.missing], [sentence]


def _label(spec: EngineSpec) -> str:
    return " ".join(part for part in (spec.engine, spec.argument) if part)


def _write_inputs(
    rest: Vectors,
    size: int,
    questions: Vectors,
    filters: Sequence[int | None],
    folder: Path,
    seed: int,
) -> None:
    """Write what engines read; see :class:`Assignment`."""
    folder.mkdir(parents=True)
    vectors = np.lib.format.open_memmap(
        folder / VECTORS, mode="w+", dtype=np.float32, shape=(size, rest.shape[1])
    )
    grown(rest, size, seed, out=vectors)
    for start in range(0, size, _BLOCK_ROWS):
        block = vectors[start : start + _BLOCK_ROWS]
        block[:] = block.astype(np.float16)
    vectors.flush()
    buckets = buckets_of(size, seed)
    np.save(folder / BUCKETS, buckets)
    np.save(folder / QUESTIONS, questions)
    np.save(folder / THRESHOLDS, thresholds_of(vectors, buckets, questions, filters))


def buckets_of(count: int, seed: int) -> NDArray[np.int64]:
    """A bucket from 0 to 999 for each of `count` vectors, drawn at random, equally often.

    One of them has bucket 0, however few there are.
    """
    order = np.random.default_rng(seed).permutation(count)
    buckets: NDArray[np.int64] = order * BUCKET_COUNT // count
    return buckets


def bound_of(share: float) -> int | None:
    """The bound below which buckets hold a share of the vectors; None for all of them."""
    return None if share >= 1 else max(1, round(share * BUCKET_COUNT))
