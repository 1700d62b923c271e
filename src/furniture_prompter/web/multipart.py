"""Forms with files, whole or refused."""

import re
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request

from furniture_prompter.web.errors import ApiError

LIMIT_FIELDS: Final = 32
# The longest text beside the files, such as a product's fields.
LIMIT_FIELD_BYTES: Final = 1 << 20
_BOUNDARY: Final = re.compile(r'boundary="?([^";]{1,70})"?', re.IGNORECASE)


async def read_form(request: Request, limit_files: int) -> FormData:
    """The form of a request; the caller closes it.

    Raises:
        ApiError: it ends before its last boundary (422). The parser takes what there is of such a
            form, so that a photo that was cut off would be as if it had never been sent.
        HTTPException: it is no form, or has too many parts.
    """
    found = _BOUNDARY.search(request.headers.get("content-type", ""))
    end = f"--{found.group(1).strip()}--" if found else ""
    body = await request.body()
    if not found or not body.rstrip(b"\r\n \t").endswith(end.encode("latin-1", "replace")):
        raise ApiError(
            422,
            "invalid_request",
            "The form ends before its last boundary. Send it again, whole.",
        )
    return await request.form(
        max_files=limit_files, max_fields=LIMIT_FIELDS, max_part_size=LIMIT_FIELD_BYTES
    )
