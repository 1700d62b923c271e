"""Benchmark reports as Markdown, HTML and SVG."""

from pathlib import Path

from furniture_prompter.evaluation.filing import save
from furniture_prompter.evaluation.record import Run
from furniture_prompter.evaluation.report.content import blocks_of
from furniture_prompter.evaluation.report.galleries import PhotoOf, products_found
from furniture_prompter.evaluation.report.rendering import Figure, markdown, page


def write_report(run: Run, folder: Path, photo_of: PhotoOf) -> None:
    """Write the report of a run; the same run and photos give the same bytes.

    Args:
        run: What was measured.
        folder: Where ``report.md``, ``report.html`` and the pictures go.
        photo_of: From a photo's index to its file, None where there is none to show; asked for
            galleries alone.

    Raises:
        BenchmarkError: the folder cannot be written.
    """
    blocks = blocks_of(run, products_found(run, photo_of))
    for block in blocks:
        if isinstance(block, Figure):
            save(folder / f"{block.name}.svg", block.svg.encode())
    save(folder / "report.md", markdown(blocks).encode())
    save(folder / "report.html", page(blocks).encode())
