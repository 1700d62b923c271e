"""Blocks of a report, and their rendering as HTML and Markdown."""

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the report's title."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences."""

    text: str


@dataclass(frozen=True, slots=True)
class Warnings:
    """Sentences that nobody may miss; none: nothing is shown."""

    sentences: Sequence[str]


@dataclass(frozen=True, slots=True)
class Sentences:
    """A list of sentences."""

    sentences: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        caption: What it shows, of which data, in which unit.
        columns: Their names; the first holds what a row is about.
        rows: Cells as text, as many as columns; "" where there is nothing.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def only(self, columns: Sequence[int]) -> "Table":
        """The same with these columns alone, by their indices."""
        kept = [[row[column] for column in columns] for row in (self.columns, *self.rows)]
        return Table(self.caption, kept[0], kept[1:])


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture.

    Attributes:
        name: File name without its ending.
        svg: The picture.
        caption: What it shows, of which data.
        alternative: The same for who cannot see it: what there is to see, with its figures.
    """

    name: str
    svg: str
    caption: str
    alternative: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo in a gallery: a small JPEG, what it is, and whether it is right (None: a query)."""

    jpeg: bytes
    name: str
    right: bool | None


@dataclass(frozen=True, slots=True)
class GalleryRow:
    """One query: what it is, the photo asked with, and what each encoder found."""

    title: str
    query: Shown
    found: Sequence[tuple[str, Sequence[Shown]]] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Gallery:
    """Queries side by side."""

    caption: str
    rows: Sequence[GalleryRow]


Block: TypeAlias = Heading | Paragraph | Warnings | Sentences | Table | Figure | Gallery


_SPREAD = re.compile(r"(\S+) (\[[^\]]+\]|\([^)]+\))")
_STYLE = Path(__file__).with_name("page.css")
# Everything that is shown is in the page: nothing may be fetched, nothing run.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(blocks: Sequence[Block], language: str = "en") -> str:
    """A whole page."""
    title = next((block.text for block in blocks if isinstance(block, Heading)), "Benchmark")
    body = "\n".join(part for block in blocks for part in _parts(block))
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8"/>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE.read_text('utf-8')}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _parts(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        yield f"<h{block.level}>{escape(block.text)}</h{block.level}>"
    elif isinstance(block, Paragraph):
        yield f"<p>{escape(block.text)}</p>"
    elif isinstance(block, Warnings):
        if block.sentences:
            items = "".join(f"<li>{escape(each)}</li>" for each in block.sentences)
            yield f'<aside class="flags" aria-label="What to know first"><ul>{items}</ul></aside>'
    elif isinstance(block, Sentences):
        yield f"<ul>{''.join(f'<li>{escape(each)}</li>' for each in block.sentences)}</ul>"
    elif isinstance(block, Table):
        yield _table(block)
    elif isinstance(block, Figure):
        yield (
            f'<figure role="group" aria-label="{escape(block.alternative)}">'
            f"<div class='drawn'>{block.svg}</div>"
            f"<figcaption>{escape(block.caption)}</figcaption>"
            f"<details><summary>The same in words</summary><p>{escape(block.alternative)}</p>"
            "</details></figure>"
        )
    elif isinstance(block, Gallery):
        yield _gallery(block)


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
    rows = []
    for first, *others in table.rows:
        cells = "".join(map(_cell, others))
        rows.append(f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>')
    return (
        f'<div class="table"><table><caption>{escape(table.caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(cell: str) -> str:
    """A cell; what a figure is sure to stands below it, so that wide tables fit."""
    if not _is_number(cell):
        return f"<td>{escape(cell)}</td>"
    figure = _SPREAD.fullmatch(cell)
    if figure is None:
        return f'<td class="number">{escape(cell)}</td>'
    return (
        f'<td class="number">{escape(figure[1])} <span class="spread">{escape(figure[2])}</span>'
        "</td>"
    )


def _is_number(cell: str) -> bool:
    return bool(cell) and (cell[0].isdigit() or cell[0] in "+-") and any(map(str.isdigit, cell))


def _gallery(gallery: Gallery) -> str:
    rows = []
    for row in gallery.rows:
        columns = [f'<div class="asked"><h5>asked with</h5>{_shown(row.query)}</div>']
        for encoder, found in row.found:
            pictures = "".join(map(_shown, found))
            columns.append(
                f'<div class="found"><h5>{escape(encoder)}</h5><div class="strip">{pictures}</div>'
                "</div>"
            )
        rows.append(
            f'<div class="query"><h4>{escape(row.title)}</h4>'
            f'<div class="sides">{"".join(columns)}</div></div>'
        )
    return (
        f'<section class="gallery"><p class="caption">{escape(gallery.caption)}</p>'
        f"{''.join(rows)}</section>"
    )


def _shown(shown: Shown) -> str:
    data = base64.b64encode(shown.jpeg).decode()
    verdict = {True: ", right", False: ", wrong", None: ""}[shown.right]
    mark = '<span class="right" aria-hidden="true">✓</span>' if shown.right else ""
    kind = " right" if shown.right else ""
    return (
        f'<span class="photo{kind}"><img alt="{escape(shown.name)}{verdict}" '
        f'src="data:image/jpeg;base64,{data}"/>{mark}</span>'
    )


# What Markdown would read as more than a letter, in text that comes from data.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~&])")


def escaped(text: str) -> str:
    """Text that shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def markdown(blocks: Sequence[Block]) -> str:
    """A whole page; galleries are in the HTML report alone."""
    return "\n\n".join(part for block in blocks for part in _markdown_parts(block)) + "\n"


def _markdown_parts(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        yield f"{'#' * block.level} {escaped(block.text)}"
    elif isinstance(block, Paragraph):
        yield escaped(block.text)
    elif isinstance(block, Warnings):
        if block.sentences:
            yield "\n".join(f"> **Note:** {escaped(each)}\n>" for each in block.sentences)
    elif isinstance(block, Sentences):
        yield "\n".join(f"- {escaped(each)}" for each in block.sentences)
    elif isinstance(block, Table):
        yield f"**{escaped(block.caption)}**"
        lines = [block.columns, ["---"] * len(block.columns), *block.rows]
        yield "\n".join(
            f"| {' | '.join(cell if cell == '---' else escaped(cell) for cell in line)} |"
            for line in lines
        )
    elif isinstance(block, Figure):
        yield f"![{escaped(block.alternative)}]({block.name}.svg)"
        yield f"*{escaped(block.caption)}*"
    elif isinstance(block, Gallery):
        yield f"*{escaped(block.caption)} The pictures are in report.html.*"
