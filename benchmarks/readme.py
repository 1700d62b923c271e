"""Writes the README's figures from results: ``python -m benchmarks.readme``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.api_loads import SMALL_PHOTO
from benchmarks.provenance import RESULTS, ROOT
from benchmarks.render import PROMPT_TO_PHOTO

PAGE = ROOT / "README.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def rendered(page: str, results: Path = RESULTS) -> str:
    """The README with its generated table as the results have it."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{figures(results)}\n{END}{after}"


def figures(results: Path) -> str:
    """A Markdown table of the main figures."""
    kinds = _rows(results, "photo_to_type")
    hybrid = _rows(results, "hybrid")
    views = _rows(results, "other_view")
    speed = _rows(results, "speed")
    demo = _rows(results, "demo")
    photos = json.loads(PROMPT_TO_PHOTO.read_text("utf-8"))["held_out_half"]
    most = max(row["photos"] for row in speed)

    def hybrid_mrr(way: str) -> str:
        return f"{_one(hybrid, family='all', way=way)['MRR']:.3f}"

    def fast(what: str, digits: int) -> str:
        row = _one(speed, photos=most, what=what)
        return f"{row['p50']:,.{digits}f} {row['unit']}"

    def demo_value(what: str) -> str:
        return f"{_one(demo, what=what)['value']:,.0f}"

    load = _rows(results, "api_load")
    alone = _one(load, kind=SMALL_PHOTO, connections=1)
    in_turns = _rows(results, "api_load", "against the encoder alone")
    many = _one(in_turns, what=f"{SMALL_PHOTO}, 32 connections")
    served = _data_note(results, "api_load", "served catalog")
    starting = _rows(results, "starting_report")
    recipes = [
        f"{_one(starting, encoder=f'recipe: {name}, PyTorch')['ms an image']:.1f} ms"
        for name in ("ResNet50", "ResNet18")
    ]
    own = _one(starting, encoder="ours: resnet18, int8, 224 px")["ms an image"]
    same_kind = _one(kinds, encoder="efficientnet-lite2", measure="R@1")
    nearest_five = _one(kinds, encoder="efficientnet-lite2", measure="P@5")
    view = _one(views, candidates="all photos", right="product", measure="R@1")
    view_five = _one(views, candidates="all photos", right="product", measure="R@5")
    table = [
        ("question", "data", "figure"),
        ("---", "---", "---:"),
        (
            "photo → a product of the same kind first (R@1), among five (P@5)",
            f"{same_kind['queries']} real photos, chance {same_kind['chance']:.3f}",
            f"{same_kind['value']:.3f}, {nearest_five['value']:.3f}",
        ),
        (
            "prompt → the photo of a product whose text was never seen, in ten (R@10)",
            f"{photos['candidates']:.0f} real photos, chance {photos['recall_at_10_chance']:.3f}",
            f"{photos['recall_at_10']:.3f}",
        ),
        (
            "prompt → product with text: keyword only, vectors only, both (MRR)",
            "five families of prompts, real catalog",
            f"{hybrid_mrr('keyword only')}, {hybrid_mrr('vectors only')}, {hybrid_mrr('hybrid')}",
        ),
        (
            "the same product from another side, first (R@1), among five (R@5)",
            f"{view['queries']} renderings, chance {view['chance']:.3f}",
            f"{view['value']:.3f}, {view_five['value']:.3f}",
        ),
        (
            "indexing, end to end; its peak memory",
            f"{most:,} photos, two cores",
            f"{fast('indexing, end to end', 0)}; {fast('indexing, peak memory', 0)}",
        ),
        (
            "search in process: prompt, photo (median)",
            f"{most:,} photos, two cores",
            f"{fast('prompt, in process', 1)}, {fast('photo, in process', 1)}",
        ),
        (
            "`furniture-prompter search` from a cold shell: prompt, photo",
            f"{most:,} photos, two cores",
            f"{fast('prompt, cold shell', 0)}, {fast('photo, cold shell', 0)}",
        ),
        (
            "`serve`, photo of 500 px: one connection (median), 32 connections",
            f"{served}, two cores shared with the load",
            f"{alone['p50, ms']:.1f} ms; {many['images a second']:.0f} a second",
        ),
        (
            "an image by the usual recipe's ResNet50, its ResNet18, our ResNet18 in int8",
            "file to vector, one run, two cores",
            f"{', '.join(recipes)}, {own:.1f} ms",
        ),
        (
            "`make demo` in a fresh clone: time, size of `.venv`",
            "two cores, empty home",
            f"{demo_value('time')} s, {demo_value('installed, .venv')} MB",
        ),
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in table)


def _rows(results: Path, name: str, table: str = "rows") -> list[dict[str, Any]]:
    figures_of = json.loads((results / f"{name}.json").read_text("utf-8"))["figures"]
    rows: list[dict[str, Any]] = figures_of[table]
    return rows


def _data_note(results: Path, name: str, data: str) -> str:
    """What a result says of a data set it was measured on."""
    provenance = json.loads((results / f"{name}.json").read_text("utf-8"))["provenance"]
    note: str = next(each["note"] for each in provenance["data"] if each["name"] == data)
    return note


def _one(rows: list[dict[str, Any]], **wanted: object) -> Mapping[str, Any]:
    found = [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]
    if len(found) != 1:
        raise SystemExit(f"{len(found)} rows are {wanted}. Run the benchmark again.")
    return found[0]


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text("utf-8")), "utf-8")
