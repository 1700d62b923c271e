"""Loads of the benchmark of the API: how much, of what, never the same twice."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.api_queries import mixed, photo_searches, prompt_searches
from benchmarks.datasets import BenchmarkSet
from benchmarks.http_load import Outcome, outcome_of, start_load, write_requests

SIDES_PX = (500, 1_024)
PROMPT = "prompt"
SMALL_PHOTO = "photo, 500 px"
LARGE_PHOTO = "photo, 1,024 px"
MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        connections: Connections of each load.
        seconds: Length of each load.
        photos: Different photos asked with, by turns.
        flat_requests: Requests over which memory must not grow.
        warm_requests: Requests before them.
        samples: Samples of memory among them.
        share_at: Connections at which the API is held against the encoder alone.
        share_rounds: How often the two take turns.
    """

    connections: tuple[int, ...] = (1, 8, 32, 128)
    seconds: float = 10.0
    photos: int = 64
    flat_requests: int = 20_000
    warm_requests: int = 6_000
    samples: int = 5
    share_at: int = 32
    share_rounds: int = 7


QUICK = Plan(
    connections=(1, 4),
    seconds=1.0,
    photos=4,
    flat_requests=60,
    warm_requests=20,
    samples=2,
    share_at=4,
    share_rounds=1,
)


class Loads:
    """Files of requests, and a counter that no two loads share."""

    def __init__(self, asked: BenchmarkSet, plan: Plan, work: Path) -> None:
        products = asked.products[: plan.photos]
        files = [product.images[0] for product in products]
        small, large = (photo_searches(files, side_px) for side_px in SIDES_PX)
        prompts = prompt_searches(products)
        self.kinds = {
            PROMPT: prompts,
            SMALL_PHOTO: small,
            LARGE_PHOTO: large,
            MIXED: mixed(prompts, small, large),
        }
        self._work = work
        self._first = 0
        for kind, requests in self.kinds.items():
            write_requests(requests, self._file(kind))

    def start(self, port: int, kind: str, **how: Any) -> "subprocess.Popen[str]":
        """Start a load of one kind; arguments as of :func:`benchmarks.http_load.start_load`."""
        self._first += 10_000_000
        return start_load(port, self._file(kind), first=self._first, **how)

    def run(self, port: int, kind: str, **how: Any) -> Outcome:
        """A load from start to end."""
        return outcome_of(self.start(port, kind, **how))

    def _file(self, kind: str) -> Path:
        return self._work / f"{kind.replace(' ', '-').replace(',', '')}.jsonl"
