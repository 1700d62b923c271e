"""``evaluate``: a shop's own judged queries, asked of its catalog."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from furniture_prompter.cli.index_command import set_aside_answer
from furniture_prompter.cli.options import (
    CatalogOption,
    EncoderOption,
    ExitCode,
    JsonOption,
    TextTowerOption,
    read_settings,
    refuse_unwritable,
)
from furniture_prompter.cli.terminal import (
    escape_json,
    messages,
    output,
    plain,
    print_facts,
    say,
    show_progress,
    write_atomically,
    write_json,
)

if TYPE_CHECKING:
    from furniture_prompter.assembly.benchmarking import Evaluation
    from furniture_prompter.evaluation.relevance import EvaluationQuery

EXAMPLES = """\b
Examples:
  furniture-prompter evaluate --catalog shop --queries queries.jsonl \\
    --relevance qrels.tsv
  furniture-prompter evaluate --catalog shop --queries queries.jsonl \\
    --relevance qrels.tsv --encoder students/r18 -k 20 --out r18.json
"""

WORST = 5
SHOWN_SET_ASIDE = 20
VALUE_DIGITS = 6


def evaluate_command(
    catalog: CatalogOption,
    queries: Annotated[
        Path,
        typer.Option(
            "--queries",
            metavar="FILE",
            help='Queries, one JSON object a line: {"id": "1", "prompt": "oak table"}.',
            show_default=False,
        ),
    ],
    relevance: Annotated[
        Path,
        typer.Option(
            "--relevance",
            metavar="FILE",
            help="Which products answer: query, 0, product, gain (TREC qrels), a judgement a line.",
            show_default=False,
        ),
    ],
    encoder: EncoderOption = None,
    text_tower: TextTowerOption = None,
    limit: Annotated[
        int, typer.Option("--limit", "-k", "--k", metavar="N", help="Hits of a query to judge.")
    ] = 10,
    as_json: JsonOption = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Also write everything, every query's values among it, to this file as JSON.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Measure a catalog by your own queries and your own judgements of what answers them."""
    if out is not None:
        refuse_unwritable(out, "--out")
    settings = read_settings()
    # Loading storage and runtime takes most of a second, which --help must not.
    from furniture_prompter.assembly.benchmarking import evaluate

    with show_progress(messages()) as progress:
        evaluation = evaluate(
            catalog,
            queries,
            relevance,
            settings=settings,
            encoder=encoder,
            text_tower=text_tower,
            limit=limit,
            progress=progress,
        )
    _tell_set_aside(evaluation, out)
    answer = evaluation_answer(evaluation, catalog)
    if out is not None:
        text = json.dumps(answer, ensure_ascii=False, allow_nan=False, indent=2)
        write_atomically(out, escape_json(text) + "\n")
    if as_json:
        write_json(answer)
    else:
        _print(evaluation)
    if evaluation.set_aside:
        raise typer.Exit(ExitCode.SET_ASIDE)


def evaluation_answer(evaluation: "Evaluation", catalog: Path) -> dict[str, Any]:
    """The promised JSON; see docs/evaluate.md."""
    judged = evaluation.judged
    chance = judged.as_answers("", evaluation.products).chance
    return {
        "catalog": {"path": str(catalog), "products": evaluation.products},
        "limit": evaluation.limit,
        "queries": len(judged.queries),
        "measures": {
            measure: {
                "mean": round(judged.mean(measure), VALUE_DIGITS),
                "interval": [round(end, VALUE_DIGITS) for end in judged.interval(measure)],
                "chance": round(chance[measure], VALUE_DIGITS) if measure in chance else None,
            }
            for measure in judged.values
        },
        "by_query": [
            {
                "id": query.id,
                "found": list(judged.found[query.id]),
                "values": {
                    measure: round(values[place], VALUE_DIGITS)
                    for measure, values in judged.values.items()
                },
            }
            for place, query in enumerate(judged.queries)
        ],
        "set_aside": [set_aside_answer(item) for item in evaluation.set_aside],
    }


def _print(evaluation: "Evaluation") -> None:
    judged = evaluation.judged
    console = output()
    chance = judged.as_answers("", evaluation.products).chance
    console.print(
        f"{len(judged.queries):,} queries, {evaluation.products:,} products, "
        f"{evaluation.limit} hits judged of each",
        soft_wrap=True,
    )
    console.print(
        f"{'measure':<12}  {'mean':>6}  {'95 % interval':<15}  {'chance':>6}", style="bold"
    )
    for measure in judged.values:
        low, high = judged.interval(measure)
        by_chance = f"{chance[measure]:6.3f}" if measure in chance else f"{'–':>6}"
        console.print(
            f"{measure:<12}  {judged.mean(measure):6.3f}  {low:.3f} … {high:.3f}    {by_chance}",
            soft_wrap=True,
        )
    measure = f"nDCG@{evaluation.limit}"
    console.print(f"worst queries by {measure}", style="bold")
    print_facts(
        {
            f"{value:.3f} {plain(query.id)}": _asked(query)
            for query, value in judged.worst(measure, WORST)
        },
        indent=2,
    )


def _asked(query: "EvaluationQuery") -> str:
    parts = [
        query.prompt or "",
        f"photo {query.photo.name}" if query.photo else "",
        f"without {query.without}" if query.without else "",
        f"where {query.where}" if query.where else "",
    ]
    return ", ".join(part for part in parts if part)


def _tell_set_aside(evaluation: "Evaluation", out: Path | None) -> None:
    items = evaluation.set_aside
    for item in items[:SHOWN_SET_ASIDE]:
        say(str(item), style="yellow")
    further = len(items) - SHOWN_SET_ASIDE
    if further > 0:
        where = f"all of them in {out}" if out else "give --out FILE to have them all"
        say(f"… and {further:,} more; {where}.", style="yellow")
