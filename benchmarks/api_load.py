"""The API under load from a second process: speed, memory, overload, a killed worker, a swap."""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.api_loads import (
    JPEG_QUALITY,
    LARGE_PHOTO,
    QUICK,
    SIDES_PX,
    SMALL_PHOTO,
    Loads,
    Plan,
    jpeg,
)
from benchmarks.api_outages import Row, killed_worker, memory, overload, swapped_version
from benchmarks.api_server import ServedApi, copied
from benchmarks.datasets import IKEA_DEV, BenchmarkSet, bundled, card_hashes, ikea_dev
from benchmarks.http_load import Outcome
from benchmarks.provenance import add_output_option, write_result
from furniture_prompter.assembly import load_encoder
from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders.decoding import decode_photo
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.encoders.processors import available_cpus
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.settings import ServeSettings

TARGET_P50_MS = 20.0
TARGET_SHARE = 0.7


METHOD = """
`furniture-prompter serve` with its defaults answers POST /v1/search for 10 hits; the load comes
from a second process on the same machine, so both share its cores ("generator's share" is the
processor time that the load itself took, of all there is). Each connection sends when its last
answer is there, over {seconds:g} s after as long a warm-up; times run from sending to the last
byte; "a second" counts answers of 200. Every prompt and every photo is a new one (a number in the
words, a comment in the JPEG), so that nothing is answered from the cache of vectors. Prompts are
"colour category" of the measuring set, photos its product photos at 500 or 1,024 px on the longer
side (JPEG, quality {quality}), sent as base64 in JSON; mixed is a third of each. The encoder alone
encodes the same 500 px photos, decoded beforehand, with all cores while the server is idle, one by
one and in batches of {batch}, whichever is faster. It and the loads at {share_at} connections take
turns, {rounds} rounds; a share is the median of the rounds' own, with the least and the greatest,
for the machine's speed drifts. "Fitted" is the encoder alone on photos that were resized to its
square beforehand as well, which the API and the target's figure are not spared. Memory is the
resident memory of all the server's processes. The overload sends four times
as many 500 px photos a second as were answered at {share_at} connections, whether or not answers
come. A worker of two is killed with SIGKILL in the middle of a load; a product is added by another
process during another. Failed are answers other than 200 and 429; lost are requests without a
whole answer.
"""


def encoder_alone(
    encoder: Encoder, images: Sequence[RgbImage], batch: int, seconds: float
) -> float:
    """Images a second of the encoder alone: the faster of one by one and batches."""
    rates = []
    for size in (1, batch):
        encoder.encode(images[:size])
        done, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            start = done % max(1, len(images) - size + 1)
            done += len(encoder.encode(images[start : start + size]))
        rates.append(done / (time.perf_counter() - began))
    return max(rates)


def speed(catalog: Path, loads: Loads, plan: Plan, log: Path) -> list[Row]:
    """Rows of every kind and number of connections."""
    rows: list[Row] = []
    with ServedApi.of_catalog(catalog, log) as api:
        check(api, loads)
        for kind in loads.kinds:
            loads.run(api.port, kind, connections=max(plan.connections), seconds=plan.seconds)
            for connections in plan.connections:
                outcome = loads.run(api.port, kind, connections=connections, seconds=plan.seconds)
                is_target = kind == SMALL_PHOTO and connections == 1
                rows.append(
                    {
                        "kind": kind,
                        "connections": connections,
                        "a second": round(outcome.answered_per_s, 1),
                        **{f"{name}, ms": each for name, each in outcome.latencies_ms.items()},
                        "refused (429)": outcome.statuses[429],
                        "failed": outcome.failed,
                        "lost": outcome.lost,
                        "generator's share": _share(outcome),
                        "target": f"p50 ≤ {TARGET_P50_MS:g} ms" if is_target else None,
                        "met": outcome.latencies_ms.get("p50", np.inf) <= TARGET_P50_MS
                        if is_target
                        else None,
                    }
                )
                print(rows[-1], file=sys.stderr)
    return rows


def against_encoder(
    catalog: Path, loads: Loads, asked: BenchmarkSet, plan: Plan, log: Path
) -> list[Row]:
    """Rows of photo searches over many connections, in turns with the encoder alone."""
    encoder = load_encoder("default", None)
    spec = encoder.card.preprocessing
    # The default encoder is one of images, whose card has a square.
    assert spec is not None  # noqa: S101
    images = [
        decode_photo(jpeg(file, SIDES_PX[0]), name="query", target_side_px=spec.side_px)
        for file in (product.images[0] for product in asked.products[: plan.photos])
    ]
    squares = [preprocess(image, spec) for image in images]
    batch, seconds = ServeSettings().batch_photos, plan.seconds / 4
    kinds = (SMALL_PHOTO, LARGE_PHOTO)
    alone: list[float] = []
    fitted: list[float] = []
    reached: dict[str, list[float]] = {kind: [] for kind in kinds}
    with ServedApi.of_catalog(catalog, log) as api:
        loads.run(api.port, SMALL_PHOTO, connections=plan.share_at, seconds=plan.seconds)
        for _ in range(plan.share_rounds):
            alone.append(encoder_alone(encoder, images, batch, seconds))
            fitted.append(encoder_alone(encoder, squares, batch, seconds))
            for kind in kinds:
                outcome = loads.run(
                    api.port, kind, connections=plan.share_at, seconds=plan.seconds / 2
                )
                reached[kind].append(outcome.answered_per_s)
    rows = []
    for kind in kinds:
        shares = np.divide(reached[kind], alone)
        rows.append(
            {
                "what": f"{kind}, {plan.share_at} connections",
                "images a second": round(float(np.median(reached[kind])), 1),
                "the encoder alone": round(float(np.median(alone)), 1),
                "share": round(float(np.median(shares)), 3),
                "least": round(float(shares.min()), 3),
                "greatest": round(float(shares.max()), 3),
                "target": f"≥ {TARGET_SHARE:g}",
                "met": bool(np.median(shares) >= TARGET_SHARE),
                "fitted": round(float(np.median(fitted)), 1),
                "share of fitted": round(float(np.median(np.divide(reached[kind], fitted))), 3),
            }
        )
    return rows


def check(api: ServedApi, loads: Loads) -> None:
    """Refuse to measure what does not answer as it should."""
    for kind, requests in loads.kinds.items():
        body = requests[0].numbered(1).partition(b"\r\n\r\n")[2]
        answer = httpx.post(
            f"{api.url}/v1/search", content=body, headers={"content-type": "application/json"}
        )
        if answer.status_code != 200 or not answer.json()["hits"]:
            raise SystemExit(f"A search by {kind} got {answer.status_code}: {answer.text[:500]}")


def measure(catalog: Path, asked: BenchmarkSet, plan: Plan, work: Path) -> dict[str, Any]:
    """All figures."""
    log = work / "server.log"
    loads = Loads(asked, plan, work)
    rows = speed(catalog, loads, plan, log)
    against = against_encoder(catalog, loads, asked, plan, log)
    per_s = against[0]["images a second"]
    figures: dict[str, Any] = {"rows": rows, "against the encoder alone": against}
    figures[f"memory over {plan.flat_requests:,} requests"] = memory(catalog, loads, plan, log)
    staying_up = [overload(catalog, loads, plan, per_s, log)]
    staying_up.append(killed_worker(catalog, loads, plan, log))
    staying_up.append(swapped_version(catalog, loads, plan, work, log))
    figures["staying up"] = staying_up
    for row in (*against, *staying_up):
        print(row, file=sys.stderr)
    return figures


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalog", type=Path, help="folder of a catalog; it is copied, not changed")
    parser.add_argument("--data", type=Path, default=IKEA_DEV, help="folder of the measuring set")
    parser.add_argument(
        "--quick", action="store_true", help="a trial with bundled photos; not for filing"
    )
    add_output_option(parser, "api_load")
    arguments = parser.parse_args(words)
    if arguments.quick and arguments.out == parser.get_default("out"):
        parser.error("a trial is not filed: say with --out where its result goes")
    plan = QUICK if arguments.quick else Plan()
    asked = bundled() if arguments.quick else ikea_dev(arguments.data)
    work = Path(tempfile.mkdtemp())
    try:
        catalog = work / "catalog"
        served, _ = copied(arguments.catalog, catalog)
        figures = measure(catalog, asked, plan, work)
    finally:
        shutil.rmtree(work)
    write_result(
        arguments.out,
        title="The API under load",
        data=[served, asked.source],
        method=METHOD.format(
            seconds=plan.seconds,
            quality=JPEG_QUALITY,
            batch=ServeSettings().batch_photos,
            share_at=plan.share_at,
            rounds=plan.share_rounds,
        ),
        figures=figures,
        encoders=card_hashes("default", "default-prompt"),
    )


def _share(outcome: Outcome) -> float:
    """Of all processors' time, what the generator took."""
    return round(outcome.cpu_s / outcome.wall_s / available_cpus(), 3)


if __name__ == "__main__":
    main()
