"""What a run says, in sentences that are computed and never typed."""

from collections.abc import Iterator
from itertools import pairwise

from furniture_prompter.evaluation.comparisons import (
    difference,
    front,
    headline,
    interval,
    ratio,
    speed_and_quality,
)
from furniture_prompter.evaluation.record import ASYMMETRIC, Answers, Run


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
        own, other = run.answered(better, task), run.answered(faster, task)
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
        own, other = run.answered(key, task), run.answered(reference, task)
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
    yield (
        f"In memory {least} takes least, {sizes[least] / 1e6:,.0f} MB beyond the process that "
        f"loads it, and {most} most, {sizes[most] / 1e6:,.0f} MB."
    )


def _of(run: Run, encoder: str) -> Iterator[Answers]:
    return (each for each in run.answers if each.encoder == encoder)


def _are(names: list[str]) -> str:
    return "are" if len(names) > 1 else "is"
