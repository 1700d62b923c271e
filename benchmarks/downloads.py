"""A feed by address with photos by address: ``furniture-prompter index URL --download``."""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.datasets import bundled, card_hashes
from benchmarks.provenance import add_output_option, write_result

PHOTOS = 1_000
WAIT_S = 0.05
"""Time that the server takes for each answer."""
GONE = 10
BUSY = 10
CHANGED = 10

METHOD = """
A server on this machine's loopback serves a feed of 1,000 products as JSON lines and their photos,
the bundled renderings, each made a file of its own by a few bytes behind its end; it takes 50 ms
for every answer, gives ETags and no max-age. Of the photos 10 are gone (404), and 10 are answered
with 503 when they are first asked for, half of them before the kill. The command runs in a process
of its own with the settings' defaults (six connections to a host, at most 100 requests a second).
The first run is killed with signal 9 when half of the photos were asked for, and started again;
before the third run 10 photos are replaced by others, before the fourth nothing changes. Asked are
requests for photos that reached the server, times are wall times of the command with its start and
the encoding.
"""


class Shop:
    """The server: the feed, its photos, and a log of what was asked."""

    def __init__(self, photos: Sequence[bytes]) -> None:
        self.photos = {f"/{number}.jpg": photo for number, photo in enumerate(photos)}
        # Half of them on either side of the kill.
        busy = (*range(GONE, GONE + BUSY // 2), *range(len(photos) - BUSY // 2, len(photos)))
        self.busy = {f"/{number}.jpg" for number in busy}
        self.asked: list[str] = []
        self.sent = 0
        self.at = threading.Event()
        self.stop_at = -1
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                time.sleep(WAIT_S)
                try:
                    shop.answer(self)
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # its name
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """A client that was killed is no error."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        lines = (
            json.dumps(
                {
                    "id": f"p{number}",
                    "title": f"Product {number}",
                    "image": f"http://{self.host}/{number}.jpg",
                }
            )
            for number in range(len(photos))
        )
        self.feed = "\n".join(lines).encode()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        path = handler.path
        if path == "/feed.jsonl":
            body, status = self.feed, 200
        else:
            self.asked.append(path)
            if len(self.asked) == self.stop_at:
                self.at.set()
            if path in self.busy:
                self.busy.discard(path)
                body, status = b"", 503
            elif int(path.strip("/").removesuffix(".jpg")) < GONE:
                body, status = b"gone", 404
            else:
                body, status = self.photos[path], 200
        etag = f'"{hashlib.sha256(body).hexdigest()}"'
        if status == 200 and handler.headers.get("If-None-Match") == etag:
            body, status = b"", 304
        handler.send_response(status)
        if status in (200, 304):
            handler.send_header("ETag", etag)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        self.sent += status == 200 and path != "/feed.jsonl"


def command(shop: Shop, catalog: Path) -> subprocess.Popen[str]:
    """Start an index run."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "furniture_prompter.cli.main", "index"),
            *(f"http://{shop.host}/feed.jsonl", "--catalog", str(catalog)),
            *("--download", "--json"),
        ],
        env={**os.environ, "FURNITURE_PROMPTER_ALLOW_PRIVATE_HOSTS": shop.host},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def run(what: str, shop: Shop, catalog: Path) -> dict[str, Any]:
    """One run to its end, as a row of the table."""
    shop.asked.clear()
    shop.sent = 0
    began = time.perf_counter()
    output, _ = command(shop, catalog).communicate()
    seconds = time.perf_counter() - began
    summary = json.loads(output)
    downloads = summary["downloads"]
    return {
        "what": what,
        "s": round(seconds, 1),
        "asked": len(shop.asked),
        "sent": shop.sent,
        "unchanged (304)": downloads["unchanged"],
        "not asked again": downloads["not_asked"],
        "asked again": downloads["retries"],
        "failed": downloads["failed"],
        "encoded": summary["photos"]["encoded"],
        "products": summary["products"]["total"],
    }


def killed(shop: Shop, catalog: Path) -> dict[str, Any]:
    """A run that is killed when half of the photos were asked for."""
    shop.stop_at = PHOTOS // 2
    began = time.perf_counter()
    process = command(shop, catalog)
    if not shop.at.wait(600):
        raise SystemExit("The run never asked for half of the photos.")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    shop.stop_at = -1
    return {
        "what": "first run, killed at half",
        "s": round(time.perf_counter() - began, 1),
        "asked": len(shop.asked),
        "sent": shop.sent,
    }


def figures(shop: Shop, catalog: Path, others: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """All runs, one after the other."""
    rows = [killed(shop, catalog), run("started again", shop, catalog)]
    if rows[1]["asked again"] != BUSY // 2:
        raise SystemExit(f"{rows[1]['asked again']} asked again instead of {BUSY // 2}.")
    shop.photos.update(others)
    rows.append(run("1 % changed", shop, catalog))
    rows.append(run("nothing changed", shop, catalog))
    expected = {"encoded": [CHANGED, 0], "sent": [CHANGED, 0], "failed": [GONE, GONE]}
    for name, wanted in expected.items():
        if [row[name] for row in rows[2:]] != wanted:
            raise SystemExit(f"{name}: {[row[name] for row in rows[2:]]} instead of {wanted}.")
    return rows


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_output_option(parser, "downloads")
    arguments = parser.parse_args(words)
    data = bundled()
    files = [path.read_bytes() for row in data.products for path in row.images]
    photos = [
        files[number % len(files)] + number.to_bytes(8, "big") for number in range(PHOTOS + CHANGED)
    ]
    shop = Shop(photos[:PHOTOS])
    others = {
        f"/{number}.jpg": photos[PHOTOS + place]
        for place, number in enumerate(range(500, 500 + CHANGED))
    }
    with tempfile.TemporaryDirectory() as work:
        rows = figures(shop, Path(work) / "catalog", others)
    print(*rows, sep="\n", file=sys.stderr)
    write_result(
        arguments.out,
        title="A feed and photos by address",
        data=[data.source],
        method=METHOD,
        figures={"rows": rows},
        encoders=card_hashes("default", "default-prompt"),
    )


if __name__ == "__main__":
    main()
