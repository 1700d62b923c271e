"""Engines in processes of their own."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.vector_engines.assignment import (
    BUCKETS,
    QUESTIONS,
    THRESHOLDS,
    VECTORS,
    thresholds_of,
)
from benchmarks.vector_engines.engine import OWN, EngineSpec
from benchmarks.vector_engines.processes import measure_engine
from furniture_prompter.evaluation.record import IndexTimes

TUNING, QUERIES = 4, 6
FILTERS = (None, 100)


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400 + TUNING + QUERIES, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    vectors, questions = rows[:400], rows[400:]
    buckets = np.arange(400) * 7 % 400 * 1_000 // 400
    folder = tmp_path / "inputs"
    folder.mkdir()
    np.save(folder / VECTORS, vectors)
    np.save(folder / BUCKETS, buckets)
    np.save(folder / QUESTIONS, questions)
    np.save(folder / THRESHOLDS, thresholds_of(vectors, buckets, questions, FILTERS))
    return folder


def _measured(
    inputs: Path, name: str, *, limit_build_s: float = 60
) -> tuple[IndexTimes, ...] | str:
    return measure_engine(
        EngineSpec(name=OWN, factory=f"fake_engines:{name}"),
        inputs,
        inputs.parent / "engine",
        tuning=TUNING,
        shares=(1.0, 0.1),
        filters=FILTERS,
        grown=False,
        limit_build_s=limit_build_s,
    )


def _rows(inputs: Path, name: str) -> tuple[IndexTimes, ...]:
    found = _measured(inputs, name)
    assert not isinstance(found, str), found
    return found


def test_an_exact_engine_finds_all_at_the_least_effort_that_does(inputs: Path) -> None:
    plain, filtered = _rows(inputs, "ExactFake")
    assert plain.recall_at_10 == filtered.recall_at_10 == (1.0,) * QUERIES
    assert plain.way == filtered.way == "fake, rows 1000000"
    assert (plain.share_kept, filtered.share_kept) == (1.0, 0.1)
    assert (plain.vectors, plain.dimension, plain.queries) == (400, 16, QUERIES)
    assert len(plain.ask_ms) == QUERIES
    assert min(plain.ask_ms) > 0
    assert plain.build_s > 0
    # float32 vectors, int64 buckets and two headers of 128 bytes.
    assert plain.disk_bytes == 400 * 16 * 4 + 400 * 8 + 2 * 128


def test_an_engine_with_wrong_answers_scores_what_they_are_worth(inputs: Path) -> None:
    plain, _ = _rows(inputs, "WrongFake")
    vectors = np.load(inputs / VECTORS)
    questions = np.load(inputs / QUESTIONS)[TUNING:]
    nearest = np.argsort(-(questions @ vectors.T), axis=1)[:, :10]
    by_hand = [len(set(row.tolist()) & set(range(10))) / 10 for row in nearest]
    assert list(plain.recall_at_10) == by_hand
    assert np.mean(by_hand) < 0.3


def test_an_engine_that_does_not_heed_the_filter_is_found_out(inputs: Path) -> None:
    plain, filtered = _rows(inputs, "DeafFake")
    assert np.mean(plain.recall_at_10) == 1.0
    assert np.mean(filtered.recall_at_10) < 0.4


def test_memory_is_what_the_engine_holds_once_it_is_loaded(inputs: Path) -> None:
    hungry, _ = _rows(inputs, "HungryFake")
    plain, _ = _rows(inputs, "ExactFake")
    assert 190e6 < hungry.memory_bytes < 230e6
    assert plain.memory_bytes < 30e6


def test_an_engine_that_raises_is_set_aside_with_its_reason(inputs: Path) -> None:
    found = _measured(inputs, "RaisingFake")
    assert found == (
        "furniture-prompter was set aside at 400 vectors: to build failed "
        "(RuntimeError: the index took offence)."
    )


def test_an_engine_that_is_killed_is_set_aside_with_the_signal(inputs: Path) -> None:
    found = _measured(inputs, "CrashingFake")
    assert found == (
        "furniture-prompter was set aside at 400 vectors: to ask ended by SIGKILL; there may be "
        "too little memory."
    )


def test_an_engine_that_never_ends_is_set_aside(inputs: Path) -> None:
    found = _measured(inputs, "EndlessFake", limit_build_s=2)
    assert found == (
        "furniture-prompter was set aside at 400 vectors: to build took more than 2 s."
    )


def test_nothing_stays_on_disk(inputs: Path) -> None:
    _measured(inputs, "ExactFake")
    _measured(inputs, "RaisingFake")
    assert not (inputs.parent / "engine" / "store").exists()
