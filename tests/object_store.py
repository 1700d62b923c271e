"""An object store on loopback for tests: as much of S3 as a catalog asks for, and faults.

It answers HEAD, GET with ranges and If-None-Match, PUT with If-None-Match and If-Match, multipart
uploads, listing and deleting.
"""

import hashlib
import re
import threading
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

from tests.loopback import LoopbackServer, Quiet

BUCKET = "shops"
_KEY = re.compile(r"<Key>([^<]*)</Key>")


class ObjectStore(LoopbackServer):
    """The store, with one bucket.

    Attributes:
        objects: Content by key.
        asked: Method and key of every request.
        on_request: Called with both before the answer; what it returns is the status to fail with.
        lost: Keys of which a PUT is taken, and the answer is that it failed.
        cut: Bytes after which the body of a GET of an object breaks off; None for never.
        honours_conditions: Whether a PUT heeds its conditions.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: deque[tuple[str, str]] = deque()
        self.on_request: Callable[[str, str], int | None] = lambda _method, _key: None
        self.lost: set[str] = set()
        self.cut: int | None = None
        self.honours_conditions = True
        self.lock = threading.Lock()
        self.uploads: dict[str, dict[int, bytes]] = {}

    def handler(self) -> type[BaseHTTPRequestHandler]:
        store = self

        class Handler(_Handler):
            owner = store

        return Handler

    def count(self, method: str, part: str = "") -> int:
        return sum(each == method and part in key for each, key in self.asked)


def _tag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


class _Handler(Quiet, BaseHTTPRequestHandler):
    owner: ObjectStore

    def _begin(self) -> tuple[str, dict[str, list[str]], bytes] | None:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.owner.asked.append((self.command, key))
        status = self.owner.on_request(self.command, key)
        if status is not None:
            self._answer(status, b"<Error><Code>Asked</Code><Message>AKIAEXAMPLE</Message></Error>")
            return None
        if bucket != BUCKET:
            self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
            return None
        return key, parse_qs(parts.query, keep_blank_values=True), body

    def _answer(self, status: int, body: bytes = b"", /, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if (begun := self._begin()) is None:
            return
        key, query, _ = begun
        if "list-type" in query:
            self._list(query["prefix"][0])
            return
        content = self.owner.objects.get(key)
        if content is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        told = {"ETag": _tag(content), "Last_Modified": "Mon, 02 Nov 2026 10:00:00 GMT"}
        if self.headers.get("If-None-Match") == told["ETag"]:
            self._answer(304, b"", **told)
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        status, body = 200, content
        if asked is not None:
            first, last = int(asked[1]), int(asked[2] or len(content) - 1)
            status, body = 206, content[first : last + 1]
            told["Content_Range"] = f"bytes {first}-{first + len(body) - 1}/{len(content)}"
        if self.owner.cut is not None and "objects/" in key and len(body) > self.owner.cut:
            self.close_connection = True
            self._answer(status, body[: self.owner.cut], Content_Length=str(len(body)), **told)
            return
        self._answer(status, body, **told)

    def do_HEAD(self) -> None:
        if (begun := self._begin()) is None:
            return
        content = self.owner.objects.get(begun[0])
        told = {"Last_Modified": "Mon, 02 Nov 2026 10:00:00 GMT"}
        if content is None:
            self._answer(404)
        else:
            self._answer(200, b"", ETag=_tag(content), Content_Length=str(len(content)), **told)

    def _list(self, prefix: str) -> None:
        with self.owner.lock:
            found = sorted(
                item for item in self.owner.objects.items() if item[0].startswith(prefix)
            )
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size>"
            "<LastModified>2026-11-02T10:00:00.000Z</LastModified></Contents>"
            for key, content in found
        )
        self._answer(
            200,
            f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>".encode(),
        )

    def do_PUT(self) -> None:
        if (begun := self._begin()) is None:
            return
        key, query, body = begun
        with self.owner.lock:
            if "uploadId" in query:
                self.owner.uploads[query["uploadId"][0]][int(query["partNumber"][0])] = body
            else:
                there = self.owner.objects.get(key)
                tag = None if there is None else _tag(there)
                wanted, unless = self.headers.get("If-Match"), self.headers.get("If-None-Match")
                refused = (wanted is not None and wanted != tag) or (
                    unless == "*" and tag is not None
                )
                if refused and self.owner.honours_conditions:
                    self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
                    return
                self.owner.objects[key] = body
                if key in self.owner.lost:
                    self.owner.lost.remove(key)
                    self._answer(500, b"<Error><Code>InternalError</Code></Error>")
                    return
        self._answer(200, b"", ETag=_tag(body))

    def do_POST(self) -> None:
        if (begun := self._begin()) is None:
            return
        key, query, body = begun
        with self.owner.lock:
            if "uploads" in query:
                name = f"upload-{len(self.owner.uploads)}"
                self.owner.uploads[name] = {}
                self._answer(
                    200,
                    "<InitiateMultipartUploadResult>"
                    f"<UploadId>{name}</UploadId></InitiateMultipartUploadResult>".encode(),
                )
            elif "uploadId" in query:
                parts = self.owner.uploads.pop(query["uploadId"][0])
                content = b"".join(parts[number] for number in sorted(parts))
                self.owner.objects[key] = content
                self._answer(
                    200,
                    "<CompleteMultipartUploadResult>"
                    f"<ETag>{escape(_tag(content))}</ETag></CompleteMultipartUploadResult>".encode(),
                )
            else:
                keys = [unescape(each) for each in _KEY.findall(body.decode())]
                for each in keys:
                    self.owner.objects.pop(each, None)
                rows = "".join(f"<Deleted><Key>{escape(each)}</Key></Deleted>" for each in keys)
                self._answer(200, f"<DeleteResult>{rows}</DeleteResult>".encode())

    def do_DELETE(self) -> None:
        if (begun := self._begin()) is None:
            return
        with self.owner.lock:
            self.owner.objects.pop(begun[0], None)
        self._answer(204)
