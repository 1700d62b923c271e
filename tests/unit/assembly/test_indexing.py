"""What a catalog remembers a feed by."""

import time
from pathlib import Path

import pytest

from furniture_prompter.assembly.feed_names import (
    former_names,
    name_of_source,
    refuse_feed_names,
)
from furniture_prompter.assembly.indexing import index
from furniture_prompter.errors import InvalidFeedError


def test_a_file_is_remembered_by_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "export-1.csv").write_text("id")
    (tmp_path / "current.csv").symlink_to("export-1.csv")
    assert name_of_source("./a/../current.csv") == str(tmp_path / "current.csv")
    assert name_of_source(str(tmp_path / "current.csv")) == name_of_source("current.csv")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("export-2026-11-30.csv", "export-2026-12-01.csv"),
        ("20261130_urunler.xlsx", "20261201_urunler.xlsx"),
        ("fiyat 30.11.2026.csv", "fiyat 01.12.2026.csv"),
        ("feed_2026-11-30T2359.xml", "feed_2026-12-01T0630.xml"),
        ("wc-export-30-11-2026-1764500000000.csv", "wc-export-01-12-2026-1764500000000.csv"),
        ("https://shop.example/feed-20261130.xml", "https://shop.example/feed-20261201.xml"),
        ("https://shop.example/f?day=2026-11-30", "https://shop.example/f?day=2026-12-01"),
    ],
)
def test_the_day_of_an_export_does_not_make_it_another_feed(one: str, other: str) -> None:
    assert name_of_source(one) == name_of_source(other)
    assert "DATE" in name_of_source(one) or "?" in one


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("products-1.csv", "products-2.csv"),
        ("oak-20261301.csv", "oak-20261302.csv"),
        ("model-120261130.csv", "model-120261201.csv"),
        ("2026-11-30/sofas.csv", "2026-12-01/sofas.csv"),
        ("shop-2026-11-30-sofas.csv", "shop-2026-11-30-lamps.csv"),
    ],
)
def test_other_numbers_do(one: str, other: str) -> None:
    assert name_of_source(one) != name_of_source(other)


def test_an_address_is_remembered_without_what_opens_it_and_apart_from_others() -> None:
    plain = "https://shop.example/feed.xml"
    assert name_of_source(plain) == plain
    lamps, chairs = (
        name_of_source(f"https://{user}:secret@shop.example/feed.xml")
        for user in ("lamps", "chairs")
    )
    assert len({plain, lamps, chairs}) == 3
    assert lamps.startswith(f"{plain}…")
    assert not any(word in lamps + chairs for word in ("secret", "lamps", "chairs"))
    assert name_of_source("https://lamps:another@shop.example/feed.xml") == lamps
    assert name_of_source("https://shop.example?id=1") != name_of_source(
        "https://shop.example?id=2"
    )
    first, second = (
        name_of_source(f"https://shop.example/export.php?key=secret&id={each}") for each in (1, 2)
    )
    assert first != second
    assert first.startswith("https://shop.example/export.php?…")
    assert "secret" not in first
    long = f"https://shop.example/{'a' * 5_000}"
    assert name_of_source(f"{long}1") != name_of_source(f"{long}2")
    assert len(name_of_source(long)) < 1_000


def test_a_short_secret_is_slow_to_be_tried_out() -> None:
    # Two of them, each with 16 MiB at 2 ms and more; a plain digest takes a thousandth of that.
    began = time.process_time()
    for secret in "ab":
        name_of_source(f"https://shop.example/f?key={secret}")
    assert time.process_time() - began > 0.004


def test_a_former_name_may_be_given_as_the_path_of_the_feed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    address = "https://me:secret@shop.example/feed.xml?key=1"
    known = (str(tmp_path / "old.csv"), "lamps", name_of_source(address))
    assert former_names(["old.csv", "lamps", address], known) == list(known)
    # What is known as it was typed comes first, and what is unknown stays as it was typed.
    assert former_names(["old.csv", "new.csv", "unknown"], ("old.csv", *known)) == [
        "old.csv",
        "new.csv",
        "unknown",
    ]


def test_a_crawl_is_known_by_its_shop_and_names_are_looked_at_before_it(tmp_path: Path) -> None:
    known = ("crawl of old.example", "https://old.example/feed.xml")
    was = ["https://me:pw@OLD.example", "https://old.example/feed.xml", "https://new.example"]
    assert former_names([*was, "http://["], known) == [*known, "https://new.example", "http://["]
    refuse_feed_names(tmp_path / "c", "https://shop.example/", None, ())
    refuse_feed_names(tmp_path / "c", "https://shop.example/", "lamps", ["unknown"])
    for name, former, told in (
        ("unknown", [], "cannot be called 'unknown'"),
        (None, ["https://old.example"], r"no feed called 'https://old.example' \(--was\)"),
    ):
        with pytest.raises(InvalidFeedError, match=told):
            refuse_feed_names(tmp_path / "c", "https://shop.example/", name, former)


def test_an_empty_name_of_a_feed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("id,title\n1,Oak chair\n")
    with pytest.raises(InvalidFeedError, match="such as --feed lamps"):
        index(tmp_path / "list.csv", tmp_path / "shop", feed_name="")
    assert not (tmp_path / "shop" / "catalog.json").exists()
