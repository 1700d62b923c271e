"""The processes that an engine runs in: ``python -m … build|ask FILE OUT``."""

import gc
import sys
import time
from pathlib import Path

import numpy as np
import psutil

from benchmarks.vector_engines.assignment import (
    ASKED,
    ASSIGNMENT,
    BUCKETS,
    BUILT,
    ENOUGH_RECALL,
    QUESTIONS,
    THRESHOLDS,
    TOP,
    VECTORS,
    Asked,
    Assignment,
    Built,
    Truth,
    WayFound,
)
from benchmarks.vector_engines.engine import Engine, Ids, make

_WARM_UP = 10


def build(assignment: Assignment) -> Built:
    """Let the engine store the vectors."""
    engine = make(assignment.factory, assignment.argument)
    vectors = np.load(assignment.inputs / VECTORS, mmap_mode="r")
    buckets = np.load(assignment.inputs / BUCKETS)
    began = time.perf_counter()
    engine.build(vectors, buckets, assignment.store)
    return Built(build_s=time.perf_counter() - began)


def ask(assignment: Assignment) -> Asked:
    """Load what was stored, choose each way's effort and ask."""
    engine = make(assignment.factory, assignment.argument)
    questions = np.load(assignment.inputs / QUESTIONS)
    gc.collect()
    process = psutil.Process()
    before = process.memory_info().rss
    engine.load(assignment.store)
    way, efforts = next(iter(engine.ways.items()))
    engine.prepare(way, efforts[0])
    for question in questions[:_WARM_UP]:
        engine.ask(question, TOP, None)
    memory_bytes = max(0, process.memory_info().rss - before)
    # Only now: pages of the map would count as the engine's.
    truth = Truth(
        np.load(assignment.inputs / VECTORS, mmap_mode="r"),
        np.load(assignment.inputs / BUCKETS),
        questions,
        np.load(assignment.inputs / THRESHOLDS),
        assignment.filters,
    )
    found = tuple(
        _measured(engine, way, place, truth, assignment.tuning)
        for way in engine.ways
        for place in range(len(assignment.filters))
    )
    return Asked(effort_name=engine.effort_name, memory_bytes=memory_bytes, found=found)


def _measured(engine: Engine, way: str, place: int, truth: Truth, tuning: int) -> WayFound:
    """One way under one filter, at the least effort that finds enough."""
    efforts = engine.ways[way]
    recalls: list[float] = []
    for effort in efforts:
        engine.prepare(way, effort)
        answers, _ = _answers(engine, truth, range(tuning), place)
        recalls.append(
            float(np.mean([truth.recall(place, n, rows) for n, rows in enumerate(answers)]))
        )
        if recalls[-1] >= ENOUGH_RECALL:
            break
    # Of equal recalls the least effort, which comes first.
    effort = efforts[int(np.argmax(recalls))]
    engine.prepare(way, effort)
    _answers(engine, truth, range(min(_WARM_UP, tuning)), place)
    asked = range(tuning, len(truth.questions))
    answers, times = _answers(engine, truth, asked, place)
    recall = [truth.recall(place, n, rows) for n, rows in zip(asked, answers, strict=True)]
    return WayFound(
        way=way,
        filter=place,
        effort=effort,
        recall_at_10=tuple(recall),
        ask_ms=tuple(round(each, 4) for each in times),
    )


def _answers(
    engine: Engine, truth: Truth, questions: range, place: int
) -> tuple[list[Ids], list[float]]:
    """Rows found and milliseconds, one question at a time."""
    answers, times = [], []
    for number in questions:
        began = time.perf_counter()
        answers.append(engine.ask(truth.questions[number], TOP, truth.filters[place]))
        times.append(1_000 * (time.perf_counter() - began))
    return answers, times


def main(arguments: list[str]) -> None:
    """Do one of the two; what was found is written as JSON."""
    step, assignment_file, out = arguments
    assignment = ASSIGNMENT.validate_json(Path(assignment_file).read_bytes())
    if step == "build":
        answer = BUILT.dump_json(build(assignment))
    else:
        answer = ASKED.dump_json(ask(assignment))
    Path(out).write_bytes(answer)


if __name__ == "__main__":
    main(sys.argv[1:])
