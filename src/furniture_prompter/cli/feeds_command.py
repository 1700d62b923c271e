"""``feeds inspect``: what a feed would be indexed as and what is wrong with it, nothing written."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from furniture_prompter import assembly
from furniture_prompter.cli.index_command import (
    set_aside_answer,
    set_aside_counts,
    tell_set_aside,
)
from furniture_prompter.cli.options import (
    ExitCode,
    FormatOption,
    JsonOption,
    MapOption,
    TextEncodingOption,
)
from furniture_prompter.cli.terminal import (
    output,
    plain,
    print_facts,
    write_json,
)

if TYPE_CHECKING:
    from furniture_prompter.assembly import FeedInspection
    from furniture_prompter.domain import FeedRow, Variant

EXAMPLE = (
    "Examples: furniture-prompter feeds inspect export.csv; "
    'furniture-prompter feeds inspect urunler.xlsx --map title="Ürün Adı"'
)
_LONG = 100

feeds_app = typer.Typer(no_args_is_help=True, help="Look at a feed before it is indexed.")


@feeds_app.callback()
def feeds_command() -> None:
    """Look at a feed before it is indexed."""


@feeds_app.command(epilog=EXAMPLE)
def inspect(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE", help="What would be given to `index`.", show_default=False
        ),
    ],
    text_encoding: TextEncodingOption = None,
    layout: FormatOption = None,
    columns: MapOption = None,
    catalog: Annotated[
        Path | None,
        typer.Option(
            "--catalog",
            metavar="DIR",
            help="A catalog: how many products it has, which may be there without photos.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a feed would be read as: format, mapping, types, ten products, what is set aside.

    Nothing is written. Exit code 3 when something would be set aside, 4 when nothing can be read.
    """
    told = assembly.inspect_feed(
        source,
        text_encoding=text_encoding,
        layout=layout,
        columns=columns or (),
        catalog=catalog,
    )
    if as_json:
        write_json(inspection_answer(told))
    else:
        tell_set_aside(told.set_aside, None)
        _print(told)
    if not told.products:
        raise typer.Exit(ExitCode.REFUSED)
    if told.set_aside:
        raise typer.Exit(ExitCode.SET_ASIDE)


def inspection_answer(told: "FeedInspection") -> dict[str, Any]:
    """The promised JSON of an inspection; see docs/json.md."""
    return {
        "feed": told.source,
        "format": told.format,
        "layout": {
            "name": told.layout,
            "title": told.layout_title,
            "told_by": list(told.told_by),
        },
        "mapping": [
            {"column": each.column, "role": each.role, "by": each.by} for each in told.mapping
        ],
        "types": told.types,
        "counts": {
            "products": told.products,
            "variants": told.variants,
            "photos": told.images,
            "addresses": told.addresses,
            "known": told.known,
            "new": told.new,
            "set_aside": len(told.set_aside),
        },
        "rows": [_row_answer(row) for row in told.rows],
        "set_aside": [set_aside_answer(item) for item in told.set_aside],
        "notes": list(told.notes),
    }


def _row_answer(row: "FeedRow") -> dict[str, Any]:
    product = row.product
    return {
        "line": row.line or None,
        "id": product.id,
        "title": product.title,
        "category": product.category,
        "color": product.color,
        "description": product.description,
        "tags": list(product.tags),
        "attributes": {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in product.attributes.items()
        },
        "variants": [_variant_answer(variant) for variant in product.variants],
        "photos": [
            {
                "path": row.addresses.get(path, str(path)),
                "variant": row.variant_of.get(path) or None,
            }
            for path in row.images
        ],
    }


def _variant_answer(variant: "Variant") -> dict[str, Any]:
    return {
        "id": variant.id,
        "title": variant.title,
        "options": dict(variant.options),
        "color": variant.color,
        "attributes": {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in variant.attributes.items()
        },
    }


def _print(told: "FeedInspection") -> None:
    told_by = f": {', '.join(told.told_by)}" if told.told_by else ""
    facts = {
        "feed": told.source,
        "format": told.format,
        "layout": f"{told.layout_title or told.layout}{told_by}",
        "columns": "\n".join(
            f"{plain(each.column)} → {each.role}" + ("" if each.by == "layout" else f" ({each.by})")
            for each in told.mapping
            if each.role not in {"ignore", "attribute"}
        ),
        "attributes": ", ".join(f"{name} ({kind})" for name, kind in told.types.items()),
        "left out": ", ".join(plain(each.column) for each in told.mapping if each.role == "ignore"),
        "holds": f"{told.products:,} products, {told.variants:,} variants, "
        f"{told.images:,} photos"
        + (f", of which {told.addresses:,} by address" if told.addresses else ""),
        "catalog": ""
        if told.known is None
        else f"has {told.known:,} of these products, {told.new:,} are new",
        "set aside": set_aside_counts(told.set_aside),
        "notes": "\n".join(plain(note) for note in told.notes),
    }
    print_facts({name: text for name, text in facts.items() if text})
    for row in told.rows:
        _print_row(row)


def _print_row(row: "FeedRow") -> None:
    product = row.product
    output().print()
    output().print(plain(product.title), style="bold", soft_wrap=True)
    attributes = ", ".join(f"{name} {_shown(value)}" for name, value in product.attributes.items())
    facts = {
        "id": product.id,
        "category": product.category,
        "color": product.color,
        "text": _cut(product.description),
        "tags": ", ".join(product.tags),
        "attributes": attributes,
        "variants": "\n".join(
            f"{variant.id}: {_variant_text(variant)}" for variant in product.variants
        ),
        "photos": "\n".join(_photo(row, path) for path in row.images),
    }
    print_facts({name: text for name, text in facts.items() if text}, indent=2)


def _variant_text(variant: "Variant") -> str:
    options = ", ".join(f"{name} {value}" for name, value in variant.options.items())
    values = ", ".join(f"{name} {_shown(value)}" for name, value in variant.attributes.items())
    return "; ".join(part for part in (options or variant.color, values) if part)


def _photo(row: "FeedRow", path: Path) -> str:
    of = row.variant_of.get(path)
    return row.addresses.get(path, str(path)) + (f" ({of})" if of else "")


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return " | ".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else _cut(str(value))


def _cut(text: str) -> str:
    line = plain(text)
    return line if len(line) <= _LONG else line[: _LONG - 1] + "…"
