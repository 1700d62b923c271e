"""What a shop's people do in Chromium: try calls on /docs, and look after the catalog on /admin."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from benchmarks.api_server import ServedApi
from furniture_prompter import index
from furniture_prompter.assembly.run_progress import shared_progress
from furniture_prompter.domain import IndexProgress, LeftOut, SetAside
from furniture_prompter.ingest.left_out import keep_left_out
from furniture_prompter.web.access import Scope, add_key
from tests.e2e.pages import Open, opened_pages, violations
from tests.fakes import draw_product, make_rows

PRODUCTS = 12
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"
AUTUMN = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop whose feed was indexed twice; the second time a row was broken and a title hostile."""
    folder = tmp_path_factory.mktemp("shop")
    rows = make_rows(folder / "photos", PRODUCTS)
    lines = [
        {
            "id": f"p{number}",
            "title": f"{row.product.color} {row.product.category}",
            "category": row.product.category,
            "price": 10 + number,
            "image": f"photos/{number}.png",
        }
        for number, row in enumerate(rows)
    ]
    for change in (False, True):
        if change:
            lines[AUTUMN] |= {"title": HOSTILE, "price": 99}
            lines[4]["image"] = "photos/none.png"
        (folder / "feed.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
        index(folder / "feed.jsonl", folder / "catalog")
    draw_product("red", "chair", 99).save(folder / "chair.png")
    return folder


@pytest.fixture(scope="module")
def keys(folder: Path) -> dict[str, str]:
    scopes: dict[str, list[Scope]] = {"read": ["read"], "write": ["read", "write"]}
    return {name: add_key(folder / "keys.json", name, each) for name, each in scopes.items()}


@pytest.fixture(scope="module")
def served(folder: Path, keys: dict[str, str]) -> Iterator[ServedApi]:
    assert keys
    log = folder / "server.log"
    settings = {"api_keys": folder / "keys.json", "benchmark_report": folder}
    settings |= {"judgments": folder / "judgments"}
    with ServedApi.of_catalog(folder / "catalog", log, **settings) as api:
        yield api


@pytest.fixture
def open_page(browser: Browser, served: ServedApi) -> Iterator[Open]:
    yield from opened_pages(browser, served.url)


def tried(page: Page, call: str) -> Locator:
    """The form of a call, opened by keyboard."""
    page.locator(f'details:has(form[aria-label="Try {call}"]) > summary').press("Enter")
    return page.get_by_role("form", name=f"Try {call}", exact=True)


def send(form: Locator, status: str) -> str:
    """Send what stands in a form by keyboard; the text of the answer."""
    form.get_by_role("button", name="Send").press("Enter")
    expect(form.get_by_role("status")).to_have_text(re.compile(rf"^{status} in \d+ ms, "))
    return form.locator("pre").text_content() or ""


def kept_nowhere(page: Page, key: str, folder: Path) -> bool:
    stored = page.evaluate(
        "JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])"
    )
    log = (folder / "server.log").read_text("utf-8")
    return key not in stored and key not in log and key not in page.content()


def test_a_search_is_tried_in_either_body(
    open_page: Open, keys: dict[str, str], folder: Path
) -> None:
    page = open_page("docs")
    form = tried(page, "POST /v1/search")
    form.locator('fieldset:not([hidden]) [name="prompt"]').fill("red chair")
    form.locator('fieldset:not([hidden]) [name="facets"]').fill("category, price")
    form.locator('fieldset:not([hidden]) [name="crop"]').fill("{no json")
    form.get_by_label("API key, scope read").fill(keys["read"])
    form.get_by_role("button", name="Send").click()
    expect(form.get_by_role("status")).to_contain_text("crop: This is no JSON.")
    expect(form.locator('fieldset:not([hidden]) [name="crop"]')).to_be_focused()
    form.locator('fieldset:not([hidden]) [name="crop"]').fill("")
    answer = json.loads(send(form, "200 OK"))
    assert answer["query"]["prompt"] == "red chair"
    assert set(answer["facets"]) == {"category", "price"}
    form.get_by_label("body as").select_option("multipart/form-data")
    form.locator('fieldset:not([hidden]) input[type="file"]').set_input_files(folder / "chair.png")
    form.locator('fieldset:not([hidden]) [name="limit"]').fill("2")
    assert len(json.loads(send(form, "200 OK"))["hits"]) == 2
    # Typed once, the key stands in the other forms.
    other = tried(page, "GET /v1/catalog")
    assert json.loads(send(other, "200 OK"))["products"] == PRODUCTS
    picture = tried(page, "GET /v1/images/{photo}")
    picture.get_by_label("photo").fill(answer["hits"][0]["photo"].rpartition("/")[2])
    assert send(picture, "200 OK") == ""
    shown = picture.get_by_role("img")
    assert shown.evaluate("each => each.decode().then(() => each.naturalWidth)") > 0
    assert kept_nowhere(page, keys["read"], folder)


def test_writing_asks_for_its_key_and_for_consent(
    open_page: Open, keys: dict[str, str], folder: Path
) -> None:
    page = open_page("docs")
    form = tried(page, "PUT /v1/products/{product_id}")
    form.get_by_label("product_id").fill("new/one")
    form.locator('fieldset:not([hidden]) [name="title"]').fill("Tried")
    form.get_by_label("further fields, as JSON").fill('{"price": 5}')
    form.get_by_label("API key, scope write").fill(keys["read"])
    form.get_by_role("button", name="Send").click()
    assert form.get_by_role("status").text_content() == ""
    form.get_by_label("This changes the catalog").check()
    assert "This key may not write" in send(form, "403 Forbidden")
    form.get_by_label("API key, scope write").fill(keys["write"])
    form.get_by_label("body as").select_option("multipart/form-data")
    form.locator('fieldset:not([hidden]) [name="product"]').fill('{"title": "Tried", "price": 5}')
    form.locator('fieldset:not([hidden]) input[type="file"]').set_input_files(folder / "chair.png")
    assert json.loads(send(form, "201 Created"))["outcome"] == "created"
    batch = tried(page, "POST /v1/products:batch")
    batch.get_by_label("lines").fill('{"id": "new/one", "delete": true}\n{"id": "none"}')
    batch.get_by_label("This changes the catalog").check()
    lines = [json.loads(line) for line in send(batch, "200 OK").splitlines()]
    assert [each.get("outcome") for each in lines] == ["deleted", "refused", None]
    assert kept_nowhere(page, keys["write"], folder)


def opened(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_label("API key").press("Enter")


def test_a_shop_looks_at_versions_and_returns_to_one(
    open_page: Open, keys: dict[str, str], folder: Path
) -> None:
    page = open_page("admin")
    opened(page, keys["read"])
    expect(page.get_by_role("alert")).to_contain_text("may not write")
    expect(page.locator("#opened")).to_be_hidden()
    opened(page, keys["write"])
    expect(page.locator("#versions")).to_be_focused()
    rows = page.locator('[data-shows="versions"] tbody tr')
    before = rows.count()
    expect(rows.first).to_contain_text("current")
    page.get_by_label("from version").select_option("1")
    page.get_by_label("to version").select_option("2")
    page.get_by_role("button", name="Compare").press("Enter")
    difference = page.locator("#difference")
    expect(difference).to_contain_text("From version 1 to 2: 0 added, 0 removed, 1 changed.")
    expect(difference).to_contain_text("Price: 13 → 99")
    expect(difference).to_contain_text(HOSTILE)
    page.get_by_role("button", name="Return to 1", exact=True).press("Enter")
    dialog = page.get_by_role("dialog", name="Return to version 1?")
    expect(dialog).to_contain_text("0 added, 0 removed, 1 changed.")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert rows.count() == before
    page.get_by_role("button", name="Return to 1", exact=True).click()
    dialog.get_by_role("button", name="Leave it as it is").click()
    assert rows.count() == before
    page.get_by_role("button", name="Return to 1", exact=True).click()
    dialog.get_by_role("button", name="Return to it").click()
    expect(page.locator("#returned")).to_contain_text("as version 1 was: 0 products back, 1 as")
    expect(rows).to_have_count(before + 1)
    expect(rows.first).to_contain_text("return to version 1")
    assert page.evaluate("document.title") != "taken"
    assert kept_nowhere(page, keys["write"], folder)
    assert "catalog returned to version 1, by key write" in (folder / "server.log").read_text()
    page.get_by_role("button", name="Forget the key").click()
    expect(page.get_by_label("API key")).to_be_visible()
    expect(page.get_by_label("API key")).to_have_value("")


def test_a_shop_sees_what_was_set_aside_the_health_and_the_encoders(
    open_page: Open, keys: dict[str, str], folder: Path
) -> None:
    page = open_page("admin?lang=tr", locale="tr-TR")
    expect(page.get_by_role("heading", name="Mağaza yönetimi")).to_be_visible()
    opened_key = page.get_by_label("“write” yetkili API anahtarı")
    opened_key.fill(keys["write"])
    opened_key.press("Enter")
    aside = page.locator('[data-shows="set-aside"]')
    expect(aside).to_contain_text("feed.jsonl")
    expect(aside).to_contain_text("2. sürüm: kullanılamayan satır, fotoğraf ve hücre: 1")
    expect(aside.locator("tbody tr").first).to_contain_text("p4")
    health = page.locator('[data-shows="health"]')
    health.get_by_role("button", name="Veriyi incele").press("Enter")
    expect(health).to_contain_text(f"{PRODUCTS} ürün, {PRODUCTS} fotoğraf", timeout=60_000)
    expect(health.locator("details, .note").first).to_be_visible()
    encoders = page.locator('[data-shows="encoders"]')
    expect(encoders.locator("tbody tr")).to_have_count(2)
    expect(encoders).to_contain_text("fotoğraflar")
    # Two answers are judged by keys alone, with the photos that only a key may see.
    page.get_by_label("Aranan").fill("red chair")
    page.locator('[name="second.diversity"]').fill("1")
    page.get_by_label("Aranan").press("Enter")
    sides = page.locator(".judge-side")
    expect(sides).to_have_count(2)
    picture = sides.first.locator("img").first
    # An image without an address is complete as well, so only its size says that it has come.
    expect(picture).not_to_have_js_property("naturalWidth", 0)
    assert not violations(page, "judging")
    sides.last.get_by_role("button", name="Bu daha iyi").press("Enter")
    expect(page.locator("#judged")).to_contain_text("Şimdiye kadar 1 değerlendirme.")
    expect(page.locator("#judged-count")).to_have_text("Şimdiye kadar 1 değerlendirme.")
    assert (folder / "judgments" / "qrels.tsv").read_text("utf-8").startswith("1\t0\t")
    # A run of another process, over another feed, is told while it goes on.
    item = SetAside(folder / "lamps.csv", 9, "'abc' is no price.", "", "lamp-9", "price")
    left = LeftOut("lambalar", 3, "lamps.csv", "2090-01-02T03:04:05+00:00", 1, 1, (item,))
    keep_left_out(folder / "catalog", left)
    run = page.locator('[data-shows="progress"]')
    with shared_progress(folder / "catalog", "index", "feed.jsonl", None) as tell:
        tell(IndexProgress("writing", 5, 12, "products"))
        expect(run).to_contain_text("feed.jsonl işleniyor.")
        expect(run).to_contain_text("yazılıyor: 5 / 12 ürün")
    expect(run).to_contain_text("Şu anda süren bir işleme")
    expect(page.locator("#run-ended")).to_have_text("İşlem bitti.")
    # The latest is open; what an earlier run over another feed set aside is there still.
    expect(aside.locator("details")).to_have_count(2)
    latest, earlier = aside.locator("details").all()
    expect(latest).to_contain_text("lambalar (lamps.csv), 2090-01-02 03:04 UTC, 3. sürüm")
    expect(latest.locator("tbody tr")).to_contain_text("price atlandı: 'abc' bir fiyat değil.")
    expect(earlier.locator("tbody tr")).to_be_hidden()
    earlier.locator("summary").press("Enter")
    expect(earlier.locator("tbody tr")).to_contain_text("p4")
    assert not violations(page, "set aside")
    # A report has styles of its own, and nothing in it runs.
    script = "<script>document.title = parent.document.title = 'taken'</script>"
    styled = "<style>h1 { color: rgb(1, 2, 3) }</style></head><body><h1>Benchmark</h1>"
    (folder / "report.html").write_text(f"<head>{styled}{script}</body>", "utf-8")
    page.get_by_role("button", name="Raporu göster").click()
    heading = page.frame_locator("#report-frame").locator("h1")
    expect(heading).to_have_css("color", "rgb(1, 2, 3)")
    assert heading.evaluate("document.title") != "taken"
    assert page.title() != "taken"


def test_both_pages_work_behind_a_prefix(
    open_page: Open, served: ServedApi, keys: dict[str, str]
) -> None:
    page = open_page()

    def passed_on(route: Route) -> None:
        path = route.request.url.split("/shop/search/", 1)[1]
        # As a proxy that passes its own name on where the server was told that name.
        headers = {**route.request.headers, "origin": served.url}
        route.fulfill(response=route.fetch(url=f"{served.url}/{path}", headers=headers))

    page.route("http://shop.example/shop/search/**", passed_on)
    page.goto("http://shop.example/shop/search/docs")
    form = tried(page, "GET /v1/catalog")
    form.get_by_label("API key, scope read").fill(keys["read"])
    assert json.loads(send(form, "200 OK"))["products"] == PRODUCTS
    page.goto("http://shop.example/shop/search/admin")
    opened(page, keys["write"])
    expect(page.locator('[data-shows="encoders"] tbody tr')).to_have_count(2)
    assert urlsplit(page.url).path == "/shop/search/admin"
    # Where a run stands goes on being told.
    page.unroute_all(behavior="ignoreErrors")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_either_page(
    open_page: Open, keys: dict[str, str], folder: Path, scheme: str
) -> None:
    page = open_page("docs", color_scheme=scheme)
    form = tried(page, "POST /v1/search")
    form.get_by_label("API key, scope read").fill(keys["read"])
    send(form, "200 OK")
    tried(page, "PUT /v1/products/{product_id}")
    found = violations(page, "docs")
    page.goto("admin")
    found += violations(page, "admin without a key")
    opened(page, keys["write"])
    expect(page.locator('[data-shows="encoders"] tbody tr')).to_have_count(2)
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#difference")).to_contain_text("From version")
    found += violations(page, "admin")
    page.locator("[data-return]").first.click()
    expect(page.locator("#ask-difference")).to_contain_text(re.compile("version"))
    found += violations(page, "admin asks")
    assert not found


@pytest.mark.parametrize("width", [320, 1_280, 1_920])
def test_nothing_is_wider_than_the_window(
    open_page: Open, keys: dict[str, str], width: int
) -> None:
    page = open_page("docs", viewport={"width": width, "height": 700})
    tried(page, "POST /v1/search")
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= width
    page.goto("admin")
    opened(page, keys["write"])
    expect(page.locator('[data-shows="encoders"] tbody tr')).to_have_count(2)
    assert page.evaluate(wide) <= width
    assert page.evaluate(OVERLAPS) == []


OVERLAPS = """() => [...document.querySelectorAll('.figures div')].flatMap((row) => {
  const cell = row.closest('td').getBoundingClientRect();
  const [name, value] = [...row.children].map((each) => {
    const range = document.createRange();
    range.selectNodeContents(each);
    return range.getBoundingClientRect();
  });
  const inside = name.left >= cell.left - 1 && value.right <= cell.right + 1;
  const fits = inside && name.right <= value.left;
  return fits ? [] : [row.textContent];
})"""
"""Figures of encoders whose name runs into its number, or that stand beside their column."""
