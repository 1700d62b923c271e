"""The benchmark report on both data sets: ``python -m benchmarks.report FEED [STUDENT …]``.

Indexes the builder's full set and the measuring set of real photos with the encoder that ships,
compares encoders on each and writes both reports; with ``--file`` each encoder's result is kept
under ``benchmarks/results`` as well. Pictures of the measuring set must not be passed on, so
reports stay outside the repository.
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
MILLION_SUITE = ROOT / "benchmarks" / "suites" / "index-million.toml"
PHOTOS_SUITE = ROOT / "benchmarks" / "suites" / "ikea-dev.toml"
RENDERS_SOURCE = "rendered by tools/catalog_builder from Sweet Home 3D models"
PHOTOS_SOURCE = "product photos of a furniture maker, for measuring only"


def report(
    data: BenchmarkSet,
    suite: Path,
    out: Path,
    encoders: list[str],
    source: str,
    licence: str,
    results: Path | None,
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
            results=results,
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
    parser.add_argument(
        "--only",
        choices=("renders", "ikea-dev", "index-million"),
        help="one part; the indexes over a million vectors, half an hour, are never run otherwise",
    )
    parser.add_argument("--out", type=Path, default=Path("benchmark-report"))
    parser.add_argument("--file", action="store_true", help="file the results in this checkout")
    arguments = parser.parse_args()
    results = RESULTS if arguments.file else None
    encoders = [*ENCODERS, *arguments.students]
    parts = {"renders": (RENDERS_SUITE, encoders), "index-million": (MILLION_SUITE, ["default"])}
    for name, (suite, asked) in parts.items():
        if arguments.only == name or (arguments.only is None and suite == RENDERS_SUITE):
            renders = load_products(arguments.feed, "rendered catalog")
            licence = "CC0-1.0 and CC-BY-3.0"
            out = arguments.out / name
            seconds = report(renders, suite, out, asked, RENDERS_SOURCE, licence, results)
            print(f"{name}: {seconds:,.0f} s", file=sys.stderr)
    if arguments.only in parts:
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
        results,
    )
    print(f"{photos.source.name}: {seconds:,.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
