"""What encoders find, as tables and pictures of a report."""

from collections.abc import Iterator, Mapping, Sequence

from furniture_prompter.evaluation.comparisons import compared_with_teacher, interval
from furniture_prompter.evaluation.record import (
    AGREEMENT,
    ANOTHER_VIEW,
    ASYMMETRIC,
    DEGRADED,
    INDEX_CHECK,
    JUDGED,
    PROMPT_TO_PHOTO,
    SAME_CATEGORY,
    Answers,
    Run,
    Task,
)
from furniture_prompter.evaluation.report.blocks import (
    Block,
    Heading,
    Paragraph,
    Picture,
    Sentences,
    Table,
)
from furniture_prompter.evaluation.report.pictures import (
    category_differences,
    recall_curves,
    speed_against_quality,
)

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
    yield Heading(3, "3.2 Retrieval quality")
    if not run.answers:
        yield Paragraph("The suite asks nothing.")
        return
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
    pictures: list[Picture | None] = [speed_against_quality(run), recall_curves(run)]
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


def _answer_row(answers: Answers, measures: Sequence[str]) -> tuple[str, ...]:
    return (
        answers.encoder,
        f"{len(answers.queries):,}",
        f"{answers.candidates:,.0f}",
        *(_with_interval(answers, measure) for measure in measures),
    )


def _with_interval(answers: Answers, measure: str) -> str:
    if measure not in answers.values:
        return _MISSING
    found = interval(answers.values[measure])
    return f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _chance(answers: Answers, measure: str) -> str:
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
        cells = [run.answered(key, DEGRADED, variant) for variant in variants]
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
