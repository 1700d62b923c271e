"""Writes docs/benchmarks.md from the results: ``python -m benchmarks.render``."""

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.provenance import RESULTS, ROOT
from furniture_prompter.evaluation.filing import merged, read_filed
from furniture_prompter.evaluation.report.content import blocks_of
from furniture_prompter.evaluation.report.rendering import (
    Block,
    Figure,
    Heading,
    Paragraph,
    markdown,
)

PAGE = ROOT / "docs" / "benchmarks.md"
PROMPT_TO_PHOTO = ROOT / "benchmarks" / "prompt_to_photo" / "results.json"

# The order of the page; results that are not named here follow by name.
ORDER = (
    "photo_to_type",
    "other_view",
    "hybrid",
    "hybrid_weights",
    "keyword_stemming",
    "speed",
    "vector_index",
    "starting_report",
    "encoder_memory",
    "decoding_costs",
    "distillation",
    "own_photos",
    "loss_terms",
    "default_student",
    "default_bits",
    "distill_bundled",
    "api_load",
    "api_peer",
    "api_full_disk",
    "api_attacks",
    "stops",
    "catalog_mutations",
    "upload_fuzz",
    "mutation_score",
    "demo",
)

HEAD = """# Benchmarks

Written by `python -m benchmarks.render` from the files under `benchmarks/results`; a test holds the
two together. Each section says what was asked of what, and below it which command produced it. The
scripts need `pip install -e '.[benchmark]'`; the measuring set of real photos is not part of the
project and is named with `--data`.
"""


def rendered(results: Path = RESULTS) -> str:
    """The whole page."""
    files = sorted(results.glob("*.json"), key=_place)
    sections = [
        _section(json.loads(file.read_text("utf-8")), noted=file.stem not in COMPARE_BUILDS)
        for file in files
    ]
    if PROMPT_TO_PHOTO.is_file():
        sections.insert(1, _prompt_to_photo(json.loads(PROMPT_TO_PHOTO.read_text("utf-8"))))
    suites = sorted(folder for folder in results.iterdir() if any(folder.glob("*.json")))
    return "\n".join([HEAD, *sections, *map(_suite, suites)])


EARLIER_TEACHER = (
    "imagenet-ensemble is here as it was before its mean was taken off (3,840 components), and "
    "the students learned from that and read their last map alone; "
    "[docs/experiments.md](experiments.md) says what has changed."
)
EARLIER_DEFAULT = (
    "efficientnet-lite2 is here as it was with weights of eight bits, which saturate on processors "
    "without VNNI; it ships with weights of seven bits since, of the same network. "
    "[docs/experiments.md](experiments.md) compares the two."
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


def _suite(folder: Path) -> str:
    """The report's tables of one suite's filed results; its pictures stay with the report."""
    run = merged(read_filed(folder))
    shown: list[Block] = [Heading(2, f"Report: {run.data.name}")]
    note = SUITE_NOTES.get(run.suite)
    shown += [Paragraph(note)] if note else []
    shown += map(Paragraph, _replaced(facts.weights_sha256 for facts in run.encoders))
    for block in blocks_of(run)[1:]:
        if isinstance(block, Heading):
            shown.append(Heading(block.level + 1, block.text))
        elif not isinstance(block, Figure):
            shown.append(block)
    return markdown(shown)


def _replaced(hashes: Iterable[str]) -> list[str]:
    """What must be said of weights measured."""
    return list(dict.fromkeys(REPLACED[sha256] for sha256 in hashes if sha256 in REPLACED))


def _place(file: Path) -> tuple[int, str]:
    return (ORDER.index(file.stem) if file.stem in ORDER else len(ORDER), file.stem)


def _section(result: Mapping[str, Any], *, noted: bool) -> str:
    """A result's heading, method, tables and origin; ``noted`` with a word on replaced weights."""
    parts = [f"## {result['title']}", result["method"]]
    parts += _replaced(result["provenance"]["encoders"].values()) if noted else []
    for name, rows in result["figures"].items():
        if name != "rows":
            parts.append(f"### {name.capitalize()}")
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


def _prompt_to_photo(result: Mapping[str, Any]) -> str:
    """The section of ``python -m benchmarks.prompt_to_photo``, whose file has its own layout."""
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
    PAGE.write_text(rendered(), "utf-8")
    print(f"written: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
