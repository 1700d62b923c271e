"""docs/api.md against a server that runs: its curl lines, its Python lines, and the client."""

import argparse
import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.api_server import ServedApi
from furniture_prompter.assembly import index
from furniture_prompter.client import Client
from tests.fakes import COLOURS, draw_product
from tests.tiny_detector import write_detector

PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text("utf-8")
CURL = [shlex.split(line) for line in re.findall(r"^curl .*$", PAGE, re.MULTILINE)]
PYTHON = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SHOWN = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with a catalog, and the files that the page names."""
    folder = tmp_path_factory.mktemp("shop")
    rows = []
    for number, colour in enumerate(COLOURS):
        draw_product(colour, "chair", number).save(folder / f"{colour}.png")
        rows.append(
            {
                "id": f"{colour}-chair",
                "title": f"{colour} chair",
                "category": "chair",
                "price": 10 * number + 10,
                "image": f"{colour}.png",
            }
        )
    for number, (product_id, kind) in enumerate({"sofa-17": "sofa", "rug-4": "rug"}.items(), 50):
        draw_product("red", "sofa", number).save(folder / f"{product_id}.png")
        shown = {"title": kind, "category": kind, "price": 200, "image": f"{product_id}.png"}
        rows.append({"id": product_id, **shown})
    (folder / "feed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    draw_product("red", "chair", 99).save(folder / "chair.jpg")
    draw_product("red", "sofa", 99).save(folder / "room.jpg")
    write_detector(folder / "detector", [((16, 16, 48, 48), "couch", 0.9)])
    line = {"id": "red-chair", "title": "red chair", "category": "chair", "price": 12}
    (folder / "products.ndjson").write_text(json.dumps(line) + "\n", "utf-8")
    index(folder / "feed.jsonl", folder / "catalog")
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[ServedApi]:
    found = {"detector": folder / "detector"}
    with ServedApi.of_catalog(folder / "catalog", folder / "server.log", **found) as api:
        yield api


def sent(words: list[str], url: str, folder: Path, photo: str) -> httpx.Request:
    """What curl would send."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="data")
    parser.add_argument("-o", dest="out")
    parser.add_argument("--data-binary", dest="binary")
    parser.add_argument("-F", dest="form", action="append", default=[])
    given = parser.parse_args(words[1:])
    content = given.data.encode() if given.data else None
    if given.binary:
        content = (folder / given.binary.removeprefix("@")).read_bytes()
    files: list[tuple[str, tuple[str | None, bytes]]] = []
    for field in given.form:
        name, _, value = field.partition("=")
        if value.startswith("@"):
            files.append((name, (value[1:], (folder / value[1:]).read_bytes())))
        else:
            files.append((name, (None, value.encode())))
    return httpx.Request(
        given.method or ("POST" if content or files else "GET"),
        given.url.replace(SHOWN, url).replace("PHOTO", photo),
        headers=dict(header.split(": ", 1) for header in given.headers),
        content=content,
        files=files or None,
    )


def test_every_endpoint_has_a_curl_line_and_each_is_answered(
    served: ServedApi, folder: Path
) -> None:
    described = httpx.get(f"{served.url}/openapi.json").json()["paths"]
    patterns = {
        (method.upper(), path): re.sub(r"{\w+}", "[^/]+", path)
        for path, methods in described.items()
        for method in methods
    }
    with Client(served.url) as client, httpx.Client(timeout=60) as http:
        photo = client.search("red chair").hits[0].photo.rpartition("/")[2]
        called = set()
        for words in CURL:
            request = sent(words, served.url, folder, photo)
            answer = http.send(request)
            assert answer.status_code in (200, 201), f"{words}\n{answer.text[:500]}"
            called |= {
                (method, path)
                for (method, path), pattern in patterns.items()
                if method == request.method and re.fullmatch(pattern, request.url.path)
            }
    assert called == set(patterns)


def test_the_lines_for_python_do_what_the_curl_lines_do(
    served: ServedApi, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    names: dict[str, object] = {}
    # Of the page that this repository holds.
    for block in PYTHON:
        exec(block.replace(SHOWN, served.url), names)  # noqa: S102
    shop = names["shop"]
    assert isinstance(shop, Client)
    # Stored by the batch, the last that the page does with it.
    assert shop.product("new-chair").product.title == "New chair"
    shop.delete_product("new-chair")
    shop.close()


def test_the_server_ends_as_an_operator_ends_it(folder: Path) -> None:
    with ServedApi.of_catalog(folder / "catalog", folder / "ended.log") as api:
        assert api.stop() == 0
    lines = (folder / "ended.log").read_text("utf-8").splitlines()
    assert lines[0].endswith(f"on {api.url} (Ctrl-C ends it)")
    assert lines[1] == (
        f"API: {api.url}/v1   documentation: {api.url}/docs   health: {api.url}/readyz"
    )
    told = [json.loads(line) for line in lines[2:]]
    assert {"level", "message", "time", "process"} <= set(told[0])
    assert os.fspath(folder) not in str(told)
