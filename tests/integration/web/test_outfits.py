"""What goes with a product and outfits over HTTP say what the library says; and on the page."""

import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from furniture_prompter import Catalog, index
from furniture_prompter.search.outfit_answer import goes_with_answer, outfit_answer
from furniture_prompter.settings import Settings
from tests.fakes import make_rows
from tests.integration.web.conftest import Api, call, running
from tests.tiny_detector import write_detector

PRODUCTS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("sofa", "Oak sofa", "sofa", {"price": 900, "material": "oak"}),
    ("table/oak", "Oak table", "coffee table", {"price": 300, "material": "oak"}),
    ("rug", "Wool rug", "rug", {"price": 120}),
    ("rug-2", "Other rug", "rug", {"price": 90}),
    ("lamp", "Standing light", "floor lamp", {"price": 50}),
    ("rug/goes-with", "Third rug", "rug", {"price": 400}),
]


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, and a catalog of a living room."""
    folder = tmp_path_factory.mktemp("furnished")
    lines = [
        {
            "id": name,
            "title": title,
            "category": category,
            "currency": "EUR",
            "image": f"photos/{number}.png",
            **further,
        }
        for number, ((name, title, category, further), _) in enumerate(
            zip(PRODUCTS, make_rows(folder / "photos", len(PRODUCTS)), strict=True)
        )
    ]
    (folder / "feed.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    index(folder / "feed.jsonl", folder / "catalog")
    return folder


@pytest.fixture(scope="module")
def home(furnished: Path) -> Iterator[Api]:
    with running(furnished) as started:
        yield started


def without_paths(told: Any) -> Any:
    """An answer without what tells a server's from a library's: photos and the catalog's folder."""
    if isinstance(told, dict):
        return {
            key: without_paths(value) for key, value in told.items() if key not in {"photo", "path"}
        }
    return [without_paths(each) for each in told] if isinstance(told, list) else told


def test_what_goes_with_a_product_is_that_of_the_library_and_the_client(home: Api) -> None:
    answered = home(
        "GET", "/v1/products/sofa/goes-with", params={"limit": 3, "where": "price < 400"}
    ).json()
    with Catalog.open(home.catalog) as opened:
        told = goes_with_answer(opened.goes_with("sofa", limit=3, where="price < 400"))
    assert without_paths(answered) == without_paths(told)
    assert answered["catalog"]["path"] == "catalog"
    assert [each["rank"] for each in answered["pieces"]] == [1, 2, 3]
    assert home("GET", answered["pieces"][0]["photo"]).status_code == 200
    by_client = call(home, lambda client: client.goes_with("sofa", limit=3, where="price < 400"))
    assert by_client.raw == answered
    assert by_client.kind == "sofa"
    first = by_client.pieces[0]
    assert (first.product.id, first.price, first.currency) == ("table/oak", 300, "EUR")
    assert [each.text for each in first.why][:2] == ["often goes with a sofa", "oak like it"]


def test_an_outfit_is_that_of_the_library_and_the_client(home: Api) -> None:
    asked = {"like": "sofa", "budget": 500, "limit": 3, "replace": {"rug": "rug-2"}}
    answered = home("POST", "/v1/outfit", json=asked).json()
    with Catalog.open(home.catalog) as opened:
        told = outfit_answer(
            opened.outfit(like="sofa", budget=500, limit=3, replaced={"rug": "rug-2"})
        )
    assert without_paths(answered) == without_paths(told)
    assert answered["total"] == 440
    assert {each["kind"]: each["replaced"] for each in answered["pieces"]} == {
        "rug": True,
        "coffee-table": False,
        "floor-lamp": False,
    }
    by_client = call(
        home,
        lambda client: client.outfit(like="sofa", budget=500, limit=3, replaced={"rug": "rug-2"}),
    )
    assert by_client.raw == answered
    assert (by_client.total, by_client.currency) == (440, "EUR")
    rug = next(each for each in by_client.pieces if each.kind == "rug")
    assert [(each.product.id, each.total) for each in rug.alternatives] == [("rug", 470)]


def test_reasons_and_notes_are_in_the_language_that_is_asked_for(home: Api) -> None:
    path = "/v1/products/sofa/goes-with"

    def whys(answer: Any) -> str:
        return " ".join(why["text"] for each in answer["pieces"] for why in each["why"])

    english = home("GET", path)
    assert english.headers["content-language"] == "en"
    assert "accept-language" in english.headers["vary"].lower()
    turkish = home("GET", path, headers={"Accept-Language": "tr-TR,tr;q=0.9,en;q=0.5"})
    assert turkish.headers["content-language"] == "tr"
    assert "Sıkça birlikte kullanılır: kanepe" in whys(turkish.json())
    assert "O da meşe" in whys(turkish.json())
    # What is asked for goes before what a browser accepts, and only sentences differ.
    asked = home("GET", f"{path}?lang=en", headers={"Accept-Language": "tr"})
    assert asked.json() == english.json()
    by_client = call(home, lambda client: client.goes_with("sofa", lang="tr"))
    assert by_client.raw == turkish.json()
    assert home("GET", f"{path}?lang=fi").status_code == 422
    body = {"like": "sofa", "budget": 500, "replace": {"rug": "rug-2"}}
    outfit = home("POST", "/v1/outfit?lang=tr", json=body).json()
    assert "Siz seçtiniz" in whys(outfit)
    assert not re.search("often|like it|chosen", whys(outfit))
    put_in = {"rug": "rug-2"}
    by_outfit = call(
        home, lambda client: client.outfit(like="sofa", budget=500, replaced=put_in, lang="tr")
    )
    assert by_outfit.raw == outfit


def test_an_id_with_slashes_is_meant_whole(home: Api) -> None:
    assert home("GET", "/v1/products/table%2Foak/goes-with").json()["product_id"] == "table/oak"
    told = home("GET", "/v1/products/rug%2Fgoes-with").json()
    assert told["product"]["id"] == "rug/goes-with"
    told = call(home, lambda client: client.goes_with("rug/goes-with"))
    assert told.raw["product_id"] == "rug/goes-with"


def room_photo(home: Api) -> bytes:
    image = Image.new("RGB", (256, 256), "white")
    image.paste(Image.open(home.photos / "2.png").resize((96, 96)), (16, 80))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("as_form", [True, False])
def test_an_outfit_of_a_photo_is_that_of_the_library(
    furnished: Path, home: Api, tmp_path: Path, as_form: bool
) -> None:
    # No word of the thesaurus: which kind it is, the nearest product says.
    detector = write_detector(
        tmp_path / "tiny",
        [((4, 20, 28, 44), "couch", 0.9)],
        kinds=["person", "chair", "thing"],
        furniture=["thing"],
    )
    photo = room_photo(home)
    with running(furnished, detector=detector) as started:
        if as_form:
            answer = started(
                "POST",
                "/v1/outfit",
                files={"photo": ("room.png", photo)},
                data={"budget": "1000", "limit": "2"},
            )
        else:
            text = base64.b64encode(photo).decode("ascii")
            asked = {"photo": text, "budget": 1000, "limit": 2}
            answer = started("POST", "/v1/outfit", json=asked)
    assert answer.status_code == 200, answer.text
    with Catalog.open(home.catalog, settings=Settings(detector=detector)) as opened:
        told = outfit_answer(opened.outfit(photo=photo, budget=1000, limit=2))
    assert without_paths(answer.json()) == without_paths(told)
    (piece,) = told["pieces"]
    assert piece["why"][0]["reason"] == "like"
    assert answer.json()["pieces"][0]["box"]["x"] == pytest.approx(4 / 64)


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "told"),
    [
        ("GET", "/v1/products/none/goes-with", {}, 404, "no product"),
        ("GET", "/v1/products/sofa/goes-with?limit=51", {}, 422, "limit"),
        ("GET", "/v1/products/sofa/goes-with?where=x", {}, 400, "no column"),
        ("POST", "/v1/outfit", {"json": {}}, 400, "Give one of them"),
        ("POST", "/v1/outfit", {"json": {"like": "a", "photo": "b"}}, 400, "Give one of them"),
        ("POST", "/v1/outfit", {"json": {"like": "none"}}, 404, "no product"),
        ("POST", "/v1/outfit", {"json": {"like": "sofa", "budget": 10}}, 400, "least total"),
        ("POST", "/v1/outfit", {"json": {"like": "sofa", "budget": 0}}, 422, "budget"),
        ("POST", "/v1/outfit", {"json": {"like": "sofa", "currency": "EURO"}}, 422, "currency"),
        ("POST", "/v1/outfit", {"json": {"like": "sofa", "replace": {"rug": "x"}}}, 404, "'x'"),
        ("POST", "/v1/outfit", {"content": b"x", "headers": {"content-type": "text/x"}}, 415, ""),
    ],
)
def test_what_cannot_be_answered_is_refused_in_the_usual_shape(
    home: Api, method: str, path: str, options: dict[str, Any], status: int, told: str
) -> None:
    answered, _, message = home.error(method, path, **options)
    assert answered == status, message
    assert told in message


def test_a_photo_needs_a_detector(furnished: Path) -> None:
    with running(furnished, detector=None) as blind:
        status, _, message = blind.error("POST", "/v1/outfit", json={"photo": "aGVsbG8="})
    assert status == 400
    assert "--detector" in message


def section(text: str) -> str:
    found = re.search(r'<section aria-labelledby="goes-with">.*?</section>', text, re.DOTALL)
    assert found is not None
    return unescape(found[0])


@pytest.mark.parametrize(
    ("language", "heading", "reasons"),
    [
        (
            "en",
            "Goes with it",
            ["Often goes with a sofa", "Also oak", "For the living room as well"],
        ),
        (
            "tr",
            "Yanına yakışanlar",
            ["Sıkça birlikte kullanılır: kanepe", "O da meşe", "oturma odası"],
        ),
    ],
)
def test_the_page_of_a_product_shows_what_goes_with_it(
    home: Api, language: str, heading: str, reasons: list[str]
) -> None:
    text = home("GET", f"/products/sofa?lang={language}", headers={"accept": "text/html"}).text
    shown = section(text)
    assert heading in shown
    assert "Oak table" in shown
    assert "v1/images/" in shown
    for each in reasons:
        assert each in shown, each


def test_a_page_counts_the_shops_own_rooms(furnished: Path, tmp_path: Path) -> None:
    file = tmp_path / "rooms.jsonl"
    file.write_text('{"product_ids": ["sofa", "rug"]}\n' * 3, "utf-8")
    with running(furnished, rooms=file) as started:
        for language, told, counted in (
            ("en", "Shown in one room with it", "Together in 3 of our rooms"),
            ("tr", "Aynı odada birlikte gösteriliyor", "3 odamızda birlikte"),
        ):
            shown = section(started("GET", f"/products/sofa?lang={language}").text)
            assert told in shown
            assert counted in shown


def test_a_server_does_not_start_with_rooms_that_cannot_be_read(
    serve: Callable[..., Api], tmp_path: Path
) -> None:
    (tmp_path / "rooms.jsonl").write_text("{", "utf-8")
    with pytest.raises(Exception, match="line 1"):
        serve(rooms=tmp_path / "rooms.jsonl")
