"""What a catalog's size costs: queries, memory and disk at 20,000, 200,000 and more products."""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
from PIL import Image

from benchmarks.api_server import ServedApi
from benchmarks.datasets import IKEA_DEV, card_hashes, encode_files, real_shop
from benchmarks.feed_speed import row_of
from benchmarks.provenance import ROOT, DataSet, add_output_option, write_result
from benchmarks.vector_engines.grown_vectors import grown
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder

SHOPS: Final = ("ikea-dev", "shop2-dev")
ASKED: Final = 100
WARM_UP: Final = 10
ONE_PERCENT: Final = "price < 29.9"
WRITES: Final = 50
SERVED: Final = 2_000
FACETS: Final = ("category", "color", "price")
METHOD: Final = f"""
A catalog of made-up rows as in feed_speed.json, each with a photo and a vector of its own. {ASKED}
photos of ikea-dev and shop2-dev are what is asked with; the vectors of all others are grown to as
many as there are products (x + (y - z) / 2 for three random ones, to length 1), and stand in for
what the encoder would have said of the rows' photos, squares of a few pixels that name their
vector. A fresh process opens the catalog and asks one query at a time through the library after
{WARM_UP} to warm up: prompts "colour kind", photos as vectors (decoding and encoding, which do not
depend on the catalog, are in speed.json), both, prompts behind a filter that keeps one in a hundred
("{ONE_PERCENT}" and some thousandths, another for each, for what passed one before is kept), and
prompts with facets ({", ".join(FACETS)}). "first" is from starting to open to the first answer.
Memory is the process's peak. recall@10 is of photo queries without diversity, against an exact scan
of the float32 vectors. Index time, its memory and the disk are of the first run; the second reads
the same feed once more in a fresh process. Then `furniture-prompter serve` answers from a copy:
from its start to the first 200 of /readyz, its memory then and after {SERVED:,} prompts, each
another (all that is resident, and of it what one more worker would take too, as it is no part of a
file), and {WRITES} PUT of a product whose price changes, one after the other, from sending to the
answer, by when the product is found so, with what the server handed to the system to write for one;
a write that folds (about one in 16 gathers small files) is among them. Other work shared the two
processors, some five processes for each, so that times say no more than an order.
"""

INDEX: Final = """
import json, resource, sys, time
from pathlib import Path
import numpy as np
from benchmarks.catalog_size import numbered
from furniture_prompter import assembly
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
feed, catalog, vectors = (Path(each) for each in sys.argv[1:])
rows = np.load(vectors, mmap_mode="r")
# What indexing encodes beside the photos, such as noise, gets any vector.
OnnxEncoder.encode = lambda _, images: np.stack(
    [rows[numbered(image) % len(rows)] for image in images]
)
began = time.perf_counter()
summary = assembly.index(feed, catalog)
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": seconds, "peak_mb": peak / 1_000, "added": summary.products_added}))
"""

ASK: Final = """
import json, resource, statistics, sys, time
import numpy as np
from benchmarks.catalog_size import ASKED, FACETS, ONE_PERCENT, WARM_UP
from benchmarks.feed_speed import COLOURS, KINDS
from furniture_prompter import event_loop
from furniture_prompter.assembly import Catalog
from furniture_prompter.domain import Query
folder, asked = sys.argv[1:]
photos = np.load(asked)
prompts = [f"{COLOURS[n * 7 % len(COLOURS)]} {KINDS[n % len(KINDS)]}" for n in range(len(photos))]
began = time.perf_counter()
with Catalog.open(folder) as catalog:
    def ask(number, prompt=False, photo=False, **options):
        if "where" in options:
            options["where"] += f"{number:04}"
        query = Query(prompt=prompts[number] if prompt else None, **options)
        vector = photos[number] if photo else None
        return event_loop.run(catalog.search_async(query, photo_vector=vector))
    ask(0, prompt=True)
    first = time.perf_counter() - began
    ways = {
        "prompt": {"prompt": True},
        "photo": {"photo": True},
        "photo + prompt": {"prompt": True, "photo": True},
        "prompt, 1 % filter": {"prompt": True, "where": ONE_PERCENT},
        "prompt, facets": {"prompt": True, "facets": FACETS},
    }
    told = {"first": first}
    for name, options in ways.items():
        times = []
        for number in range(len(photos)):
            began = time.perf_counter()
            ask(number, **options)
            times.append(1_000 * (time.perf_counter() - began))
        told[name] = times[WARM_UP:]
    told["found"] = [
        [hit.product.id for hit in ask(number, photo=True, diversity=0.0, limit=10).hits]
        for number in range(len(photos))
    ]
told["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
print(json.dumps(told))
"""


def numbered(image: np.ndarray[Any, np.dtype[np.uint8]]) -> int:
    """The number that a picture of :func:`write_feed` names."""
    red, green, blue = (int(value) for value in image[0, 0])
    return red * 65_536 + green * 256 + blue


def write_feed(folder: Path, count: int) -> Path:
    """Made-up rows, each with a photo of one colour that is its number."""
    photos = folder / "photos"
    photos.mkdir(parents=True)
    feed = folder / "feed.jsonl"
    with feed.open("w", encoding="utf-8") as file:
        for number in range(count):
            parts = (number // 65_536, number // 256 % 256, number % 256)
            inner = photos / f"{number // 1_000:04}"
            inner.mkdir(exist_ok=True)
            photo = inner / f"{number:07}.png"
            Image.new("RGB", (64, 64), parts).save(photo, compress_level=1)
            line = {**row_of(number), "image": str(photo.relative_to(folder))}
            file.write(json.dumps(line) + "\n")
    return feed


def run(program: str, *words: Path) -> dict[str, Any]:
    """A program in a process of its own; what it says."""
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


AGAIN: Final = """
import json, sys, time
from furniture_prompter import assembly
began = time.perf_counter()
summary = assembly.index(*sys.argv[1:])
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "unchanged": summary.products_unchanged}))
"""


def served(catalog: Path, count: int) -> dict[str, Any]:
    """What a server of a copy takes to start, holds, and takes for a PUT."""
    with tempfile.TemporaryDirectory(dir=catalog.parent) as folder:
        copy = Path(folder) / "catalog"
        shutil.copytree(catalog, copy)
        began = time.perf_counter()
        with ServedApi.of_catalog(copy, Path(folder) / "log", log_level="warning") as api:
            told: dict[str, Any] = {"start": time.perf_counter() - began}
            told |= {"memory": api.resident_mb(), "own": api.own_mb()}
            times, written = [], []
            with httpx.Client(base_url=api.url, timeout=120) as client:
                for number in range(SERVED):
                    row = row_of(number)
                    body = {"prompt": f"{row['color']} {row['title']}"}
                    client.post("/v1/search", json=body).raise_for_status()
                told |= {"later": api.resident_mb(), "own later": api.own_mb()}
                for number in range(WRITES):
                    row = row_of(count // 2 + number)
                    address = f"/v1/products/{row.pop('id')}"
                    before = api.written_bytes()
                    began = time.perf_counter()
                    client.put(address, json={**row, "price": 5 + number}).raise_for_status()
                    times.append(1_000 * (time.perf_counter() - began))
                    written.append(api.written_bytes() - before)
    return {**told, "writes": times, "written": written}


def real_vectors() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Of a photo of every third product of both measuring sets, in an order drawn once."""
    encoder = OnnxEncoder.load(encoder_folder("default"))
    files = [each.images[0] for shop in SHOPS for each in real_shop(shop).products[::3]]
    return np.random.default_rng(24).permutation(encode_files(encoder, files))


def measure(
    count: int, real: np.ndarray[Any, np.dtype[np.float32]], work: Path
) -> list[dict[str, Any]]:
    """Rows of one size; a catalog that is there from an earlier call is asked as it is.

    What indexing it took stands beside it.
    """
    folder = work / f"products-{count}"
    asked, vectors, catalog = folder / "asked.npy", folder / "vectors.npy", folder / "catalog"
    indexed = folder / "indexed.json"
    rows: list[dict[str, Any]] = []

    def add(what: str, **values: float | str) -> None:
        rows.append({"products": count, "what": what, **values})
        print(rows[-1], flush=True)

    if not catalog.exists():
        feed = write_feed(folder, count)
        np.save(asked, real[:ASKED])
        np.save(vectors, grown(real[ASKED:], count, 24))
        # A photo that was written a moment ago may still change, and is read once more for that.
        time.sleep(2.5)
        made = run(INDEX, feed, catalog, vectors)
        if made["added"] != count:
            raise SystemExit(f"Not all rows were taken: {made}")
        disk = sum(each.stat().st_size for each in catalog.rglob("*") if each.is_file())
        add("indexing", p50=round(count / made["seconds"]), unit="products/s")
        add("indexing, peak memory", p50=round(made["peak_mb"]), unit="MB")
        add("catalog on disk", p50=round(disk / 1e6), unit="MB")
        again = run(AGAIN, feed, catalog)
        if again["unchanged"] != count:
            raise SystemExit(f"The second run was to find nothing new: {again}")
        add("second run, nothing new", p50=round(again["seconds"], 1), unit="s")
        indexed.write_text(json.dumps(rows), "utf-8")
    else:
        rows += json.loads(indexed.read_text("utf-8"))
    told = run(ASK, catalog, asked)
    add("first answer", p50=round(told.pop("first"), 2), unit="s")
    add("asking, peak memory", p50=round(told.pop("peak_mb")), unit="MB")
    stored = np.load(vectors, mmap_mode="r")
    exact = [np.argsort(-(stored @ query), kind="stable")[:10] for query in np.load(asked)]
    ids = [{row_of(int(number))["id"] for number in nearest} for nearest in exact]
    hit = [
        len(right & set(found)) / 10 for right, found in zip(ids, told.pop("found"), strict=True)
    ]
    for name, times in told.items():
        p50, p95, p99 = np.percentile(times, [50, 95, 99]).round(1).tolist()
        add(name, p50=p50, p95=p95, p99=p99, unit="ms")
    add("photo, recall@10", p50=round(float(np.mean(hit)), 3), unit="share")
    server = served(catalog, count)
    add("serve, start", p50=round(server["start"], 2), unit="s")
    for when, resident, own in (
        ("at start", "memory", "own"),
        (f"after {SERVED:,} prompts", "later", "own later"),
    ):
        add(f"serve, memory {when}", p50=round(server[resident]), unit="MB")
        add(f"serve, memory {when}, of it its own", p50=round(server[own]), unit="MB")
    p50, p95, p99 = np.percentile(server["writes"], [50, 95, 99]).round(1).tolist()
    add("PUT of a product", p50=p50, p95=p95, p99=p99, unit="ms")
    p50, p95, p99 = np.percentile(server["written"], [50, 95, 99]).round(-3).tolist()
    add("PUT of a product, written", p50=p50 / 1e3, p95=p95 / 1e3, p99=p99 / 1e3, unit="kB")
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--work", type=Path, help="folder for catalogs, which stay there")
    add_output_option(parser, "catalog_size")
    given = parser.parse_args(arguments)
    real = real_vectors()
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        rows = [row for count in given.sizes for row in measure(count, real, work)]
    first = hashlib.sha256(json.dumps(row_of(0)).encode()).hexdigest()
    note = f"Up to {max(given.sizes):,} rows, made as they are asked for; the hash is of the first."
    write_result(
        given.out,
        title="What a catalog's size costs",
        data=[
            DataSet("made-up rows", first, note),
            *(real_shop(shop, IKEA_DEV.parent).source for shop in SHOPS),
        ],
        method=METHOD,
        figures={"rows": rows},
        encoders=card_hashes("default", "default-prompt"),
    )


if __name__ == "__main__":
    main()
