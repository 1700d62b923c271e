"""What pages load and are written from: styles, scripts and drawings by content, and templates."""

import gzip
import hashlib
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from jinja2 import Environment

FILE_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "private, no-cache",
    # Without it a form that sends a photo says that it comes from nowhere ("Origin: null").
    "Referrer-Policy": "same-origin",
    "Vary": "Accept, Accept-Language",
}
_IMMUTABLE: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Vary": "Accept-Encoding",
}


class PageFiles:
    """What pages load, under one hash of it all: modules import each other by plain names.

    Attributes:
        packed: Each file as browsers that take gzip get it, by name.
        digest: The hash.
    """

    def __init__(self) -> None:
        """Read them from the package."""
        folder = files("furniture_prompter.web").joinpath("static")
        self._plain = {each.name: each.read_bytes() for each in folder.iterdir()}
        self.packed = {name: gzip.compress(data, 9, mtime=0) for name, data in self._plain.items()}
        whole = hashlib.sha256()
        for name in sorted(self._plain):
            whole.update(name.encode() + b"\0" + hashlib.sha256(self._plain[name]).digest())
        self.digest = whole.hexdigest()[:16]

    def answer(self, digest: str, name: str, accepted: str) -> Response:
        """A file, packed where the browser takes that."""
        if digest != self.digest or name not in self._plain:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        headers = dict(_IMMUTABLE)
        packed = "gzip" in accepted
        if packed:
            headers["Content-Encoding"] = "gzip"
        data = (self.packed if packed else self._plain)[name]
        return Response(data, media_type=FILE_TYPES[name.rpartition(".")[2]], headers=headers)


STATIC: Final = PageFiles()


@cache
def templates() -> "Environment":
    """What pages are written from; a server that only answers programs loads none of it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("furniture_prompter.web", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )


def root_of(request: Request) -> str:
    """The way from a page to the server's own root, which may lie at any path of any host."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    raw = request.scope.get("raw_path")
    steps = (
        raw.count(b"/") - request.scope.get("root_path", "").count("/") if raw else path.count("/")
    )
    return "../" * (steps - 1) or "./"
