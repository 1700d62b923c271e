"""A product is found by the id that it was stored with, whichever way that is written."""

import asyncio
import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from furniture_prompter import Catalog
from furniture_prompter.errors import ProductNotFoundError
from tests.integration.web.conftest import Api, call, running


@pytest.fixture(scope="module")
def writable(tmp_path_factory: pytest.TempPathFactory, shop: Path) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("ids")
    shutil.copytree(shop / "catalog", folder / "catalog")
    with running(folder, request_timeout_s=300) as started:
        yield started


@pytest.fixture(scope="module")
def photo(shop: Path) -> str:
    return base64.b64encode((shop / "photos" / "0.png").read_bytes()).decode()


def batch(api: Api, lines: list[Any]) -> httpx.Response:
    content = "\n".join(map(json.dumps, lines))
    headers = {"content-type": "application/x-ndjson"}
    return api("POST", "/v1/products:batch", content=content, headers=headers)


SPELLINGS = [
    "Bu\u0308ro",
    " a  b\u00a0c\u3000",
    "a/similar",
    "a/b%2Fc?d#e",
    'it\'s \\ "%_"',
    "٤٢",
]


@pytest.mark.parametrize("product_id", SPELLINGS)
def test_an_id_that_is_taken_is_read_filtered_and_deleted_as_it_was_written(
    writable: Api, photo: str, product_id: str
) -> None:
    path = f"/v1/products/{quote(product_id, safe='')}"
    put = writable("PUT", path, json={"id": product_id, "title": "Stool", "photos": [photo]})
    assert put.status_code == 201, put.text
    kept = put.json()["id"]
    shown = writable("GET", path)
    assert shown.status_code == 200, shown.text
    assert shown.json()["product"]["id"] == kept
    similar = writable("GET", f"{path}/similar")
    assert similar.status_code == 200
    assert kept not in [hit["product"]["id"] for hit in similar.json()["hits"]]
    literal = product_id.replace("'", "''")
    for where in (f"id = '{literal}'", f"id in ('p1', '{literal}') and id != 'p1'"):
        (hit,) = writable.search(prompt="stool", where=where)["hits"]
        assert hit["product"]["id"] == kept
    assert writable("DELETE", path).json()["outcome"] == "deleted"
    assert writable("GET", path).status_code == 404


def test_a_batch_stores_and_deletes_by_any_spelling(writable: Api, photo: str) -> None:
    lines = [
        {"id": "Bu\u0308ro 1", "photos": [photo]},
        {"id": "Büro  2", "photos": [photo]},
        {"id": " Büro 2 ", "delete": True},
    ]
    answer = batch(writable, lines)
    outcomes = [json.loads(line).get("outcome") for line in answer.text.splitlines()]
    assert outcomes == ["created", "created", "refused", None]
    lines = [{"id": "B\u00fcro\u00a01", "delete": True}, {"id": "Bu\u0308ro 2", "delete": True}]
    answer = batch(writable, lines)
    assert json.loads(answer.text.splitlines()[-1])["deleted"] == 2


@pytest.mark.parametrize("product_id", ["a/similar", ".", "..", "a b/?"])
def test_the_client_reads_and_deletes_what_it_stored(
    writable: Api, shop: Path, product_id: str
) -> None:
    photos = [shop / "photos" / "1.png"]
    call(writable, lambda client: client.put_product(product_id, {}, photos=photos))
    found = call(writable, lambda client: client.product(product_id))
    assert found.product.title == found.product.id
    assert call(writable, lambda client: client.similar(product_id)).hits
    assert call(writable, lambda client: client.delete_product(product_id)).outcome == "deleted"


@pytest.mark.parametrize(
    ("path", "body_id"), [("7", "8"), ("007", 7), ("٤٢", 42), ("7", [7]), ("1", True), ("a", 1.5)]
)
def test_another_id_in_the_body_than_in_the_address_is_refused(
    writable: Api, photo: str, path: str, body_id: object
) -> None:
    body = json.dumps({"id": body_id, "photos": [photo]})
    answer = writable("PUT", f"/v1/products/{path}", content=body)
    assert answer.status_code == 422
    assert writable("GET", f"/v1/products/{path}").status_code == 404


def test_the_library_finds_a_product_by_any_spelling(writable: Api) -> None:
    with Catalog.open(writable.catalog) as catalog:
        assert asyncio.run(catalog.product(" p\x001 "))[0].id == "p1"
        assert catalog.similar("p1\ufeff", limit=1).hits
        with pytest.raises(ProductNotFoundError):
            catalog.similar("p1\ud800")
