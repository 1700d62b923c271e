"""Addresses, heads and lists: what is taken, and what never reaches a disk."""

import json
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from furniture_prompter.catalog.addresses import Address, address_of, refuse_address
from furniture_prompter.catalog.following import Follower, LocalCopy
from furniture_prompter.catalog.remote import (
    Head,
    ListName,
    Stored,
    VersionList,
    listed_photos,
    photo_files,
)
from furniture_prompter.errors import CatalogFormatError, CatalogStoreError

PLACE = Address("shops", "oak")
HASH = "0123456789abcdef" * 4
STORED = Stored(5, HASH, 3)
MANIFEST = {"manifest.json": STORED}


@pytest.mark.parametrize(
    ("text", "bucket", "prefix"),
    [
        ("s3://shops", "shops", ""),
        ("s3://shops/", "shops", ""),
        ("s3://shops/a/b.c-d_e/", "shops", "a/b.c-d_e"),
        ("s3:/my.shops-1/a", "my.shops-1", "a"),
    ],
)
def test_an_address_is_a_bucket_and_a_prefix(text: str, bucket: str, prefix: str) -> None:
    assert address_of(text) == Address(bucket, prefix)
    assert address_of(Path(text)) == Address(bucket, prefix)
    assert address_of(str(address_of(text))) == Address(bucket, prefix)


@pytest.mark.parametrize(
    "place", ["shop", "./s3", "/s3:/shops/a", "s3", "s3x://shops", "S3://shops"]
)
def test_a_folder_is_no_address(place: str) -> None:
    assert address_of(place) is None
    refuse_address(Path(place))


@pytest.mark.parametrize(
    "text",
    [
        "s3://",
        "s3:///a",
        "s3://ab",
        "s3://Shops/a",
        "s3://-shops/a",
        "s3://key:secret@shops/a",
        "s3://shops/a?endpoint=x",
        "s3://shops/a//b",
        "s3://shops/../a",
        "s3://shops/a/.",
        "s3://shops/a b",
        "s3://shops/a\n",
        "s3://shops/" + "a/" * 300,
    ],
)
def test_what_begins_as_an_address_and_is_none_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(CatalogFormatError) as told:
        address_of(text)
    assert "secret" not in str(told.value)


def test_a_folder_is_asked_for_where_an_address_was_given() -> None:
    with pytest.raises(CatalogFormatError, match="catalog pull s3://shops/a --catalog"):
        refuse_address(Path("s3://shops/a"))


def test_two_addresses_never_share_a_folder() -> None:
    places = [("shops", "a"), ("shops", "b/a"), ("other", "a"), ("shops", "")]
    slugs = {Address(*each).slug for each in places}
    assert len(slugs) == 4
    assert all("/" not in each and each[0] != "." for each in slugs)


def test_what_is_written_is_read() -> None:
    files = {
        **MANIFEST,
        "versions.jsonl": STORED,
        "products.lance/_versions/1.manifest": STORED,
        "photos.lance/data/a-b.lance": STORED,
        "alignments/a.npz": STORED,
        "checksums/1-a.json": STORED,
    }
    listed = VersionList(files, Stored(0, HASH, 1))
    assert VersionList.parse(listed.to_json(), PLACE) == listed
    photos = {f"uploads/{HASH}.jpg": STORED, f"uploads/{HASH}": STORED}
    assert photo_files(listed_photos(photos), PLACE) == photos
    name = ListName(4, 100, HASH)
    head = Head("a" * 32, 7, "2026-11-02T10:00:00+00:00", HASH, name, "b" * 32, ((name, 1.5),))
    assert Head.parse(head.to_json(), PLACE) == head
    assert head.generation == 4


@pytest.mark.parametrize(
    "name",
    [
        "../manifest.json",
        "/etc/passwd",
        "products.lance/../../x",
        "products.lance//x",
        "products.lance/./x",
        "products.lance/x/",
        "products.lance/.hidden",
        ".writer.lock",
        ".copied/state.json",
        "products.lance\\x",
        "c:x",
        "staged_photos.lance/x",
        "checksums/kept/x.json",
        "uploads/x.jpg",
        "known_rows.db",
        "",
        "products.lance/\n",
        "products.lance/" + "a" * 400,
    ],
)
def test_a_list_that_leads_elsewhere_is_refused(name: str) -> None:
    content = VersionList({**MANIFEST, name: STORED}, STORED).to_json()
    with pytest.raises(CatalogStoreError, match="no version has"):
        VersionList.parse(content, PLACE)


@pytest.mark.parametrize(
    "name", ["uploads/../x", f"uploads/a/{HASH}", "uploads/a.jpg", "manifest.json", f"../{HASH}"]
)
def test_a_photo_that_lies_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(CatalogStoreError, match="no version has"):
        photo_files(listed_photos({name: STORED}), PLACE)


@pytest.mark.parametrize(
    "row",
    [
        [-1, HASH, 1],
        [True, HASH, 1],
        [1.0, HASH, 1],
        [2**63, HASH, 1],
        [1, HASH[:-1], 1],
        [1, HASH.upper(), 1],
        [1, "../" + HASH[3:], 1],
        [1, HASH, -1],
        [1, HASH],
        [1, HASH, 1, 1],
        None,
    ],
)
def test_a_size_a_hash_and_a_generation_are_what_they_are(row: object) -> None:
    content = {"format": 1, "files": {"manifest.json": row}, "photos": [0, HASH, 1]}
    with pytest.raises(CatalogStoreError, match="not what this project writes"):
        VersionList.parse(json.dumps(content).encode(), PLACE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"format": "1"}',
        b'{"format": 1}',
        b"[" * 100_000,
        b'{"format": 1, "files": []}',
        b'{"format": 1, "files": "x"}',
        b'{"format": 1, "files": null}',
    ],
)
def test_no_head_and_no_list_at_all(content: bytes) -> None:
    for parse in (Head.parse, VersionList.parse, photo_files):
        with pytest.raises(CatalogStoreError):
            parse(content, PLACE)


def test_a_list_without_a_manifest_is_none() -> None:
    with pytest.raises(CatalogStoreError, match="no manifest"):
        VersionList.parse(VersionList({}, STORED).to_json(), PLACE)


def test_what_a_newer_release_wrote_is_told_so() -> None:
    for parse in (Head.parse, VersionList.parse, photo_files):
        with pytest.raises(CatalogFormatError, match="newer release"):
            parse(b'{"format": 2}', PLACE)


class PanicError(BaseException):
    """As a library that is not written in Python raises."""


class FailingCopy:
    """Fails in a way that nobody foresaw twice, then does what it should."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.calls = 0
        self.reached = threading.Event()

    def bring(self, **_: Any) -> None:
        self.calls += 1
        if self.calls <= 2:
            raise self.error
        self.reached.set()


@pytest.mark.parametrize("error", [KeyError("lists"), PanicError("InvalidHeaderValue")])
def test_who_follows_goes_on_after_what_nobody_foresaw_and_tells_it_once(
    caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    copy, failures = FailingCopy(error), []
    follower = Follower(cast("LocalCopy", copy), 0.001, lambda: failures.append(copy.calls))
    follower.start()
    assert copy.reached.wait(60)
    follower.stop()
    assert failures == [1, 2]
    (told,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert told.exc_info is not None
    assert told.exc_info[1] is error
