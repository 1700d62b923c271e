"""Whether a candidate may take the current encoder's place: ``--gate``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.comparisons import difference, latency_of, ratio
from furniture_prompter.evaluation.record import Run, Task

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
    own_answers = run.answered(candidate, allowance.task, allowance.variant)
    others = run.answered(current, allowance.task, allowance.variant)
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
