import gc
import gzip
import io
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

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


def copied(content: bytes, packed: int, taken: int = 0) -> int:
    source, target = io.BytesIO(content), io.BytesIO()
    total = archives._copy(source, target, Path("shop.zip"), packed, taken)
    assert target.getvalue() == content
    return total


def test_bytes_of_all_files_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "LIMIT_UNPACKED_BYTES", 30)
    monkeypatch.setattr(archives, "_CHUNK_BYTES", 4)
    assert copied(b"", 1, 7) == 7
    assert copied(b"x" * 23, 1, 7) == 30
    with pytest.raises(InvalidFeedError, match="unpacks to more than is read"):
        copied(b"x" * 24, 1, 7)


def test_a_file_is_a_bomb_where_it_is_large_and_most_of_it_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(archives, "_ANY_RATIO_BYTES", 500)
    told = re.escape(
        "The archive shop.zip unpacks to more than is read: 32 GiB, or 250 times its size. "
        "Unpack it yourself and give what is in it."
    )
    assert copied(b"x" * 500, 1) == 500
    with pytest.raises(InvalidFeedError, match=f"^{told}$"):
        copied(b"x" * 501, 1)
    assert copied(b"x" * 750, 3) == 750
    with pytest.raises(InvalidFeedError, match=told):
        copied(b"x" * 751, 3)
    # Of nothing nothing may come, and one byte counts as that much.
    with pytest.raises(InvalidFeedError, match=told):
        copied(b"x" * 501, 0)


def test_what_an_archive_may_hold_is_a_matter_of_gibibytes() -> None:
    assert archives.LIMIT_UNPACKED_BYTES == 32 * 1024**3
    assert archives._ANY_RATIO_BYTES == 32 * 1024**2
    assert (archives._CHUNK_BYTES, archives.LIMIT_RATIO) == (1024**2, 250)
    assert (archives.LIMIT_ENTRIES, archives._LIMIT_NAME_CHARACTERS) == (500_000, 1_000)


def test_as_many_entries_as_allowed_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_zip(tmp_path, WHOLE)
    monkeypatch.setattr(archives, "LIMIT_ENTRIES", len(WHOLE))
    assert archives.unpack_zip(path, None).name == PurePosixPath("shop/feed.csv")


def test_an_entry_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shop.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("p.csv", TABLE)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("p.csv", TABLE)
    with pytest.raises(InvalidFeedError, match=r"holds 'p\.csv' twice\. Pack it again\.$"):
        archives.unpack_zip(path, None)


@pytest.mark.parametrize(
    ("name", "is_taken"),
    [
        ("a" * 251 + ".csv", True),
        ("a" * 252 + ".csv", False),
        ("ğ" * 125 + "a.csv", True),
        ("ğ" * 126 + ".csv", False),
        ("a/" * 497 + "ppp.csv", False),
        ("a/" * 497 + "pp.csv", True),
        ("..p.csv", True),
        ("a/../p.csv", False),
        ("a\0.csv", False),
        ("c:p.csv", False),
        ("cc:p.csv", True),
    ],
)
def test_names_are_taken_up_to_the_length_that_systems_take(name: str, *, is_taken: bool) -> None:
    if is_taken:
        assert archives._inner_path(name, Path("shop.zip")) == PurePosixPath(name)
        return
    with pytest.raises(InvalidFeedError, match="or one that no system takes"):
        archives._inner_path(name, Path("shop.zip"))


@pytest.mark.parametrize(
    ("names", "feed"),
    [
        (["a.csv", "note.txt", "a.jpg"], "a.csv"),
        (["note.txt", "a.jpg"], "note.txt"),
        (["x/y.csv"], "x/y.csv"),
    ],
)
def test_a_text_is_the_feed_where_nothing_else_is(names: list[str], feed: str) -> None:
    found = archives._only_feed([PurePosixPath(name) for name in names], Path("shop.zip"))
    assert found == PurePosixPath(feed)


def test_several_feeds_are_named_the_nearest_first_up_to_ten() -> None:
    names = [PurePosixPath("z", "a.csv"), *(PurePosixPath(f"{n:02}.csv") for n in range(11))]
    named = ", ".join(f"'{n:02}.csv'" for n in range(10))
    with pytest.raises(InvalidFeedError, match=f"holds 12 feeds: {named}\\. Unpack it"):
        archives._only_feed(names, Path("shop.zip"))


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (zipfile.BadZipFile("x"), "Fetch or pack it again"),
        (gzip.BadGzipFile("x"), "Fetch or pack it again"),
        (zlib.error("x"), "Fetch or pack it again"),
        (EOFError("x"), "Fetch or pack it again"),
        (NotImplementedError("x"), "Pack it again as a plain zip, without a password"),
        (RuntimeError("x"), "Pack it again as a plain zip, without a password"),
        (PermissionError("x"), "Check its permissions and the space on the disk"),
        (ValueError("x"), "Check its permissions and the space on the disk"),
    ],
)
def test_each_thing_that_goes_wrong_has_its_own_cure(error: Exception, cure: str) -> None:
    with pytest.raises(InvalidFeedError, match=cure) as caught, archives._sentences(Path("p.zip")):
        raise error
    assert caught.value.__cause__ is error
    assert "(x)" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "kept"), [("a.csv", "a.csv"), ("..a", "a"), ("...", "feed"), ("", "feed")]
)
def test_a_name_for_the_disk_begins_with_no_point(name: str, kept: str) -> None:
    assert archives._safe_name(name) == kept


def test_a_temporary_folder_is_gone_with_its_object() -> None:
    folder = archives.TemporaryFolder()
    path = folder.path
    (path / "a.csv").write_text("x")
    del folder
    gc.collect()
    assert not path.exists()
