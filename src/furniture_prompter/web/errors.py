"""Answers of the API: one shape for every error, JSON, and Server-Timing of searches."""

import json
import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from furniture_prompter.domain import Photo, SearchResult
from furniture_prompter.errors import (
    CatalogBusyError,
    CatalogError,
    CatalogWriteError,
    EncoderError,
    FurniturePrompterError,
    InvalidPhotoError,
    InvalidQueryError,
    NotInCatalogError,
)
from furniture_prompter.search.answer import TIMING_DIGITS, answer, error_answer
from furniture_prompter.timing import StepTimes

_LOG = logging.getLogger("furniture_prompter.web")

_INTERNAL: Final = (
    "Something went wrong in the server; its log tells what, under this request id. Try again."
)
# What the server's own state says to whoever asked; the whole message goes to the log.
_STATES: Final[tuple[tuple[type[FurniturePrompterError], int, str], ...]] = (
    (
        CatalogBusyError,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Another writer is at the catalog. Try again in a moment.",
    ),
    (
        CatalogWriteError,
        HTTPStatus.INSUFFICIENT_STORAGE,
        "The catalog cannot be written. Nothing was changed; tell whoever runs the server.",
    ),
    (
        CatalogError,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The catalog cannot be read. Tell whoever runs the server; its log says more.",
    ),
    (
        EncoderError,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "An encoder cannot be used. Tell whoever runs the server; its log says more.",
    ),
)
_RETRY_BUSY_S: Final = 1
# Codes of what the framework itself refuses.
_CODES: Final[Mapping[int, str]] = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
}
_MESSAGES: Final[Mapping[int, str]] = {
    404: "There is nothing at this address. /docs lists what there is.",
    405: "This address does not take that method. /docs lists what it takes.",
}
# A page of problems helps nobody more than the first few.
_SHOWN_PROBLEMS: Final = 5
# Names are the client's own, and may be as long as a body.
_SHOWN_CHARACTERS: Final = 100


class ApiError(Exception):
    """An error as it is answered."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Take what the answer says.

        Args:
            status: HTTP status.
            code: One word that programs tell it by.
            message: What is wrong and what helps; nothing of the server's inside.
            headers: Further headers, such as Retry-After.
        """
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


class Overloaded(ApiError):  # noqa: N818  # named by its code, like no other error here
    """More is asked than can be answered now; refused before it takes memory."""

    def __init__(self, retry_after_s: float = 1.0) -> None:
        """Take when to try again, at least a second: Retry-After has whole ones."""
        super().__init__(
            429,
            "overloaded",
            "The server has more requests than it can answer. Try again after the seconds in "
            "Retry-After.",
            {"Retry-After": str(max(1, round(retry_after_s)))},
        )


def answered(error: FurniturePrompterError) -> ApiError:
    """What to answer for an error of the project.

    What the request caused keeps its message; what the server's own files caused gets a sentence
    without their paths.
    """
    code = error_answer(error)["code"]
    if isinstance(error, NotInCatalogError):
        return ApiError(HTTPStatus.NOT_FOUND, "not_found", str(error))
    if isinstance(error, InvalidQueryError | InvalidPhotoError):
        return ApiError(HTTPStatus.BAD_REQUEST, code, str(error))
    for kind, status, message in _STATES:
        if isinstance(error, kind):
            busy = isinstance(error, CatalogBusyError)
            return ApiError(
                status, code, message, {"Retry-After": str(_RETRY_BUSY_S)} if busy else None
            )
    return _internal()


def invalid_request(error: ValidationError | RequestValidationError) -> ApiError:
    """What to answer for values that do not fit the schema: where, and what was expected."""
    if isinstance(error, ValidationError):
        # Values are not written out: one of them may be a photo of 40 MB.
        found = error.errors(include_url=False, include_context=False, include_input=False)
    else:
        found = list(error.errors())
    problems = []
    for problem in found[:_SHOWN_PROBLEMS]:
        place = ".".join(str(part) for part in problem["loc"]) or "the request"
        if len(place) > _SHOWN_CHARACTERS:
            place = place[:_SHOWN_CHARACTERS] + "…"
        problems.append(f"{place}: {problem['msg']}")
    further = len(found) - len(problems)
    rest = f"; and {further} more" if further > 0 else ""
    return ApiError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid_request",
        f"The request does not fit the schema ({'; '.join(problems)}{rest}). See /docs.",
    )


def timed_out(*, writing: bool = False) -> ApiError:
    """What to answer when the time for a request is over.

    Args:
        writing: Whether it was to change the catalog, which goes on.
    """
    message = (
        "The answer took too long. What was sent is still being written, and may be there soon: "
        "sending it again does no harm."
        if writing
        else "The answer took too long. Try again, or ask less."
    )
    return ApiError(HTTPStatus.GATEWAY_TIMEOUT, "timeout", message)


def error_response(error: ApiError, request_id: str) -> Response:
    """The answer to an error."""
    body = {"error": {"code": error.code, "message": error.message, "request_id": request_id}}
    return Response(
        json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
        status_code=error.status,
        headers=error.headers,
        media_type="application/json",
    )


def request_id_of(scope: Scope) -> str:
    """The request's id; empty where none was given."""
    return str(scope.get("state", {}).get("request_id", ""))


async def send_error(scope: Scope, receive: Receive, send: Send, error: ApiError) -> None:
    """Answer an error from a middleware."""
    await error_response(error, request_id_of(scope))(scope, receive, send)


def add_error_handlers(app: FastAPI) -> None:
    """Answer every error of `app` in the one shape."""

    async def answer_error(request: Request, error: Exception) -> Response:
        return error_response(api_error(request, error), request_id_of(request.scope))

    for kind in (
        ApiError,
        FurniturePrompterError,
        RequestValidationError,
        ValidationError,
        HTTPException,
        TimeoutError,
    ):
        app.add_exception_handler(kind, answer_error)

    async def internal(request: Request, _: Exception) -> Response:
        return error_response(_internal(), request_id_of(request.scope))

    # Reached by errors of middlewares outside of AnswerUnexpected; the framework logs them.
    app.add_exception_handler(Exception, internal)


def api_error(request: Request, error: Exception) -> ApiError:
    """What to answer for an error that a route ended with; those of the server are logged."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, FurniturePrompterError):
        shown = answered(error)
        if shown.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _LOG.error("%s", error, extra={"request_id": request_id_of(request.scope)})
        return shown
    if isinstance(error, RequestValidationError | ValidationError):
        return invalid_request(error)
    if isinstance(error, TimeoutError):
        return timed_out()
    if isinstance(error, HTTPException):
        status = error.status_code
        message = _MESSAGES.get(status, f"{HTTPStatus(status).phrase}. /docs shows what fits.")
        code = _CODES.get(status, "invalid_request" if status < 500 else "internal")
        return ApiError(status, code, message, error.headers)
    raise TypeError(f"{type(error).__name__} has no answer.") from error


class AnswerUnexpected:
    """Answers what nobody foresaw with ``internal``; goes inside of what adds headers.

    The framework's own last resort lies outside of all middlewares, and its answers would bear
    neither request id nor security headers.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        started = False

        async def noting_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        except Exception as error:  # the last resort: the answer must say nothing
            if scope["type"] != "http" or started:
                raise
            _LOG.error(
                "unexpected error", exc_info=error, extra={"request_id": request_id_of(scope)}
            )
            await send_error(scope, receive, send, _internal())


def _internal() -> ApiError:
    return ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", _INTERNAL)


IMAGES_PATH = "/v1/images"


def json_answer(value: object, headers: Mapping[str, str] | None = None) -> Response:
    """A value as JSON.

    Half of a surrogate pair, which no UTF-8 has and an old feed may hold, becomes a question mark.
    """
    try:
        # Written in Rust: an answer of ten products takes it a fifth of the time.
        data = to_json(value, inf_nan_mode="null")
    except PydanticSerializationError:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        data = text.encode("utf-8", "replace")
    return Response(data, headers=headers, media_type="application/json")


def photo_address(photo: Photo) -> str:
    """Where this server has a photo."""
    return f"{IMAGES_PATH}/{photo.id}"


def server_timing(timings_ms: Mapping[str, float]) -> str:
    """Times as the header Server-Timing has them (W3C Server Timing)."""
    return ", ".join(f"{name};dur={elapsed_ms:.2f}" for name, elapsed_ms in timings_ms.items())


def search_answer(result: SearchResult, folder: str, clock: StepTimes) -> Response:
    """A search's answer: the shape of ``search --json``, without a path of the server.

    Args:
        result: The hits.
        folder: Name of the catalog's folder.
        clock: What was timed before the search.
    """
    clock.add({name: ms for name, ms in result.timings_ms.items() if name != "total"})
    value = answer(result, photo_of=photo_address)
    value["catalog"]["path"] = folder
    timings_ms = clock.timings_ms()
    value["timings_ms"] = {name: round(ms, TIMING_DIGITS) for name, ms in timings_ms.items()}
    return json_answer(value, {"Server-Timing": server_timing(timings_ms)})


def finite(figures: Mapping[str, float]) -> dict[str, float]:
    """Figures without those that JSON does not have."""
    return {name: value for name, value in figures.items() if math.isfinite(value)}
