"""One suite that every feed must pass; add a feed to FEEDS to hold it to it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from furniture_prompter.domain import Feed, FeedRow, SetAside
from furniture_prompter.feeds.opening import open_feed


def _images(folder: Path) -> None:
    for number in range(1, 4):
        (folder / f"{number}.jpg").write_bytes(b"pixels")


def _folder(folder: Path) -> Path:
    photos = folder / "photos"
    photos.mkdir()
    _images(photos)
    (photos / "4.jpg").symlink_to(folder / "absent.jpg")
    return photos


def _json_lines(folder: Path) -> Path:
    _images(folder)
    rows = [{"id": str(number), "title": "A", "image": f"{number}.jpg"} for number in range(1, 5)]
    path = folder / "feed.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def _array(folder: Path) -> Path:
    lines = _json_lines(folder).read_text().splitlines()
    path = folder / "feed.json"
    path.write_text("[" + ",".join(lines) + "]")
    return path


def _csv(folder: Path) -> Path:
    _images(folder)
    path = folder / "feed.csv"
    rows = "".join(f"{number},A,{number}.jpg\n" for number in range(1, 5))
    path.write_text(f"id,title,image\n{rows}")
    return path


FEEDS: dict[str, Callable[[Path], Path]] = {
    "folder": _folder,
    "json-lines": _json_lines,
    "json-array": _array,
    "csv": _csv,
}
"""Each makes three products with an image, and a fourth whose image is not there."""


@pytest.fixture(params=FEEDS)
def feed(request: pytest.FixtureRequest, tmp_path: Path) -> Feed:
    return open_feed(FEEDS[request.param](tmp_path))


def test_it_yields_good_rows_and_sets_the_bad_one_aside(feed: Feed) -> None:
    items = list(feed.items())
    assert [type(item) for item in items] == [FeedRow, FeedRow, FeedRow, SetAside]


def test_it_yields_the_same_again_when_read_again(feed: Feed) -> None:
    assert list(feed.items()) == list(feed.items())


def test_each_id_comes_once_with_a_title(feed: Feed) -> None:
    products = [item.product for item in feed.items() if isinstance(item, FeedRow)]
    assert len({product.id for product in products}) == len(products)
    assert all(product.id and product.title for product in products)


def test_images_exist_and_are_absolute(feed: Feed) -> None:
    for item in feed.items():
        if isinstance(item, FeedRow):
            assert item.images
            assert all(path.is_absolute() and path.is_file() for path in item.images)


def test_what_is_set_aside_has_reason_and_cure_and_can_be_printed(feed: Feed) -> None:
    problems = [item for item in feed.items() if isinstance(item, SetAside)]
    assert problems
    for problem in problems:
        assert problem.reason.endswith(".")
        assert problem.cure.endswith(".")
        str(problem).encode("utf-8")


def test_it_is_named_by_its_path(feed: Feed) -> None:
    assert Path(feed.name).exists()
