"""Mutated photos sent to the search endpoint: ``python -m benchmarks.upload_fuzz --files 10000``.

Every answer must be a hit list or a refusal in the API's error shape, and in between and afterwards
whole photos must be answered exactly as before.
"""

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.api_server import ServedApi
from benchmarks.provenance import DataSet, add_output_option, file_sha256, write_result
from benchmarks.upload_mutations import mutated, seeds
from furniture_prompter.assembly import index
from furniture_prompter.bundled import catalog_feed

AT_ONCE = 8
ARENAS = "2"
# How often whole photos are asked for in between.
CHECK_EVERY = 500
_REFUSED = {400, 413, 422}
# An absolute path, which no answer may show.
_PATH = re.compile(r"(?:^|[\s'\"(=])/\w")


@dataclass(slots=True)
class Outcome:
    """What a fuzz run met.

    Attributes:
        answered: Files by kind and status.
        failures: Files that were neither answered nor refused, as kind, number and answer.
        longest_ms: Longest time of one answer.
        checks: How often whole photos were asked for in between.
        differing: Of those answers, how many differed from the ones before the run.
    """

    answered: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    longest_ms: float = 0.0
    checks: int = 0
    differing: int = 0


async def fuzz(
    client: httpx.AsyncClient, files: Iterable[tuple[str, bytes]], whole: Sequence[bytes]
) -> Outcome:
    """Send files to a search.

    Args:
        client: Speaks to the API.
        files: Kind and bytes of each.
        whole: Photos that are asked for before, in between and afterwards.
    """
    outcome = Outcome()
    places = asyncio.Semaphore(AT_ONCE)
    expected = [await _hits(client, photo) for photo in whole]

    async def send(number: int, kind: str, data: bytes) -> None:
        async with places:
            began = time.perf_counter()
            answer = await _search(client, data)
            elapsed_ms = 1000 * (time.perf_counter() - began)
        outcome.longest_ms = max(outcome.longest_ms, elapsed_ms)
        outcome.answered[kind, answer.status_code] += 1
        if not _is_right(answer):
            outcome.failures.append(f"{kind} {number}: {answer.status_code} {answer.text[:200]}")

    waiting: list[asyncio.Task[None]] = []
    for number, (kind, data) in enumerate(files, start=1):
        waiting.append(asyncio.create_task(send(number, kind, data)))
        if number % CHECK_EVERY == 0:
            await asyncio.gather(*waiting)
            waiting.clear()
            await _check(client, whole, expected, outcome)
            print(f"{number} files, {len(outcome.failures)} failures", file=sys.stderr)
    await asyncio.gather(*waiting)
    await _check(client, whole, expected, outcome)
    return outcome


async def _check(
    client: httpx.AsyncClient, whole: Sequence[bytes], expected: Sequence[Any], outcome: Outcome
) -> None:
    for photo, before in zip(whole, expected, strict=True):
        outcome.checks += 1
        outcome.differing += await _hits(client, photo) != before


async def _search(client: httpx.AsyncClient, photo: bytes) -> httpx.Response:
    return await client.post("/v1/search", files={"photo": ("photo.jpg", photo, "image/jpeg")})


async def _hits(client: httpx.AsyncClient, photo: bytes) -> Any:
    answer = await _search(client, photo)
    if answer.status_code != 200:
        raise RuntimeError(f"A whole photo was answered {answer.status_code}: {answer.text[:300]}")
    return [(hit["product"]["id"], hit["score"]) for hit in answer.json()["hits"]]


def _is_right(answer: httpx.Response) -> bool:
    """Whether an answer is a hit list, or a refusal that says what to do."""
    if answer.status_code == 200:
        return bool(answer.json()["hits"])
    if answer.status_code not in _REFUSED:
        return False
    error = answer.json()["error"]
    return set(error) == {"code", "message", "request_id"} and not _PATH.search(error["message"])


async def _fuzz_server(url: str, files: int, seed: int) -> Outcome:
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        return await fuzz(client, mutated(files, seed, seeds()), seeds(96)[:3])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="mutated files to send")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other files")
    add_output_option(parser, "upload_fuzz")
    arguments = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        catalog = Path(name) / "catalog"
        index(catalog_feed(), catalog)
        # For the server, which inherits it; this process has its own already.
        os.environ["MALLOC_ARENA_MAX"] = ARENAS
        with ServedApi.of_catalog(catalog, Path(name) / "log", queue_photos=4 * AT_ONCE) as api:
            before, memory_mb = [each.pid for each in api.workers()], api.resident_mb()
            outcome = asyncio.run(_fuzz_server(api.url, arguments.files, arguments.seed))
            after, memory_after_mb = [each.pid for each in api.workers()], api.resident_mb()
    for failure in outcome.failures[:20]:
        print(failure, file=sys.stderr)
    by_status: Counter[int] = Counter()
    rows: dict[str, Counter[str]] = {}
    for (kind, status), count in outcome.answered.items():
        by_status[status] += count
        rows.setdefault(kind, Counter())["answered" if status == 200 else "refused"] += count
    write_result(
        arguments.out,
        title="Mutated uploads",
        data=[DataSet("bundled", file_sha256(catalog_feed()), "the catalog that ships")],
        method=f"""Files made of whole JPEG, PNG, WebP, GIF, BMP, TIFF and AVIF photos (grey, CMYK,
            palette, transparent, progressive, animated and rotated ones among them) by twelve kinds
            of mutation, seed {arguments.seed}, sent as multipart uploads to POST /v1/search of
            `serve`, {AT_ONCE} at once. Right is a hit list, or a refusal (400, 413, 422) in the
            API's error shape without a path. Every {CHECK_EVERY} files and at the end three whole
            photos are asked for, whose hits and scores must be those of before the run. The server
            runs with MALLOC_ARENA_MAX={ARENAS}, as the container and the unit do.""",
        figures={
            "rows": [
                {"what": "files", "count": sum(by_status.values())},
                *({"what": f"answers of {each}", "count": by_status[each]} for each in by_status),
                {"what": "neither hits nor a refusal", "count": len(outcome.failures)},
                {"what": "whole photos asked for in between", "count": outcome.checks},
                {"what": "of those answered differently", "count": outcome.differing},
                {"what": "processes that ended", "count": len(set(before) - set(after))},
                {"what": "longest answer, ms", "count": round(outcome.longest_ms)},
                {"what": "resident memory before, MB", "count": round(memory_mb)},
                {"what": "resident memory after, MB", "count": round(memory_after_mb)},
                {"what": "seconds", "count": round(time.perf_counter() - began)},
            ],
            "by mutation": [
                {"mutation": kind, "answered": counts["answered"], "refused": counts["refused"]}
                for kind, counts in sorted(rows.items())
            ],
        },
    )
    if outcome.failures or outcome.differing or before != after:
        sys.exit(1)


if __name__ == "__main__":
    main()
