"""Catalogs in object storage: pushed, pulled, raced for, cut short, followed by a server."""

import asyncio
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import obstore
import pytest
from PIL import Image
from starlette.testclient import TestClient
from typer.testing import CliRunner, Result

from furniture_prompter import assembly, timing
from furniture_prompter.assembly import remote_catalogs
from furniture_prompter.catalog import folding, pushing
from furniture_prompter.catalog.history import catalog_versions
from furniture_prompter.catalog.manifest import read_manifest
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.upkeep import verify_catalog
from furniture_prompter.cli.main import app
from furniture_prompter.domain import FeedRow, PullSummary, PushSummary, Query
from furniture_prompter.encoders.protocols import PromptEncoder
from furniture_prompter.errors import (
    CatalogBusyError,
    CatalogDamagedError,
    CatalogFormatError,
    CatalogStoreError,
)
from furniture_prompter.search.validation import find_photo
from furniture_prompter.settings import ServeSettings, Settings
from furniture_prompter.web.app import create_app
from furniture_prompter.web.services import VersionedCatalog
from furniture_prompter.web.telemetry import Metrics
from tests.fakes import make_rows, with_product
from tests.integration.conftest import Shop
from tests.object_store import BUCKET, ObjectStore

ROOT = Path(__file__).parents[2]
ADDRESS = f"s3://{BUCKET}/furniture/oak"
BELOW = "furniture/oak"
DAY_S = 86_400.0
FEW = 8
EVERYTHING = Query(prompt="chair", where="price >= 0", limit=100)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with ObjectStore() as running:
        yield running


@pytest.fixture
def settings(store: ObjectStore, tmp_path: Path) -> Settings:
    return Settings(
        store_endpoint=store.url,
        store_timeout_s=5,
        store_attempts=2,
        catalog_cache=tmp_path / "cache",
        stage_photos=8,
    )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """A clock that is ahead by what a test says."""
    ahead = {"s": 0.0}
    monkeypatch.setattr(timing, "_clock", lambda: time.time() + ahead["s"])
    return ahead


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[FeedRow]:
    return make_rows(tmp_path_factory.mktemp("remote") / "photos", FEW)


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, rows: list[FeedRow], prompt_encoder: PromptEncoder
) -> Path:
    shop = Shop(tmp_path_factory.mktemp("made") / "catalog", prompt_encoder)
    shop.index(rows[:-1])
    return shop.folder


@pytest.fixture
def indexed(shop: Shop, made: Path, settings: Settings) -> Shop:
    shop.settings = settings
    shutil.copytree(made, shop.folder)
    return shop


def push(shop: Shop, *, replaced: bool = False) -> PushSummary:
    return assembly.push(shop.folder, ADDRESS, replace=replaced, settings=shop.settings)


def pull(shop: Shop, folder: Path) -> PullSummary:
    return assembly.pull(ADDRESS, folder, settings=shop.settings)


def at(shop: Shop, folder: Path) -> Shop:
    return replace(shop, folder=folder)


def titles(shop: Shop) -> dict[str, str]:
    return {hit.product.id: hit.product.title for hit in shop.search(EVERYTHING).hits}


def retitled(shop: Shop, rows: list[FeedRow], title: str) -> None:
    shop.index([with_product(rows[0], title=title)])


def head_of(store: ObjectStore) -> dict[str, object]:
    raw = json.loads(store.objects[f"{BELOW}/head.json"])
    assert isinstance(raw, dict)
    return raw


def current_of(store: ObjectStore) -> tuple[int, str]:
    """Generation and hash of the list that the head names."""
    listed = head_of(store)["list"]
    assert isinstance(listed, list)
    return int(listed[0]), str(listed[2])


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_copy_answers_as_its_catalog_does_and_has_its_pictures(
    shop: Shop, settings: Settings, tmp_path: Path
) -> None:
    shop.settings, indexed = settings, shop
    indexed.index(make_rows(tmp_path / "photos", 3))
    pushed = push(indexed)
    assert (pushed.version, pushed.changed, pushed.notes) == (1, True, ())
    copied = pull(indexed, tmp_path / "copy")
    assert (copied.version, copied.changed, copied.objects) == (1, True, pushed.objects - 1)
    # Whatever else that machine has is not there.
    shutil.rmtree(tmp_path / "photos")
    shutil.move(indexed.folder, tmp_path / "elsewhere")
    copy = at(indexed, tmp_path / "copy")
    assert titles(copy) == titles(at(indexed, tmp_path / "elsewhere"))
    report = asyncio.run(verify_catalog(copy.folder))
    assert report.sound
    assert not report.notes

    async def picture() -> Path:
        reader = await CatalogReader.open(copy.folder)
        photo = (await reader.all_photos()).ids[0]
        return await find_photo(reader, photo)

    assert asyncio.run(picture()).parent == copy.folder / "uploads"


def test_only_what_is_new_is_sent_and_copied(
    indexed: Shop, rows: list[FeedRow], tmp_path: Path, store: ObjectStore
) -> None:
    push(indexed)
    pull(indexed, tmp_path / "copy")
    assert (push(indexed).changed, pull(indexed, tmp_path / "copy").changed) == (False, False)
    retitled(indexed, rows, "another")
    store.asked.clear()
    sent = push(indexed)
    assert not any("/uploads" in key for _, key in store.asked)
    # The list of photos is the one that is there.
    assert 0 < sent.objects < 40
    copied = pull(indexed, tmp_path / "copy")
    assert copied.objects == sent.objects
    assert titles(at(indexed, tmp_path / "copy"))[rows[0].product.id] == "another"


def test_who_reads_a_copy_reads_on_until_the_grace_time_is_over(
    indexed: Shop,
    rows: list[FeedRow],
    tmp_path: Path,
    store: ObjectStore,
    clock: dict[str, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Every change is folded, so that files of rows are replaced.
    monkeypatch.setattr(folding, "LOOSE_ROWS", 0)
    copy = at(indexed, tmp_path / "copy")
    push(indexed)
    pull(indexed, copy.folder)
    first_files, first_objects = files_below(copy.folder), set(store.objects)

    async def both() -> tuple[set[str], set[str]]:
        before = await copy.open()
        retitled_in_thread = asyncio.to_thread(retitled, indexed, rows, "another")
        await retitled_in_thread
        await asyncio.to_thread(push, indexed)
        await asyncio.to_thread(pull, indexed, copy.folder)
        after = await copy.open()
        found = [await each.search(EVERYTHING) for each in (before, after)]
        return tuple({hit.product.title for hit in result.hits} for result in found)  # type: ignore[return-value]  # two

    old, new = asyncio.run(both())
    assert "another" in new
    assert "another" not in old
    mutable = {"manifest.json", "versions.jsonl", ".writer.lock"}
    assert {each for each in first_files if not each.startswith(".copied")} - files_below(
        copy.folder
    ) <= mutable
    assert first_objects <= set(store.objects) | {f"{BELOW}/head.json"}
    clock["s"] += DAY_S
    retitled(indexed, rows, "a third")
    deleted = push(indexed).deleted
    assert deleted > 0
    pull(indexed, copy.folder)
    clock["s"] += DAY_S
    pull(indexed, copy.folder)
    assert titles(copy)[rows[0].product.id] == "a third"
    assert asyncio.run(verify_catalog(copy.folder)).sound
    gone = first_files - files_below(copy.folder)
    assert any(name.startswith("products.lance/data/") for name in gone)


def test_what_killed_pushes_left_goes_with_the_version_that_followed(
    indexed: Shop, rows: list[FeedRow], store: ObjectStore, clock: dict[str, float]
) -> None:
    push(indexed)
    retitled(indexed, rows, "never pushed")
    store.on_request = lambda method, key: (
        403 if (method, key) == ("PUT", f"{BELOW}/head.json") else None
    )
    with pytest.raises(CatalogStoreError):
        push(indexed)
    store.on_request = lambda _method, _key: None
    left = {key for key in store.objects if "/2/" in key or "lists/2-" in key}
    retitled(indexed, rows, "pushed")
    push(indexed)
    for title in ("third", "fourth", "fifth"):
        clock["s"] += DAY_S
        retitled(indexed, rows, title)
        push(indexed)
    assert left
    # What the version before the last names is there for another while.
    named = {f"{BELOW}/head.json"}
    head = head_of(store)
    for generation, _, sha256 in [head["list"], head["earlier"][-1][:3]]:  # type: ignore[index]
        key = f"{BELOW}/lists/{generation}-{sha256}.json"
        listed = json.loads(store.objects[key])
        photos = listed["photos"]
        named |= {key, f"{BELOW}/objects/{photos[2]}/{photos[1]}"}
        inside = json.loads(store.objects[f"{BELOW}/objects/{photos[2]}/{photos[1]}"])["files"]
        for _, digest, made in [*listed["files"].values(), *inside.values()]:
            named.add(f"{BELOW}/objects/{made}/{digest}")
    assert set(store.objects) == named


def test_a_clearing_up_that_was_cut_short_is_ended_by_the_next(
    indexed: Shop, rows: list[FeedRow], store: ObjectStore, clock: dict[str, float]
) -> None:
    push(indexed)
    retitled(indexed, rows, "second")
    push(indexed)
    clock["s"] += DAY_S
    retitled(indexed, rows, "third")
    store.on_request = lambda method, key: 403 if method == "POST" else None
    told = push(indexed)
    assert told.deleted == 0
    assert "could not be deleted" in told.notes[0]
    store.on_request = lambda _method, _key: None
    retitled(indexed, rows, "fourth")
    assert push(indexed).deleted > 0


def test_of_two_pushes_at_once_one_is_refused_and_overwrites_nothing(
    indexed: Shop, rows: list[FeedRow], tmp_path: Path, store: ObjectStore
) -> None:
    push(indexed)
    other = at(indexed, tmp_path / "other")
    pull(indexed, other.folder)
    retitled(indexed, rows, "slower")
    retitled(other, rows, "quicker")

    def interrupt(method: str, key: str) -> None:
        if (method, key) == ("PUT", f"{BELOW}/head.json"):
            store.on_request = lambda _method, _key: None
            push(other)

    store.on_request = interrupt
    with pytest.raises(CatalogBusyError, match="was quicker"):
        push(indexed)
    pull(indexed, tmp_path / "copy")
    assert titles(at(indexed, tmp_path / "copy"))[rows[0].product.id] == "quicker"
    # Again it is another's catalog that lies there.
    with pytest.raises(CatalogBusyError, match="does not come from"):
        push(indexed)


def test_a_push_whose_answer_was_lost_knows_its_own_head(
    indexed: Shop, rows: list[FeedRow], store: ObjectStore
) -> None:
    push(indexed)
    retitled(indexed, rows, "second")
    store.lost.add(f"{BELOW}/head.json")
    assert push(indexed).version == 2
    assert head_of(store)["version"] == 2


def test_a_copy_can_become_the_one_that_is_written_and_go_back(
    indexed: Shop, rows: list[FeedRow], tmp_path: Path
) -> None:
    push(indexed)
    copy = at(indexed, tmp_path / "copy")
    pull(indexed, copy.folder)
    retitled(copy, rows, "by the copy")
    with pytest.raises(CatalogFormatError, match="was written since"):
        pull(indexed, copy.folder)
    push(copy)
    assert pull(indexed, indexed.folder).changed
    assert titles(indexed)[rows[0].product.id] == "by the copy"
    retitled(indexed, rows, "by the first again")
    assert push(indexed).version == 3


def test_a_folder_that_was_pushed_keeps_what_it_can_roll_back_to(
    indexed: Shop, rows: list[FeedRow], tmp_path: Path, clock: dict[str, float]
) -> None:
    push(indexed)
    retitled(indexed, rows, "second")
    push(indexed)
    other = at(indexed, tmp_path / "other")
    pull(indexed, other.folder)
    retitled(other, rows, "third, by the other")
    push(other)
    pull(indexed, indexed.folder)
    clock["s"] += 40 * DAY_S
    pull(indexed, indexed.folder)
    kept = [each.version for each in catalog_versions(indexed.folder) if each.kept]
    assert kept == [1, 2, 3]
    assert asyncio.run(verify_catalog(indexed.folder)).sound
    assembly.rollback(indexed.folder, 2, settings=indexed.settings)
    assert "second" in titles(indexed).values()


def test_another_catalog_takes_the_place_only_when_told_to(
    indexed: Shop, rows: list[FeedRow], tmp_path: Path
) -> None:
    push(indexed)
    copy, other = at(indexed, tmp_path / "copy"), at(indexed, tmp_path / "other")
    pull(indexed, copy.folder)
    followed = remote_catalogs.local_folder(ADDRESS, indexed.settings)
    other.index([with_product(rows[0], title="of the other")])
    with pytest.raises(CatalogBusyError, match="--replace"):
        push(other)
    push(other, replaced=True)
    with pytest.raises(CatalogFormatError, match="another catalog"):
        pull(indexed, copy.folder)
    replaced = remote_catalogs.local_folder(ADDRESS, indexed.settings)
    assert replaced != followed
    assert titles(at(indexed, replaced)) == titles(other)
    # Whoever has the old one open goes on.
    assert titles(at(indexed, followed)) == titles(copy)


def test_a_folder_of_other_things_is_left_alone(
    indexed: Shop, rows: list[FeedRow], tmp_path: Path
) -> None:
    push(indexed)
    with pytest.raises(CatalogFormatError, match="other things"):
        pull(indexed, rows[0].images[0].parent)
    other = at(indexed, tmp_path / "other")
    other.index(rows[:1])
    with pytest.raises(CatalogFormatError, match="no copy"):
        pull(indexed, other.folder)
    assert read_manifest(other.folder).version == 1


def test_a_store_that_heeds_no_conditions_is_refused(indexed: Shop, store: ObjectStore) -> None:
    store.honours_conditions = False
    with pytest.raises(CatalogStoreError, match="If-None-Match"):
        push(indexed)
    assert f"{BELOW}/head.json" not in store.objects


def test_a_copy_that_was_cut_short_is_not_opened_and_is_taken_up(
    indexed: Shop, rows: list[FeedRow], tmp_path: Path, store: ObjectStore
) -> None:
    copy = at(indexed, tmp_path / "copy")
    push(indexed)
    pull(indexed, copy.folder)
    retitled(indexed, rows, "another")
    sent = push(indexed)
    store.asked.clear()
    store.on_request = lambda _, key: (
        403 if "/objects/" in key and store.count("GET", "/objects/") > sent.objects // 2 else None
    )
    with pytest.raises(CatalogStoreError, match="may not be read"):
        pull(indexed, copy.folder)
    assert "another" not in titles(copy).values()
    store.on_request = lambda _method, _key: None
    rest = pull(indexed, copy.folder)
    assert 0 < rest.objects < sent.objects
    assert "another" in titles(copy).values()


def test_a_file_that_breaks_off_goes_on_where_it_was(
    indexed: Shop, tmp_path: Path, store: ObjectStore
) -> None:
    push(indexed)
    store.cut = 1_500
    pull(
        replace(indexed, settings=indexed.settings.model_copy(update={"store_attempts": 20})),
        tmp_path / "copy",
    )
    assert asyncio.run(verify_catalog(tmp_path / "copy")).sound


def test_many_files_and_a_large_one_arrive_as_they_were_sent(
    shop: Shop,
    settings: Settings,
    tmp_path: Path,
    store: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Files of the tables go the way of large ones.
    monkeypatch.setattr(pushing, "_SMALL_BYTES", 1_000)
    rows = make_rows(tmp_path / "photos", 150)
    noise = np.random.default_rng(5).integers(0, 255, (1_900, 1_900, 3), np.uint8)
    Image.fromarray(noise).save(rows[0].images[0], compress_level=0)
    shop.settings = settings
    shop.index(rows)
    sent = push(shop)
    assert max(map(len, store.objects.values())) > 10_000_000
    assert sent.objects > 150
    # The head is the one object that is no part of the version.
    assert sent.objects + 2 == len(store.objects)
    copied = pull(shop, tmp_path / "copy")
    assert (copied.objects, copied.bytes) == (
        sent.objects - 1,
        sum(len(each) for key, each in store.objects.items() if "/objects/" in key)
        - len(photo_list_of(store)),
    )
    report = asyncio.run(verify_catalog(tmp_path / "copy"))
    assert (report.sound, report.notes) == (True, ())


def photo_list_of(store: ObjectStore) -> bytes:
    generation, sha256 = current_of(store)
    listed = json.loads(store.objects[f"{BELOW}/lists/{generation}-{sha256}.json"])
    photos = listed["photos"]
    return store.objects[f"{BELOW}/objects/{photos[2]}/{photos[1]}"]


def test_who_pulls_while_others_push_gets_whole_versions_and_the_last_one_in_the_end(
    indexed: Shop, rows: list[FeedRow], tmp_path: Path
) -> None:
    push(indexed)
    copy = at(indexed, tmp_path / "copy")
    turns = 8

    def pushes() -> None:
        for turn in range(1, turns + 1):
            retitled(indexed, rows, f"turn {turn}")
            push(indexed)

    seen: list[int] = []
    with ThreadPoolExecutor(1) as other:
        pushing_on = other.submit(pushes)
        while not pushing_on.done():
            seen.append(pull(copy, copy.folder).version)
            title = titles(copy)[rows[0].product.id]
            assert title == (rows[0].product.title if seen[-1] == 1 else f"turn {seen[-1] - 1}")
        pushing_on.result()
    assert seen == sorted(seen)
    assert len(set(seen)) > 2
    assert pull(copy, copy.folder).version == turns + 1
    assert titles(copy)[rows[0].product.id] == f"turn {turns}"
    assert asyncio.run(verify_catalog(copy.folder)).sound


def test_a_version_that_goes_while_it_is_copied_is_left_for_the_next(
    indexed: Shop,
    rows: list[FeedRow],
    tmp_path: Path,
    store: ObjectStore,
    clock: dict[str, float],
) -> None:
    push(indexed)
    retitled(indexed, rows, "second")
    push(indexed)
    copy = at(indexed, tmp_path / "copy")

    def replaced_meanwhile(_method: str, key: str) -> None:
        if "/lists/" in key:
            store.on_request = lambda _method, _key: None
            clock["s"] += DAY_S
            for title in ("third", "fourth"):
                retitled(indexed, rows, title)
                push(indexed)
                clock["s"] += DAY_S

    store.on_request = replaced_meanwhile
    assert pull(indexed, copy.folder).version == 4
    assert titles(copy)[rows[0].product.id] == "fourth"
    assert asyncio.run(verify_catalog(copy.folder)).sound
    assert read_manifest(copy.folder).version == 4


def test_lists_of_former_pushes_do_not_gather(indexed: Shop, rows: list[FeedRow]) -> None:
    for title in ("second", "third"):
        push(indexed)
        retitled(indexed, rows, title)
    kept = [path.name for path in (indexed.folder / ".copied").iterdir()]
    assert sorted(kept) == ["2.files.json", "2.photos.json", "state.json"]


@pytest.mark.parametrize("change", ["altered", "longer", "gone"])
def test_an_object_that_is_not_what_was_pushed_is_never_shown(
    indexed: Shop, tmp_path: Path, store: ObjectStore, change: str
) -> None:
    push(indexed)
    key = max(
        (each for each in store.objects if "/objects/" in each),
        key=lambda each: len(store.objects[each]),
    )
    content = store.objects.pop(key)
    if change != "gone":
        store.objects[key] = b"?" + content[1:] if change == "altered" else content + b"?"
    with pytest.raises(CatalogStoreError):
        pull(indexed, tmp_path / "copy")
    assert not (tmp_path / "copy" / "manifest.json").exists()


def key_of(store: ObjectStore, what: str) -> str:
    """The object of an address that is its head, the list, the photos' list, a file, a photo."""
    generation, sha256 = current_of(store)
    key = f"{BELOW}/lists/{generation}-{sha256}.json"
    listed = json.loads(store.objects[key])
    data = next(each for name, each in listed["files"].items() if "/data/" in name)
    photos = f"{BELOW}/objects/{listed['photos'][2]}/{listed['photos'][1]}"
    photo = next(iter(json.loads(store.objects[photos])["files"].values()))
    return {
        "head": f"{BELOW}/head.json",
        "list": key,
        "photos": photos,
        "file": f"{BELOW}/objects/{data[2]}/{data[1]}",
        "photo": f"{BELOW}/objects/{photo[2]}/{photo[1]}",
    }[what]


@pytest.mark.parametrize(
    ("what", "change", "is_newer"),
    [
        ("head", "altered", True),
        ("head", "huge", False),
        ("list", "altered", False),
        ("list", "gone", True),
        ("photos", "altered", True),
        ("photos", "gone", False),
        ("file", "altered", True),
        ("photo", "gone", False),
    ],
)
def test_a_push_that_replaces_mends_whatever_is_broken(
    indexed: Shop,
    rows: list[FeedRow],
    tmp_path: Path,
    store: ObjectStore,
    clock: dict[str, float],
    what: str,
    change: str,
    is_newer: bool,
) -> None:
    push(indexed)
    key = key_of(store, what)
    content = store.objects.pop(key)
    if change != "gone":
        store.objects[key] = b"?" * 9_000_000 if change == "huge" else b"?" + content[1:]
    with pytest.raises(CatalogStoreError):
        pull(indexed, tmp_path / "copy")
    if is_newer:
        retitled(indexed, rows, "newer")
    assert push(indexed, replaced=True).changed
    pull(indexed, tmp_path / "copy")
    assert asyncio.run(verify_catalog(tmp_path / "copy")).sound
    # What was there goes as what any push replaces does.
    for title in ("third", "fourth"):
        clock["s"] += DAY_S
        retitled(indexed, rows, title)
        pushed = push(indexed)
        assert not pushed.notes
    assert not [each for each in store.objects if "/1/" in each or "lists/1-" in each]


def relisted(store: ObjectStore, files: dict[str, list[object] | None], manifest: str = "") -> None:
    """Push by hand: the list with other files, and the next head."""
    head = head_of(store)
    generation, sha256 = current_of(store)
    listed = json.loads(store.objects[f"{BELOW}/lists/{generation}-{sha256}.json"])
    listed["files"] |= files
    listed["files"] = {name: row for name, row in listed["files"].items() if row is not None}
    content = json.dumps(listed).encode()
    digest = hashlib.sha256(content).hexdigest()
    store.objects[f"{BELOW}/lists/{generation + 1}-{digest}.json"] = content
    head["list"] = [generation + 1, len(content), digest]
    head["manifest"] = manifest or head["manifest"]
    store.objects[f"{BELOW}/head.json"] = json.dumps(head).encode()


@pytest.mark.parametrize(
    ("written", "said"),
    [('{"format_version": 99}', "newer release"), ("{}", "format version None"), ("<", "manifest")],
)
def test_a_version_that_cannot_be_opened_here_takes_no_copys_place(
    indexed: Shop, rows: list[FeedRow], tmp_path: Path, store: ObjectStore, written: str, said: str
) -> None:
    copy = at(indexed, tmp_path / "copy")
    push(indexed)
    pull(indexed, copy.folder)
    followed = remote_catalogs.local_folder(ADDRESS, indexed.settings)
    good = store.objects[f"{BELOW}/head.json"]
    content = written.encode()
    digest = hashlib.sha256(content).hexdigest()
    store.objects[f"{BELOW}/objects/2/{digest}"] = content
    relisted(store, {"manifest.json": [len(content), digest, 2]}, digest)
    with pytest.raises((CatalogFormatError, CatalogStoreError), match=said):
        pull(indexed, copy.folder)
    assert len(titles(copy)) == FEW - 1
    assert remote_catalogs.local_folder(ADDRESS, indexed.settings) == followed
    store.objects[f"{BELOW}/head.json"] = good
    assert not pull(indexed, copy.folder).changed
    retitled(indexed, rows, "another")
    # Whoever pushed by hand took a generation of which this push knows nothing.
    push(indexed)
    pull(indexed, copy.folder)
    assert "another" in titles(copy).values()


@pytest.mark.parametrize("part", ["products.lance/data/", "checksums/", "photos.lance/_versions/"])
def test_a_list_that_lacks_what_its_version_needs_is_refused(
    indexed: Shop, rows: list[FeedRow], tmp_path: Path, store: ObjectStore, part: str
) -> None:
    copy = at(indexed, tmp_path / "copy")
    push(indexed)
    pull(indexed, copy.folder)
    retitled(indexed, rows, "another")
    push(indexed)
    generation, sha256 = current_of(store)
    listed = json.loads(store.objects[f"{BELOW}/lists/{generation}-{sha256}.json"])["files"]
    relisted(store, {name: None for name in listed if name.startswith(part)})
    with pytest.raises(CatalogStoreError, match="which its list lacks"):
        pull(indexed, copy.folder)
    assert "another" not in titles(copy).values()
    with pytest.raises(CatalogStoreError, match="which its list lacks"):
        pull(indexed, tmp_path / "new")
    assert not (tmp_path / "new" / "manifest.json").exists()


def test_a_long_list_of_files_is_refused_before_it_is_parsed(
    indexed: Shop, tmp_path: Path, store: ObjectStore
) -> None:
    push(indexed)
    head = head_of(store)
    content = b'{"format":1,"files":{},"x":[' + b"[]," * 4_000_000 + b"[]]}"
    digest = hashlib.sha256(content).hexdigest()
    store.objects[f"{BELOW}/lists/1-{digest}.json"] = content
    head["list"] = [1, len(content), digest]
    store.objects[f"{BELOW}/head.json"] = json.dumps(head).encode()
    with pytest.raises(CatalogStoreError, match="larger than it may be"):
        pull(indexed, tmp_path / "copy")


def test_a_broken_head_is_replaced_only_where_it_is_still_that_one(
    indexed: Shop, store: ObjectStore
) -> None:
    push(indexed)
    head = f"{BELOW}/head.json"
    good, store.objects[head] = store.objects[head], b"<html>"
    with pytest.raises(CatalogStoreError, match="--replace"):
        push(indexed)

    def mended_meanwhile(method: str, key: str) -> None:
        if (method, key) == ("PUT", head):
            store.objects[head] = good

    store.on_request = mended_meanwhile
    with pytest.raises(CatalogBusyError, match="was quicker"):
        push(indexed, replaced=True)
    assert store.objects[head] == good


def test_a_damaged_catalog_is_not_pushed(indexed: Shop, store: ObjectStore) -> None:
    file = next((indexed.folder / "products.lance" / "data").iterdir())
    file.write_bytes(b"?" + file.read_bytes()[1:])
    with pytest.raises(CatalogDamagedError, match="was altered"):
        push(indexed)
    assert f"{BELOW}/head.json" not in store.objects


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_no_message_tells_a_key(indexed: Shop, store: ObjectStore, status: int) -> None:
    store.on_request = lambda _method, _key: status
    with pytest.raises(CatalogStoreError) as told:
        push(indexed)
    assert "AKIAEXAMPLE" not in f"{told.value} {told.value.__cause__}"
    assert "very-secret" not in str(told.value)
    assert "AWS_" in str(told.value) or status == 404


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE\n"),
        ("AWS_SECRET_ACCESS_KEY", "very-secret\r\n"),
        ("AWS_SESSION_TOKEN", "very-secret\n"),
        ("AWS_REGION", "eu-central-1\n"),
        ("AWS_ENDPOINT_URL", "minio"),
        ("AWS_ENDPOINT_URL", "http://"),
        ("AWS_ENDPOINT_URL", "http://:9000"),
        ("AWS_ENDPOINT_URL", "http://minio:x"),
        ("AWS_ENDPOINT_URL", " http://minio"),
        ("AWS_ENDPOINT_URL", "http://minio\n"),
    ],
)
def test_an_environment_that_does_not_fit_is_named_and_what_was_copied_is_searched(
    indexed: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    push(indexed)
    folder = remote_catalogs.local_folder(ADDRESS, indexed.settings)
    monkeypatch.setenv(name, value)
    if name == "AWS_ENDPOINT_URL":
        indexed.settings = indexed.settings.model_copy(update={"store_endpoint": None})
    with pytest.raises(CatalogStoreError, match=name) as told:
        pull(indexed, tmp_path / "copy")
    assert "very-secret" not in str(told.value)
    assert remote_catalogs.local_folder(ADDRESS, indexed.settings) == folder


def test_a_panic_of_the_client_is_a_sentence(
    indexed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PanicException(BaseException):  # its name there
        pass

    def panic(*_: object, **__: object) -> None:
        raise PanicException("AKIAEXAMPLE")

    monkeypatch.setattr(obstore, "get", panic)
    with pytest.raises(CatalogStoreError, match="AWS_") as told:
        push(indexed)
    assert "AKIAEXAMPLE" not in str(told.value)


def test_photos_that_changed_are_told_and_left_out(
    indexed: Shop, rows: list[FeedRow], tmp_path: Path
) -> None:
    photo = rows[0].images[0]
    content = photo.read_bytes()
    photo.write_bytes(b"another")
    try:
        assert "1 photos are no longer" in push(indexed).notes[0]
    finally:
        photo.write_bytes(content)
    pull(indexed, tmp_path / "copy")
    assert len(titles(at(indexed, tmp_path / "copy"))) == FEW - 1


# Who copies and who pushes, killed by the store at its request of a number.
PROCESS = """
import sys
from pathlib import Path
from furniture_prompter import assembly
what, folder, address = sys.argv[1:]
if what == "push":
    assembly.push(folder, address)
else:
    assembly.pull(address, folder)
"""


def kill_at(
    store: ObjectStore, process: "subprocess.Popen[bytes]", last: int, _method: str, _key: str
) -> None:
    if len(store.asked) >= last:
        process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("what", ["push", "pull"])
def test_a_process_that_is_killed_loses_no_version(
    indexed: Shop,
    rows: list[FeedRow],
    tmp_path: Path,
    store: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    # A version of few new files would be there before the second kill.
    monkeypatch.setattr(folding, "LOOSE_ROWS", 0)
    copy = at(indexed, tmp_path / "copy")
    push(indexed)
    pull(indexed, copy.folder)
    retitled(indexed, rows, "another")
    if what == "pull":
        push(indexed)
    monkeypatch.setenv("FURNITURE_PROMPTER_STORE_ENDPOINT", store.url)
    folder = indexed.folder if what == "push" else copy.folder
    for last in (6, 14):
        store.asked.clear()
        process = subprocess.Popen(
            [sys.executable, "-c", PROCESS, what, str(folder), ADDRESS], cwd=ROOT
        )
        store.on_request = partial(kill_at, store, process, last)
        assert process.wait(60) == -signal.SIGKILL
        store.on_request = lambda _method, _key: None
    pull(indexed, tmp_path / "third")
    for each in (copy, at(indexed, tmp_path / "third")):
        assert asyncio.run(verify_catalog(each.folder)).sound
    push(indexed)
    pull(indexed, copy.folder)
    assert titles(copy)[rows[0].product.id] == "another"


def test_a_server_follows_an_address_and_outlives_the_store(
    tmp_path: Path, settings: Settings, store: ObjectStore
) -> None:
    photos, catalog = tmp_path / "photos", tmp_path / "catalog"
    make_rows(photos, 2)
    assembly.index(photos, catalog, settings=settings)
    assembly.push(catalog, ADDRESS, settings=settings)
    serving = ServeSettings(
        **settings.model_dump(exclude_unset=True),
        catalog=Path(ADDRESS),
        catalog_poll_s=0.02,
        store_poll_s=0.02,
        threads=1,
    )
    metrics = Metrics()

    async def follow() -> list[int]:
        versions = VersionedCatalog(Path(ADDRESS), serving, metrics)
        await versions.start()
        seen = [versions.version]
        make_rows(photos, 4)
        await asyncio.to_thread(assembly.index, photos, catalog, settings=settings)
        await asyncio.to_thread(assembly.push, catalog, ADDRESS, settings=settings)
        async with asyncio.timeout(20):
            while versions.version == seen[-1]:
                await asyncio.sleep(0.01)
        seen.append(versions.version)
        store.on_request = lambda _method, _key: 403
        async with asyncio.timeout(20):
            while not metrics.catalog_failures._value.get():  # its value is not told otherwise
                await asyncio.sleep(0.01)
        async with versions.current() as opened:
            assert opened.search("chair").hits
        assert versions.is_copy
        await versions.close()
        # One that starts now serves what was copied.
        again = VersionedCatalog(Path(ADDRESS), serving, metrics)
        await again.start()
        seen.append(again.version)
        await again.close()
        return seen

    assert asyncio.run(follow()) == [1, 2, 2]


def test_a_search_by_address_copies_once_and_asks_one_object_after(
    tmp_path: Path, settings: Settings, store: ObjectStore, caplog: pytest.LogCaptureFixture
) -> None:
    photos, catalog = tmp_path / "photos", tmp_path / "catalog"
    make_rows(photos, 2)
    assembly.index(photos, catalog, settings=settings)
    assembly.push(catalog, ADDRESS, settings=settings)
    for _ in range(2):
        store.asked.clear()
        # A path folds the slashes of an address.
        with assembly.Catalog.open(Path(ADDRESS), settings=settings) as opened:
            assert len(opened.search("chair", limit=5).hits) == 2
    assert list(store.asked) == [("GET", f"{BELOW}/head.json")]
    store.on_request = lambda _method, _key: 403
    with assembly.Catalog.open(ADDRESS, settings=settings) as opened:
        assert opened.version == 1
    assert "what was copied before is searched" in caplog.text


def test_the_terminal_pushes_pulls_and_searches(
    indexed: Shop, tmp_path: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FURNITURE_PROMPTER_STORE_ENDPOINT", store.url)
    monkeypatch.setenv("FURNITURE_PROMPTER_CATALOG_CACHE", str(tmp_path / "cache"))

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, [*words])

    pushed = run("catalog", "push", ADDRESS, "--catalog", str(indexed.folder))
    assert pushed.exit_code == 0
    assert f"{ADDRESS}, version 1" in pushed.stdout
    again = run("catalog", "push", ADDRESS, "--catalog", str(indexed.folder), "--json")
    assert json.loads(again.stdout)["changed"] is False
    pulled = run("catalog", "pull", ADDRESS, "--catalog", str(tmp_path / "copy"), "--json")
    assert json.loads(pulled.stdout)["version"] == 1
    versions = run("catalog", "versions", "--catalog", ADDRESS, "--json")
    assert [each["version"] for each in json.loads(versions.stdout)] == [1]
    refused = run("catalog", "optimize", "--catalog", ADDRESS)
    assert refused.exit_code == 5
    wrong = run("catalog", "pull", "copy", "--catalog", str(tmp_path / "copy"))
    assert wrong.exit_code == 5
    assert "s3://BUCKET/PREFIX" in wrong.stderr


def test_without_the_extra_one_sentence_says_what_installs_it(
    indexed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("obstore", "obstore.store", "obstore.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(CatalogStoreError, match=r"needs obstore\. .*'\.\[s3\]'"):
        push(indexed)


def test_a_server_of_a_copy_writes_nothing(settings: Settings) -> None:
    serving = ServeSettings(**settings.model_dump(exclude_unset=True), catalog=Path(ADDRESS))
    asked = TestClient(create_app(serving), "http://127.0.0.1").put(
        "/v1/products/p0", json={"title": "x"}
    )
    assert asked.status_code == 403
    assert "push it from there" in asked.json()["error"]["message"]


def test_nothing_is_written_to_an_address(tmp_path: Path, settings: Settings) -> None:
    photos = tmp_path / "photos"
    make_rows(photos, 1)
    for write in (
        lambda: assembly.index(photos, Path(ADDRESS), settings=settings),
        lambda: assembly.rollback(Path(ADDRESS), settings=settings),
        lambda: assembly.push(Path(ADDRESS), ADDRESS, settings=settings),
    ):
        with pytest.raises(CatalogFormatError, match="catalog pull"):
            write()
