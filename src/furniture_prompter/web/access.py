"""API keys, and authentication before any of a request's body is read."""

import hashlib
import hmac
import ipaddress
import json
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from fastapi import Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from furniture_prompter.catalog.manifest import replace_file
from furniture_prompter.errors import CatalogWriteError, ServeError
from furniture_prompter.settings import ServeSettings
from furniture_prompter.timing import utc_now
from furniture_prompter.web.errors import ApiError, send_error
from furniture_prompter.web.page_words import Words, language_of

_LOG = logging.getLogger("furniture_prompter.web")

Scope = Literal["read", "write"]
SCOPES: Final[tuple[Scope, ...]] = ("read", "write")
# So that scanners of leaked secrets can tell what it is.
_PREFIX: Final = "fp_"
_RANDOM_BYTES: Final = 32
# A longer one is none of ours, and is not worth a hash.
_LIMIT_KEY_CHARACTERS: Final = 200
_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}")
# A key that was taken out of the file stops working within this time.
_LOOK_AGAIN_S: Final = 1.0
# Writing a file takes milliseconds; who waits longer waits for a process that stands still.
_LOCK_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Key:
    """Who asks.

    Attributes:
        name: What the key was called when it was made.
        scopes: What it may do.
    """

    name: str
    scopes: frozenset[Scope]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=_NAME)
    scopes: tuple[Scope, ...] = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    created: str


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: Literal[1] = 1
    keys: tuple[_Entry, ...] = ()


class Keys:
    """The keys of a file, which may change while the server runs."""

    def __init__(self, path: Path, entries: Iterable[_Entry], changed_ns: int) -> None:
        """Use :meth:`load`."""
        self._path = path
        self._changed_ns = changed_ns
        self._looked_s = time.monotonic()
        self._keys = _by_hash(entries)

    @classmethod
    def load(cls, path: Path) -> "Keys":
        """Read a file of keys.

        Raises:
            ServeError: it is missing, damaged, or holds no key.
        """
        changed_ns = _changed_ns(path)
        entries = _read(path).keys
        if changed_ns is None or not entries:
            raise ServeError(
                f"There are no API keys in {path}. Make one with: furniture-prompter serve "
                f"--api-keys {path} --new-key NAME"
            )
        return cls(path, entries, changed_ns)

    def check(self, key: str) -> Key | None:
        """Who a key belongs to; None for a wrong one.

        Takes the same time whichever key it is nearest to: hashes are compared, and all of them.
        """
        self._look_again()
        if not key.isascii() or len(key) > _LIMIT_KEY_CHARACTERS:
            return None
        digest = hashlib.sha256(key.encode("ascii")).digest()
        found: Key | None = None
        for stored, holder in self._keys:
            if hmac.compare_digest(stored, digest):
                found = holder
        return found

    def _look_again(self) -> None:
        now_s = time.monotonic()
        if now_s - self._looked_s < _LOOK_AGAIN_S:
            return
        self._looked_s = now_s
        changed_ns = _changed_ns(self._path)
        if changed_ns is None or changed_ns == self._changed_ns:
            return
        self._changed_ns = changed_ns
        try:
            self._keys = _by_hash(_read(self._path).keys)
        except ServeError as error:
            _LOG.error("The API keys stay as they were. %s", error)


def add_key(path: Path, name: str, scopes: Iterable[Scope]) -> str:
    """Make a key and add its hash to a file, made if it is not there.

    Processes that do so at once wait for one another, so that none writes over another's key.

    Returns:
        The key; it is kept nowhere.

    Raises:
        ServeError: the name is taken or none, or the file is damaged, cannot be written or is
            being written for longer than ten seconds.
    """
    if not _NAME.fullmatch(name):
        raise ServeError(
            f"{name!r} cannot be a key's name. Use up to 64 letters, digits, dots, dashes and "
            "underscores."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=_LOCK_TIMEOUT_S):
            return _add_key(path, name, scopes)
    except Timeout as error:
        raise ServeError(
            f"Another process is writing the API keys at {path}. Wait for it to finish, or stop it."
        ) from error
    except (OSError, CatalogWriteError) as error:
        raise ServeError(
            f"The API keys at {path} cannot be written. Mend the permissions, or name another file."
        ) from error


def _add_key(path: Path, name: str, scopes: Iterable[Scope]) -> str:
    held = _read(path) if path.exists() else _File()
    if any(entry.name == name for entry in held.keys):
        raise ServeError(
            f"There is a key {name!r} in {path} already. Choose another name, or take that entry "
            "out of the file first."
        )
    key = _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    entry = _Entry(
        name=name,
        scopes=tuple(scope for scope in SCOPES if scope in set(scopes)),
        sha256=hashlib.sha256(key.encode("ascii")).hexdigest(),
        created=utc_now(),
    )
    content = _File(keys=(*held.keys, entry)).model_dump()
    # Written beside and renamed, readable for its owner alone, as mkstemp makes files.
    replace_file(path, (json.dumps(content, indent=2) + "\n").encode("utf-8"))
    return key


def refuse_public_without_keys(settings: ServeSettings) -> None:
    """Raise :class:`ServeError` where anybody on the network could ask, and nobody said so."""
    if settings.api_keys is not None or settings.open_access or is_loopback(settings.host):
        return
    raise ServeError(
        f"{settings.host} can be reached from other machines, and there are no API keys. Name a "
        "file of keys with --api-keys (furniture-prompter serve --new-key NAME makes one), listen "
        "on 127.0.0.1, or allow everybody with --open-access."
    )


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The key that a request bears, from ``Authorization: Bearer`` or ``X-API-Key``."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and value.strip():
        return value.strip()
    return headers.get("x-api-key", "").strip() or None


def is_loopback(host: str) -> bool:
    """Whether a name or address, IPv6 in brackets or not, is this machine's own to itself alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _by_hash(entries: Iterable[_Entry]) -> tuple[tuple[bytes, Key], ...]:
    return tuple(
        (bytes.fromhex(entry.sha256), Key(entry.name, frozenset(entry.scopes))) for entry in entries
    )


def _changed_ns(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _read(path: Path) -> _File:
    try:
        raw: Any = json.loads(path.read_text("utf-8"))
        return _File.model_validate(raw)
    except OSError as error:
        raise ServeError(
            f"The API keys at {path} cannot be read ({error.strerror}). Check the path and its "
            "permissions; furniture-prompter serve --new-key NAME makes a file."
        ) from error
    except (ValueError, ValidationError) as error:
        # Neither the file's words nor pydantic's input: a hash is nothing for a log.
        raise ServeError(
            f"The API keys at {path} are damaged. Restore the file, or make a new one with "
            "furniture-prompter serve --new-key NAME."
        ) from error


EMBEDDING: Final = "/furniture-prompter.js"
"""The module that puts the page into a shop's own."""
ADMIN: Final = "/admin"
"""The shop's side: the page is everybody's, and what it shows asks for a key."""
REPORT_FRAME: Final = f"{ADMIN}/report-view"
"""An empty page, which the shop's side fills."""
# For whoever watches over the process and cannot know a key, and the description of the API.
OPEN_PATHS: Final = frozenset(
    {"/healthz", "/readyz", "/docs", "/openapi.json", ADMIN, REPORT_FRAME}
)
# What the page loads holds nothing of a catalog; the page itself tells who has no key where to go.
_OPEN_FOLDER: Final = "/page/"
_WELCOMING: Final = "/"
_READING: Final = frozenset({"GET", "HEAD"})
_SIMPLE_TYPES: Final = frozenset(
    {"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"}
)
# The framework's own checks are off: the middleware decides, these only describe.
_BEARER: Final = HTTPBearer(auto_error=False, description="An API key.")
_HEADER: Final = APIKeyHeader(name="X-API-Key", auto_error=False, description="An API key.")


def is_open(path: str) -> bool:
    """Whether a path is everybody's: without a key, and as often as they like."""
    return path in OPEN_PATHS or path == EMBEDDING or path.startswith(_OPEN_FOLDER)


class Authenticate:
    """Tells who asks: ``scope["state"]`` gets ``key_name`` ("" without keys) and ``scopes``."""

    def __init__(self, app: ASGIApp, keys: Keys | None) -> None:
        """Wrap an application.

        Args:
            app: The application.
            keys: The keys; None lets everybody do everything.
        """
        self._app = app
        self._keys = keys

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["key_name"], state["scopes"] = "", frozenset(SCOPES)
        if self._keys is not None and not is_open(scope["path"]):
            presented = presented_key(Headers(scope=scope))
            key = self._keys.check(presented) if presented is not None else None
            if presented is None and scope["path"] == _WELCOMING and scope["method"] in _READING:
                state["scopes"] = frozenset()
                await self._app(scope, receive, send)
                return
            if key is None:
                refused = _unauthorized(presented is not None)
                if scope["path"].startswith(f"{ADMIN}/"):
                    refused = spoken(refused, words_of(HTTPConnection(scope)))
                await send_error(scope, receive, send, refused)
                return
            state["key_name"], state["scopes"] = key.name, key.scopes
        await self._app(scope, receive, send)


def require(scope: Scope) -> Callable[..., Awaitable[None]]:
    """A dependency that lets a request through whose key has a scope.

    It refuses everything where :class:`Authenticate` did not run.
    """

    async def allowed(
        request: Request,
        bearer: Annotated[object, Security(_BEARER)],  # noqa: ARG001  (for the API's description)
        header: Annotated[object, Security(_HEADER)],  # noqa: ARG001  (for the API's description)
    ) -> None:
        if scope not in request.scope.get("state", {}).get("scopes", ()):
            raise ApiError(
                403, "forbidden", f"This key may not {scope}. Use one with the scope {scope}."
            )
        if scope == "write":
            _refuse_simple(request)

    return allowed


def _refuse_simple(request: Request) -> None:
    """Without a key, take for writing only what no page of another site can send unasked.

    Browsers send a POST of these types anywhere (the Fetch standard's simple requests, also under
    ``no-cors``); for a key, another type or another method they ask the server first.
    """
    if request.method != "POST" or presented_key(request.headers) is not None:
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _SIMPLE_TYPES:
        raise ApiError(
            415,
            "unsupported_media_type",
            "Writing without a key needs a Content-Type that tells what is sent, such as "
            "application/x-ndjson for a batch.",
        )


def words_of(request: HTTPConnection) -> Words:
    """Words of the language of a page that asks."""
    named = request.query_params.get("lang", "")
    return Words(language_of(named, request.headers.get("accept-language", "")))


def spoken(error: ApiError, words: Words, *, unfit: bool = False) -> ApiError:
    """An error of the shop's side in a page's language: by its message, else by its code.

    Args:
        error: The error; its message may be told in that language already.
        words: Of the language.
        unfit: Whether the request did not fit its schema, which the message tells in English.
    """
    text = words.error(error.message)
    if text is None and error.code == "unauthorized":
        text = words("admin_refused")
    elif text is None and unfit:
        text = words("admin_unfit")
    elif text is None and error.code in words.problems:
        text = words.problem(error.code)
    return ApiError(error.status, error.code, text or error.message, error.headers)


def _unauthorized(presented: bool) -> ApiError:
    what = "The API key is not valid." if presented else "An API key is needed."
    return ApiError(
        401,
        "unauthorized",
        f"{what} Send one as `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
        {"WWW-Authenticate": "Bearer"},
    )
