"""Forms with files, whole or refused."""

from collections.abc import AsyncGenerator
from email.message import Message
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from furniture_prompter.web.errors import ApiError

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
        raise _invalid(f"The form's charset {charset[:40]!r} is not read here. Send it as UTF-8.")
    boundary = told.get(b"boundary", b"")
    if not boundary:
        raise _invalid(
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
        raise _invalid(_unreadable(error)) from error
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
        raise _invalid(f"The form has {files} files. Send at most {limit_files}.")
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
            raise _invalid(
                "The body has no boundary that its Content-Type names, or ends before it. Let your "
                "HTTP library write header and body, and send it whole."
            )
        if not self._ended:
            raise _invalid("The form ends before its last boundary. Send it again, whole.")
        if not self._current_files + self._current_fields:
            raise _invalid(
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


def _invalid(message: str) -> ApiError:
    return ApiError(422, "invalid_request", message)
