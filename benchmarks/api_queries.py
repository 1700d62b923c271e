"""Requests for benchmarks of the API, built before anything is measured."""

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from benchmarks.datasets import BenchmarkProduct
from benchmarks.http_load import COUNTER_DIGITS, Request

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
