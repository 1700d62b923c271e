"""Photos by address: fetched, kept, fetched again only when they change, and never lost."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from furniture_prompter.catalog.upkeep import verify_catalog
from furniture_prompter.domain import FeedRow, IndexProgress, IndexSummary, Product, Query
from furniture_prompter.domain.feed import address_path
from furniture_prompter.encoders.protocols import PromptEncoder
from furniture_prompter.ingest.indexing import index_feed
from furniture_prompter.settings import Settings
from tests.fakes import ListFeed
from tests.integration.conftest import Shop
from tests.loopback import Answer, Loopback, photo

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


class AddressShop(Shop):
    """A catalog whose photos lie on a server."""

    server: Loopback

    def download(
        self,
        rows: Sequence[FeedRow],
        *,
        ask: bool = True,
        sync: bool = False,
        progress: list[IndexProgress] | None = None,
        **settings: Any,
    ) -> IndexSummary:
        chosen = {
            "stage_photos": 8,
            "download_backoff_s": 0.01,
            "download_interval_s": 0.0,
            "download_timeout_s": 5.0,
            "allow_private_hosts": (self.server.host,),
            **settings,
        }
        self.encoder.encoded = 0
        return asyncio.run(
            index_feed(
                ListFeed(tuple(rows)),
                self.folder,
                self.encoder,
                self.prompt_encoder,
                Settings.model_validate(chosen),
                language=None,
                sync=sync,
                on_progress=(progress if progress is not None else []).append,
                download=ask,
            )
        )


@pytest.fixture
def shop(tmp_path: Path, prompt_encoder: PromptEncoder, server: Loopback) -> AddressShop:
    made = AddressShop(tmp_path / "catalog", prompt_encoder)
    made.server = server
    return made


def row(number: int, *urls: str) -> FeedRow:
    paths = tuple(address_path(url) for url in urls)
    return FeedRow(
        Product(id=f"p{number}", title=f"chair {number}"),
        paths,
        Path("feed.csv"),
        number + 2,
        addresses=dict(zip(paths, urls, strict=True)),
    )


def uploads(shop: Shop) -> set[str]:
    return {path.name for path in (shop.folder / "uploads").iterdir()}


def rows_of(server: Loopback, count: int, **headers: str) -> list[FeedRow]:
    return [
        row(number, server.put(f"/{number}.jpg", Answer(photo(5 * number), headers=headers)))
        for number in range(count)
    ]


def test_photos_are_fetched_kept_by_content_and_found(shop: AddressShop) -> None:
    rows = rows_of(shop.server, 6)
    progress: list[IndexProgress] = []
    summary = shop.download(rows, progress=progress)
    assert (summary.products, summary.photos, summary.set_aside) == (6, 6, ())
    assert summary.downloads is not None
    assert (summary.downloads.addresses, summary.downloads.fetched) == (6, 6)
    assert len(uploads(shop)) == 6
    assert {each.step for each in progress} >= {"reading", "checking"}
    image = Image.open(io.BytesIO(photo(20))).convert("RGB")
    hit = shop.search(Query(photo=np.asarray(image), limit=1)).hits[0]
    assert Path(hit.photo.path).read_bytes() == photo(5 * int(hit.product.id[1:]))
    assert asyncio.run(verify_catalog(shop.folder)).sound


def test_one_photo_of_many_rows_is_fetched_once(shop: AddressShop) -> None:
    url = shop.server.put("/one.jpg", photo(9))
    summary = shop.download([row(number, url) for number in range(5)])
    assert summary.products == 5
    assert shop.server.count("/one.jpg") == 1


@pytest.mark.parametrize(
    "headers", [{"ETag": '"a"'}, {"Last-Modified": "Sun, 29 Nov 2026 10:00:00 GMT"}]
)
def test_a_second_run_asks_whether_photos_changed_and_encodes_none(
    shop: AddressShop, headers: dict[str, str]
) -> None:
    rows = rows_of(shop.server, 4, **headers)
    shop.download(rows)
    summary = shop.download(rows)
    assert summary.downloads is not None
    assert (summary.downloads.unchanged, summary.downloads.fetched) == (4, 0)
    assert (summary.version, shop.encoder.encoded, summary.products_unchanged) == (1, 0, 4)


def test_max_age_is_believed_for_as_long_as_settings_say(shop: AddressShop) -> None:
    rows = rows_of(shop.server, 3, **{"Cache-Control": "public, max-age=31536000"})
    shop.download(rows)
    again = shop.download(rows).downloads
    assert again is not None
    assert (again.not_asked, len(shop.server.asked)) == (3, 3)
    assert shop.download(rows, download_fresh_s=0).downloads.fetched == 0  # type: ignore[union-attr]  # it has addresses
    stale = rows_of(shop.server, 3, **{"Cache-Control": "no-cache, max-age=60"})
    shop.folder = shop.folder.with_name("other")
    shop.download(stale)
    assert shop.download(stale).downloads.fetched == 3  # type: ignore[union-attr]  # it has addresses


def test_a_photo_that_changed_is_encoded_anew_and_the_others_are_not(shop: AddressShop) -> None:
    rows = rows_of(shop.server, 5, ETag='"a"')
    shop.download(rows)
    shop.server.put("/2.jpg", Answer(photo(250), headers={"ETag": '"b"'}))
    summary = shop.download(rows)
    assert summary.downloads is not None
    assert (summary.downloads.fetched, summary.downloads.unchanged) == (1, 4)
    assert (shop.encoder.encoded, summary.products_updated) == (1, 1)


DEAD = {
    "404": [Answer(b"gone", 404)],
    "410": [Answer(b"gone", 410)],
    "500": [Answer(b"", 500)],
    "slow": [Answer(b"", wait_s=0.4)],
    "cut": [Answer(photo(1)[:200], declared=5_000)],
    "a page": [Answer(b"<html>Sign in</html>", headers={"Content-Type": "image/jpeg"})],
    "a broken photo": [Answer(photo(77)[:500])],
    "nothing": [Answer(b"")],
    "too large": [Answer(photo(1) + bytes(200_000))],
    "endless": [Answer(photo(1) + bytes(200_000), declared=-1)],
    "compressed": [Answer(b"\x1f\x8b", headers={"Content-Encoding": "gzip"})],
}


@pytest.mark.parametrize("answers", DEAD.values(), ids=DEAD)
def test_a_photo_that_was_known_keeps_its_picture_when_its_address_fails(
    shop: AddressShop, answers: list[Answer]
) -> None:
    rows = rows_of(shop.server, 3)
    shop.download(rows)
    before = uploads(shop)
    shop.server.put("/1.jpg", *answers)
    limits: dict[str, Any] = {
        "limit_photo_bytes": 100_000,
        "download_timeout_s": 0.2,
        "download_attempts": 2,
    }
    summary = shop.download(rows, sync=True, **limits)
    assert (summary.products, summary.photos, summary.products_removed) == (3, 3, 0)
    assert (summary.products_updated, summary.version) == (0, 1)
    (problem,) = summary.set_aside
    assert (problem.product_id, problem.line) == ("p1", 3)
    assert f"{shop.server.url}/1.jpg" in problem.reason
    assert "stays" in problem.reason
    assert before <= uploads(shop)
    # What was broken for a day is asked for again and taken when it is mended.
    shop.server.put("/1.jpg", photo(222))
    mended = shop.download(rows, **limits)
    assert (mended.products_updated, mended.set_aside) == (1, ())


@pytest.mark.parametrize("answers", DEAD.values(), ids=DEAD)
def test_a_photo_that_was_never_there_costs_itself_alone(
    shop: AddressShop, answers: list[Answer]
) -> None:
    good = shop.server.put("/good.jpg", photo(50))
    bad = shop.server.put("/bad.jpg", *answers)
    summary = shop.download(
        [row(0, bad, good), row(1, bad), row(2, good)],
        limit_photo_bytes=100_000,
        download_timeout_s=0.2,
        download_attempts=2,
    )
    assert (summary.products, summary.photos) == (2, 2)
    assert [item.product_id for item in summary.set_aside] == ["p0", "p1"]
    assert all(f"{shop.server.url}/bad.jpg" in item.reason for item in summary.set_aside)
    assert all(item.cure or "." in item.reason[:-1] for item in summary.set_aside)
    assert len(uploads(shop)) <= 2


def test_what_fails_for_a_moment_is_asked_again_and_what_is_gone_is_not(
    shop: AddressShop,
) -> None:
    again = shop.server.put("/again.jpg", Answer(b"", 500), Answer(b"", 503), photo(40))
    gone = shop.server.put("/gone.jpg", Answer(b"", 404))
    never = shop.server.put("/never.jpg", Answer(b"", 502))
    summary = shop.download([row(0, again), row(1, gone), row(2, never)])
    assert summary.products == 1
    counts = [shop.server.count(f"/{name}.jpg") for name in ("again", "gone", "never")]
    assert counts == [3, 1, 4]
    assert summary.downloads is not None
    assert (summary.downloads.retries, summary.downloads.failed) == (5, 2)
    reasons = " ".join(item.reason for item in summary.set_aside)
    assert "answered 404 Not Found." in reasons
    assert "answered 502 Bad Gateway, asked 4 times." in reasons


def test_a_host_that_asks_to_be_left_alone_is_left_alone(shop: AddressShop) -> None:
    busy = shop.server.put("/busy.jpg", Answer(b"", 429, {"Retry-After": "1"}), photo(40))
    summary = shop.download([row(0, busy)])
    first, second = [each.at_s for each in shop.server.asked]
    assert summary.products == 1
    assert second - first >= 0.95
    shop.server.put("/busy.jpg", Answer(b"", 503, {"Retry-After": "86400"}))
    later = shop.download([row(0, busy)])
    assert shop.server.count("/busy.jpg") == 3
    assert "stays" in later.set_aside[0].reason


def test_a_host_is_asked_by_so_many_at_once_and_so_often(shop: AddressShop) -> None:
    rows = [
        row(number, shop.server.put(f"/{number}.jpg", Answer(photo(number), wait_s=0.02)))
        for number in range(20)
    ]
    shop.download(rows, download_connections=3)
    assert 2 <= max(each.at_once for each in shop.server.asked) <= 3
    # The first may arrive late on a busy machine, but not each time.
    took = []
    for _ in range(3):
        shop.server.asked.clear()
        shop.download(rows, download_connections=8, download_interval_s=0.02)
        times = [each.at_s for each in shop.server.asked]
        took.append(times[-1] - times[0])
    assert max(took) >= 19 * 0.02 * 0.9


def test_a_host_that_is_dead_is_given_up(shop: AddressShop) -> None:
    rows = [row(number, f"http://127.0.0.1:9/{number}.jpg") for number in range(40)]
    summary = shop.download(rows, allow_private_hosts=("127.0.0.1:9",), download_attempts=2)
    reasons = [item.reason for item in summary.set_aside]
    assert len(reasons) == 40
    assert sum("could not be connected to" in reason for reason in reasons) < 20
    assert sum("was not asked" in reason for reason in reasons) > 20


def test_redirects_are_followed_and_each_hop_is_checked(
    shop: AddressShop, server: Loopback
) -> None:
    def to(location: str) -> Answer:
        return Answer(b"", 302, {"Location": location})

    server.put("/end.jpg", photo(3))
    good = server.put("/good.jpg", to("/end.jpg"))
    loop = server.put("/loop.jpg", to("/loop.jpg"))
    private = server.put("/private.jpg", to("http://169.254.169.254/latest/meta-data"))
    port = server.put("/port.jpg", to("http://127.0.0.1:22/"))
    secret = server.put("/secret.jpg", to(f"http://user:secret@{server.host}/end.jpg"))
    file = server.put("/file.jpg", to("file:///etc/passwd"))
    urls = [good, loop, private, port, secret, file]
    summary = shop.download([row(number, url) for number, url in enumerate(urls)])
    assert summary.products == 1
    reasons = [item.reason for item in summary.set_aside]
    assert "redirects more than 5 times" in reasons[0]
    assert "does not lead to a public address" in reasons[1]
    assert "names a port" in reasons[2]
    assert "holds a user name or password" in reasons[3]
    assert "is none" in reasons[4]
    assert server.count("/loop.jpg") == 6
    assert not any("user:secret" in str(item) for item in summary.set_aside)


def test_no_private_host_is_asked_unless_it_was_named(shop: AddressShop) -> None:
    rows = rows_of(shop.server, 2)
    summary = shop.download(rows, allow_private_hosts=())
    assert summary.products == 0
    assert not shop.server.asked
    assert all("names a port" in item.reason for item in summary.set_aside)
    named = shop.download(rows)
    assert any("Warning" in note and shop.server.host in note for note in named.notes)


def test_what_a_query_holds_is_never_told(shop: AddressShop) -> None:
    url = shop.server.put("/a.jpg", Answer(b"", 403))
    summary = shop.download([row(0, f"{url}?signature=topsecret&w=2#part")])
    assert shop.server.asked[0].path == "/a.jpg?signature=topsecret&w=2"
    assert "topsecret" not in str(summary)
    assert f"{url}?…" in summary.set_aside[0].reason
    for path in (shop.folder / ".downloads").iterdir():
        assert b"topsecret" not in path.read_bytes()


def test_without_being_asked_nothing_is_downloaded_and_the_cure_is_told(shop: AddressShop) -> None:
    rows = rows_of(shop.server, 3)
    refused = shop.download(rows, ask=False)
    assert (refused.products, len(shop.server.asked)) == (0, 0)
    assert "--download" in refused.set_aside[0].cure
    assert any("--download" in note for note in refused.notes)
    shop.download(rows)
    asked = len(shop.server.asked)
    kept = shop.download(rows, ask=False)
    assert (kept.products, kept.set_aside, len(shop.server.asked)) == (3, (), asked)


def test_photos_that_no_version_shows_go_after_the_grace_time(shop: AddressShop) -> None:
    rows = rows_of(shop.server, 4)
    shop.download(rows, version_grace_s=0, keep_versions=0)
    assert len(uploads(shop)) == 4
    shop.download(rows[:2], sync=True, version_grace_s=0, keep_versions=0)
    assert len(uploads(shop)) == 2
    back = shop.download(rows, version_grace_s=0, keep_versions=0)
    assert (back.products, len(uploads(shop))) == (4, 4)


def test_damaged_records_are_begun_anew_and_told(shop: AddressShop) -> None:
    rows = rows_of(shop.server, 3, ETag='"a"')
    shop.download(rows)
    for path in (shop.folder / ".downloads").iterdir():
        path.write_bytes(b"this is no database, whatever its name says" * 100)
    summary = shop.download(rows)
    assert summary.downloads is not None
    assert (summary.downloads.fetched, shop.encoder.encoded) == (3, 0)
    assert any("damaged" in note for note in summary.notes)


KILLED = """
import os, signal, sys
from tests.integration.test_downloads import AddressShop, row
from tests.loopback import Loopback
from furniture_prompter.encoders.prompt_encoder import StaticPromptEncoder
from furniture_prompter.encoders.registry import encoder_folder
from pathlib import Path
class There:
    host = sys.argv[2]
shop = AddressShop(Path(sys.argv[1]), StaticPromptEncoder.load(encoder_folder("default-prompt")))
shop.server = There()
shop.download([row(n, f"http://{There.host}/{n}.jpg") for n in range(30)], download_connections=2)
"""


def test_what_was_fetched_before_a_kill_is_not_fetched_again(shop: AddressShop) -> None:
    server = shop.server
    # Without validators: only what the killed run remembers can tell.
    rows = [
        row(number, server.put(f"/{number}.jpg", Answer(photo(8 * number), wait_s=0.01)))
        for number in range(30)
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(shop.folder), server.host],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
    )

    def kill(path: str) -> None:
        if path == "/15.jpg":
            process.send_signal(signal.SIGKILL)

    server.on_request = kill
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors.decode()
    before = {each.path for each in server.asked}
    assert 15 <= len(before) < 30
    server.asked.clear()
    server.on_request = lambda _: None
    summary = shop.download(rows)
    assert summary.products == 30
    again = before & {each.path for each in server.asked}
    # Two were under way at once, and one may have been answered and not yet remembered.
    assert len(again) <= 3
    assert summary.downloads is not None
    assert summary.downloads.not_asked >= 12
    # A run that ended well is not taken up: everything is asked about once more.
    server.asked.clear()
    shop.download(rows)
    assert len(server.asked) == 30
