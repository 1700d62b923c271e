"""Addresses of catalogs in object storage."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from furniture_prompter.errors import CatalogFormatError

_S3: Final = re.compile(r"s3:/{1,2}(?P<bucket>[^/]*)/?(?P<prefix>.*)", re.DOTALL)
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PART: Final = re.compile(r"[A-Za-z0-9!_.*'()=-]{1,200}")
_LIMIT_PREFIX: Final = 400


@dataclass(frozen=True, slots=True)
class Address:
    """Where in object storage a catalog lies: ``s3://bucket/prefix``."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def slug(self) -> str:
        """A name for a folder that no other address has."""
        digest = hashlib.sha256(str(self).encode()).hexdigest()[:16]
        return f"{PurePosixPath(self.prefix).name or self.bucket}-{digest}"


def address_of(place: str | Path) -> Address | None:
    """The address that a path or a text is; None for every folder.

    A path folds the two slashes of ``s3://bucket`` into one.

    Raises:
        CatalogFormatError: it begins as an address does and is none.
    """
    found = _S3.fullmatch(str(place))
    if found is None:
        return None
    bucket, prefix = found["bucket"], found["prefix"].strip("/")
    parts = prefix.split("/") if prefix else []
    fits = all(_PART.fullmatch(part) and set(part) != {"."} for part in parts)
    if _BUCKET.fullmatch(bucket) is None or not fits or len(prefix) > _LIMIT_PREFIX:
        raise CatalogFormatError(
            "An address in object storage is written s3://BUCKET/PREFIX, with plain letters, "
            "digits and - _ . between the slashes; keys and endpoints come from the environment "
            "and have no place in it."
        )
    return Address(bucket, prefix)


def refuse_address(place: Path) -> None:
    """Raise :class:`CatalogFormatError` where a folder is wanted and an address was given."""
    address = address_of(place)
    if address is not None:
        raise CatalogFormatError(
            f"{address} is in object storage, and a folder is needed here. Copy it first with "
            f"`furniture-prompter catalog pull {address} --catalog DIR`; what is written to that "
            "folder goes back with `catalog push`."
        )
