"""Index runs: what they write, reuse, remove and leave alone."""

import asyncio
import itertools
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from furniture_prompter import assembly
from furniture_prompter.catalog import writer as writer_module
from furniture_prompter.catalog.keyword_query import KeywordQuery
from furniture_prompter.catalog.keywords import PREFIX_FOLDING, STEM_FOLDING
from furniture_prompter.catalog.manifest import read_manifest
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.storage import writer_lock
from furniture_prompter.catalog.upkeep import bytes_on_disk, optimize_catalog, verify_catalog
from furniture_prompter.catalog.writer import CatalogWriter
from furniture_prompter.domain import FeedNote, FeedRow, Query, SetAside
from furniture_prompter.errors import (
    CatalogBusyError,
    CatalogFormatError,
    CatalogMismatchError,
    CatalogNotFoundError,
    CatalogWriteError,
)
from furniture_prompter.ingest.feed_run import NO_CURRENCY
from tests.fakes import (
    COLOURS,
    SHAPES,
    ColourGridEncoder,
    draw_product,
    make_rows,
    with_product,
)
from tests.integration.conftest import Shop


@pytest.fixture
def rows(tmp_path: Path) -> list[FeedRow]:
    return make_rows(tmp_path / "photos")


def photo_of(row: FeedRow) -> Query:
    return Query(photo=np.asarray(Image.open(row.images[0]).convert("RGB")), limit=5)


def test_a_first_run_stores_every_product_and_photo(shop: Shop, rows: list[FeedRow]) -> None:
    summary = shop.index(rows)
    assert (summary.version, summary.products_added, summary.photos_encoded) == (1, 48, 48)
    assert asyncio.run(verify_catalog(shop.folder)).sound
    hit = shop.search(photo_of(rows[7])).hits[0]
    assert hit.product == rows[7].product
    assert hit.photo.path == str(rows[7].images[0])


def test_an_unchanged_feed_encodes_nothing_and_makes_no_version(
    shop: Shop, rows: list[FeedRow]
) -> None:
    shop.index(rows)
    before = (shop.folder / "manifest.json").read_bytes()
    shop.encoder.encoded = 0
    summary = shop.index(rows)
    assert (summary.version, summary.products_unchanged, shop.encoder.encoded) == (1, 48, 0)
    assert (shop.folder / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("price", [5.0, "on request"], ids=["same type", "retyped"])
def test_products_that_all_get_other_ids_take_their_photos_along(
    shop: Shop, rows: list[FeedRow], price: float | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "CHUNK_ROWS", 7)
    shop.index(rows)
    shop.encoder.encoded = 0
    renamed = [
        with_product(row, id=f"new-{row.product.id}", attributes={"price": price}) for row in rows
    ]
    summary = shop.index(renamed, sync=True)
    assert (summary.products_added, summary.products_removed, summary.products) == (48, 48, 48)
    assert shop.encoder.encoded == 0
    assert shop.search(photo_of(rows[7])).hits[0].product == renamed[7].product
    assert asyncio.run(verify_catalog(shop.folder)).sound


def test_photos_that_change_their_products_across_chunks_keep_their_vectors(
    shop: Shop, rows: list[FeedRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "CHUNK_ROWS", 7)
    shop.index(rows)
    shop.encoder.encoded = 0
    turned = [
        replace(row, images=other.images)
        for row, other in zip(rows, [*rows[20:], *rows[:20]], strict=True)
    ]
    assert shop.index(turned).products_updated == 48
    assert shop.encoder.encoded == 0
    for number in (0, 7, 47):
        assert shop.search(photo_of(turned[number])).hits[0].product == rows[number].product
    assert asyncio.run(verify_catalog(shop.folder)).sound


def test_a_new_price_and_title_are_stored_without_encoding(shop: Shop, rows: list[FeedRow]) -> None:
    shop.index(rows)
    shop.encoder.encoded = 0
    changed = with_product(rows[3], title="renamed thing", attributes={"price": 999.0})
    summary = shop.index([changed])
    assert (summary.products_updated, summary.products, shop.encoder.encoded) == (1, 48, 0)
    hit = shop.search(Query(prompt="renamed", where="price = 999")).hits[0]
    assert hit.product.title == "renamed thing"


def test_only_a_changed_photo_is_encoded_again(shop: Shop, rows: list[FeedRow]) -> None:
    shop.index(rows)
    shop.encoder.encoded = 0
    draw_product("red", "sofa", 1234).save(rows[2].images[0])
    summary = shop.index(rows)
    assert (summary.products_updated, summary.photos_encoded, shop.encoder.encoded) == (1, 1, 1)
    assert shop.ids(photo_of(rows[2]))[0] == "p2"


def test_a_product_with_several_photos_is_one_hit_with_its_nearest_photo(
    shop: Shop, rows: list[FeedRow]
) -> None:
    both = replace(rows[0], images=(rows[0].images[0], rows[9].images[0]))
    shop.index([both, *rows[1:9]])
    result = shop.search(photo_of(rows[9]))
    ids = [hit.product.id for hit in result.hits]
    assert ids.count("p0") == 1
    assert result.hits[0].product.id == "p0"
    assert result.hits[0].photo.path == str(rows[9].images[0])


def test_sync_removes_what_the_feed_no_longer_has(shop: Shop, rows: list[FeedRow]) -> None:
    shop.index(rows)
    assert shop.index(rows[:40]).products == 48
    summary = shop.index(rows[:40], sync=True)
    assert (summary.products_removed, summary.products, summary.photos) == (8, 40, 40)
    assert asyncio.run(verify_catalog(shop.folder)).sound


def test_some_of_what_sync_removes_is_named(shop: Shop, rows: list[FeedRow]) -> None:
    shop.index(rows[:8])
    (note,) = (n for n in shop.index(rows[:2], sync=True).notes if n.startswith("Removed"))
    assert ": p2, p3, p4, p5, p6 and 1 more. " in note
    assert not any(note.startswith("Removed") for note in shop.index(rows[:2], sync=True).notes)


def test_prices_without_currency_are_told(shop: Shop, rows: list[FeedRow]) -> None:
    priced = [with_product(row, attributes={"price": 3.0}) for row in rows[:3]]
    assert NO_CURRENCY in shop.index(priced).notes
    named = [with_product(row, attributes={"price": 3.0, "currency": "TRY"}) for row in rows[:3]]
    assert NO_CURRENCY not in shop.index(named).notes


def test_sync_keeps_products_whose_rows_were_set_aside(shop: Shop, rows: list[FeedRow]) -> None:
    shop.index(rows)
    known = SetAside(Path("f"), 1, "bad", "mend", product_id="p47")
    heading = FeedNote("A row of one text is no product.", not_gone=("p46", "KOLTUK GRUBU"))
    summary = shop.index([*rows[:40], *rows[41:46], heading, known], sync=True)
    assert summary.products_removed == 1
    unknown = SetAside(Path("f"), 1, "broken JSON", "mend")
    summary = shop.index([*rows[:30], unknown], sync=True)
    assert (summary.products_removed, summary.products_not_removed) == (0, 17)
    assert summary.notes[0] == (
        "Kept 17 products that the feed no longer has: what was set aside at f:1 may hold them. "
        "Mend that, then run with --sync again."
    )


def test_sync_removes_nothing_where_a_row_whose_id_is_known_may_hide_others(
    shop: Shop, rows: list[FeedRow]
) -> None:
    shop.index(rows)
    hiding = SetAside(Path("f"), 9, "quote", "close it", product_id="p47", hides_ids=True)
    summary = shop.index([*rows[:40], hiding], sync=True)
    assert (summary.products, summary.products_removed, summary.products_not_removed) == (48, 0, 7)
    cell = SetAside(Path("f"), 9, "cell", "mend it", product_id="p39", column="price")
    assert shop.index([*rows[:40], cell], sync=True).products_removed == 8


def test_a_bad_photo_is_set_aside_with_its_row_and_the_rest_goes_on(
    shop: Shop, rows: list[FeedRow]
) -> None:
    rows[5].images[0].write_bytes(b"\xff\xd8\xff not a photo")
    summary = shop.index(rows)
    assert summary.products == 47
    assert [(item.line, item.product_id) for item in summary.set_aside] == [(6, "p5")]
    assert "5.png" in summary.set_aside[0].reason


def test_a_value_of_another_type_costs_the_value_and_not_the_product(
    shop: Shop, rows: list[FeedRow]
) -> None:
    shop.index(rows[:40])
    odd = with_product(rows[41], attributes={"price": "cheap", "stock": True})
    summary = shop.index([odd, rows[42]])
    assert summary.products_added == 2
    assert "price is a text" in summary.set_aside[0].reason
    assert (summary.set_aside[0].product_id, summary.set_aside[0].column) == ("p41", "price")
    assert shop.ids(Query(prompt="thing", where="stock = true")) == ["p41"]
    assert shop.index([odd, rows[42]]).products_unchanged == 2


def priced(rows: list[FeedRow], price: str | float) -> list[FeedRow]:
    return [with_product(row, attributes={"price": price, "line": row.line}) for row in rows]


def test_a_column_whose_type_changed_in_the_whole_feed_changes_in_the_catalog(
    shop: Shop, rows: list[FeedRow]
) -> None:
    shop.index(priced(rows, 5.0))
    summary = shop.index(priced(rows, "on request"))
    assert (summary.set_aside, summary.products_updated) == ((), 48)
    assert "price holds text now" in summary.notes[0]
    assert len(shop.ids(Query(prompt="sofa", where="price = 'on request' and line < 4"))) == 3
    shop.index(priced(rows, 7.0))
    assert len(shop.ids(Query(prompt="sofa", where="price = 7 and line < 4"))) == 3
    assert asyncio.run(verify_catalog(shop.folder)).sound
    asyncio.run(optimize_catalog(shop.folder, 50_000, 0.0, 0))
    assert len(shop.ids(Query(prompt="sofa", where="price = 7 and line < 4"))) == 3


def test_the_cure_of_a_column_that_could_not_change_works(shop: Shop, rows: list[FeedRow]) -> None:
    shop.index(priced(rows, 5.0))
    part = priced(rows[:40], "on request")
    summary = shop.index(part)
    assert (summary.products, len(summary.set_aside)) == (48, 40)
    assert all("--sync removes the others" in item.cure for item in summary.set_aside)
    assert len(shop.ids(Query(prompt="sofa", where="price = 5 and line > 45"))) == 3
    cured = shop.index(part, sync=True)
    assert (cured.set_aside, cured.products) == ((), 40)
    assert len(shop.ids(Query(prompt="sofa", where="price = 'on request' and line < 4"))) == 3


def test_a_run_that_stops_after_it_emptied_a_column_leaves_the_column_as_it_was(
    shop: Shop, rows: list[FeedRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.index(priced(rows, 5.0))

    async def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(CatalogWriter, "apply", stop)
        with pytest.raises(KeyboardInterrupt):
            shop.index(priced(rows, "on request"))
    assert len(shop.ids(Query(prompt="sofa", where="price = 5 and line < 4"))) == 3
    assert shop.index(rows[:1]).products == 48
    assert len(shop.ids(Query(prompt="sofa", where="price = 5 and line > 1 and line < 5"))) == 3
    assert asyncio.run(verify_catalog(shop.folder)).sound


def test_how_a_feed_was_read_is_among_the_notes(shop: Shop, rows: list[FeedRow]) -> None:
    assert shop.index([FeedNote("Read as cp1254."), *rows]).notes[0] == "Read as cp1254."


def test_a_new_column_can_be_filtered_on(shop: Shop, rows: list[FeedRow]) -> None:
    shop.index(rows)
    shop.index([with_product(rows[0], attributes={"price": 1.0, "stock": True})])
    assert shop.ids(Query(prompt="chair", where="stock = true")) == ["p0"]


def test_nothing_usable_makes_no_catalog(shop: Shop) -> None:
    summary = shop.index([SetAside(Path("f"), 3, "no id", "give one")])
    assert summary.version == 0
    with pytest.raises(CatalogNotFoundError, match="furniture-prompter index"):
        shop.search(Query(prompt="chair"))


def test_another_encoder_is_refused(shop: Shop, rows: list[FeedRow]) -> None:
    shop.index(rows[:4])
    other = replace(shop, encoder=ColourGridEncoder("f" * 64))
    with pytest.raises(CatalogMismatchError, match="another build of the same name"):
        other.index(rows)


def test_another_language_is_refused(shop: Shop, rows: list[FeedRow]) -> None:
    shop.index(rows[:4], language="turkish")
    with pytest.raises(CatalogMismatchError, match="turkish"):
        shop.index(rows, language="english")
    assert shop.index(rows).version == 2


def test_another_format_version_is_refused_with_the_cure(shop: Shop, rows: list[FeedRow]) -> None:
    shop.index(rows[:4])
    path = shop.folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 99}))
    for act in (lambda: shop.index(rows), lambda: shop.search(Query(prompt="chair"))):
        with pytest.raises(CatalogFormatError, match="format version 99"):
            act()


def test_a_catalog_path_that_is_a_file_is_refused(shop: Shop, rows: list[FeedRow]) -> None:
    shop.folder.write_text("not a catalog")
    with pytest.raises(CatalogFormatError, match="is a file"):
        shop.index(rows)


def test_a_catalog_path_that_cannot_be_written_is_refused(
    shop: Shop, rows: list[FeedRow], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    unwritable = replace(shop, folder=tmp_path / "file" / "catalog")
    with pytest.raises((CatalogWriteError, CatalogFormatError)):
        unwritable.index(rows)


def test_two_writers_do_not_meet(shop: Shop, rows: list[FeedRow]) -> None:
    with writer_lock(shop.folder), pytest.raises(CatalogBusyError, match="Another process"):
        shop.index(rows)


def test_a_search_under_way_does_not_see_a_new_version(shop: Shop, rows: list[FeedRow]) -> None:
    async def scenario() -> tuple[list[str], list[str]]:
        searcher = await shop.open()
        query = Query(prompt="chair", where="price < 50")
        before = [hit.product.id for hit in (await searcher.search(query)).hits]
        await asyncio.to_thread(shop.index, rows[40:], sync=True)
        after = [hit.product.id for hit in (await searcher.search(query)).hits]
        return before, after

    shop.index(rows)
    before, after = asyncio.run(scenario())
    assert before == after != []
    assert shop.ids(Query(prompt="chair", where="price < 50")) == []


def test_optimize_keeps_every_answer_and_shrinks_the_folder(
    shop: Shop, rows: list[FeedRow]
) -> None:
    shop.index(rows)
    for number in range(6):
        shop.index([with_product(rows[number], title=f"changed {number}")])
    query = photo_of(rows[9])
    before = shop.ids(query)
    written = bytes_on_disk(shop.folder)
    # Versions replaced within a second are never deleted: a search may be opening them. So the one
    # that the first replaces goes with the second.
    for _ in range(2):
        time.sleep(1.1)
        summary = asyncio.run(optimize_catalog(shop.folder, 100_000, 0.0, 0))
    assert summary.bytes_after < written
    assert shop.ids(query) == before
    assert asyncio.run(verify_catalog(shop.folder)).sound


def test_verify_finds_a_damaged_table(shop: Shop, rows: list[FeedRow]) -> None:
    shop.index(rows)
    for path in (shop.folder / "photos.lance" / "data").iterdir():
        path.write_bytes(b"x" * path.stat().st_size)
    report = asyncio.run(verify_catalog(shop.folder))
    assert not report.sound


def test_too_little_text_leaves_the_texts_and_says_so(shop: Shop, rows: list[FeedRow]) -> None:
    bare = [with_product(row, title="x", category="", color="") for row in rows[:-1]]
    summary = shop.index([*bare, rows[-1]])
    assert any("Words cannot search the pictures" in note for note in summary.notes)
    result = shop.search(Query(prompt="sofa"))
    assert "Words cannot search the pictures" in result.notes[0]
    assert result.hits[0].product.id == "p47"


def test_prompts_find_photos_that_have_no_text(shop: Shop, tmp_path: Path) -> None:
    # Of 144 products the last 48 lose their text: only the alignment, learned from the others, can
    # find them by words. Two of the 48 fit each of the 24 prompts.
    rows = make_rows(tmp_path / "photos", 144)
    silent = [with_product(row, title="", category="", color="") for row in rows[96:]]
    shop.index([*rows[:96], *silent])
    found = 0
    for colour, shape in itertools.product(COLOURS, SHAPES):
        wanted = {
            row.product.id
            for row in rows[96:]
            if (row.product.color, row.product.category) == (colour, shape)
        }
        hits = shop.ids(Query(prompt=f"{shape} {colour}", where="category is null", limit=5))
        found += bool(wanted & set(hits))
    # Chance is 0.20 of 24: the probability that five of 48 at random hold one of two.
    assert found >= 14


def test_products_without_text_are_not_buried_under_those_with_text(
    shop: Shop, tmp_path: Path
) -> None:
    rows = make_rows(tmp_path / "photos", 144)
    silent = [with_product(row, title="", category="", color="") for row in rows[96:]]
    shop.index([*rows[:96], *silent])
    # 36 of the 96 with text share a word with the prompt; buried would mean behind all of those.
    hits = shop.ids(Query(prompt="sofa red", limit=24))
    assert {f"p{number}" for number in range(96, 144)} & set(hits)


def test_turkish_words_meet_in_any_spelling(shop: Shop, rows: list[FeedRow]) -> None:
    named = [
        with_product(rows[0], title="Işıklı Ayna"),
        with_product(rows[1], title="İskemle"),
        with_product(rows[2], title="Dolap kapağı", attributes={"title_en": "wardrobe door"}),
        *rows[3:8],
    ]
    shop.index(named, language="turkish")
    for prompt, found in (
        ("IŞIKLI AYNA", "p0"),
        ("isikli ayna", "p0"),
        ("iskemle", "p1"),
        ("İSKEMLE", "p1"),
        ("dolabın kapakları", "p2"),
        ("wardrobe", "p2"),
    ):
        assert shop.ids(Query(prompt=prompt))[0] == found, prompt


def test_a_word_that_the_only_product_has_counts_in_full(shop: Shop, rows: list[FeedRow]) -> None:
    shop.index(rows[:1])
    hit = shop.search(Query(prompt="chair")).hits[0]
    assert hit.matched[0] == "keyword"
    assert hit.score > 0


def test_an_id_with_runs_of_spaces_of_an_older_catalog_is_found_and_written_anew_in_place(
    shop: Shop, rows: list[FeedRow]
) -> None:
    older = [with_product(rows[0], id="sofas/a  b.png"), with_product(rows[1], id="c")]
    shop.index(older)
    number = asyncio.run(number_of(shop, "sofas/a  b.png"))
    assert number is not None
    query = Query(prompt="chair", where="id = 'sofas/a  b.png' or id in ('sofas/a  b.png')")
    assert shop.ids(query) == ["sofas/a  b.png"]

    newer = [with_product(rows[0], id="sofas/a b.png"), older[1]]
    summary = shop.index(newer, sync=True)
    assert (summary.products_updated, summary.products_removed, summary.products) == (1, 0, 2)
    for spelling in ("sofas/a  b.png", "sofas/a b.png", " sofas/a\u00a0b.png"):
        assert asyncio.run(number_of(shop, spelling)) == number


async def number_of(shop: Shop, product_id: str) -> int | None:
    reader = await CatalogReader.open(shop.folder)
    try:
        return await reader.number_of(product_id)
    finally:
        reader.close()


@pytest.mark.parametrize("prompt", ["comfortable seating", "zebrano"])
def test_a_part_that_knows_nothing_of_a_product_is_not_said_to_have_found_it(
    shop: Shop, rows: list[FeedRow], prompt: str
) -> None:
    textless = [with_product(row, title="", category="", color="") for row in rows[3:6]]
    shop.index([*rows[:3], *textless])
    for hit in shop.search(Query(prompt=prompt, photo=photo_of(rows[0]).photo)).hits:
        assert hit.matched
        assert "keyword" not in hit.matched
        assert hit.product.title or "prompt-text" not in hit.matched
    hits = shop.search(Query(prompt=prompt)).hits
    assert all("keyword" not in hit.matched for hit in hits)


TURKISH = ["Yemek masası", "Duvar saati", "Boy aynası"]


def test_forms_of_short_turkish_words_meet(shop: Shop, rows: list[FeedRow]) -> None:
    shop.index(titled(rows), language="turkish")
    assert asyncio.run(keyword_found(shop, "masa")) == ["Yemek masası"]
    assert asyncio.run(keyword_found(shop, "saatler")) == ["Duvar saati"]
    assert asyncio.run(keyword_found(shop, "AYNALARIN")) == ["Boy aynası"]


def test_a_turkish_feed_is_stemmed_as_turkish_which_is_told_and_kept(
    shop: Shop, rows: list[FeedRow]
) -> None:
    assert any("stemmed as Turkish" in note for note in shop.index(titled(rows)).notes)
    assert asyncio.run(keyword_found(shop, "masalar")) == ["Yemek masası"]
    english = [with_product(row, title="oak chair") for row in rows]
    assert not any("stemmed as" in note for note in shop.index(english).notes)
    manifest = read_manifest(shop.folder)
    assert (manifest.language, manifest.folding) == ("turkish", STEM_FOLDING)


def test_a_language_that_is_asked_for_or_set_is_not_chosen(shop: Shop, rows: list[FeedRow]) -> None:
    shop.index(titled(rows), language="english")
    assert read_manifest(shop.folder).language == "english"
    settings = shop.settings.model_copy(update={"language": "german"})
    other = replace(shop, folder=shop.folder.with_name("other"), settings=settings)
    assert not any("stemmed as" in note for note in other.index(titled(rows)).notes)
    assert read_manifest(other.folder).language == "german"


def test_a_turkish_catalog_of_the_first_folding_stays_searchable_and_is_folded_anew_by_the_next_run(
    shop: Shop, rows: list[FeedRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(writer_module, "current_folding", lambda _: PREFIX_FOLDING)
        shop.index(titled(rows), language="turkish")
    assert "folding" not in (shop.folder / "manifest.json").read_text("utf-8")
    assert asyncio.run(keyword_found(shop, "masası")) == ["Yemek masası"]
    assert asyncio.run(keyword_found(shop, "masa")) == []

    summary = shop.index(titled(rows))
    assert (summary.version, summary.products_unchanged) == (2, 3)
    assert any("folded anew" in note for note in summary.notes)
    assert read_manifest(shop.folder).folding == STEM_FOLDING
    assert asyncio.run(keyword_found(shop, "masa")) == ["Yemek masası"]
    assert asyncio.run(verify_catalog(shop.folder)).sound
    assert shop.index(titled(rows)).version == 2


def titled(rows: list[FeedRow]) -> list[FeedRow]:
    return [
        with_product(row, title=title, category="", color="", attributes={"price": 3.0})
        for row, title in zip(rows, TURKISH, strict=False)
    ]


async def keyword_found(shop: Shop, prompt: str) -> list[str]:
    reader = await CatalogReader.open(shop.folder)
    try:
        numbers, _ = await reader.keyword_matches(KeywordQuery(prompt), 10, None)
        products = await reader.products(numbers)
    finally:
        reader.close()
    return [products[number].title for number in numbers.tolist()]


def test_nothing_is_written_between_photos_of_a_folder_that_is_no_catalog(
    shop: Shop, tmp_path: Path
) -> None:
    rows = make_rows(tmp_path / "photos", 3)
    shop.folder = tmp_path / "photos"
    before = sorted(shop.folder.iterdir())
    for use in (
        lambda: shop.index(rows),
        lambda: assembly.index(shop.folder, shop.folder),
        lambda: assembly.optimize(shop.folder),
        lambda: assembly.verify(shop.folder),
    ):
        with pytest.raises((CatalogFormatError, CatalogNotFoundError), match="no catalog"):
            use()
        assert sorted(shop.folder.iterdir()) == before
    shop.folder /= "catalog"
    assert shop.index(rows).products == 3


def test_a_catalog_that_is_not_there_is_not_made_by_optimizing_it(tmp_path: Path) -> None:
    with pytest.raises(CatalogNotFoundError):
        assembly.optimize(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
