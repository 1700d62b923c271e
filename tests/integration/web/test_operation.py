"""What tells how the server fares, what it serves, and that every endpoint is guarded."""

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from furniture_prompter import Catalog
from furniture_prompter.errors import CatalogDamagedError, CatalogNotFoundError, ServeError
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web import services
from furniture_prompter.web.access import add_key
from furniture_prompter.web.app import create_app
from tests.integration.web.conftest import PRODUCTS, Api, running


def test_a_living_process_says_so(api: Api) -> None:
    assert api("GET", "/healthz").json() == {"status": "alive"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_an_answered_probe_is_counted_and_is_a_line_of_the_debug_log_alone(
    api: Api, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    logger = "furniture_prompter.web.requests"
    with caplog.at_level("INFO", logger):
        answer = api("GET", path)
        assert not [line for line in caplog.records if line.name == logger]
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert f'route="{path}",status="200"' in api("GET", "/metrics").text
    with caplog.at_level("DEBUG", logger):
        api("GET", path)
        assert [line for line in caplog.records if line.name == logger]


def test_ready_means_that_a_photo_was_encoded_and_searched_with(
    serve: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = serve()
    encoder = api.app.state.services.queue._encoder
    encoded: list[int] = []
    encode = encoder.encode

    def counting(images: Any) -> Any:
        encoded.append(len(images))
        return encode(images)

    monkeypatch.setattr(encoder, "encode", counting)
    # Nobody needs a key for it, so that however often it is asked it is tried now and then.
    for _ in range(20):
        assert api("GET", "/readyz").json() == {"status": "ready", "catalog_version": 1}
    assert encoded == [1]
    monkeypatch.setattr(services, "FRESH_S", 0.0)
    assert api("GET", "/readyz").status_code == 200
    assert encoded == [1, 1]

    def broken(images: Any) -> Any:
        raise CatalogDamagedError(f"{api.catalog} is gone.")

    monkeypatch.setattr(encoder, "encode", broken)
    status, code, message = api.error("GET", "/readyz")
    assert (status, code) == (503, "unavailable")
    assert str(api.catalog) not in message
    assert api("GET", "/healthz").status_code == 200


def test_a_probe_that_fails_as_nobody_foresaw_is_answered_with_its_id(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(images: Any) -> Any:
        raise OSError("the runtime is gone")

    monkeypatch.setattr(services, "FRESH_S", 0.0)
    monkeypatch.setattr(api.app.state.services.queue._encoder, "encode", broken)
    answer = api("GET", "/readyz")
    assert answer.status_code == 500
    assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_server_is_not_ready_while_it_can_decode_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "FRESH_S", 0.0)
    with monkeypatch.context() as while_stuck:
        while_stuck.setattr(api.app.state.services.decoding, "is_stuck", lambda: True)
        assert api.error("GET", "/readyz")[:2] == (503, "unavailable")
        assert api("GET", "/healthz").status_code == 200
    assert api("GET", "/readyz").status_code == 200


def test_the_catalog_says_of_itself_what_the_command_says_but_for_its_path(api: Api) -> None:
    found = api("GET", "/v1/catalog")
    with Catalog.open(api.catalog) as catalog:
        info = catalog.info()
    told = found.json()
    assert told["path"] == "catalog"
    assert (told["version"], told["products"], told["photos"]) == (1, PRODUCTS, PRODUCTS)
    assert told["columns"] == dict(info.columns)
    assert told["bytes_on_disk"] == info.bytes_on_disk
    assert info.feeds
    assert "feeds" not in told
    assert str(api.catalog.parent) not in found.text


def test_the_encoders_are_listed_with_the_spaces_that_embeddings_take(api: Api) -> None:
    told = api("GET", "/v1/encoders").json()
    assert [each["name"] for each in told["encoders"]] == [
        "efficientnet-lite2",
        "multilingual-static-384",
    ]
    assert [each["dimension"] for each in told["encoders"]] == [512, 384]
    for space in told["spaces"]:
        body = {"input": ["oak"], "model": space["name"]}
        status = api("POST", "/v1/embeddings", json=body).status_code
        assert (status == 200) == space["takes_prompts"]


def test_numbers_for_prometheus_count_requests_by_their_route(api: Api) -> None:
    api("GET", "/v1/products/p1")
    api("POST", "/v1/search", json={"prompt": "chair"})
    told = api("GET", "/metrics")
    assert told.headers["content-type"].startswith("text/plain")
    assert 'route="/v1/products/{product_id}"' in told.text
    assert 'stage="search_retrieve"' in told.text
    assert "/v1/products/p1" not in told.text


def test_however_many_addresses_are_asked_for_the_numbers_stay_as_many(
    serve: Callable[..., Api],
) -> None:
    api = serve()
    ways = ("/{}", "/{}/none", "/{}none", "/v1/products/{}", "/v1/products/{}/none",
            "/v1/images/{}none", "/v1/{}/{{product_id}}", "/none/{}/none")  # fmt: skip

    def labels() -> int:
        for way in ways:
            for method in ("GET", "DELETE" if "products" not in way else "PATCH", "BREW"):
                api(method, way.format(uuid4().hex))
        return len(api("GET", "/metrics").text.splitlines())

    labels()
    known = labels()
    assert [labels() for _ in range(5)] == [known] * 5


@pytest.mark.parametrize(
    "kind",
    [None, "", "text/plain", "Text/Plain; a=application/json", "multipart/form-data; boundary=x",
     "application/x-www-form-urlencoded"],
)  # fmt: skip
def test_without_a_key_no_page_can_write_by_a_request_that_browsers_send_unasked(
    api: Api, kind: str | None
) -> None:
    headers = {} if kind is None else {"content-type": kind}
    deletion = b'{"id": "p1", "delete": true}'
    found = api.error("POST", "/v1/products:batch", content=deletion, headers=headers)
    assert found[:2] == (415, "unsupported_media_type")
    assert "application/x-ndjson" in found[2]
    assert api("GET", "/v1/products/p1").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/products:batch"), ("PUT", "/v1/products/p1"), ("DELETE", "/v1/products/p1")],
)
def test_no_page_of_another_site_writes_whatever_it_sends(api: Api, method: str, path: str) -> None:
    for told in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        headers = {"content-type": "application/json", **told}
        body = b'{"id": "p1", "delete": true}'
        assert api.error(method, path, content=body, headers=headers)[:2] == (403, "forbidden")
    assert api("GET", "/v1/products/p1").status_code == 200


def test_a_name_that_is_none_of_the_servers_is_refused_at_every_door(api: Api) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/docs", "/v1/catalog", "/v1/products/p1"):
        found = api.error("GET", path, headers={"host": "evil.example"})
        assert found[:2] == (421, "misdirected")


@pytest.mark.parametrize(
    ("trusted", "addresses"),
    [((), 1), (("127.0.0.1",), 4), (("127.0.0.0/8",), 4), (("10.0.0.1",), 1)],
)
def test_who_asked_is_believed_of_trusted_proxies_alone(
    serve: Callable[..., Api], trusted: tuple[str, ...], addresses: int
) -> None:
    api = serve(rate_limit_per_minute=1, trusted_proxies=trusted)
    statuses = [
        api("GET", "/v1/products/p1", headers={"x-forwarded-for": f"1.1.1.1, 203.0.113.{last}"})
        for last in range(4)
    ]
    assert [each.status_code for each in statuses].count(200) == addresses


def test_a_request_keeps_the_id_that_it_came_with(api: Api) -> None:
    answer = api("GET", "/v1/products/nope", headers={"x-request-id": "shop-request-0017"})
    assert answer.headers["x-request-id"] == "shop-request-0017"
    assert answer.json()["error"]["request_id"] == "shop-request-0017"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v2/search", 404, "not_found"),
        ("GET", "/v1/images/", 404, "not_found"),
        ("GET", "/v1/search", 405, "method_not_allowed"),
        ("POST", "/v1/products/p1", 405, "method_not_allowed"),
        ("POST", "/healthz", 405, "method_not_allowed"),
    ],
)
def test_what_is_not_there_is_said_in_the_one_shape(
    api: Api, method: str, path: str, status: int, code: str
) -> None:
    assert api.error(method, path)[:2] == (status, code)


def test_the_address_alone_tells_programs_where_the_documentation_is(api: Api) -> None:
    program = api("GET", "/", headers={"accept": "application/json"})
    assert program.json() == {"documentation": "/docs", "description": "/openapi.json"}
    assert "accept" in program.headers["vary"].lower()


def test_head_answers_what_get_answers_without_its_body(api: Api) -> None:
    photo = api.search(prompt="chair", limit=1)["hits"][0]["photo"]
    for path in (
        photo,
        "/docs",
        "/openapi.json",
        "/healthz",
        "/readyz",
        "/metrics",
        "/v1/catalog",
        "/v1/encoders",
        "/v1/products/p1",
        "/v1/products/p1/similar",
        "/v1/products/nope",
        "/v1/nowhere",
        "/v1/search",
    ):
        got, head = api("GET", path), api("HEAD", path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        kept = ("content-type", "etag", "cache-control", "content-security-policy", "allow")
        assert [head.headers.get(name) for name in kept] == [
            got.headers.get(name) for name in kept
        ], path
        if path not in {"/metrics", "/v1/products/p1/similar"} and got.is_success:
            assert head.headers["content-length"] == got.headers["content-length"], path
    unchanged = {"if-none-match": api("HEAD", photo).headers["etag"]}
    assert api("HEAD", photo, headers=unchanged).status_code == 304
    counted = 'requests_total{method="HEAD",route="/v1/products/{product_id}",status="200"} 1.0'
    assert counted in api("GET", "/metrics").text


def test_what_nobody_foresaw_is_an_internal_error_that_says_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError(f"secret of {api.catalog}")

    monkeypatch.setattr(Catalog, "search_async", broken)
    answer = api("POST", "/v1/search", json={"prompt": "chair"})
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal"
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "secret of" in caplog.text
    assert answer.headers["x-request-id"] == answer.json()["error"]["request_id"]


def test_a_catalog_that_cannot_be_read_is_told_without_its_path(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise CatalogDamagedError(f"{api.catalog}/products.lance is missing.")

    monkeypatch.setattr(Catalog, "search_async", broken)
    status, code, message = api.error("POST", "/v1/search", json={"prompt": "chair"})
    assert (status, code) == (503, "catalog_damaged")
    assert str(api.catalog) not in message
    assert "products.lance is missing" in caplog.text


def test_without_a_key_nothing_is_answered_but_health_and_the_description(
    serve: Callable[..., Api], tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    reader = add_key(keys, "reader", ["read"])
    writer = add_key(keys, "writer", ["write"])
    api = serve(api_keys=keys)
    for method, path in (
        ("POST", "/v1/search"),
        ("GET", "/v1/products/p1"),
        ("GET", "/v1/products/p1/similar"),
        ("PUT", "/v1/products/p1"),
        ("DELETE", "/v1/products/p1"),
        ("POST", "/v1/products:batch"),
        ("POST", "/v1/embeddings"),
        ("GET", "/v1/catalog"),
        ("GET", "/v1/encoders"),
        ("GET", f"/v1/images/{'0' * 64}"),
        ("GET", "/metrics"),
    ):
        assert api.error(method, path)[:2] == (401, "unauthorized")
        wrong = writer if method == "GET" or path in {"/v1/search", "/v1/embeddings"} else reader
        headers = {"authorization": f"Bearer {wrong}"}
        assert api.error(method, path, headers=headers)[:2] == (403, "forbidden")
    assert api("GET", "/").status_code == 307
    for path in ("/healthz", "/readyz", "/docs", "/openapi.json"):
        assert api("GET", path).status_code == 200
    headers = {"x-api-key": reader}
    found = api("POST", "/v1/search", json={"prompt": "chair"}, headers=headers)
    assert found.status_code == 200


def test_a_body_beyond_the_limit_is_refused(serve: Callable[..., Api]) -> None:
    api = serve(limit_body_bytes=2_000)
    body = {"prompt": "a" * 3_000}
    assert api.error("POST", "/v1/search", json=body)[:2] == (413, "too_large")
    assert api("POST", "/v1/search", json={"prompt": "chair"}).status_code == 200


def test_more_requests_than_the_rate_limit_are_refused(serve: Callable[..., Api]) -> None:
    api = serve(rate_limit_per_minute=2)
    for _ in range(2):
        assert api("GET", "/v1/products/p1").status_code == 200
    assert api.error("GET", "/v1/products/p1")[:2] == (429, "too_many_requests")


def test_pages_of_allowed_origins_may_ask(serve: Callable[..., Api]) -> None:
    api = serve(cors_origins=("https://shop.example",))
    for origin, allowed in (("https://shop.example", True), ("https://other.example", False)):
        answer = api("GET", "/v1/products/p1", headers={"origin": origin})
        assert (answer.headers.get("access-control-allow-origin") == origin) == allowed


def test_a_product_that_is_put_is_found_at_once(shop: Path, tmp_path: Path) -> None:
    shutil.copytree(shop / "catalog", tmp_path / "catalog")
    photo = base64.b64encode((shop / "photos" / "0.png").read_bytes()).decode()
    with running(tmp_path) as api:
        body = {"title": "Zebrano bench", "price": 12.5, "photos": [photo]}
        assert api("PUT", "/v1/products/bench%2F1", json=body).status_code == 201
        found = api.search(prompt="zebrano bench", limit=1)
        assert found["hits"][0]["product"]["id"] == "bench/1"
        assert found["catalog"]["version"] == 2
        assert api("GET", found["hits"][0]["photo"]).status_code == 200
        shown = api("GET", "/v1/products/bench%2F1").json()
        assert shown["product"]["price"] == 12.5
        lines = "\n".join(json.dumps({"id": f"p{n}", "delete": True}) for n in range(3))
        kind = {"content-type": "application/x-ndjson"}
        batch = api("POST", "/v1/products:batch", content=lines, headers=kind)
        assert json.loads(batch.text.splitlines()[-1])["deleted"] == 3
        assert api.error("GET", "/v1/products/p1")[:2] == (404, "not_found")


def test_paging_goes_on_in_a_new_version_and_says_so(shop: Path, tmp_path: Path) -> None:
    shutil.copytree(shop / "catalog", tmp_path / "catalog")
    with running(tmp_path) as api:
        first = api.search(prompt="chair", limit=5)
        assert api("DELETE", "/v1/products/p30").status_code == 200
        second = api.search(prompt="chair", limit=5, cursor=first["cursor"])
        assert second["catalog"]["version"] == 2
        assert any("from version 1 to 2" in note for note in second["notes"])
        third = api.search(prompt="chair", limit=5, cursor=second["cursor"])
        assert not any("version" in note for note in third["notes"])


def test_an_application_without_a_catalog_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ServeError, match="--catalog"):
        create_app(ServeSettings())
    with pytest.raises(CatalogNotFoundError), running(tmp_path):
        pass
