"""The OpenAPI 3.1 description, beside what routes declare themselves, and its HTML page."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from furniture_prompter.web.examples import error_example
from furniture_prompter.web.schemas import REQUESTS, ErrorAnswer, schema_reference
from furniture_prompter.web.trying import try_form

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


PHOTO_FIELD: Final = {"type": "string", "format": "binary", "description": "Its file."}
CROP_FIELD: Final = {
    "type": "string",
    "description": 'JSON: {"x": 0.1, "y": 0, "width": 0.5, "height": 1}',
}


def form_body(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A form as a body of a request, beside the JSON that :func:`json_body` describes.

    Args:
        fields: The schema of each by name; there are no others.
    """
    schema = {"type": "object", "additionalProperties": False, "properties": dict(fields)}
    return {"multipart/form-data": {"schema": schema}}


def answers(model: type, example: object, *errors: int) -> Answers:
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


STYLE: Final = files("furniture_prompter.web").joinpath("docs_page.css").read_text("utf-8")
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; script-src 'self'; connect-src 'self'; "
    "img-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page's Content-Security-Policy: its own style, and the script that tries calls."""

_HEAD: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
<script type="module" src="{script}"></script>
</head>
<body>
<main>
<h1>{title} {version}</h1>
<p>{description} The same for programs: <a href="openapi.json">/openapi.json</a>.</p>
"""
_FOOT: Final = "</main>\n</body>\n</html>\n"
_CODE: Final = re.compile(r"`([^`]+)`")

Json = Mapping[str, Any]


def docs_page(described: Json, script: str, keyed: bool) -> str:
    """An OpenAPI description as HTML.

    Args:
        described: As :func:`furniture_prompter.web.descriptions.describe` gives it.
        script: Address of the module that sends the forms, relative to the page.
        keyed: Whether the server has API keys, which the forms then ask for.
    """
    info = {name: escape(str(text)) for name, text in described["info"].items()}
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    common = _common_errors([operation for _, operation in operations])
    parts = [_HEAD.format(**info, style=STYLE, script=escape(script)), *_contents(operations)]
    for number, (name, operation) in enumerate(operations):
        parts += _operation(number, name, operation, described, common)
        bodies = {
            kind: {**content, "schema": _resolved(content["schema"], described)}
            for kind, content in operation.get("requestBody", {}).get("content", {}).items()
        }
        method, _, path = name.partition(" ")
        parts.append(try_form(number, method, path, operation, bodies, keyed))
    parts.append(f'<h2 id="errors">Errors of every address</h2>\n{_statuses(common)}')
    example = next(iter(common.values()))["content"]["application/json"]
    parts.append(_example(example))
    return "".join([*parts, _FOOT])


def _common_errors(operations: list[Json]) -> dict[str, Json]:
    """What all of them may answer."""
    first, *others = (operation["responses"] for operation in operations)
    return {
        status: answer
        for status, answer in sorted(first.items())
        if status >= "400" and all(status in each for each in others)
    }


def _contents(operations: list[tuple[str, Json]]) -> Iterator[str]:
    yield "<nav><ul>\n"
    for number, (name, operation) in enumerate(operations):
        yield (
            f'<li><a href="#call-{number}"><code>{escape(name)}</code></a> '
            f"{_text(operation['summary'])}</li>\n"
        )
    yield '<li><a href="#errors">Errors</a></li>\n</ul></nav>\n'


def _operation(
    number: int, name: str, operation: Json, described: Json, common: Mapping[str, Json]
) -> Iterator[str]:
    yield f'<h2 id="call-{number}"><code>{escape(name)}</code></h2>\n'
    stop = "" if operation["summary"].endswith("?") else "."
    yield f"<p><strong>{_text(operation['summary'])}{stop}</strong> "
    yield f"{_text(operation.get('description', ''))}</p>\n"
    parameters = {
        each["name"]: {**each["schema"], "description": _told(each)}
        for each in operation.get("parameters", ())
    }
    if parameters:
        yield f"<h3>Parameters</h3>\n{_fields(parameters)}"
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = _resolved(content["schema"], described)
        yield f"<h3>Body, <code>{escape(kind)}</code></h3>\n"
        yield _fields(schema.get("properties", {})) + _example(content)
    yield "<h3>Answers</h3>\n"
    own = {
        status: answer
        for status, answer in sorted(operation["responses"].items())
        if status not in common
    }
    yield _statuses(own)
    for status, answer in own.items():
        if status < "400":
            yield from (_example(content) for content in answer.get("content", {}).values())


def _told(parameter: Json) -> str:
    told: str = parameter.get("description") or parameter["schema"].get("description", "")
    return told


def _resolved(schema: Json, described: Json) -> Json:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Json = described["components"]["schemas"][name] if name else schema
    return found


def _fields(fields: Mapping[str, Json]) -> str:
    rows = "".join(
        f"<tr><th><code>{escape(name)}</code></th><td>{_text(schema.get('description', ''))}"
        f"{_bounds(schema)}</td></tr>\n"
        for name, schema in fields.items()
    )
    return f"<table>\n{rows}</table>\n" if rows else ""


def _bounds(schema: Json) -> str:
    """What a value must keep to, and what it is when it is left out."""
    kinds = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    told = [
        f"{word} {each[key]:g}"
        for each in kinds
        for key, word in (("minimum", "at least"), ("maximum", "at most"))
        if key in each
    ]
    if schema.get("default") not in (None, [], ""):
        told.append(f"{schema['default']} when left out")
    return f" <small>({escape(', '.join(told))})</small>" if told else ""


def _statuses(answers: Mapping[str, Json]) -> str:
    rows = "".join(
        f"<tr><th>{escape(status)}</th><td>{_text(answer['description'])}</td></tr>\n"
        for status, answer in answers.items()
    )
    return f"<table>\n{rows}</table>\n"


def _example(content: Json) -> str:
    example = content.get("example")
    if example is None:
        return ""
    text = example if isinstance(example, str) else json.dumps(example, indent=2)
    return f'<pre tabindex="0">{escape(text)}</pre>\n'


def _text(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))
