"""Forms on the API's own page by which each call is tried; ``static/docs.js`` sends them."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

Json = Mapping[str, Any]

_FURTHER: Final = "…"
"""Name of a field for what a schema lets through beside its own names."""
_WRITING: Final = "writing"
_MULTILINE: Final = frozenset({"json", "lines"})


def try_form(
    number: int, method: str, path: str, operation: Json, bodies: Json, keyed: bool
) -> str:
    """A form with a field for each value that a call takes.

    Args:
        number: Place of the call on the page, for ids.
        method: Such as ``GET``.
        path: With its parameters in braces.
        operation: The call, as OpenAPI describes it.
        bodies: By media type, what a body may be: ``schema`` without a reference, and ``example``.
        keyed: Whether the server has API keys.
    """
    writes = _WRITING in operation.get("tags", ())
    told = escape(f"{method} {path}")
    sent = f'data-method="{method}" data-path="{escape(path.removeprefix("/"))}"'
    parts = [
        '<details class="try"><summary>Try it</summary>\n',
        f'<form {sent} aria-label="Try {told}">\n',
    ]
    for each in operation.get("parameters", ()):
        place = {"data-in": each["in"], "required": each.get("required", False)}
        parts.append(_field(f"t{number}-{each['name']}", each["name"], each["schema"], None, place))
    if len(bodies) > 1:
        chosen = "".join(f"<option>{escape(kind)}</option>" for kind in bodies)
        parts.append(
            f'<p><label for="t{number}-body">body as</label>'
            f'<select id="t{number}-body" data-bodies>{chosen}</select></p>\n'
        )
    for order, (kind, content) in enumerate(bodies.items()):
        parts += _body(f"t{number}-{order}", kind, content, shown=order == 0)
    if keyed and operation.get("security"):
        scope = "write" if writes else "read"
        parts.append(
            f'<p><label for="t{number}-key">API key, scope {scope}</label><input type="password" '
            f'id="t{number}-key" class="key" required autocomplete="off" spellcheck="false"></p>\n'
        )
    if writes:
        parts.append(
            '<p><label class="sure"><input type="checkbox" required> '
            "This changes the catalog: send it.</label></p>\n"
        )
    parts.append(
        '<p><button type="submit">Send</button></p>\n<p role="status"></p>\n'
        '<pre tabindex="0" aria-label="Answer" hidden></pre>\n'
        '<img alt="The picture that was answered" hidden>\n</form></details>\n'
    )
    return "".join(parts)


def _body(prefix: str, kind: str, content: Json, shown: bool) -> Iterator[str]:
    schema, example = content["schema"], content.get("example")
    state = "" if shown else " hidden disabled"
    yield f'<fieldset data-body="{escape(kind)}"{state}><legend>{escape(kind)}</legend>\n'
    if schema.get("type") == "string":
        yield _field(f"{prefix}-lines", "lines", {"lines": True}, example, {"required": True})
    fields: Json = schema.get("properties", {})
    told = example if isinstance(example, dict) else {}
    for name, field in fields.items():
        needed = name in schema.get("required", ())
        # One value to begin with; the others may not fit the catalog that is asked.
        yield _field(
            f"{prefix}-{name}",
            name,
            field,
            told.get(name),
            {"required": needed},
            filled=needed or name == next(iter(told), None),
        )
    if schema.get("additionalProperties"):
        further = {name: value for name, value in told.items() if name not in fields}
        yield _field(f"{prefix}-further", _FURTHER, {"type": "object"}, further or None, {})
    yield "</fieldset>\n"


def _field(
    name_id: str,
    name: str,
    schema: Json,
    example: object,
    attributes: Mapping[str, object],
    filled: bool = False,
) -> str:
    kind, choices = _kind(schema)
    told = "" if example is None else example if isinstance(example, str) else _text(kind, example)
    # An example that was cut short is to be read, and not to be sent.
    value = told if filled and "…" not in told else ""
    given = {"id": name_id, "name": name, "data-kind": kind, **attributes}
    if kind not in ("file", "files", "choice"):
        given["placeholder"] = told or _hint(schema, kind)
    if kind == "number":
        given |= {"type": "number", "step": "any", **_bounds(schema)}
    elif kind in ("file", "files"):
        given |= {"type": "file", "multiple": kind == "files"}
    written = "".join(
        f" {key}" if each is True else f' {key}="{escape(str(each))}"'
        for key, each in given.items()
        if each is not False and each != ""
    )
    if kind == "choice":
        options = "".join(f"<option>{escape(each)}</option>" for each in ("", *choices))
        control = f"<select{written}>{options}</select>"
    elif kind in _MULTILINE:
        control = f'<textarea{written} rows="3" spellcheck="false">{escape(value)}</textarea>'
    else:
        control = f'<input{written} value="{escape(value)}" autocomplete="off">'
    label = "further fields, as JSON" if name == _FURTHER else f"<code>{escape(name)}</code>"
    hint = {"list": ", with commas between", "json": ", as JSON"}.get(kind, "")
    hint = "" if name == _FURTHER else hint
    return f'<p><label for="{name_id}">{label}{hint}</label>{control}</p>\n'


def _kind(schema: Json) -> tuple[str, tuple[str, ...]]:
    """How a value is typed, and the texts to choose from where there are few."""
    if "lines" in schema:
        return "lines", ()
    found = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    if len(found) != 1:
        return "json", ()
    (one,) = found
    if "enum" in one:
        return "choice", tuple(one["enum"])
    if one.get("type") == "boolean":
        return "choice", ("true", "false")
    if one.get("type") in ("number", "integer"):
        return "number", ()
    if one.get("type") == "string":
        return ("file" if one.get("format") == "binary" else "text"), ()
    items = one.get("items", {})
    if one.get("type") == "array" and items.get("type") == "string":
        return ("files" if items.get("format") == "binary" else "list"), ()
    return "json", ()


def _text(kind: str, example: object) -> str:
    if kind == "list" and isinstance(example, list):
        return ", ".join(map(str, example))
    return json.dumps(example, ensure_ascii=False)


def _hint(schema: Json, kind: str) -> str:
    default = schema.get("default")
    return "" if default in (None, [], "") or kind == "json" else str(default)


def _bounds(schema: Json) -> dict[str, object]:
    found = next(each for each in schema.get("anyOf", [schema]) if each.get("type") != "null")
    names = (("minimum", "min"), ("maximum", "max"))
    return {short: f"{found[name]:g}" for name, short in names if name in found}
