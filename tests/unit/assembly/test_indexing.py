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
