"""Writes docs/benchmarks.md and the tables behind it: ``python -m benchmarks.render``."""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.answers import Answer, answers
from benchmarks.filed import Filed, prompt_to_photo
from benchmarks.provenance import ROOT
from furniture_prompter.evaluation.filing import merged, read_filed
from furniture_prompter.evaluation.report.content import blocks_of
from furniture_prompter.evaluation.report.rendering import Block, Figure, Heading, markdown

PAGE = ROOT / "docs" / "benchmarks.md"
DETAILS = PAGE.with_suffix("")
PROMPT_TO_PHOTO = "prompt_to_photo"

# The pages of tables: title, and the results on each, in order.
PAGES = {
    "quality": (
        "Retrieval quality",
        (
            "photo_to_type",
            PROMPT_TO_PHOTO,
            "shape_and_colour",
            "photo_and_colour",
            "other_view",
            "hybrid",
            "hybrid_weights",
            "hybrid_understanding",
            "diversity",
            "keyword_stemming",
            "multilingual_prompts",
            "words_and_photos",
            "confidence",
            "screenshots",
            "turned_photos",
            "pieces",
            "goes_with",
        ),
    ),
    "speed": (
        "Speed, memory and size",
        (
            "speed",
            "vector_index",
            "starting_report",
            "encoder_memory",
            "decoding_costs",
            "downloads",
            "feed_speed",
            "feed_speed_before",
            "facets",
            "catalog_size",
            "demo",
        ),
    ),
    "students": (
        "Teachers, students and the default encoder",
        (
            "distillation",
            "own_photos",
            "loss_terms",
            "default_student",
            "default_bits",
            "distill_bundled",
        ),
    ),
    "service": (
        "The HTTP API",
        ("api_load", "page_feel", "api_peer", "api_full_disk", "api_attacks"),
    ),
    "robustness": (
        "Damage and interruption",
        (
            "stops",
            "remote_catalogs",
            "catalog_mutations",
            "upload_fuzz",
            "mutation_score",
            "health",
        ),
    ),
}
OTHERS = ("others", "Further results")

HEAD = """# Benchmarks

What a reader asks, with the figure that answers it. Each question links to its table, which says
how it was measured, on which data and by which command. R@1 is the share of queries whose first hit
is right, P@5 the mean share of right ones among five, R@10 the share of all right ones among ten,
MRR the mean of one over the rank of the first right one, mAP the mean average precision.
"""

DATA = """## On which data?

- **Real photos** (`ikea-dev`: 1,049 products of one brand, one photo each on white background): a
  measuring set, not part of the project, that never trained, calibrated or tuned what ships, but
  for thresholds of `catalog health`, which were chosen on plantings of other seeds in it.
- **Renderings**: 696 products in 6,056 pictures, of which 496 products in 992 pictures
  [ship](bundled-catalog.md). Students and the axes of the default encoder are fitted to them,
  without every 5th model, and what is asked of renderings is asked of those.
- **Prompts** are made from the products' own category, colour and description by rule; nobody typed
  them. Judgments follow the shop's own categories, so a near miss counts as wrong.
- Vectors beyond a set's own number are grown from it; real catalogs have tighter clusters.
"""

LIMITS = """## Limits

- Photos are of single pieces on white. Room photos are harder: of 99, a product of the room is
  among the first five for one in five, by the pieces that the detector finds for two in five
  ([pieces](benchmarks/quality.md#pieces-of-rooms)).
- Prompts in Turkish find less in English text than those in English: in ten 0.72 against 0.77, and
  0.59 against 0.65 where titles are model names
  ([both ways](benchmarks/quality.md#prompts-in-turkish-and-english)).
- Everything ran on two cores of shared virtual machines, on different days and under different
  loads: compare within a table, where contenders took turns.
- Encoding is fastest where the processor has VNNI, which multiplies bytes and adds them in one
  step; what is lost without it is told [there](experiments.md#int8-on-processors-without-vnni).
- A student that saw renderings alone gives up more on real photos than one that saw the shop's own.
- Engines that hold all vectors in memory may answer faster than our index, which stays on disk.
- What was tried and lost: [experiments](experiments.md).
"""

AGAIN = """## Measure again

    pip install -e '.[benchmark]'
    python -m benchmarks.photo_to_type --data PHOTOS    # each table names its own command
    python -m benchmarks.render                         # writes this page and the tables
    python -m benchmarks.readme                         # and the README's figures

The results lie as data under `benchmarks/results`; a test holds these pages to them. Your own
catalog is measured by [`furniture-prompter benchmark`](benchmarking.md).
"""

EARLIER_TEACHER = (
    "imagenet-ensemble is here as it was before its mean was taken off (3,840 components), and "
    "the students learned from that and read their last map alone; "
    "[docs/experiments.md](../experiments.md) says what has changed."
)
EARLIER_DEFAULT = (
    "efficientnet-lite2 is here as it was with weights of eight bits, which saturate on processors "
    "without VNNI; it ships with weights of seven bits since, of the same network. "
    "[docs/experiments.md](../experiments.md) compares the two."
)
REPLACED = {
    "cbdd9f5adee5c33f728ab86d4052a66c10a0aeca934657176568a0a7f3c15786": EARLIER_TEACHER,
    "3b685fd1a4612d2567391ec731f3b33810bca34475ccabbd3b6355a3e7eb3353": EARLIER_TEACHER,
    "c8b6cfdffd890e2328d6b0e8601342238ec06b3aecaefc81e0e73fd88da43dbb": EARLIER_DEFAULT,
}
"""Weights whose results are told with a note until they are filed anew."""

COMPARE_BUILDS = frozenset({"default_bits"})
"""Results that ask weights that were replaced on purpose, beside those that ship."""

SUITE_NOTES = {
    "renders": "The students learned from 4,334 of these pictures, on which they stand nearer to "
    "their teacher than on pictures they never saw; the real photos of ikea-dev trained nobody. "
    "How they were trained: `python -m benchmarks.distillation`.",
}
"""What a reader must know of a suite's data that the run itself cannot."""


def rendered_page(filed: Filed) -> str:
    """The page of answers."""
    sections = [_answers(heading, rows, filed) for heading, rows in answers(filed).items()]
    return "\n".join([HEAD, *sections, DATA, LIMITS, _earlier(filed), _tables(filed), AGAIN])


def rendered_details(filed: Filed) -> dict[str, str]:
    """The pages of tables, by file name without suffix; those that would be empty are left out."""
    placed = {name for _, names in PAGES.values() for name in names}
    others = tuple(name for name in filed.names() if name not in placed)
    pages = {}
    for page, (title, names) in (PAGES | {OTHERS[0]: (OTHERS[1], others)}).items():
        sections = [
            _prompt_to_photo() if name == PROMPT_TO_PHOTO else _section(name, filed)
            for name in names
            if name in filed.names() or name == PROMPT_TO_PHOTO
        ]
        if sections:
            pages[page] = "\n".join([f"# {title}\n\n{_BACK}\n", *sections])
    return pages | {_suite_page(folder): _suite(folder) for folder in filed.suites()}


_BACK = (
    "Written by `python -m benchmarks.render`; the answers in short stand in "
    "[benchmarks.md](../benchmarks.md)."
)


def _answers(heading: str, rows: Sequence[Answer], filed: Filed) -> str:
    lines = ["| question | on | answer |", "| --- | --- | ---: |"]
    lines += [
        f"| [{each.asked}]({_target(each.result, filed)}) | {each.data} | {each.figure} |"
        for each in rows
    ]
    return f"## {heading}\n\n" + "\n".join(lines) + "\n"


def _target(result: str, filed: Filed) -> str:
    """Where the tables of a result stand, from the page of answers."""
    if result.startswith("report-"):
        return f"{DETAILS.name}/{result}.md"
    title = "Prompt to photo" if result == PROMPT_TO_PHOTO else filed.result(result)["title"]
    page = next(page for page, (_, names) in PAGES.items() if result in names)
    return f"{DETAILS.name}/{page}.md#{_anchor(title)}"


def _anchor(title: str) -> str:
    kept = (sign for sign in title.lower() if sign.isalnum() or sign in " -_")
    return "".join(kept).replace(" ", "-")


def _earlier(filed: Filed) -> str:
    """Which results were measured with weights that ship no longer."""
    older = [
        f"[{result['title']}]({_target(name, filed)})"
        for name, result in filed.all()
        if name not in COMPARE_BUILDS and _replaced(result["provenance"]["encoders"].values())
    ]
    dates = sorted(result["provenance"]["date"][:10] for _, result in filed.all())
    return f"""## How old are the figures?

The results were filed between {dates[0]} and {dates[-1]}. Measured with earlier weights, each with
a note that says how they differ from those that ship: {"; ".join(older)}.
"""


def _tables(filed: Filed) -> str:
    pages = [f"[{title}]({DETAILS.name}/{page}.md)" for page, (title, _) in PAGES.items()]
    pages += [
        f"[report on {folder.name}]({DETAILS.name}/{_suite_page(folder)}.md)"
        for folder in filed.suites()
    ]
    return "## All tables\n\n" + " · ".join(pages) + "\n"


def _suite_page(folder: Path) -> str:
    return f"report-{folder.name}"


def _suite(folder: Path) -> str:
    """The report's tables of one suite's filed results; its pictures stay with the report."""
    run = merged(read_filed(folder))
    notes = [SUITE_NOTES[run.suite]] if run.suite in SUITE_NOTES else []
    notes += _replaced(facts.weights_sha256 for facts in run.encoders)
    shown: list[Block] = [block for block in blocks_of(run)[1:] if not isinstance(block, Figure)]
    title = markdown([Heading(1, f"Report: {run.data.name}, suite {run.suite}")])
    return "\n\n".join([title.rstrip(), _BACK, *notes, markdown(shown)])


def _replaced(hashes: Iterable[str]) -> list[str]:
    """What must be said of weights measured."""
    return list(dict.fromkeys(REPLACED[sha256] for sha256 in hashes if sha256 in REPLACED))


def _section(name: str, filed: Filed) -> str:
    """A result's heading, method, tables and origin, with a word on weights replaced since."""
    result = filed.result(name)
    parts = [f"## {result['title']}", result["method"]]
    if name not in COMPARE_BUILDS:
        parts += _replaced(result["provenance"]["encoders"].values())
    for table, rows in result["figures"].items():
        if table != "rows":
            parts.append(f"### {table.capitalize()}")
        parts.append(_table(rows))
    parts.append(_origin(result["provenance"]))
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table; columns in the order they first appear, empty ones left out."""
    columns = {name: None for row in rows for name, value in row.items() if value not in (None, "")}
    numbers = {
        name
        for name in columns
        if all(isinstance(row.get(name), int | float | None) for row in rows)
    }
    lines = [
        list(columns),
        ["---:" if name in numbers else "---" for name in columns],
        *([_cell(row.get(name)) for name in columns] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if value == int(value) and abs(value) >= 100 else f"{value:,g}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value).replace("|", "\\|")


def _origin(provenance: Mapping[str, Any]) -> str:
    machine = provenance["machine"]
    commit = f"`{provenance['commit'][:12]}`{provenance['commit'][40:]}"
    lines = [
        f"`{provenance['command']}`, {provenance['date'][:10]}, commit {commit}",
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}",
        "; ".join(_data(provenance["data"])),
        ", ".join(f"{name} `{sha[:12]}`" for name, sha in provenance["encoders"].items()),
        ", ".join(f"{name} {version}" for name, version in provenance["versions"].items()),
    ]
    return "\n".join(f"- {line}" for line in lines if line)


def _data(sets: Sequence[Mapping[str, str]]) -> Iterator[str]:
    for each in sets:
        fingerprint = f", `{each['fingerprint'][:12]}`" if each["fingerprint"] else ""
        yield f"{each['name']} ({each['note'].rstrip('.')}{fingerprint})"


def _prompt_to_photo() -> str:
    """The section of ``python -m benchmarks.prompt_to_photo``, whose file has its own layout."""
    result = prompt_to_photo()
    rows = []
    for name in ("held_out_half", "all_products"):
        values = dict(result[name])
        among = {"among": name.replace("_", " "), "photos": values.pop("candidates")}
        rows.append(among | {key.replace("_", " "): value for key, value in values.items()})
    provenance, data = result["provenance"], result["provenance"]["data"]
    method = f"""The prompt is "{result["prompt"]}" and no text is indexed: it meets photo vectors
only. The alignment is fitted on one half of the products and tested on the other, both ways, over
{result["random_halves"]} random halves."""
    date, commit = provenance["measured_at"][:10], provenance["commit"][:12]
    origin = [
        f"`{provenance['command']}`, {date}, commit `{commit}`",
        f"{data['name']} ({data['products']:,} products, `{data['sha256'][:12]}`)",
        ", ".join(f"{name} `{sha[:12]}`" for name, sha in provenance["encoders"].items()),
    ]
    lines = "\n".join(f"- {line}" for line in origin)
    notes = _replaced(provenance["encoders"].values())
    parts = ["## Prompt to photo", " ".join(method.split()), *notes, _table(rows), lines]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    filed = Filed()
    PAGE.write_text(rendered_page(filed), "utf-8")
    DETAILS.mkdir(exist_ok=True)
    for file in DETAILS.glob("*.md"):
        file.unlink()
    for name, text in rendered_details(filed).items():
        (DETAILS / f"{name}.md").write_text(text, "utf-8")
    print(f"written: {PAGE.relative_to(ROOT)} and {DETAILS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
