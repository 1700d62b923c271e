"""Loads of the benchmark of the API: requests, built beforehand; how much, never the same twice."""

import base64
import io
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.datasets import BenchmarkProduct, BenchmarkSet
from benchmarks.http_load import (
    COUNTER_DIGITS,
    Outcome,
    Request,
    outcome_of,
    start_load,
    write_requests,
)

JPEG_QUALITY = 90
# A comment right behind a JPEG's start: marker, length (itself and twelve bytes), the bytes. They
# lie at 6 to 18 of the file, so that in base64 they are sixteen characters of their own, and any
# sixteen digits put there are twelve bytes: each request brings a file that was never seen.
_COMMENT = b"\xff\xfe\x00\x0e" + bytes(12)
_COMMENT_AT = 2
_COUNTER_IN_BASE64 = 8


def jpeg(file: Path, side_px: int) -> bytes:
    """A picture as a JPEG whose longer side is `side_px`, with the comment for a counter."""
    with Image.open(file) as picture:
        picture.draft("RGB", (side_px, side_px))
        image = picture.convert("RGB")
    scale = side_px / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    out = io.BytesIO()
    image.resize((width, height), Image.Resampling.LANCZOS).save(out, "JPEG", quality=JPEG_QUALITY)
    data = out.getvalue()
    return data[:_COMMENT_AT] + _COMMENT + data[_COMMENT_AT:]


def photo_searches(files: Sequence[Path], side_px: int) -> list[Request]:
    """Searches by photo, as base64 in JSON, each time a new file."""
    requests = []
    for file in files:
        text = base64.b64encode(jpeg(file, side_px)).decode("ascii")
        body = json.dumps({"photo": text, "limit": 10}).encode()
        at = body.index(text[:_COUNTER_IN_BASE64].encode()) + _COUNTER_IN_BASE64
        requests.append(_post("/v1/search", body, at))
    return requests


def prompt_searches(products: Sequence[BenchmarkProduct]) -> list[Request]:
    """Searches by "colour category", each with a number behind it, so that none comes twice."""
    requests = []
    for product in products:
        mark = "#" * COUNTER_DIGITS
        body = json.dumps({"prompt": f"{product.color} {product.category} {mark}", "limit": 10})
        data = body.encode()
        requests.append(_post("/v1/search", data, data.index(mark.encode())))
    return requests


def mixed(*kinds: Sequence[Request]) -> list[Request]:
    """Requests of several kinds in turn, as many of each."""
    fewest = min(len(kind) for kind in kinds)
    return [kind[number] for number in range(fewest) for kind in kinds]


def _post(path: str, body: bytes, counter_in_body: int) -> Request:
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode()
    return Request(head + body, len(head) + counter_in_body)


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
