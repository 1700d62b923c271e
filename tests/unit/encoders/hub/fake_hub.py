"""A model hub on loopback: what huggingface_hub asks of the real one, over some local folders."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.loopback import LoopbackServer, Quiet

COMMIT = "c0ffee" + "0" * 34


@dataclass
class FakeHub:
    """One repository, ``shop/tiny``, with one commit.

    Attributes:
        folder: Its files; safetensors are in large file storage, the rest in git.
        revisions: What the commit may be called.
        replaced: Bytes to send in place of a file's own, by name.
        licence: What its model card states; None for no card.
        address: Where it listens.
        asked: Paths that were asked for.
    """

    folder: Path
    revisions: tuple[str, ...] = ("main", COMMIT)
    replaced: dict[str, bytes] = field(default_factory=dict)
    licence: str | None = "apache-2.0"
    address: str = ""
    asked: list[str] = field(default_factory=list)

    def listing(self) -> dict[str, Any]:
        siblings = []
        for path in sorted(self.folder.iterdir()):
            data = path.read_bytes()
            entry: dict[str, Any] = {"rfilename": path.name, "size": len(data)}
            entry["blobId"] = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()  # noqa: S324 - git's object hash
            if path.suffix == ".safetensors":
                sha256 = hashlib.sha256(data).hexdigest()
                entry["lfs"] = {"sha256": sha256, "size": len(data), "pointerSize": 130}
            siblings.append(entry)
        card = {} if self.licence is None else {"cardData": {"license": self.licence}}
        return {"_id": "1", "id": "shop/tiny", "sha": COMMIT, "siblings": siblings} | card

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and bytes for a path."""
        self.asked.append(path)
        bare = path.partition("?")[0].replace("%2F", "/")
        prefix = "/api/models/shop/tiny/revision/"
        if bare.startswith(prefix):
            if bare.removeprefix(prefix) not in self.revisions:
                return 404, {"X-Error-Code": "RevisionNotFound"}, b""
            return 200, {}, json.dumps(self.listing()).encode()
        prefix = f"/shop/tiny/resolve/{COMMIT}/"
        file = self.folder / bare.removeprefix(prefix)
        if bare.startswith(prefix) and file.is_file():
            data = self.replaced.get(file.name, file.read_bytes())
            etag = hashlib.sha256(data).hexdigest()
            return 200, {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'}, data
        return 404, {"X-Error-Code": "RepoNotFound"}, b""


class _Server(LoopbackServer):
    def __init__(self, hub: FakeHub) -> None:
        self._hub = hub

    def handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(Quiet, BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.serve(self)

            do_HEAD = do_GET  # noqa: N815 - the name http.server wants

        return Handler

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        status, headers, data = self._hub.answer(handler.path)
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(data)


@contextmanager
def serve(hub: FakeHub) -> Iterator[FakeHub]:
    """Serve ``hub`` inside ``with``, at ``hub.address``."""
    with _Server(hub) as server:
        hub.address = server.url
        yield hub
