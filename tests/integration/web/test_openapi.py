"""The description holds what the server does, and the server what it describes."""

import base64
import json
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from pydantic import TypeAdapter
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from furniture_prompter.search.answer import ProductAnswer, SearchAnswer
from furniture_prompter.search.outfit_answer import GoesWithAnswer, OutfitAnswer
from furniture_prompter.search.photo_answer import PiecesAnswer
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web import examples, schemas
from furniture_prompter.web.access import add_key
from furniture_prompter.web.app import create_app
from furniture_prompter.web.page_files import STATIC
from tests.integration.web.conftest import Api

HELD = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

OPERATIONS = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("POST", "/v1/search"),
    ("GET", "/v1/suggest"),
    ("POST", "/v1/describe"),
    ("POST", "/v1/pieces"),
    ("GET", "/v1/products/{product_id}"),
    ("GET", "/v1/products/{product_id}/similar"),
    ("GET", "/v1/products/{product_id}/goes-with"),
    ("POST", "/v1/outfit"),
    ("PUT", "/v1/products/{product_id}"),
    ("PATCH", "/v1/products/{product_id}"),
    ("DELETE", "/v1/products/{product_id}"),
    ("POST", "/v1/products:batch"),
    ("POST", "/v1/embeddings"),
    ("GET", "/v1/catalog"),
    ("GET", "/v1/encoders"),
    ("GET", "/v1/images/{photo}"),
}
NOTHING_TO_SPOIL = {"/healthz", "/readyz", "/metrics", "/v1/catalog", "/v1/encoders"}


@schemathesis.serializer("application/x-ndjson")
def _as_it_is(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """Lines are described as a text."""
    return str(value).encode("utf-8", "replace")


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_every_endpoint_is_described_with_an_example_of_each_answer(api: Api) -> None:
    described = api("GET", "/openapi.json").json()
    assert {(method, path) for method, path, _ in operations(described)} == OPERATIONS
    for method, path, operation in operations(described):
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
        for status, answer in operation["responses"].items():
            assert answer["description"], (method, path, status)
            if status >= "400":
                content = answer["content"]["application/json"]
                assert content["schema"] == {"$ref": "#/components/schemas/ErrorAnswer"}
                assert set(content["example"]["error"]) == {"code", "message", "request_id"}


def test_every_reference_of_the_description_leads_somewhere(api: Api) -> None:
    described = api("GET", "/openapi.json").json()
    text = json.dumps(described)
    known = described["components"]["schemas"]
    for part in text.split('"#/components/schemas/')[1:]:
        assert part.partition('"')[0] in known


@pytest.mark.parametrize(
    ("model", "example"),
    [
        (schemas.SearchRequest, examples.SEARCH),
        (schemas.EmbeddingsRequest, examples.EMBEDDINGS),
        (SearchAnswer, examples.SEARCH_ANSWER),
        (SearchAnswer, examples.SIMILAR_ANSWER),
        (ProductAnswer, examples.PRODUCT_ANSWER),
        (PiecesAnswer, examples.PIECES_ANSWER),
        (GoesWithAnswer, examples.GOES_WITH_ANSWER),
        (schemas.OutfitAsked, examples.OUTFIT),
        (OutfitAnswer, examples.OUTFIT_ANSWER),
        (schemas.EmbeddingsAnswer, examples.EMBEDDINGS_ANSWER),
        (schemas.CatalogAnswer, examples.CATALOG_ANSWER),
        (schemas.EncodersAnswer, examples.ENCODERS_ANSWER),
        (schemas.AliveAnswer, examples.ALIVE_ANSWER),
        (schemas.ReadyAnswer, examples.READY_ANSWER),
    ],
)
def test_every_example_fits_its_schema(model: Any, example: Any) -> None:
    TypeAdapter(model).validate_python(example)


def test_the_page_shows_every_endpoint_and_loads_nothing_from_elsewhere(api: Api) -> None:
    page = api("GET", "/docs")
    assert page.headers["content-type"].startswith("text/html")
    for method, path in OPERATIONS:
        assert f"{method} {path}</code></h2>" in page.text
    assert re.findall("<script[^>]*>", page.text) == [
        f'<script type="module" src="page/{STATIC.digest}/docs.js">'
    ]
    assert not re.search(r"(src|href)=\"(?!#|openapi.json|page/)", page.text)
    assert not re.search(r"\s(style|on\w+)=", page.text)


def test_the_page_has_a_form_for_every_call_and_a_field_for_every_value(api: Api) -> None:
    page = api("GET", "/docs").text
    described = api("GET", "/openapi.json").json()
    forms = dict(re.findall(r'aria-label="Try ([^"]+)">(.*?)</form>', page, re.DOTALL))
    assert set(forms) == {f"{method} {path}" for method, path in OPERATIONS}
    for method, path, operation in operations(described):
        form = forms[f"{method} {path}"]
        names = {each["name"] for each in operation.get("parameters", ())}
        for content in operation.get("requestBody", {}).get("content", {}).values():
            reference = content["schema"].get("$ref", "").rpartition("/")[2]
            schema = described["components"]["schemas"].get(reference, content["schema"])
            names |= set(schema.get("properties", ()))
        assert names <= set(re.findall(r' name="([^"]+)"', form)), (method, path)
        # A server without keys asks for none; what changes the catalog is confirmed.
        assert 'class="key"' not in form
        assert ("This changes the catalog" in form) == (operation.get("tags") == ["writing"])


def test_the_forms_ask_for_a_key_where_the_server_has_some(
    serve: Callable[..., Api], tmp_path: Path
) -> None:
    add_key(tmp_path / "keys.json", "shop", ["write"])
    page = serve(api_keys=tmp_path / "keys.json")("GET", "/docs").text
    forms = dict(re.findall(r'aria-label="Try ([^"]+)">(.*?)</form>', page, re.DOTALL))
    assert "API key, scope write" in forms["DELETE /v1/products/{product_id}"]
    assert "API key, scope read" in forms["POST /v1/search"]
    assert 'class="key"' not in forms["GET /healthz"]
    assert re.search(r'<input type="password"[^>]* autocomplete="off"', page)


def test_the_page_says_nothing_twice_and_nothing_in_the_frameworks_words(api: Api) -> None:
    described = api("GET", "/openapi.json").json()
    for method, path, operation in operations(described):
        begin = operation["description"].partition(".")[0]
        assert operation["summary"].rstrip("?.") != begin, (method, path)
    for words in ("Validation Error", "Successful Response"):
        assert words not in api("GET", "/docs").text
        assert words not in json.dumps(described)
    assert "HTTPValidationError" not in described["components"]["schemas"]


def test_an_example_of_similar_products_has_no_prompt() -> None:
    query = examples.SIMILAR_ANSWER["query"]
    assert (query["prompt"], query["without"], query["similar_to"]) == (None, None, "stool-9")


def test_the_page_shows_each_field_and_what_it_must_keep_to(api: Api) -> None:
    page = api("GET", "/docs").text
    for name in schemas.SearchRequest.model_fields:
        assert f"<th><code>{name}</code></th>" in page
    assert "<small>(at least 1, 10 when left out)</small>" in page
    assert page.count("<td>Too many requests; see Retry-After.</td>") == 1


def test_the_pages_style_is_the_one_that_its_policy_lets_through(api: Api) -> None:
    page = api("GET", "/docs")
    style = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    (digest,) = [base64.b64encode(sha256(each.encode()).digest()).decode() for each in style]
    policy = page.headers["content-security-policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, shop: Path) -> Iterator[str]:
    """A server of a catalog that may be written."""
    folder = tmp_path_factory.mktemp("writable")
    shutil.copytree(shop / "catalog", folder / "catalog")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app = create_app(ServeSettings(catalog=folder / "catalog", threads=2))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def descriptions(address: str) -> dict[GenerationMode, BaseSchema]:
    """What requests are made by, right and wrong ones.

    Schemathesis spoils no field of bytes ("Unsupported type: 'Binary'"): for wrong requests those
    are texts.
    """
    told = httpx.get(f"{address}/openapi.json").text
    texts = re.sub(r'"format": ?"binary",? ?', "", told).replace(", }", "}").replace(",}", "}")
    found: dict[GenerationMode, BaseSchema] = {
        GenerationMode.POSITIVE: schemathesis.openapi.from_dict(json.loads(told)),
        GenerationMode.NEGATIVE: schemathesis.openapi.from_dict(json.loads(texts)),
    }
    for each in found.values():
        each.config.update(base_url=address)
    return found


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("method", "path"), sorted(OPERATIONS))
def test_no_answer_is_undocumented_and_none_is_a_server_error(
    descriptions: dict[GenerationMode, BaseSchema], method: str, path: str, mode: GenerationMode
) -> None:
    operation = descriptions[mode][path][method]
    if mode is GenerationMode.NEGATIVE and path in NOTHING_TO_SPOIL:
        pytest.skip("takes nothing that could be wrong")

    @settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def hold(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(checks=HELD)

    hold()
