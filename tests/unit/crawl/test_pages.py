"""What becomes of an answered page."""

import json

import pytest

from furniture_prompter.crawl.journal import LINKED, NAMED, Waiting
from furniture_prompter.crawl.pages import Answer, Verdict, judged

START = "https://shop.example/"
PAGE = "https://shop.example/p/1?v=2"
PRODUCT = {"@type": "Product", "sku": "1", "name": "Stool"}


def verdict(
    html: str | None = "",
    status: int = 200,
    location: str = "",
    headers: tuple[str, ...] = (),
    depth: int = 1,
) -> Verdict:
    answer = Answer(PAGE, status, html, location, headers)
    return judged(answer, Waiting(PAGE, NAMED, depth), START, limit_depth=3)


def script(value: object) -> str:
    return f"<script type='application/ld+json'>{json.dumps(value)}</script>"


@pytest.mark.parametrize(
    ("status", "location", "outcome"),
    [
        (404, "", "gone"),
        (410, "", "gone"),
        (403, "", "unreadable"),
        (500, "", "unreadable"),
        (429, "", "unreadable"),
        (301, "/p/2", "moved"),
        (302, "https://elsewhere.example/", "elsewhere"),
        (307, "ftp://shop.example/", "unreadable"),
    ],
)
def test_statuses(status: int, location: str, outcome: str) -> None:
    found = verdict(None, status, location)
    assert found.outcome == outcome
    moved = [Waiting("https://shop.example/p/2", NAMED, 2)]
    assert found.found == (moved if outcome == "moved" else [])


def test_redirects_end_where_links_do() -> None:
    found = verdict(None, 302, "/p/3", depth=3)
    assert (found.outcome, found.found) == ("unreadable", [])
    assert found.reason == "redirects lead on for more than 3 pages"


def test_links_of_the_shop_are_followed_and_no_others() -> None:
    found = verdict(
        "<a href=/a><a href=/a?utm_source=b><a href=https://www.shop.example/b>"
        "<a href=/c rel=nofollow><a href=https://cdn.example/d><link rel=next href=?page=2>"
    )
    assert [each.address for each in found.found] == [
        "https://shop.example/a",
        "https://www.shop.example/b",
        "https://shop.example/p/1?page=2",
    ]
    # The next page of a list is as near as the list.
    assert [(each.rank, each.depth) for each in found.found] == [
        (LINKED, 2),
        (LINKED, 2),
        (LINKED, 1),
    ]
    deep = verdict("<a href=/a>", depth=3)
    assert (deep.found, deep.too_deep) == ([], 1)


def test_a_page_that_forbids_it_is_not_taken_though_its_links_are() -> None:
    html = script(PRODUCT) + "<a href=/a>"
    found = verdict(html, headers=("noai",))
    assert (found.outcome, found.records, len(found.found)) == ("noai", [], 1)
    assert verdict(html, headers=("noindex, nofollow",)).found == []


def test_the_canonical_page_is_asked_for_too() -> None:
    found = verdict("<link rel=canonical href=/p/1>" + script(PRODUCT))
    assert found.canonical == "https://shop.example/p/1"
    assert found.found == [Waiting("https://shop.example/p/1", NAMED, 1)]
    assert found.records[0]["url"] == "https://shop.example/p/1"


@pytest.mark.parametrize("address", ["/", "https://elsewhere.example/p/1"])
def test_a_canonical_page_that_cannot_be_it_is_passed_over(address: str) -> None:
    assert verdict(f"<link rel=canonical href='{address}'>").canonical == PAGE


def test_products_that_have_pages_of_their_own_are_taken_there() -> None:
    other = {**PRODUCT, "sku": "2", "url": "/p/2"}
    found = verdict(
        script({"@type": "ItemList", "itemListElement": [other, {**other, "url": PAGE}]})
    )
    assert [each["url"] for each in found.records] == [PAGE]
    assert [each.address for each in found.found] == ["https://shop.example/p/2"]


def test_broken_json_ld_is_told_and_keeps_what_was_known() -> None:
    found = verdict("<script type='application/ld+json'>{oops</script>")
    assert found.outcome == "unreadable"
    assert "line 1" in found.reason


def test_other_kinds_of_files_are_no_pages() -> None:
    assert verdict(None).outcome == "no page"
