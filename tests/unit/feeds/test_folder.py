import os
import sys
from pathlib import Path

import pytest

from furniture_prompter.domain import FeedItem
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.opening import open_feed
from tests.unit.feeds.conftest import rows_of, set_aside_of


def read(folder: Path, *names: str) -> list[FeedItem]:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"pixels")
    return list(open_feed(folder).items())


def test_a_subfolder_is_the_category_and_the_file_name_the_title(tmp_path: Path) -> None:
    (row,) = rows_of(read(tmp_path, "side-table/oak-side_table.01.JPG"))
    assert row.product.id == "side-table/oak-side_table.01.JPG"
    assert row.product.title == "oak side table 01"
    assert row.product.category == "side table"
    assert row.images == ((tmp_path / "side-table/oak-side_table.01.JPG").resolve(),)
    assert row.line == 0


def test_deeper_folders_join_the_category_and_the_top_has_none(tmp_path: Path) -> None:
    top, deep = rows_of(read(tmp_path, "stool.png", "chair/oak/a.png"))
    assert top.product.category == ""
    assert deep.product.category == "chair / oak"


def test_photos_come_in_natural_order(tmp_path: Path) -> None:
    rows = rows_of(read(tmp_path, "p10.jpg", "p9.jpg", "P1.jpg", "b/p2.jpg", "a/p3.jpg"))
    assert [row.product.id for row in rows] == [
        "P1.jpg",
        "p9.jpg",
        "p10.jpg",
        "a/p3.jpg",
        "b/p2.jpg",
    ]


def test_hidden_files_and_other_files_are_passed_over(tmp_path: Path) -> None:
    items = read(tmp_path, "a.jpg", ".b.jpg", ".git/c.jpg", "notes.txt", "Thumbs.db", "noextension")
    assert [row.product.id for row in rows_of(items)] == ["a.jpg"]
    assert set_aside_of(items) == []


def test_a_name_of_nothing_but_punctuation_is_its_own_title(tmp_path: Path) -> None:
    (row,) = rows_of(read(tmp_path, "---.jpg"))
    assert row.product.title == "---.jpg"


def test_an_empty_folder_is_refused_and_told_what_it_could_hold(tmp_path: Path) -> None:
    with pytest.raises(InvalidFeedError, match=r"\.webp"):
        read(tmp_path, "notes.txt")


def test_a_folder_with_a_table_but_no_photo_points_to_the_table(tmp_path: Path) -> None:
    with pytest.raises(InvalidFeedError, match=r"products\.csv"):
        read(tmp_path, "products.csv")


def test_links_that_leave_the_folder_are_set_aside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(b"x")
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "link.jpg").symlink_to(outside / "secret.jpg")
    (folder / "linked").symlink_to(outside)
    (folder / "nothing.jpg").symlink_to(folder / "absent.jpg")
    items = read(folder, "a.jpg")
    assert [row.product.id for row in rows_of(items)] == ["a.jpg"]
    assert [Path(problem.source).name for problem in set_aside_of(items)] == [
        "link.jpg",
        "linked",
        "nothing.jpg",
    ]
    assert all(problem.cure for problem in set_aside_of(items))


def test_a_folder_linked_into_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    items = read(tmp_path, "a.jpg")
    assert len(rows_of(items)) == 1
    assert len(set_aside_of(items)) == 1


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS takes UTF-8 names only")
def test_a_name_that_is_not_utf_8_is_set_aside_and_can_be_printed(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xfe.jpg", "wb") as file:  # noqa: PTH123  # no such Path
        file.write(b"x")
    items = read(tmp_path, "a.jpg")
    (problem,) = set_aside_of(items)
    assert "UTF-8" in problem.reason
    str(problem).encode("utf-8")
    assert len(rows_of(items)) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_named_pipe_is_set_aside(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    items = read(tmp_path, "a.jpg")
    assert len(set_aside_of(items)) == 1


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    items = read(tmp_path, "a.jpg")
    assert len(set_aside_of(items)) == 1


def test_a_path_longer_than_an_id_may_be_is_set_aside(tmp_path: Path) -> None:
    name = f"{'x' * 220}.jpg"
    (tmp_path / name).write_bytes(b"pixels")
    (problem,) = set_aside_of(open_feed(tmp_path).items())
    assert "longer than 200" in problem.reason


def test_a_link_that_leaves_the_folder_is_known_by_its_id(tmp_path: Path) -> None:
    (tmp_path / "outside.jpg").write_bytes(b"pixels")
    (tmp_path / "photos" / "chairs").mkdir(parents=True)
    (tmp_path / "photos" / "chairs" / "oak.jpg").symlink_to(tmp_path / "outside.jpg")
    (problem,) = set_aside_of(open_feed(tmp_path / "photos").items())
    assert problem.product_id == "chairs/oak.jpg"


def test_an_id_has_one_space_where_the_files_name_has_several(tmp_path: Path) -> None:
    (row,) = rows_of(read(tmp_path, "a  b/c \u00a0d.jpg"))
    assert row.product.id == "a b/c d.jpg"
    items = read(tmp_path, "a b/c d.jpg")
    assert [row.product.id for row in rows_of(items)] == ["a b/c d.jpg"]
    (problem,) = set_aside_of(items)
    assert "same path but for spaces" in problem.reason


@pytest.mark.parametrize(
    "name",
    ["@eaDir", "#recycle", "$RECYCLE.BIN", "__MACOSX", ".Trash-1000", ".thumbnails", "lost+found"],
)
def test_folders_of_thumbnails_and_deleted_files_are_passed_over(tmp_path: Path, name: str) -> None:
    items = read(tmp_path, "a.jpg", f"{name}/b.jpg", f"chairs/{name}/c.jpg")
    assert [row.product.id for row in rows_of(items)] == ["a.jpg"]
    assert set_aside_of(items) == []


def test_a_catalog_inside_the_folder_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "catalog" / "products.lance").mkdir(parents=True)
    items = read(tmp_path, "a.jpg", "catalog/manifest.json", "catalog/uploads/b.jpg")
    assert [row.product.id for row in rows_of(items)] == ["a.jpg"]


def test_a_catalog_is_no_feed(tmp_path: Path) -> None:
    (tmp_path / "products.lance").mkdir()
    with pytest.raises(InvalidFeedError, match="is a catalog"):
        read(tmp_path, "manifest.json", "uploads/b.jpg")
