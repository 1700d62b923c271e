"""How fast a long feed is read, compared and written, and how much memory that takes."""

import argparse
import csv
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from benchmarks.provenance import ROOT, DataSet, add_output_option, write_result
from furniture_prompter.domain import FeedRow, Product

KINDS: Final = ("chair", "table", "sofa", "lamp", "shelf", "stool", "bed", "desk")
COLOURS: Final = ("oak", "white", "black", "walnut", "grey", "green")
_SAMPLE_S: Final = 0.2
METHOD: Final = """
A feed of made-up rows (id, title, category, colour, description, three attributes, one photo) is
indexed into an empty folder and then once more, unchanged, each run in a fresh process. The photos
are few and shared by many rows, so that the first run writes every row but encodes few pictures. A
second is wall time of the whole call, imports left out. Memory is the process's resident memory,
sampled five times a second: its peak. "rows" hands the rows to indexing as they are, so that what a
file costs to parse is left out; "csv" reads them from a CSV file with the bare command's defaults.
Where other work shares the processors, wall time says little: "processor seconds" are those of the
indexing process with all its threads, and "loop" is what ten million turns of a plain Python loop
took in processor time right before, by which machines can be compared.
"""
AGAINST: Final = """
With --against, every run is made with this program and with an earlier one, each on a catalog of
its own, in turn.
"""

PROGRAM: Final = """
import json, resource, sys, time
from pathlib import Path
from furniture_prompter import assembly
kind, source, catalog, rows = sys.argv[1:]
number = 0
began = time.process_time()
while number < 10_000_000:
    number += 1
loop = time.process_time() - began
if kind == "rows":
    from benchmarks.feed_speed import MadeUpFeed
    # Where the index function looks it up, in this program and in earlier ones.
    made_up = MadeUpFeed(Path(source), int(rows))
    sys.modules[assembly.index.__module__].open_feed = lambda *_, **__: made_up
began, busy = time.perf_counter(), time.process_time()
summary = assembly.index(source, catalog)
seconds = time.perf_counter() - began
print(json.dumps({
    "loop": loop, "seconds": seconds, "cpu_seconds": time.process_time() - busy,
    "version": summary.version, "added": summary.products_added,
    "unchanged": summary.products_unchanged, "set_aside": len(summary.set_aside),
}))
"""


@dataclass(frozen=True)
class MadeUpFeed:
    """Rows that are made as they are asked for.

    Attributes:
        photos: Folder of the photos.
        rows: How many rows.
    """

    photos: Path
    rows: int

    @property
    def name(self) -> str:
        """See :class:`furniture_prompter.domain.Feed`."""
        return "made up"

    def items(self) -> Iterator[FeedRow]:
        """See :class:`furniture_prompter.domain.Feed`."""
        files = sorted(path.resolve() for path in self.photos.glob("*.png"))
        source = self.photos / "feed.csv"
        for number in range(self.rows):
            cells = row_of(number)
            attributes = {name: cells[name] for name in ("price", "brand", "in_stock")}
            product = Product(
                str(cells["id"]),
                str(cells["title"]),
                str(cells["category"]),
                str(cells["color"]),
                str(cells["description"]),
                attributes=attributes,
            )
            yield FeedRow(product, (files[number % len(files)],), source, number + 2)


def row_of(number: int) -> dict[str, Any]:
    """The cells of one row."""
    kind, colour = KINDS[number % len(KINDS)], COLOURS[number // 8 % len(COLOURS)]
    return {
        "id": f"SKU-{number:08}",
        "title": f"{colour.title()} {kind} no. {number}",
        "category": f"{kind}s",
        "color": colour,
        "description": f"A {kind} of {colour} for living room and bedroom, item {number}, with "
        "rounded edges and felt under its feet.",
        "price": 19.9 + number % 1_000,
        "brand": f"Brand {number % 90}",
        "in_stock": number % 7 != 0,
    }


def make_photos(folder: Path, count: int) -> None:
    """Small pictures, each of other content."""
    folder.mkdir()
    random = np.random.default_rng(1)
    for number in range(count):
        pixels = random.integers(0, 255, (64, 64, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:05}.png")


def make_csv(path: Path, rows: int, photos: int) -> None:
    """The rows as a CSV file beside their photos."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*row_of(0), "image"])
        writer.writeheader()
        for number in range(rows):
            image = f"photos/{number % photos:05}.png"
            writer.writerow({**row_of(number), "image": image})


def run(
    kind: str, source: Path, catalog: Path, rows: int, code: Path = ROOT / "src"
) -> dict[str, Any]:
    """One indexing run in a process of its own; what it says, and its peak memory in MB."""
    words = [sys.executable, "-c", PROGRAM, kind, str(source), str(catalog), str(rows)]
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(code)},
        stdout=subprocess.PIPE,
        text=True,
    )
    peak_kb = 0
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        try:
            lines = status.read_text("ascii").splitlines()
        except OSError:
            break
        peak_kb = max(peak_kb, *(int(each.split()[1]) for each in lines if "VmRSS" in each), 0)
        time.sleep(_SAMPLE_S)
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"Indexing ended with {process.returncode}.")
    told: dict[str, Any] = json.loads(out)
    return {**told, "peak_mb": peak_kb / 1_000}


def measure(
    kind: str, rows: int, photos: int, work: Path, programs: Mapping[str, Path], repeats: int
) -> list[Mapping[str, Any]]:
    """First and further runs over one feed; a row of the result for each.

    Args:
        kind: Who makes the rows.
        rows: How many.
        photos: How many photos they share.
        work: Where catalogs are made; those that are there from an earlier call are indexed once
            more, and their first run is not told.
        programs: Folders of the programs to run in turn, by the name of their catalogs.
        repeats: Runs over the feed as it is, for each program.
    """
    folder = work / f"{kind}-{rows}"
    source = folder / "photos" if kind == "rows" else folder / "feed.csv"
    if not folder.exists():
        folder.mkdir()
        make_photos(folder / "photos", photos)
        if kind == "csv":
            make_csv(source, rows, photos)
        # A photo that was written a moment ago may still change, and is read once more for that.
        time.sleep(2.5)
    found: list[Mapping[str, Any]] = []
    for turn in range(repeats + 1):
        for program, code in programs.items():
            told = run(kind, source, folder / program, rows, code)
            if told["added"] + told["unchanged"] != rows:
                raise SystemExit(f"Not all rows were taken: {told}")
            if not turn and not told["added"]:
                continue
            figures = {
                "feed": kind,
                "rows": rows,
                **({"program": program} if len(programs) > 1 else {}),
                "run": "unchanged" if turn else "first",
                "seconds": round(told["seconds"], 1),
                "processor seconds": round(told["cpu_seconds"], 1),
                "loop (processor s)": round(told["loop"], 2),
                "rows a second": round(rows / told["seconds"]),
                "rows a processor second": round(rows / told["cpu_seconds"]),
                "peak memory (MB)": round(told["peak_mb"]),
            }
            print(figures, flush=True)
            found.append(figures)
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[200_000, 1_000_000])
    parser.add_argument("--photos", type=int, default=500, help="distinct photos")
    parser.add_argument("--feeds", nargs="+", choices=("rows", "csv"), default=["rows", "csv"])
    parser.add_argument(
        "--work", type=Path, help="folder for catalogs, which stay; a temporary one if left out"
    )
    parser.add_argument(
        "--against", type=Path, help="src folder of an earlier program to measure in turn"
    )
    parser.add_argument("--repeats", type=int, default=1, help="runs over the unchanged feed")
    add_output_option(parser, "feed_speed")
    given = parser.parse_args()
    programs = {"catalog": ROOT / "src"}
    if given.against is not None:
        programs = {"now": ROOT / "src", "before": given.against.resolve()}
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        rows = [
            row
            for count in given.rows
            for kind in given.feeds
            for row in measure(kind, count, given.photos, work, programs, given.repeats)
        ]
    write_result(
        given.out,
        title="Long feeds: speed and memory"
        if given.against is None
        else "Long feeds: now and before",
        data=[
            DataSet(
                "made-up rows",
                hashlib.sha256(json.dumps(row_of(0)).encode()).hexdigest(),
                f"Up to {max(given.rows):,} rows, made as they are asked for; the hash is of the "
                "first one.",
            )
        ],
        method=METHOD + (AGAINST if given.against is not None else ""),
        figures={"rows": rows},
    )


if __name__ == "__main__":
    main()
