import gc
import gzip
import io
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds import archives
from furniture_prompter.feeds.formats import open_records
from furniture_prompter.feeds.records import Record

TABLE = "id,image\n1,photos/a.jpg\n"


def write_zip(folder: Path, files: Mapping[str, str]) -> Path:
    path = folder / "shop.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


WHOLE = {
    "shop/feed.csv": TABLE,
    "shop/photos/a.jpg": "pixels",
    "shop/readme.txt": "a,b",
    "shop/run.exe": "x",
    "__MACOSX/shop/._feed.csv": "x",
    "shop/.hidden.csv": TABLE,
}


def test_a_zip_is_unpacked_with_its_photos_and_stays_where_it_was_kept(tmp_path: Path) -> None:
    path = write_zip(tmp_path, WHOLE)
    source = open_records(path, unpack_into=tmp_path / "kept")
    (row,) = source.records()
    assert isinstance(row, Record)
    assert source.path == path / "shop/feed.csv"
    photo = source.folder / str(row.fields["image"])
    assert photo.read_text() == "pixels"
    kept = {each.name for each in source.folder.parent.rglob("*") if each.is_file()}
    assert kept == {"feed.csv", "a.jpg", "readme.txt", "unpacked.txt"}
    again = open_records(path, unpack_into=tmp_path / "kept")
    assert (again.path, again.folder) == (source.path, source.folder)
    assert photo.is_file()


def test_what_was_left_half_unpacked_is_unpacked_anew(tmp_path: Path) -> None:
    path = write_zip(tmp_path, WHOLE)
    source = open_records(path, unpack_into=tmp_path / "kept")
    (source.folder.parent / "unpacked.txt").unlink()
    (source.folder / "feed.csv").write_text("half")
    again = open_records(path, unpack_into=tmp_path / "kept")
    assert (again.folder / "feed.csv").read_text() == TABLE


def test_without_a_folder_it_is_kept_until_the_source_is_dropped(tmp_path: Path) -> None:
    source = open_records(write_zip(tmp_path, WHOLE))
    feed = source.folder / "feed.csv"
    assert feed.is_file()
    assert list(source.records())
    del source
    gc.collect()
    assert not feed.exists()


def test_a_compressed_feed_lies_beside_its_photos(tmp_path: Path) -> None:
    path = tmp_path / "p.csv.gz"
    path.write_bytes(gzip.compress(TABLE.encode()))
    source = open_records(path)
    assert source.path == path
    assert len(list(source.records())) == len(list(source.records())) == 1


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"../p.csv": TABLE}, "outside of itself"),
        ({"/p.csv": TABLE}, "outside of itself"),
        ({"C:\\p.csv": TABLE}, "outside of itself"),
        ({"a\\..\\..\\p.csv": TABLE}, "outside of itself"),
        ({"x" * 300 + ".csv": TABLE}, "outside of itself"),
        ({"a.csv": TABLE, "b.xml": "<a/>"}, "2 feeds: 'a.csv', 'b.xml'"),
        ({"a.jpg": "pixels"}, "no feed"),
        ({}, "no feed"),
        ({"a.zip": "PK"}, "no feed"),
    ],
)
def test_archives_that_cannot_be_used_are_refused(
    tmp_path: Path, files: dict[str, str], words: str
) -> None:
    with pytest.raises(InvalidFeedError, match=words):
        open_records(write_zip(tmp_path, files), unpack_into=tmp_path / "kept")
    assert not list(tmp_path.parent.glob("p.csv"))


def test_links_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "shop.zip"
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("feed.csv")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(InvalidFeedError, match="link"):
        open_records(path)


@pytest.mark.parametrize("kind", ["zip", "gz"])
def test_archives_that_unpack_to_too_much_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(archives, "_ANY_RATIO_BYTES", 1_000)
    table = "id,image\n" + "1,a.jpg\n" * 200_000
    path = tmp_path / "p.csv.gz"
    if kind == "zip":
        path = write_zip(tmp_path, {"p.csv": table})
    else:
        path.write_bytes(gzip.compress(table.encode()))
    with pytest.raises(InvalidFeedError, match="unpacks to more"):
        open_records(path)


def test_too_many_files_and_bytes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_zip(tmp_path, WHOLE)
    monkeypatch.setattr(archives, "LIMIT_UNPACKED_BYTES", 10)
    with pytest.raises(InvalidFeedError, match="unpacks to more"):
        open_records(path)
    monkeypatch.setattr(archives, "LIMIT_ENTRIES", 3)
    with pytest.raises(InvalidFeedError, match="6 files, more than 3"):
        open_records(path)


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.csv.gz"
    path.write_bytes(gzip.compress(TABLE.encode())[:-9])
    with pytest.raises(InvalidFeedError, match="damaged"):
        open_records(path)
    path.write_bytes(gzip.compress(gzip.compress(TABLE.encode())))
    with pytest.raises(InvalidFeedError, match="archive in an archive"):
        open_records(path)
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("p.csv", TABLE)
    path.write_bytes(gzip.compress(inner.getvalue()))
    with pytest.raises(InvalidFeedError, match="archive in an archive"):
        open_records(path)
