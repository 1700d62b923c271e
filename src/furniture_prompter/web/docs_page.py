"""The description of the API as a page: no script, nothing from elsewhere."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

_HEAD: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
</head>
<body>
<main>
<h1>{title} {version}</h1>
<p>{description} The same for programs: <a href="/openapi.json">/openapi.json</a>.</p>
"""
_FOOT: Final = "</main>\n</body>\n</html>\n"


def docs_page(described: Mapping[str, Any]) -> str:
    """An OpenAPI description as HTML.

    Args:
        described: As :func:`furniture_prompter.web.descriptions.describe` gives it.
    """
    info = {name: escape(str(text)) for name, text in described["info"].items()}
    parts = [_HEAD.format(**info)]
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            parts.extend(_operation(path, method, operation))
    return "".join([*parts, _FOOT])


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2><code>{method.upper()} {escape(path)}</code> {escape(operation['summary'])}</h2>\n"
    yield f"<p>{escape(operation.get('description', ''))}</p>\n"
    parameters = operation.get("parameters", ())
    if parameters:
        yield "<h3>Parameters</h3>\n<ul>\n"
        for each in parameters:
            told = each.get("description") or each["schema"].get("description", "")
            yield f"<li><code>{escape(each['name'])}</code> {escape(told)}</li>\n"
        yield "</ul>\n"
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<h3>Body: {escape(kind)}</h3>\n{_example(content)}"
    yield "<h3>Answers</h3>\n<ul>\n"
    for status, answer in sorted(operation["responses"].items()):
        yield f"<li>{escape(str(status))}: {escape(answer['description'])}\n"
        if status < "400":
            yield from (_example(content) for content in answer.get("content", {}).values())
        yield "</li>\n"
    yield "</ul>\n"


def _example(content: Mapping[str, Any]) -> str:
    example = content.get("example")
    if example is None:
        return ""
    text = example if isinstance(example, str) else json.dumps(example, indent=2)
    return f"<pre>{escape(text)}</pre>\n"
