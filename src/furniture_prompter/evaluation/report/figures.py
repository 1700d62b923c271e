"""The report's pictures, each with the words for who cannot see it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from furniture_prompter.evaluation.comparisons import (
    compared_with_teacher,
    front,
    headline,
    interval,
    speed_and_quality,
)
from furniture_prompter.evaluation.record import (
    AGREEMENT,
    ANOTHER_VIEW,
    ASYMMETRIC,
    DEGRADED,
    ENCODE,
    INDEX_CHECK,
    JUDGED,
    PREPROCESS,
    PROMPT_TO_PHOTO,
    READ_AND_DECODE,
    SAME_CATEGORY,
    SEARCH,
    Run,
    Task,
    TaskResults,
)
from furniture_prompter.evaluation.report.drawing import (
    COLOURS,
    Drawing,
    shortened,
    text_width,
    ticks,
)
from furniture_prompter.evaluation.report.rendering import (
    Block,
    Figure,
    Heading,
    Paragraph,
    Sentences,
    Table,
)

_WIDTH = 760.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 70.0, 24.0, 20.0, 54.0
_DASHES = ("", "8 4", "2 3", "8 3 2 3", "12 4", "4 4")
_STAGES = (READ_AND_DECODE, PREPROCESS, ENCODE, SEARCH)
_LEAST_QUERIES = 5
_MOST_CATEGORIES = 24


def speed_against_quality(run: Run) -> Figure | None:
    """Milliseconds an image across, the headline's measure up, the front drawn."""
    chosen, found = headline(run), speed_and_quality(run)
    if chosen is None or not found:
        return None
    task, measure = chosen
    drawing = Drawing(_WIDTH, 420, "Speed against quality")
    most_ms = 1.25 * max(ms for ms, _ in found.values())
    low = min(each.low for _, each in found.values())
    high = max(each.high for _, each in found.values())
    margin = max(0.15 * (high - low), 0.01)
    plot = _Plot(drawing, (0, most_ms), (max(0.0, low - margin), min(1.0, high + margin)))
    plot.axes("milliseconds an image, from file to vector (left is faster)", f"{measure}, {task}")
    names = front({key: (ms, quality.mean) for key, (ms, quality) in found.items()})
    if len(names) > 1:
        corners: list[tuple[float, float]] = []
        for key in names:
            ms, quality = found[key]
            if corners:
                corners.append((plot.x(ms), corners[-1][1]))
            corners.append((plot.x(ms), plot.y(quality.mean)))
        drawing.path(corners, colour="#777", dash="5 4")
        for (x1, y1), (x2, y2) in pairwise(corners):
            drawing.keep_clear(x1, min(y1, y2) - 2, x2, max(y1, y2) + 2)
    for number, (ms, quality) in enumerate(found.values()):
        x, y = plot.x(ms), plot.y(quality.mean)
        drawing.line(x, plot.y(quality.low), x, plot.y(quality.high), width=1.5)
        for end in (quality.low, quality.high):
            drawing.line(x - 5, plot.y(end), x + 5, plot.y(end), width=1.5)
        drawing.mark(x, y, number)
        drawing.keep_clear(x - 8, plot.y(quality.high), x + 8, plot.y(quality.low))
    for number, (key, (ms, quality)) in enumerate(found.items()):
        drawing.label(plot.x(ms), plot.y(quality.mean), key, number, gap=12)
    told = "; ".join(
        f"{key}: {ms:.2f} ms, {quality.mean:.3f} ({quality.low:.3f} to {quality.high:.3f})"
        for key, (ms, quality) in found.items()
    )
    return Figure(
        "speed-against-quality",
        drawing.svg(),
        f"Speed against {measure} ({task}) on {run.data.name}; bars are 95 % intervals, the dashed "
        "line is the front.",
        f"Milliseconds an image and {measure}. {told}. On the front: {', '.join(names)}.",
    )


def recall_curves(run: Run) -> Figure | None:
    """Share of queries with a right photo among the first k."""
    measures = {1: "Success@1", 5: "Success@5", 10: "Success@10"}
    curves = {}
    for facts in run.encoders:
        answers = run.task_results(facts.key, ANOTHER_VIEW)
        if answers is not None:
            curves[facts.key] = {
                k: float(np.mean(answers.values[name]))
                for k, name in measures.items()
                if name in answers.values
            }
    if not curves:
        return None
    least = min(min(curve.values()) for curve in curves.values())
    drawing = Drawing(_WIDTH, 380, "Success at k")
    right = min(40 + max(text_width(key) for key in curves) + _RIGHT, 0.45 * _WIDTH)
    plot = _Plot(drawing, (0.5, 10), (max(0.0, least - 0.1), 1.0), x_ticks=(1, 5, 10), right=right)
    plot.axes("k, photos looked at", "share of queries with a right one among them")
    for number, curve in enumerate(curves.values()):
        points = [(plot.x(k), plot.y(value)) for k, value in curve.items()]
        drawing.path(points, colour=COLOURS[number % len(COLOURS)], dash=_dash(number))
        for x, y in points:
            drawing.mark(x, y, number, 5)
    ends = [
        (plot.y(curve[max(curve)]), key, number)
        for number, (key, curve) in enumerate(curves.items())
    ]
    drawing.label_column(plot.x(10), ends, _TOP + 6, drawing.height - _BOTTOM - 8)
    told = "; ".join(
        f"{key}: " + ", ".join(f"{value:.3f} at {k}" for k, value in curve.items())
        for key, curve in curves.items()
    )
    return Figure(
        "success-at-k",
        drawing.svg(),
        f"Another view of the same product among the first k photos, on {run.data.name}.",
        f"Share of queries with another view of their product among the first k. {told}.",
    )


def latency_stages(run: Run) -> Figure | None:
    """Median milliseconds of each stage, stacked."""
    timed = {
        each.encoder: {
            stage: float(np.median(each.stages[stage])) for stage in _STAGES if stage in each.stages
        }
        for each in run.latency
    }
    if not timed:
        return None
    left = min(320.0, 20 + max(text_width(key) for key in timed))
    row, top = 34.0, 44.0
    height = top + row * len(timed) + _BOTTOM
    drawing = Drawing(_WIDTH, height, "Stages of a photo query")
    longest = max(sum(stages.values()) for stages in timed.values())
    scale = (_WIDTH - left - 80) / longest
    x = left
    for number, stage in enumerate(_STAGES):
        drawing.bar(x, 12, 16, 14, number)
        drawing.text(x + 22, 24, stage)
        x += 40 + text_width(stage)
    for place, (key, stages) in enumerate(timed.items()):
        y, x = top + place * row, left
        drawing.text(left - 8, y + 17, shortened(key, left - 12), anchor="end")
        for number, stage in enumerate(_STAGES):
            if stage in stages:
                drawing.bar(x, y, stages[stage] * scale, row - 10, number)
                x += stages[stage] * scale
        drawing.text(x + 6, y + 17, f"{sum(stages.values()):.1f} ms")
    base = top + row * len(timed)
    drawing.line(left, base, _WIDTH - 80, base)
    for value in ticks(0, longest):
        drawing.line(left + value * scale, base, left + value * scale, base + 5)
        drawing.text(left + value * scale, base + 20, f"{value:g}", anchor="middle")
    drawing.text((left + _WIDTH - 80) / 2, base + 42, "milliseconds an image", anchor="middle")
    told = "; ".join(
        f"{key}: " + ", ".join(f"{stage} {ms:.2f} ms" for stage, ms in stages.items())
        for key, stages in timed.items()
    )
    return Figure(
        "latency-stages",
        drawing.svg(),
        f"Median milliseconds of each stage of a photo query, {run.data.name}.",
        told + ".",
    )


def category_differences(run: Run, student: str) -> Figure | None:
    """Average precision by category, the student's less the teacher's."""
    own = run.task_results(student, SAME_CATEGORY)
    other = run.task_results(run.teacher, SAME_CATEGORY) if run.teacher else None
    if own is None or other is None or own.queries != other.queries:
        return None
    by_category: dict[str, list[float]] = defaultdict(list)
    values = zip(own.queries, own.values["AP"], other.values["AP"], strict=True)
    for query, mine, theirs in values:
        by_category[run.data.photo_categories[query]].append(mine - theirs)
    told = {
        name: interval(gaps) for name, gaps in by_category.items() if len(gaps) >= _LEAST_QUERIES
    }
    if not told:
        return None
    ordered = sorted(told, key=lambda name: told[name].mean)
    if len(ordered) > _MOST_CATEGORIES:
        half = _MOST_CATEGORIES // 2
        ordered = ordered[:half] + ordered[-half:]
    return _bars(run, student, {name: told[name].mean for name in ordered}, len(told))


def _bars(run: Run, student: str, values: Mapping[str, float], categories: int) -> Figure:
    left = min(280.0, 20 + max(text_width(name) for name in values))
    row, top = 22.0, 12.0
    drawing = Drawing(_WIDTH, top + row * len(values) + _BOTTOM, "Differences by category")
    reach = max(max(abs(value) for value in values.values()), 0.01)
    middle, half = (left + _WIDTH - 70) / 2, (_WIDTH - 70 - left) / 2
    for place, (name, value) in enumerate(values.items()):
        y = top + place * row
        drawing.text(left - 8, y + 14, shortened(name, left - 12), anchor="end")
        length = abs(value) / reach * (half - 60)
        drawing.bar(
            middle - (length if value < 0 else 0), y, length, row - 6, 5 if value < 0 else 0
        )
        edge = middle + (length + 6 if value >= 0 else -length - 6)
        drawing.text(edge, y + 14, _signed(value), anchor="start" if value >= 0 else "end")
    base = top + row * len(values)
    drawing.line(middle, top, middle, base)
    drawing.text(middle, base + 30, "difference in average precision", anchor="middle")
    some = "" if categories <= len(values) else f" The most and the least of {categories}."
    return Figure(
        f"by-category-{''.join(letter if letter.isalnum() else '-' for letter in student)}",
        drawing.svg(),
        f"Same category on {run.data.name}: {student} less {run.teacher}, categories with at least "
        f"{_LEAST_QUERIES} queries.{some}",
        "; ".join(f"{name} {_signed(value)}" for name, value in values.items()) + ".",
    )


class _Plot:
    """A plot's scales."""

    def __init__(
        self,
        drawing: Drawing,
        across: tuple[float, float],
        up: tuple[float, float],
        x_ticks: Sequence[float] = (),
        right: float = _RIGHT,
    ) -> None:
        self._drawing = drawing
        self._across = across
        self._up = up
        self._right = right
        self._x_ticks = x_ticks or ticks(*across)

    def x(self, value: float) -> float:
        """From a value to a place."""
        low, high = self._across
        return _LEFT + (value - low) / (high - low) * (self._drawing.width - _LEFT - self._right)

    def y(self, value: float) -> float:
        """From a value to a place."""
        low, high = self._up
        room = self._drawing.height - _TOP - _BOTTOM
        return _TOP + (1 - (value - low) / (high - low)) * room

    def axes(self, across: str, up: str) -> None:
        """Lines, round values and names."""
        drawing, base = self._drawing, self._drawing.height - _BOTTOM
        right = drawing.width - self._right
        drawing.line(_LEFT, base, right, base)
        drawing.line(_LEFT, _TOP, _LEFT, base)
        for value in self._x_ticks:
            drawing.line(self.x(value), base, self.x(value), base + 5)
            drawing.text(self.x(value), base + 20, f"{value:g}", anchor="middle")
        for value in ticks(*self._up):
            drawing.line(_LEFT, self.y(value), right, self.y(value), colour="#ddd")
            drawing.text(_LEFT - 8, self.y(value) + 4, f"{value:g}", anchor="end")
        drawing.text((_LEFT + right) / 2, base + 44, across, anchor="middle")
        drawing.text(18, (_TOP + base) / 2, up, anchor="middle", turned=True)
        drawing.keep_clear(0, base, drawing.width, drawing.height)
        drawing.keep_clear(0, 0, _LEFT, drawing.height)


def _signed(value: float) -> str:
    """With its sign, but for what rounds to 0."""
    return f"{value:+.3f}" if abs(value) >= 0.0005 else "0.000"


def _dash(number: int) -> str:
    return _DASHES[number % len(_DASHES)]


_REAL_TASKS: Mapping[Task, str] = {
    ANOTHER_VIEW: "A photo searches all others for those of its product.",
    SAME_CATEGORY: "A product's main photo searches those of all other products for its category.",
    PROMPT_TO_PHOTO: "A product's category and colour, in words, search photos; no text is "
    "indexed.",
    AGREEMENT: "The student's first ten against the teacher's own, and the correlation of their "
    "orders.",
    JUDGED: "Queries and judgements that were given.",
}
_MEASURES: Mapping[str, str] = {
    "Success@1": "share of the queries whose first hit is right",
    "Success@5": "share of the queries with a right one among the first five hits",
    "Success@10": "the same among the first ten",
    "P@5": "share of right ones among the first five hits",
    "P@10": "the same among the first ten",
    "R@5": "share of all right ones that are among the first five hits",
    "R@10": "share of all right ones that are among the first ten hits",
    "RR": "one over the place of the first right hit",
    "AP": "average precision: precision at the place of each right one, averaged; its mean over "
    "queries is mAP",
    "nDCG@10": "gains of the first ten hits, each divided by the logarithm of its place, as a "
    "share of the best order's",
    "overlap@10": "share of the teacher's first ten that are among the student's",
    "Spearman": "rank correlation of the student's order with the teacher's, over the teacher's "
    "first hundred",
}
_MISSING = "not measured"


def quality(run: Run) -> Iterator[Block]:
    """The section on retrieval quality."""
    if not run.answers:
        return
    yield Heading(3, "Retrieval quality")
    yield Paragraph(
        "Figures are means over queries with 95 % bootstrap intervals; chance is what a random "
        "order scores. Equal scores are ordered at random. Products that nobody judged count as "
        "wrong."
    )
    asked = {measure for each in run.answers for measure in each.values}
    yield Sentences([f"{name}: {what}." for name, what in _MEASURES.items() if name in asked])
    yield from _task_table(
        run,
        INDEX_CHECK,
        "Index check: every photo searches all photos, itself among them. It tests the index and "
        "says nothing about an encoder; older reports call it recall@1 and recall@5",
    )
    for task, what in _REAL_TASKS.items():
        yield from _task_table(run, task, f"{_capital(task)}. {what.rstrip('.')}")
    yield from _degraded(run)
    yield from _asymmetric(run)
    pictures: list[Figure | None] = [recall_curves(run)]
    pictures += [category_differences(run, key) for key in compared_with_teacher(run)]
    yield from (picture for picture in pictures if picture is not None)


def _task_table(run: Run, task: Task, caption: str) -> Iterator[Block]:
    found = [each for each in run.answers if each.task == task and not each.variant]
    if not found:
        return
    measures = list(found[0].values)
    rows = [_answer_row(each, measures) for each in found]
    rows.append(("chance", "", "", *(_chance(found[0], measure) for measure in measures)))
    yield Table(
        f"{caption}; {run.data.name}", ("encoder", "queries", "candidates", *measures), rows
    )


def _answer_row(answers: TaskResults, measures: Sequence[str]) -> tuple[str, ...]:
    return (
        answers.encoder,
        f"{len(answers.queries):,}",
        f"{answers.candidates:,.0f}",
        *(_with_interval(answers, measure) for measure in measures),
    )


def _with_interval(answers: TaskResults, measure: str) -> str:
    if measure not in answers.values:
        return _MISSING
    found = interval(answers.values[measure])
    return f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _chance(answers: TaskResults, measure: str) -> str:
    return f"{answers.chance[measure]:.4f}" if measure in answers.chance else "not known"


def _degraded(run: Run) -> Iterator[Block]:
    found = [each for each in run.answers if each.task == DEGRADED]
    if not found:
        return
    variants = list(dict.fromkeys(each.variant for each in found))
    encoders = list(dict.fromkeys(each.encoder for each in found))
    measure = "Success@1"
    rows = []
    for key in encoders:
        cells = [run.task_results(key, DEGRADED, variant) for variant in variants]
        rows.append((key, *(_with_interval(a, measure) if a else _MISSING for a in cells)))
    rows.append(("chance", *(_chance(found[0], measure) for _ in variants)))
    yield Table(
        f"Degraded photos, {measure}: a spoilt photo searches all photos for those of its product "
        f"({len(found[0].queries):,} queries, {found[0].candidates:,.0f} candidates); "
        f"{run.data.name}",
        ("encoder", *variants),
        rows,
    )


def _asymmetric(run: Run) -> Iterator[Block]:
    found = [each for each in run.answers if each.task == ASYMMETRIC]
    for variant in dict.fromkeys(each.variant for each in found):
        some = [each for each in found if each.variant == variant]
        measures = list(some[0].values)
        teacher = next(
            (each for each in run.answers if each.encoder == run.teacher and each.task == variant),
            None,
        )
        rows = [
            (f"{each.encoder} asks {run.teacher}", *_answer_row(each, measures)[1:])
            for each in some
        ]
        if teacher is not None:
            rows.insert(0, (f"{run.teacher} asks itself", *_answer_row(teacher, measures)[1:]))
        yield Table(
            f"Teacher's catalog, student's query: {variant}; {run.data.name}",
            ("who asks whom", "queries", "candidates", *measures),
            rows,
        )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
