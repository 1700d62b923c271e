"""The client against answers that a test writes."""

import asyncio
import base64
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from furniture_prompter.client import (
    AnswerError,
    AsyncClient,
    Batch,
    BatchLine,
    Client,
    NoAnswerError,
    Retries,
    UnexpectedAnswerError,
    Variant,
    calls,
)

PRODUCT = {
    "id": "stool-7",
    "title": "Stool, white",
    "category": "stool",
    "color": "white",
    "description": "",
    "tags": ["seat"],
    "price": 89.0,
}
ANSWER = {
    "query": {},
    "catalog": {"path": "catalog", "version": 4, "encoder": "efficientnet-lite2"},
    "hits": [
        {
            "rank": 1,
            "score": 3.8,
            "product": PRODUCT,
            "photo": "/v1/images/abc",
            "matched": ["keyword"],
            "of_tomorrow": 1,
        }
    ],
    "timings_ms": {"total": 4.7},
    "notes": [],
    "facets": {
        "color": [{"value": "white", "count": 3}],
        "price": [{"from": 0.0, "to": 50.0, "count": 2}],
    },
    "cursor": "next",
    "of_tomorrow": {"a": 1},
}
REFUSED = {"error": {"code": "overloaded", "message": "Too much.", "request_id": "r-1"}}

Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler, **options: Any) -> Client:
    return Client("http://api", transport=httpx.MockTransport(handler), **options)


def answering(
    value: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Handler:
    return lambda _: httpx.Response(status, json=value, headers=headers)


def test_a_search_sends_what_was_given_and_nothing_else() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=ANSWER)

    with client(handler, api_key="secret") as api:
        api.search("white stool", photo=b"jpeg", crop=(0.1, 0.2, 0.5, 0.6), facets=("color",))
    (request,) = seen
    assert (request.method, request.url.path) == ("POST", "/v1/search")
    assert request.headers["authorization"] == "Bearer secret"
    assert json.loads(request.content) == {
        "prompt": "white stool",
        "photo": base64.b64encode(b"jpeg").decode(),
        "crop": {"x": 0.1, "y": 0.2, "width": 0.5, "height": 0.6},
        "facets": ["color"],
    }


def test_a_file_is_sent_by_its_bytes_and_an_address_as_it_is(tmp_path: Path) -> None:
    bodies: list[dict[str, Any]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, json=ANSWER)

    file = tmp_path / "chair.jpg"
    file.write_bytes(b"pixels")
    with client(handler) as api:
        api.search(photo=file)
        api.search(photo="https://shop.example/chair.jpg")
    assert bodies[0]["photo"] == base64.b64encode(b"pixels").decode()
    assert bodies[1]["photo"] == "https://shop.example/chair.jpg"


def test_an_answer_is_read_into_records_and_new_keys_stay_in_raw() -> None:
    with client(answering(ANSWER)) as api:
        answer = api.search("stool")
    (hit,) = answer.hits
    assert (hit.product.id, hit.product.tags, hit.product.attributes) == (
        "stool-7",
        ("seat",),
        {"price": 89.0},
    )
    assert answer.facets["color"][0].value == "white"
    assert (answer.facets["price"][0].low, answer.facets["price"][0].high) == (0.0, 50.0)
    assert (answer.catalog_version, answer.cursor) == (4, "next")
    assert answer.raw["of_tomorrow"] == {"a": 1}
    with pytest.raises(dataclasses.FrozenInstanceError):
        hit.rank = 2  # type: ignore[misc]  # that it cannot be set is what is tested


def test_variants_and_lists_are_read_into_records() -> None:
    grey = {"id": "g", "title": "", "options": {"Color": "Grey"}, "color": "grey", "price": 599.0}
    product = {**PRODUCT, "variants": [grey], "base_colors": ["white", "grey"]}
    hit = {**ANSWER["hits"][0], "product": product, "variant": grey}  # type: ignore[index]  # a list
    with client(answering({**ANSWER, "hits": [hit]})) as api:
        (found,) = api.search("stool").hits
    variant = Variant("g", "", {"Color": "Grey"}, "grey", {"price": 599.0})
    assert (found.variant, found.product.variants) == (variant, (variant,))
    assert found.product.attributes == {"price": 89.0, "base_colors": ("white", "grey")}
    page = {"product": product, "photos": ["/a", "/b"], "variant_photos": {"g": ["/b"]}}
    with client(answering(page)) as api:
        assert api.product("stool-7").variant_photos == {"g": ("/b",)}


def test_photos_of_variants_are_sent_as_texts_or_as_places() -> None:
    bodies: list[Any] = []

    def handler(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.read()))
        return httpx.Response(200, json={"id": "a", "outcome": "created", "version": 2})

    given = {"title": "A", "variants": [{"id": "g", "photos": [1, b"x"]}, {"id": "h"}]}
    with client(handler) as api:
        api.put_product("a", given, photos=[b"y"])
    assert bodies == [
        {
            "title": "A",
            "variants": [{"id": "g", "photos": [1, "eA=="]}, {"id": "h"}],
            "photos": ["eQ=="],
        }
    ]


def test_changes_are_sent_as_such() -> None:
    call = calls.patch_product(
        "a/b", {"stock": 0, "color": None}, photos=["https://shop.example/1.jpg"]
    )
    assert (call.method, call.path) == ("PATCH", "/v1/products/a%2Fb")
    assert call.json == {"stock": 0, "color": None, "photos": ["https://shop.example/1.jpg"]}


def test_an_answer_of_an_older_server_without_facets_is_read() -> None:
    old = {key: value for key, value in ANSWER.items() if key not in ("facets", "cursor")}
    with client(answering(old)) as api:
        answer = api.search("stool")
    assert (answer.facets, answer.cursor) == ({}, None)
    assert (answer.hits[0].variant, answer.hits[0].product.variants) == (None, ())


def test_an_id_with_slashes_and_spaces_is_quoted() -> None:
    paths: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return httpx.Response(200, json=ANSWER)

    with client(handler) as api:
        api.similar("a/b c?", limit=3)
    assert paths == [b"/v1/products/a%2Fb%20c%3F/similar?limit=3"]


def test_a_refusal_tells_code_message_request_and_wait() -> None:
    handler = answering(REFUSED, 429, {"Retry-After": "7"})
    with client(handler, retries=Retries(times=0)) as api, pytest.raises(AnswerError) as caught:
        api.search("stool")
    error = caught.value
    assert (error.status, error.code, error.message) == (429, "overloaded", "Too much.")
    assert (error.request_id, error.retry_after_s) == ("r-1", 7.0)


def test_a_call_is_made_again_when_the_server_says_when() -> None:
    answers = [
        httpx.Response(429, json=REFUSED, headers={"Retry-After": "0"}),
        httpx.Response(503, json=REFUSED, headers={"Retry-After": "0"}),
        httpx.Response(200, json=ANSWER),
    ]
    with client(lambda _: answers.pop(0)) as api:
        assert api.search("stool").hits
    assert not answers


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (429, {}),
        (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}),
        (503, {"Retry-After": "3600"}),
        (500, {"Retry-After": "0"}),
        (504, {"Retry-After": "0"}),
    ],
)
def test_it_is_not_made_again_otherwise(status: int, headers: dict[str, str]) -> None:
    count = 0

    def handler(_: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        return httpx.Response(status, json=REFUSED, headers=headers)

    with client(handler) as api, pytest.raises(AnswerError):
        api.search("stool")
    assert count == 1


def test_repetitions_come_to_an_end() -> None:
    count = 0

    def handler(_: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        return httpx.Response(429, json=REFUSED, headers={"Retry-After": "0"})

    with client(handler, retries=Retries(times=2)) as api, pytest.raises(AnswerError):
        api.catalog()
    assert count == 3


def test_a_batch_is_never_sent_twice() -> None:
    count = 0

    def handler(request: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        return httpx.Response(503, json=REFUSED, headers={"Retry-After": "0"})

    with client(handler) as api, pytest.raises(AnswerError):
        list(api.batch([{"id": "a", "title": "A"}]))
    assert count == 1


def test_a_batch_streams_lines_in_and_results_out() -> None:
    sent: list[Any] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.extend(json.loads(line) for line in request.read().splitlines())
        lines = [
            {"line": 1, "id": "a", "outcome": "created", "reason": None, "left_out": ["No."]},
            {"line": 2, "id": None, "outcome": "refused", "reason": "It has no id."},
            {"version": 5, "created": 1, "refused": 1},
        ]
        return httpx.Response(200, text="".join(json.dumps(line) + "\n" for line in lines))

    with client(handler) as api:
        first, second, end = api.batch(
            each for each in ({"id": "a", "title": "A", "photos": [b"x"]}, {"title": "B"})
        )
    assert sent == [{"id": "a", "title": "A", "photos": ["eA=="]}, {"title": "B"}]
    assert isinstance(first, BatchLine)
    assert (first.outcome, first.left_out) == ("created", ("No.",))
    assert isinstance(second, BatchLine)
    assert second.reason == "It has no id."
    assert isinstance(end, Batch)
    assert (end.version, end.counts) == (5, {"created": 1, "refused": 1})


def test_embeddings_come_in_the_order_of_their_inputs() -> None:
    rows = [{"index": 1, "embedding": [0.0, 1.0]}, {"index": 0, "embedding": [1.0, 0.0]}]
    with client(answering({"model": "m", "data": rows})) as api:
        answer = api.embeddings(["oak", "steel"])
        assert answer.vectors == ((1.0, 0.0), (0.0, 1.0))
        with pytest.raises(ValueError, match="not both and not neither"):
            api.embeddings(["oak"], photos=[b"x"])


def test_a_server_that_is_not_ready_is_no_error() -> None:
    with client(answering(REFUSED, 503, {"Retry-After": "0"})) as api:
        assert api.ready() is False
    with client(answering({"status": "ok"})) as api:
        assert api.healthy() is True


@pytest.mark.parametrize(("status", "told"), [(200, "Check that the address"), (502, "502")])
def test_what_is_not_the_api_is_told_as_such(status: int, told: str) -> None:
    api = client(lambda _: httpx.Response(status, text="<html>"))
    with api, pytest.raises(UnexpectedAnswerError, match=told):
        api.catalog()


def test_a_server_that_does_not_answer_is_told_with_what_helps() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with client(handler) as api:
        with pytest.raises(NoAnswerError, match="Check that the server runs"):
            api.catalog()
        with pytest.raises(NoAnswerError, match="Check that the server runs"):
            list(api.batch([]))


def test_both_clients_have_the_same_methods_and_arguments() -> None:
    import inspect

    def offered(kind: type) -> dict[str, list[str]]:
        return {
            name.removeprefix("a") if name == "aclose" else name: list(
                inspect.signature(member).parameters
            )
            for name, member in vars(kind).items()
            if not name.startswith("_")
        }

    assert offered(Client) == offered(AsyncClient)


def test_the_awaited_client_asks_the_same() -> None:
    waits = [
        httpx.Response(429, json=REFUSED, headers={"Retry-After": "0"}),
        httpx.Response(200, json=ANSWER),
        httpx.Response(200, text='{"version": 5}\n'),
    ]

    async def run() -> None:
        transport = httpx.MockTransport(lambda _: waits.pop(0))
        async with AsyncClient("http://api", transport=transport) as api:
            assert (await api.search("stool")).hits[0].product.id == "stool-7"
            (end,) = [each async for each in api.batch([{"id": "a"}])]
            assert isinstance(end, Batch)

    asyncio.run(run())


def test_a_missing_httpx_is_one_sentence_with_the_line_that_installs_it() -> None:
    code = "import sys; sys.modules['httpx'] = None; import furniture_prompter.client"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    assert (
        "The client needs httpx. Run in a clone of Furniture Prompter: pip install -e '.[client]'"
        in last
    )


def test_the_client_loads_nothing_else_of_the_package() -> None:
    code = "import sys, furniture_prompter.client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = {name for name in done.stdout.split() if name.startswith("furniture_prompter.")}
    assert {name.split(".")[1] for name in ours} == {"client", "query_options"}
