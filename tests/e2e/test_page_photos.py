"""The page in Chromium: a card's next photo, one by its address, a screenshot, a room; Turkish."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, expect

from benchmarks.api_server import ServedApi
from furniture_prompter import index
from tests.e2e.pages import Open, opened_pages, violations
from tests.fakes import draw_product, make_rows
from tests.tiny_detector import write_detector

PRODUCTS = 8
ALONE = 2
"""The product that has one photo; the others have two."""

_TOUCH = """(card, by) => {
  const at = (x) => [new Touch({ identifier: 1, target: card, clientX: x, clientY: 300 })];
  const tell = (kind, touches, changed) => card.dispatchEvent(
    new TouchEvent(kind, { bubbles: true, touches, changedTouches: changed }));
  tell('touchstart', at(200), at(200));
  tell('touchend', [], at(200 + by));
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    lines = []
    for number, row in enumerate(make_rows(folder / "photos", PRODUCTS)):
        draw_product(row.product.color, "lamp", 50 + number).save(
            folder / "photos" / f"{number}b.png"
        )
        photos = [f"photos/{number}.png", f"photos/{number}b.png"]
        lines.append(
            {
                "id": f"p{number}",
                "title": f"chair {number}",
                "category": "chair",
                "base_colors": [row.product.color],
                "price": 10.0 + number,
                "images": photos[:1] if number == ALONE else photos,
            }
        )
    screen = Image.new("RGB", (600, 1_000), (20, 20, 20))
    draw = ImageDraw.Draw(screen)
    for line in range(6):
        draw.rectangle((20, 640 + 40 * line, 500 - 20 * line, 660 + 40 * line), fill="white")
    screen.paste(Image.open(folder / "photos" / "3.png").resize((480, 480)), (60, 100))
    screen.save(folder / "screen.png")
    (folder / "feed.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    index(folder / "feed.jsonl", folder / "catalog")
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[ServedApi]:
    log = folder / "server.log"
    # In the network's 64 pixels a side; the second piece lies within the first.
    boxes = [((4, 4, 60, 60), "couch", 0.9), ((34, 34, 54, 54), "chair", 0.8)]
    detector = write_detector(folder / "tiny", boxes)
    settings = {"fetch_photos": "true", "detector": detector}
    with ServedApi.of_catalog(folder / "catalog", log, **settings) as api:
        yield api


@pytest.fixture
def open_page(browser: Browser, served: ServedApi) -> Iterator[Open]:
    yield from opened_pages(browser, served.url)


def test_the_next_photo_is_shown_under_the_mouse_and_with_the_focus(open_page: Open) -> None:
    page = open_page("?q=chair")
    card = page.locator(".card", has_text="chair 1")
    own = card.locator(".plate img").first.get_attribute("src")
    card.hover()
    other = card.locator(".other.shown")
    expect(other).to_have_count(1)
    assert other.get_attribute("src") != own
    page.mouse.move(0, 0)
    expect(other).to_have_count(0)
    card.locator(".name a").press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(other).to_have_count(1)
    page.locator("#q").focus()
    expect(other).to_have_count(0)
    # Where there is no other photo, none is asked for.
    alone = page.locator(".card", has_text=f"chair {ALONE}")
    with page.expect_response(f"**/v1/products/p{ALONE}"):
        alone.hover()
    page.wait_for_load_state("networkidle")
    expect(alone.locator(".plate img")).to_have_count(1)
    assert not violations(page, "a card that was turned")


def test_a_swipe_shows_the_next_photo_and_the_one_before(open_page: Open) -> None:
    page = open_page("?q=chair", has_touch=True, viewport={"width": 390, "height": 800})
    card = page.locator(".card", has_text="chair 3")
    card.evaluate(_TOUCH, -90)
    expect(card.locator(".other.shown")).to_have_count(1)
    card.evaluate(_TOUCH, -90)
    expect(card.locator(".other.shown")).to_have_count(0)
    card.evaluate(_TOUCH, 90)
    expect(card.locator(".other.shown")).to_have_count(1)
    card.evaluate(_TOUCH, -10)
    expect(card.locator(".other.shown")).to_have_count(1)


def test_a_photo_by_address_is_asked_for_and_what_is_wrong_with_it_told(open_page: Open) -> None:
    page = open_page("?q=chair&without=metal")
    if not page.locator("#address").is_visible():
        page.locator("#panel > summary").click()
    page.get_by_label("Or its address on the web").fill("http://127.0.0.1/chair.jpg")
    with page.expect_request(lambda asked: asked.method == "POST") as sent:
        page.get_by_label("Or its address on the web").press("Enter")
    assert "127.0.0.1/chair.jpg" not in sent.value.url
    expect(page.get_by_text("This photo cannot be read.")).to_be_visible()
    expect(page.get_by_role("combobox")).to_have_value("chair")
    assert "127.0.0.1" not in page.url.partition("?")[2]
    # Words alone go on without it.
    page.get_by_role("combobox").press("Enter")
    expect(page.locator("h1")).to_have_text("“chair”")
    assert not violations(page, "a photo by address")


def test_a_photo_that_was_cut_is_told_and_a_click_leaves_it_as_it_is(
    open_page: Open, folder: Path
) -> None:
    page = open_page("?lang=tr", locale="tr-TR")
    page.locator("#file").set_input_files(folder / "screen.png")
    told = page.locator(".looked")
    expect(told).to_contain_text("Fotoğrafınızın yalnızca içindeki görsel arandı.")
    # Pieces are those of the picture, which begins a tenth from the page's left and top.
    expect(page.locator(".boxes a").first).to_have_attribute("data-box", re.compile(r"^15\."))
    expect(page.locator("crop-box")).to_contain_text("o görselin bütününe benziyor")
    told.get_by_role("link", name="Fotoğrafın tümünü olduğu gibi ara").click()
    expect(told).to_have_count(0)
    chip = page.locator(".chips a", has_text="fotoğrafın tümü, olduğu gibi")
    expect(chip).to_be_visible()
    assert "whole=1" in page.url
    # Other words are asked of the same photo, as it is; another photo is looked at anew.
    page.locator("#q").fill("sandalye")
    page.locator("#q").press("Enter")
    expect(page.locator("h1")).to_contain_text("sandalye")
    expect(chip).to_be_visible()
    page.locator("#file").set_input_files(folder / "photos" / "1.png")
    expect(chip).to_have_count(0)
    assert "whole" not in page.url


def test_a_piece_of_a_room_is_chosen_on_the_photo(open_page: Open, folder: Path) -> None:
    page = open_page()
    page.locator("#file").set_input_files(folder / "photos" / "1.png")
    pieces = page.locator("crop-box .boxes a")
    # No edge crosses a name: all of them lie below every link.
    order = "all => all.map(each => Number(getComputedStyle(each).zIndex))"
    edges = page.locator("crop-box .boxes .edge")
    expect(edges).to_have_count(2)
    assert max(edges.evaluate_all(order)) < min(pieces.evaluate_all(order))
    assert edges.first.bounding_box() == pieces.first.bounding_box()
    expect(page.locator("#pieces")).not_to_contain_text(":")
    expect(pieces).to_have_count(2)
    # They are named, numbered, and on the photo instead of beside the hits.
    couch, chair = (page.get_by_role("link", name=name) for name in ("1. couch", "2. chair"))
    expect(page.locator("#results .piece")).to_have_count(0)
    photo = page.locator(".crop-stage img").bounding_box()
    box = chair.bounding_box()
    assert photo is not None
    assert box is not None
    assert box["x"] - photo["x"] == pytest.approx(photo["width"] * 34 / 64, abs=2)
    assert box["width"] == pytest.approx(photo["width"] * 20 / 64, abs=2)
    assert not violations(page, "a room")
    # What lies within another piece is above it; the chosen one is marked, and the crop lies on it.
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(chair).to_have_attribute("aria-current", "true")
    expect(couch).not_to_have_attribute("aria-current", "true")
    assert "xywh=percent%3A53.1" in page.url
    expect(page.locator(".crop-area")).to_have_attribute("style", re.compile(r"left: 53\.1"))
    assert not violations(page, "a piece of a room")
    # By keys alone: it keeps the focus, and a second choice takes the first back.
    couch.focus()
    page.keyboard.press("Enter")
    expect(couch).to_have_attribute("aria-current", "true")
    expect(couch).to_be_focused()
    page.keyboard.press("Enter")
    expect(couch).not_to_have_attribute("aria-current", "true")
    assert "xywh" not in page.url
    # What is drawn by hand is none of them.
    page.get_by_text("Which part of the photo?").click()
    page.get_by_role("button", name="Narrower").click()
    page.wait_for_url("**xywh=**")
    expect(page.locator(".boxes [aria-current]")).to_have_count(0)
    page.locator("#photo-remove").click()
    expect(page.locator(".boxes")).to_have_count(0)


def test_what_of_the_photo_made_a_hit_match_is_shown_on_its_card(
    open_page: Open, folder: Path
) -> None:
    page = open_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("#file").set_input_files(folder / "photos" / "3.png")
    ask = page.get_by_role("button", name="Why did it match?: chair 3")
    ask.focus()
    page.route("**/v1/search", lambda route: route.abort())
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached")
    page.unroute("**/v1/search")
    # What was said ends with the second try, and the focus is where a third begins.
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(ask).to_be_focused()
    card = page.locator(".card", has_text="chair 3").first
    expect(card.locator("canvas")).to_have_attribute(
        "aria-label", re.compile(r"matched most is \d+ % from its left, \d+ % from its top")
    )
    expect(card).to_contain_text("bright where it made this match")
    expect(page.locator("#said")).to_contain_text("matched most is")
    expect(ask).to_have_attribute("aria-pressed", "true")
    # Dark somewhere, bright somewhere, over the photo.
    levels = card.locator("canvas").evaluate(
        "each => [...each.getContext('2d').getImageData(0, 0, each.width, each.height).data]"
    )
    assert max(levels[::4]) > 2 * min(levels[::4])
    assert not violations(page, "what of a photo matched")
    page.keyboard.press("Enter")
    expect(page.locator("canvas")).to_have_count(0)
    expect(ask).to_have_attribute("aria-pressed", "false")
    # All cards were asked for at once, after what did not arrive.
    page.get_by_role("button", name="Why did it match?: chair 5").click()
    expect(page.locator("canvas")).to_have_count(1)
    assert sum(each.endswith("/v1/search") for each in asked) == 2
    # Words alone have no photo to show.
    page.locator("#photo-remove").click()
    page.locator("#q").fill("chair")
    page.locator("#q").press("Enter")
    expect(page.locator("h1")).to_have_text("“chair”")
    expect(page.get_by_role("button", name="Why did it match?")).to_have_count(0)


def test_of_a_blank_photo_nothing_stands_out(open_page: Open, folder: Path) -> None:
    page = open_page("?lang=tr", locale="tr-TR")
    y, x = np.mgrid[-1:1:300j, -1:1:400j]
    light = 1 - 0.1 * (x * x + y * y)
    wall = (light[..., np.newaxis] * [216, 205, 190]).round().astype(np.uint8)
    Image.fromarray(wall).save(folder / "wall.png")
    page.locator("#file").set_input_files(folder / "wall.png")
    page.get_by_role("button", name="Neresi benziyor?").first.click()
    told = "Fotoğrafınızda ürünü bulduran tek bir yer öne çıkmıyor."
    expect(page.locator(".heat-told")).to_have_text(told)
    expect(page.locator("#said")).to_have_text(told)
    expect(page.locator("canvas")).to_have_count(0)


def test_what_narrows_is_suggested_in_the_pages_language(open_page: Open) -> None:
    page = open_page("?lang=tr", locale="tr-TR")
    page.get_by_role("combobox").press_sequentially("chair")
    options = page.get_by_role("option")
    expect(options.filter(has_text="altı").first).to_be_visible()
    told = " ".join(options.all_inner_texts())
    assert "under" not in told
    options.filter(has_text="altı").first.click()
    expect(page.locator(".chips")).to_contain_text("altı")


def test_what_a_server_refuses_is_told_in_the_pages_language(open_page: Open) -> None:
    page = open_page("?lang=tr", locale="tr-TR")
    body = {"error": {"code": "overloaded", "message": "The server has more requests."}}
    page.route("**/?q=*", lambda route: route.fulfill(status=429, json=body))
    page.locator("#q").fill("masa")
    page.locator("#q").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Şu anda çok kişi arama yapıyor.")
    expect(page.get_by_role("alert")).not_to_contain_text("server")
