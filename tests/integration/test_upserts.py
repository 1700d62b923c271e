"""Products written one by one and in batches: what is stored, refused, kept and rolled back."""

import asyncio
import errno
import io
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from lancedb import AsyncTable
from PIL import Image

from furniture_prompter.catalog import reader as reader_module
from furniture_prompter.catalog import writer as writer_module
from furniture_prompter.catalog.columns import ALIGNED, VECTOR
from furniture_prompter.catalog.folding import LOOSE_FRAGMENTS
from furniture_prompter.catalog.keyword_query import KeywordQuery
from furniture_prompter.catalog.keywords import PREFIX_FOLDING
from furniture_prompter.catalog.lance_files import table_files
from furniture_prompter.catalog.manifest import Manifest, read_manifest
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.retention import UPLOADS_FOLDER, spool_in
from furniture_prompter.catalog.rows import MemoryRows
from furniture_prompter.catalog.storage import writer_lock
from furniture_prompter.catalog.upkeep import optimize_catalog, verify_catalog
from furniture_prompter.catalog.writer import CatalogWriter
from furniture_prompter.domain import (
    AttributeValue,
    Product,
    Query,
    Removal,
    Upsert,
    Variant,
    Write,
    WriteSummary,
)
from furniture_prompter.encoders.decoding import photo_id
from furniture_prompter.errors import CatalogBusyError, CatalogDamagedError, CatalogWriteError
from furniture_prompter.ingest import writing
from furniture_prompter.ingest.calibrating import LEAST_PRODUCTS
from furniture_prompter.ingest.learning import learn, take_up
from furniture_prompter.ingest.upserts import write_products
from furniture_prompter.settings import Settings
from tests.fakes import draw_product, make_rows
from tests.integration.conftest import Shop


@pytest.fixture
def filled(shop: Shop, tmp_path: Path) -> Shop:
    shop.index(make_rows(tmp_path / "photos"))
    shop.encoder.encoded = 0
    return shop


def drawn(colour: str = "green", shape: str = "sofa", seed: int = 9_000) -> bytes:
    buffer = io.BytesIO()
    draw_product(colour, shape, seed).save(buffer, "PNG")
    return buffer.getvalue()


def write(
    shop: Shop, *writes: Write | tuple[Product, Sequence[bytes] | None], learns: bool = True
) -> WriteSummary:
    """Write products with photos as bytes, lines counted from 1."""
    with spool_in(shop.folder) as spool:
        made: list[Write] = []
        for line, each in enumerate(writes, start=1):
            if isinstance(each, tuple):
                product, photos = each
                paths = (
                    None
                    if photos is None
                    else tuple(spool.add(f"{photo_id(data)}.png", data) for data in photos)
                )
                made.append(Upsert(line, product, paths))
            else:
                made.append(each)
        encoders = shop.encoder, shop.prompt_encoder
        return asyncio.run(
            write_products(made, shop.folder, *encoders, shop.settings, learns=learns)
        )


def outcomes(summary: WriteSummary) -> list[str]:
    return [result.outcome for result in summary.results]


def product(name: str = "new", **attributes: AttributeValue) -> Product:
    return Product(id=name, title=f"{name} thing", category="sofa", attributes=attributes)


def uploaded(shop: Shop) -> list[str]:
    folder = shop.folder / UPLOADS_FOLDER
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def pixels(data: bytes) -> Query:
    return Query(photo=np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), limit=5)


def sound(shop: Shop) -> bool:
    return asyncio.run(verify_catalog(shop.folder)).sound


def test_a_new_product_is_found_by_its_photo_and_its_words(filled: Shop) -> None:
    photo = drawn()
    summary = write(filled, (product(price=12.0), [photo]))
    assert (summary.version, outcomes(summary)) == (2, ["created"])
    hit = filled.search(pixels(photo)).hits[0]
    assert hit.product == product(price=12.0)
    assert Path(hit.photo.path).read_bytes() == photo
    assert Path(hit.photo.path).parent == filled.folder / UPLOADS_FOLDER
    assert filled.ids(Query(prompt="new thing", where="price = 12"))[0] == "new"
    assert sound(filled)


def test_writing_the_same_again_changes_nothing(filled: Shop) -> None:
    write(filled, (product(), [drawn()]))
    filled.encoder.encoded = 0
    summary = write(filled, (product(), [drawn()]))
    assert (summary.version, outcomes(summary)) == (2, ["unchanged"])
    assert filled.encoder.encoded == 0


def test_a_product_without_photos_keeps_those_it_has(filled: Shop) -> None:
    before = filled.search(Query(prompt="sofa", where="id = 'p20'")).hits[0]
    summary = write(filled, (Product(id="p20", title="renamed", attributes={"price": 7.0}), None))
    assert outcomes(summary) == ["updated"]
    after = filled.search(Query(prompt="renamed", where="price = 7")).hits[0]
    assert (after.product.id, after.photo) == ("p20", before.photo)
    assert filled.encoder.encoded == 0
    assert sound(filled)


def test_an_attribute_of_another_type_is_left_out_and_the_answer_says_so(filled: Shop) -> None:
    write(filled, (product("old", price=5.0, size="M", stock=True), [drawn()]))
    odd = product("new", price="second hand", size=44.0, stock=1.0, color_code="x")
    summary = write(filled, (odd, [drawn(seed=2)]))
    assert outcomes(summary) == ["created"]
    price, stock = summary.results[0].left_out
    assert "'second hand'" in price
    assert "The product is stored without one." in price
    assert "stock is a number" in stock
    stored = filled.search(Query(prompt="thing", where="id = 'new'")).hits[0].product
    assert dict(stored.attributes) == {"size": "44", "color_code": "x"}


def test_a_price_for_those_who_ask_makes_no_texts_of_later_ones(filled: Shop) -> None:
    summary = write(filled, (product("asks", sale_price="Fiyat sorunuz"), [drawn()]))
    assert outcomes(summary) == ["created"]
    (told,) = summary.results[0].left_out
    assert told == "sale_price: 'Fiyat sorunuz' names no price. The product is stored without one."
    write(filled, (product("tells", sale_price=500.0), [drawn(seed=2)]))
    assert filled.ids(Query(prompt="thing", where="sale_price < 1000")) == ["tells"]


def test_prices_that_are_texts_are_read_where_they_are_sure(filled: Shop) -> None:
    said = {"n1": "9,99", "n2": "1.299,00 TL", "n3": "from 99", "n4": "1.299", "n5": "cheap"}
    made = [
        (product(each, sale_price=text), [drawn(seed=line)])
        for line, (each, text) in enumerate(said.items())
    ]
    summary = write(filled, *made)
    told = {result.product_id: list(result.left_out) for result in summary.results}
    assert {each: len(sentences) for each, sentences in told.items()} == {
        **dict.fromkeys(("n1", "n2"), 0),
        **dict.fromkeys(("n3", "n4", "n5"), 1),
    }
    assert "lowest price of several" in told["n3"][0]
    assert filled.ids(Query(prompt="thing", where="sale_price < 10")) == ["n1"]
    assert filled.ids(Query(prompt="thing", where="currency = 'TRY'")) == ["n2"]


def test_one_odd_value_does_not_decide_a_batchs_new_column(filled: Shop) -> None:
    values: tuple[AttributeValue, ...] = ("on request", 2.0, 3.0)
    made = [
        (product(f"n{line}", depth=value), [drawn(seed=line)]) for line, value in enumerate(values)
    ]
    summary = write(filled, *made)
    assert outcomes(summary) == ["created"] * 3
    assert [len(result.left_out) for result in summary.results] == [1, 0, 0]
    assert filled.ids(Query(prompt="thing", where="depth > 2")) == ["n2"]


def test_a_new_product_without_photos_is_refused(filled: Shop) -> None:
    (result,) = write(filled, (product(), None)).results
    assert (result.outcome, result.product_id) == ("refused", "new")
    assert "has no photo" in result.reason


def test_a_deleted_product_is_gone_and_its_upload_after_the_grace_time(filled: Shop) -> None:
    filled.settings = Settings(version_grace_s=600, keep_versions=0)
    write(filled, (product(), [drawn()]))
    summary = write(filled, Removal(1, "new"), Removal(2, "never-there"))
    assert outcomes(summary) == ["deleted", "missing"]
    assert "new" not in filled.ids(pixels(drawn()))
    (name,) = uploaded(filled)
    assert name == f"{photo_id(drawn())}.png"
    path = filled.folder / UPLOADS_FOLDER / name
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 1_000))
    write(filled, Removal(1, "p3"))
    assert uploaded(filled) == []
    assert sound(filled)


def test_a_photo_that_another_product_still_shows_stays(filled: Shop) -> None:
    filled.settings = Settings(version_grace_s=0, keep_versions=0)
    write(filled, (product("a"), [drawn()]), (product("b"), [drawn()]))
    write(filled, Removal(1, "a"))
    assert uploaded(filled) == [f"{photo_id(drawn())}.png"]
    write(filled, Removal(1, "b"))
    assert uploaded(filled) == []


def test_a_photo_moves_from_a_deleted_product_to_another_in_one_batch(filled: Shop) -> None:
    write(filled, (product("one"), [drawn()]))
    filled.encoder.encoded = 0
    summary = write(filled, Removal(1, "one"), (product("two"), [drawn()]))
    assert (summary.version, outcomes(summary)) == (3, ["deleted", "created"])
    assert filled.encoder.encoded == 0
    assert filled.search(pixels(drawn())).hits[0].product == product("two")
    assert sound(filled)


def test_the_last_products_can_be_deleted_and_others_come_back(shop: Shop, tmp_path: Path) -> None:
    shop.index(make_rows(tmp_path / "photos", 2))
    summary = write(shop, Removal(1, "p0"), Removal(2, "p1"))
    assert outcomes(summary) == ["deleted", "deleted"]
    assert shop.ids(pixels(drawn())) == []
    assert sound(shop)
    assert outcomes(write(shop, (product(), [drawn()]))) == ["created"]
    assert shop.ids(pixels(drawn())) == ["new"]


@pytest.mark.parametrize("left_by_an_older_build", [False, True])
@pytest.mark.parametrize("by_feed", [False, True])
def test_a_catalog_that_searched_photos_by_words_is_written_after_it_lost_its_last_product(
    filled: Shop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    by_feed: bool,
    left_by_an_older_build: bool,
) -> None:
    rows = make_rows(tmp_path / "photos")
    assert read_manifest(filled.folder).alignment.file is not None
    with monkeypatch.context() as older:
        if left_by_an_older_build:

            async def unchanged(_: object, table: AsyncTable, *_arguments: object) -> AsyncTable:
                return table

            older.setattr(writer_module, "rewrite_column", unchanged)
        removals = [Removal(line, row.product.id) for line, row in enumerate(rows, start=1)]
        assert outcomes(write(filled, *removals)) == ["deleted"] * len(rows)
    assert (read_manifest(filled.folder).alignment.file, sound(filled)) == (None, True)
    assert filled.ids(pixels(drawn())) == []
    if by_feed:
        assert filled.index(rows).products_added == len(rows)
        assert read_manifest(filled.folder).alignment.file is not None
        assert "prompt-photo" in filled.search(Query(prompt="sofa")).hits[0].matched
    else:
        assert outcomes(write(filled, (product(), [drawn()]))) == ["created"]
        assert outcomes(write(filled, (product("two"), [drawn(seed=2)]))) == ["created"]
        assert sorted(filled.ids(pixels(drawn()))) == ["new", "two"]
    assert sound(filled)


def test_bad_lines_are_refused_with_their_reason_and_the_rest_is_one_version(filled: Shop) -> None:
    good = drawn()
    cut = good[: len(good) // 2]
    summary = write(
        filled,
        (product("a"), [good]),
        (product("b"), [good, cut]),
        (product("c"), []),
        (product("a"), [good]),
        Removal(5, "p1"),
        (product("d"), [b"GIF89a?zip PK"]),
        (product("e"), [drawn("red")]),
    )
    assert summary.version == 2
    assert outcomes(summary) == [
        "created", "refused", "refused", "refused", "deleted", "refused", "created",
    ]  # fmt: skip
    reasons = {result.product_id: result.reason for result in summary.results if result.reason}
    assert "Photo 2 is damaged" in reasons["b"]
    assert "no photo" in reasons["c"]
    assert "already in line 1" in reasons["a"]
    assert str(filled.folder) not in "".join(reasons.values())
    assert set(uploaded(filled)) >= {f"{photo_id(good)}.png", f"{photo_id(drawn('red'))}.png"}
    assert f"{photo_id(cut)}.png" not in uploaded(filled)
    assert sound(filled)


def test_nothing_good_makes_no_version_and_leaves_no_file(filled: Shop) -> None:
    before = (filled.folder / "manifest.json").read_bytes()
    summary = write(filled, (product(), [b"no photo"]), Removal(2, "never-there"))
    assert (summary.version, outcomes(summary)) == (1, ["refused", "missing"])
    assert (filled.folder / "manifest.json").read_bytes() == before
    assert uploaded(filled) == []


STAGES = ["stage", "apply", "build_indexes", "commit"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_disk_that_fills_up_leaves_the_version_and_the_uploads_as_they_were(
    filled: Shop, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    write(filled, (product("first"), [drawn("blue")]))
    before = ((filled.folder / "manifest.json").read_bytes(), uploaded(filled))
    asked = pixels(drawn("red"))
    hits = filled.ids(asked)
    original = getattr(CatalogWriter, stage)

    async def full(self: CatalogWriter, *arguments: object) -> Manifest:
        if stage != "commit":
            await original(self, *arguments)
        raise CatalogWriteError("no space left on the disk") from OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(CatalogWriter, stage, full)
    with pytest.raises(CatalogWriteError):
        write(filled, (product(), [drawn()]), Removal(2, "p0"))
    monkeypatch.undo()
    assert ((filled.folder / "manifest.json").read_bytes(), uploaded(filled)) == before
    assert filled.ids(asked) == hits
    assert outcomes(write(filled, (product(), [drawn()]))) == ["created"]
    assert sound(filled)


def test_a_photo_that_does_not_fit_on_the_disk_is_told_before_anything_is_written(
    filled: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CatalogWriteError, match="No space left"):
        write(filled, (product(), [drawn()]))
    assert uploaded(filled) == []


def test_a_catalog_that_another_process_writes_is_busy(filled: Shop) -> None:
    with writer_lock(filled.folder), pytest.raises(CatalogBusyError):
        write(filled, (product(), [drawn()]))
    assert uploaded(filled) == []


def test_a_spool_that_a_killed_process_left_is_removed_a_day_later(filled: Shop) -> None:
    stale = filled.folder / UPLOADS_FOLDER / ".incoming-old"
    stale.mkdir(parents=True)
    (stale / "half").write_bytes(b"x")
    write(filled, (product("a"), [drawn()]))
    assert stale.exists()
    os.utime(stale, (0, 0))
    write(filled, (product("b"), [drawn("red")]))
    assert not stale.exists()


def test_a_product_written_into_a_catalog_of_an_older_folding_is_folded_as_the_others_are(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(writer_module, "current_folding", lambda _: PREFIX_FOLDING)
        shop.index(make_rows(tmp_path / "photos", 2), language="turkish")
    write(shop, (Product("new", "Yemek masası"), [drawn()]))
    assert read_manifest(shop.folder).folding == PREFIX_FOLDING
    hit = shop.search(Query(prompt="masası")).hits[0]
    assert hit.product.id == "new"
    assert "keyword" in hit.matched


def test_one_product_after_another_leaves_what_was_written_before_as_it_is(
    filled: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In a catalog this small a few changes are a tenth of it, for which all is fitted anew.
    monkeypatch.setattr(writing, "needs_refit", lambda *_, **__: False)

    def data() -> set[str]:
        version = read_manifest(filled.folder)
        return {
            name
            for table, number in version.tables.items()
            for name in table_files(filled.folder, table, number)
            if "/data/" in name
        }

    before = data()
    assert len(before) == 2
    turns = LOOSE_FRAGMENTS - 1
    for turn in range(turns):
        changed = Product(id=f"p{turn}", title=f"renewed{turn} stool", attributes={"price": 1.0})
        assert outcomes(write(filled, (changed, None))) == ["updated"]
        assert before <= data()
    for turn in range(turns):
        # Found beside the indexes, by words and by numbers, and no longer as it was.
        hits = filled.search(Query(prompt=f"renewed{turn}", where=f"id = 'p{turn}'")).hits
        assert [hit.product.title for hit in hits] == [f"renewed{turn} stool"]
    assert filled.ids(Query(prompt="renewed3 stool"))[0] == "p3"
    assert len(filled.ids(Query(prompt="stool", where="price = 1", limit=100))) == turns
    assert sound(filled)
    asyncio.run(optimize_catalog(filled.folder, 100_000, 600.0, 3))
    assert len(data()) == 2
    # Nobody's photos changed, so that theirs was never written again.
    assert {name.partition("/")[0] for name in before & data()} == {"photos.lance"}
    assert filled.ids(Query(prompt="renewed3 stool"))[0] == "p3"
    assert sound(filled)


async def all_read(reader: CatalogReader) -> dict[str, Any]:
    """What a version holds, by the ways in which searches read it."""
    numbers = np.sort((await reader.some_products(["__number"], 1_000))["__number"])
    vocabulary = await reader.vocabulary()
    indexes = [await reader.photo_index(name) for name in (VECTOR, ALIGNED)]
    indexes.append(await reader.text_index())
    asked = [each.similarities(each.some_rows(1)[0]) for each in indexes]
    photos = await reader.photos(numbers, VECTOR)
    assert photos.vectors is not None
    products = await reader.products(numbers)
    matches = await reader.keyword_matches(KeywordQuery("renamed sofa"), 50, None)
    wheres = ("price < 100", "title contains 'new'", "category = 'sofa'")
    return {
        "words": {word: vocabulary.having(word).tolist() for word in vocabulary.places},
        "own": vocabulary.own,
        "read": vocabulary.products,
        "cosines": [(await each.of(numbers)).tolist() for each in asked],
        "backgrounds": [each.background for each in asked],
        "photos": (photos.numbers.tolist(), photos.ids, photos.paths, photos.vectors.tolist()),
        "products": [products[number] for number in numbers.tolist()],
        "values": await reader.columns(numbers, ["title", "price", "category"]),
        "passing": [(await reader.filter_products(each)).numbers.tolist() for each in wheres],
        "matches": dict(zip(*(each.tolist() for each in matches), strict=True)),
    }


def test_a_version_that_takes_over_what_was_read_holds_what_one_read_anew_does(
    filled: Shop,
) -> None:
    async def opened(before: CatalogReader | None) -> CatalogReader:
        return await CatalogReader.open(filled.folder, before)

    def written(*writes: Write | tuple[Product, Sequence[bytes] | None]) -> None:
        write(filled, *writes)

    async def run() -> None:
        reader = await opened(None)
        await all_read(reader)
        steps: list[list[Write | tuple[Product, Sequence[bytes] | None]]] = [
            [(Product(id="p3", title="sofa no 3", attributes={"price": 4.0}), None)],
            [(Product(id="p4", title="Renamed Chaise", category="sofa"), None)],
            [(product("new", price=7.0), [drawn(), drawn("red", "sofa", 9_001)])],
            [(product("new", price=900.0), [drawn("red", "sofa", 9_001)]), Removal(2, "p5")],
            [(Product(id="p4", title="sofa no 4"), None), Removal(2, "new")],
            [(product("newer", price=1.0), [drawn("blue", "table", 9_002)])],
        ]
        for step in steps:
            await asyncio.to_thread(written, *step)
            later, anew = await opened(reader), await opened(None)
            assert later.carried_from == reader.manifest.version == later.manifest.version - 1
            assert anew.carried_from is None
            reader.close()
            reader = later
            assert await all_read(reader) == await all_read(anew)
            anew.close()
        reader.close()

    asyncio.run(run())


def test_what_was_before_does_not_pile_up(filled: Shop) -> None:
    async def run() -> list[int | None]:
        reader = await CatalogReader.open(filled.folder)
        carried = []
        with patch.object(reader_module, "MOST_CARRIED", 2):
            for number in range(4):
                again = product("again", price=float(number))
                await asyncio.to_thread(write, filled, (again, [drawn()]))
                later = await CatalogReader.open(filled.folder, reader)
                carried.append(later.carried_from)
                reader.close()
                reader = later
        reader.close()
        return carried

    assert asyncio.run(run()) == [1, 2, None, 4]


@pytest.mark.parametrize("lost", [False, True])
def test_where_much_has_changed_or_the_version_before_is_gone_one_is_read_anew(
    filled: Shop, lost: bool
) -> None:
    async def run() -> None:
        before = await CatalogReader.open(filled.folder)
        await all_read(before)
        # Folding writes every row anew.
        await optimize_catalog(filled.folder, 50_000, 60.0, 3)
        gone = patch.object(MemoryRows, "changed", side_effect=CatalogDamagedError("It is gone."))
        with patch.object(reader_module, "MOST_CARRIED", 10), gone if lost else nullcontext():
            later = await CatalogReader.open(filled.folder, before)
        assert later.carried_from is None
        held = [await all_read(each) for each in (later, before)]
        # Until it is folded, the keyword index weighs words that are gone.
        assert held[0].pop("matches").keys() == held[1].pop("matches").keys()
        assert held[0] == held[1]

    write(filled, (product(), [drawn()]))
    asyncio.run(run())


def learned(shop: Shop, meanwhile: Callable[[], object] = lambda: None) -> Manifest | None:
    """Learn beside writing; between the fit and taking it up others act."""
    encoders = shop.encoder, shop.prompt_encoder
    found = asyncio.run(learn(shop.folder, *encoders, lambda: None))
    meanwhile()
    if found is None:
        return None
    return asyncio.run(take_up(found, shop.folder, *encoders, shop.settings))


def retitled(number: int) -> tuple[Product, None]:
    return Product(id=f"p{number}", title=f"A stool {number}", category="stool"), None


def test_what_writes_teach_is_learned_beside_them_and_has_what_came_meanwhile(
    filled: Shop,
) -> None:
    first = read_manifest(filled.folder)
    some, more = ([retitled(number) for number in numbers] for numbers in (range(4), range(4, 6)))
    # The fifth of 48 is more than a tenth; no write learns itself.
    assert not write(filled, *some, learns=False).learning_due
    assert write(filled, *more, learns=False).learning_due
    before = read_manifest(filled.folder)
    assert (before.alignment.file, before.alignment.changed_since) == (first.alignment.file, 6)
    assert before.confidence is not None
    assert before.confidence.changed_since == 6
    photo = drawn()
    now = learned(filled, lambda: write(filled, (product(price=12.0), [photo]), learns=False))
    assert now is not None
    assert now.made is not None
    assert (now.made.by, now.made.unchanged, now.products) == ("learn", 49, 49)
    assert now.alignment.file not in (None, first.alignment.file)
    assert (now.alignment.fitted_on, now.alignment.changed_since) == (48, 1)
    assert now.confidence is not None
    assert now.confidence.changed_since == 1
    assert [each.version for each in now.kept] == [1]
    # All photos are met by the new alignment, that of the product that came meanwhile too.
    assert filled.search(pixels(photo)).hits[0].product.id == "new"
    assert sound(filled)
    assert learned(filled) is None


def test_what_was_learned_beside_writing_is_what_a_run_would_have_learned(
    filled: Shop, tmp_path: Path
) -> None:
    other = replace(filled, folder=tmp_path / "other")
    shutil.copytree(filled.folder, other.folder)
    for shop, learns in ((filled, False), (other, True)):
        write(shop, *(retitled(number) for number in range(6)), learns=learns)
    beside, at_once = learned(filled), read_manifest(other.folder)
    assert beside is not None
    assert beside.alignment == at_once.alignment
    assert beside.confidence is not None
    assert at_once.confidence is not None
    judges, others = beside.confidence.calibration, at_once.confidence.calibration
    assert judges is not None
    assert others is not None
    assert judges.photo == others.photo
    assert judges.prompt is not None
    assert others.prompt is not None
    # The rows of a product of matrices differ in the last bit by how many there are.
    assert judges.prompt.least_logit == pytest.approx(others.prompt.least_logit, abs=1e-3)


def test_what_another_run_learned_meanwhile_stands(filled: Shop) -> None:
    write(filled, *(retitled(number) for number in range(6)), learns=False)
    later = [retitled(number) for number in range(10, 12)]
    assert learned(filled, lambda: write(filled, *later)) is None
    now = read_manifest(filled.folder)
    assert now.made is not None
    assert (now.made.by, now.alignment.changed_since) == ("write", 0)


def test_a_catalog_that_is_too_small_to_learn_from_tries_within_the_write(filled: Shop) -> None:
    gone = [Removal(line, f"p{line}") for line in range(1, 50 - LEAST_PRODUCTS)]
    told = write(filled, *gone, learns=False)
    now = read_manifest(filled.folder)
    assert (now.products, told.learning_due) == (LEAST_PRODUCTS - 1, False)
    assert (now.alignment.file, now.alignment.changed_since) == (None, 0)


def test_prices_of_variants_that_are_texts_are_read_as_those_of_products(filled: Shop) -> None:
    forms = (
        Variant("S", attributes={"price": "9,99 TL"}),
        Variant("M", attributes={"price": "12,50", "sale_price": "from 5"}),
        Variant("L", attributes={"price": 20.0}),
    )
    given = replace(product("forms", price=9.0), variants=forms)
    summary = write(filled, (given, [drawn()]))
    (told,) = summary.results[0].left_out
    assert told.startswith("Variant 2: sale_price: ")
    (hit,) = filled.search(Query(prompt="thing", where="price = 9")).hits[:1]
    assert [dict(each.attributes) for each in hit.product.variants] == [
        {"price": 9.99, "currency": "TRY"},
        {"price": 12.5},
        {"price": 20.0},
    ]
