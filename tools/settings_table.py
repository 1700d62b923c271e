"""Writes docs/settings.md from the settings themselves: ``python -m tools.settings_table``."""

from collections.abc import Iterable
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from furniture_prompter.settings import ServeSettings, Settings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
PREFIX = "FURNITURE_PROMPTER_"

# What a name's ending says of its unit; the longest ending counts.
UNITS = {
    "_per_minute": "a minute",
    "_ms": "ms",
    "_s": "s",
    "_bytes": "bytes",
    "_pixels": "pixels",
    "_characters": "characters",
    "_photos": "photos",
}
# Defaults that a function makes, in words: what it makes on one machine tells a reader nothing.
MADE = {
    "encoder_cache": "`~/.cache/furniture-prompter/encoders`",
    "catalog_cache": "`~/.cache/furniture-prompter/catalogs`",
    "detector": "the one that ships",
}

HEAD = """# Settings

Written by `python -m tools.settings_table` from `furniture_prompter.settings`; a test holds the two
together. Every command reads the first table, `furniture-prompter serve` both. A setting is given
in the environment by the name beside it; some have an option of the same name too, which comes
first ([the terminal](cli.md)). For the API a file of `NAME=value` lines can hold them as well, read
where the environment is silent: [operations](operations.md#settings).

A list is given as JSON (`["https://shop.example"]`), true and false as `true` and `false`.
"""


def rendered() -> str:
    """The whole page."""
    own = {name: field for name, field in ServeSettings.model_fields.items() if _is_own(name)}
    parts = [
        HEAD,
        "## Of every command",
        _table(Settings.model_fields.items()),
        "## Of the API",
        _table(own.items()),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _is_own(name: str) -> bool:
    return name not in Settings.model_fields


def _table(fields: Iterable[tuple[str, FieldInfo]]) -> str:
    lines = [("setting", "environment", "default", "range", "what it is"), ("---",) * 5]
    for name, field in fields:
        # Cells of a Markdown table end at a bar, even within code.
        says = (field.description or "").replace("|", "\\|")
        variable = f"`{PREFIX}{name.upper()}`"
        lines.append((f"`{name}`", variable, _default(name, field), _range(name, field), says))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _default(name: str, field: FieldInfo) -> str:
    if name in MADE:
        return MADE[name]
    value = field.default
    if value is PydanticUndefined:
        raise SystemExit(f"Say in tools/settings_table.py what the default of {name} is.")
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(value)
    return f"`{value}`"


def _range(name: str, field: FieldInfo) -> str:
    """Bounds and unit, such as ``> 0, ≤ 60 s``, or a pattern; empty where everything is taken."""
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    found: list[str] = []
    for rule in field.metadata:
        pattern = getattr(rule, "pattern", None)
        if pattern:
            found.append(f"`{pattern}`".replace("|", "\\|"))
        for name_of_bound, sign in signs.items():
            bound = getattr(rule, name_of_bound, None)
            found += [] if bound is None else [f"{sign} {_number(bound)}"]
    endings = sorted(UNITS, key=len, reverse=True)
    counted = not isinstance(field.default, bool)
    unit = next((UNITS[each] for each in endings if counted and name.endswith(each)), "")
    return " ".join(part for part in (", ".join(found), unit) if part)


def _number(value: float) -> str:
    # Four digits without a comma, as ports and years are written.
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:g}"


if __name__ == "__main__":
    PAGE.write_text(rendered(), "utf-8")
