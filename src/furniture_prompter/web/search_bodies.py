"""Search request bodies, JSON or multipart form; photos by base64 or web address; their vectors."""

import hashlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from email.message import Message
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from furniture_prompter.domain.query import Crop
from furniture_prompter.errors import InvalidPhotoError, InvalidQueryError
from furniture_prompter.query_options import LISTS
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.bodies import LIMIT_VALUES, parse_json, read_json_body
from furniture_prompter.web.caches import content_key
from furniture_prompter.web.errors import ApiError
from furniture_prompter.web.product_bodies import from_base64
from furniture_prompter.web.schemas import SearchRequest
from furniture_prompter.web.services import Services

LIMIT_FIELDS: Final = 32
# The longest text beside the files, such as a product's fields.
LIMIT_FIELD_BYTES: Final = 1 << 20
# What would end the name of a file early.
_QUOTING: Final = str.maketrans('"\\\r\n', "____")
# Python knows encodings that take time in the square of the text, such as punycode.
_CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1"})


async def read_form(request: Request, limit_files: int) -> FormData:
    """The form of a request; the caller closes it.

    What stands before the first boundary and after the last is skipped (RFC 2046, 5.1.1). A file
    part without a name and without bytes is left out: it is what browsers send of a field for files
    in which none was chosen.

    Raises:
        ApiError: it ends before its last boundary or before its first part, is no form, or has more
            files or fields (422).
    """
    _, told = parse_options_header(request.headers.get("content-type"))
    charset = told.get(b"charset", b"utf-8").decode("latin-1").lower()
    if charset not in _CHARSETS:
        raise _invalid_form(
            f"The form's charset {charset[:40]!r} is not read here. Send it as UTF-8."
        )
    boundary = told.get(b"boundary", b"")
    if not boundary:
        raise _invalid_form(
            "The form's Content-Type names no boundary. Let your HTTP library write that header, "
            "or add boundary=…"
        )
    parser = _WholeForm(
        request.headers,
        request.stream(),
        # Those that are left out are read first, so they have places of their own.
        max_files=limit_files + LIMIT_FIELDS,
        max_fields=LIMIT_FIELDS,
        max_part_size=LIMIT_FIELD_BYTES,
    )
    parser.stream = parser.whole(parser.stream, b"--" + boundary)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise _invalid_form(_unreadable(error)) from error
    items: list[tuple[str, UploadFile | str]] = []
    files = 0
    for name, value in form.multi_items():
        if isinstance(value, str):
            items.append((name, value))
        elif value.filename or value.size:
            items.append((name, value))
            files += 1
        else:
            await value.close()
    if files > limit_files:
        await form.close()
        raise _invalid_form(f"The form has {files} files. Send at most {limit_files}.")
    return FormData(items)


class _WholeForm(MultiPartParser):
    """Takes a form from its first boundary on, and refuses one without its last.

    The parser itself takes what there is of a form: a photo that was cut off would be as if it had
    never been sent.
    """

    _ended = False

    def on_headers_finished(self) -> None:
        """A part with a name of a file in RFC 5987's way alone is a file.

        RFC 7578 forbids that way, and some clients go it; the parser passes it over.
        """
        told = self._current_part.content_disposition
        if told is not None:
            _, options = parse_options_header(told)
            name = _told_otherwise(told)
            if b"filename" not in options and name is not None:
                plain = name.translate(_QUOTING).encode("utf-8", "replace")
                self._current_part.content_disposition = told + b'; filename="' + plain + b'"'
        super().on_headers_finished()

    def on_end(self) -> None:
        """The last boundary came."""
        self._ended = True

    async def whole(
        self, stream: AsyncGenerator[bytes, None], delimiter: bytes
    ) -> AsyncGenerator[bytes, None]:
        """A body from its first boundary on; ends with an error where that of the form is missing.

        Raises:
            ApiError: a boundary is missing. While it is parsed, so that the parser tidies up.
        """
        # As if a line began before the first byte.
        held, found = b"\r\n", False
        async for piece in stream:
            if found:
                yield piece
                continue
            held += piece
            start = held.find(b"\r\n" + delimiter)
            if start >= 0:
                found = True
                yield held[start + 2 :]
                held = b""
            else:
                held = held[-len(delimiter) - 1 :]
        if not found:
            raise _invalid_form(
                "The body has no boundary that its Content-Type names, or ends before it. Let your "
                "HTTP library write header and body, and send it whole."
            )
        if not self._ended:
            raise _invalid_form("The form ends before its last boundary. Send it again, whole.")
        if not self._current_files + self._current_fields:
            raise _invalid_form(
                "The form has no part: its last boundary comes first. Let your HTTP library write "
                "header and body."
            )


def _told_otherwise(disposition: bytes) -> str | None:
    header = Message()
    header["Content-Disposition"] = disposition.decode("latin-1")
    try:
        return header.get_filename()
    except ValueError:  # its encoding is none that decodes any bytes
        return ""


def _unreadable(error: MultiPartException) -> str:
    reason = error.message.rstrip(".")
    if "Too many" in reason or "exceeded" in reason:
        return f"The form cannot be read: {reason}. Send fewer or smaller ones."
    if isinstance(error.__cause__, FormParserError):
        reason = f"{reason} ({error.__cause__})"
    return f"The form cannot be read: {reason}. Send it as multipart/form-data (RFC 7578)."


def _invalid_form(message: str) -> ApiError:
    return ApiError(422, "invalid_request", message)


Vector = NDArray[np.float32]
Body = TypeVar("Body", bound=BaseModel)

SENT: Final = "that was sent"
"""What errors call a photo, after "The photo"."""

_WEB: Final = ("http://", "https://")
# Hashing or decoding more than this takes a millisecond that the event loop has not got.
_LONG_BYTES: Final = 500_000


@dataclass(frozen=True, slots=True)
class SentPhoto:
    """A photo's file as it was sent.

    Attributes:
        data: Its bytes.
        name: What to call it in the answer.
    """

    data: bytes
    name: str


async def photo_of_text(text: str, services: Services) -> SentPhoto:
    """The photo that a text gives: base64, or its public web address.

    Raises:
        InvalidPhotoError: it is neither, or cannot be fetched.
    """
    if text.startswith(_WEB):
        if services.fetcher is None:
            raise InvalidPhotoError(
                "The photo is given as a web address, and this server fetches none. Send the photo "
                "itself, as a file or as base64."
            )
        with services.metrics.stage("fetch_photo"):
            return SentPhoto(await services.fetcher.fetch(text), text)
    limit_bytes = services.settings.limit_photo_bytes
    if len(text) > _LONG_BYTES:
        data = await services.decoding.run(from_base64, text, SENT, limit_bytes)
    else:
        data = from_base64(text, SENT, limit_bytes)
    return SentPhoto(data, "photo")


async def sha256_of(data: bytes, services: Services) -> bytes:
    """The content hash of a photo's file."""
    if len(data) > _LONG_BYTES:
        return await services.decoding.run(_sha256, data)
    return _sha256(data)


async def vector_of(data: bytes, sha256: bytes, crop: Crop | None, services: Services) -> Vector:
    """A photo's vector: kept from before, or computed together with those of other requests.

    Args:
        data: The file's bytes.
        sha256: Their hash.
        crop: The part that is meant.
        services: What decodes and encodes.

    Raises:
        InvalidPhotoError: the photo cannot be used.
        Overloaded: too many photos wait.
    """
    key = content_key(sha256, crop)
    kept = services.queue.peek(key)
    if kept is not None:
        return kept
    image = await services.decoding.decode(data, services.side_px, crop, name=SENT)
    return await services.queue.encode(image, key)


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


_NAME_CHARACTERS: Final = 100


async def json_value(
    request: Request, settings: ServeSettings, limit_values: int = LIMIT_VALUES
) -> Any:
    """A JSON body as it is, of no schema yet.

    Args:
        request: The request.
        settings: The limits.
        limit_values: Most values; no more things than these can be wrong with it.

    Raises:
        ApiError: it is sent as something else (415).
        InvalidQueryError: it is no JSON that is read here.
    """
    if media_type(request) != "application/json":
        raise _unsupported("application/json")
    return await read_json_body(request, settings.limit_json_depth, limit_values)


async def read_search(
    request: Request, settings: ServeSettings
) -> tuple[SearchRequest, SentPhoto | None]:
    """What is asked, and the photo that came as a file; see :func:`read_photo`."""
    return await read_photo(request, settings, SearchRequest)


async def read_photo(
    request: Request, settings: ServeSettings, schema: type[Body]
) -> tuple[Body, SentPhoto | None]:
    """What is asked by a schema with a photo, and the photo that came as a file.

    Raises:
        ApiError: it is sent as something else (415), or is no form that is read here (422).
        InvalidQueryError: it is no JSON that is read here.
        ValidationError: it does not fit the schema.
    """
    if media_type(request) == "application/json":
        return schema.model_validate(await json_value(request, settings)), None
    if media_type(request) != "multipart/form-data":
        raise _unsupported("application/json or multipart/form-data")
    form = await read_form(request, 1)
    try:
        values, file = _fields(form, settings)
        photo = None
        if file is not None:
            name = (file.filename or "photo")[:_NAME_CHARACTERS]
            photo = SentPhoto(await file.read(), name)
    finally:
        await form.close()
    # A form has texts alone, also where a number is meant.
    return schema.model_validate(values, strict=False), photo


def media_type(request: Request) -> str:
    """The kind of a request's body; JSON where it says nothing."""
    kind = request.headers.get("content-type", "application/json")
    return kind.partition(";")[0].strip().lower()


def _fields(form: FormData, settings: ServeSettings) -> tuple[dict[str, Any], UploadFile | None]:
    values: dict[str, Any] = {}
    file: UploadFile | None = None
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name != "photo":
                raise _invalid(f"{name[:40]!r} is a file.", "Send the photo's file in photo.")
            file = value
        elif name in LISTS:
            values.setdefault(name, []).extend(part for part in value.split(",") if part)
        elif name in values:
            raise _invalid(f"{name[:40]!r} comes twice.", "Leave one of the two out.")
        elif value:
            # A page's form sends what was left empty as an empty text.
            values[name] = value
    if file is not None and "photo" in values:
        raise _invalid("There is a photo as a file and one as a text.", "Leave one of the two out.")
    if "crop" in values:
        crop = values["crop"].encode("utf-8", "surrogatepass")
        try:
            values["crop"] = parse_json(crop, settings.limit_json_depth)
        except InvalidQueryError as error:
            cure = 'Send it as {"x": 0, "y": 0, "width": 0.5, "height": 1}, shares of the photo.'
            raise _invalid("What is in crop is no JSON.", cure) from error
    return values, file


def _invalid(reason: str, cure: str) -> ApiError:
    return ApiError(422, "invalid_request", f"The form cannot be read: {reason} {cure}")


def _unsupported(wanted: str) -> ApiError:
    return ApiError(
        415, "unsupported_media_type", f"The body is of another kind. Send it as {wanted}."
    )
