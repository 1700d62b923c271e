"""``search``: find products by prompt, by photo or by both."""

from pathlib import Path
from typing import Annotated

import typer

from furniture_prompter.cli.options import (
    CatalogOption,
    EncoderOption,
    ExitCode,
    JsonOption,
    TextTowerOption,
    read_settings,
    refuse_unwritable,
)
from furniture_prompter.cli.terminal import collector_paused, output, say, write_json

EXAMPLES = """\b
Examples:
  furniture-prompter search "white wooden children's stool" --catalog shop
  furniture-prompter search --photo chair.jpg --catalog shop -k 20
  furniture-prompter search "in dark wood" --photo chair.jpg \\
    --photo-weight 0.7 --without "metal legs" \\
    --where "category = 'chair' and price < 300" --catalog shop
  furniture-prompter search "oak table" --catalog shop --html hits.html
  furniture-prompter search --batch queries.jsonl -k 50 --json --catalog shop
"""


def search_command(
    catalog: CatalogOption,
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="PROMPT", help="What is wanted, in words.", show_default=False),
    ] = None,
    photo: Annotated[
        Path | None,
        typer.Option(
            "--photo", metavar="FILE", help="A photo of what is wanted.", show_default=False
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-k", metavar="N", help="Hits at the most.")
    ] = 10,
    photo_weight: Annotated[
        float | None,
        typer.Option(
            "--photo-weight",
            metavar="W",
            help="Share of the photo beside a prompt: 0 is the prompt alone, 1 the photo alone. "
            "An even share unless set.",
            show_default=False,
        ),
    ] = None,
    without: Annotated[
        str | None,
        typer.Option(
            "--without", metavar="TEXT", help="What is not wanted, in words.", show_default=False
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            "--where",
            metavar="EXPR",
            help='Only products for which this holds, such as "price < 300"; see docs/filters.md.',
            show_default=False,
        ),
    ] = None,
    encoder: EncoderOption = None,
    text_tower: TextTowerOption = None,
    as_json: JsonOption = False,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            metavar="FILE",
            help="Also write the hits as a page with pictures, one file.",
            show_default=False,
        ),
    ] = None,
    batch: Annotated[
        Path | None,
        typer.Option(
            "--batch",
            metavar="FILE",
            help="Answer every query of this JSON-lines file, one line each; - reads standard "
            "input. Needs --json.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Search a catalog by words, by a photo, or by both."""
    if batch is not None:
        alone = {"PROMPT": prompt, "--photo": photo, "--without": without, "--where": where}
        _refuse_beside_batch({**alone, "--html": html}, as_json)
    elif prompt is None and photo is None:
        raise typer.BadParameter("Give a PROMPT, a --photo, or both; or a --batch of queries.")
    if html is not None:
        refuse_unwritable(html, "--html")
    settings = read_settings()
    # Loading storage and runtime takes most of a second, which --help must not.
    with collector_paused():
        from furniture_prompter import assembly

    with assembly.Catalog.open(
        catalog, settings=settings, encoder=encoder, text_tower=text_tower
    ) as opened:
        if batch is not None:
            from furniture_prompter.cli.batch import BatchDefaults, answer_batch_file

            failed = answer_batch_file(opened, batch, BatchDefaults(limit, photo_weight))
            if failed:
                raise typer.Exit(ExitCode.SET_ASIDE)
            return
        result = opened.search(
            prompt,
            photo=photo,
            photo_weight=photo_weight,
            without=without,
            where=where,
            limit=limit,
        )
    if as_json:
        from furniture_prompter.search.answer import answer

        write_json(answer(result))
    else:
        from furniture_prompter.cli.hits_table import print_result

        print_result(result, output())
    if html is not None:
        from furniture_prompter.cli.gallery import render_gallery
        from furniture_prompter.cli.terminal import write_atomically

        write_atomically(html, render_gallery(result))
        say(f"Gallery written to {html}.")


def _refuse_beside_batch(given: dict[str, object], as_json: bool) -> None:
    refused = [name for name, value in given.items() if value is not None]
    if refused:
        raise typer.BadParameter(
            f"--batch takes its queries from the file; leave out {', '.join(refused)}."
        )
    if not as_json:
        raise typer.BadParameter("--batch answers in JSON lines. Add --json.")
