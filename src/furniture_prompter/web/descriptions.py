"""What the description of the API (OpenAPI 3.1) says beside what routes declare themselves."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from furniture_prompter.web.examples import error_example
from furniture_prompter.web.schemas import REQUESTS, ErrorAnswer, schema_reference

Answers = dict[int | str, dict[str, Any]]

_JSON: Final = "application/json"
# What any address may answer, whatever its route does: code, what it means, what it says.
_ERRORS: Final[Mapping[str, tuple[str, str, str]]] = {
    "400": (
        "invalid_query",
        "The query, filter or photo was refused.",
        "Give a prompt or a photo.",
    ),
    "401": ("unauthorized", "An API key is needed.", "An API key is needed."),
    "403": ("forbidden", "The key may not do this.", "This key may not read."),
    "404": ("not_found", "There is no such thing.", "The catalog has no product 'stool-8'."),
    "405": ("method_not_allowed", "The address takes other methods.", "See /docs."),
    "408": ("timeout", "The body came too slowly.", "The request's body took too long."),
    "413": ("too_large", "The body is too large.", "The request's body has too many bytes."),
    "415": ("unsupported_media_type", "The body is of another kind.", "Send application/json."),
    "421": ("misdirected", "The server has no such name.", "This server does not answer for it."),
    "422": ("invalid_request", "It does not fit the schema.", "limit: Input should be at least 1."),
    "429": ("overloaded", "Too many requests; see Retry-After.", "Try again after a second."),
    "500": ("internal", "The server failed.", "Something went wrong in the server."),
    "503": ("catalog", "The catalog or an encoder cannot be used now.", "Try again in a moment."),
    "504": ("timeout", "The answer took too long.", "The answer took too long. Try again."),
    "507": ("catalog_write", "The disk is full; nothing was changed.", "Nothing was changed."),
}
_EVERYWHERE: Final = ("405", "408", "413", "421", "429", "500", "503", "504")
_BEHIND_KEYS: Final = ("400", "401", "403", "422")
_OF_THE_FRAMEWORK: Final = "Validation Error"
_RETRY_AFTER: Final = {
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "schema": {"type": "integer", "minimum": 1},
    }
}


def answers(model: type[BaseModel], example: object, *errors: int) -> Answers:
    """What a route answers: its model, and errors beside those of every route."""
    found: Answers = {
        200: {
            "model": model,
            "description": (model.__doc__ or "").strip(),
            "content": {_JSON: {"example": example}},
        }
    }
    return found | {status: {"description": _ERRORS[str(status)][1]} for status in errors}


def json_body(model: type[BaseModel], example: object) -> dict[str, Any]:
    """A request body that a route reads itself."""
    return {_JSON: {"schema": schema_reference(model), "example": example}}


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of an application, computed once."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        schemas = found.setdefault("components", {}).setdefault("schemas", {})
        _, further = models_json_schema(
            [(model, "validation") for model in REQUESTS],
            ref_template="#/components/schemas/{model}",
        )
        schemas.update(further.get("$defs", {}))
        # Of the framework's own answer to what does not fit, which is never given.
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for path, methods in found["paths"].items():
            for operation in methods.values():
                _describe_errors(path, operation["responses"])
        app.openapi_schema = found
    return app.openapi_schema


def _describe_errors(path: str, responses: dict[str, Any]) -> None:
    expected = _EVERYWHERE + (_BEHIND_KEYS if path.startswith("/v1/") else ())
    for status in {*expected, *(status for status in responses if status >= "400")}:
        code, description, message = _ERRORS[status]
        response = responses.setdefault(status, {"description": description})
        if response["description"] == _OF_THE_FRAMEWORK:
            response["description"] = description
        response["content"] = {
            _JSON: {
                "schema": schema_reference(ErrorAnswer),
                "example": error_example(code, message),
            }
        }
        if status in {"429", "503"}:
            response["headers"] = _RETRY_AFTER
