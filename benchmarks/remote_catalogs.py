"""Catalogs in object storage: pushes and pulls killed at random moments, and what copying costs.

It needs a service that speaks S3, with a bucket of its own, such as moto's server in an environment
of its own: ``moto_server -p 5005``.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.catalog_size import write_feed
from benchmarks.datasets import card_hashes
from benchmarks.feed_speed import row_of
from benchmarks.provenance import DataSet, add_output_option, write_result
from furniture_prompter import assembly
from furniture_prompter.catalog.manifest import read_manifest

METHOD: Final = """
A catalog of made-up rows, as in feed_speed.json, in a bucket of a service that speaks S3 on
loopback. For each kill one product in thirty gets another price, and a process of its own pushes
that version, or pulls it into a copy of the version before, and is killed (SIGKILL) after a time
drawn evenly from nothing to what an undisturbed one takes ("seconds"), once it has loaded what it
needs; "too late" were those that had ended by then. "lost" counts copies that do not verify
whole, copies of neither version, and runs after the kill that do not end with the new version.
Then undisturbed times, with one price changed.
"""
RUN: Final = """
import sys
import obstore
from furniture_prompter.assembly import remote_catalogs
from furniture_prompter.catalog import copying, pushing
what, address, folder = sys.argv[1:]
run = {"push": lambda: remote_catalogs.push(folder, address),
       "pull": lambda: remote_catalogs.pull(address, folder)}[what]
sys.stdin.readline()
print("begun", flush=True)
run()
"""


def loaded(what: str, address: str, folder: Path) -> "subprocess.Popen[bytes]":
    """A process that loads what it needs and waits to be told to push or pull."""
    words = [sys.executable, "-c", RUN, what, address, str(folder)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def begin(process: "subprocess.Popen[bytes]") -> None:
    """Tell it to, and return when it begins."""
    assert process.stdin is not None  # noqa: S101  # it is a pipe
    assert process.stdout is not None  # noqa: S101  # it is a pipe
    process.stdin.write(b"\n")
    process.stdin.flush()
    process.stdout.readline()


def timed(what: str, address: str, folder: Path) -> float:
    """Seconds of an undisturbed run, in a process that has loaded everything."""
    process = loaded(what, address, folder)
    begin(process)
    began = time.perf_counter()
    if process.wait() != 0:
        raise SystemExit(f"An undisturbed {what} failed.")
    return time.perf_counter() - began


class Shop:
    """A catalog whose prices change."""

    def __init__(self, work: Path, products: int) -> None:
        """Write the feed and index it."""
        self.folder = work / "catalog"
        self._feed = write_feed(work, products)
        self._lines = self._feed.read_text("utf-8").splitlines()
        self._turn = 0
        assembly.index(self._feed, self.folder)

    def change(self, every: int) -> int:
        """Give one product in `every` another price; returns the version that has it."""
        self._turn += 1
        lines = []
        for number, line in enumerate(self._lines):
            row = json.loads(line)
            if number % every == 0:
                row["price"] = 1_000 + self._turn
            lines.append(json.dumps(row))
        self._feed.write_text("\n".join(lines) + "\n", "utf-8")
        return assembly.index(self._feed, self.folder).version


def problem(folder: Path, versions: Sequence[int]) -> str | None:
    """What is wrong with a copy that must be one of some versions."""
    found = read_manifest(folder).version
    if found not in versions:
        return f"version {found} instead of {versions}"
    report = assembly.verify(folder)
    return None if report.sound else f"{report.checks}"


def killed(what: str, shop: Shop, address: str, work: Path, times: int) -> dict[str, Any]:
    """Kill a push or a pull at random moments."""
    chance = random.Random(24)  # noqa: S311  # moments, not secrets
    copy, fresh = work / "copy", work / "fresh"
    assembly.push(shop.folder, address)
    assembly.pull(address, copy)
    shop.change(30)
    if what == "pull":
        assembly.push(shop.folder, address)
    takes_s = timed(what, address, shop.folder if what == "push" else copy)
    assembly.push(shop.folder, address)
    assembly.pull(address, copy)
    lost: list[str] = []
    finished = 0
    for number in range(times):
        process = loaded(what, address, shop.folder if what == "push" else copy)
        before = read_manifest(copy).version
        now = shop.change(30)
        if what == "pull":
            assembly.push(shop.folder, address)
        begin(process)
        time.sleep(chance.uniform(0, takes_s))
        process.send_signal(signal.SIGKILL)
        finished += process.wait() == 0
        shutil.rmtree(fresh, ignore_errors=True)
        # What a push was killed in is looked at in a copy from nothing, what a pull was, in itself.
        looked_at = copy
        if what == "push":
            assembly.pull(address, fresh)
            looked_at = fresh
        wrong = problem(looked_at, (before, now))
        assembly.push(shop.folder, address)
        assembly.pull(address, copy)
        if wrong is None and read_manifest(copy).version != now:
            wrong = "what was cut short was not taken up"
        if wrong is not None:
            lost.append(wrong)
        print(f"{what} {number + 1}/{times}: {wrong or 'whole'}", flush=True)
    return {
        "what": f"{what}, killed",
        "seconds": round(takes_s, 2),
        "kills": times - finished,
        "too late": finished,
        "lost": len(lost),
    }


def undisturbed(shop: Shop, address: str, work: Path, turns: int = 5) -> list[dict[str, Any]]:
    """Times and bytes of whole copies, and of those after one price changed."""
    rows: list[dict[str, Any]] = []
    place, copy = f"{address}-whole", work / "whole"
    pushed = assembly.push(shop.folder, place)
    pulled = assembly.pull(place, copy)
    for what, done in (("push, first", pushed), ("pull, first", pulled)):
        rows.append(_row(what, [done.seconds], [done.bytes], [done.objects]))
    pushes, pulls = [], []
    for _ in range(turns):
        shop.change(1_000_000)
        pushes.append(assembly.push(shop.folder, place))
        pulls.append(assembly.pull(place, copy))
    for what, each in (("push, one price", pushes), ("pull, one price", pulls)):
        rows.append(
            _row(
                what, [e.seconds for e in each], [e.bytes for e in each], [e.objects for e in each]
            )
        )
    return rows


def _row(what: str, times: list[float], sizes: list[int], counts: list[int]) -> dict[str, Any]:
    return {
        "what": what,
        "seconds": round(float(np.median(times)), 2),
        "megabytes": round(float(np.median(sizes)) / 1e6, 2),
        "objects": round(float(np.median(counts))),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bucket", default="catalogs", help="a bucket that is there")
    parser.add_argument("--products", type=int, default=6_000)
    parser.add_argument("--kills", type=int, default=20, help="of each, push and pull")
    add_output_option(parser, "remote_catalogs")
    given = parser.parse_args(arguments)
    os.environ["FURNITURE_PROMPTER_VERSION_GRACE_S"] = "5"
    name = f"s3://{given.bucket}/{os.urandom(4).hex()}"
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        shop = Shop(work, given.products)
        rows = [
            *undisturbed(shop, name, work),
            *(
                killed(what, shop, f"{name}-{what}", work / what, given.kills)
                for what in ("push", "pull")
            ),
        ]
    first = hashlib.sha256(json.dumps(row_of(0)).encode()).hexdigest()
    write_result(
        given.out,
        title="Catalogs in object storage",
        data=[
            DataSet("made-up rows", first, f"{given.products:,} rows, each with a small picture.")
        ],
        method=METHOD,
        figures={"rows": rows},
        encoders=card_hashes("default", "default-prompt"),
    )


if __name__ == "__main__":
    main()
