"""The shopper's page in Debian's Chromium, over a server of its own: what a person does.

One server and one browser for all of them; each test has a fresh context.
"""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from benchmarks.api_server import ServedApi
from furniture_prompter import index
from tests.e2e.pages import Open, opened_pages, violations
from tests.fakes import draw_product, make_rows

PRODUCTS = 48
SHOP = "http://shop.example"
SCRIPT = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
# A catalog keeps titles of a thousand characters; descriptions may be longer.
LONG = "endless " * 124
ARABIC = "كرسي خشبي أحمر"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with a catalog, in which some titles are hostile."""
    folder = tmp_path_factory.mktemp("shop")
    hostile = {5: SCRIPT, 6: LONG, 7: ARABIC}
    lines = [
        {
            "id": f"p/{number} {row.product.color}",
            "title": hostile.get(number, f"{row.product.color} {row.product.category}"),
            "category": row.product.category,
            "color": row.product.color,
            "base_colors": [row.product.color],
            "price": 10.0 + number,
            "currency": "EUR",
            "description": "x" * 5_000 if number in hostile else "",
            "width_cm": 40 + number,
            "tags": ["hostile"] if number in hostile else ["tame"],
            "image": f"photos/{number}.png",
        }
        for number, row in enumerate(make_rows(folder / "photos", PRODUCTS))
    ]
    feed = folder / "feed.jsonl"
    feed.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    index(feed, folder / "catalog")
    draw_product("red", "chair", 99).resize((3_000, 2_000)).save(folder / "large.jpg")
    draw_product("red", "chair", 97).resize((1_600, 500)).save(folder / "wide.jpg")
    draw_product("blue", "table", 98).save(folder / "small.png")
    (folder / "no-photo.jpg").write_bytes(b"this is no photo")
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[ServedApi]:
    origins = json.dumps([SHOP])
    log = folder / "server.log"
    with ServedApi.of_catalog(folder / "catalog", log, cors_origins=origins) as api:
        yield api


@pytest.fixture
def open_page(browser: Browser, served: ServedApi) -> Iterator[Open]:
    yield from opened_pages(browser, served.url)


def cards(page: Page) -> list[str]:
    return page.locator(".card .name").all_inner_texts()


def search(page: Page, words: str) -> None:
    page.get_by_role("combobox").fill(words)
    page.get_by_role("combobox").press("Enter")
    expect(page.locator("h1")).to_have_text(f"“{words}”")


def test_words_are_answered_without_a_page_load(open_page: Open) -> None:
    page = open_page()
    page.evaluate("window.marked = true")
    search(page, "red chair")
    assert page.evaluate("window.marked")
    assert page.url.endswith("?q=red+chair")
    assert "red chair" in page.title()
    assert "red" in cards(page)[0]
    expect(page.locator("#heading")).to_be_focused()
    expect(page.locator("#said")).to_have_text(re.compile(r"\d+ results"))
    search(page, "blue table")
    page.go_back()
    expect(page.locator("h1")).to_have_text("“red chair”")
    expect(page.get_by_role("combobox")).to_have_value("red chair")
    page.go_back()
    expect(page.locator("h1")).to_have_text("Say it, or show it.")


def test_suggestions_are_a_combobox(open_page: Open) -> None:
    page = open_page()
    box = page.get_by_role("combobox")
    box.press_sequentially("re")
    expect(page.get_by_role("option").first).to_be_visible()
    expect(box).to_have_attribute("aria-expanded", "true")
    box.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", "option-0")
    expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    box.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(box).to_have_value("re")
    box.press("ArrowDown")
    chosen = page.get_by_role("option").first.locator("span").first.inner_text()
    box.press("Enter")
    expect(page.locator("h1")).to_have_text(f"“{chosen}”")


_LISTEN = """() => {
  const asked = window.fetch;
  window.fetch = (address, how) => {
    if (how?.body) window.sent = how.body.get('file');
    return asked(address, how);
  };
}"""
_SENT = """async () => {
  const { width, height } = await createImageBitmap(window.sent);
  return [window.sent.type, width, height];
}"""


# Both boxes in one look: between two a photo that arrives may move everything.
_BOXES = """(ratio) => {
  const [shown, frame] = ['.crop-stage img', '.crop-frame'].map((each) =>
    document.querySelector(each));
  if (!shown?.complete || !frame) return null;
  if (Math.abs(shown.naturalWidth / shown.naturalHeight - ratio) > 0.02 * ratio) return null;
  return [shown, frame].map((each) => {
    const { x, y, width, height } = each.getBoundingClientRect();
    return { x, y, width, height };
  });
}"""


def test_a_photo_is_made_smaller_before_it_travels(open_page: Open, folder: Path) -> None:
    page = open_page()
    page.locator("#panel > summary").click()
    page.evaluate(_LISTEN)
    page.set_input_files("#file", folder / "large.jpg")
    expect(page.locator("h1")).to_have_text("Like your photo")
    assert page.evaluate(_SENT) == ["image/jpeg", 1_024, 683]
    assert "photo=" in page.url
    # A photo is compared by shape first: the first are chairs, the red one among them.
    assert all("chair" in each for each in cards(page)[:2])
    assert any("red" in each for each in cards(page)[:6])
    # In a browser that has never seen the photo the address shows the same.
    other = open_page(page.url)
    assert cards(other) == cards(page)
    unseen = other.get_by_text("Only its fingerprint is remembered")
    told = "To see it here, and “Why did it match?” on each product, choose its file again."
    expect(unseen).to_contain_text(told, use_inner_text=True)
    expect(unseen).to_be_visible()
    expect(page.get_by_text("Only its fingerprint is remembered")).to_be_hidden()
    # What is said is so.
    expect(other.get_by_role("button", name="Why did it match?")).to_have_count(0)
    other.set_input_files("#file", folder / "large.jpg")
    expect(unseen).to_be_hidden()
    expect(other.get_by_role("button", name="Why did it match?").first).to_be_visible()


def test_the_crop_lies_on_the_photo_whatever_its_shape(open_page: Open, folder: Path) -> None:
    page = open_page()
    for name in ("wide.jpg", "large.jpg", "small.png"):
        page.set_input_files("#file", folder / name)
        expect(page.locator("h1")).to_have_text("Like your photo")
        page.evaluate("document.querySelector('#panel').open = true")
        with Image.open(folder / name) as image:
            ratio = image.width / image.height
        shown, frame = page.wait_for_function(_BOXES, arg=ratio).json_value()
        assert frame == pytest.approx(shown, abs=1)


def test_a_photo_that_the_server_has_forgotten_is_sent_again(open_page: Open, folder: Path) -> None:
    page = open_page("?q=chair")
    page.locator("#panel > summary").click()
    page.set_input_files("#file", folder / "large.jpg")
    expect(page.locator("h1")).to_have_text("“chair”, like your photo")
    forgotten = page.request.get(f"?photo={'0' * 64}")
    assert forgotten.status == 410
    page.route(re.compile(r"\?.*photo="), lambda route: route.fulfill(response=forgotten))
    page.locator('[data-key="base_colors red"]').click()
    expect(page.locator(".chip-chosen")).to_have_count(1)
    expect(page.locator("h1")).to_have_text("“chair”, like your photo")
    page.go_back()
    expect(page.locator(".chip-chosen")).to_have_count(0)
    expect(page.locator("h1")).to_have_text("“chair”, like your photo")


_BRING = """async ([kind, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const held = new DataTransfer();
  held.items.add(new File([bytes], 'chair.png', { type: 'image/png' }));
  const event = kind === 'paste'
    ? new ClipboardEvent('paste', { clipboardData: held, bubbles: true, cancelable: true })
    : new DragEvent('drop', { dataTransfer: held, bubbles: true, cancelable: true });
  document.body.dispatchEvent(event);
}"""


@pytest.mark.parametrize("width", [1200, 390])
def test_the_ends_of_the_slider_are_whole_words(open_page: Open, folder: Path, width: int) -> None:
    import base64

    page = open_page("?q=chair&lang=tr", viewport={"width": width, "height": 800})
    data = base64.b64encode((folder / "small.png").read_bytes()).decode()
    page.evaluate(_BRING, ["drop", data])
    expect(page.locator("#brought")).not_to_have_attribute("hidden", "")
    page.locator("#panel").evaluate("(each) => { each.open = true; }")
    expect(page.get_by_role("slider")).to_be_visible()
    assert page.locator(".ends > span").all_inner_texts() == ["Kelimeler", "Fotoğraf"]
    lines = "(all) => all.map((each) => each.getBoundingClientRect().height)"
    size = "(all) => all.map((each) => parseFloat(getComputedStyle(each).lineHeight))"
    ends = page.locator(".ends > span")
    for height, line in zip(ends.evaluate_all(lines), ends.evaluate_all(size), strict=True):
        assert height < 1.5 * line


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_a_photo_is_pasted_or_dropped_and_weighed_against_words(
    open_page: Open, folder: Path, kind: str
) -> None:
    import base64

    page = open_page("?q=chair")
    data = base64.b64encode((folder / "small.png").read_bytes()).decode()
    page.evaluate(_BRING, [kind, data])
    expect(page.locator("h1")).to_have_text("“chair”, like your photo")
    slider = page.get_by_role("slider")
    slider.press("End")
    expect(page.locator(".balance output")).to_have_text("photo 100 %, words 0 %")
    page.wait_for_url("**weight=100**")
    page.get_by_role("link", name="Remove the photo").click()
    expect(page.locator("h1")).to_have_text("“chair”")
    expect(page.locator("crop-box")).to_be_hidden()


def test_a_part_of_the_photo_is_chosen_by_keys_buttons_and_mouse(
    open_page: Open, folder: Path
) -> None:
    page = open_page()
    page.locator("#panel > summary").press("Enter")
    page.set_input_files("#file", folder / "large.jpg")
    expect(page.locator("h1")).to_have_text("Like your photo")
    area = page.get_by_role("group", name="Chosen part")
    area.focus()
    for _ in range(8):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile(r"xywh=percent%3A5%2C0%2C60%2C100"))
    page.locator(".crop-side summary").press("Enter")
    expect(page.locator("crop-box output")).to_have_text(
        "From 5 % left, 0 % top: 60 % wide, 100 % high"
    )
    page.get_by_role("button", name="Flatter").press("Enter")
    page.wait_for_url(re.compile(r"xywh=percent%3A5%2C0%2C60%2C95"))
    page.get_by_role("button", name="Whole photo").press("Enter")
    page.wait_for_url(lambda url: "xywh" not in url)
    place = page.locator(".crop-frame").bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + place["width"] / 4, place["y"] + place["height"] / 4)
    page.mouse.down()
    page.mouse.move(
        place["x"] + 3 * place["width"] / 4, place["y"] + 3 * place["height"] / 4, steps=4
    )
    page.mouse.up()
    page.wait_for_url("**xywh=**")
    expect(page.locator("crop-box output")).to_have_text(re.compile(r"2[45] % left.* 50 % wide"))
    page.go_back()
    page.wait_for_url(lambda url: "xywh" not in url)
    expect(page.locator("crop-box output")).to_have_text(re.compile("100 % wide, 100 % high"))


def test_facets_narrow_keep_the_focus_and_are_taken_back(open_page: Open) -> None:
    page = open_page("?q=chair")
    count = len(cards(page))
    blue = page.locator('[data-key="base_colors blue"]')
    blue.focus()
    blue.press("Enter")
    page.wait_for_url("**f.base_colors=blue**")
    expect(page.locator('[data-key="base_colors blue"]')).to_be_focused()
    expect(page.locator('[data-key="base_colors blue"]')).to_have_attribute("aria-current", "true")
    assert 0 < len(cards(page)) < count
    page.locator('[data-key="base_colors red"]').click()
    expect(page.locator(".chip-chosen")).to_have_count(2)
    page.locator(".chip-chosen", has_text="blue").click()
    expect(page.locator(".chip-chosen")).to_have_count(1)
    price = page.locator('[data-fold="price"]')
    price.get_by_label("Price, to").fill("30")
    price.get_by_role("button", name="Apply").click()
    expect(page.locator(".chip-chosen", has_text="up to 30")).to_be_visible()
    shown = [float(each.strip("€")) for each in page.locator(".price").all_inner_texts()]
    assert shown
    assert max(shown) <= 30
    page.go_back()
    expect(page.locator(".chip-chosen")).to_have_count(1)


def test_what_was_understood_is_a_chip_that_lifts(open_page: Open) -> None:
    page = open_page("?q=red+chair+under+60+cm")
    page.locator(".chip-understood", has_text="under 60 cm").click()
    page.wait_for_url("**lift=under+60+cm**")
    expect(page.locator(".chip-lifted")).to_contain_text("“under 60 cm” as a word")
    page.locator(".chip-lifted").click()
    expect(page.locator(".chip-understood", has_text="under 60 cm")).to_be_visible()


def test_the_next_page_begins_at_its_heading(open_page: Open) -> None:
    page = open_page("?q=chair")
    first = cards(page)
    page.get_by_role("link", name="Next page").click()
    page.wait_for_url("**cursor=**")
    expect(page.locator("#heading")).to_be_focused()
    page.wait_for_function("scrollY === 0")
    assert cards(page)
    assert cards(page) != first


def test_products_are_looked_at_and_compared(open_page: Open) -> None:
    page = open_page("?q=red+chair")
    for number in (0, 1):
        page.locator(".pick input").nth(number).check()
    expect(page.locator("#compare output")).to_have_text("2 of 4 chosen")
    page.locator(".card .name a").nth(2).click()
    expect(page.get_by_role("heading", name="Similar to this")).to_be_visible()
    page.locator(".about .pick input").check()
    expect(page.locator("#compare output")).to_have_text("3 of 4 chosen")
    page.locator("#compare button[type=submit]").click()
    expect(page.locator("thead th")).to_have_count(3)
    expect(page.locator("#compare")).to_be_hidden()
    page.go_back()
    expect(page.locator("#compare output")).to_have_text("3 of 4 chosen")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#compare")).to_be_hidden()
    expect(page.locator(".about .pick input")).not_to_be_checked()
    page.locator(".card").first.get_by_role("link", name="More like this").click()
    expect(page.locator("h1")).to_contain_text("Like ")


def test_titles_of_a_feed_stay_text_in_their_own_direction(open_page: Open) -> None:
    page = open_page("?q=chair&f.tags=hostile")
    titles = page.locator(".card .name a")
    assert SCRIPT in titles.all_text_contents()
    assert page.evaluate("document.title") != "taken"
    arabic = titles.filter(has_text=ARABIC)
    assert arabic.evaluate("each => getComputedStyle(each).direction") == "rtl"
    long = page.locator(".card .name", has_text="endless endless")
    box = long.bounding_box()
    assert box is not None
    assert box["height"] < 150
    page.goto(long.locator("a").evaluate("each => each.href"))
    expect(page.locator("h1")).to_contain_text("endless")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.title") != "taken"


def test_a_photo_that_cannot_be_read_is_told_and_the_words_stay(
    open_page: Open, folder: Path
) -> None:
    page = open_page("?q=chair")
    page.locator("#panel > summary").click()
    page.set_input_files("#file", folder / "no-photo.jpg")
    expect(page.get_by_text("This photo cannot be read.")).to_be_visible()
    expect(page.get_by_role("combobox")).to_have_value("chair")


def test_a_server_that_cannot_be_reached_is_asked_again(open_page: Open) -> None:
    page = open_page("?q=chair")
    page.context.set_offline(True)
    page.get_by_role("combobox").fill("red table")
    page.get_by_role("combobox").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    expect(page.locator("h1")).to_have_text("“chair”")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("h1")).to_have_text("“red table”")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_an_answer_that_comes_late_is_not_shown_over_a_newer_one(open_page: Open) -> None:
    page = open_page()
    held: list[Route] = []
    page.route(re.compile(r"\?q=red"), lambda route: held.append(route))
    page.get_by_role("combobox").fill("red chair")
    page.get_by_role("combobox").press("Enter")
    expect(page.get_by_role("progressbar")).to_be_visible()
    search(page, "blue table")
    expect(page.get_by_role("progressbar")).to_be_hidden()
    for route in held:
        route.abort()
    time.sleep(0.1)
    assert page.locator("h1").inner_text() == "“blue table”"
    expect(page.get_by_role("alert")).to_be_hidden()


def test_the_page_works_without_scripts(open_page: Open, folder: Path) -> None:
    page = open_page(java_script_enabled=False)
    page.get_by_label("What are you looking for?").fill("red chair")
    page.get_by_role("button", name="Search", exact=True).click()
    assert "red" in cards(page)[0]
    page.locator('[data-key="base_colors red"]').click()
    assert "f.base_colors=red" in page.url
    page.locator("#panel > summary").click()
    page.set_input_files("#file", folder / "small.png")
    page.get_by_role("button", name="Search with this photo").click()
    expect(page.locator("h1")).to_have_text("“red chair”, like your photo")
    page.get_by_role("link", name="Next page").or_(page.locator(".sorts a").nth(1)).first.click()
    expect(page.locator("h1")).to_have_text("“red chair”, like your photo")


_SHIFTED = """() => new Promise((done) => {
  let shifted = 0;
  new PerformanceObserver((list) => {
    for (const each of list.getEntries()) if (!each.hadRecentInput) shifted += each.value;
  }).observe({ type: 'layout-shift', buffered: true });
  requestAnimationFrame(() => setTimeout(() => done(shifted), 100));
})"""


def test_a_shops_own_page_holds_the_search(open_page: Open, served: ServedApi) -> None:
    page = open_page()
    body = f"""<!doctype html><html lang="tr"><title>Shop</title>
      <script type="module" src="{served.url}/furniture-prompter.js"></script>
      <furniture-search catalog="{served.url}/"></furniture-search>"""
    page.route(f"{SHOP}/", lambda route: route.fulfill(body=body, content_type="text/html"))
    page.goto(f"{SHOP}/")
    expect(page.locator("furniture-search h1")).to_have_text("Anlatın ya da gösterin.")
    page.locator("furniture-search #q").fill("red chair")
    page.locator("furniture-search #q").press("Enter")
    expect(page.locator("furniture-search h1")).to_have_text("“red chair”")
    picture = page.locator("furniture-search .card img").first
    picture.evaluate("each => each.decode()")
    page.evaluate("""() => document.addEventListener('furniture-search-product', (event) => {
      event.preventDefault();
      window.taken = event.detail.id;
    })""")
    page.locator("furniture-search .card .name a").first.click()
    assert page.evaluate("window.taken").startswith("p/")
    assert page.url == f"{SHOP}/"


@pytest.mark.parametrize("width", [390, 1_280])
def test_nothing_moves_while_a_page_comes(open_page: Open, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 700})
    for address in ("", "?q=chair", "products/p%2F1%20blue"):
        page.goto(address, wait_until="networkidle")
        assert page.evaluate(_SHIFTED) <= 0.02, address
    page.goto("?q=chair")
    blue = page.locator('[data-key="base_colors blue"]')
    expect(blue).to_be_visible(visible=width > 960)


@pytest.mark.parametrize("width", [320, 390, 1_280])
def test_nothing_is_wider_than_the_window(open_page: Open, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 700})
    product = "products/p%2F1%20blue"
    for address in ("", "?q=chair", product, "?q=chair&f.price=9999..", "compare?id=p/1%20blue"):
        page.goto(address)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, address
    page.goto("?q=hostile&lang=tr")
    example = page.locator("#q").get_attribute("placeholder") or ""
    assert example.startswith("Meşe masa") == (width < 736)
    if width < 960:
        page.locator(".facets > summary").click()
    expect(page.locator(".facet").first).to_be_visible()


def test_axe_finds_nothing_in_either_theme(open_page: Open, folder: Path) -> None:
    page = open_page(reduced_motion="reduce")
    found = []
    product = "products/p%2F1%20blue"
    for address in ("", product, "compare?id=p/1%20blue&id=x", "?q=chair&f.price=9999..&lang=tr"):
        page.goto(address)
        found += violations(page, address)
    page.goto("?q=red+chiar+under+60+cm&without=blue&f.category=chair")
    page.locator("#panel > summary").click()
    page.set_input_files("#file", folder / "large.jpg")
    expect(page.locator("h1")).to_contain_text("like your photo")
    page.locator(".crop-side summary").click()
    page.locator(".pick input").first.check()
    page.get_by_role("combobox").fill("")
    page.get_by_role("combobox").press_sequentially("re")
    expect(page.get_by_role("option").first).to_be_visible()
    found += violations(page, "photo and suggestions")
    page.emulate_media(color_scheme="dark")
    found += violations(page, "the same in the dark", {"runOnly": ["color-contrast"]})
    assert not found
