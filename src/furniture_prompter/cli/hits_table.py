"""Search results as a terminal table: dominant colours of photos, prices, links, timings."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from rich.cells import cell_len
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from furniture_prompter.cli.terminal import has_colours, plain
from furniture_prompter.domain import (
    AttributeValue,
    Hit,
    Product,
    RgbImage,
    SearchResult,
    Variant,
)
from furniture_prompter.domain.query import PieceHits, Understood
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.search.confidence import NOTHING_CLOSE
from furniture_prompter.search.understood import PHOTOS_COLOUR
from furniture_prompter.understanding.prompts import SALE_PRICE, named

Colour: TypeAlias = tuple[int, int, int]

SIDE_PX = 64
BACKGROUND_LEVEL = 242
LEAST_DISTANCE = 48.0
LEAST_SHARE = 0.05
# Less than this share left beside the background means that the furniture itself is white.
LEAST_FOREGROUND = 0.04
WHITE: Colour = (255, 255, 255)


def dominant_colours(image: RgbImage, count: int = 3) -> tuple[Colour, ...]:
    """Up to `count` colours of an image of shape (height, width, 3), most frequent first."""
    from PIL import Image

    small = Image.fromarray(image)
    small.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
    pixels = np.asarray(small).reshape(-1, 3)
    foreground = pixels[pixels.min(axis=1) < BACKGROUND_LEVEL]
    chosen: list[Colour] = []
    if len(foreground) < LEAST_FOREGROUND * len(pixels):
        chosen.append(WHITE)
    if not len(foreground):
        return tuple(chosen)
    levels = foreground.astype(np.int64) >> 5
    cells = levels @ np.array([64, 8, 1])
    counts = np.bincount(cells, minlength=512)
    for cell in np.argsort(-counts, kind="stable")[: 4 * count]:
        if len(chosen) == count or counts[cell] < LEAST_SHARE * len(foreground):
            break
        mean = foreground[cells == cell].mean(axis=0)
        if all(np.linalg.norm(mean - np.array(other)) >= LEAST_DISTANCE for other in chosen):
            red, green, blue = (round(channel) for channel in mean.tolist())
            chosen.append((red, green, blue))
    return tuple(chosen)


def photo_colours(path: Path) -> tuple[Colour, ...]:
    """Dominant colours of a photo file; none when it is gone or no longer a usable photo."""
    from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes

    try:
        image = decode_photo(read_photo_bytes(path), name=str(path), target_side_px=SIDE_PX)
    except InvalidPhotoError:
        return ()
    return dominant_colours(image)


PRICES = ("price", "sale_price")
"""Columns of a feed that hold a price."""


def price_text(product: Product) -> str:
    """What it costs now; empty where the feed gives no price."""
    return _price_in(product.attributes)


def variant_text(variant: Variant) -> str:
    """A variant as a person would say it beside its product: ``in Grey, 599``."""
    price = _price_in(variant.attributes)
    return f"in {variant.name}" + (f", {price}" if price else "")


def _price_in(attributes: Mapping[str, AttributeValue]) -> str:
    priced = [name for name in PRICES if name in attributes]
    # What it costs now; a gallery and the page tell what it did before as well.
    return money_text(attributes, priced[-1]) if priced else ""


def money_text(attributes: Mapping[str, AttributeValue], name: str) -> str:
    """A price with its currency, in whole cents; as it is where no currency is known."""
    value, currency = attributes[name], attributes.get("currency")
    if not isinstance(value, float | int) or not currency:
        return number_text(value)
    amount = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
    return f"{amount} {currency}"


def number_text(value: AttributeValue) -> str:
    """A number with its thousands apart; a text as it is; a list with commas."""
    if isinstance(value, tuple):
        return ", ".join(value)
    return f"{value:,.10g}" if isinstance(value, float | int) else str(value)


# Columns between a hit's columns, and the least that title, category, colour and price are cut to:
# a price that is cut says something else, so there only what is no price at all is.
GAP = "  "
LEAST_WIDTHS = (16, 8, 8, 16)
HEADINGS = ("title", "category", "colour", "price")


def print_result(result: SearchResult, console: Console) -> None:
    """Print hits, where their photos are, timings and notes.

    A hit takes two lines: what it is, then its photo (a link where the terminal has links), the
    variant that it shows, what matched and how sure that is. Above them stands where nothing of
    what was asked for is close. On a terminal, columns are cut to its width; elsewhere
    nothing is cut. Of a room the pieces come first: what is near to all of it is near to its
    light and its walls as well.
    """
    for number, each in enumerate(result.pieces, start=1):
        console.print(Text(plain(_piece_line(number, each))), soft_wrap=True)
    if result.pieces:
        told = "a room, it seems: --piece N searches one piece alone, --whole the photo as one"
        console.print(Text(told, style="yellow"), soft_wrap=True)
        console.print("the photo as a whole:", soft_wrap=True)
    if result.close is False:
        console.print(Text(NOTHING_CLOSE, style="yellow"), soft_wrap=True)
    if result.hits:
        folder = _common_folder(result)
        for line in hit_lines(
            result,
            folder,
            swatches=has_colours(console),
            width=console.width if console.is_terminal else None,
        ):
            console.print(line, soft_wrap=True)
        if folder is not None:
            console.print(Text(f"photos in {plain(_short(folder))}", style="dim"), soft_wrap=True)
    else:
        cure = " Loosen --where." if result.query.where else ""
        cure += " Lower --least-confidence." if result.query.least_confidence else ""
        console.print(f"No product answers this query.{cure}", soft_wrap=True)
    if result.did_you_mean is not None:
        told = f"did you mean: {result.did_you_mean.prompt}; --literal searches what was written"
        console.print(Text(plain(told), style="yellow"), soft_wrap=True)
    if result.understood:
        console.print(Text(plain(understood_line(result)), style="dim"), soft_wrap=True)
    console.print(Text(timings_line(result), style="dim"), soft_wrap=True)
    for note in result.notes:
        if note == NOTHING_CLOSE:
            continue
        console.print(Text(f"note: {plain(note)}", style="yellow"), soft_wrap=True)


def _piece_line(number: int, found: PieceHits) -> str:
    hits = "; ".join(
        (hit.product.title or hit.product.id)
        + ("" if hit.confidence is None else f" ({sure_text(hit.confidence)})")
        for hit in found.hits
    )
    piece, far = found.piece, ", nothing close" if found.close is False else ""
    return f"piece {number}, {piece.kind} {piece.score:.2f}{far}: {hits or 'no product'}"


def sure_text(confidence: float) -> str:
    """How sure a hit is, as people are told it: ``82% sure``."""
    return f"{confidence:.0%} sure"


_OPERATORS = {"<": "under", "<=": "at most", ">": "over", ">=": "at least", "=": "about"}


def understood_text(result: SearchResult) -> str:
    """What was understood, without how to undo it; empty where nothing was."""
    return ", ".join(_told(part) for part in result.understood)


def understood_line(result: SearchResult) -> str:
    """What of the prompt was taken as what it says, and how to lift it."""
    told = understood_text(result)
    first = result.understood[0].text
    return f'understood: {told}; lift one with --lift "{first}", or all with --literal'


def _told(part: Understood) -> str:
    """In English terms; the prompt's own words stand in quotes where they are other ones."""
    if part.value == PHOTOS_COLOUR and part.use == "without":
        return _with_own_words("another colour than in the photo", part.text)
    if part.use == "without":
        named_so = ", ".join(dict.fromkeys(value for _, value in named(str(part.value))))
        return f"without {_with_own_words(named_so, str(part.value))}"
    if part.column == "availability":
        return _with_own_words(str(part.value), part.text)
    if part.column == SALE_PRICE:
        return _with_own_words("on sale", part.text)
    name, _, unit = (
        part.column.rpartition("_") if part.column[-3:] in {"_cm", "_kg"} else ("", "", "")
    )
    name = (name or part.column).removeprefix("base_").replace("_", " ")
    if isinstance(part.value, str):
        worded = {"low": f"low {name}", "high": f"high {name}"}
        value = worded.get(part.op, f"{name.removesuffix('s')} {part.value}")
        return _with_own_words(value, part.text)
    ending = f" {unit}" if unit else f" {part.currency}" if part.currency else ""
    if part.high is not None:
        return f"{name} {part.value:g} to {part.high:g}{ending}"
    limit = _OPERATORS[part.op] if part.column not in {"seats", "drawers"} else ""
    wish = " (preferred)" if part.use == "preference" and part.op != "=" else ""
    return " ".join(f"{name} {limit} {part.value:g}{ending}{wish}".split())


def _with_own_words(told: str, words: str) -> str:
    if not told:
        return f"“{words}”"
    return told if told.endswith(words.lower()) else f"{told} (“{words}”)"


def hit_lines(
    result: SearchResult, folder: Path | None, *, swatches: bool, width: int | None
) -> Iterator[Text]:
    """A heading, then two lines a hit.

    Args:
        result: What was found.
        folder: Photo paths are shown from here on; None shows them whole.
        swatches: Whether to show dominant colours, which needs a terminal with colours.
        width: Columns to fit title, category, colour and price into; None cuts nothing.
    """
    products = [hit.product for hit in result.hits]
    rows: list[tuple[str, ...]] = [
        (plain(p.title or p.id), plain(p.category), plain(p.color), plain(price_text(p)))
        for p in products
    ]
    headings: tuple[str, ...] = HEADINGS
    if not any(price for *_, price in rows):
        headings, rows = HEADINGS[:-1], [row[:-1] for row in rows]
    indent = 3 + 2 + 5 + 2 + (8 if swatches else 0)
    widths = _widths([headings, *rows], None if width is None else width - indent)
    gap = " " * 8 if swatches else ""
    heading = Text(f"  #{GAP}{gap}score{GAP}", style="bold")
    yield heading.append(_columns(headings, widths))
    seconds = [_photo_and_matched(hit, folder) for hit in result.hits]
    # Under the title where there is room for it, else further left.
    fits = width is None or all(indent + second.cell_len <= width for second in seconds)
    margin = indent if fits else 5
    for hit, row, found in zip(result.hits, rows, seconds, strict=True):
        first = Text().append(f"{hit.rank:>3}{GAP}", style="bold")
        if swatches:
            first.append(_swatches(hit)).append(GAP)
        first.append(f"{round(hit.score, 2) + 0.0:5.2f}{GAP}")
        yield first.append(_columns(row, widths, title_style="bold"))
        second = Text(" " * margin, style="dim").append(found)
        if width is not None:
            second.truncate(width, overflow="ellipsis")
        yield second


def _widths(rows: Sequence[tuple[str, ...]], available: int | None) -> tuple[int, ...]:
    """Widths in terminal cells: as wide as needed, and the widest cut first where room is short."""
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]))]
    if available is None:
        return tuple(widths)
    room = available - len(GAP) * (len(widths) - 1)
    while sum(widths) > room:
        spare = [width - LEAST_WIDTHS[column] for column, width in enumerate(widths)]
        if max(spare) <= 0:
            break
        widths[spare.index(max(spare))] -= 1
    return tuple(widths)


def _columns(row: tuple[str, ...], widths: tuple[int, ...], *, title_style: str = "") -> Text:
    line = Text()
    for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
        text = Text(cell, style="" if place else title_style)
        text.truncate(width, overflow="ellipsis", pad=place < len(row) - 1)
        line.append(text).append(GAP if place < len(row) - 1 else "")
    return line


def timings_line(result: SearchResult) -> str:
    """Hits, wall time and its steps in milliseconds, and the version that answered."""
    timings = dict(result.timings_ms)
    total_ms = timings.pop("total", sum(timings.values()))
    steps = ", ".join(f"{step} {elapsed_ms:.1f}" for step, elapsed_ms in timings.items())
    count = len(result.hits)
    hits = "1 hit" if count == 1 else f"{count} hits"
    detail = f" ({steps})" if steps else ""
    catalog = result.catalog
    return (
        f"{hits} in {total_ms:.1f} ms{detail} · {plain(catalog.path)}, version "
        f"{catalog.version}, {plain(catalog.encoder)}"
    )


def _photo_and_matched(hit: Hit, folder: Path | None) -> Text:
    path = Path(hit.photo.path)
    shown = path.relative_to(folder) if folder is not None else path
    link = path.as_uri() if path.is_absolute() else None
    text = Text().append(plain(str(shown)), style=Style(link=link))
    if hit.variant is not None:
        text.append(f" · {plain(variant_text(hit.variant))}")
    text.append(f" · {plain(', '.join(hit.matched))}")
    return text if hit.confidence is None else text.append(f" · {sure_text(hit.confidence)}")


def _swatches(hit: Hit) -> Text:
    """Six cells: up to three dominant colours of the hit's photo, two cells each."""
    colours = photo_colours(Path(hit.photo.path))
    text = Text()
    for colour in colours:
        text.append("  ", style=Style(bgcolor=Color.from_rgb(*colour)))
    return text.append(" " * (6 - 2 * len(colours)))


def _common_folder(result: SearchResult) -> Path | None:
    """The deepest folder that holds all photos; None where that is no folder worth naming."""
    folders = {Path(hit.photo.path).parent for hit in result.hits}
    if not folders or not all(folder.is_absolute() for folder in folders):
        return None
    try:
        common = Path(os.path.commonpath(folders))
    except ValueError:  # two drives of one machine have no folder in common
        return None
    return common if common != Path(common.anchor) else None


def _short(folder: Path) -> str:
    """From the current folder on where it lies below it, whole otherwise."""
    here = Path.cwd()
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else str(folder)
