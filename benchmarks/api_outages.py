"""The API when things go wrong: memory over time, overload, a killed worker, a version swap."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.api_loads import MIXED, SMALL_PHOTO, Loads, Plan
from benchmarks.api_server import ServedApi
from benchmarks.datasets import bundled
from benchmarks.http_load import Outcome, outcome_of
from benchmarks.provenance import ROOT

Row = dict[str, Any]

TARGET_GROWTH_MB = 30.0
OVERLOAD = 4


def memory(catalog: Path, loads: Loads, plan: Plan, log: Path) -> list[Row]:
    """Resident memory at the start, after the warm-up, and along the requests that follow."""
    rows: list[Row] = []

    def sample(requests: int, outcome: Outcome | None) -> None:
        rows.append(
            {
                "requests": requests,
                "resident, MB": round(api.resident_mb(), 1),
                "failed": outcome.failed if outcome else 0,
                "lost": outcome.lost if outcome else 0,
            }
        )
        print(rows[-1], file=sys.stderr)

    with ServedApi.of_catalog(catalog, log) as api:
        sample(0, None)
        done = 0
        each = plan.flat_requests // plan.samples
        for count in (plan.warm_requests, *[each] * plan.samples):
            outcome = loads.run(
                api.port, MIXED, connections=plan.share_at, seconds=3_600.0, count=count
            )
            done += outcome.sent
            sample(done, outcome)
    growth = rows[-1]["resident, MB"] - rows[1]["resident, MB"]
    rows[-1] |= {
        "since the warm-up, MB": round(growth, 1),
        "target": f"≤ {TARGET_GROWTH_MB:g} MB",
        "met": growth <= TARGET_GROWTH_MB,
    }
    return rows


def overload(catalog: Path, loads: Loads, plan: Plan, per_s: float, log: Path) -> Row:
    """Four times what can be answered."""
    with ServedApi.of_catalog(catalog, log) as api:
        loads.run(api.port, SMALL_PHOTO, connections=1, seconds=plan.seconds / 5)
        before = api.resident_mb()
        outcome = loads.run(api.port, SMALL_PHOTO, per_s=OVERLOAD * per_s, seconds=2 * plan.seconds)
        grown = api.resident_mb() - before
        after = loads.run(api.port, SMALL_PHOTO, connections=1, seconds=plan.seconds / 5)
    answered = outcome.statuses[200] + outcome.statuses[429]
    return {
        "what": f"{OVERLOAD} times what can be answered",
        **counts(outcome),
        "offered a second": round(OVERLOAD * per_s, 1),
        "without Retry-After": outcome.refused_without_wait,
        "memory grown, MB": round(grown, 1),
        "target": "every answer 200 or 429, none lost, right afterwards",
        "met": answered == outcome.sent
        and not outcome.refused_without_wait
        and set(after.statuses) == {200},
    }


def killed_worker(catalog: Path, loads: Loads, plan: Plan, log: Path) -> Row:
    """SIGKILL to one of two workers in the middle of a load."""
    connections = max(plan.connections[:2])
    with ServedApi.of_catalog(catalog, log, workers=2) as api:
        load = loads.start(api.port, SMALL_PHOTO, connections=connections, seconds=2 * plan.seconds)
        time.sleep(plan.seconds)
        before = {worker.pid for worker in api.workers()}
        os.kill(min(before), signal.SIGKILL)
        outcome = outcome_of(load)
        replaced = _workers_again(api, before)
        after = loads.run(api.port, SMALL_PHOTO, connections=connections, seconds=plan.seconds / 5)
    return {
        "what": "kill -9 of one of two workers",
        **counts(outcome),
        "connections": connections,
        "unreachable": outcome.unreachable,
        "workers afterwards": replaced,
        "target": "lost ≤ connections, none failed, two workers again, right afterwards",
        "met": outcome.lost <= connections
        and not outcome.failed
        and not outcome.unreachable
        and replaced == 2
        and set(after.statuses) == {200},
    }


def swapped_version(catalog: Path, loads: Loads, plan: Plan, work: Path, log: Path) -> Row:
    """Another process adds a product while a load runs."""
    connections = max(plan.connections[:2])
    feed = work / "one-more" / "products.jsonl"
    feed.parent.mkdir()
    shutil.copyfile(bundled().products[0].images[0], feed.parent / "a.jpg")
    row = {"id": "added-under-load", "title": "Added under load", "image": "a.jpg"}
    feed.write_text(json.dumps(row) + "\n", "utf-8")
    with ServedApi.of_catalog(catalog, log) as api:
        before = version_of(api)
        load = loads.start(api.port, MIXED, connections=connections, seconds=4 * plan.seconds)
        time.sleep(plan.seconds / 2)
        program = str(Path(sys.executable).with_name("furniture-prompter"))
        subprocess.run(
            [program, "index", str(feed), "--catalog", str(catalog)],
            check=True,
            capture_output=True,
            cwd=ROOT,
        )
        written = time.perf_counter()
        while load.poll() is None and version_of(api) == before:
            time.sleep(0.02)
        taken_up_s = time.perf_counter() - written
        under_load = load.poll() is None
        outcome = outcome_of(load)
        found = httpx.get(f"{api.url}/v1/products/{row['id']}").status_code == 200
    return {
        "what": "a new version during a load",
        **counts(outcome),
        "connections": connections,
        "taken up after, s": round(taken_up_s, 2),
        "target": "none failed, none lost, taken up under load",
        "met": not outcome.failed
        and not outcome.lost
        and not outcome.unreachable
        and under_load
        and found,
    }


def counts(outcome: Outcome) -> Row:
    """What became of a load's requests."""
    return {
        "sent": outcome.sent,
        "answered (200)": outcome.statuses[200],
        "refused (429)": outcome.statuses[429],
        "failed": outcome.failed,
        "lost": outcome.lost,
    }


def version_of(api: ServedApi) -> int:
    """The catalog's version that answers now."""
    version: int = httpx.get(f"{api.url}/v1/catalog", timeout=30).json()["version"]
    return version


def _workers_again(api: ServedApi, before: set[int]) -> int:
    """Workers a while after one was killed; waits until there is a new one."""
    began = time.monotonic()
    while time.monotonic() - began < 30:
        now = {worker.pid for worker in api.workers()}
        if now - before and len(now) == len(before):
            break
        time.sleep(0.1)
    return len(api.workers())
