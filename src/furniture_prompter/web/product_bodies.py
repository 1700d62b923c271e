"""Product requests: fields, photos and batches of JSON lines, validated and spooled."""

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeGuard
from urllib.parse import unquote_to_bytes

from fastapi import Request
from starlette.convertors import Convertor, register_url_convertor

from furniture_prompter.catalog.retention import Spool
from furniture_prompter.domain import Product, Removal, SetAside, Upsert, Write, WriteResult
from furniture_prompter.encoders.decoding import PhotoLimits, photo_extension, photo_id
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.feeds.cells import UnusableValueError
from furniture_prompter.feeds.rows import LIMIT_IMAGES
from furniture_prompter.feeds.sent import SentProduct, read_sent
from furniture_prompter.feeds.variants import LIMIT_PHOTOS, characters_of, read_variants
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.bodies import HeldShare
from furniture_prompter.web.errors import ApiError

if TYPE_CHECKING:
    from furniture_prompter.web.fetching import PhotoFetcher

LIMIT_PRODUCT_VALUES: Final = 10_000
"""Values of one product as it is sent; the lists among its columns count too."""

LIMIT_TEXT: Final = 50_000
"""Characters of one text of a product as it is sent; the longest that is stored has 20,000."""

# What an object of Python's takes beside its letters.
_OBJECT_BYTES: Final = 100
_REQUEST: Final = Path("request")
_WEB: Final = ("http://", "https://")


class ProductBodies:
    """Turns what one request sends into what is written."""

    def __init__(
        self, spool: Spool, fetcher: "PhotoFetcher | None", settings: ServeSettings
    ) -> None:
        """Take where photos are kept, and what fetches those that are given by address."""
        self._spool = spool
        self._fetcher = fetcher
        self._limits = PhotoLimits.of(settings)

    async def read(
        self, value: object, line: int, files: Sequence[bytes] = (), *, patches: bool = False
    ) -> Write:
        """What one product object asks for.

        Args:
            value: The object: a product's fields, ``photos``, ``delete`` or ``patch``.
            line: Its line in the request.
            files: Photos that came beside it.
            patches: Whether only what is named changes, as where ``patch`` is true.

        Raises:
            ApiError: it is no product (422).
            InvalidPhotoError: a photo cannot be used; what is wrong inside is told by decoding.
        """
        if not isinstance(value, dict):
            raise _invalid("The product is no object.", 'Write {"id": …, "title": …, "photos": …}.')
        fields: dict[str, Any] = dict(value)
        named = fields.keys() & {"photos", "variants"}
        given = fields.pop("photos", None)
        delete, patch = _flag(fields, "delete"), _flag(fields, "patch")
        if delete and patch:
            raise _invalid("It has delete and patch.", "Write one of them.")
        patches = patches or patch
        variants, of_variants = _without_photos(fields.pop("variants", None))
        _refuse_costly_texts(fields)
        # It takes a millisecond, which the event loop has not got.
        sent = await asyncio.to_thread(_sent, fields, variants, line, patches)
        if isinstance(sent, SetAside):
            raise _invalid(sent.reason, sent.cure)
        product = sent.product
        if delete:
            return Removal(line, product.id)
        if patches and given is None and "photos" in named:
            raise _invalid(
                "photos is null, and a product has at least one.",
                "Leave photos out to keep those it has, or send others.",
            )
        listed = [given] if isinstance(given, str) else given
        if listed is not None and not _is_list_of(listed, str):
            raise _invalid(
                "photos is no list of texts.", "Write each photo as base64 or as a web address."
            )
        own = [*files, *(listed or ())]
        upsert = Upsert(line, product, None)
        if own or any(of_variants):
            upsert = await self._with_photos(line, product, own, of_variants)
        elif listed is not None:
            raise _wrong_count("The product", 0)
        told = sent.told | (named & {"variants"}) if patches else None
        adds = patches and not own and upsert.photos is not None
        return replace(upsert, told=told, left_out=sent.left_out, adds_photos=adds)

    async def _with_photos(
        self,
        line: int,
        product: Product,
        own: Sequence[str | bytes],
        of_variants: Sequence[Sequence[str | int]],
    ) -> Upsert:
        if len(own) > LIMIT_IMAGES:
            raise _wrong_count("The product", len(own))
        count = len(own) + sum(isinstance(each, str) for listed in of_variants for each in listed)
        if count > LIMIT_PHOTOS:
            raise _invalid(
                f"The product and its variants have {count} photos.",
                f"Give at most {LIMIT_PHOTOS}.",
            )
        name = f"of product {product.id!r}"
        places = [await self._kept(each, f"{place} {name}") for place, each in enumerate(own, 1)]
        kept: dict[Path, None] = dict.fromkeys(places)
        shown: dict[Path, set[str]] = {}
        for variant, listed in zip(product.variants, of_variants, strict=True):
            if len(listed) > LIMIT_IMAGES:
                raise _wrong_count(f"Variant {variant.id!r}", len(listed))
            for place, each in enumerate(listed, 1):
                if isinstance(each, str):
                    called = f"{place} of variant {variant.id!r} {name}"
                    path = await self._kept(each, called)
                elif 1 <= each <= len(places):
                    path = places[each - 1]
                else:
                    raise _invalid(
                        f"Variant {variant.id!r} names photo {each} of the product, which has "
                        f"{len(places)}.",
                        "Count them from 1, files of a form first, or give the photo itself.",
                    )
                kept[path] = None
                shown.setdefault(path, set()).add(variant.id)
        # A photo that several variants share tells none of them from the others.
        variant_of = {path: ids.pop() for path, ids in shown.items() if len(ids) == 1}
        return Upsert(line, product, tuple(kept), variant_of)

    async def _kept(self, photo: str | bytes, name: str) -> Path:
        try:
            data = photo if isinstance(photo, bytes) else await self._data(photo, name)
            return await asyncio.to_thread(self._keep, data, name)
        except InvalidPhotoError as error:
            told = str(error).replace(f"The photo {name}", f"Photo {name}", 1)
            raise InvalidPhotoError(told) from error

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


def _sent(
    fields: Mapping[str, Any], variants: object, line: int, patches: bool
) -> SentProduct | SetAside:
    """The product of a request's fields and variants, whose texts are short enough to be read."""
    sent = read_sent(fields, _REQUEST, line, patches=patches)
    if isinstance(sent, SetAside):
        return sent
    try:
        return replace(sent, product=replace(sent.product, variants=read_variants(variants)))
    except UnusableValueError as problem:
        return SetAside(_REQUEST, line, problem.reason, problem.cure, sent.product.id)


def _flag(fields: dict[str, Any], name: str) -> bool:
    """Whether a field of a batch's line is set; it is taken out.

    Raises:
        ApiError: it is neither true nor false.
    """
    value = fields.pop(name, False)
    if value is not True and value is not False:
        raise _invalid(f"{name} is neither true nor false.", "Write true, or leave it out.")
    return value


def _without_photos(value: object) -> tuple[object, list[list[str | int]]]:
    """Variants without their photos, and the photos of each: texts, or places among the product's.

    Raises:
        ApiError: photos are something else, or a text costs more to read than any that is stored.
    """
    if not isinstance(value, list):
        return value, []
    variants: list[object] = []
    photos: list[list[str | int]] = []
    for place, each in enumerate(value, 1):
        listed: object = []
        if isinstance(each, dict):
            each = dict(each)
            listed = each.pop("photos", None) or []
            options = each.get("options")
            for texts in (each, options if isinstance(options, dict) else {}):
                _refuse_costly_texts(texts)
        if not _is_list_of(listed, str, int):
            raise _invalid(
                f"photos of variant {place} is no list of texts and numbers.",
                "Write each photo as base64 or as a web address, or as its place among the photos "
                "of the product.",
            )
        variants.append(each)
        photos.append(listed)
    return variants, photos


def _is_list_of(value: object, *kinds: type) -> TypeGuard[list[Any]]:
    # In Python true is a whole number.
    return isinstance(value, list) and all(
        isinstance(each, kinds) and not isinstance(each, bool) for each in value
    )


def _wrong_count(whose: str, count: int) -> ApiError:
    return _invalid(
        f"{whose} has {count} photos.",
        f"Give 1 to {LIMIT_IMAGES}, or leave photos out to keep those it has.",
    )


def _refuse_costly_texts(fields: Mapping[str, Any]) -> None:
    """Refuse a text that costs more to read than any that is stored.

    Raises:
        ApiError: there is one.
    """
    for name, value in fields.items():
        for text in (name, *(value if isinstance(value, list) else (value,))):
            if isinstance(text, str):
                _refuse_costly(name, text)


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
        for value in product.attributes.values():
            texts += (
                (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
            )
        texts += [str(path) for path in write.photos or ()]
        return _bytes_of(texts) + sum(
            _OBJECT_BYTES * (4 + 2 * len(each.options) + 2 * len(each.attributes))
            + characters_of(each)
            for each in product.variants
        )
    return _bytes_of(texts)


def _bytes_of(texts: Sequence[str]) -> int:
    return sum(_OBJECT_BYTES + len(text) for text in texts)


def id_of(value: object) -> str:
    """The id that an object gives, as far as it can be told."""
    found = value.get("id") if isinstance(value, Mapping) else None
    if isinstance(found, str):
        return found[:200]
    return str(found) if isinstance(found, int) and abs(found) < 10**50 else ""


def _invalid(reason: str, cure: str) -> ApiError:
    return ApiError(422, "invalid_request", f"{reason} {cure}".strip())


MERGE_PATCH: Final = "application/merge-patch+json"
"""RFC 7396, as which PATCH takes JSON too."""
MEDIA_TYPES: Final = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/json"}
)

# Blank lines are stepped over many at a time: a gigabyte of them is a second's work.
_BLANKS: Final = re.compile(rb"[ \t\r\n]*+")
_BOM: Final = b"\xef\xbb\xbf"


async def lines(
    stream: AsyncIterator[bytes], limit_bytes: int, limit_lines: int, share: HeldShare
) -> AsyncIterator[tuple[int, bytes | None]]:
    """Number and bytes of each line that is not blank, as they come.

    Args:
        stream: The body; a byte order mark before it is skipped.
        limit_bytes: Longest line; a longer one is skipped and comes as None.
        limit_lines: Most lines, blank ones aside.
        share: Counts a line's bytes before they are kept; who gets the line gives them back.

    Raises:
        ApiError: there are more lines (413), or all requests hold too many bytes (429).
    """
    line, count = 1, 0
    held = bytearray()
    too_long = False
    async for chunk in stream:
        start = 0
        while True:
            if not held and not too_long and (blanks := _BLANKS.match(chunk, start)):
                after = chunk.rfind(b"\n", start, blanks.end()) + 1
                if after:
                    line += chunk.count(b"\n", start, after)
                    start = after
            end = chunk.find(b"\n", start)
            piece = chunk[start:end] if end >= 0 else chunk[start:]
            if too_long or len(held) + len(piece) > limit_bytes:
                too_long = True
                share.give_back(len(held))
                held.clear()
            else:
                share.take(len(piece))
                held += piece
            if end < 0:
                break
            if too_long or not _is_blank(held, line):
                count += 1
                _refuse_more(count, limit_lines)
                yield line, None if too_long else _taken(held)
            else:
                share.give_back(len(held))
                held.clear()
            too_long, line, start = False, line + 1, end + 1
    if too_long or not _is_blank(held, line):
        _refuse_more(count + 1, limit_lines)
        yield line, None if too_long else _taken(held)


def _taken(held: bytearray) -> bytes:
    """Bytes, which are not kept here any longer: a line may have 45 MB."""
    data = bytes(held)
    held.clear()
    return data


def _is_blank(held: bytearray, line: int) -> bool:
    return not (held.removeprefix(_BOM) if line == 1 else held).strip()


def _refuse_more(count: int, limit_lines: int) -> None:
    if count > limit_lines:
        raise ApiError(
            413,
            "too_large",
            f"The batch has more than {limit_lines:,} lines, so nothing of it was written. Send it "
            "in several.",
        )


class _ProductId(Convertor[str]):
    # Starlette's own `path` stops at a line break, and the address is then nowhere.
    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("product", _ProductId())

PRODUCT = "/products/{product_id:product}"
"""The path of one product."""


def ends_in_id(request: Request) -> bool:
    """Whether the last slash of an address was escaped (%2F), and so is a product id's own.

    Routing sees the path unescaped, where ``similar`` of the product ``a`` and the product
    ``a/similar`` are the same.
    """
    path = request.scope.get("raw_path") or request.scope["path"].encode()
    return b"/" in unquote_to_bytes(path.rpartition(b"/")[2])
