"""What a catalog remembers a feed by."""

from pathlib import Path

import pytest

from furniture_prompter.assembly.indexing import name_of_source


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
    assert name_of_source("https://me:secret@shop.example/feed.xml") == plain
    first, second = (
        name_of_source(f"https://shop.example/export.php?key=secret&id={each}") for each in (1, 2)
    )
    assert first != second
    assert first.startswith("https://shop.example/export.php?…")
    assert "secret" not in first
    long = f"https://shop.example/{'a' * 5_000}"
    assert name_of_source(f"{long}1") != name_of_source(f"{long}2")
    assert len(name_of_source(long)) < 1_000
