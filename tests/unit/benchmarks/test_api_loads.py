"""Requests of the benchmarks of the API are what a client would send, and new each time."""

import base64
import io
import json
from pathlib import Path

from PIL import Image

from benchmarks.api_loads import mixed, photo_searches, prompt_searches
from benchmarks.datasets import BenchmarkProduct
from benchmarks.http_load import Request


def body(request: bytes) -> dict[str, str]:
    head, _, data = request.partition(b"\r\n\r\n")
    assert f"content-length: {len(data)}".encode() in head
    value: dict[str, str] = json.loads(data)
    return value


def test_every_photo_search_brings_another_file_with_the_same_pixels(tmp_path: Path) -> None:
    file = tmp_path / "chair.png"
    Image.linear_gradient("L").resize((300, 200)).convert("RGB").save(file)
    (request,) = photo_searches([file], 500)
    first, second = (
        base64.b64decode(body(request.numbered(number))["photo"], validate=True)
        for number in (1, 9_999_999_999_999_999)
    )
    assert first != second
    pictures = [Image.open(io.BytesIO(data)) for data in (first, second)]
    assert pictures[0].size == (500, 333)
    assert pictures[0].tobytes() == pictures[1].tobytes()


def test_every_prompt_is_another() -> None:
    product = BenchmarkProduct("a", "A", "chair", "red", "", "a", ())
    (request,) = prompt_searches([product])
    assert body(request.numbered(7))["prompt"] == "red chair 0000000000000007"


def test_a_mixture_takes_kinds_in_turn() -> None:
    kinds = [[Request(b"p"), Request(b"q")], [Request(b"r"), Request(b"s"), Request(b"t")]]
    assert b"".join(each.data for each in mixed(*kinds)) == b"prqs"
