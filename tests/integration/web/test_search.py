"""POST /v1/search: the same hits as the command line, in pages, counted and cropped."""

import base64
import io
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from furniture_prompter import Catalog
from furniture_prompter.cli.main import app as terminal
from furniture_prompter.domain.query import Crop
from furniture_prompter.search.answer import answer
from tests.integration.web.conftest import PRODUCTS, Api


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def comparable(hits: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Hits without their photo, which is a path there and an address here."""
    return [
        ({**hit, "photo": None, "score": None}, pytest.approx(hit["score"], abs=2e-3))
        for hit in hits
    ]


def scored(hits: list[dict[str, Any]]) -> list[Any]:
    return [({**hit, "photo": None, "score": None}, hit["score"]) for hit in hits]


def test_hits_are_those_that_search_json_prints(api: Api) -> None:
    words = ["search", "red chair", "--photo", str(api.photos / "7.png"), "--where", "price < 300"]
    words += ["--without", "sofa", "--photo-weight", "0.3", "-k", "7", "--json"]
    printed = CliRunner().invoke(terminal, [*words, "--catalog", str(api.catalog)])
    assert printed.exit_code == 0, printed.output
    expected = json.loads(printed.stdout)
    found = api.search(
        prompt="red chair",
        photo=base64_of((api.photos / "7.png").read_bytes()),
        photo_weight=0.3,
        where="price < 300",
        without="sofa",
        limit=7,
    )
    assert list(found) == list(expected)
    assert scored(found["hits"]) == comparable(expected["hits"])
    assert found["notes"] == expected["notes"]
    assert found["query"] == {**expected["query"], "photo": "photo"}
    assert found["catalog"] == {**expected["catalog"], "path": "catalog"}


def test_a_photo_is_addressed_and_never_a_path(api: Api) -> None:
    answered = api("POST", "/v1/search", json={"prompt": "chair", "facets": ["color"]})
    for hit in answered.json()["hits"]:
        assert re.fullmatch(r"/v1/images/[0-9a-f]{64}", hit["photo"])
    assert str(api.catalog.parent) not in answered.text


def test_the_times_of_the_steps_are_in_the_header_and_in_the_answer(api: Api) -> None:
    answered = api("POST", "/v1/search", json={"prompt": "chair"})
    header = answered.headers["server-timing"]
    named = dict(re.findall(r"(\w+);dur=([\d.]+)", header))
    assert list(named) == [
        *("understand", "filter", "encode", "retrieve", "judge", "present", "total"),
    ]
    assert list(answered.json()["timings_ms"]) == list(named)
    assert float(named["total"]) >= sum(float(named[name]) for name in list(named)[:-1]) - 0.1


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_a_photo_may_be_a_file_or_base64_bare_or_as_a_data_address(api: Api, prefix: str) -> None:
    data = (api.photos / "3.png").read_bytes()
    by_file = api("POST", "/v1/search", files={"photo": ("my chair.png", data, "image/png")})
    assert by_file.status_code == 200
    by_text = api.search(photo=prefix + base64_of(data))
    assert by_file.json()["hits"] == by_text["hits"]
    assert by_text["hits"][0]["product"]["id"] == "p3"
    assert by_file.json()["query"]["photo"] == "my chair.png"


def test_a_form_takes_what_json_takes(api: Api) -> None:
    data = (api.photos / "3.png").read_bytes()
    form = {
        "prompt": "lamp",
        "photo_weight": "0.25",
        "limit": "4",
        "where": "price >= 100",
        "without": "",
        "crop": '{"x": 0, "y": 0, "width": 0.5, "height": 1}',
        "facets": "color,price",
    }
    by_form = api("POST", "/v1/search", data=form, files={"photo": ("photo", data)}).json()
    by_json = api.search(
        prompt="lamp",
        photo=base64_of(data),
        photo_weight=0.25,
        limit=4,
        where="price >= 100",
        crop={"x": 0, "y": 0, "width": 0.5, "height": 1},
        facets=["color", "price"],
    )
    for key in ("query", "hits", "facets", "cursor", "notes"):
        assert by_form[key] == by_json[key]


def test_a_forms_crop_that_is_no_json_is_named(api: Api) -> None:
    data = (api.photos / "3.png").read_bytes()
    form = {"crop": "0,0,0.5,0.5"}
    status, code, message = api.error(
        "POST", "/v1/search", data=form, files={"photo": ("photo", data)}
    )
    assert (status, code) == (422, "invalid_request")
    assert "crop is no JSON" in message


def test_a_crop_is_the_photo_cut_beforehand(api: Api) -> None:
    room = Image.new("RGB", (200, 100), "white")
    room.paste(Image.open(api.photos / "4.png"), (0, 2))
    room.paste(Image.open(api.photos / "19.png"), (100, 2))
    cut = room.crop((100, 0, 200, 100))
    whole = base64_of(png(room))
    cropped = api.search(photo=whole, crop={"x": 0.5, "y": 0.0, "width": 0.5, "height": 1.0})
    beforehand = api.search(photo=base64_of(png(cut)))
    # A part is compared without what the photo around it adds, a photo of its own as it is.
    assert cropped["hits"][0]["product"] == beforehand["hits"][0]["product"]
    assert cropped["hits"][0]["product"] != api.search(photo=whole)["hits"][0]["product"]
    with Catalog.open(api.catalog) as catalog:
        by_library = catalog.search(photo=png(room), crop=Crop(0.5, 0.0, 0.5, 1.0))
    assert scored(cropped["hits"]) == comparable(answer(by_library)["hits"])


@pytest.mark.parametrize(
    "query",
    [
        {"prompt": "red chair"},
        {"prompt": "red chair", "where": "price > 50"},
        {"prompt": "sofa", "without": "blue"},
    ],
)
@pytest.mark.parametrize("limit", [5, 7])
def test_pages_neither_repeat_nor_leave_out(api: Api, query: dict[str, Any], limit: int) -> None:
    everything = api.search(**query, limit=100)
    assert everything["cursor"] is None
    found: list[Any] = []
    cursor = None
    while True:
        page = api.search(**query, limit=limit, cursor=cursor)
        assert len(page["hits"]) <= limit
        found += page["hits"]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert found == everything["hits"]
    assert len(found) >= PRODUCTS - 6
    assert [hit["rank"] for hit in found] == list(range(1, len(found) + 1))


def test_pages_go_on_where_parts_bring_few_products_each(serve: Any) -> None:
    api = serve(candidates=10)
    ids: list[str] = []
    cursor = None
    photo = base64_of((api.photos / "0.png").read_bytes())
    facets = []
    while cursor is not None or not ids:
        page = api.search(photo=photo, prompt="lamp", limit=6, cursor=cursor, facets=["category"])
        ids += [hit["product"]["id"] for hit in page["hits"]]
        facets.append(page["facets"])
        cursor = page["cursor"]
    assert len(ids) == len(set(ids)) == PRODUCTS
    assert all(facet == facets[0] for facet in facets)
    # All that the filter lets through, and not only the few that each part brings.
    assert sum(each["count"] for each in facets[0]["category"]) == PRODUCTS


def test_a_cursor_of_another_query_or_none_at_all_is_refused(api: Api) -> None:
    cursor = api.search(prompt="red chair", limit=5)["cursor"]
    assert api.search(prompt="red chair", limit=9, cursor=cursor)["hits"][0]["rank"] == 6
    for other in ({"prompt": "blue chair"}, {"prompt": "red chair", "where": "price < 100"}):
        status, code, message = api.error("POST", "/v1/search", json={**other, "cursor": cursor})
        assert (status, code) == (400, "invalid_query")
        assert "belongs to another query" in message
    forged = base64.urlsafe_b64encode(b'[-5, 1, 1, "x"]').decode().rstrip("=")
    for text in ("", "?", "bm9uZQ", forged, cursor + "A", "A" * 300):
        status, code, message = api.error(
            "POST", "/v1/search", json={"prompt": "red chair", "cursor": text}
        )
        assert (status, code) == (400, "invalid_query")
        assert "none that a search gave" in message


def test_facets_are_what_a_hand_counts(api: Api) -> None:
    columns = ["category", "tags", "on_sale", "price"]
    found = api.search(prompt="chair", where="price >= 100", limit=100, facets=columns)
    products = [hit["product"] for hit in found["hits"]]
    facets = found["facets"]
    assert list(facets) == columns
    by_category = Counter(product["category"] for product in products)
    assert {each["value"]: each["count"] for each in facets["category"]} == by_category
    assert [each["count"] for each in facets["category"]] == sorted(by_category.values())[::-1]
    by_tag = Counter(tag for product in products for tag in product["tags"])
    assert {each["value"]: each["count"] for each in facets["tags"]} == by_tag
    by_sale = Counter(product["on_sale"] for product in products)
    assert {each["value"]: each["count"] for each in facets["on_sale"]} == by_sale
    prices = [product["price"] for product in products]
    ranges = facets["price"]
    assert (ranges[0]["from"], ranges[-1]["to"]) == (min(prices), max(prices))
    for place, each in enumerate(ranges):
        last = place == len(ranges) - 1
        inside = [
            price
            for price in prices
            if each["from"] <= price and (price < each["to"] or (last and price == each["to"]))
        ]
        assert each["count"] == len(inside)
    assert sum(each["count"] for each in ranges) == len(prices)


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        ({}, 400, "invalid_query", "Give a prompt, a photo, or both"),
        ({"prompt": "a", "limit": 0}, 422, "invalid_request", "limit"),
        ({"prompt": "a", "limit": "5"}, 422, "invalid_request", "limit"),
        ({"prompt": "a", "limit": 5_000}, 400, "invalid_query", "Ask for 1 to"),
        ({"prompt": "a", "colour": "red"}, 422, "invalid_request", "colour"),
        ({"prompt": "a", "where": "prise < 3"}, 400, "invalid_filter", "price"),
        ({"prompt": "a", "facets": ["prise"]}, 400, "invalid_query", "Did you mean `price`"),
        ({"prompt": "a", "facets": ["id"] * 11}, 422, "invalid_request", "facets"),
        ({"prompt": "…"}, 400, "invalid_query", "has no words"),
        ({"photo": "aGFsbG8="}, 400, "invalid_photo", "no image of a known format"),
        ({"photo": "chair.jpg"}, 400, "invalid_photo", "no base64"),
        ({"photo": ""}, 400, "invalid_photo", "empty"),
        ({"photo": "https://shop.example/a.jpg"}, 400, "invalid_photo", "fetches none"),
        (
            {"prompt": "a", "crop": {"x": 0, "y": 0, "width": 0.5, "height": 1}},
            400,
            "invalid_query",
            "no photo",
        ),
        (
            {"prompt": "a", "crop": {"x": 0, "y": 0, "width": 2, "height": 1}},
            422,
            "invalid_request",
            "crop.width",
        ),
        ([], 422, "invalid_request", "does not fit"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_cure(
    api: Api, body: Any, status: int, code: str, words: str
) -> None:
    found = api.error("POST", "/v1/search", json=body)
    assert found[:2] == (status, code)
    assert words in found[2]
    assert str(api.catalog.parent) not in found[2]


def test_a_crop_that_leaves_the_photo_is_refused(api: Api) -> None:
    photo = base64_of((api.photos / "3.png").read_bytes())
    crop = {"x": 0.6, "y": 0, "width": 0.5, "height": 1}
    found = api.error("POST", "/v1/search", json={"photo": photo, "crop": crop})
    assert found[:2] == (400, "invalid_query")
    assert "within the photo" in found[2]


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "invalid_query"),
        (b'{"prompt": "a", "prompt": "b"}', "application/json", 400, "invalid_query"),
        (b'{"prompt": "a", "photo_weight": NaN}', "application/json", 400, "invalid_query"),
        (b"[" * 10_000, "application/json", 400, "invalid_query"),
        (b"\xff\xfe", "application/json", 400, "invalid_query"),
        (b"prompt=chair", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"--x\r\n", "multipart/form-data; boundary=x", 422, "invalid_request"),
        (b"chair", "text/plain", 415, "unsupported_media_type"),
    ],
)
def test_a_body_that_is_no_search_is_refused(
    api: Api, content: bytes, kind: str, status: int, code: str
) -> None:
    headers = {"content-type": kind}
    assert api.error("POST", "/v1/search", content=content, headers=headers)[:2] == (status, code)


@pytest.mark.parametrize(
    ("data", "files"),
    [
        ({"prompt": "a", "colour": "red"}, {}),
        ({"prompt": ["a", "b"]}, {}),
        ({"prompt": "a", "limit": "many"}, {}),
        ({"photo": "aGFsbG8="}, {"photo": b"x"}),
        ({}, {"picture": b"x"}),
    ],
)
def test_a_form_of_other_fields_is_refused(api: Api, data: Any, files: Any) -> None:
    sent = {"empty": ("", b"")} if not files else {}
    found = api.error("POST", "/v1/search", data=data, files=files or sent)
    assert found[:2] == (422, "invalid_request")


def test_a_photo_on_a_private_address_is_refused_where_the_server_fetches(serve: Any) -> None:
    api = serve(fetch_photos=True)
    found = api.error("POST", "/v1/search", json={"photo": "http://127.0.0.1/a.png"})
    assert found[:2] == (400, "invalid_photo")


def test_a_photo_is_fetched_where_the_server_fetches(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = serve(fetch_photos=True)

    async def fetch(url: str) -> bytes:
        assert url == "https://shop.example/a.png"
        return (Path(api.photos) / "5.png").read_bytes()

    monkeypatch.setattr(api.app.state.services.fetcher, "fetch", fetch)
    found = api.search(photo="https://shop.example/a.png", limit=1)
    assert found["hits"][0]["product"]["id"] == "p5"
    assert found["query"]["photo"] == "https://shop.example/a.png"
