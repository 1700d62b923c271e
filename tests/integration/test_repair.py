"""Damaged catalogs: verify names what is damaged, searches say so, repair loses the least."""

import asyncio
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import lancedb
import numpy as np
import pytest
from PIL import Image

from furniture_prompter.atomic_files import sha256_of
from furniture_prompter.catalog import integrity
from furniture_prompter.catalog.integrity import version_files
from furniture_prompter.catalog.manifest import read_manifest, write_manifest
from furniture_prompter.catalog.retention import spool_in
from furniture_prompter.catalog.storage import reading
from furniture_prompter.catalog.upkeep import optimize_catalog, verify_catalog
from furniture_prompter.domain import FeedRow, Query, RepairSummary, VerifyReport
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.protocols import PromptEncoder
from furniture_prompter.errors import (
    CatalogDamagedError,
    CatalogFormatError,
    CatalogMismatchError,
    CatalogWriteError,
    EncoderNotFoundError,
)
from furniture_prompter.ingest.repairing import (
    CatalogEncoders,
    alignment_fingerprint,
    repair_catalog,
)
from furniture_prompter.settings import Settings
from tests.fakes import draw_product, make_rows, with_product
from tests.integration.conftest import Shop

SETTINGS = Settings(stage_photos=8)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[FeedRow]:
    return make_rows(tmp_path_factory.mktemp("feed") / "photos")


@pytest.fixture(scope="module")
def whole(
    rows: list[FeedRow], prompt_encoder: PromptEncoder, tmp_path_factory: pytest.TempPathFactory
) -> Shop:
    """A catalog of two versions, with a deleted row and an alignment."""
    folder = tmp_path_factory.mktemp("whole")
    shop = Shop(folder / "catalog", prompt_encoder, settings=SETTINGS)
    kept = [with_product(rows[0], title="renamed thing"), *rows[1:]]
    shop.index([*kept, *make_rows(folder / "more", 49)[48:]])
    # So few deleted rows are not compacted away.
    shop.index(kept, sync=True)
    return shop


@pytest.fixture
def shop(whole: Shop, tmp_path: Path) -> Shop:
    copy = replace(whole, folder=tmp_path / "catalog")
    shutil.copytree(whole.folder, copy.folder)
    copy.encoder.encoded = 0
    return copy


def verify(shop: Shop) -> VerifyReport:
    return asyncio.run(verify_catalog(shop.folder, alignment_fingerprint))


def is_sound(shop: Shop) -> bool:
    try:
        return verify(shop).sound
    except CatalogDamagedError:
        return False


def repair(shop: Shop) -> RepairSummary:
    encoders = CatalogEncoders(
        lambda: shop.encoder.card, lambda: shop.encoder, lambda: shop.prompt_encoder
    )
    return asyncio.run(repair_catalog(shop.folder, lambda _: encoders, shop.settings))


def answers(shop: Shop, rows: list[FeedRow]) -> list[list[str]]:
    photo = np.asarray(Image.open(rows[7].images[0]).convert("RGB"))
    asked = (
        Query(prompt="red sofa", limit=8),
        Query(photo=photo, limit=8),
        Query(prompt="chair", where="price < 50", limit=8),
    )
    return [shop.ids(query) for query in asked]


def test_a_shops_column_may_be_called_as_one_of_the_catalogs(
    shop: Shop, rows: list[FeedRow]
) -> None:
    names = ("vector", "aligned", "position", "path", "variant_id", "number", "feeds", "words")
    for value in ("x", ("a", "b"), 7.0):
        own = {**rows[0].product.attributes, **dict.fromkeys(names, value)}
        given = replace(shop, folder=shop.folder / f"{type(value).__name__}")
        given.index([with_product(rows[0], attributes=own), *rows[1:4]])
        assert verify(given).sound
        assert given.ids(Query(prompt="sofa", where="position IS NOT NULL")) == [rows[0].product.id]
        repair(given)
        given.index([with_product(rows[0], attributes=own), *rows[1:3]], sync=True)
        assert verify(given).sound


def one(shop: Shop, pattern: str) -> Path:
    """The file of the current version that fits a pattern."""
    names = sorted(version_files(shop.folder, read_manifest(shop.folder)))
    return next(shop.folder / name for name in names if Path(name).match(pattern))


def flip(path: Path, place: int | None = None) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if place is None else place] ^= 0x10
    path.write_bytes(content)


def test_one_altered_byte_in_any_file_of_the_version_is_found_and_the_file_named(
    shop: Shop,
) -> None:
    assert verify(shop).sound
    manifest = read_manifest(shop.folder)
    files = version_files(shop.folder, manifest)
    kinds = {name.split("/")[-2] if "_indices" not in name else "_indices" for name in files}
    assert {"alignments", "data", "_deletions", "_indices", "_versions"} <= kinds
    for name in files:
        path = shop.folder / name
        content = path.read_bytes()
        flip(path)
        assert list(verify(shop).damaged) == [name]
        path.unlink()
        assert verify(shop).damaged == {name: "is missing"}
        path.write_bytes(content)
    assert verify(shop).sound


def test_a_sound_catalog_is_left_alone(shop: Shop) -> None:
    before = (shop.folder / "manifest.json").read_bytes()
    summary = repair(shop)
    assert (summary.done, summary.lost, summary.version) == ((), (), 2)
    assert (shop.folder / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    "pattern",
    ["*/_indices/*/part_0_tokens.lance", "*/_indices/*/page_data.lance", "*/_transactions/*"],
)
def test_what_follows_from_the_rows_is_made_anew_and_answers_stay(
    shop: Shop, rows: list[FeedRow], pattern: str
) -> None:
    before = answers(shop, rows)
    one(shop, pattern).unlink()
    report = verify(shop)
    assert not report.sound
    assert report.cure is not None
    assert "no row is damaged" in report.cure
    shop.encoder.encoded = 0
    summary = repair(shop)
    assert (summary.version, summary.lost, shop.encoder.encoded) == (3, (), 0)
    assert verify(shop).sound
    assert answers(shop, rows) == before


def test_a_lost_alignment_is_fitted_anew(shop: Shop) -> None:
    one(shop, "alignments/*").unlink()
    with pytest.raises(CatalogDamagedError, match="catalog repair"):
        shop.search(Query(prompt="red sofa"))
    assert repair(shop).lost == ()
    assert verify(shop).sound
    assert shop.search(Query(prompt="red sofa", limit=3)).hits


@pytest.mark.parametrize("name", ["manifest.json", "products.lance/_versions", "_deletions"])
@pytest.mark.parametrize("change", [Path.unlink, flip])
def test_what_is_kept_twice_is_put_back_without_a_new_version(
    shop: Shop, rows: list[FeedRow], name: str, change: Callable[[Path], None]
) -> None:
    before = answers(shop, rows)
    manifest = read_manifest(shop.folder)
    path = shop.folder / name if name == "manifest.json" else one(shop, f"*{name}/*")
    content = path.read_bytes()
    change(path)
    assert not is_sound(shop)
    summary = repair(shop)
    assert (summary.lost, len(summary.done)) == ((), 1)
    assert path.read_bytes() == content
    assert read_manifest(shop.folder) == manifest
    assert verify(shop).sound
    assert answers(shop, rows) == before


def test_an_index_run_does_not_take_a_lost_manifest_for_an_empty_catalog(
    shop: Shop, rows: list[FeedRow]
) -> None:
    (shop.folder / "manifest.json").unlink()
    with pytest.raises(CatalogDamagedError, match="catalog repair"):
        shop.index(rows)
    assert repair(shop).lost == ()
    assert shop.index(rows[1:]).products_unchanged == 47


def test_a_manifest_of_which_one_letter_was_altered_is_refused(shop: Shop) -> None:
    path = shop.folder / "manifest.json"
    path.write_text(path.read_text().replace('"english"', '"finnish"'))
    with pytest.raises(CatalogDamagedError, match="not what was written"):
        read_manifest(shop.folder)
    repair(shop)
    assert read_manifest(shop.folder).language == "english"


def test_a_damaged_format_number_is_put_back_and_another_format_is_not(shop: Shop) -> None:
    path = shop.folder / "manifest.json"
    whole = path.read_text()
    path.write_text(whole.replace('"format_version":3', '"format_version":4'))
    assert repair(shop).lost == ()
    assert path.read_text() == whole
    other = whole.replace('"format_version":3', '"format_version":4')
    path.write_text(other.replace('"version":2', '"version":9'))
    with pytest.raises(CatalogFormatError, match="format version 4"):
        repair(shop)


def test_without_checksums_nothing_is_said_of_rows_that_nobody_can_know(shop: Shop) -> None:
    name = read_manifest(shop.folder).checksums
    assert name is not None
    (shop.folder / "checksums" / name).unlink()
    report = verify(shop)
    told = report.checks["checksums"]
    assert told is not None
    assert f"{name} is missing. " in told
    assert "Errno" not in told
    assert report.cure is not None
    assert "no row is damaged" not in report.cure
    assert "cannot be told without the checksums" in report.cure
    assert repair(shop).lost == ()
    assert verify(shop).sound


def test_altered_checksums_are_told_and_written_anew(shop: Shop) -> None:
    name = read_manifest(shop.folder).checksums
    assert name is not None
    flip(shop.folder / "checksums" / name)
    report = verify(shop)
    assert list(report.damaged) == [f"checksums/{name}"]
    assert repair(shop).lost == ()
    assert verify(shop).sound


def test_vectors_in_a_damaged_file_are_encoded_anew_from_the_photos(
    shop: Shop, rows: list[FeedRow]
) -> None:
    before = answers(shop, rows)
    shop.encoder.encoded = 0
    for name in version_files(shop.folder, read_manifest(shop.folder)):
        if name.startswith("photos.lance/data/"):
            content = (shop.folder / name).read_bytes()
            flip(shop.folder / name, len(content) // 3)
    summary = repair(shop)
    assert verify(shop).sound
    assert shop.encoder.encoded > 0
    if not summary.lost:
        assert answers(shop, rows) == before


def test_a_product_whose_words_were_altered_is_named_and_brought_back_by_the_feed(
    shop: Shop, rows: list[FeedRow]
) -> None:
    for name in version_files(shop.folder, read_manifest(shop.folder)):
        path = shop.folder / name
        if name.startswith("products.lance/data/"):
            path.write_bytes(path.read_bytes().replace(b"renamed thing", b"renamed thong"))
    summary = repair(shop)
    assert any("p0" in lost and "furniture-prompter index" in lost for lost in summary.lost)
    assert verify(shop).sound
    assert read_manifest(shop.folder).products == 48
    renamed = with_product(rows[0], title="renamed thing")
    assert shop.index([renamed, *rows[1:]]).products_updated == 1
    assert shop.ids(Query(prompt="renamed thing", limit=1)) == ["p0"]


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (CatalogMismatchError("another build"), "--catalog NEW-FOLDER`"),
        (EncoderNotFoundError("gone"), "--encoder FOLDER`"),
    ],
)
def test_lost_products_come_with_a_cure_that_the_encoder_in_use_allows(
    shop: Shop, error: Exception, cure: str
) -> None:
    def refused() -> EncoderCard:
        raise error

    for name in version_files(shop.folder, read_manifest(shop.folder)):
        path = shop.folder / name
        if name.startswith("products.lance/data/"):
            path.write_bytes(path.read_bytes().replace(b"renamed thing", b"renamed thong"))
    encoders = CatalogEncoders(refused, lambda: shop.encoder, lambda: shop.prompt_encoder)
    summary = asyncio.run(repair_catalog(shop.folder, lambda _: encoders, shop.settings))
    assert any("p0" in lost and cure in lost for lost in summary.lost)
    assert verify(shop).sound


def test_where_no_row_can_be_read_nothing_is_changed_and_the_cure_is_named(shop: Shop) -> None:
    for name in version_files(shop.folder, read_manifest(shop.folder)):
        if name.startswith("products.lance/data/"):
            (shop.folder / name).write_bytes(b"")
    before = (shop.folder / "manifest.json").read_bytes()
    with pytest.raises(CatalogDamagedError, match="furniture-prompter index FEED"):
        repair(shop)
    assert (shop.folder / "manifest.json").read_bytes() == before


def test_a_repair_that_cannot_commit_leaves_the_version_that_was_there(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    one(shop, "*/_indices/*/part_0_tokens.lance").unlink()
    before = (shop.folder / "manifest.json").read_bytes()

    def full(*_: object) -> None:
        raise CatalogWriteError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr("furniture_prompter.catalog.writer.write_manifest", full)
        with pytest.raises(CatalogWriteError):
            repair(shop)
    assert (shop.folder / "manifest.json").read_bytes() == before
    assert repair(shop).lost == ()
    assert verify(shop).sound


@pytest.mark.parametrize("name", ["uploads", "alignments", "checksums", ".writer.lock"])
def test_what_lies_in_a_wrong_place_is_told_with_what_to_do_by_hand(
    shop: Shop, rows: list[FeedRow], name: str
) -> None:
    path = shop.folder / name
    if name == ".writer.lock":
        path.unlink(missing_ok=True)
        path.mkdir()
    else:
        shutil.rmtree(path, ignore_errors=True)
        path.write_bytes(b"x")
    report = verify(shop)
    assert str(report.checks["places"]).startswith(f"{name} is a ")
    assert str(report.cure).startswith("Move what lies in a wrong place out")
    if name == "uploads":
        summary = repair(shop)
        assert summary.version == 2
        assert "by hand" in summary.lost[-1]
        with pytest.raises(CatalogWriteError, match=r"uploads is a file.* Move it"):
            spool_in(shop.folder).__enter__()
    else:
        with pytest.raises(CatalogWriteError, match=r"belongs there. Move it out"):
            repair(shop)
    path.rmdir() if path.is_dir() else path.unlink()
    repair(shop)
    assert verify(shop).sound
    assert shop.index([with_product(rows[1], title="another")]).products == 48


def test_a_manifest_that_is_a_folder_is_told_with_what_to_do_by_hand(shop: Shop) -> None:
    path = shop.folder / "manifest.json"
    path.unlink()
    path.mkdir()
    with pytest.raises(CatalogWriteError, match=r"manifest.json is a folder.* Move it out"):
        repair(shop)
    path.rmdir()
    assert repair(shop).lost == ()
    assert verify(shop).sound


@pytest.mark.parametrize("name", ["tags/a.json", "branches/a.json"])
@pytest.mark.parametrize("content", [b"g", b"{}"])
def test_a_reference_that_keeps_lance_from_clearing_up_is_found_and_removed(
    shop: Shop, rows: list[FeedRow], name: str, content: bytes
) -> None:
    path = shop.folder / "photos.lance" / "_refs" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    report = verify(shop)
    assert f"photos.lance/_refs/{name}" in str(report.checks["references"])
    assert "catalog repair" in str(report.cure)
    assert repair(shop).lost == ()
    assert verify(shop).sound
    assert shop.index([with_product(rows[1], title="another")]).version == 3


def test_a_catalog_from_before_checksums_opens_and_is_read_whole(
    shop: Shop, rows: list[FeedRow]
) -> None:
    before = answers(shop, rows)
    write_manifest(shop.folder, replace(read_manifest(shop.folder), checksums=None, kept=()))
    shutil.rmtree(shop.folder / "checksums")
    assert '"checksums"' not in (shop.folder / "manifest.json").read_text()
    assert answers(shop, rows) == before
    report = verify(shop)
    assert report.sound
    assert any("catalog optimize" in note for note in report.notes)
    for pattern, check in (
        ("*/_indices/*/part_0_tokens.lance", "indexes"),
        ("*/_indices/*/page_data.lance", "indexes"),
        ("alignments/*", "alignment"),
        ("photos.lance/data/*", "tables"),
    ):
        path = one(shop, pattern)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        assert verify(shop).checks[check] is not None
        path.write_bytes(content)
    asyncio.run(optimize_catalog(shop.folder, 100_000, 600.0, 0))
    report = verify(shop)
    assert (report.sound, report.notes, report.checks["files"]) == (True, (), None)


def test_a_commit_does_not_read_immutable_files_of_the_previous_version_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    real = sha256_of

    def counting(path: Path) -> str:
        hashed.append(path.relative_to(shop.folder).as_posix())
        return real(path)

    monkeypatch.setattr(integrity, "sha256_of", counting)
    manifest = read_manifest(shop.folder)
    files = version_files(shop.folder, manifest)
    immutable = {name for name in files if name.split("/")[1] in ("data", "_deletions", "_indices")}
    again = integrity.with_checksums(shop.folder, manifest, manifest)
    assert sorted(hashed) == sorted(files - immutable)
    hashed.clear()
    anew = integrity.with_checksums(shop.folder, manifest, None)
    assert sorted(hashed) == sorted(files)
    assert again == anew


def test_photos_that_name_products_which_are_gone_are_one_clear_error(
    shop: Shop, rows: list[FeedRow]
) -> None:
    async def lose_a_row() -> int:
        table = await (await lancedb.connect_async(shop.folder)).open_table("products")
        await table.delete("id = 'p7'")
        return await table.version()

    manifest = read_manifest(shop.folder)
    tables = {**manifest.tables, "products": asyncio.run(lose_a_row())}
    write_manifest(shop.folder, replace(manifest, tables=tables))
    photo = np.asarray(Image.open(rows[7].images[0]).convert("RGB"))
    with pytest.raises(CatalogDamagedError, match="catalog verify"):
        shop.search(Query(photo=photo))
    assert not verify(shop).sound


def test_an_altered_upload_is_named_and_a_moved_photo_of_the_shops_is_a_note(
    shop: Shop, rows: list[FeedRow], tmp_path: Path
) -> None:
    content = rows[0].images[0].read_bytes()
    upload = shop.folder / "uploads" / f"{hashlib.sha256(content).hexdigest()}.png"
    upload.parent.mkdir()
    upload.write_bytes(content)
    moved = tmp_path / "moved.png"
    draw_product("red", "sofa", 99).save(moved)
    shop.index([replace(rows[0], images=(upload,)), replace(rows[1], images=(moved,))])
    moved.unlink()
    report = verify(shop)
    assert report.sound
    assert any(note.startswith("1 photos are no longer") for note in report.notes)
    flip(upload)
    report = verify(shop)
    assert report.checks["uploads"] == f"uploads/{upload.name} was altered."
    assert report.cure is not None
    assert "again" in report.cure
    before = (shop.folder / "manifest.json").read_bytes()
    assert any(upload.name in lost for lost in repair(shop).lost)
    assert (shop.folder / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("name", ["PanicException", "RustPanic"])
def test_a_panic_of_the_storage_engine_is_a_damaged_catalog(name: str) -> None:
    # As pyo3 and its bridge to asyncio name them; the first is no Exception.
    panic = type(name, (BaseException,), {})
    with pytest.raises(CatalogDamagedError, match="called `unwrap`"), reading(Path("shop")):
        raise panic("called `unwrap` on nothing")
    with pytest.raises(KeyboardInterrupt), reading(Path("shop")):
        raise KeyboardInterrupt
