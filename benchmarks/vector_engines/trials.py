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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.vector_engines.assignment import (
    BUCKETS,
    QUESTIONS,
    THRESHOLDS,
    VECTORS,
    thresholds_of,
)
from benchmarks.vector_engines.engine import OWN_ENGINES, PEERS, EngineSpec
from benchmarks.vector_engines.grown_vectors import grown
from benchmarks.vector_engines.processes import measure_engine
from furniture_prompter.domain import IndexProgress
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.record import IndexTimes

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
