"""Blocks as Markdown, with pictures in files beside it."""

import re
from collections.abc import Iterator, Sequence

from furniture_prompter.evaluation.report.blocks import (
    Block,
    Gallery,
    Heading,
    Paragraph,
    Picture,
    Sentences,
    Table,
    Warnings,
)

# What Markdown would read as more than a letter, in text that comes from data.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~&])")


def escaped(text: str) -> str:
    """Text that shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def markdown(blocks: Sequence[Block]) -> str:
    """A whole page; galleries are in the HTML report alone."""
    return "\n\n".join(part for block in blocks for part in _parts(block)) + "\n"


def _parts(block: Block) -> Iterator[str]:
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
    elif isinstance(block, Picture):
        yield f"![{escaped(block.alternative)}]({block.name}.svg)"
        yield f"*{escaped(block.caption)}*"
    elif isinstance(block, Gallery):
        yield f"*{escaped(block.caption)} The pictures are in report.html.*"
