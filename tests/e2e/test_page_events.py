"""What is clicked on the page in Chromium reaches the demand report, where the server was told."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from benchmarks.api_server import ServedApi
from furniture_prompter import index
from furniture_prompter.assembly.demand import demand
from tests.e2e.pages import Open, opened_pages
from tests.fakes import make_rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    rows = make_rows(folder / "photos", 12)
    lines = [
        json.dumps({"id": f"p/{n}", "title": row.product.title, "image": f"photos/{n}.png"})
        for n, row in enumerate(rows)
    ]
    (folder / "feed.jsonl").write_text("\n".join(lines), "utf-8")
    index(folder / "feed.jsonl", folder / "catalog")
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[ServedApi]:
    log = folder / "server.log"
    with ServedApi.of_catalog(folder / "catalog", log, events=folder / "events") as api:
        yield api


@pytest.fixture
def open_page(browser: Browser, served: ServedApi) -> Iterator[Open]:
    yield from opened_pages(browser, served.url)


def test_clicks_are_told_with_their_place(open_page: Open, folder: Path) -> None:
    page = open_page()
    page.get_by_role("combobox").fill("red chair")
    page.get_by_role("combobox").press("Enter")
    expect(page.locator("h1")).to_have_text("“red chair”")
    with page.expect_response("**/events") as answered:
        page.locator(".pick input").nth(1).check()
    assert answered.value.status == 204
    with page.expect_response("**/events") as answered:
        page.locator(".card .name a").nth(2).click()
    assert answered.value.status == 204
    expect(page.get_by_role("heading", name="Similar to this")).to_be_visible()
    # Hits of a product's page answer no query.
    page.locator(".card .name a").first.click()
    page.wait_for_load_state("networkidle")
    found = demand(folder / "events")
    assert found.ranks == {3: 1}
    assert [(each.text, each.clicked) for each in found.words] == [("red chair", 1)]
