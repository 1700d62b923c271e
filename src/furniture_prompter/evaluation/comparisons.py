"""How sure a figure is, and whether two encoders really differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from furniture_prompter.evaluation.metrics import bootstrap_interval
from furniture_prompter.evaluation.record import (
    ANOTHER_VIEW,
    JUDGED,
    PROMPT_TO_PHOTO,
    SAME_CATEGORY,
    SEARCH,
    Answers,
    Latency,
    Run,
    Task,
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


def difference(own: Answers, other: Answers, measure: str) -> Interval | None:
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
        answers = run.answered(facts.key, chosen[0]) if chosen else None
        if chosen and latency is not None and answers is not None:
            found[facts.key] = image_ms(latency), interval(answers.values[chosen[1]])
    return found
