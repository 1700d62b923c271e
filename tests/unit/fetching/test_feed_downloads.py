"""Feeds by address: a file whose name tells its format, fetched again only when it changed."""

import asyncio
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.fetching.feed_downloads import FetchedFeed, fetch_feed
from furniture_prompter.settings import Settings
from tests.loopback import Answer, Loopback

CSV = b"id,title,image\n1,chair,a.jpg\n"
KNOWN = (".csv", ".tsv", ".json", ".jsonl", ".xml")


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


def fetch(url: str, folder: Path, server: Loopback, **settings: object) -> FetchedFeed:
    chosen = Settings.model_validate(
        {"allow_private_hosts": (server.host,), "download_backoff_s": 0.01, **settings}
    )
    return asyncio.run(fetch_feed(url, folder, chosen, KNOWN))


NAMES = [
    ("/feed.csv", {}, CSV, "feed.csv"),
    ("/Feed.XML", {"Content-Type": "text/html"}, b"<rss/>", "Feed.XML"),
    ("/export.php", {"Content-Type": "text/csv; charset=utf-8"}, CSV, "export.php.csv"),
    (
        "/export",
        {
            "Content-Disposition": 'attachment; filename="../../ürün listesi.csv"'.encode().decode(
                "latin-1"
            )
        },
        CSV,
        None,
    ),
    ("/", {"Content-Type": "application/json"}, b"[]", "feed.json"),
    ("/x", {"Content-Type": "application/octet-stream"}, b'\xef\xbb\xbf {"id": 1}', "x.json"),
    ("/x", {}, b"<?xml version='1.0'?><rss/>", "x.xml"),
    ("/x", {}, b"PAR1....", "x.parquet"),
    ("/x", {}, b"PK\x03\x04", "x.zip"),
    ("/x", {}, CSV, "x.csv"),
    ("/%2e%2e%2fetc%2fpasswd", {}, CSV, "passwd.csv"),
]


@pytest.mark.parametrize(("path", "headers", "body", "name"), NAMES)
def test_the_name_of_the_file_tells_its_format(
    server: Loopback,
    tmp_path: Path,
    path: str,
    headers: dict[str, str],
    body: bytes,
    name: str | None,
) -> None:
    url = server.put(path, Answer(body, headers=headers))
    found = fetch(url, tmp_path, server)
    assert found.path.read_bytes() == body
    assert found.path.parent.parent == tmp_path / "feeds"
    assert found.path.suffix.lower() in (*KNOWN, ".zip", ".parquet")
    if name is not None:
        assert found.path.name == name


def test_a_feed_is_sent_again_only_when_it_changed(server: Loopback, tmp_path: Path) -> None:
    url = server.put("/feed.csv", Answer(CSV, headers={"ETag": '"1"'}))
    assert fetch(url, tmp_path, server).changed
    again = fetch(url, tmp_path, server)
    assert (again.changed, again.path.read_bytes()) == (False, CSV)
    again.path.write_bytes(b"altered by somebody")
    assert fetch(url, tmp_path, server).path.read_bytes() == CSV
    server.put("/feed.csv", Answer(CSV + b"2,sofa,b.jpg\n", headers={"ETag": '"2"'}))
    assert fetch(url, tmp_path, server).changed


def test_a_compressed_feed_is_unpacked_within_its_limit(server: Loopback, tmp_path: Path) -> None:
    packed = {"Content-Encoding": "gzip"}
    url = server.put("/feed.csv", Answer(gzip.compress(CSV), headers=packed))
    assert fetch(url, tmp_path, server).path.read_bytes() == CSV
    bomb = server.put("/bomb.csv", Answer(gzip.compress(bytes(3_000_000)), headers=packed))
    with pytest.raises(InvalidFeedError, match="more than 100,000 bytes"):
        fetch(bomb, tmp_path, server, limit_feed_bytes=100_000)
    broken = server.put("/broken.csv", Answer(b"no gzip", headers=packed))
    with pytest.raises(InvalidFeedError, match="compressed, and is not"):
        fetch(broken, tmp_path, server)


def test_a_feed_that_cannot_be_fetched_is_refused_and_not_taken_from_before(
    server: Loopback, tmp_path: Path
) -> None:
    url = server.put("/feed.csv", CSV)
    fetch(url, tmp_path, server)
    server.put("/feed.csv", Answer(b"", 500))
    with pytest.raises(InvalidFeedError, match=r"answered 500 .*, asked 4 times"):
        fetch(f"{url}?key=topsecret", tmp_path, server)
    server.put("/feed.csv", Answer(b"", 401))
    with pytest.raises(InvalidFeedError, match="without signing in") as refused:
        fetch(f"{url}?key=topsecret", tmp_path, server)
    assert "topsecret" not in str(refused.value)
    with pytest.raises(InvalidFeedError, match="names a port"):
        fetch(url, tmp_path, server, allow_private_hosts=())


def test_a_feed_that_breaks_off_is_asked_again(server: Loopback, tmp_path: Path) -> None:
    url = server.put("/feed.csv", Answer(CSV[:5], declared=500), CSV)
    assert fetch(url, tmp_path, server).path.read_bytes() == CSV
    assert not list(tmp_path.rglob(".receiving"))


@pytest.mark.parametrize("coding", ["gzip, gzip", "gzip, deflate", "br", "zstd"])
def test_an_answer_that_is_compressed_as_was_not_asked_for_is_refused_unread(
    server: Loopback, tmp_path: Path, coding: str
) -> None:
    # Twice compressed, fifteen kilobytes are a gigabyte before the first byte is counted.
    body = gzip.compress(gzip.compress(CSV))
    url = server.put("/feed.csv", Answer(body, headers={"Content-Encoding": coding}))
    with pytest.raises(InvalidFeedError, match="compressed once with gzip"):
        fetch(url, tmp_path, server)
