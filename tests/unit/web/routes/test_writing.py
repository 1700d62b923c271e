"""PUT, DELETE and batches, over HTTP into a real catalog."""

import asyncio
import base64
import errno
import io
import json
import os
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from benchmarks.upload_fuzz import mutated, seeds
from furniture_prompter.assembly import Catalog, index
from furniture_prompter.assembly.upkeep import CatalogUpserts
from furniture_prompter.catalog.manifest import read_manifest
from furniture_prompter.catalog.retention import UPLOADS_FOLDER
from furniture_prompter.catalog.storage import writer_lock
from furniture_prompter.domain import Product
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.search.answer import product_answer
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.access import Authenticate, Keys, add_key
from furniture_prompter.web.bodies import HeldBytes
from furniture_prompter.web.errors import add_error_handlers
from furniture_prompter.web.fetching import PhotoFetcher
from furniture_prompter.web.routes.writing import router
from furniture_prompter.web.telemetry import Metrics
from tests.fakes import draw_product

SETTINGS = ServeSettings(request_timeout_s=2.0, threads=2)


def photo(colour: str = "red", shape: str = "chair", seed: int = 1) -> bytes:
    buffer = io.BytesIO()
    draw_product(colour, shape, seed).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def base64_photo(colour: str = "red", shape: str = "chair", seed: int = 1) -> str:
    return base64.b64encode(photo(colour, shape, seed)).decode()


class Fetcher(PhotoFetcher):
    """Knows one address."""

    async def fetch(self, url: str) -> bytes:
        if url != "https://shop.example/blue.jpg":
            raise InvalidPhotoError("The photo's web address does not lead to a public address.")
        return photo("blue", "lamp")


@dataclass
class Versions:
    """Counts how often it was told to look for a new version."""

    refreshed: int = 0
    is_copy: bool = False

    async def refresh(self) -> None:
        self.refreshed += 1


@dataclass
class Heard:
    """What learning is told of writes.

    Attributes:
        due: Of each write, whether something is to be learned anew by then.
    """

    due: list[bool] = field(default_factory=list)

    def written(self, *, due: bool) -> None:
        self.due.append(due)


@dataclass
class FakeServices:
    settings: ServeSettings
    upserts: CatalogUpserts
    fetcher: PhotoFetcher | None
    catalog: Versions
    learning: Heard = field(default_factory=Heard)
    held: HeldBytes = field(default_factory=lambda: HeldBytes(10**8, Metrics()))


@dataclass
class Api:
    """The routes over one catalog."""

    folder: Path
    services: FakeServices
    app: Any

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.request(method, path, **options)

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self.send(method, path, **options))

    def batch(self, *lines: object) -> tuple[list[Any], dict[str, Any]]:
        body = "\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines)
        answer = self("POST", "/products:batch", content=body, headers=NDJSON)
        assert answer.status_code == 200, answer.text
        *results, counts = [json.loads(line) for line in answer.text.splitlines()]
        return results, counts

    def found(self, prompt: str, where: str | None = None) -> list[str]:
        with Catalog.open(self.folder, settings=SETTINGS) as catalog:
            return [hit.product.id for hit in catalog.search(prompt, where=where).hits]

    def version(self) -> int:
        with Catalog.open(self.folder, settings=SETTINGS) as catalog:
            assert catalog.verify().sound
            return catalog.info().version

    def uploads(self) -> list[str]:
        folder = self.folder / UPLOADS_FOLDER
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


NDJSON = {"Content-Type": "application/x-ndjson"}


def application(services: FakeServices, keys: Keys | None = None) -> Any:
    app = FastAPI()
    app.state.services = services
    app.include_router(router)
    add_error_handlers(app)
    return Authenticate(app, keys)


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return api_in(tmp_path)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Api:
    """For requests that write nothing."""
    return api_in(tmp_path_factory.mktemp("untouched"))


def api_in(place: Path) -> Api:
    photos = place / "photos" / "stool"
    photos.mkdir(parents=True)
    for number, colour in enumerate(("red", "green", "blue")):
        draw_product(colour, "table", number).save(photos / f"{colour}.png")
    folder = place / "catalog"
    index(place / "photos", folder, settings=SETTINGS)
    services = FakeServices(SETTINGS, CatalogUpserts(folder, SETTINGS), None, Versions())
    return Api(folder, services, application(services))


def error_of(answer: httpx.Response) -> dict[str, str]:
    error: dict[str, str] = answer.json()["error"]
    assert set(error) == {"code", "message", "request_id"}
    return error


def test_put_then_search_finds_it_and_delete_takes_it_away(api: Api) -> None:
    product = {"title": "Zebrano bench", "price": 12.5, "photos": [base64_photo()]}
    created = api("PUT", "/products/bench-1", json=product)
    assert created.status_code == 201
    written = {"id": "bench-1", "left_out": []}
    assert created.json() == {**written, "outcome": "created", "version": 2}
    assert api.found("zebrano bench", "price = 12.5") == ["bench-1"]
    again = api("PUT", "/products/bench-1", json=product | {"id": "bench-1"})
    assert (again.status_code, again.json()["outcome"]) == (200, "unchanged")
    cheaper = api("PUT", "/products/bench-1", json={"title": "Zebrano bench", "price": 11})
    assert cheaper.json() == {**written, "outcome": "updated", "version": 3}
    assert api.found("zebrano", "price = 11") == ["bench-1"]
    gone = api("DELETE", "/products/bench-1")
    assert gone.json() == {**written, "outcome": "deleted", "version": 4}
    assert "bench-1" not in api.found("zebrano bench")
    assert error_of(api("DELETE", "/products/bench-1"))["code"] == "not_found"
    assert api.services.catalog.refreshed == 5
    # Three photos are too few to learn from.
    assert api.services.learning.due == [False] * 5
    assert api.version() == 4


def test_patch_changes_what_it_names_and_keeps_the_rest(api: Api) -> None:
    product = {
        "title": "Zebrano bench",
        "renk": "Kırmızı",
        "fiyat": "1.299,00 TL",
        "genişlik": "80 cm",
        "sale_price": 1_200,
        "availability": "in stock",
        "maliyet": 700,
        "photos": [base64_photo()],
    }
    created = api("PUT", "/products/bench-1", json=product)
    assert created.status_code == 201
    (paid,) = created.json()["left_out"]
    assert "maliyet" in paid
    read = "base_colors contains 'red' and width_cm = 80 and currency = 'TRY'"
    assert api.found("zebrano", f"{read} and price = 1299") == ["bench-1"]
    # As a merge patch and as JSON; what is not true any more goes with it.
    merge = {"Content-Type": "application/merge-patch+json"}
    changed = api("PATCH", "/products/bench-1", content=b'{"stock": 0}', headers=merge)
    assert (changed.status_code, changed.json()["outcome"]) == (200, "updated")
    assert [text.split(":")[0] for text in changed.json()["left_out"]] == ["availability"]
    assert api.found("zebrano", f"{read} and stock = 0 and sale_price = 1200") == ["bench-1"]
    cheaper = api("PATCH", "/products/bench-1", json={"price": "999 TL", "renk": None})
    assert [text.split(":")[0] for text in cheaper.json()["left_out"]] == ["sale_price"]
    left = "price = 999 and base_colors is null and sale_price is null and availability is null"
    assert api.found("zebrano", f"{left} and width_cm = 80") == ["bench-1"]
    foreign = api("PATCH", "/products/bench-1", json={"price": "50 EUR"}).json()
    assert (foreign["outcome"], len(foreign["left_out"])) == ("unchanged", 1)
    for body, told in (
        ({"photos": None}, "photos is null"),
        ({"patch": True}, "for batches"),
        ({"title": 7}, "wrong type"),
    ):
        assert told in error_of(api("PATCH", "/products/bench-1", json=body))["message"]
    assert error_of(api("PATCH", "/products/none", json={"stock": 1}))["code"] == "not_found"
    # PUT takes the place of all, and says so where nobody can mean it.
    (title,) = api("PUT", "/products/bench-1", json={"stock": 3}).json()["left_out"]
    assert "Zebrano bench" in title


def test_a_batch_patches_too(api: Api) -> None:
    api("PUT", "/products/bench-1", json={"title": "Bench", "photos": [base64_photo()]})
    lines = [
        {"id": "bench-1", "patch": True, "price": 5},
        {"id": "none", "patch": True, "price": 5},
        {"id": "a", "patch": 1},
        {"id": "b", "patch": True, "delete": True},
    ]
    body = "".join(json.dumps(line) + "\n" for line in lines)
    answer = api("POST", "/products:batch", content=body.encode(), headers=NDJSON)
    results = [json.loads(line) for line in answer.text.splitlines()]
    outcomes = [result["outcome"] for result in results[:-1]]
    assert outcomes == ["updated", "missing", "refused", "refused"]
    assert api.found("bench", "price = 5") == ["bench-1"]


def stored(api: Api, product_id: str) -> tuple[Product, list[tuple[str, str]]]:
    """A product as the catalog has it, and the id and variant of each of its photos."""
    with Catalog.open(api.folder, settings=SETTINGS) as catalog:
        product, photos = asyncio.run(catalog.product(product_id))
        return product, [(each.id, each.variant_id) for each in photos]


def test_what_cannot_be_stored_leaves_what_the_product_has(api: Api) -> None:
    product = {
        "title": "Bench",
        "flag": True,
        "width_cm": 80,
        "price": 100,
        "sale_price": 90,
        "material": "oak",
        "availability": "in stock",
        "photos": [base64_photo()],
    }
    api("PUT", "/products/bench-1", json=product)
    before, _ = stored(api, "bench-1")
    bad = {
        "flag": "yes",
        "width_cm": "abc",
        "price": [1, 2],
        "sale_price": 120,
        "material": 5,
    }
    answer = api("PATCH", "/products/bench-1", json=bad).json()
    assert (answer["outcome"], len(answer["left_out"])) == ("unchanged", len(bad))
    assert stored(api, "bench-1")[0] == before
    # A batch has the other lines written.
    lines = [{"id": "bench-1", "patch": True, "price": [1]}, {"id": "bench-1", "patch": True}]
    body = "".join(json.dumps(line) + "\n" for line in lines).encode()
    assert api("POST", "/products:batch", content=body, headers=NDJSON).status_code == 200
    api("PATCH", "/products/bench-1", json={"in_stock": False})
    changed, _ = stored(api, "bench-1")
    assert changed.attributes == {**before.attributes, "availability": "out of stock"}
    (title,) = api("PATCH", "/products/bench-1", json={"title": None}).json()["left_out"]
    assert "'Bench'" in title


def test_a_patch_makes_no_product_of_more_columns_than_one_may_have(api: Api) -> None:
    api("PUT", "/products/bench-1", json={"title": "Bench", "photos": [base64_photo()]})
    for begin, code in ((0, 200), (120, 422)):
        fields = {f"field_{number}": 1 for number in range(begin, begin + 120)}
        assert api("PATCH", "/products/bench-1", json=fields).status_code == code
    assert len(stored(api, "bench-1")[0].attributes) == 120


def test_photos_of_variants_take_no_photo_from_the_product(api: Api) -> None:
    grey = {"id": "a", "photos": [base64_photo("green")]}
    api("PUT", "/products/bench-1", json={"title": "Bench", "photos": [base64_photo()]})
    _, ((own, _),) = stored(api, "bench-1")
    assert api("PATCH", "/products/bench-1", json={"variants": [grey]}).status_code == 200
    _, ((first, of_none), (green, of_grey)) = stored(api, "bench-1")
    assert (first, of_none, of_grey) == (own, "", "a")
    grey["photos"] = [base64_photo("blue")]
    api("PATCH", "/products/bench-1", json={"variants": [grey]})
    _, photos = stored(api, "bench-1")
    assert photos[0] == (own, "")
    assert [variant for _, variant in photos] == ["", "a"]
    assert green not in {photo for photo, _ in photos}


def test_an_id_with_slashes_and_spaces_is_an_id(api: Api) -> None:
    assert api("DELETE", "/products/stool/red.png").json()["id"] == "stool/red.png"
    answer = api("PUT", "/products/new%20one%2Fa", json={"photos": [base64_photo()]})
    assert answer.json()["id"] == "new one/a"


def test_an_id_with_a_line_break_is_no_unknown_address(api: Api) -> None:
    answer = api("PUT", "/products/a%0Ab", json={"photos": [base64_photo()]})
    assert answer.status_code in (201, 422)
    assert api("DELETE", "/products/no%0Asuch").json()["error"]["code"] == "not_found"
    assert "such" in api("DELETE", "/products/no%0Asuch").json()["error"]["message"]


def test_a_form_carries_photos_as_files(api: Api) -> None:
    files = [("photos", ("a.jpg", photo(), "image/jpeg")), ("photos", ("b", photo("green"), ""))]
    data = {"product": json.dumps({"title": "Formed seat"})}
    answer = api("PUT", "/products/formed", data=data, files=files)
    assert answer.status_code == 201, answer.text
    assert len(api.uploads()) == 2
    assert api.found("formed seat")[0] == "formed"


def test_fields_for_photos_in_which_none_was_chosen_are_no_photos(api: Api) -> None:
    def part(name: str, filename: str | None, data: bytes) -> bytes:
        file = "" if filename is None else f'; filename="{filename}"'
        head = f'--cut\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        return head.encode() + data + b"\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=cut"}
    product = part("product", None, json.dumps({"title": "Formed seat"}).encode())
    unchosen = part("photos", "", b"")
    body = product + unchosen + part("photos", "a.jpg", photo()) + unchosen + b"--cut--\r\n"
    answer = api("PUT", "/products/formed", content=body, headers=headers)
    assert answer.status_code == 201, answer.text
    body = product + unchosen + b"--cut--\r\n"
    again = api("PUT", "/products/formed", content=body, headers=headers)
    assert again.json()["outcome"] == "unchanged"


def test_a_form_that_is_cut_off_anywhere_is_refused_and_writes_nothing(api: Api) -> None:
    request = httpx.Request(
        "PUT", "http://api/", data={"product": '{"title": "x"}'}, files={"photos": photo()}
    )
    body = request.read()
    headers = {"Content-Type": request.headers["content-type"]}
    for length in (0, 1, 40, 60, len(body) // 2, len(body) - 60, len(body) - 5):
        answer = api("PUT", "/products/cut", content=body[:length], headers=headers)
        assert answer.status_code == 422, length
        assert error_of(answer)["code"] == "invalid_request"
    assert api("PUT", "/products/cut", content=body, headers=headers).status_code == 201


def test_a_web_address_is_fetched_only_where_the_server_fetches(api: Api) -> None:
    product = {"photos": ["https://shop.example/blue.jpg"]}
    refused = api("PUT", "/products/far", json=product)
    assert (refused.status_code, error_of(refused)["code"]) == (400, "invalid_photo")
    assert error_of(refused)["message"].startswith("Photo 1 of product 'far' is a web address")
    api.services.fetcher = Fetcher(SETTINGS)
    assert api("PUT", "/products/far", json=product).status_code == 201
    private = api("PUT", "/products/near", json={"photos": ["http://127.0.0.1/x"]})
    assert error_of(private)["code"] == "invalid_photo"
    asyncio.run(api.services.fetcher.aclose())


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("[]", 422, "no object"),
        ("{", 400, "JSON"),
        ('{"a": NaN}', 400, "NaN"),
        ('{"title": "a", "title": "b"}', 400, "twice"),
        ("[" * 500, 400, "32 levels"),
        ('{"variants": {"id": "a"}}', 422, "no list of objects"),
        ('{"variants": [{"title": "a"}]}', 422, "Variant 1 has no id"),
        ('{"variants": [{"id": "a", "photos": [1]}]}', 422, "names photo 1 of the product"),
        ('{"variants": [{"id": "a", "photos": [true]}]}', 422, "photos of variant 1"),
        ('{"variants": [{"id": "a", "photos": {}}]}', 422, "no photo"),
        ('{"variants": [{"id": "a", "photos": ["%%%"]}]}', 400, "1 of variant 'a'"),
        ('{"variants": [{"id": "a", "x": "' + "a " * 30_000 + '"}]}', 422, "60,000 characters"),
        (
            '{"variants": [{"id": "a", "options": {"x": "a' + "\u0301\u0323" * 16 + '"}}]}',
            422,
            "accents",
        ),
        ('{"variants": [' + '{"id": "a"},' * 500 + '{"id": "b"}]}', 422, "501 variants"),
        ('{"title": 5}', 422, "title"),
        ('{"id": "other"}', 422, "id in the body"),
        ('{"photos": []}', 422, "0 photos"),
        ('{"photos": {}}', 422, "list"),
        ('{"photos": [5]}', 422, "list"),
        ('{"photos": ["%%%"]}', 400, "base64"),
        ('{"photos": [""]}', 400, "empty"),
        ('{"photos": ["AAAA"]}', 400, "known format"),
        ('{"photos": ["data:text/html,x"]}', 400, "data address"),
        ('{"photos": ["file:///etc/passwd"]}', 400, "base64"),
        ('{"image": "../../etc/passwd"}', 422, "image files"),
        ('{"title": "no photo at all"}', 422, "no photo"),
        ('{"delete": true}', 422, "batches"),
        ('{"delete": 1}', 422, "true nor false"),
        ('{"price": 1e999}', 400, "too large"),
        ('{"colour": {"a": 1}}', 422, "color"),
        ('{"title": "' + "a " * 30_000 + '"}', 422, "60,000 characters"),
        ('{"tags": ["' + "a," * 30_000 + '"]}', 422, "60,000 characters"),
        ('{"' + "a" * 60_000 + '": 1}', 422, "60,000 characters"),
        ('{"title": "a' + "\u0301\u0323" * 16 + '"}', 422, "accents"),
        ('{"e' + "\u0301\u0323" * 16 + '": 1}', 422, "accents"),
    ],
)
def test_what_is_no_product_is_refused_in_one_shape(
    untouched: Api, body: str, status: int, words: str
) -> None:
    api = untouched
    headers = {"Content-Type": "application/json"}
    answer = api("PUT", "/products/x", content=body.encode(), headers=headers)
    assert answer.status_code == status, answer.text
    assert words in error_of(answer)["message"]
    assert str(api.folder.parent) not in answer.text
    assert (read_manifest(api.folder).version, api.uploads()) == (1, [])


def shown_by(api: Api, product_id: str, data: bytes) -> tuple[str | None, Product]:
    """The variant that a hit shows for a photo, and its product."""
    with Catalog.open(api.folder, settings=SETTINGS) as catalog:
        hit = catalog.search(photo=data).hits[0]
    assert hit.product.id == product_id
    return hit.variant.id if hit.variant else None, hit.product


def test_variants_come_with_photos_of_their_own_or_places_among_the_products(api: Api) -> None:
    grey, red, black = (base64_photo(colour, "sofa") for colour in ("yellow", "brown", "black"))
    variants = [
        {"id": "g", "options": {"Color": "Grey"}, "price": 599, "photos": [2]},
        {"id": "r", "options": {"Color": "Red"}, "price": 649.5, "photos": [red]},
        {"id": "x", "color": "none of it"},
    ]
    product = {"title": "Bergen", "price": 599, "photos": [black, grey], "variants": variants}
    assert api("PUT", "/products/sofa", json=product).status_code == 201
    assert len(api.uploads()) == 3
    assert shown_by(api, "sofa", photo("yellow", "sofa"))[0] == "g"
    assert shown_by(api, "sofa", photo("brown", "sofa"))[0] == "r"
    variant, stored = shown_by(api, "sofa", photo("black", "sofa"))
    assert variant is None
    assert [each.id for each in stored.variants] == ["g", "r", "x"]
    assert stored.variants[0].attributes == {"price": 599.0}
    # What an answer gives can be sent back.
    back = {**product_answer(stored), "title": "Oslo"}
    assert api("PUT", "/products/sofa", json=back).json()["outcome"] == "updated"
    assert shown_by(api, "sofa", photo("brown", "sofa"))[0] == "r"
    assert api.found("none of it oslo")[0] == "sofa"


def test_a_photo_of_two_variants_shows_neither_and_files_of_a_form_are_counted(api: Api) -> None:
    files = [("photos", ("a.jpg", photo(colour, "sofa"))) for colour in ("yellow", "brown")]
    variants = [{"id": "a", "photos": [1, 2]}, {"id": "b", "photos": [2]}]
    data = {"product": json.dumps({"title": "Formed", "variants": variants})}
    assert api("PUT", "/products/formed", data=data, files=files).status_code == 201
    assert shown_by(api, "formed", photo("yellow", "sofa"))[0] == "a"
    assert shown_by(api, "formed", photo("brown", "sofa"))[0] is None


def test_a_list_of_texts_is_a_list_and_a_batch_takes_variants(api: Api) -> None:
    variants = [{"id": "v", "base_colors": ["grey"], "photos": [base64_photo("yellow", "sofa")]}]
    line = {"id": "b", "base_colors": ["grey", " oak ", "grey"], "variants": variants}
    results, counts = api.batch(line, {"id": "c", "variants": [{"id": "v"}, {"id": "v"}]})
    assert counts["created"] == 1
    assert "same id" in results[1]["reason"]
    assert api.found("sofa", "base_colors contains 'oak'") == ["b"]
    variant, stored = shown_by(api, "b", photo("yellow", "sofa"))
    assert variant == "v"
    assert stored.attributes == {"base_colors": ("grey", "oak")}
    assert stored.variants[0].attributes == {"base_colors": ("grey",)}


def test_texts_in_scripts_of_many_marks_are_stored(api: Api) -> None:
    titles = ("Ghế gỗ sồi", "เก้าอี้ไม้โอ๊ค", "כִּסֵּא עֵץ", "e\u0301" * 60)
    for title in titles:
        product = {"title": title, "description": title * 90, "photos": [base64_photo()]}
        assert api("PUT", "/products/x", json=product).status_code in (200, 201), title


def test_other_kinds_of_bodies_are_refused(api: Api) -> None:
    headers = {"Content-Type": "text/html"}
    for method, path in (("PUT", "/products/x"), ("POST", "/products:batch")):
        assert error_of(api(method, path, content="x", headers=headers))["code"] == (
            "unsupported_media_type"
        )


def test_a_photo_that_breaks_while_decoding_is_refused_without_a_path(api: Api) -> None:
    cut = base64.b64encode(photo()[:-200]).decode()
    answer = api("PUT", "/products/x", json={"photos": [base64_photo("blue"), cut]})
    assert (answer.status_code, error_of(answer)["code"]) == (400, "invalid_photo")
    assert error_of(answer)["message"].startswith("Photo 2 is damaged")
    assert str(api.folder) not in answer.text
    assert (api.version(), api.uploads()) == (1, [])


def test_a_batch_is_one_version_and_its_bad_lines_are_told(api: Api) -> None:
    results, counts = api.batch(
        {"id": "a", "title": "Alder bench", "price": 1, "photos": [base64_photo("red")]},
        "no json",
        "",
        {"id": "b", "title": "Birch bench", "photos": ["AAAA"]},
        {"id": "c", "price": "cheap", "photos": [base64_photo("green")]},
        {"id": "stool/red.png", "delete": True},
        {"id": "gone", "delete": True},
        {"title": "nameless", "photos": [base64_photo()]},
        {"id": "a", "title": "again", "photos": [base64_photo("blue")]},
        "[" * 10_000,
        {"id": "d", "title": "Dogwood bench", "price": 3, "photos": [base64_photo("red")]},
    )
    assert [result["line"] for result in results] == [1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
    assert [result["outcome"] for result in results] == [
        "created", "refused", "refused", "created", "deleted", "missing", "refused", "refused",
        "refused", "created",
    ]  # fmt: skip
    assert [bool(result["left_out"]) for result in results] == [
        *(False, False, False, True, False, False, False, False, False, False)
    ]
    assert "price: 'cheap' is no price." in results[3]["left_out"][0]
    assert counts == {
        "version": 2, "created": 3, "updated": 0, "unchanged": 0, "deleted": 1, "missing": 1,
        "refused": 5,
    }  # fmt: skip
    assert all(result["reason"] for result in results if result["outcome"] == "refused")
    assert set(api.found("bench")) >= {"a", "d"}
    assert api.version() == 2
    assert len(api.uploads()) == 2, "two products show one photo; refused ones left none"


def test_a_product_is_stored_without_an_attribute_that_its_column_cannot_hold(api: Api) -> None:
    api("PUT", "/products/bench-1", json={"price": 12.5, "photos": [base64_photo()]})
    odd = {"title": "Zebrano bench", "price": "second hand", "photos": [base64_photo("red")]}
    answer = api("PUT", "/products/bench-2", json=odd)
    assert answer.status_code == 201
    (left_out,) = answer.json()["left_out"]
    assert "price: 'second hand' is no price." in left_out
    assert "leave the cell empty" in left_out
    assert "bench-2" in api.found("Zebrano")


def test_a_batch_of_nothing_or_of_too_many_lines_writes_nothing(api: Api) -> None:
    assert api.batch()[1]["version"] == 1
    api.services.settings = SETTINGS.model_copy(update={"limit_batch_lines": 2})
    lines = [json.dumps({"id": f"p{n}", "photos": [base64_photo(seed=n)]}) for n in range(3)]
    answer = api("POST", "/products:batch", content="\n".join(lines), headers=NDJSON)
    assert (answer.status_code, error_of(answer)["code"]) == (413, "too_large")
    assert (api.version(), api.uploads()) == (1, [])


def test_a_batch_may_begin_with_a_byte_order_mark(api: Api) -> None:
    results, _ = api.batch("\ufeff" + json.dumps({"id": "a", "photos": [base64_photo()]}))
    assert [(each["line"], each["outcome"]) for each in results] == [(1, "created")]


def holds_nothing(held: HeldBytes, limit_bytes: int) -> bool:
    with held.share() as share:
        share.take(limit_bytes)
    return True


def test_a_batch_that_would_hold_more_than_all_may_is_refused_and_writes_nothing(api: Api) -> None:
    held = api.services.held = HeldBytes(100_000, Metrics())
    photo_line = {"id": "p", "photos": [base64_photo()]}
    assert 60 * len(photo_line["photos"][0]) > 100_000
    # Photos are written to disk line by line, and then no longer held.
    results, counts = api.batch(*[photo_line | {"id": f"p{n}"} for n in range(60)])
    assert counts["created"] == len(results) == 60
    assert holds_nothing(held, 100_000)
    texts = [{"id": f"t{n}", "description": "x" * 2_000} for n in range(60)]
    body = "\n".join(json.dumps(each) for each in texts)
    # What is kept of lines until they are written counts on: this one is too large by itself,
    answer = api("POST", "/products:batch", content=body, headers=NDJSON)
    assert (answer.status_code, error_of(answer)["code"]) == (413, "too_large")
    # and this one beside others.
    with held.share() as others:
        others.take(95_000)
        some = "\n".join(json.dumps(each) for each in texts[:8])
        answer = api("POST", "/products:batch", content=some, headers=NDJSON)
        assert (answer.status_code, error_of(answer)["code"]) == (429, "overloaded")
        assert answer.headers["retry-after"] == "1"
    assert holds_nothing(held, 100_000)
    assert api.version() == 2


def test_a_product_of_more_values_than_products_have_is_refused_by_itself(api: Api) -> None:
    many = {"id": "many", "tags": ["a"] * 10_001}
    few = {"id": "few", "sizes": list(range(500)), "photos": [base64_photo()]}
    results, _ = api.batch(many, few)
    assert [each["outcome"] for each in results] == ["refused", "created"]
    assert "10,000 values" in results[0]["reason"]


def test_a_batch_whose_client_hangs_up_writes_nothing(api: Api) -> None:
    async def half() -> AsyncIterator[bytes]:
        yield json.dumps({"id": "a", "photos": [base64_photo()]}).encode() + b"\n"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        api("POST", "/products:batch", content=half(), headers=NDJSON)
    assert (api.version(), api.uploads()) == (1, [])


def test_a_full_disk_answers_507_and_the_previous_version_stands(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api("PUT", "/products/first", json={"title": "First", "photos": [base64_photo()]})
    before = api.uploads()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    product = {"id": "late", "title": "Late", "photos": [base64_photo("blue")]}
    batch = {"content": json.dumps(product), "headers": NDJSON}
    for answer in (
        api("PUT", "/products/late", json=product),
        api("PUT", "/products/first", json={"title": "Changed"}),
        api("DELETE", "/products/first"),
        api("POST", "/products:batch", **batch),
    ):
        assert answer.status_code == 507
        assert error_of(answer)["code"] == "catalog_write"
        assert str(api.folder) not in answer.text
    monkeypatch.undo()
    assert (api.version(), api.uploads()) == (2, before)
    assert api.found("first")[0] == "first"
    assert api("PUT", "/products/late", json=product).status_code == 201


def test_a_writer_elsewhere_is_waited_for_and_then_answers_503(api: Api) -> None:
    product = {"title": "x", "photos": [base64_photo()]}
    with writer_lock(api.folder):
        answer = api("PUT", "/products/x", json=product)
    assert (answer.status_code, error_of(answer)["code"]) == (503, "catalog_busy")
    assert int(answer.headers["retry-after"]) >= 1
    assert api.uploads() == []
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with writer_lock(api.folder):
            held.set()
            release.wait(0.5)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    assert api("PUT", "/products/x", json=product).status_code == 201
    release.set()
    holder.join()


def test_writers_of_one_and_of_two_workers_lose_nothing(api: Api) -> None:
    patient = SETTINGS.model_copy(update={"request_timeout_s": 60.0})
    api.services.settings = patient
    other = FakeServices(patient, CatalogUpserts(api.folder, patient), None, Versions())
    workers = [api, Api(api.folder, other, application(other))]

    async def write_all() -> list[httpx.Response]:
        return await asyncio.gather(
            *(
                workers[number % 2].send(
                    "PUT",
                    f"/products/p{number}",
                    json={"title": f"Piece {number}", "photos": [base64_photo(seed=number)]},
                )
                for number in range(8)
            )
        )

    answers = asyncio.run(write_all())
    assert [answer.status_code for answer in answers] == [201] * 8
    assert sorted(answer.json()["version"] for answer in answers) == list(range(2, 10))
    assert api.version() == 9
    assert set(api.found("piece")) >= {f"p{number}" for number in range(8)}


def test_a_key_that_may_only_read_writes_nothing(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    reader, writer = add_key(path, "r", ["read"]), add_key(path, "w", ["write"])
    api.app = application(api.services, Keys.load(path))
    for method, where in (
        ("PUT", "/products/x"),
        ("DELETE", "/products/x"),
        ("POST", "/products:batch"),
    ):
        answer = api(method, where, content="{}", headers={"X-API-Key": reader})
        assert (answer.status_code, error_of(answer)["code"]) == (403, "forbidden")
    headers = {"X-API-Key": writer}
    body = {"photos": [base64_photo()]}
    assert api("PUT", "/products/x", json=body, headers=headers).status_code == 201


def test_a_batch_of_mutated_photos_is_answered_line_by_line_and_leaves_a_sound_catalog(
    api: Api,
) -> None:
    files = list(mutated(120, 5, seeds()))
    lines = [
        {"id": f"{kind} {number}", "photos": [base64.b64encode(data).decode()]}
        for number, (kind, data) in enumerate(files)
    ]
    with Catalog.open(api.folder, settings=SETTINGS) as catalog:
        before = catalog.search("red table").hits
    api.services.settings = SETTINGS.model_copy(update={"limit_photo_pixels": 4_000_000})
    results, counts = api.batch(*lines)
    assert len(results) == 120
    assert counts["created"] + counts["refused"] == 120
    assert counts["created"] > 10
    assert counts["refused"] > 40
    assert not any(str(api.folder) in (result["reason"] or "") for result in results)
    assert api.version() == 2
    with Catalog.open(api.folder, settings=SETTINGS) as catalog:
        after = catalog.search("red table", where="category = 'stool'").hits
    assert [hit.product for hit in after] == [hit.product for hit in before]
