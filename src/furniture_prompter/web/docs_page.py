"""The description of the API as a page: no script, nothing from elsewhere."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from typing import Any, Final

STYLE: Final = files("furniture_prompter.web").joinpath("docs_page.css").read_text("utf-8")
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""The page's Content-Security-Policy: its own style and nothing else."""

_HEAD: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title} {version}</h1>
<p>{description} The same for programs: <a href="/openapi.json">/openapi.json</a>.</p>
"""
_FOOT: Final = "</main>\n</body>\n</html>\n"
_CODE: Final = re.compile(r"`([^`]+)`")

Json = Mapping[str, Any]


def docs_page(described: Json) -> str:
    """An OpenAPI description as HTML.

    Args:
        described: As :func:`furniture_prompter.web.descriptions.describe` gives it.
    """
    info = {name: escape(str(text)) for name, text in described["info"].items()}
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    common = _common_errors([operation for _, operation in operations])
    parts = [_HEAD.format(**info, style=STYLE), *_contents(operations)]
    for number, (name, operation) in enumerate(operations):
        parts += _operation(number, name, operation, described, common)
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
    return f"<pre>{escape(text)}</pre>\n"


def _text(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))
