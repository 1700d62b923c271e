"""Confidence intervals, paired differences, Pareto front, conclusion and release gate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import get_args

import numpy as np

from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.metrics import bootstrap_interval
from furniture_prompter.evaluation.record import (
    ANOTHER_VIEW,
    ASYMMETRIC,
    JUDGED,
    PROMPT_TO_PHOTO,
    SAME_CATEGORY,
    SEARCH,
    Latency,
    Run,
    Task,
    TaskResults,
)

HEADLINES: tuple[tuple[Task, str], ...] = (
    (SAME_CATEGORY, "AP"),
    (ANOTHER_VIEW, "Success@1"),
    (PROMPT_TO_PHOTO, "R@10"),
    (JUDGED, "nDCG@10"),
)
"""The measure of each task that encoders are compared by, the first that was measured leading."""

_CHANCE = 0.05


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over queries with its 95 % percentile bootstrap interval.

    Attributes:
        mean: Of the values, or of paired differences.
        low, high: Ends of the interval.
        queries: How many values.
    """

    mean: float
    low: float
    high: float
    queries: int

    @property
    def is_noise(self) -> bool:
        """For a difference: whether the interval holds 0, or too few queries were asked to tell.

        Too few are those that chance alone lets agree in sign more often than once in twenty
        (the sign test): a bootstrap of three equal values knows of no other.
        """
        return self.low <= 0 <= self.high or 2.0 ** (1 - self.queries) > _CHANCE


@dataclass(frozen=True, slots=True)
class Ratio:
    """Of times, round by round: median, least and most of the rounds' own ratios."""

    median: float
    least: float
    most: float


def interval(values: Sequence[float]) -> Interval:
    """Mean of one value a query, with its interval."""
    low, high = bootstrap_interval(values)
    return Interval(float(np.mean(values)), low, high, len(values))


def difference(own: TaskResults, other: TaskResults, measure: str) -> Interval | None:
    """Own less other's, query by query; None where they were not asked the same."""
    if own.queries != other.queries or not {measure} <= own.values.keys() & other.values.keys():
        return None
    return interval(np.subtract(own.values[measure], other.values[measure]).tolist())


def ratio(reference: Sequence[float], own: Sequence[float]) -> Ratio:
    """How many times as fast as the reference: its time by the own, round by round.

    Raises:
        ValueError: different numbers of rounds, or none.
    """
    if len(reference) != len(own) or not own:
        raise ValueError(f"{len(reference)} and {len(own)} rounds cannot be compared.")
    each = np.asarray(reference, float) / np.asarray(own, float)
    return Ratio(float(np.median(each)), float(each.min()), float(each.max()))


def latency_of(run: Run, encoder: str) -> Latency | None:
    """An encoder's times; None where it was not timed."""
    return next((each for each in run.latency if each.encoder == encoder), None)


def image_ms(latency: Latency) -> float:
    """Median over rounds of milliseconds an image, from file to vector."""
    return 1_000 * float(np.median(latency.total_s)) / latency.photos


def photo_ms(latency: Latency) -> list[float]:
    """Milliseconds of every photo of every round, from file to vector: its stages together.

    Of the reference recipe each photo has its batch's mean.
    """
    stages = [each for name, each in latency.stages.items() if name != SEARCH]
    each: list[float] = np.sum(np.asarray(stages, float), axis=0).tolist()
    return each


def headline(run: Run) -> tuple[Task, str] | None:
    """The task and measure that encoders are compared by first; None where none was measured."""
    asked = {
        (each.task, measure) for each in run.answers if not each.variant for measure in each.values
    }
    return next((each for each in HEADLINES if each in asked), None)


def front(points: dict[str, tuple[float, float]]) -> list[str]:
    """Keys of points that no other beats in both: less time and more quality; fastest first.

    Args:
        points: Key → (milliseconds, quality).
    """
    on_front, best = [], -np.inf
    for key, (_, quality) in sorted(points.items(), key=lambda item: (item[1][0], -item[1][1])):
        if quality > best:
            on_front.append(key)
            best = quality
    return on_front


def compared_with_teacher(run: Run) -> list[str]:
    """Encoders that are shown against the teacher: its students, or all where none is one."""
    others = [each for each in run.encoders if each.searches and each.key != run.teacher]
    students = [each.key for each in others if each.role == "student"]
    return (students or [each.key for each in others]) if run.teacher else []


def speed_and_quality(run: Run) -> dict[str, tuple[float, Interval]]:
    """Encoder → milliseconds an image and the headline's interval, of those that have both."""
    chosen = headline(run)
    found = {}
    for facts in run.encoders:
        latency = latency_of(run, facts.key)
        answers = run.task_results(facts.key, chosen[0]) if chosen else None
        if chosen and latency is not None and answers is not None:
            found[facts.key] = image_ms(latency), interval(answers.values[chosen[1]])
    return found


def conclusion(run: Run) -> tuple[str, ...]:
    """Sentences about speed, quality, steps between encoders, the asymmetric gap and memory."""
    return tuple(
        sentence
        for part in (_front(run), _speed(run), _differences(run), _asymmetric(run), _memory(run))
        for sentence in part
    )


def _front(run: Run) -> Iterator[str]:
    chosen, found = headline(run), speed_and_quality(run)
    if chosen is None or not found:
        return
    task, measure = chosen
    if len(found) == 1:
        yield from _alone(run, *found)
        return
    names = front({key: (ms, quality.mean) for key, (ms, quality) in found.items()})
    shown = "; ".join(
        f"{key} ({found[key][0]:.2f} ms an image, {measure} {found[key][1].mean:.3f})"
        for key in names
    )
    yield f"On the front of speed and quality ({task}) {_are(names)} {shown}."
    off = [key for key in found if key not in names]
    if off:
        yield f"Not on it, because another is faster and no worse: {', '.join(off)}."
    for faster, better in pairwise(names):
        own, other = run.task_results(better, task), run.task_results(faster, task)
        gained = difference(own, other, measure) if own and other else None
        if gained is None:
            continue
        cost = found[better][0] / found[faster][0]
        sure = (
            "a difference within the noise"
            if gained.is_noise
            else f"95 % interval {gained.low:+.3f} to {gained.high:+.3f}"
        )
        yield (
            f"The step from {faster} to {better} takes {cost:.2f} times as long and gains "
            f"{gained.mean:+.3f} {measure} ({sure}, {gained.queries:,} queries)."
        )


def _alone(run: Run, encoder: str) -> Iterator[str]:
    """The one encoder's time, and each task's measure beside chance."""
    latency = latency_of(run, encoder)
    if latency is not None:
        yield f"{encoder} takes {image_ms(latency):.2f} ms an image, from file to vector."
    for task, measure in HEADLINES:
        results = run.task_results(encoder, task)
        if results is not None and measure in results.values:
            found = interval(results.values[measure])
            chance = results.chance.get(measure)
            by_chance = "" if chance is None else f"; by chance {chance:.3f}"
            yield (
                f"{task.capitalize()}: {measure} {found.mean:.3f} ({found.low:.3f} to "
                f"{found.high:.3f}, {found.queries:,} queries{by_chance})."
            )


def _speed(run: Run) -> Iterator[str]:
    if not run.latency:
        return
    baseline = run.latency[0]
    for each in run.latency[1:]:
        times = ratio(baseline.total_s, each.total_s)
        yield (
            f"{each.encoder} is {times.median:.2f} times as fast as {baseline.encoder}, end to end "
            f"({times.least:.2f} to {times.most:.2f} over {len(each.total_s)} rounds)."
        )


def _differences(run: Run) -> Iterator[str]:
    """Every encoder against the teacher, or against the first, in the headline's measure."""
    chosen = headline(run)
    searched = [each.key for each in run.encoders if each.searches]
    if chosen is None or len(searched) < 2:
        return
    task, measure = chosen
    reference = run.teacher or searched[0]
    for key in searched:
        own, other = run.task_results(key, task), run.task_results(reference, task)
        if key == reference or own is None or other is None:
            continue
        found = difference(own, other, measure)
        if found is None:
            continue
        share = interval(own.values[measure]).mean / max(
            interval(other.values[measure]).mean, 1e-12
        )
        if found.is_noise:
            yield (
                f"{key} and {reference} differ by {found.mean:+.3f} {measure} ({task}), which is "
                f"within the noise ({found.low:+.3f} to {found.high:+.3f})."
            )
        else:
            word = "above" if found.mean > 0 else "below"
            yield (
                f"{key} is {abs(found.mean):.3f} {measure} {word} {reference} ({task}; "
                f"{found.low:+.3f} to {found.high:+.3f}), {share:.1%} of it."
            )


def _asymmetric(run: Run) -> Iterator[str]:
    for answers in run.answers:
        if answers.task != ASYMMETRIC:
            continue
        own = next((a for a in _of(run, run.teacher) if a.task == answers.variant), None)
        if own is None:
            continue
        for measure in ("AP", "Success@1"):
            gap = difference(answers, own, measure) if measure in answers.values else None
            if gap is not None:
                sure = "within the noise" if gap.is_noise else "beyond the noise"
                yield (
                    f"Asked by {answers.encoder}, the teacher's catalog gives {gap.mean:+.3f} "
                    f"{measure} ({answers.variant}) compared with the teacher asking it, {sure} "
                    f"({gap.low:+.3f} to {gap.high:+.3f})."
                )
                break


def _memory(run: Run) -> Iterator[str]:
    if len(run.memory) < 2:
        return
    sizes = {
        each.encoder: sorted(each.encoder_bytes)[len(each.encoder_bytes) // 2]
        for each in run.memory
    }
    least, most = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    low_mb, high_mb = f"{sizes[least] / 1e6:,.0f} MB", f"{sizes[most] / 1e6:,.0f} MB"
    if low_mb == high_mb:
        yield f"In memory they take the same, {low_mb} beyond the process that loads them."
        return
    yield (
        f"In memory {least} takes least, {low_mb} beyond the process that loads it, and {most} "
        f"most, {high_mb}."
    )


def _of(run: Run, encoder: str) -> Iterator[TaskResults]:
    return (each for each in run.answers if each.encoder == encoder)


def _are(names: list[str]) -> str:
    return "are" if len(names) > 1 else "is"


MS = "ms"
_EXAMPLE = '"same category/AP=0.01,degraded photo (blur)/Success@1=0.02,ms=1.2"'


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the candidate may lose.

    Attributes:
        task: The task; None for time.
        variant: Of the task, such as a way to spoil photos; "" where it has one kind.
        measure: Of the task; ``ms`` for time.
        most: Loss in the measure's mean that is still allowed, 0 or more; for time how many times
            the current encoder's milliseconds an image are still allowed.
    """

    task: Task | None
    variant: str
    measure: str
    most: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer: whether every allowance holds, and a sentence for each."""

    passed: bool
    sentences: tuple[str, ...]


def read_allowances(text: str) -> tuple[Allowance, ...]:
    """Read ``TASK/MEASURE=LOSS`` or ``TASK (VARIANT)/MEASURE=LOSS``, and ``ms=RATIO``, by commas.

    Raises:
        BenchmarkError: it says something else.
    """
    parts: list[str] = []
    for piece in text.split(","):
        # A task's own name may hold a comma; an allowance ends with its amount.
        if parts and "=" not in parts[-1]:
            parts[-1] = f"{parts[-1]},{piece}"
        elif piece.strip():
            parts.append(piece)
    parts = [part.strip() for part in parts]
    if not parts:
        raise _refusal(text, "it names nothing")
    return tuple(_allowance(part) for part in parts)


def _allowance(text: str) -> Allowance:
    name, equals, amount = text.rpartition("=")
    try:
        most = float(amount)
    except ValueError as error:
        raise _refusal(text, f"{amount!r} is no number") from error
    if not equals or not 0 <= most < float("inf"):
        raise _refusal(text, "it allows no amount of 0 or more")
    if name == MS:
        return Allowance(None, "", MS, most)
    asked, slash, measure = name.rpartition("/")
    variant = ""
    if asked.endswith(")") and " (" in asked:
        asked, _, variant = asked[:-1].partition(" (")
    tasks: tuple[Task, ...] = get_args(Task)
    task = next((each for each in tasks if each == asked), None)
    if not slash or task is None:
        raise _refusal(text, f"{asked!r} is none of the tasks {', '.join(tasks)}")
    return Allowance(task, variant, measure, most)


def _refusal(text: str, reason: str) -> BenchmarkError:
    return BenchmarkError(f"--gate {text!r}: {reason}. Write it as in {_EXAMPLE}.")


def gate(run: Run, *, candidate: str, current: str, allowances: Sequence[Allowance]) -> Verdict:
    """Hold a candidate to what it may lose against the current encoder.

    A quality is lost when the mean of the paired differences lies further below 0 than allowed,
    whether or not its interval holds 0: who ships decides how many queries make that sure.

    Raises:
        BenchmarkError: something was not measured of both.
    """
    outcomes = [_outcome(run, candidate, current, each) for each in allowances]
    return Verdict(all(held for held, _ in outcomes), tuple(told for _, told in outcomes))


def _outcome(run: Run, candidate: str, current: str, allowance: Allowance) -> tuple[bool, str]:
    if allowance.task is None:
        own, other = latency_of(run, candidate), latency_of(run, current)
        if own is None or other is None:
            raise BenchmarkError(
                "The gate asks for time, and the suite has no latency. Set latency.photos."
            )
        slower = ratio(own.total_s, other.total_s).median
        held = slower <= allowance.most
        return held, (
            f"{'Passed' if held else 'FAILED'}: {candidate} takes {slower:.2f} times as long as "
            f"{current}; {allowance.most:g} times are allowed."
        )
    own_answers = run.task_results(candidate, allowance.task, allowance.variant)
    others = run.task_results(current, allowance.task, allowance.variant)
    found = difference(own_answers, others, allowance.measure) if own_answers and others else None
    name = allowance.task + (f" ({allowance.variant})" if allowance.variant else "")
    if found is None:
        raise BenchmarkError(
            f"The gate asks for {allowance.measure} of {name}, which was not measured of both "
            f"{candidate} and {current}. Name a measure of the report."
        )
    held = found.mean >= -allowance.most
    sure = "within the noise" if found.is_noise else "beyond the noise"
    return held, (
        f"{'Passed' if held else 'FAILED'}: {name}, {allowance.measure}: {candidate} less "
        f"{current} is {found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}] over "
        f"{found.queries:,} queries, {sure}; a loss of {allowance.most:g} is allowed."
    )
