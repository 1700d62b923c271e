"""The API beside a plain service of FastAPI, eager PyTorch and faiss: the same photos, in turns."""

import argparse
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from benchmarks.api_loads import JPEG_QUALITY, SMALL_PHOTO, Loads, Plan
from benchmarks.api_server import ServedApi, copied, free_port
from benchmarks.datasets import IKEA_DEV, BenchmarkSet, bundled, card_hashes, ikea_dev
from benchmarks.http_load import Outcome
from benchmarks.provenance import add_output_option, write_result

OURS = "furniture-prompter serve"
PEER = "FastAPI, eager PyTorch, faiss"
# Threads of PyTorch that wait for each other awake lose much where something else runs as well.
ONE_THREAD = f"{PEER}, one thread"
CONNECTIONS = (1, 8)

METHOD = """
The peer is built as the starting project's service was: a FastAPI handler that opens the photo
with Pillow, resizes it to 224 px, runs ResNet18 with a linear layer to 2,048 values eagerly in
float32, and asks faiss's exact inner-product index, all of one request before the next (uvicorn,
one process), once with PyTorch's own number of threads and once with one. Its weights and its
index of as many photos as the catalog has are random: speed does not depend on what they say, and
nothing here tells how well it finds. The API answers with its defaults: its own encoder, filters,
products and titles included, which the peer leaves out. Both get the same requests (product
photos, 500 px on the longer side, JPEG of quality {quality}, base64 in JSON, each a new file) from
a second process on the same machine. They take turns, {rounds} rounds of {seconds:g} s each for
every number of connections, after one to warm up; only one is at work at a time. Figures are
medians of the rounds.
"""


def measure(
    catalog: Path,
    photos: int,
    asked: BenchmarkSet,
    work: Path,
    rounds: int,
    seconds: float,
    count: int,
) -> list[dict[str, Any]]:
    """A row for each service and number of connections."""
    loads = Loads(asked, Plan(photos=count), work)
    outcomes: dict[tuple[int, str], list[Outcome]] = defaultdict(list)
    with ExitStack() as running:
        ours = running.enter_context(ServedApi.of_catalog(catalog, work / "ours.log"))
        services = {OURS: ours}
        for name, threads in ((PEER, []), (ONE_THREAD, ["--threads", "1"])):
            port = free_port()
            command = [sys.executable, "-m", "benchmarks.api_peer_service"]
            command += ["--photos", str(photos), "--port", str(port), *threads]
            log = work / f"peer-{port}.log"
            services[name] = running.enter_context(ServedApi(command, port, log))
        for name, service in services.items():
            _check(name, service, loads)
            loads.run(service.port, SMALL_PHOTO, connections=max(CONNECTIONS), seconds=seconds)
        for _ in range(rounds):
            for connections in CONNECTIONS:
                for name, service in services.items():
                    outcomes[connections, name].append(
                        loads.run(
                            service.port, SMALL_PHOTO, connections=connections, seconds=seconds
                        )
                    )
    rows = []
    for (connections, name), found in outcomes.items():
        if any(set(outcome.statuses) != {200} or outcome.lost for outcome in found):
            raise SystemExit(f"{name} failed or lost requests; its figures would say nothing.")
        row = {
            "service": name,
            "connections": connections,
            "a second": round(statistics.median(each.answered_per_s for each in found), 1),
            **{
                f"{share}, ms": round(
                    statistics.median(each.latencies_ms[share] for each in found), 2
                )
                for share in ("p50", "p95")
            },
        }
        rows.append(row)
        print(row, file=sys.stderr)
    return rows


def _check(name: str, service: ServedApi, loads: Loads) -> None:
    body = loads.kinds[SMALL_PHOTO][0].numbered(1).partition(b"\r\n\r\n")[2]
    answer = httpx.post(
        f"{service.url}/v1/search", content=body, headers={"content-type": "application/json"}
    )
    if answer.status_code != 200 or len(answer.json()["hits"]) != 10:
        raise SystemExit(f"{name} got {answer.status_code}: {answer.text[:500]}")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalog", type=Path, help="folder of a catalog; it is copied, not changed")
    parser.add_argument("--data", type=Path, default=IKEA_DEV, help="folder of the measuring set")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each load")
    parser.add_argument(
        "--quick", action="store_true", help="a trial with bundled photos; not for filing"
    )
    add_output_option(parser, "api_peer")
    arguments = parser.parse_args(words)
    if arguments.quick and arguments.out == parser.get_default("out"):
        parser.error("a trial is not filed: say with --out where its result goes")
    rounds, seconds = (1, 1.0) if arguments.quick else (arguments.rounds, arguments.seconds)
    asked = bundled() if arguments.quick else ikea_dev(arguments.data)
    work = Path(tempfile.mkdtemp())
    try:
        catalog = work / "catalog"
        served, photos = copied(arguments.catalog, catalog)
        count = 4 if arguments.quick else 64
        rows = measure(catalog, photos, asked, work, rounds, seconds, count)
    finally:
        shutil.rmtree(work)
    write_result(
        arguments.out,
        title="The API beside a plain service",
        data=[served, asked.source],
        method=METHOD.format(quality=JPEG_QUALITY, rounds=rounds, seconds=seconds),
        figures={"rows": rows},
        encoders=card_hashes("default", "default-prompt"),
    )


if __name__ == "__main__":
    main()
