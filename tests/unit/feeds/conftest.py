"""A shop's folder with images, and ways to write a feed into it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import pytest

from furniture_prompter.domain import FeedItem, FeedRow, SetAside
from furniture_prompter.feeds.opening import open_feed

ReadFeed: TypeAlias = Callable[[str, str | bytes], list[FeedItem]]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with three image files beside each other; feeds never look into them."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (folder / name).write_bytes(b"pixels")
    return folder


@pytest.fixture
def read_feed(shop: Path) -> ReadFeed:
    """Write a feed into the shop's folder and read it to its end."""

    def read(name: str, content: str | bytes) -> list[FeedItem]:
        data = content.encode() if isinstance(content, str) else content
        (shop / name).write_bytes(data)
        return list(open_feed(shop / name).items())

    return read


def rows_of(items: Iterable[object]) -> list[FeedRow]:
    return [item for item in items if isinstance(item, FeedRow)]


def set_aside_of(items: Iterable[object]) -> list[SetAside]:
    return [item for item in items if isinstance(item, SetAside)]
