"""Answers on their way to the disk: bounded, hashed, and what makes asking again cheap."""

import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from furniture_prompter.fetching.public_addresses import AddressError
from furniture_prompter.fetching.records import Record

HEAD_BYTES: Final = 4_096
# What a validator or a file's name may have: longer ones are no such thing.
LIMIT_HEADER_CHARACTERS: Final = 1_024
_DECODED: Final = frozenset({"identity", "gzip", "x-gzip"})
_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?([0-9]{1,9})", re.IGNORECASE)
_NEVER_FRESH: Final = re.compile(r"(?:^|[\s,])no-(?:cache|store)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Body:
    """What an answer held, in a file.

    Attributes:
        sha256: Of its bytes, hexadecimal.
        size_bytes: How many they are.
        head: The first of them.
    """

    sha256: str
    size_bytes: int
    head: bytes


async def save(
    response: httpx.Response, path: Path, limit_bytes: int, *, decoded: bool = False
) -> Body:
    """Write the body of an answer to a file.

    It is not flushed to the disk: whoever relies on it compares its size, and a catalog flushes
    what it refers to before it is committed.

    Args:
        response: The answer, its body unread.
        path: The file.
        limit_bytes: Most bytes, after decoding.
        decoded: Whether compressed answers are taken, and decoded; refused otherwise.

    Raises:
        AddressError: there are more bytes, or none, or the connection broke off.
        OSError: the disk cannot be written.
    """
    coding = response.headers.get("content-encoding", "").strip().lower() or "identity"
    if coding != "identity" and not decoded:
        raise AddressError("answered in a compressed form", "Let its server send it as it is")
    # Each decoder makes up to a thousand bytes of one before any can be counted, so two of them
    # make a million; what was asked for is one.
    if coding not in _DECODED:
        raise AddressError(
            "answered in a compressed form that was not asked for",
            "Let its server send it as it is, or compressed once with gzip",
        )
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit_bytes:
        raise _too_large(limit_bytes)
    digest, size, head = hashlib.sha256(), 0, b""
    with path.open("wb") as file:
        async for chunk in _chunks(response, decoded=decoded):
            size += len(chunk)
            if size > limit_bytes:
                raise _too_large(limit_bytes)
            if len(head) < HEAD_BYTES:
                head += chunk[: HEAD_BYTES - len(head)]
            digest.update(chunk)
            file.write(chunk)
    if not size:
        raise AddressError("sent nothing", "Check that it opens in a browser", temporary=True)
    return Body(digest.hexdigest(), size, head)


async def _chunks(response: httpx.Response, *, decoded: bool) -> AsyncIterator[bytes]:
    if not decoded:
        async for chunk in response.aiter_raw():
            yield chunk
        return
    try:
        async for chunk in response.aiter_bytes():
            yield chunk
    except httpx.DecodingError as error:
        raise AddressError(
            "sent what its own headers say is compressed, and is not", "Mend its server"
        ) from error


def conditions(record: Record) -> dict[str, str]:
    """Headers with which a server sends a file only if it is another than the one of a record."""
    headers = {}
    if record.etag:
        headers["If-None-Match"] = record.etag
    if record.last_modified:
        headers["If-Modified-Since"] = record.last_modified
    return headers


def validators(headers: Mapping[str, str]) -> tuple[str, str]:
    """ETag and Last-Modified of an answer; empty where it has none."""
    etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
    return (
        etag if len(etag) <= LIMIT_HEADER_CHARACTERS else "",
        modified if len(modified) <= LIMIT_HEADER_CHARACTERS else "",
    )


def fresh_for_s(headers: Mapping[str, str], longest_s: float) -> float:
    """For how long an answer says that it stays true (RFC 9111, ``max-age``), at most so long."""
    control = headers.get("cache-control", "")
    age = _MAX_AGE.search(control)
    if age is None or _NEVER_FRESH.search(control):
        return 0.0
    return min(float(age[1]), longest_s)


def _too_large(limit_bytes: int) -> AddressError:
    return AddressError(f"sends more than {limit_bytes:,} bytes", "Save it smaller")
