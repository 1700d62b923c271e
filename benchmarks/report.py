"""The benchmark report on both data sets: ``python -m benchmarks.report FEED [STUDENT …]``.

Indexes the builder's full set and the measuring set of real photos with the encoder that ships,
compares encoders on each, writes both reports and files each encoder's result under
``benchmarks/results``. Pictures of the measuring set must not be passed on, so reports stay outside
the repository.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.datasets import IKEA_DEV, BenchmarkSet, ikea_dev, load_products, write_feed
from benchmarks.provenance import RESULTS, ROOT
from furniture_prompter import index
from furniture_prompter.assembly.benchmarking import BenchmarkRequest, benchmark
from furniture_prompter.cli.progress import show_progress
from furniture_prompter.cli.terminal import messages

ENCODERS = ("default", "imagenet-ensemble")
RENDERS_SUITE = ROOT / "benchmarks" / "suites" / "renders.toml"
PHOTOS_SUITE = ROOT / "benchmarks" / "suites" / "ikea-dev.toml"
RENDERS_SOURCE = "rendered by tools/catalog_builder from Sweet Home 3D models"
PHOTOS_SOURCE = "product photos of a furniture maker, for measuring only"


def report(
    data: BenchmarkSet, suite: Path, out: Path, encoders: list[str], source: str, licence: str
) -> float:
    """Index, measure, write and file one data set; seconds it took."""
    began = time.perf_counter()
    work = Path(tempfile.mkdtemp())
    try:
        feed = write_feed(data.products, work / "feed", ("category", "color", "description"))
        with show_progress(messages()) as progress:
            index(feed, work / "catalog", progress=progress)
        request = BenchmarkRequest(
            catalog=work / "catalog",
            encoders=encoders,
            suite=suite,
            name=data.source.name,
            source=source,
            licence=licence,
            results=RESULTS,
            command=f"python -m benchmarks.report ({data.source.name})",
        )
        with show_progress(messages()) as progress:
            benchmark(request, out, progress=progress)
    finally:
        shutil.rmtree(work)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("feed", type=Path, help="products.jsonl of the builder's full set")
    parser.add_argument("students", nargs="*", help="folders of students to compare as well")
    parser.add_argument("--data", type=Path, default=IKEA_DEV, help="folder of the measuring set")
    parser.add_argument("--only", choices=("renders", "ikea-dev"), help="one of the two sets")
    parser.add_argument("--out", type=Path, default=Path("benchmark-report"))
    arguments = parser.parse_args()
    encoders = [*ENCODERS, *arguments.students]
    if arguments.only != "ikea-dev":
        renders = load_products(arguments.feed, "rendered catalog")
        seconds = report(
            renders,
            RENDERS_SUITE,
            arguments.out / "renders",
            encoders,
            RENDERS_SOURCE,
            "CC0-1.0 and CC-BY-3.0",
        )
        print(f"{renders.source.name}: {seconds:,.0f} s", file=sys.stderr)
    if arguments.only == "renders":
        return
    if not (arguments.data / "products.jsonl").is_file():
        print(
            f"There is no {arguments.data}: real photos were left out. Name them with --data.",
            file=sys.stderr,
        )
        return
    photos = ikea_dev(arguments.data)
    seconds = report(
        photos,
        PHOTOS_SUITE,
        arguments.out / "ikea-dev",
        encoders,
        PHOTOS_SOURCE,
        "all rights with the maker; for measuring only",
    )
    print(f"{photos.source.name}: {seconds:,.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
