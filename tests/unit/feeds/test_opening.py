import json
import os
from pathlib import Path

import pytest

from furniture_prompter.domain import FeedRow
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.folder import FolderFeed
from furniture_prompter.feeds.opening import open_feed


def test_a_folder_is_a_feed_of_photos(tmp_path: Path) -> None:
    assert isinstance(open_feed(tmp_path), FolderFeed)


@pytest.mark.parametrize(
    ("name", "cure"),
    [("chair.jpg", "folder"), ("p", r"\.jsonl")],
)
def test_an_unknown_format_is_refused_with_what_to_give(
    tmp_path: Path, name: str, cure: str
) -> None:
    (tmp_path / name).write_text("x")
    with pytest.raises(InvalidFeedError, match=cure):
        open_feed(tmp_path / name)


@pytest.mark.parametrize("name", ["absent", "absent.csv", "x" * 300, "a\0b"])
def test_nothing_at_the_path_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidFeedError):
        open_feed(tmp_path / name)


def test_an_unknown_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("x")
    with pytest.raises(InvalidFeedError, match="utf-8"):
        open_feed(tmp_path / "p.csv", encoding="klingon")


@pytest.mark.parametrize(
    "encoding",
    [
        *[
            "idna",
            "punycode",
            "utf-7",
            "unicode_escape",
            "raw_unicode_escape",
            "hz",
            "undefined",
            "hex",
            "rot13",
        ],
        *("utf-8\0", "", "ü"),
    ],
)
def test_what_is_no_encoding_of_text_files_is_refused(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "p.csv").write_text("x")
    with pytest.raises(InvalidFeedError, match="utf-8"):
        open_feed(tmp_path / "p.csv", encoding=encoding)


@pytest.mark.parametrize(
    "encoding",
    [
        *[
            "UTF8",
            "utf-8-sig",
            "utf-16",
            "utf-16-be",
            "utf-32-le",
            "latin-1",
            "windows-1254",
            "koi8-r",
            "cp857",
        ],
        *["mac_turkish", "cp932", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr", "cp037"],
    ],
)
def test_encodings_that_programs_write_tables_in_are_taken(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.jpg").write_bytes(b"pixels")
    (tmp_path / "p.csv").write_bytes('id,title,image\n1,"A, ""b""",a.jpg\n'.encode(encoding))
    (row,) = open_feed(tmp_path / "p.csv", encoding=encoding).items()
    assert isinstance(row, FeedRow)
    assert row.product.title == 'A, "b"'


def test_an_encoding_of_a_feed_that_has_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text("{}")
    for feed in (tmp_path, tmp_path / "p.jsonl"):
        with pytest.raises(InvalidFeedError, match="only CSV"):
            open_feed(feed, encoding="cp1254")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_named_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.csv")
    with pytest.raises(InvalidFeedError, match="plain file"):
        open_feed(tmp_path / "p.csv")


def test_a_photo_is_answered_with_the_folder_that_it_lies_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "chair.jpg").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidFeedError) as refused:
        open_feed(Path("chair.jpg"))
    assert str(refused.value).endswith(f"give its folder, {tmp_path.resolve()}")


def test_rows_that_have_thousands_of_columns_together_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    with path.open("w") as file:
        for row in range(150):
            more = {f"k{row}_{number}": 1 for number in range(20)}
            file.write(json.dumps({"id": row, "title": "t", "image": "a.jpg", **more}) + "\n")
    with pytest.raises(InvalidFeedError, match="3,003 columns together, more than 2,000"):
        list(open_feed(path).items())
