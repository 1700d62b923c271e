"""``benchmark``: measure encoders on a catalog's own photos and write the report."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from furniture_prompter.cli.options import CatalogOption, ExitCode, JsonOption, read_settings
from furniture_prompter.cli.terminal import (
    messages,
    output,
    print_facts,
    say,
    show_progress,
    write_json,
)

if TYPE_CHECKING:
    from furniture_prompter.assembly.benchmarking import BenchmarkSummary

EXAMPLES = """\b
Examples:
  furniture-prompter benchmark --catalog shop --out report
  furniture-prompter benchmark --catalog shop --encoders default,students/r18 --out report
  furniture-prompter benchmark --catalog shop --encoders default,students/new --out report \\
    --gate "same category/AP=0.01,ms=1.2"
"""

INTERRUPTED = "Interrupted. What was measured is kept; the same command goes on from it."


def benchmark_command(
    catalog: CatalogOption,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The report's folder.", show_default=False)
    ],
    encoders: Annotated[
        str,
        typer.Option(
            "--encoders",
            metavar="NAME,…",
            help="Encoders to compare, by name or folder, in the report's order; the catalog's "
            "own when left out.",
            show_default=False,
        ),
    ] = "",
    teacher: Annotated[
        str | None,
        typer.Option(
            "--teacher",
            metavar="NAME|FOLDER",
            help="Encoder that the others are held against; told from the students' cards when "
            "left out.",
            show_default=False,
        ),
    ] = None,
    suite: Annotated[
        Path | None,
        typer.Option(
            "--suite",
            metavar="FILE",
            help="TOML file that says what is measured; docs/benchmarking.md shows every setting.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", help="What the photos are called in the report.")
    ] = "",
    source: Annotated[str, typer.Option("--source", help="Where the photos come from.")] = "",
    licence: Annotated[str, typer.Option("--licence", help="Licence of the photos.")] = "",
    gate: Annotated[
        str,
        typer.Option(
            "--gate",
            metavar="TASK/MEASURE=LOSS,…",
            help="What the last encoder may lose against the first, and ms=RATIO; exit code "
            f"{ExitCode.GATE.value} when it loses more.",
            show_default=False,
        ),
    ] = "",
    results: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="DIR",
            help="Folder in which each encoder's result is filed as well.",
            show_default=False,
        ),
    ] = None,
    restart: Annotated[
        bool,
        typer.Option("--restart", help="Measure anew what a run that stopped has left."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure encoders on a catalog's photos: quality, speed, memory, indexes.

    Writes report.md, report.html, results.json and pictures. A run that stops goes on where it was.
    """
    settings = read_settings()
    from furniture_prompter.assembly import benchmarking
    from furniture_prompter.evaluation.comparisons import read_allowances
    from furniture_prompter.evaluation.suite import STANDARD

    request = benchmarking.BenchmarkRequest(
        catalog=catalog,
        encoders=tuple(part.strip() for part in encoders.split(",") if part.strip()),
        teacher=teacher,
        suite=suite or STANDARD,
        name=name,
        source=source,
        licence=licence,
        restart=restart,
        results=results,
        allowances=read_allowances(gate) if gate else (),
        command=shlex.join(["furniture-prompter", *sys.argv[1:]]),
    )
    try:
        with show_progress(messages()) as progress:
            summary = benchmarking.benchmark(request, out, settings=settings, progress=progress)
    except KeyboardInterrupt as error:
        say(INTERRUPTED)
        raise typer.Exit(ExitCode.INTERRUPTED) from error
    if as_json:
        write_json(benchmark_answer(summary))
    else:
        _print_summary(summary)
    if summary.verdict is not None and not summary.verdict.passed:
        raise typer.Exit(ExitCode.GATE)


def benchmark_answer(summary: "BenchmarkSummary") -> dict[str, Any]:
    """The promised JSON of a benchmark; see docs/json.md."""
    from furniture_prompter.evaluation.comparisons import conclusion

    verdict = summary.verdict
    return {
        "report": str(summary.folder / "report.html"),
        "results": str(summary.folder / "results.json"),
        "filed": [str(path) for path in summary.filed],
        "flags": [*summary.run.flags, *summary.run.left_out],
        "conclusion": list(conclusion(summary.run)),
        "gate": None
        if verdict is None
        else {"passed": verdict.passed, "sentences": list(verdict.sentences)},
    }


def _print_summary(summary: "BenchmarkSummary") -> None:
    from furniture_prompter.evaluation.comparisons import conclusion

    for sentence in conclusion(summary.run):
        output().print(f"- {sentence}", soft_wrap=True, markup=False)
    for sentence in (*summary.run.flags, *summary.run.left_out):
        say(sentence)
    verdict = summary.verdict
    if verdict is not None:
        for sentence in verdict.sentences:
            output().print(sentence, soft_wrap=True, markup=False)
    rows = {
        "report": str(summary.folder / "report.html"),
        "as text": str(summary.folder / "report.md"),
        "as data": str(summary.folder / "results.json"),
    }
    if summary.filed:
        rows["filed"] = "\n".join(str(path) for path in summary.filed)
    if verdict is not None:
        rows["gate"] = "passed" if verdict.passed else "NOT passed"
    print_facts(rows)
