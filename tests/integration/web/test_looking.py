"""Photos on their side, screenshots and rooms: looked at alike by the library and over HTTP."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from furniture_prompter import Catalog
from furniture_prompter.domain.query import Crop
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.answer import answer
from furniture_prompter.settings import Settings
from tests.integration.web.conftest import Api, call
from tests.tiny_detector import write_detector

ORIENTATION = 0x0112


def png(image: Image.Image, **saved: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **saved)
    return buffer.getvalue()


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def turned(api: Api, number: int, degrees: int) -> Image.Image:
    return Image.open(api.photos / f"{number}.png").rotate(-degrees, expand=True)


def room(api: Api) -> Image.Image:
    """Two products side by side, before a wall that is not plain."""
    noise = np.random.default_rng(1).integers(200, 256, (256, 256, 3), np.uint8)
    image = Image.fromarray(noise)
    image.paste(Image.open(api.photos / "4.png"), (16, 80))
    image.paste(Image.open(api.photos / "19.png"), (144, 80))
    return image


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    # The room has 256 pixels a side, the network 64.
    return write_detector(
        tmp_path / "tiny", [((4, 20, 28, 44), "couch", 0.9), ((36, 20, 60, 44), "chair", 0.8)]
    )


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_photo_on_its_side_finds_its_product_and_says_so(api: Api, degrees: int) -> None:
    photo = png(turned(api, 3, degrees))
    found = api.search(photo=base64_of(photo), limit=3)
    assert found["hits"][0]["product"]["id"] == "p3"
    assert found["query"]["looked_at"] == {"crop": None, "turned": 360 - degrees}
    assert f"turned by {360 - degrees} degrees clockwise" in " ".join(found["notes"])
    with Catalog.open(api.catalog) as catalog:
        by_library = answer(catalog.search(photo=photo, limit=3))
    assert by_library["query"] == {**found["query"], "photo": "photo"}
    assert [hit["product"]["id"] for hit in by_library["hits"]] == [
        hit["product"]["id"] for hit in found["hits"]
    ]


def test_whole_leaves_a_photo_on_its_side(api: Api) -> None:
    photo = base64_of(png(turned(api, 3, 90)))
    found = api.search(photo=photo, whole=True)
    assert found["query"]["looked_at"] is None
    assert found["notes"] == []


def test_a_photo_whose_file_says_which_side_is_up_is_believed(api: Api) -> None:
    image = turned(api, 3, 90)
    exif = image.getexif()
    exif[ORIENTATION] = 1
    assert api.search(photo=base64_of(png(image, exif=exif)))["query"]["looked_at"] is None


def test_an_upright_photo_is_searched_as_it_is(api: Api) -> None:
    photo = base64_of((api.photos / "3.png").read_bytes())
    found = api.search(photo=photo)
    assert found["query"]["looked_at"] is None
    assert found["hits"] == api.search(photo=photo, whole=True)["hits"]


def test_a_screenshot_is_cut_to_its_picture_and_a_room_in_it_has_its_pieces(
    api: Api, serve: Callable[..., Api], detector: Path
) -> None:
    page = Image.new("RGB", (600, 1_000), (20, 20, 20))
    draw = ImageDraw.Draw(page)
    for line in range(6):
        draw.rectangle((20, 640 + 40 * line, 500 - 20 * line, 660 + 40 * line), fill="white")
    page.paste(Image.open(api.photos / "9.png").resize((480, 480)), (60, 100))
    found = api.search(photo=base64_of(png(page)), limit=1)
    assert found["hits"][0]["product"]["id"] == "p9"
    box = found["query"]["looked_at"]["crop"]
    assert (box["x"], box["y"]) == pytest.approx((0.1, 0.1), abs=0.02)
    assert (box["width"], box["height"]) == pytest.approx((0.8, 0.48), abs=0.02)
    again = api.search(photo=base64_of(png(page)), limit=1)
    assert again["query"] == found["query"]
    with Catalog.open(api.catalog) as catalog:
        result = catalog.search(photo=png(page), limit=1)
    assert answer(result)["query"] == {**found["query"], "photo": "photo"}
    # The same page around a room: its pieces are those within the picture, wherever they are asked.
    started = serve(detector=detector)
    page.paste(room(api).resize((480, 480)), (60, 100))
    framed = started.search(photo=base64_of(png(page)), limit=1)
    assert [piece["hits"][0]["product"]["id"] for piece in framed["pieces"]] == ["p4", "p19"]
    assert framed["pieces"][0]["box"]["x"] == pytest.approx(0.1 + 0.8 / 16, abs=0.01)
    one = started.search(photo=base64_of(png(page)), limit=1, piece=2)
    assert one["query"]["crop"] == framed["pieces"][1]["box"]
    with Catalog.open(api.catalog, settings=Settings(detector=detector)) as catalog:
        told = answer(catalog.search(photo=png(page), limit=1))
    assert [each["box"] for each in told["pieces"]] == [each["box"] for each in framed["pieces"]]


def test_a_room_answers_with_its_pieces(
    api: Api, serve: Callable[..., Api], detector: Path
) -> None:
    photo = png(room(api))
    found = serve(detector=detector).search(photo=base64_of(photo), limit=3)
    assert [piece["kind"] for piece in found["pieces"]] == ["couch", "chair"]
    assert [piece["hits"][0]["product"]["id"] for piece in found["pieces"]] == ["p4", "p19"]
    assert all(len(piece["hits"]) == 3 for piece in found["pieces"])
    whole = serve(detector=None).search(photo=base64_of(photo), limit=3)
    assert whole["pieces"] == []
    assert found["hits"] == whole["hits"]
    with Catalog.open(api.catalog, settings=Settings(detector=detector)) as catalog:
        result = answer(catalog.search(photo=photo, limit=3))
    assert [piece["box"] for piece in result["pieces"]] == [
        piece["box"] for piece in found["pieces"]
    ]
    assert [piece["hits"][0]["product"]["id"] for piece in result["pieces"]] == ["p4", "p19"]
    started = serve(detector=detector, request_timeout_s=120)
    by_client = call(started, lambda client: client.search(photo=photo, limit=3, heat=True))
    assert [each.piece.kind for each in by_client.pieces] == ["couch", "chair"]
    assert [each.hits[0].product.id for each in by_client.pieces] == ["p4", "p19"]
    assert [each.close for each in by_client.pieces] == [each["close"] for each in found["pieces"]]
    # The map is of the photo as a whole, and not of each piece.
    assert {len(hit.heat or ()) for hit in by_client.hits} == {7}
    assert {hit.heat for each in by_client.pieces for hit in each.hits} == {None}


def test_a_piece_is_as_sure_as_where_it_is_asked_for_alone(
    api: Api, serve: Callable[..., Api], detector: Path
) -> None:
    photo = base64_of(png(room(api)))
    started = serve(detector=detector)
    for number, piece in enumerate(started.search(photo=photo, limit=3)["pieces"], start=1):
        alone = started.search(photo=photo, limit=3, piece=number)
        assert piece["close"] is alone["close"]
        assert [hit["confidence"] for hit in piece["hits"]] == pytest.approx(
            [hit["confidence"] for hit in alone["hits"]], abs=0.1
        )
        assert all(hit["confidence"] is not None for hit in piece["hits"])


@pytest.mark.parametrize(
    ("asked", "hot"),
    [
        # Where the product lies within what is searched: rows, then columns, of seven.
        ({}, (slice(1, 6), slice(0, 4))),
        ({"crop": {"x": 0.5, "y": 0.25, "width": 0.5, "height": 0.5}}, (slice(0, 7), slice(0, 6))),
    ],
)
def test_what_of_the_photo_made_a_hit_match_is_told(
    serve: Callable[..., Api], asked: dict[str, Any], hot: tuple[slice, slice]
) -> None:
    # Fifty photos on a machine that has other things to do.
    api = serve(request_timeout_s=120)
    image = room(api) if asked else Image.new("RGB", (256, 256), (220, 220, 220))
    if not asked:
        image.paste(Image.open(api.photos / "4.png"), (16, 80))
    photo = png(image)
    found = api.search(photo=base64_of(photo), limit=2, heat=True, whole=True, **asked)
    heat = np.array(found["hits"][0]["heat"])
    assert heat.shape == (7, 7)
    assert heat.max() == 1
    assert heat[hot].max() == 1
    assert heat[hot].mean() > heat.mean()
    crop = asked and Crop(**asked["crop"])
    with Catalog.open(api.catalog) as catalog:
        result = catalog.search(photo=photo, limit=2, heat=True, whole=True, crop=crop or None)
    assert np.array(result.hits[0].heat) == pytest.approx(heat, abs=0.05)
    plain = api.search(photo=base64_of(photo), limit=2, whole=True, **asked)
    assert [hit["heat"] for hit in plain["hits"]] == [None, None]
    for one, other in zip(found["hits"], plain["hits"], strict=True):
        assert {**one, "heat": None} == other


def test_a_photo_that_is_turned_upright_is_covered_as_it_was_searched(
    serve: Callable[..., Api],
) -> None:
    api = serve(request_timeout_s=120)
    photo = png(turned(api, 3, 90))
    found = api.search(photo=base64_of(photo), limit=1, heat=True)
    assert found["query"]["looked_at"]["turned"] == 270
    upright = api.search(photo=base64_of(png(turned(api, 3, 0))), limit=1, heat=True)
    assert np.array(found["hits"][0]["heat"]) == pytest.approx(
        np.array(upright["hits"][0]["heat"]), abs=0.1
    )
    with Catalog.open(api.catalog) as catalog:
        by_library = catalog.search(photo=photo, limit=1, heat=True)
    assert np.array(by_library.hits[0].heat) == pytest.approx(
        np.array(found["hits"][0]["heat"]), abs=0.05
    )


def test_one_piece_of_a_room_is_asked_by_its_number(
    api: Api, serve: Callable[..., Api], detector: Path
) -> None:
    photo = png(room(api))
    started = serve(detector=detector)
    found = started.search(photo=base64_of(photo), piece=2, limit=1)
    assert found["hits"][0]["product"]["id"] == "p19"
    assert found["query"]["crop"]["x"] == pytest.approx(36 / 64)
    assert found["pieces"] == []
    with Catalog.open(api.catalog, settings=Settings(detector=detector)) as catalog:
        result = catalog.search(photo=photo, piece=2, limit=1)
    assert result.hits[0].product.id == "p19"
    status, _, message = started.error(
        "POST", "/v1/search", json={"photo": base64_of(photo), "piece": 3}
    )
    assert status == 400
    assert "only 2 were found" in message


def test_pieces_are_told_by_themselves(serve: Callable[..., Api], api: Api, detector: Path) -> None:
    started = serve(detector=detector)
    answered = started("POST", "/v1/pieces", files={"photo": ("room.png", png(room(api)))})
    assert answered.status_code == 200
    first = answered.json()["pieces"][0]
    assert (first["kind"], first["score"]) == ("couch", pytest.approx(0.9))
    assert first["box"] == {"x": 0.0625, "y": 0.3125, "width": 0.375, "height": 0.375}


def test_without_a_detector_the_cure_is_told(api: Api, serve: Callable[..., Api]) -> None:
    photo = base64_of(png(room(api)))
    blind = serve(detector=None)
    for path, asked in (("/v1/pieces", {}), ("/v1/search", {"piece": 1})):
        status, _, message = blind.error("POST", path, json={"photo": photo, **asked})
        assert status == 400
        assert "FURNITURE_PROMPTER_DETECTOR" in message
    with (
        Catalog.open(api.catalog, settings=Settings(detector=None)) as catalog,
        pytest.raises(InvalidQueryError, match="--detector"),
    ):
        catalog.search(photo=png(room(api)), piece=1)
