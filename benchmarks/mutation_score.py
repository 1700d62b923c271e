"""How many small changes of the code do the tests notice? ``python -m benchmarks.mutation_score``.

Needs the extra ``mutants``. Cosmic Ray's operators make the mutants; a sample drawn by a fixed
seed, in each room as large as its share, is run: each mutant against the tests that reach its line,
nearest and quickest first, and no others. What is done is kept under ``build/mutants`` and not done
again for the same sources.
"""

import argparse
import ast
import hashlib
import importlib
import importlib.util
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.provenance import ROOT, DataSet, add_output_option, write_result
from benchmarks.warm_pytest import NOT_STARTED, WarmPytest

ROOMS = ("domain", "search", "catalog", "ingest", "feeds")
PACKAGE = Path("src", "furniture_prompter")
WORK = ROOT / "build" / "mutants"
COPIED = ("src", "tests", "tools", "benchmarks", "docs", "deploy", "pyproject.toml", "README.md")
EVERYWHERE = "tests/architecture/test_dataclasses.py"
"""Reads all modules, without running a line of them."""
AT_IMPORT = ""
"""Stands for a test where a line runs while modules are imported, in a function or not."""
DURATIONS = "FURNITURE_PROMPTER_TEST_DURATIONS"

LEAST_LIMIT_S = 60.0
LIMIT_FACTOR = 4.0
"""A mutant that takes longer than this times its tests' own time, and the least, is noticed."""
MOST_TESTS_S = 60.0
"""Tests of a mutant beyond this much time of their own are left out."""

_FAILED = re.compile(r"^(?:FAILED|ERROR) ([^\s\[]+)", re.MULTILINE)

METHOD = f"""
Mutants are Cosmic Ray's, but for those inside annotations, which nobody runs. Each is run against
the tests that reach its line (its module, if the line runs at import, and those that read all
classes), those of its own room first, then other unit tests, the quick ones first, up to
{MOST_TESTS_S:.0f} seconds of tests, until one fails; left out are tests marked slow. Noticed is one
that a test fails on that passes by itself without the mutant, that cannot be imported, or that
takes {LIMIT_FACTOR:.0f} times as long as its tests, and {LEAST_LIMIT_S:.0f} seconds more. One that
no test reaches is missed. Equivalent mutants, which no test could notice, are not taken out: the
true share is higher. The interval is Wilson's of 95% for the sample.
"""


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """One change: the ``occurrence``-th place where ``operator`` applies in ``module``."""

    module: str
    operator: str
    occurrence: int
    line: int

    @property
    def room(self) -> str:
        """The room that the module lies in."""
        return Path(self.module).parts[len(PACKAGE.parts)].removesuffix(".py")


def pytest_runtest_logreport(report: Any) -> None:
    """As a plugin of pytest: note how long each test took, and whether it passed."""
    target = os.environ.get(DURATIONS)
    if target:
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(json.dumps([report.nodeid, report.duration, not report.failed]) + "\n")


def mutants_of(path: Path, module: str) -> Iterator[Mutant]:
    """All mutants of one file."""
    plugins, trees = map(importlib.import_module, ("cosmic_ray.plugins", "cosmic_ray.ast"))
    source = path.read_text("utf-8")
    annotated = annotation_spans(source)
    tree = trees.get_ast(source)
    for name in sorted(plugins.operator_names()):
        if plugins.get_operator(name).arguments():
            continue  # changes only what its arguments name
        operator = plugins.get_operator(name)()
        places = (start for node in _nodes(tree) for start, _ in operator.mutation_positions(node))
        for occurrence, start in enumerate(places):
            if not any(first <= start < last for first, last in annotated):
                yield Mutant(module, name, occurrence, start[0])


def _nodes(node: Any) -> Iterator[Any]:
    # In Cosmic Ray's own order, by which it counts occurrences.
    yield node
    for child in getattr(node, "children", ()):
        yield from _nodes(child)


def annotation_spans(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where annotations begin and end, as (line, column)."""
    found: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(node.returns)
        elif isinstance(node, ast.arg | ast.AnnAssign):
            found.append(node.annotation)
    return [
        ((each.lineno, each.col_offset), (each.end_lineno or 0, each.end_col_offset or 0))
        for each in found
        if each is not None
    ]


def inside_functions(source: str) -> set[int]:
    """Lines of functions' bodies; all others run when the module is imported."""
    return {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for line in range(node.body[0].lineno, (node.end_lineno or 0) + 1)
    }


def noticing(
    mutant: Mutant,
    reached: Mapping[tuple[str, int], set[str]],
    source: str,
    everywhere: Iterable[str] = (),
) -> set[str]:
    """Tests that reach the mutant's line; where it runs at import, its module, or read them all."""
    found = reached.get((mutant.module, mutant.line), set())
    if mutant.line in inside_functions(source) and AT_IMPORT not in found:
        return found
    lines = (tests for (module, _), tests in reached.items() if module == mutant.module)
    return set().union(everywhere, *lines) - {AT_IMPORT}


def sampled(mutants: Sequence[Mutant], count: int, seed: int = 17) -> list[Mutant]:
    """``count`` mutants, of each room its share, the same each time."""
    rooms = {room: sorted(each for each in mutants if each.room == room) for room in ROOMS}
    count = min(count, len(mutants))
    exact = {room: count * len(each) / max(1, len(mutants)) for room, each in rooms.items()}
    shares = {room: int(share) for room, share in exact.items()}
    left = count - sum(shares.values())
    for room in sorted(ROOMS, key=lambda room: shares[room] - exact[room])[:left]:
        shares[room] += 1
    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    return [one for room in ROOMS for one in draw.sample(rooms[room], shares[room])]


def interval(noticed: int, count: int) -> tuple[float, float]:
    """Wilson's interval of 95% for a share (Wilson, JASA 1927)."""
    if not count:
        return 0.0, 1.0
    z, share = 1.959964, noticed / count
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    whole = 1 + z * z / count
    return (middle - half) / whole, (middle + half) / whole


def rows_of(mutants: Iterable[Mutant], outcomes: Mapping[Mutant, str]) -> list[dict[str, Any]]:
    """A row for each room, and one for all."""
    there = Counter(each.room for each in mutants)
    rows = []
    for room in (*ROOMS, "all"):
        found = Counter(outcome for each, outcome in outcomes.items() if room in {each.room, "all"})
        count = found.total()
        noticed = count - found["missed"] - found["not reached"]
        low, high = interval(noticed, count)
        rows.append(
            {
                "room": room,
                "mutants": there.total() if room == "all" else there[room],
                "sampled": count,
                "noticed": noticed,
                "of them too slow": found["too slow"],
                "missed": found["missed"],
                "not reached": found["not reached"],
                "share": round(noticed / count, 3) if count else None,
                "low": round(low, 3),
                "high": round(high, 3),
            }
        )
    return rows


def prepare(
    tests: Sequence[str], state: str
) -> tuple[dict[tuple[str, int], set[str]], Mapping[str, float]]:
    """Tests, and `AT_IMPORT`, by line, and seconds by test; measured once for each state.

    A test that fails without any mutant is left out, and said.

    Raises:
        RuntimeError: pytest did not come to its end.
    """
    folder = WORK / state
    data, durations = folder / "coverage", folder / "durations.jsonl"
    if not (folder / "measured").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow"]
        command += ["-p", "benchmarks.mutation_score", "--cov-context=test", "--cov-report="]
        command += [f"--cov=furniture_prompter.{room}" for room in ROOMS]
        environment = {**os.environ, "COVERAGE_FILE": str(data), DURATIONS: str(durations)}
        done = subprocess.run([*command, *tests], cwd=ROOT, env=environment, check=False)
        if done.returncode not in {0, 1}:
            raise RuntimeError(f"pytest ended with {done.returncode} while coverage was measured.")
        (folder / "measured").touch()
    seconds, failing = timed(durations.read_text("utf-8").splitlines())
    for test in sorted(failing):
        print(f"fails without a mutant, and is left out: {test}", file=sys.stderr)
    measured = importlib.import_module("coverage").CoverageData(str(data))
    measured.read()
    reached: dict[tuple[str, int], set[str]] = {}
    for file in measured.measured_files():
        module = str(Path(file).relative_to(ROOT))
        for line, contexts in measured.contexts_by_lineno(file).items():
            names = {context.partition("|")[0] for context in contexts}
            reached[(module, line)] = {_function(name) for name in names} - failing
    return reached, seconds


def timed(lines: Iterable[str]) -> tuple[dict[str, float], set[str]]:
    """Seconds by test and the tests that failed, from what the plugin noted."""
    seconds: dict[str, float] = {}
    failing = set()
    for text in lines:
        name, duration, passed = json.loads(text)
        seconds[_function(name)] = seconds.get(_function(name), 0.0) + duration
        if not passed:
            failing.add(_function(name))
    return seconds, failing


def chosen_tests(
    mutant: Mutant, found: Iterable[str], seconds: Mapping[str, float]
) -> tuple[list[str], float]:
    """Tests to run, nearest and quickest first, and how long they take by themselves."""
    near, unit = (f"tests/unit/{mutant.room}/", EVERYWHERE), "tests/unit/"

    def place(test: str) -> tuple[bool, bool, float, str]:
        own_s = seconds.get(test, 0.0)
        return not test.startswith(near), not test.startswith(unit), own_s, test

    chosen: list[str] = []
    total_s = 0.0
    for test in sorted(found, key=place):
        own_s = seconds.get(test, 0.0)
        if not chosen or total_s + own_s <= MOST_TESTS_S:
            chosen.append(test)
            total_s += own_s
    return chosen, total_s


def _function(name: str) -> str:
    # All parameters of a test at once: what they are called cannot always be asked for.
    return name.partition("[")[0]


class Bench:
    """A copy of the project into which one mutant after the other is put."""

    def __init__(self, number: int, tests: Iterable[str]) -> None:
        """Copy the project, and see that pytest finds the tests there.

        Raises:
            RuntimeError: it does not.
        """
        self._tree = _tree(number)
        self._passing: set[str] = set()
        # Both leave compiled files behind; the runs themselves write none, for a mutant may be as
        # long and as old, in seconds, as what it replaces.
        subprocess.run(
            [sys.executable, "-m", "compileall", "-q", "src"], cwd=self._tree, check=True
        )
        environment = {**os.environ, "PYTHONPATH": str(self._tree / "src")}
        found = subprocess.run(
            [sys.executable, "-m", "pytest", "--collect-only", "-q", *sorted(tests)],
            cwd=self._tree,
            env=environment,
            capture_output=True,
            check=False,
        )
        if found.returncode:
            said = found.stdout.decode("utf-8", "replace")[-2000:]
            raise RuntimeError(f"pytest does not find the tests:\n{said}")
        self._pytest = WarmPytest(self._tree)

    def close(self) -> None:
        """End its process; the copy stays."""
        self._pytest.close()

    def judged(self, mutant: Mutant, tests: Sequence[str], own_s: float) -> str:
        """What the tests, which take so long by themselves, make of the mutant.

        Raises:
            RuntimeError: no test was run, which says nothing of the mutant.
        """
        limit_s = LEAST_LIMIT_S + LIMIT_FACTOR * own_s
        return settled(lambda some: self._run(mutant, some, limit_s), self._passes, tests)

    def _passes(self, test: str) -> bool:
        """Whether it passes by itself, without a mutant."""
        if test not in self._passing:
            status, _ = self._pytest.run([*_OPTIONS, test], 10 * LEAST_LIMIT_S)
            if status != 0:
                return False
            self._passing.add(test)
        return True

    def _run(self, mutant: Mutant, tests: Sequence[str], limit_s: float) -> tuple[str, str]:
        """Put the mutant in, run the tests until one fails, and take it out again."""
        mutating, plugins = map(
            importlib.import_module, ("cosmic_ray.mutating", "cosmic_ray.plugins")
        )
        target = self._tree / mutant.module
        source = (ROOT / mutant.module).read_text("utf-8")
        changed = mutating.mutate_code(
            source, plugins.get_operator(mutant.operator)(), mutant.occurrence
        )
        if changed is None:
            raise RuntimeError(f"Cosmic Ray makes no mutant of {mutant}.")
        Path(importlib.util.cache_from_source(str(target))).unlink(missing_ok=True)
        target.write_text(changed, "utf-8")
        try:
            status, said = self._pytest.run([*_OPTIONS, *tests], limit_s)
        finally:
            target.write_text(source, "utf-8")
        return ("too slow" if status is None else outcome_of(status, said)), said


_OPTIONS = ("-x", "-q", "--tb=line", "-p", "no:cacheprovider", "-m", "not slow")


def settled(
    run: Callable[[Sequence[str]], tuple[str, str]],
    passes: Callable[[str], bool],
    tests: Sequence[str],
) -> str:
    """The outcome of a run in which a test failed for no other reason than the mutant.

    Args:
        run: Runs tests until one fails; gives the outcome and what pytest said.
        passes: Whether a test passes by itself, without a mutant; what does not, because it needs
            another before it, is left out.
        tests: In their order.
    """
    while tests:
        outcome, said = run(tests)
        if outcome != "noticed":
            return outcome
        failed = {_function(name) for name in _FAILED.findall(said)} & {*tests}
        # Where no test is named, the first must show that tests run here at all.
        doubted = {test for test in failed or tests[:1] if not passes(test)}
        if not doubted:
            return outcome
        tests = [test for test in tests if test not in doubted]
    return "missed"


def outcome_of(code: int, said: str) -> str:
    """What pytest's exit status says of a mutant.

    Raises:
        RuntimeError: no test was run, which says nothing of the mutant.
    """
    if code == 0:
        return "missed"
    if code in {5, NOT_STARTED}:
        raise RuntimeError(f"pytest ran none of the tests:\n{said[-2000:]}")
    return "noticed"


def _tree(number: int) -> Path:
    tree = WORK / f"tree-{number}"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, tree / name)
    return tree


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_output_option(parser, "mutation_score")
    parser.add_argument("--sample", type=int, default=400, help="mutants to run")
    parser.add_argument("--seed", type=int, default=17, help="of the sample that is drawn")
    parser.add_argument("--rooms", nargs="+", choices=ROOMS, default=ROOMS)
    parser.add_argument("--workers", type=int, default=2, help="mutants at a time")
    parser.add_argument(
        "--tests",
        nargs="+",
        default=[*(f"tests/unit/{room}" for room in ROOMS), "tests/integration", EVERYWHERE],
        help="what may notice them",
    )
    parser.add_argument(
        "--known",
        type=Path,
        help="outcomes.jsonl of a run of the same sources with fewer tests: what was noticed there "
        "is not run again",
    )
    options = parser.parse_args()
    files = sorted(path for room in options.rooms for path in (ROOT / PACKAGE / room).rglob("*.py"))
    mutants = [one for path in files for one in mutants_of(path, str(path.relative_to(ROOT)))]
    state = hashlib.sha256("\0".join(options.tests).encode())
    for path in sorted((*(ROOT / "src").rglob("*.py"), *(ROOT / "tests").rglob("*.py"))):
        state.update(path.read_bytes())
    key = state.hexdigest()[:16]
    reached, seconds = prepare(options.tests, key)
    chosen = sampled(mutants, options.sample, options.seed)
    kept = WORK / key / "outcomes.jsonl"
    outcomes: dict[Mutant, str] = {}
    for path in filter(None, (options.known, kept if kept.is_file() else None)):
        for line in path.read_text("utf-8").splitlines():
            one = json.loads(line)
            if path == kept or one["outcome"] in {"noticed", "too slow"}:
                outcomes[Mutant(**one["mutant"])] = one["outcome"]
    left = [one for one in chosen if one not in outcomes]
    everywhere = {test for test in seconds if test.startswith(EVERYWHERE)}
    asked = {}
    for one in left:
        found = noticing(one, reached, (ROOT / one.module).read_text("utf-8"), everywhere)
        asked[one] = chosen_tests(one, found, seconds)
    needed = {test for tests, _ in asked.values() for test in tests}
    benches = [Bench(number, needed) for number in range(options.workers)] if needed else []

    def work(mutant: Mutant) -> tuple[Mutant, str, float]:
        began_s = time.monotonic()
        tests, own_s = asked[mutant]
        if not tests:
            return mutant, "not reached", 0.0
        bench = benches.pop()
        try:
            outcome = bench.judged(mutant, tests, own_s)
        finally:
            benches.append(bench)
        return mutant, outcome, time.monotonic() - began_s

    with ThreadPoolExecutor(options.workers) as pool, kept.open("a", encoding="utf-8") as file:
        for done, (mutant, outcome, took_s) in enumerate(pool.map(work, left), 1):
            outcomes[mutant] = outcome
            record = {"mutant": asdict(mutant), "outcome": outcome, "seconds": round(took_s, 1)}
            file.write(json.dumps(record) + "\n")
            file.flush()
            print(f"{done}/{len(left)} {outcome}, {took_s:.0f} s: {mutant}", file=sys.stderr)
    for bench in benches:
        bench.close()
    outcomes = {one: outcomes[one] for one in chosen}
    survivors = [
        {"module": one.module, "line": one.line, "change": one.operator, "outcome": outcome}
        for one, outcome in sorted(outcomes.items())
        if outcome in {"missed", "not reached"}
    ]
    write_result(
        options.out,
        title="Small changes that the tests notice",
        data=[DataSet("sources and tests", state.hexdigest(), f"{len(mutants):,} mutants")],
        method=METHOD,
        figures={"rooms": rows_of(mutants, outcomes), "survivors": survivors},
    )


if __name__ == "__main__":
    main()
