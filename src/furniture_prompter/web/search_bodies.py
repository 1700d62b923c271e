"""A search as it is sent: JSON, or a form with the photo as a file."""

from typing import Any, Final

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.errors import ApiError
from furniture_prompter.web.json_limits import LIMIT_VALUES, parse_json, read_json_body
from furniture_prompter.web.multipart import read_form
from furniture_prompter.web.query_photos import SentPhoto
from furniture_prompter.web.schemas import SearchRequest

_LIST: Final = "facets"
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
    """What is asked, and the photo that came as a file.

    Raises:
        ApiError: it is sent as something else (415), or is no form that is read here (422).
        InvalidQueryError: it is no JSON that is read here.
        ValidationError: it does not fit the schema.
    """
    if media_type(request) == "application/json":
        return SearchRequest.model_validate(await json_value(request, settings)), None
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
    return SearchRequest.model_validate(values, strict=False), photo


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
        elif name == _LIST:
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
        values["crop"] = parse_json(crop, settings.limit_json_depth)
    return values, file


def _invalid(reason: str, cure: str) -> ApiError:
    return ApiError(422, "invalid_request", f"The form cannot be read: {reason} {cure}")


def _unsupported(wanted: str) -> ApiError:
    return ApiError(
        415, "unsupported_media_type", f"The body is of another kind. Send it as {wanted}."
    )
