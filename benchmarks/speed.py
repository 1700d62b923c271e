"""How fast indexing and searching are, and how much memory indexing takes."""

import argparse
import dataclasses
import itertools
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.datasets import (
    IKEA_DEV,
    BenchmarkProduct,
    BenchmarkSet,
    card_hashes,
    ikea_dev,
    load_products,
    write_feed,
)
from benchmarks.provenance import ROOT, add_output_option, write_result
from furniture_prompter.assembly import Catalog

FIELDS = ("category", "color", "description")
ASKED = 300
WARM_UP = 20
COLD_RUNS = 7
TARGETS = {
    "indexing, end to end": "≥ 100 photos/s",
    "indexing, peak memory": "≤ 600 MB",
    "prompt, in process": "p50 ≤ 5 ms",
    "photo, in process": "p50 ≤ 15 ms",
    "prompt, cold shell": "≤ 1,500 ms",
    "photo, cold shell": "≤ 1,500 ms",
}

METHOD = f"""
Indexing: a fresh process indexes a feed into an empty folder, decoding, encoding, aligning, writing
and building indexes included; photos a second over the whole call, and the process's peak resident
memory (VmHWM, read by itself at the end); the median of the runs, page cache warm. In process:
Catalog.search with the defaults, one query at a time, {ASKED} queries after {WARM_UP} to warm up.
Prompts are "category, color" of the measuring set. Photos are its product photos as files, so
reading and decoding are included; none of them is in the catalog, so that nearly all are tried in
four turns, which a photo of what the catalog has is not. Cold shell: the wall time of
`furniture-prompter search … --json` as a new process, median of {COLD_RUNS}; files in the page
cache.
"""

INDEX_PROGRAM = """
import json, sys, time
began = time.perf_counter()
from furniture_prompter.assembly import index
summary = index(sys.argv[1], sys.argv[2])
seconds = time.perf_counter() - began
status = open("/proc/self/status").read()
peak_kib = int(status.split("VmHWM:")[1].split()[0])
print(json.dumps({"seconds": seconds, "photos": summary.photos_encoded + summary.photos_reused,
                  "peak_mb": peak_kib * 1024 / 1e6, "set_aside": len(summary.set_aside)}))
"""


def index_once(feed: Path, catalog: Path) -> dict[str, float]:
    """Index in a process of its own; what it says of itself."""
    # VmHWM belongs to the new process's own memory; ru_maxrss would count this one's as well.
    done = subprocess.run(
        [sys.executable, "-c", INDEX_PROGRAM, str(feed), str(catalog)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    answer: dict[str, float] = json.loads(done.stdout)
    if answer["set_aside"]:
        raise SystemExit(f"{answer['set_aside']:.0f} rows of {feed} were set aside; mend the feed.")
    return answer


def first_photos(products: Iterable[BenchmarkProduct], count: int) -> Iterator[BenchmarkProduct]:
    """Products in order until they have `count` photos, the last one cut short."""
    left = count
    for product in products:
        if left <= 0:
            return
        kept = product.images[:left]
        left -= len(kept)
        yield BenchmarkProduct(
            product.id,
            product.title,
            product.category,
            product.color,
            product.description,
            product.family,
            kept,
        )


def stretched(products: tuple[BenchmarkProduct, ...], folder: Path) -> Iterator[BenchmarkProduct]:
    """The products, then copies of them without end.

    A copy's pictures carry a comment behind the JPEG's end marker, so that their content hash is
    new and they are read, decoded and encoded like any other.
    """
    yield from products
    folder.mkdir(parents=True)
    for turn in itertools.count(1):
        for number, product in enumerate(products):
            images = []
            for view, source in enumerate(product.images):
                copy = folder / f"{turn}-{number}-{view}{source.suffix}"
                copy.write_bytes(source.read_bytes() + f"copy {turn}".encode())
                images.append(copy)
            name = f"{product.id}-copy-{turn}"
            yield dataclasses.replace(product, id=name, images=tuple(images))


def percentiles(ask: Callable[[int], object]) -> dict[str, float]:
    """p50 and p95 of one question, in milliseconds."""
    times = []
    for number in range(WARM_UP + ASKED):
        began = time.perf_counter()
        ask(number)
        times.append(1_000 * (time.perf_counter() - began))
    p50, p95 = np.percentile(times[WARM_UP:], [50, 95])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}


def in_process(catalog: Path, asked: BenchmarkSet) -> dict[str, dict[str, float]]:
    """Latencies by kind of query."""
    prompts = [f"{product.category}, {product.color}" for product in asked.products]
    photos = [product.images[0] for product in asked.products]
    with Catalog.open(catalog) as opened:
        return {
            "prompt": percentiles(lambda n: opened.search(prompts[n % len(prompts)])),
            "photo": percentiles(lambda n: opened.search(photo=photos[n % len(photos)])),
            "both": percentiles(
                lambda n: opened.search(prompts[n % len(prompts)], photo=photos[n % len(photos)])
            ),
        }


def cold_shell(catalog: Path, query: list[str]) -> float:
    """Median wall time of the command, in milliseconds."""
    program = Path(sys.executable).with_name("furniture-prompter")
    command = [str(program), "search", *query, "--catalog", str(catalog), "--json"]
    times = []
    for _ in range(COLD_RUNS):
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        times.append(1_000 * (time.perf_counter() - began))
        if done.returncode or not json.loads(done.stdout)["hits"]:
            raise SystemExit(f"The command found nothing and said: {done.stderr}")
    return round(statistics.median(times), 0)


def measure(feed: Path, asked: BenchmarkSet, work: Path, repeats: int) -> list[dict[str, Any]]:
    """Rows for one feed."""
    catalog = work / "catalog"
    runs = []
    for _ in range(repeats):
        shutil.rmtree(catalog, ignore_errors=True)
        runs.append(index_once(feed, catalog))
        print(runs[-1], file=sys.stderr)
    photos = int(runs[0]["photos"])
    rows: list[dict[str, Any]] = []

    def add(what: str, unit: str, **values: float) -> None:
        row = {"photos": photos, "what": what, **values, "unit": unit, "target": TARGETS.get(what)}
        rows.append(row)
        print(row)

    rate = statistics.median(run["photos"] / run["seconds"] for run in runs)
    add("indexing, end to end", "photos/s", p50=round(rate, 1))
    peak = statistics.median(run["peak_mb"] for run in runs)
    add("indexing, peak memory", "MB", p50=round(peak, 0))
    for kind, values in in_process(catalog, asked).items():
        add(f"{kind}, in process", "ms", **values)
    photo = str(asked.products[0].images[0])
    add("prompt, cold shell", "ms", p50=cold_shell(catalog, ["white wooden stool"]))
    add("photo, cold shell", "ms", p50=cold_shell(catalog, ["--photo", photo]))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("feed", type=Path, help="products.jsonl of a rendered set")
    parser.add_argument("--data", type=Path, default=IKEA_DEV, help="folder of the measuring set")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 5_766], help="in photos")
    parser.add_argument("--repeats", type=int, default=3, help="index runs")
    parser.add_argument(
        "--stretch", action="store_true", help="repeat the feed's photos where it has too few"
    )
    add_output_option(parser, "speed")
    arguments = parser.parse_args()
    full = load_products(arguments.feed, "rendered set")
    asked = ikea_dev(arguments.data)
    held = sum(len(product.images) for product in full.products)
    if held < max(arguments.sizes) and not arguments.stretch:
        raise SystemExit(
            f"{arguments.feed} has {held} photos. Ask for fewer with --sizes, or repeat them with "
            "--stretch."
        )
    sides = []
    for product in asked.products[:ASKED]:
        with Image.open(product.images[0]) as image:
            sides.append(max(image.size))
    rows = []
    for size in arguments.sizes:
        work = Path(tempfile.mkdtemp())
        try:
            products = stretched(full.products, work / "copies")
            feed = write_feed(first_photos(products, size), work / "feed", FIELDS)
            rows += measure(feed, asked, work, arguments.repeats)
        finally:
            shutil.rmtree(work)
    repeated = ""
    if held < max(arguments.sizes):
        repeated = (
            f"The set has {held} photos; beyond those, photos are byte-different copies of them, "
            "which cost the same to read, decode and encode, with products of their own."
        )
    longer = f"The asked photos' longer side is {statistics.median(sides):.0f} px in the median."
    write_result(
        arguments.out,
        title="Speed and memory",
        data=[full.source, asked.source],
        method=f"{METHOD} {repeated} {longer}",
        figures={"rows": rows},
        encoders=card_hashes("default", "default-prompt"),
    )


if __name__ == "__main__":
    main()
