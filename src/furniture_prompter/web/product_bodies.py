"""Products as they are sent: fields and photos, checked and kept until they are written."""

import asyncio
import base64
import binascii
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from furniture_prompter.catalog.uploads import Spool
from furniture_prompter.domain import Product, Removal, SetAside, Upsert, Write, WriteResult
from furniture_prompter.encoders.decoding import PhotoLimits, photo_extension, photo_id
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.feeds.rows import LIMIT_IMAGES, read_product
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.errors import ApiError
from furniture_prompter.web.fetching import PhotoFetcher

LIMIT_PRODUCT_VALUES: Final = 10_000
"""Values of one product as it is sent; the lists among its columns count too."""

LIMIT_TEXT: Final = 50_000
"""Characters of one text of a product as it is sent; the longest that is stored has 20,000."""
# What takes a millisecond to clean, which the event loop has not got.
_LONG_CHARACTERS: Final = 20_000

# What an object of Python's takes beside its letters.
_OBJECT_BYTES: Final = 100
_REQUEST: Final = Path("request")
_WEB: Final = ("http://", "https://")


class ProductBodies:
    """Turns what one request sends into what is written."""

    def __init__(self, spool: Spool, fetcher: PhotoFetcher | None, settings: ServeSettings) -> None:
        """Take where photos are kept, and what fetches those that are given by address."""
        self._spool = spool
        self._fetcher = fetcher
        self._limits = PhotoLimits.of(settings)

    async def read(self, value: object, line: int, files: Sequence[bytes] = ()) -> Write:
        """What one product object asks for.

        Args:
            value: The object: a product's fields, ``photos``, or ``delete``.
            line: Its line in the request.
            files: Photos that came beside it.

        Raises:
            ApiError: it is no product (422).
            InvalidPhotoError: a photo cannot be used; what is wrong inside is told by decoding.
        """
        if not isinstance(value, dict):
            raise _invalid("The product is no object.", 'Write {"id": …, "title": …, "photos": …}.')
        fields: dict[str, Any] = dict(value)
        given = fields.pop("photos", None)
        delete = fields.pop("delete", False)
        if _characters(fields) > _LONG_CHARACTERS:
            product = await asyncio.to_thread(read_product, fields, _REQUEST, line)
        else:
            product = read_product(fields, _REQUEST, line)
        if isinstance(product, SetAside):
            raise _invalid(product.reason, product.cure)
        if delete is True:
            return Removal(line, product.id)
        if delete is not False:
            raise _invalid("delete is neither true nor false.", "Write true, or leave it out.")
        return Upsert(line, product, await self._photos(given, files, product))

    async def _photos(
        self, given: object, files: Sequence[bytes], product: Product
    ) -> tuple[Path, ...] | None:
        if given is None and not files:
            return None
        listed = [given] if isinstance(given, str) else given if given is not None else []
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            raise _invalid(
                "photos is no list of texts.", "Write each photo as base64 or as a web address."
            )
        if not 1 <= len(listed) + len(files) <= LIMIT_IMAGES:
            raise _invalid(
                f"The product has {len(listed) + len(files)} photos.",
                f"Give 1 to {LIMIT_IMAGES}, or leave photos out to keep those it has.",
            )
        kept: dict[Path, None] = {}
        for place, photo in enumerate([*files, *listed], start=1):
            name = f"{place} of product {product.id!r}"
            try:
                data = photo if isinstance(photo, bytes) else await self._data(str(photo), name)
                kept[await asyncio.to_thread(self._keep, data, name)] = None
            except InvalidPhotoError as error:
                told = str(error).replace(f"The photo {name}", f"Photo {name}", 1)
                raise InvalidPhotoError(told) from error
        return tuple(kept)

    async def _data(self, text: str, name: str) -> bytes:
        if not text.startswith(_WEB):
            return await asyncio.to_thread(from_base64, text, name, self._limits.limit_bytes)
        if self._fetcher is None:
            raise InvalidPhotoError(
                f"The photo {name} is a web address, and this server fetches none. Send the photo "
                "itself."
            )
        return await self._fetcher.fetch(text)

    def _keep(self, data: bytes, name: str) -> Path:
        extension = photo_extension(data, name=name, limits=self._limits)
        return self._spool.add(photo_id(data) + extension, data)


def _characters(fields: Mapping[str, Any]) -> int:
    """Characters of all texts together.

    Raises:
        ApiError: one of them costs more to read than any that is stored.
    """
    count = 0
    for name, value in fields.items():
        for text in (name, *(value if isinstance(value, list) else (value,))):
            if isinstance(text, str):
                count += len(text)
                _refuse_costly(name, text)
    return count


def _refuse_costly(name: str, text: str) -> None:
    if len(text) > LIMIT_TEXT:
        raise _invalid(
            f"{name[:40]!r} has {len(text):,} characters, more than {LIMIT_TEXT:,}.", "Shorten it."
        )


def from_base64(text: str, name: str, limit_bytes: int) -> bytes:
    """The bytes of a photo written as base64, bare or as a ``data:`` address.

    Raises:
        InvalidPhotoError: it is none, or longer than the limit.
    """
    head, comma, body = text.partition(",") if text[:5] == "data:" else ("", "", text)
    if head and not (comma and head.endswith(";base64")):
        raise InvalidPhotoError(
            f"The photo {name} is a data address without base64. Write data:image/jpeg;base64,…"
        )
    # Four characters are three bytes; the size is told before anything is built.
    if len(body) > limit_bytes * 4 // 3 + 4:
        raise InvalidPhotoError(
            f"The photo {name} has more than {limit_bytes:,} bytes. Save it smaller."
        )
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidPhotoError(
            f"The photo {name} is no base64 (RFC 4648) and no web address. Encode the file's bytes "
            "as base64, without line breaks."
        ) from error


def kept_bytes(write: Write | WriteResult) -> int:
    """About what is in memory of a line until its batch is written, in bytes."""
    texts = [write.reason] if isinstance(write, WriteResult) else [str(write.line)]
    if isinstance(write, Upsert):
        product = write.product
        texts += [product.id, product.title, product.category, product.color, product.description]
        texts += [*product.tags, *product.attributes]
        texts += [each for each in product.attributes.values() if isinstance(each, str)]
        texts += [str(path) for path in write.photos or ()]
    return sum(_OBJECT_BYTES + len(text) for text in texts)


def id_of(value: object) -> str:
    """The id that an object gives, as far as it can be told."""
    found = value.get("id") if isinstance(value, Mapping) else None
    if isinstance(found, str):
        return found[:200]
    return str(found) if isinstance(found, int) and abs(found) < 10**50 else ""


def _invalid(reason: str, cure: str) -> ApiError:
    return ApiError(422, "invalid_request", f"{reason} {cure}".strip())
