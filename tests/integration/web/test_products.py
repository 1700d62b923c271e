"""GET /v1/products/{id} and what is like it."""

import asyncio
import json
import shutil
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from furniture_prompter import Catalog, index
from furniture_prompter.catalog.manifest import read_manifest
from furniture_prompter.domain import Query
from furniture_prompter.errors import ProductNotFoundError
from furniture_prompter.web import learning
from tests.fakes import draw_product
from tests.integration.web.conftest import PRODUCTS, Api, running


def test_a_product_has_its_fields_and_the_addresses_of_its_photos(api: Api) -> None:
    answered = api("GET", "/v1/products/p7")
    assert answered.status_code == 200
    found = answered.json()
    assert found["product"] == {
        "id": "p7",
        "title": "table no 7",
        "category": "table",
        "color": "green",
        "description": "",
        "tags": ["first", "odd"],
        "variants": [],
        "base_colors": ["green"],
        "on_sale": False,
        "price": 70.0,
    }
    (photo,) = found["photos"]
    assert found["variant_photos"] == {}
    assert api("GET", photo).headers["content-type"] == "image/jpeg"
    assert str(api.catalog.parent) not in answered.text


@pytest.mark.parametrize("path", ["nope", "p7%2E", "%00", "%FF", "p7'%20OR%20'1'='1", "a/b/c"])
@pytest.mark.parametrize("end", ["", "/similar"])
def test_a_product_that_is_not_there_is_not_found(api: Api, path: str, end: str) -> None:
    assert api.error("GET", f"/v1/products/{path}{end}")[:2] == (404, "not_found")


def test_similar_products_look_like_it_and_it_is_not_among_them(api: Api) -> None:
    found = api("GET", "/v1/products/p7/similar", params={"limit": 100, "diversity": 0}).json()
    ids = [hit["product"]["id"] for hit in found["hits"]]
    assert len(ids) == PRODUCTS - 1
    assert "p7" not in ids
    assert found["query"]["similar_to"] == "p7"
    assert found["query"]["photo"] is None
    # Every 24th product has its colour and its shape.
    assert ids[0] == "p31"
    photo = (api.photos / "7.png").read_bytes()
    by_photo = api(
        "POST", "/v1/search", files={"photo": photo}, data={"limit": "100", "diversity": "0"}
    ).json()
    assert [hit["product"]["id"] for hit in by_photo["hits"] if hit["rank"] > 1][:10] == ids[:10]


def test_similar_products_are_filtered_counted_and_paged(api: Api) -> None:
    asked: dict[str, Any] = {"where": "category = 'table'", "facets": ["color", "category"]}
    everything = api("GET", "/v1/products/p7/similar", params={**asked, "limit": 100}).json()
    assert {hit["product"]["category"] for hit in everything["hits"]} == {"table"}
    assert everything["facets"]["category"] == [{"value": "table", "count": 11}]
    first = api("GET", "/v1/products/p7/similar", params={**asked, "limit": 6}).json()
    rest = {**asked, "limit": 6, "cursor": first["cursor"]}
    second = api("GET", "/v1/products/p7/similar", params=rest).json()
    assert first["hits"] + second["hits"] == everything["hits"]
    assert second["cursor"] is None
    found = api.error("GET", "/v1/products/p8/similar", params={"cursor": first["cursor"]})
    assert found[:2] == (400, "invalid_query")


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"limit": 0}, 422, "invalid_request"),
        ({"limit": "x"}, 422, "invalid_request"),
        ({"prompt": "x"}, 422, "invalid_request"),
        ({"where": "prise < 3"}, 400, "invalid_filter"),
        ({"facets": "prise"}, 400, "invalid_query"),
        ({"limit": 100_000}, 400, "invalid_query"),
    ],
)
def test_parameters_that_cannot_be_are_refused(
    api: Api, params: dict[str, Any], status: int, code: str
) -> None:
    assert api.error("GET", "/v1/products/p7/similar", params=params)[:2] == (status, code)


def test_the_mean_of_several_photos_stands_for_a_product(tmp_path: Path) -> None:
    looks = {"a": ("red", "blue"), "b": ("red",), "c": ("blue",), "d": ("yellow",)}
    lines = []
    for product, colours in looks.items():
        images = []
        for colour in colours:
            path = tmp_path / f"{product}-{colour}.png"
            draw_product(colour, "sofa", 1).save(path)
            images.append(path.name)
        lines.append(json.dumps({"id": product, "title": product, "images": images}))
    (tmp_path / "feed.jsonl").write_text("\n".join(lines), "utf-8")
    index(tmp_path / "feed.jsonl", tmp_path / "catalog")
    with Catalog.open(tmp_path / "catalog") as catalog:
        found = catalog.similar("a")
        assert [hit.product.id for hit in found.hits][-1] == "d"
        with pytest.raises(ProductNotFoundError, match="no product 'z'"):
            catalog.similar("z")
    with running(tmp_path) as api:
        shown = api("GET", "/v1/products/a").json()
        assert len(shown["photos"]) == 2
        assert isinstance(api("GET", shown["photos"][1]), httpx.Response)


def test_similar_and_a_prompt_go_together_in_the_library(api: Api) -> None:
    query = Query(similar_to="p7", prompt="red", photo_weight=0.2, limit=5)

    async def ask() -> list[str]:
        async with api.app.state.services.catalog.current() as catalog:
            result = await catalog.search_async(query)
        return [hit.product.color for hit in result.hits]

    colours = api.runner.run(ask())
    assert colours.count("red") >= 4
    assert np.array(colours).size == 5


def test_a_server_learns_from_what_was_written_and_answers_by_it(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(shop, tmp_path / "shop")

    def write_some(api: Api, first: int) -> int:
        each = [{"id": f"p{first + n}", "title": "A stool", "category": "x"} for n in range(5)]
        lines, kind = map(json.dumps, each), {"Content-Type": "application/x-ndjson"}
        told = api("POST", "/v1/products:batch", content="\n".join(lines), headers=kind)
        return int(json.loads(told.text.splitlines()[-1])["version"])

    def learned(api: Api, version: int) -> None:
        deadline_s = time.monotonic() + 60
        while api.search(prompt="stool")["catalog"]["version"] < version:
            assert time.monotonic() < deadline_s
            api.runner.run(asyncio.sleep(0.05))
        made = read_manifest(tmp_path / "shop" / "catalog").made
        assert made is not None
        assert (made.by, made.unchanged) == ("learn", 48)

    # A server that ends before it learns leaves that to the next one.
    monkeypatch.setattr(learning, "QUIET_S", 600.0)
    with running(tmp_path / "shop") as api:
        assert write_some(api, 0) == 2
    monkeypatch.setattr(learning, "QUIET_S", 0.0)
    monkeypatch.setattr(learning, "REST_SHARE", 0.0)
    with running(tmp_path / "shop") as api:
        learned(api, 3)
        assert write_some(api, 5) == 4
        learned(api, 5)
