"""How sure answers are, from indexing to the answer, through versions of a catalog."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from furniture_prompter.catalog.history import roll_back
from furniture_prompter.catalog.manifest import read_manifest, write_manifest
from furniture_prompter.catalog.upkeep import verify_catalog
from furniture_prompter.domain import Query
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.confidence import NOTHING_CLOSE
from tests.fakes import draw_product, make_rows
from tests.integration.conftest import Shop

PHOTO = np.asarray(draw_product("red", "sofa", 901))


@pytest.fixture
def filled(shop: Shop, tmp_path: Path) -> Shop:
    shop.index(make_rows(tmp_path / "feed", 72))
    return shop


def test_every_answer_says_how_sure_it_is(filled: Shop) -> None:
    for query in (
        Query(prompt="red sofa"),
        Query(photo=PHOTO),
        Query(prompt="sofa", photo=PHOTO),
        Query(similar_to="p18"),
    ):
        answer = filled.search(query)
        assert answer.close is not None
        assert all(0 <= (hit.confidence or 0.0) <= 1 for hit in answer.hits)
        assert all(hit.confidence is not None for hit in answer.hits)
        assert (NOTHING_CLOSE in answer.notes) == (not answer.close)


def test_nonsense_is_not_close_and_the_nearest_are_there(filled: Shop) -> None:
    answer = filled.search(Query(prompt="qzxv wkjq"))
    assert answer.close is False
    assert answer.hits
    assert NOTHING_CLOSE in answer.notes


def test_pages_of_an_answer_agree(filled: Shop) -> None:
    first = filled.search(Query(prompt="red sofa", limit=5))
    second = filled.search(Query(prompt="red sofa", limit=5, cursor=first.cursor))
    assert (first.close, first.margin) == (second.close, second.margin)
    whole = filled.search(Query(prompt="red sofa", limit=10))
    told = [hit.confidence for hit in (*first.hits, *second.hits)]
    assert told == pytest.approx([hit.confidence for hit in whole.hits])


def test_the_least_confidence_drops_hits(filled: Shop) -> None:
    whole = filled.search(Query(photo=PHOTO))
    least = sorted(hit.confidence or 0.0 for hit in whole.hits)[5]
    fewer = filled.search(Query(photo=PHOTO, least_confidence=least))
    assert [hit.rank for hit in fewer.hits] == [
        hit.rank for hit in whole.hits if (hit.confidence or 0.0) >= least
    ]
    assert fewer.cursor == whole.cursor


def test_pages_of_which_nobody_is_sure_are_passed_over_and_nothing_is_lost(filled: Shop) -> None:
    first = Query(photo=PHOTO, limit=4)
    best = max(hit.confidence or 0.0 for hit in filled.search(first).hits)
    assert best < 1
    none = filled.search(replace(first, least_confidence=1.0))
    assert (none.hits, none.cursor) == ((), None)
    # Of all pages that were passed over.
    assert any(f"the best here has {best:.2f}" in note for note in none.notes)
    least = best / 2

    def turned(limit: int) -> list[str]:
        cursor, found, pages = None, [], 0
        while pages == 0 or cursor is not None:
            page = filled.search(replace(first, limit=limit, least_confidence=least, cursor=cursor))
            cursor, pages = page.cursor, pages + 1
            assert page.hits or cursor is None
            found += [hit.product.id for hit in page.hits]
        return found

    assert turned(1) == turned(4) == turned(50)
    assert len(turned(4)) > 1


def test_hits_of_unknown_confidence_turn_pages_whatever_the_least(filled: Shop) -> None:
    answer = filled.search(Query(prompt="white", limit=4, least_confidence=1.0))
    assert len(answer.hits) == 4
    assert answer.cursor is not None


def test_words_of_a_colour_alone_leave_the_kind_to_the_photo(filled: Shop) -> None:
    by_photo = filled.search(Query(photo=PHOTO))
    for words in ("in white", "in cappuccino", "koyu vizon"):
        answer = filled.search(Query(prompt=words, photo=PHOTO))
        assert answer.close is by_photo.close is True, words
        assert answer.margin == pytest.approx(by_photo.margin), words


def test_a_prompt_without_a_kind_is_not_judged(filled: Shop) -> None:
    answer = filled.search(Query(prompt="white"))
    assert answer.close is None
    assert {hit.confidence for hit in answer.hits} == {None}


def test_a_catalog_of_an_earlier_release_opens_and_learns_at_the_next_run(
    filled: Shop, tmp_path: Path
) -> None:
    manifest = read_manifest(filled.folder)
    write_manifest(filled.folder, replace(manifest, confidence=None))
    assert '"confidence"' not in (filled.folder / "manifest.json").read_text("utf-8")
    answer = filled.search(Query(prompt="red sofa"))
    assert answer.close is None
    assert any("index" in note for note in answer.notes)
    with pytest.raises(InvalidQueryError, match="Leave least_confidence out"):
        filled.search(Query(prompt="red sofa", least_confidence=0.5))
    summary = filled.index(make_rows(tmp_path / "feed", 72))
    assert summary.photos_encoded == 0
    assert read_manifest(filled.folder).confidence == manifest.confidence
    again = filled.index(make_rows(tmp_path / "feed", 72))
    assert again.version == summary.version


def test_few_changes_keep_what_was_learned_and_many_learn_anew(
    filled: Shop, tmp_path: Path
) -> None:
    before = read_manifest(filled.folder).confidence
    assert before is not None
    filled.index(make_rows(tmp_path / "feed", 74))
    few = read_manifest(filled.folder).confidence
    assert few == replace(before, changed_since=2)
    filled.index(make_rows(tmp_path / "feed", 96))
    many = read_manifest(filled.folder).confidence
    assert many is not None
    assert (many.products, many.changed_since) == (96, 0)


def test_a_rolled_back_version_has_what_it_had_learned(filled: Shop, tmp_path: Path) -> None:
    before = read_manifest(filled.folder).confidence
    filled.index(make_rows(tmp_path / "feed", 96))
    asyncio.run(roll_back(filled.folder, None, 900, 5))
    assert read_manifest(filled.folder).confidence == before
    assert asyncio.run(verify_catalog(filled.folder)).sound


def test_a_small_catalog_says_why_it_cannot_tell(shop: Shop, tmp_path: Path) -> None:
    summary = shop.index(make_rows(tmp_path / "feed", 12))
    assert any(note.startswith("How sure answers are cannot be told") for note in summary.notes)
    answer = shop.search(Query(prompt="red sofa"))
    assert answer.close is None
