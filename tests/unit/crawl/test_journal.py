"""The journal hands out each page once a run, bounds what never ends, and forgets no product."""

from pathlib import Path

import pytest

from furniture_prompter.crawl.journal import (
    LINKED,
    NAMED,
    SITEMAP,
    START,
    Journal,
    Waiting,
    crawled_records,
)
from furniture_prompter.errors import CrawlError

S = "https://s.example"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(tmp_path)
    assert not made.begin()
    return made


def handed_out(journal: Journal, barren: int = 100) -> list[str]:
    found = []
    while (waiting := journal.next(set(), barren)) is not None:
        found.append(waiting.address)
        journal.settle(waiting.address, "page")
    return found


def test_sitemaps_come_first_and_nothing_twice(journal: Journal) -> None:
    journal.add(f"{S}/linked", LINKED, 1)
    journal.add(f"{S}/named", NAMED, 0)
    journal.add(f"{S}/", START, 0)
    journal.add(f"{S}/sitemap.xml", SITEMAP, 0)
    assert not journal.add(f"{S}/named", LINKED, 3)
    names = [f"{S}/{each}" for each in ("sitemap.xml", "", "named", "linked")]
    assert handed_out(journal) == names
    assert not journal.add(f"{S}/linked", LINKED, 1)
    assert handed_out(journal) == []


def test_a_page_that_is_named_later_comes_before_those_that_are_linked(journal: Journal) -> None:
    journal.add(f"{S}/a/1", LINKED, 1)
    journal.add(f"{S}/b/1", LINKED, 1)
    journal.add(f"{S}/b/1", NAMED, 0)
    assert handed_out(journal)[0] == f"{S}/b/1"


def test_a_run_that_was_broken_off_goes_on(journal: Journal, tmp_path: Path) -> None:
    for name in "abc":
        journal.add(f"{S}/{name}", NAMED, 0)
    journal.settle(f"{S}/a", "product", records=[{"id": "A"}], found=[Waiting(f"{S}/d", LINKED, 1)])
    # Neither closed nor finished, as after a kill.
    again = Journal(tmp_path)
    assert again.begin()
    assert handed_out(again) == [f"{S}/b", f"{S}/c", f"{S}/d"]
    again.finish()
    assert not again.begin()
    assert again.run == 2


def test_what_never_ends_is_bounded_unless_it_leads_to_products(journal: Journal) -> None:
    for number in range(50):
        journal.add(f"{S}/calendar/{number}", LINKED, 1)
        journal.add(f"{S}/list?page={number}", LINKED, 1)
    asked = []
    while (waiting := journal.next(set(), 5)) is not None:
        asked.append(waiting.address)
        product = Waiting(f"{S}/p/{len(asked)}", NAMED, 2)
        leads = [product] if "list" in waiting.address else []
        journal.settle(waiting.address, "page", found=leads)
        for each in leads:
            journal.settle(each.address, "product", records=[{"id": each.address}])
    assert sum("calendar" in each for each in asked) == 5
    assert sum("list" in each for each in asked) == 50
    assert journal.left_out() == {"/calendar/*": 45}


def test_known_products_are_asked_for_again_though_nothing_leads_to_them(journal: Journal) -> None:
    journal.add(f"{S}/a", NAMED, 0)
    journal.add(f"{S}/b", NAMED, 0)
    journal.settle(f"{S}/a", "product", records=[{"id": "A"}])
    journal.settle(f"{S}/b", "page")
    journal.finish()
    journal.begin()
    assert handed_out(journal) == []
    assert journal.ask_known()
    waiting = journal.next(set(), 5)
    assert waiting is not None
    assert waiting.address == f"{S}/a"
    journal.settle(f"{S}/a", "gone")
    assert journal.gone() == 1
    assert not journal.ask_known()
    assert [*crawled_records(journal)] == []


def test_a_page_that_cannot_be_read_keeps_its_products(journal: Journal) -> None:
    journal.add(f"{S}/a", NAMED, 0)
    journal.settle(f"{S}/a", "product", records=[{"id": "A"}])
    journal.finish()
    journal.begin()
    journal.add(f"{S}/a", NAMED, 0)
    journal.settle(f"{S}/a", "unreadable", reason="it answered 500")
    assert journal.problems() == ([(f"{S}/a", "it answered 500")], 1)
    assert [each["id"] for each in crawled_records(journal)] == ["A"]


def test_a_product_counts_once_whatever_addresses_it_has(journal: Journal) -> None:
    for address, canonical, name in (
        (f"{S}/p/1?color=1", f"{S}/p/1", "alias"),
        (f"{S}/p/1", f"{S}/p/1", "own"),
        (f"{S}/sale/p/1", f"{S}/sale/p/1", "copy"),
        (f"{S}/x?v=2", f"{S}/never-asked", "alone"),
    ):
        journal.add(address, NAMED, 0)
        identifier = "2" if name == "alone" else "1"
        journal.settle(
            address, "product", canonical=canonical, records=[{"id": identifier, "name": name}]
        )
    found = {each["id"]: each["name"] for each in crawled_records(journal)}
    assert found == {"1": "own", "2": "alone"}


def test_answers_come_back_as_they_were(journal: Journal) -> None:
    assert journal.answer(S) is None
    journal.keep_answer(S, 200, {"ETag": ['"1"']}, b"\xff" * 1_000)
    assert journal.answer(S) == (200, {"ETag": ['"1"']}, b"\xff" * 1_000)


def test_a_damaged_journal_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "pages.sqlite").write_bytes(b"no database, but long enough to be one" * 100)
    with pytest.raises(CrawlError, match="delete the file"):
        Journal(tmp_path)
