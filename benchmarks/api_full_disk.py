"""The API on a disk that fills up while products are stored and others search.

The disk is a tmpfs of its own, which needs the right to mount: run as root, on Linux.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.api_loads import MIXED, Loads, Plan, jpeg
from benchmarks.api_outages import Row, counts, version_of
from benchmarks.api_server import ServedApi, copied
from benchmarks.datasets import IKEA_DEV, BenchmarkSet, card_hashes, ikea_dev
from benchmarks.http_load import outcome_of
from benchmarks.provenance import add_output_option, write_result
from furniture_prompter.assembly import Catalog

ROOM_MB = 60
BALLAST_MB = 40
REFUSED = 10
MOST_PUTS = 2_000
CONNECTIONS = 8
SECONDS = 60.0
SIDE_PX = 500

METHOD = f"""
The catalog lies on a disk of its own (tmpfs) with {ROOM_MB} MB left beside a file of
{BALLAST_MB} MB. While a second process searches over {CONNECTIONS} connections (a third each of
prompts, photos of {SIDE_PX} px and of 1,024 px, each a new one), products with a photo are stored
by PUT, one after the other, until {REFUSED} were refused. Afterwards every product that was stored
must be there and none that was refused, the version must be that of the last one stored, and
`catalog verify` must find the catalog whole. Then the file is deleted, and storing must go on.
Failed are answers other than 200 and 429; lost are requests without a whole answer.
"""


@contextmanager
def small_disk(size_mb: int) -> Iterator[Path]:
    """A file system of a size, mounted for as long as it is needed.

    Raises:
        SystemExit: it cannot be mounted.
    """
    folder = Path(tempfile.mkdtemp())
    options = f"size={size_mb}m,mode=700"
    # S607: where mount lies differs between systems.
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],  # noqa: S607
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        folder.rmdir()
        raise SystemExit(f"A disk to fill cannot be mounted, run as root: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607
        folder.rmdir()


def put(api: ServedApi, number: int, photo: bytes) -> httpx.Response:
    """Store a product with a photo of its own."""
    return httpx.put(
        f"{api.url}/v1/products/filling-{number}",
        data={"product": f'{{"title": "Filling {number}", "category": "chair"}}'},
        # A comment at the end makes each a photo of its own, which is written.
        files={"photos": ("photo.jpg", photo + number.to_bytes(8, "big"))},
        timeout=60,
    )


def exists(api: ServedApi, number: int) -> bool:
    """Whether a product can be found."""
    status = httpx.get(f"{api.url}/v1/products/filling-{number}", timeout=30).status_code
    return status == httpx.codes.OK


def fill(disk: Path, catalog: Path, asked: BenchmarkSet, work: Path) -> Row:
    """Store until the disk is full, and what became of everything."""
    photo = jpeg(asked.products[0].images[0], SIDE_PX)
    loads = Loads(asked, Plan(), work)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(BALLAST_MB * 1_000_000))
    statuses: Counter[int] = Counter()
    stored: list[int] = []
    refused: list[int] = []
    version = 0
    with ServedApi.of_catalog(catalog, work / "server.log") as api:
        load = loads.start(api.port, MIXED, connections=CONNECTIONS, seconds=SECONDS)
        for number in range(MOST_PUTS):
            answer = put(api, number, photo)
            statuses[answer.status_code] += 1
            if answer.is_success:
                stored.append(number)
                version = answer.json()["version"]
            else:
                refused.append(number)
            if len(refused) == REFUSED or load.poll() is not None:
                break
        under_load = load.poll() is None
        outcome = outcome_of(load)
        now = version_of(api)
        missing = sum(not exists(api, number) for number in stored)
        appeared = sum(exists(api, number) for number in refused)
        ballast.unlink()
        again = put(api, MOST_PUTS, photo).status_code
        found = exists(api, MOST_PUTS)
    with Catalog.open(catalog) as opened:
        sound = opened.verify().sound
    return {
        "what": "searches while the disk fills",
        **counts(outcome),
        "products stored": len(stored),
        "refused for the full disk (507)": statuses[507],
        "other answers to storing": sum(statuses.values()) - len(stored) - statuses[507],
        "stored and missing afterwards": missing,
        "refused and there afterwards": appeared,
        "found whole by verify": sound,
        "stored again with room": again in (200, 201) and found,
        "target": "none failed or lost, none missing, whole, storing goes on",
        "met": under_load
        and statuses[507] == REFUSED == len(refused)
        and not (outcome.failed or outcome.lost or missing or appeared)
        and sound
        and now == version
        and again in (200, 201)
        and found,
    }


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalog", type=Path, help="folder of a catalog; it is copied, not changed")
    parser.add_argument("--data", type=Path, default=IKEA_DEV, help="folder of the measuring set")
    add_output_option(parser, "api_full_disk")
    arguments = parser.parse_args(words)
    asked = ikea_dev(arguments.data)
    size_mb = sum(file.stat().st_size for file in arguments.catalog.rglob("*")) // 1_000_000
    work = Path(tempfile.mkdtemp())
    try:
        with small_disk(size_mb + BALLAST_MB + ROOM_MB) as disk:
            served, _ = copied(arguments.catalog, disk / "catalog")
            row = fill(disk, disk / "catalog", asked, work)
    finally:
        shutil.rmtree(work)
    print(row, file=sys.stderr)
    write_result(
        arguments.out,
        title="The API on a full disk",
        data=[served, asked.source],
        method=METHOD,
        figures={"rows": [row]},
        encoders=card_hashes("default", "default-prompt"),
    )


if __name__ == "__main__":
    main()
