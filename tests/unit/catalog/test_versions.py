"""Versions of a catalog: which are kept, what is recorded of them, and how two differ."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from furniture_prompter.catalog import history
from furniture_prompter.catalog.columns import NUMBER, ROW_HASH
from furniture_prompter.catalog.differences import _changed
from furniture_prompter.catalog.history import (
    VERSIONS_FILE,
    _counted,
    _lines,
    catalog_versions,
    find_kept,
    kept_with,
    prune_checksums,
    record,
)
from furniture_prompter.catalog.manifest import (
    CHECKSUMS_FOLDER,
    AlignmentRecord,
    Kept,
    Manifest,
    write_manifest,
)
from furniture_prompter.domain import EncoderIdentity, Made
from furniture_prompter.errors import VersionNotKeptError

IDENTITY = EncoderIdentity("e", "a" * 64, 27, "cosine")
NOW = Manifest(
    version=5,
    created="2026-01-01T00:00:00+00:00",
    encoder=IDENTITY,
    prompt_encoder=IDENTITY,
    language="english",
    tables={"products": 4},
    columns={},
    products=2,
    photos=5,
    next_number=3,
    alignment=AlignmentRecord("now.npz", "f", 2, 0, "fitted"),
    vector_index=None,
    checksums="5.json",
    kept=(Kept(2, {"products": 1}, None, "2.json"), Kept(4, {"products": 3}, None, "4.json")),
)


RUN = Made(by="index", source="shop.csv", added=1)


def test_the_latest_versions_are_kept_as_many_as_are_wanted(tmp_path: Path) -> None:
    own = Kept(5, {"products": 4}, "now.npz", "5.json")
    assert kept_with(tmp_path, NOW, 5, RUN) == (*NOW.kept, own)
    assert kept_with(tmp_path, NOW, 3, RUN) == (*NOW.kept, own)
    assert kept_with(tmp_path, NOW, 2, RUN) == (NOW.kept[1], own)
    assert kept_with(tmp_path, NOW, 1, RUN) == (own,)
    assert kept_with(tmp_path, NOW, 0, RUN) == kept_with(tmp_path, None, 3, RUN) == ()
    assert kept_with(tmp_path, replace(NOW, checksums=None), 3, RUN) == NOW.kept


@pytest.mark.parametrize("by", ["optimize", "index"])
def test_a_version_with_the_same_products_takes_no_place(tmp_path: Path, by: str) -> None:
    assert kept_with(tmp_path, NOW, 5, Made(by=by, unchanged=2)) == NOW.kept


WRITE = Made(by="write", updated=1)


@pytest.mark.parametrize(
    ("before", "by_now", "keeps"),
    [
        ((RUN,), WRITE, True),
        ((WRITE,), WRITE, False),
        ((WRITE,), RUN, True),
        # What was learned, or found to be the same, stands for what it was learned of.
        ((WRITE, Made(by="learn", unchanged=2)), WRITE, False),
        ((RUN, Made(by="learn", unchanged=2)), WRITE, True),
        ((WRITE, Made(by="index", unchanged=2), Made(by="optimize")), WRITE, False),
        # Of a release that told nothing, and where the line is gone.
        ((None,), WRITE, True),
        ((None, Made(by="learn")), WRITE, True),
    ],
)
def test_of_writes_in_a_row_the_last_is_kept(
    tmp_path: Path, before: tuple[Made | None, ...], by_now: Made, keeps: bool
) -> None:
    for number, made in enumerate(before, start=1 + NOW.version - len(before)):
        now = replace(NOW, version=number, made=made)
        if number < NOW.version:
            record(tmp_path, now)
    assert (kept_with(tmp_path, now, 5, by_now) != NOW.kept) is keeps


def with_tables(folder: Path, *versions: int) -> Path:
    place = folder / "products.lance" / "_versions"
    place.mkdir(parents=True)
    for version in versions:
        (place / f"{version}.manifest").touch()
    return folder


def test_the_last_version_whose_data_is_there_is_returned_to(tmp_path: Path) -> None:
    folder = with_tables(tmp_path, 1, 3)
    assert find_kept(folder, NOW, None).version == 4
    assert find_kept(folder, NOW, 2).version == 2
    (folder / "products.lance" / "_versions" / "3.manifest").unlink()
    assert find_kept(folder, NOW, None).version == 2


@pytest.mark.parametrize(
    ("version", "told"),
    [
        (5, "Version 5 is the catalog's current one already. Kept beside it: 2, 4;"),
        (6, "never had a version 6: version 5 is current. Kept beside it: 2, 4;"),
        (0, "never had a version 0"),
        (-1, "never had a version -1"),
        (1, "The data of version 1 was deleted"),
        (3, "The data of version 3 was deleted"),
    ],
)
def test_a_version_that_is_not_kept_is_told_by_why(tmp_path: Path, version: int, told: str) -> None:
    with pytest.raises(VersionNotKeptError, match=told):
        find_kept(with_tables(tmp_path, 1, 3), NOW, version)


def test_a_catalog_without_former_versions_has_nothing_to_return_to(tmp_path: Path) -> None:
    with pytest.raises(
        VersionNotKeptError, match=r"no version before its .*No version before it is"
    ):
        find_kept(tmp_path, NOW, None)


def test_checksums_of_kept_versions_are_put_away_and_all_others_but_the_current_go(
    tmp_path: Path,
) -> None:
    place = tmp_path / CHECKSUMS_FOLDER
    (place / "kept").mkdir(parents=True)
    for name in ("1.json", "4.json", "5.json", "kept/1.json", "kept/2.json", "note.txt"):
        (place / name).write_text(name)
    prune_checksums(tmp_path, NOW)
    left = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    assert left == {"5.json", "kept/2.json", "kept/4.json", "note.txt"}
    prune_checksums(tmp_path, replace(NOW, kept=()))
    left = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    assert left == {"5.json", "note.txt"}


def versions_of(folder: Path) -> list[int]:
    return [line["version"] for line in _lines(folder / VERSIONS_FILE)]


def test_a_line_is_added_behind_a_torn_one_and_what_is_no_object_is_passed_over(
    tmp_path: Path,
) -> None:
    record(tmp_path, None)
    assert versions_of(tmp_path) == []
    record(tmp_path, NOW)
    path = tmp_path / VERSIONS_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    whole = path.read_bytes()
    path.write_bytes(whole + b'[1]\n"text"\n{"version": 6, "crea')
    record(tmp_path, replace(NOW, version=7))
    record(tmp_path, replace(NOW, version=8))
    assert versions_of(tmp_path) == [5, 7, 8]
    assert path.read_bytes().count(b"\n\n") == 0
    first = json.loads(whole)
    assert first == {
        "version": 5,
        "created": NOW.created,
        "products": 2,
        "photos": 5,
        "made": None,
    }


def test_of_a_file_that_is_too_long_the_later_half_of_the_lines_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(tmp_path, replace(NOW, version=10))
    line = (tmp_path / VERSIONS_FILE).stat().st_size
    for version in range(11, 16):
        record(tmp_path, replace(NOW, version=version))
    monkeypatch.setattr(history, "_LIMIT_BYTES", 6 * line)
    record(tmp_path, replace(NOW, version=16))
    assert versions_of(tmp_path) == list(range(10, 17))
    record(tmp_path, replace(NOW, version=17))
    assert versions_of(tmp_path) == [14, 15, 16, 17]


def hashes(**rows: str) -> pa.Table:
    return pa.table(
        {
            "id": pa.array(list(rows), pa.string()),
            ROW_HASH: pa.array(list(rows.values()), pa.string()),
        }
    )


def test_products_are_counted_from_one_table_to_another() -> None:
    before, after = hashes(a="1", b="1", c="1", d="1", e="1"), hashes(e="1", a="1", b="2", x="1")
    # Added, updated, removed, unchanged.
    assert _counted(before, after) == (1, 1, 2, 2)
    assert _counted(after, before) == (2, 1, 1, 2)
    assert _counted(before, before) == (0, 0, 0, 5)
    assert _counted(hashes(), after) == (4, 0, 0, 0)
    assert _counted(after, hashes()) == (0, 0, 4, 0)


OLD: dict[str, Any] = {
    NUMBER: 1,
    "id": "p",
    "title": "Chair",
    "price": 10.0,
    "photos": [("a", "a.png")],
}


def test_a_product_that_differs_in_nothing_that_is_seen_does_not_differ() -> None:
    assert _changed(OLD, OLD) is None
    assert _changed(OLD, {**OLD, NUMBER: 2}) is None


def test_a_product_differs_by_cells_and_by_photos() -> None:
    new = {**OLD, "price": 12.0, "color": "red", "photos": [("b", "b.png"), ("a", "a.png")]}
    found = _changed(OLD, new)
    assert found is not None
    assert (found.id, found.title, found.change) == ("p", "Chair", "changed")
    assert found.cells == {"price": (10.0, 12.0), "color": (None, "red")}
    assert (found.photos_added, found.photos_removed) == (("b.png",), ())
    assert not found.photos_reordered
    back = _changed(new, OLD)
    assert back is not None
    assert back.cells == {"price": (12.0, 10.0), "color": ("red", None)}
    assert (back.photos_added, back.photos_removed) == ((), ("b.png",))


def test_photos_in_another_order_alone_are_a_difference() -> None:
    two = {**OLD, "photos": [("a", "a.png"), ("b", "b.png")]}
    found = _changed(two, {**two, "photos": two["photos"][::-1]})
    assert found is not None
    assert found.photos_reordered
    assert not found.photos_added
    assert not found.photos_removed
    # The same file with another content is another photo.
    found = _changed(OLD, {**OLD, "photos": [("b", "a.png")]})
    assert found is not None
    assert (found.photos_added, found.photos_removed) == (("a.png",), ("a.png",))


def test_versions_are_listed_up_to_the_current_one_with_what_is_kept(tmp_path: Path) -> None:
    folder = with_tables(tmp_path, 3)
    write_manifest(folder, replace(NOW, tables={"products": 4, "photos": 4}, checksums=None))
    (folder / VERSIONS_FILE).write_text('{"version": 1}\n{"version": 1, "made": 3}\n')
    for version in (2, 3, 4, 9):
        record(folder, replace(NOW, version=version, products=10 * version))
    found = catalog_versions(folder)
    # What says too little is passed over, and what the manifest does not know of yet.
    assert [each.version for each in found] == [2, 3, 4, 5]
    assert [each.products for each in found] == [20, 30, 40, 2]
    assert [each.kept for each in found] == [False, False, True, True]
    assert [each.current for each in found] == [False, False, False, True]
