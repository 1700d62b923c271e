"""The client of object storage: bounded in time and bytes, its errors in words without secrets."""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from furniture_prompter.atomic_files import sha256_of
from furniture_prompter.catalog.addresses import Address
from furniture_prompter.catalog.remote import (
    HEAD,
    AlteredHeadError,
    AlteredObjectError,
    Head,
    ListName,
    Stored,
    VersionList,
    photo_files,
)
from furniture_prompter.errors import CatalogStoreError, install_line

# Of all that is parsed but the list of photos: a few MB of JSON are hundreds of MB as objects.
LIMIT_PARSED_BYTES: Final = 8_000_000
_LIMIT_PHOTO_LIST_BYTES: Final = 512_000_000
# The nearest to the service goes first, as in Amazon's own clients.
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
# What the client sends in headers; it ends in a panic over a line end there.
_SENT: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
)
_CHUNK_BYTES: Final = 1_048_576
_CODE: Final = re.compile(r"<Code>([A-Za-z0-9]{1,60})</Code>")
_STATUS: Final = re.compile(r"status code: ([0-9]{3})")


class ObjectMissingError(CatalogStoreError):
    """The store has no object of that name."""


class Store:
    """One address; safe to use from several threads."""

    def __init__(
        self, address: Address, *, endpoint: str | None, timeout_s: float, attempts: int
    ) -> None:
        """Take an address; nothing is asked yet.

        An environment that does not fit is told by the first request: what was copied before is
        searched all the same.

        Args:
            address: The address.
            endpoint: Address of an S3-compatible service; AWS, or AWS_ENDPOINT_URL, when None.
            timeout_s: Longest wait for a connection, and for the next bytes of an answer.
            attempts: How often is asked what fails for reasons that may pass.

        Raises:
            CatalogStoreError: the extra is not installed.
        """
        self.address = address
        try:
            from obstore.exceptions import BaseError
            from obstore.store import S3Store
        except ModuleNotFoundError as error:
            raise CatalogStoreError(
                f"A catalog in object storage needs obstore. {install_line('s3')}"
            ) from error
        self._failures: tuple[type[Exception], ...] = (BaseError, ValueError)
        chosen = endpoint or next(filter(None, map(os.environ.get, _ENDPOINTS)), None)
        self._refused = _unfit(chosen)
        wait = timedelta(seconds=timeout_s)
        try:
            with self._asking("opened"):
                self._store: Any = S3Store(
                    address.bucket,
                    prefix=address.prefix or None,
                    config={"endpoint": chosen} if chosen else {},
                    client_options={
                        # Only what was asked for in so many words goes over the wire unencrypted.
                        "allow_http": bool(chosen and chosen.startswith("http://")),
                        "connect_timeout": wait,
                        "read_timeout": wait,
                        # Of one request whole; a file goes on where it broke off.
                        "timeout": 20 * wait,
                    },
                    retry_config={
                        "max_retries": attempts - 1,
                        "retry_timeout": attempts * wait,
                        "backoff": {
                            "init_backoff": timedelta(milliseconds=100),
                            "max_backoff": timedelta(seconds=5),
                            "base": 2,
                        },
                    },
                )
        except CatalogStoreError as error:
            self._refused = str(error)

    def head(self, unless: str | None = None) -> tuple[Head, str] | None:
        """The head, with its entity tag.

        Args:
            unless: An entity tag; where the head still has it, None is returned.

        Raises:
            ObjectMissingError: nothing was ever pushed there.
            AlteredHeadError: it is not what this project writes.
            CatalogStoreError, CatalogFormatError: see those.
        """
        import obstore
        from obstore.exceptions import NotModifiedError

        try:
            with self._asking("read"):
                found = obstore.get(
                    self._store, HEAD, options={"if_none_match": unless} if unless else {}
                )
                e_tag = found.meta["e_tag"] or ""
                content = self._content(found, LIMIT_PARSED_BYTES)
            return Head.parse(content, self.address), e_tag
        except NotModifiedError:
            return None
        except AlteredObjectError as error:
            raise AlteredHeadError(str(error), e_tag) from error

    def content(self, key: str, size: int, sha256: str, limit: int = LIMIT_PARSED_BYTES) -> bytes:
        """A small object, checked.

        Args:
            key: Its name.
            size: Its size in bytes.
            sha256: Its hash.
            limit: Bytes that it may have at the most.

        Raises:
            ObjectMissingError, AlteredObjectError, CatalogStoreError: see those.
        """
        import obstore

        with self._asking("read"):
            content = self._content(obstore.get(self._store, key), min(size, limit))
        if hashlib.sha256(content).hexdigest() != sha256:
            raise self._altered(key)
        return content

    def version_list(self, name: ListName) -> VersionList:
        """The files of a version; raises as :meth:`content` does."""
        content = self.content(name.key, name.size, name.sha256)
        return VersionList.parse(content, self.address)

    def photo_list(self, version: VersionList) -> bytes:
        """The list of a version's photos; raises as :meth:`content` does."""
        listed = version.photos
        return self.content(listed.key, listed.size, listed.sha256, _LIMIT_PHOTO_LIST_BYTES)

    def photos(self, version: VersionList) -> dict[str, Stored]:
        """The photos of a version; raises as :meth:`content` does."""
        return photo_files(self.photo_list(version), self.address)

    def _content(self, found: Any, limit: int) -> bytes:
        if found.meta["size"] > limit:
            raise AlteredObjectError(
                f"An object at {self.address} is larger than it may be ({found.meta['size']:,} "
                "bytes). Name the address of a pushed catalog, or push it again with --replace."
            )
        return bytes(found.bytes())

    def fetch(self, stored: Stored, path: Path, still_wanted: Callable[[], bool]) -> None:
        """Bring an object to a file, going on where an earlier try stopped.

        Args:
            stored: The object.
            path: The file; when this returns, it is whole, checked and on the disk.
            still_wanted: Asked between parts; where it says no, an InterruptedError is raised.

        Raises:
            ObjectMissingError, CatalogStoreError: see those.
            OSError: the disk is full or cannot be written.
        """
        try:
            self._fetch(stored, path, still_wanted)
        except ObjectMissingError:
            raise
        except CatalogStoreError:
            # Requests were tried several times; an answer that broke off or came altered was not.
            self._fetch(stored, path, still_wanted)

    def _fetch(self, stored: Stored, path: Path, still_wanted: Callable[[], bool]) -> None:
        import obstore

        have = path.stat().st_size if path.is_file() else 0
        if have > stored.size:
            path.unlink()
            have = 0
        with path.open("ab") as file:
            if have < stored.size:
                with self._asking("read"):
                    options: Any = {"range": {"offset": have}} if have else {}
                    found = obstore.get(self._store, stored.key, options=options)
                    if found.meta["size"] != stored.size:
                        raise self._altered(stored.key)
                    for part in found.stream(_CHUNK_BYTES):
                        if not still_wanted():
                            raise InterruptedError
                        have += len(part)
                        if have > stored.size:
                            break
                        file.write(part)
            file.flush()
            os.fsync(file.fileno())
        if sha256_of(path) != stored.sha256:
            path.unlink()
            raise self._altered(stored.key)

    def put(self, key: str, content: bytes | Path) -> None:
        """Store bytes that no other object of that name ever differs from.

        Raises:
            CatalogStoreError: it was not taken.
        """
        import obstore

        with self._asking("written"):
            obstore.put(self._store, key, content, max_concurrency=2)

    def put_unless_changed(self, key: str, content: bytes, e_tag: str | None) -> bool:
        """Store bytes where nothing lies, or where what lies there has an entity tag.

        Args:
            key: Name of the object.
            content: All of it.
            e_tag: The tag; None where nothing may lie there.

        Returns:
            Whether it was stored.

        Raises:
            CatalogStoreError: it is not known whether it was.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        mode: Any = "create" if e_tag is None else {"e_tag": e_tag}
        try:
            with self._asking("written"):
                obstore.put(self._store, key, content, mode=mode, use_multipart=False)
        except (AlreadyExistsError, PreconditionError, ObjectMissingError):
            return False
        return True

    def has(self, key: str) -> bool:
        """Whether there is an object of that name."""
        import obstore

        try:
            with self._asking("read"):
                obstore.head(self._store, key)
        except ObjectMissingError:
            return False
        return True

    def sizes(self, prefix: str) -> dict[str, int]:
        """Sizes of the objects below a prefix of whole names, by key, in bytes."""
        import obstore

        with self._asking("listed"):
            return {
                meta["path"]: meta["size"]
                for chunk in obstore.list(self._store, prefix)
                for meta in chunk
            }

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; one that is gone already is as good.

        Raises:
            CatalogStoreError: one is still there.
        """
        import obstore

        wanted = list(keys)
        with self._asking("deleted"):
            for start in range(0, len(wanted), 1_000):
                obstore.delete(self._store, wanted[start : start + 1_000])

    def _altered(self, key: str) -> AlteredObjectError:
        return AlteredObjectError(
            f"The object {key} at {self.address} is not what was pushed. Push the catalog again "
            "with --replace; copies that are whole go on."
        )

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Turn what the client reports into a sentence without addresses, headers or keys."""
        from obstore import exceptions as told

        if self._refused is not None:
            raise CatalogStoreError(self._refused)
        try:
            yield
        except (told.AlreadyExistsError, told.PreconditionError, told.NotModifiedError):
            raise
        except FileNotFoundError as error:
            raise ObjectMissingError(
                f"Nothing was found at {self.address} ({_reason(error)}). Check bucket and prefix, "
                f"or push there first: furniture-prompter catalog push {self.address} --catalog DIR"
            ) from error
        except (told.PermissionDeniedError, told.UnauthenticatedError) as error:
            raise CatalogStoreError(
                f"{self.address} may not be {what} with the credentials of this process, or is not "
                f"there ({_reason(error)}). Check AWS_ACCESS_KEY_ID and what belongs to it, and "
                "the policy that docs/scale.md has."
            ) from None
        except InterruptedError:
            raise
        except self._failures as error:
            raise CatalogStoreError(
                f"{self.address} could not be {what} ({_reason(error)}). Check the network, the "
                "endpoint (AWS_ENDPOINT_URL), the region (AWS_REGION) and the credentials "
                "(AWS_ACCESS_KEY_ID, or a role), and try again."
            ) from None
        except BaseException as error:
            # A panic of the client is no Exception, and its words may hold what it choked on.
            if type(error).__name__ != "PanicException":
                raise
            raise CatalogStoreError(
                f"{self.address} could not be {what}: the client broke down over what it was "
                "given. Check the environment's AWS_ variables (endpoint, region, keys) for "
                "characters that do not belong there, and try again."
            ) from None


def _unfit(endpoint: str | None) -> str | None:
    """What is wrong with the environment; None where nothing is."""
    for name in _SENT:
        value = os.environ.get(name, "")
        if not value.isascii() or not value.isprintable() or " " in value:
            return (
                f"{name} holds a line end, a blank or another character that does not belong in "
                f'it. Set it without, such as {name}="$(cat FILE)", which drops the line end of a '
                "file."
            )
    try:
        parts = None if endpoint is None else urlsplit(endpoint)
        fits = parts is None or (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and endpoint is not None
            # urlsplit forgives a blank before and line ends within.
            and endpoint.startswith(("http://", "https://"))
            and endpoint.isprintable()
            and " " not in endpoint
        )
    except ValueError:
        fits = False
    if fits:
        return None
    return (
        "The address of the S3-compatible service (AWS_ENDPOINT_URL) has to be http:// or https:// "
        "and a host, without blanks. Write it like https://minio.intern:9000."
    )


def _reason(error: BaseException) -> str:
    text = str(error)
    code, status = _CODE.search(text), _STATUS.search(text)
    if code is not None:
        return code[1]
    if status is not None:
        return f"status {status[1]}"
    # The client's words after the address, such as "HTTP error: operation timed out".
    line = text.strip().splitlines()[0] if text.strip() else type(error).__name__
    return line.rpartition(" - ")[2].partition("<")[0].strip()[:120]
