from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.vector_engines.assignment import (
    BUCKETS,
    QUESTIONS,
    THRESHOLDS,
    VECTORS,
    thresholds_of,
)
from benchmarks.vector_engines.engine import OWN, OWN_ENGINES, EngineSpec
from benchmarks.vector_engines.trials import (
    TrialSettings,
    bound_of,
    buckets_of,
    measure_engine,
    measure_indexes,
)
from furniture_prompter.domain import IndexProgress
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.record import IndexTimes

FAKE = EngineSpec(name=OWN, factory="fake_engines:ExactFake")


@pytest.fixture(autouse=True)
def _fakes_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def _vectors(count: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(0).normal(size=(count, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def _quiet(progress: IndexProgress) -> None:
    assert progress.done <= (progress.total or 0)


def test_every_size_and_filter_has_a_row_and_the_folder_is_left_empty(tmp_path: Path) -> None:
    told: list[IndexProgress] = []
    settings = TrialSettings(sizes=(800,), queries=20, shares_kept=(1.0, 0.1))
    rows, flags = measure_indexes(
        _vectors(400), settings, tmp_path, on_progress=told.append, engines=[FAKE]
    )
    # A quarter is held out at most: 50 to choose the effort, 20 to ask.
    found = [(row.vectors, row.grown, row.share_kept, row.queries) for row in rows]
    assert found == [
        (330, False, 1.0, 20),
        (330, False, 0.1, 20),
        (800, True, 1.0, 20),
        (800, True, 0.1, 20),
    ]
    assert all(row.recall_at_10 == (1.0,) * 20 for row in rows)
    assert flags == ()
    assert list(tmp_path.iterdir()) == []
    assert [each.done for each in told] == [0, 1, 2]


def test_the_exact_way_finds_all(tmp_path: Path) -> None:
    settings = TrialSettings(queries=20, shares_kept=(1.0, 0.1))
    rows, flags = measure_indexes(
        _vectors(600), settings, tmp_path, on_progress=_quiet, engines=OWN_ENGINES[:1]
    )
    assert flags == ()
    assert [row.engine for row in rows] == [OWN, OWN]
    assert {row.way for row in rows} == {"exact, float32 in memory"}
    assert all(row.recall_at_10 == (1.0,) * 20 for row in rows)


def test_an_engine_that_crashes_leaves_a_sentence_and_the_others_go_on(tmp_path: Path) -> None:
    engines = [EngineSpec(name=OWN, factory="fake_engines:CrashingFake"), FAKE]
    rows, (flag,) = measure_indexes(
        _vectors(200), TrialSettings(queries=5), tmp_path, on_progress=_quiet, engines=engines
    )
    assert len(rows) == 1
    assert "ended by SIGKILL" in flag


def test_an_engine_that_is_not_installed_is_named_with_the_line_that_installs_it(
    tmp_path: Path,
) -> None:
    absent = EngineSpec(name="x", factory="x:X", needs=(("no_such_module", "no-such-thing"),))
    rows, flags = measure_indexes(
        _vectors(200),
        TrialSettings(queries=5),
        tmp_path,
        on_progress=_quiet,
        engines=[absent, FAKE],
    )
    assert len(rows) == 1
    (flag,) = flags
    assert flag == ("Not installed, and so left out: no-such-thing. Run: pip install -e '.[peers]'")


def test_a_slow_engine_is_left_out_above_its_limit_and_that_is_said(tmp_path: Path) -> None:
    slow = EngineSpec(name=OWN, factory="fake_engines:ExactFake", limit_vectors=500)
    rows, flags = measure_indexes(
        _vectors(400),
        TrialSettings(sizes=(600,), queries=5),
        tmp_path,
        on_progress=_quiet,
        engines=[slow],
    )
    assert [row.vectors for row in rows] == [345]
    assert flags == ("furniture-prompter was left out at 600 vectors: it is measured up to 500.",)


def test_a_filter_over_few_vectors_keeps_one_of_them(tmp_path: Path) -> None:
    rows, flags = measure_indexes(
        _vectors(100),
        TrialSettings(queries=5, shares_kept=(1.0, 0.001)),
        tmp_path,
        on_progress=_quiet,
        engines=[FAKE],
    )
    assert flags == ()
    assert [row.share_kept for row in rows] == [1.0, 0.001]
    assert rows[1].recall_at_10 == (1.0,) * 5
    assert (buckets_of(83, seed=0) < 1).sum() == 1


def test_too_few_vectors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="11 vectors are too few"):
        measure_indexes(_vectors(11), TrialSettings(), tmp_path, on_progress=_quiet)


def test_buckets_are_equally_often_and_a_bound_keeps_its_share() -> None:
    buckets = buckets_of(5_000, seed=0)
    assert (np.bincount(buckets, minlength=1_000) == 5).all()
    for share in (0.5, 0.01, 0.001):
        bound = bound_of(share)
        assert bound is not None
        assert (buckets < bound).mean() == share
    assert bound_of(1.0) is None


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
