"""Tables with rows of several kinds: a product's own, and below it those of its forms and photos.

Squarespace leaves the product's id empty below its first row. BigCommerce has a column that says
what a row is, and ids of rows: ``Product``, below it ``Variant``, ``Image`` or ``SKU``, ``Rule``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from furniture_prompter.domain import FeedNote
from furniture_prompter.feeds.grouping import FirstLines, text_of
from furniture_prompter.feeds.layouts import Layout, fold
from furniture_prompter.feeds.records import Record, RecordItem, Value

OPTIONS: Final = "Options"
"""The column that a form's options are in."""

_BELOW: Final = frozenset({"variant", "sku", "image"})
_CARDS: Final = re.compile("kart|group|grup")


def told_by_kind(
    items: Iterator[RecordItem], layout: Layout, columns: Mapping[str, str]
) -> Iterator[RecordItem]:
    """Rows of a table with the id of their product, whatever kind they are of.

    Args:
        items: The rows as they stand.
        layout: Which says what carries over, and which column tells kinds.
        columns: The table's columns by their folded names.
    """
    column = columns.get(fold(layout.carries), "") if layout.carries else ""
    kinds = columns.get(fold(layout.kinds), "") if layout.kinds else ""
    if not column or (layout.kinds and not kinds):
        return items
    return _of_kinds(items, column, kinds) if kinds else _carried(items, column)


def _carried(items: Iterator[RecordItem], column: str) -> Iterator[RecordItem]:
    above: Value = None
    for item in items:
        if isinstance(item, Record):
            own = item.fields.get(column)
            if own not in (None, ""):
                above = own
            elif above is not None:
                item = replace(item, fields={**item.fields, column: above})
        yield item


def _of_kinds(items: Iterator[RecordItem], column: str, kinds: str) -> Iterator[RecordItem]:
    above: Value = None
    seen = FirstLines()
    rules = 0
    lost: list[int] = []
    again: list[int] = []
    is_again = False
    for item in items:
        if isinstance(item, Record):
            kind = fold(str(item.fields.get(kinds) or ""))
            if kind == "rule":
                rules += 1
                continue
            if kind == "product":
                above = item.fields.get(column)
                key = text_of(above)
                is_again = bool(key) and seen.claim(key, item.line) is not None
                if is_again:
                    again.append(item.line)
            elif above is not None:
                item = replace(item, fields=_below(item.fields, kind) | {column: above})
            elif kind in _BELOW:
                lost.append(item.line)
                continue
            if is_again:
                continue
        yield item
    if rules:
        row = "rows say" if rules != 1 else "row says"
        yield FeedNote(
            f"{rules:,} {row} by a rule what an option costs more or less, which is not read: its "
            "price is that of the product."
        )
    if lost:
        row = (
            "rows of variants or photos stand"
            if len(lost) != 1
            else "row of a variant or photo stands"
        )
        yield FeedNote(
            f"{len(lost):,} {row} above every product (line {lost[0]}), and {_were(lost)} left "
            "out. Put each below its product's row."
        )
    if again:
        row = "rows of products have ids" if len(again) != 1 else "row of a product has the id"
        yield FeedNote(
            f"{len(again):,} {row} of another one above (line {again[0]}), and {_were(again)} left "
            "out with the rows below. Give each product an id of its own."
        )


def _were(lines: list[int]) -> str:
    return "were" if len(lines) != 1 else "was"


def without_no_card(items: Iterator[RecordItem], column: str) -> Iterator[RecordItem]:
    """Rows in which the 0 of a column that groups them, Ticimax's URUNKARTIID, is none.

    Args:
        items: The rows.
        column: It; empty where there is none.
    """
    if not _CARDS.search(fold(column)):
        return items
    return (
        replace(item, fields={**item.fields, column: None})
        if isinstance(item, Record) and text_of(item.fields.get(column)) == "0"
        else item
        for item in items
    )


def _below(fields: Mapping[str, Value], kind: str) -> dict[str, Value]:
    """The cells of a row below its product's, with the options of a form as ``Color:Grey``."""
    found = dict(fields)
    name = next((each for each in fields if fold(each) in {"name", "product_name"}), "")
    said = f"{fields.get(OPTIONS) or ''}"
    if kind == "sku":
        said = f"{found.pop(name, '') or ''}"
    pairs = _coded(said) if kind == "sku" else _named(said)
    if pairs:
        found[OPTIONS] = ";".join(f"{option}:{value}" for option, value in pairs)
    return found


def _named(text: str) -> list[tuple[str, str]]:
    """``Type=Swatch|Name=Color|Value=Grey[#888888];…``."""
    found = []
    for each in text.split(";"):
        said = dict(part.partition("=")[::2] for part in each.split("|"))
        found.append(
            (said.get("Name", "").strip(), said.get("Value", "").partition("[")[0].strip())
        )
    return [pair for pair in found if all(pair)]


def _coded(text: str) -> list[tuple[str, str]]:
    """``[CS]Color=Grey:#888888,[RB]Size=Large``."""
    found = []
    for each in text.split(","):
        name, _, value = each.partition("]")[2].partition("=")
        found.append((name.strip(), value.partition(":#")[0].strip()))
    return [pair for pair in found if all(pair)]
