"""From the bundled catalog to a student that answers: one command, its time, and the search after.

``furniture-prompter index``, ``distill`` and ``search`` as a user types them, in an empty folder.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.datasets import bundled
from benchmarks.provenance import add_output_option, write_result
from furniture_prompter.bundled import catalog_feed

STUDENT = "mobilenetv2-small"
MINUTES = 2
PROMPT = "wooden chair with a high back"

METHOD = f"""
In an empty folder the bundled catalog is indexed with `imagenet-ensemble`, which was built before;
`distill` trains {STUDENT} on it for {MINUTES} minutes and exports it; then the teacher's catalog is
searched by the student with a photo, and a catalog that the student embedded itself is searched
with words, by an alignment fitted on its own vectors. Wall times of whole commands, processes
started anew. "Teacher" is the same photo asked by the teacher. What the student gives up is under
"Teacher and students"; here it learned from the photos that it is asked with.
"""


def typed(arguments: list[str], folder: Path) -> tuple[float, dict[str, Any], str]:
    """Run a command with --json: seconds, its answer, and what a reader would type."""
    program = Path(sys.executable).with_name("furniture-prompter")
    began = time.perf_counter()
    done = subprocess.run(
        [program, *arguments, "--json"], cwd=folder, stdout=subprocess.PIPE, text=True, check=True
    )
    seconds = time.perf_counter() - began
    shown = [Path(part).name if part.startswith("/") else part for part in arguments]
    answer: dict[str, Any] = json.loads(done.stdout)
    return seconds, answer, shlex.join(["furniture-prompter", *shown])


def first_hits(answer: dict[str, Any]) -> str:
    """Titles of the first three."""
    return "; ".join(hit["product"]["title"] for hit in answer["hits"][:3])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--seed", type=int, default=0)
    add_output_option(parser, "distill_bundled")
    arguments = parser.parse_args()
    data = bundled()
    feed, photo = str(catalog_feed()), str(data.products[0].images[-1])
    teacher, distil = ["--encoder", "imagenet-ensemble"], ["--minutes", str(arguments.minutes)]
    steps = {
        "index, by the teacher": ["index", feed, "--catalog", "shop", *teacher],
        "distill": ["distill", "shop", "--student", STUDENT, "--out", "student", *distil],
        "search: photo, teacher": ["search", "--photo", photo, "--catalog", "shop"],
        "search: photo, student in the teacher's catalog": [
            *("search", "--photo", photo, "--catalog", "shop", "--encoder", "student")
        ],
        "index, by the student": ["index", feed, "--catalog", "own", "--encoder", "student"],
        "search: words, the student's own catalog": ["search", PROMPT, "--catalog", "own"],
    }
    rows: list[dict[str, object]] = []
    hashes = {}
    with tempfile.TemporaryDirectory() as work:
        for name, command in steps.items():
            seconds, answer, shown = typed(command, Path(work))
            row: dict[str, object] = {"step": name, "typed": f"`{shown}`"}
            row["seconds"] = round(seconds, 1)
            if "card" in answer:
                hashes[STUDENT] = answer["card"]["weights_sha256"]
                row["steps trained"] = answer["steps"]
                for figure in ("asymmetric_overlap_at_10", "mean_cosine_to_teacher"):
                    row[figure.replace("_", " ")] = answer["card"]["figures"][figure]
            if "hits" in answer:
                row["first hits"] = first_hits(answer)
            rows.append(row)
            print(row, flush=True)
    write_result(
        arguments.out,
        title="A student of the bundled catalog",
        data=[data.source],
        method=METHOD,
        figures={"rows": rows},
        encoders=hashes,
    )


if __name__ == "__main__":
    main()
