"""The report's figures, drawn by matplotlib with their words; and tables of retrieval quality."""

import io
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

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
from furniture_prompter.evaluation.report.rendering import (
    Block,
    Figure,
    Heading,
    Paragraph,
    Sentences,
    Table,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STAGES = (READ_AND_DECODE, PREPROCESS, ENCODE, SEARCH)
_LEAST_QUERIES = 5
_MOST_CATEGORIES = 24
_INCHES = 8.0

# Colours that the colour-blind tell apart (Okabe & Ito, Color universal design, 2008), and shapes,
# dashes and hatches that grey tells apart as well.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999", "#000000")
_MARKS = ("o", "s", "D", "^", "v", "P")
_DASHES = ("-", "--", ":", "-.", (0, (8, 3)), (0, (3, 1, 1, 1)))
_HATCHES = ("", "//", "\\\\", "||", "--", "xx")
# Any: matplotlib types the names of its settings as one literal of hundreds.
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
}
_ID = re.compile(r'(\bid="|href="#|url\(#)')


@contextmanager
def _axes(name: str, height: float, found: list[str]) -> "Iterator[Axes]":
    """Axes to draw on; the SVG is appended to `found`, the same bytes each time."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Canvas

    with rc_context({**_STYLE, "svg.hashsalt": name}):
        canvas = Canvas(figsize=(_INCHES, height), layout="constrained")
        yield canvas.subplots()
        file = io.StringIO()
        canvas.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    svg = file.getvalue()
    # A page holds several figures, and ids are the page's.
    found.append(_ID.sub(rf"\g<1>{name}-", svg[svg.index("<svg") :]))


def _key(axes: "Axes") -> None:
    """The key, beside the axes, so that it covers nothing."""
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)


def speed_against_quality(run: Run) -> Figure | None:
    """Milliseconds an image across, the headline's measure up, the front drawn."""
    chosen, found = headline(run), speed_and_quality(run)
    if chosen is None or not found:
        return None
    task, measure = chosen
    name = "speed-against-quality"
    names = front({key: (ms, quality.mean) for key, (ms, quality) in found.items()})
    drawn: list[str] = []
    with _axes(name, 4.4, drawn) as axes:
        for number, (key, (ms, quality)) in enumerate(found.items()):
            spread = [[quality.mean - quality.low], [quality.high - quality.mean]]
            colour, mark = _COLOURS[number % len(_COLOURS)], _MARKS[number % len(_MARKS)]
            axes.errorbar(
                [ms],
                [quality.mean],
                spread,
                fmt=mark,
                color=colour,
                ecolor="#000",
                capsize=4,
                markersize=9,
                markeredgecolor="#000",
                label=key,
            )
        if len(names) > 1:
            corners = [(found[key][0], found[key][1].mean) for key in names]
            axes.step(*zip(*corners, strict=True), where="post", color="#777", linestyle="--")
        axes.set_xlim(0, 1.25 * max(ms for ms, _ in found.values()))
        axes.set_xlabel("milliseconds an image, from file to vector (left is faster)")
        axes.set_ylabel(f"{measure}, {task}")
        axes.grid(axis="y", color="#ddd")
        _key(axes)
    told = "; ".join(
        f"{key}: {ms:.2f} ms, {quality.mean:.3f} ({quality.low:.3f} to {quality.high:.3f})"
        for key, (ms, quality) in found.items()
    )
    dashed = ", the dashed line is the front" if len(names) > 1 else ""
    return Figure(
        name,
        drawn[0],
        f"Speed against {measure} ({task}) on {run.data.name}; bars are 95 % intervals{dashed}.",
        f"Milliseconds an image and {measure}. {told}. On the front: {', '.join(names)}.",
    )


def recall_curves(run: Run) -> Figure | None:
    """Share of queries with a right photo among the first k."""
    measures = {1: "Success@1", 5: "Success@5", 10: "Success@10"}
    curves = {}
    for facts in run.encoders:
        results = run.task_results(facts.key, ANOTHER_VIEW)
        if results is not None:
            curves[facts.key] = {
                k: float(np.mean(results.values[name]))
                for k, name in measures.items()
                if name in results.values
            }
    if not curves:
        return None
    drawn: list[str] = []
    with _axes("success-at-k", 4.0, drawn) as axes:
        for number, (key, curve) in enumerate(curves.items()):
            axes.plot(
                list(curve),
                list(curve.values()),
                color=_COLOURS[number % len(_COLOURS)],
                linestyle=_DASHES[number % len(_DASHES)],
                marker=_MARKS[number % len(_MARKS)],
                markeredgecolor="#000",
                label=key,
            )
        axes.set_xticks(list(measures))
        axes.set_xlabel("k, photos looked at")
        axes.set_ylabel("share of queries with a right one among them")
        axes.grid(axis="y", color="#ddd")
        _key(axes)
    told = "; ".join(
        f"{key}: " + ", ".join(f"{value:.3f} at {k}" for k, value in curve.items())
        for key, curve in curves.items()
    )
    return Figure(
        "success-at-k",
        drawn[0],
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
    drawn: list[str] = []
    with _axes("latency-stages", 1.2 + 0.4 * len(timed), drawn) as axes:
        ends = np.zeros(len(timed))
        for number, stage in enumerate(_STAGES):
            lengths = np.array([stages.get(stage, 0.0) for stages in timed.values()])
            bars = axes.barh(
                list(timed),
                lengths,
                left=ends,
                label=stage,
                color=_COLOURS[number],
                hatch=_HATCHES[number],
                edgecolor="#000",
                linewidth=0.5,
                height=0.7,
            )
            ends += lengths
        axes.bar_label(bars, [f"{end:.1f} ms" for end in ends], padding=4)
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set_xlabel("milliseconds an image")
        _key(axes)
    told = "; ".join(
        f"{key}: " + ", ".join(f"{stage} {ms:.2f} ms" for stage, ms in stages.items())
        for key, stages in timed.items()
    )
    return Figure(
        "latency-stages",
        drawn[0],
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
    for query, mine, theirs in zip(own.queries, own.values["AP"], other.values["AP"], strict=True):
        by_category[run.data.photo_categories[query]].append(mine - theirs)
    told = {
        name: float(np.mean(gaps))
        for name, gaps in by_category.items()
        if len(gaps) >= _LEAST_QUERIES
    }
    if not told:
        return None
    ordered = sorted(told, key=told.__getitem__)
    if len(ordered) > _MOST_CATEGORIES:
        half = _MOST_CATEGORIES // 2
        ordered = ordered[:half] + ordered[-half:]
    values = {name: told[name] for name in ordered}
    name = f"by-category-{''.join(letter if letter.isalnum() else '-' for letter in student)}"
    drawn: list[str] = []
    with _axes(name, 1.0 + 0.25 * len(values), drawn) as axes:
        colours = [_COLOURS[5] if value < 0 else _COLOURS[0] for value in values.values()]
        bars = axes.barh(list(values), list(values.values()), color=colours, edgecolor="#000")
        axes.bar_label(bars, [_signed(value) for value in values.values()], padding=4)
        axes.axvline(0, color="#000", linewidth=1)
        axes.invert_yaxis()
        axes.margins(x=0.2)
        axes.set_xlabel("difference in average precision")
    some = "" if len(told) <= len(values) else f" The most and the least of {len(told)}."
    return Figure(
        name,
        drawn[0],
        f"Same category on {run.data.name}: {student} less {run.teacher}, categories with at least "
        f"{_LEAST_QUERIES} queries.{some}",
        "; ".join(f"{name} {_signed(value)}" for name, value in values.items()) + ".",
    )


def _signed(value: float) -> str:
    """With its sign, but for what rounds to 0."""
    return f"{value:+.3f}" if abs(value) >= 0.0005 else "0.000"


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
    "RR": "one over the rank of the first right hit",
    "AP": "average precision: precision at the rank of each right one, averaged; its mean over "
    "queries is mAP",
    "nDCG@10": "gains of the first ten hits, each divided by the logarithm of its rank, as a "
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
