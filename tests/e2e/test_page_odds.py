"""The page in Chromium where something is unusual: a huge photo, a slow server, two tabs, keys."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Route, expect

from benchmarks.api_server import ServedApi
from furniture_prompter import index
from tests.e2e.pages import Open, opened_pages
from tests.fakes import make_rows

HUGE_BYTES = 30_000_000
SLOW_MS = 3_000

_AREAS = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return '';
  const area = ['.skip', '.brand', '#q', '.go', '#panel', '.languages', '.head', '.facets',
    '.sorts', '.grid', '.pages', '.tray', 'footer'].find((each) => at.closest(each));
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(at);
  const field = at.closest('.field');
  const around = field ? getComputedStyle(field) : null;
  const seen = (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none'
    || (around && (around.outlineStyle !== 'none' || around.boxShadow !== 'none'));
  return [area ?? at.outerHTML.slice(0, 80), Boolean(seen), at.outerHTML.slice(0, 80)];
}"""
"""In which part of the page the focus is, and whether it can be seen."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    lines = [
        {
            "id": f"p{number}",
            "title": f"{row.product.color} {row.product.category}",
            "category": row.product.category,
            "color": row.product.color,
            "base_colors": [row.product.color],
            "price": 10.0 + number,
            "image": f"photos/{number}.png",
        }
        for number, row in enumerate(make_rows(folder / "photos", 12))
    ]
    (folder / "feed.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    index(folder / "feed.jsonl", folder / "catalog")
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[ServedApi]:
    with ServedApi.of_catalog(folder / "catalog", folder / "server.log") as api:
        yield api


@pytest.fixture
def open_page(browser: Browser, served: ServedApi) -> Iterator[Open]:
    yield from opened_pages(browser, served.url)


def test_a_photo_of_30_megabytes_travels_small(open_page: Open, folder: Path) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (4_400, 5_600, 3), np.uint8)
    Image.fromarray(noise).save(folder / "huge.jpg", quality=97)
    assert (folder / "huge.jpg").stat().st_size > HUGE_BYTES
    page = open_page("?q=chair")
    page.locator("#panel > summary").click()
    with page.expect_request(lambda asked: asked.method == "POST") as sent:
        page.set_input_files("#file", folder / "huge.jpg")
    expect(page.locator("h1")).to_have_text("“chair”, like your photo")
    assert len(sent.value.post_data_buffer or b"") < 3_000_000
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_phone_takes_a_photo(open_page: Open, folder: Path) -> None:
    page = open_page(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, locale="tr-TR"
    )
    page.locator("#panel > summary").tap()
    camera = page.get_by_label("Fotoğraf çek")
    expect(camera).to_have_attribute("capture", "environment")
    expect(camera).to_have_attribute("accept", "image/*")
    camera.set_input_files(folder / "photos" / "1.png")
    expect(page.locator("h1")).to_have_text("Fotoğrafınıza benzeyenler")
    expect(page.locator(".card").first).to_be_visible()


def test_a_slow_server_is_waited_for_and_what_was_there_stays(open_page: Open) -> None:
    page = open_page("?q=chair")
    held: list[Route] = []
    page.route(re.compile(r"\?q=red"), lambda route: held.append(route))
    page.get_by_role("combobox").fill("red chair")
    page.get_by_role("combobox").press("Enter")
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.wait_for_timeout(SLOW_MS)
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator("h1")).to_have_text("“chair”")
    expect(page.locator(".card").first).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()
    for route in held:
        route.continue_()
    expect(page.locator("h1")).to_have_text("“red chair”")
    expect(page.get_by_role("progressbar")).to_be_hidden()


def test_two_tabs_do_not_know_of_each_other(open_page: Open, folder: Path) -> None:
    one = open_page("?q=red+chair")
    two = one.context.new_page()
    two.goto("?q=table")
    one.locator(".pick input").first.check()
    expect(one.locator("#compare output")).to_have_text("1 of 4 chosen")
    one.locator("#panel > summary").click()
    one.set_input_files("#file", folder / "photos" / "2.png")
    expect(one.locator("h1")).to_have_text("“red chair”, like your photo")
    two.reload()
    expect(two.locator("#compare")).to_be_hidden()
    expect(two.locator("h1")).to_have_text("“table”")
    two.get_by_role("combobox").fill("lamp")
    two.get_by_role("combobox").press("Enter")
    expect(two.locator("h1")).to_have_text("“lamp”")
    assert "photo=" not in two.url
    one.get_by_role("combobox").fill("blue")
    one.get_by_role("combobox").press("Enter")
    expect(one.locator("h1")).to_have_text("“blue”, like your photo")
    expect(one.locator("#compare output")).to_have_text("1 of 4 chosen")


def test_a_link_that_is_shared_shows_the_same_elsewhere(open_page: Open) -> None:
    page = open_page("?q=chair+under+100")
    page.locator(".facet a[data-key]").first.click()
    expect(page.locator(".chip-chosen")).to_have_count(1)
    page.locator(".sorts a").nth(1).click()
    page.wait_for_url("**sort=**")
    expect(page.locator(".sorts [aria-current]")).to_have_attribute("data-key", "sort-2")
    other = open_page(page.url)
    assert page.locator(".card .name").all_inner_texts()
    assert (
        other.locator(".card .name").all_inner_texts()
        == page.locator(".card .name").all_inner_texts()
    )
    expect(other.locator(".chip-chosen")).to_have_count(1)
    expect(other.locator(".sorts [aria-current]")).to_have_attribute("data-key", "sort-2")


def test_the_tab_key_goes_through_the_page_as_it_is_read(open_page: Open) -> None:
    page = open_page("?q=chair", viewport={"width": 1_280, "height": 800})
    page.evaluate("document.activeElement?.blur()")
    areas: list[str] = []
    for _ in range(200):
        page.keyboard.press("Tab")
        told = page.evaluate(_AREAS)
        if not told:
            break
        area, seen, element = told
        assert seen, f"the focus cannot be seen on {element}"
        if not areas or areas[-1] != area:
            areas.append(area)
    assert areas == [
        *(".skip", ".brand", "#q", ".go", "#panel", ".languages"),
        *(".facets", ".sorts", ".grid", "footer"),
    ]
    # Whoever skips is at the results, and goes on there.
    page.evaluate("document.activeElement?.blur()")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate(_AREAS)[0] == ".facets"
