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
from dataclasses import dataclass
from pathlib import Path

from benchmarks.datasets import IKEA_DEV, BenchmarkSet, ikea_dev, load_products, write_feed
from benchmarks.provenance import RESULTS, ROOT
from benchmarks.reference_recipe import recipe_turns
from benchmarks.vector_engines.trials import TrialSettings, measure_indexes
from furniture_prompter import index
from furniture_prompter.assembly.benchmarking import BenchmarkRequest, benchmark
from furniture_prompter.cli.terminal import messages, show_progress
from furniture_prompter.evaluation.running import IndexFindings, IndexTrials, OnProgress, Vectors

ENCODERS = ("default", "imagenet-ensemble")
SUITES = ROOT / "benchmarks" / "suites"
RENDERS_SOURCE = "rendered by tools/catalog_builder from Sweet Home 3D models"
RENDERS_LICENCE = "CC0-1.0 and CC-BY-3.0"
PHOTOS_SOURCE = "product photos of a furniture maker, for measuring only"
PHOTOS_LICENCE = "all rights with the maker; for measuring only"


@dataclass(frozen=True, slots=True)
class Part:
    """A report on one set of photos by one suite.

    Attributes:
        suite: What is measured.
        of_photos: Of the real photos; else of the builder's renders.
        compares_encoders: With every encoder; else with the default alone.
        trials: How engines are compared on the first encoder's vectors; None leaves them out.
    """

    suite: Path
    of_photos: bool = False
    compares_encoders: bool = True
    trials: TrialSettings | None = None


PARTS = {
    "renders": Part(
        SUITES / "renders.toml",
        trials=TrialSettings(sizes=(100_000,), shares_kept=(1.0, 0.01), peers=True),
    ),
    "ikea-dev": Part(SUITES / "ikea-dev.toml", of_photos=True),
    "index-million": Part(
        SUITES / "index-million.toml",
        compares_encoders=False,
        trials=TrialSettings(sizes=(1_000_000,), shares_kept=(1.0, 0.01)),
    ),
}


def report(
    data: BenchmarkSet, part: Part, out: Path, encoders: list[str], results: Path | None
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
            suite=part.suite,
            name=data.source.name,
            source=PHOTOS_SOURCE if part.of_photos else RENDERS_SOURCE,
            licence=PHOTOS_LICENCE if part.of_photos else RENDERS_LICENCE,
            results=results,
            command=f"python -m benchmarks.report ({data.source.name})",
        )
        with show_progress(messages()) as progress:
            benchmark(
                request,
                out,
                progress=progress,
                rivals=recipe_turns,
                index_trials=index_trials(part.trials),
            )
    finally:
        shutil.rmtree(work)
    return time.perf_counter() - began


def index_trials(settings: TrialSettings | None) -> IndexTrials | None:
    """Engines compared as a section of the report; None for the catalog's own search."""
    if settings is None:
        return None

    def trials(vectors: Vectors, on_progress: OnProgress) -> IndexFindings:
        with tempfile.TemporaryDirectory() as work:
            return measure_indexes(vectors, settings, Path(work), on_progress=on_progress)

    return trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("feed", type=Path, help="products.jsonl of the builder's full set")
    parser.add_argument("students", nargs="*", help="folders of students to compare as well")
    parser.add_argument("--data", type=Path, default=IKEA_DEV, help="folder of the measuring set")
    parser.add_argument(
        "--only",
        choices=PARTS,
        help="one part; the indexes over a million vectors, half an hour, are never run otherwise",
    )
    parser.add_argument("--out", type=Path, default=Path("benchmark-report"))
    parser.add_argument("--file", action="store_true", help="file the results in this checkout")
    arguments = parser.parse_args()
    results = RESULTS if arguments.file else None
    encoders = [*ENCODERS, *arguments.students]
    for name in [arguments.only] if arguments.only else ["renders", "ikea-dev"]:
        part = PARTS[name]
        if part.of_photos and not (arguments.data / "products.jsonl").is_file():
            print(
                f"There is no {arguments.data}: real photos were left out. Name them with --data.",
                file=sys.stderr,
            )
            continue
        data = (
            ikea_dev(arguments.data)
            if part.of_photos
            else load_products(arguments.feed, "rendered catalog")
        )
        asked = encoders if part.compares_encoders else ["default"]
        seconds = report(data, part, arguments.out / name, asked, results)
        print(f"{name}: {seconds:,.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
