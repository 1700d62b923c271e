"""The mutation figure: a sample that is the same each time, and no outcome counted for another."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.mutation_score import (
    AT_IMPORT,
    EVERYWHERE,
    MOST_TESTS_S,
    ROOMS,
    Mutant,
    annotation_spans,
    chosen_tests,
    interval,
    noticing,
    outcome_of,
    rows_of,
    sampled,
    settled,
    timed,
)
from benchmarks.warm_pytest import WarmPytest


def some(room: str, count: int) -> list[Mutant]:
    module = f"src/furniture_prompter/{room}/a.py"
    return [Mutant(module, "core/NumberReplacer", number, 7) for number in range(count)]


MUTANTS = [*some("domain", 50), *some("search", 250), *some("catalog", 701)]


def test_a_sample_holds_each_rooms_share_and_is_the_same_each_time() -> None:
    chosen = sampled(MUTANTS, 100)
    assert chosen == sampled(list(reversed(MUTANTS)), 100)
    assert len(set(chosen)) == 100
    rooms = [each.room for each in chosen]
    assert [rooms.count(room) for room in ROOMS] == [5, 25, 70, 0, 0]
    assert len(sampled(MUTANTS, 5_000)) == len(MUTANTS)


def test_a_share_counts_what_no_test_reaches_as_missed() -> None:
    one, two, three, four = some("domain", 4)
    outcomes = {one: "noticed", two: "too slow", three: "missed", four: "not reached"}
    first, *_, whole = rows_of(MUTANTS, outcomes)
    assert (first["mutants"], first["sampled"], first["noticed"], first["share"]) == (50, 4, 2, 0.5)
    assert (whole["mutants"], whole["noticed"], whole["missed"]) == (1_001, 2, 1)
    assert whole["low"] < 0.5 < whole["high"]


@pytest.mark.parametrize(
    ("noticed", "count", "low", "high"),
    [(0, 0, 0.0, 1.0), (340, 400, 0.8118, 0.8818), (10, 10, 0.7225, 1.0)],
)
def test_the_interval_is_wilsons(noticed: int, count: int, low: float, high: float) -> None:
    assert interval(noticed, count) == pytest.approx((low, high), abs=2e-4)


def test_annotations_are_no_code() -> None:
    spans = annotation_spans("def f(a: int | None) -> int | str:\n    b: int | None = a\n")
    assert sorted(spans) == [((1, 9), (1, 19)), ((1, 24), (1, 33)), ((2, 7), (2, 17))]


def test_a_line_that_runs_at_import_is_every_test_of_its_modules() -> None:
    source = "LIMIT = 3\n\ndef f(a=LIMIT):\n    return a\n\ndef g():\n    return 2\n"
    module = "src/furniture_prompter/domain/a.py"
    reached = {(module, 4): {"one"}, (module, 7): {"two"}, ("other.py", 4): {"three"}}

    def found(line: int) -> set[str]:
        return noticing(Mutant(module, "core/NumberReplacer", 0, line), reached, source)

    assert [found(line) for line in (1, 3, 4, 7)] == [{"one", "two"}] * 2 + [{"one"}, {"two"}]
    del reached[(module, 7)]
    assert found(7) == set()
    # What another module calls while it is imported runs then, though it stands in a function.
    reached[(module, 7)] = {AT_IMPORT}
    assert found(7) == {"one"}


def test_what_runs_at_import_is_also_that_of_tests_which_read_all_modules() -> None:
    source = "LIMIT = 3\n\ndef f():\n    return LIMIT\n"
    module = "src/furniture_prompter/domain/a.py"
    reached = {(module, 4): {"one"}}
    everywhere = {f"{EVERYWHERE}::test_of_all"}
    constant, inside = (Mutant(module, "core/NumberReplacer", 0, line) for line in (1, 4))
    assert noticing(constant, reached, source, everywhere) == {"one", *everywhere}
    assert noticing(inside, reached, source, everywhere) == {"one"}
    order, _ = chosen_tests(constant, {"tests/unit/feeds/a.py::b", *everywhere}, {})
    assert order[0] in everywhere


def test_a_run_without_a_test_says_nothing_of_a_mutant() -> None:
    assert outcome_of(0, "") == "missed"
    assert {outcome_of(code, "") for code in (1, 2, 3, 4)} == {"noticed"}
    with pytest.raises(RuntimeError, match="ran none of the tests"):
        outcome_of(5, "no tests ran")


def test_a_mutant_meets_its_rooms_tests_first_then_quick_ones_as_far_as_there_is_time() -> None:
    (mutant,) = some("search", 1)
    seconds = {
        "tests/integration/a.py::quick": 0.1,
        "tests/unit/feeds/a.py::quick": 0.1,
        "tests/unit/search/a.py::slow": 3.0,
        "tests/unit/search/a.py::quick": 0.2,
        "tests/integration/a.py::endless": MOST_TESTS_S,
    }
    chosen, total_s = chosen_tests(mutant, seconds, seconds)
    assert chosen == [
        "tests/unit/search/a.py::quick",
        "tests/unit/search/a.py::slow",
        "tests/unit/feeds/a.py::quick",
        "tests/integration/a.py::quick",
    ]
    assert total_s == pytest.approx(3.4)
    endless = ["tests/integration/a.py::endless"]
    assert chosen_tests(mutant, endless, seconds) == (endless, MOST_TESTS_S)


def test_a_test_that_fails_in_any_phase_or_with_any_parameter_is_told() -> None:
    noted = [
        ("one", 1.0, True),
        ("two[a]", 0.5, True),
        ("two[b]", 0.25, False),
        ("two[b]", 1, True),
    ]
    assert timed(map(json.dumps, noted)) == ({"one": 1.0, "two": 1.75}, {"two"})


def test_a_test_that_fails_by_itself_is_no_judge() -> None:
    runs: list[tuple[str, ...]] = []

    def run(tests: Sequence[str]) -> tuple[str, str]:
        runs.append(tuple(tests))
        return "noticed", f"1 failed\nFAILED {tests[0]}[a] - AssertionError"

    names = ["a.py::alone", "a.py::honest", "a.py::other"]
    assert settled(run, lambda name: name != "a.py::alone", names) == "noticed"
    assert runs == [tuple(names), tuple(names[1:])]
    assert settled(run, lambda _: False, names) == "missed"

    def broken(_: Sequence[str]) -> tuple[str, str]:
        return "noticed", "ERROR a.py - ImportError"

    assert settled(broken, lambda name: name == names[0], names) == "noticed"
    # Where nothing runs, nothing was noticed.
    assert settled(broken, lambda _: False, names) == "missed"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project whose only test fails where its package says 2, and never ends where it says 3."""
    (tmp_path / "src").mkdir()
    # As strict as ours: a plugin of pytest's that is imported before it is an error.
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\naddopts = ["--strict-config"]\nfilterwarnings = ["error"]\n'
    )
    (tmp_path / "benchmarks").symlink_to(Path(__file__).parents[3] / "benchmarks")
    (tmp_path / "test_it.py").write_text(
        "import package, time\n"
        "def test_it():\n"
        "    while package.NUMBER == 3:\n"
        "        time.sleep(0.1)\n"
        "    assert package.NUMBER == 1\n"
    )
    return tmp_path


@pytest.fixture
def warm(tree: Path) -> Iterator[WarmPytest]:
    warm = WarmPytest(tree)
    yield warm
    warm.close()


def test_each_run_sees_the_files_as_they_are_and_ends_with_its_time(
    tree: Path, warm: WarmPytest
) -> None:
    def run(number: int, limit_s: float) -> tuple[int | None, str]:
        (tree / "src" / "package.py").write_text(f"NUMBER = {number}\n")
        return warm.run(["-x", "-q", "-p", "no:cacheprovider", "test_it.py"], limit_s)

    assert run(1, 60)[0] == 0
    status, said = run(2, 60)
    assert status == 1
    assert "FAILED test_it.py::test_it" in said
    assert run(3, 3)[0] is None
    assert run(1, 60)[0] == 0
