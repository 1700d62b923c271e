"""``search``: find products by prompt, by photo or by both."""

from pathlib import Path
from typing import Annotated, Unpack

import typer

from furniture_prompter import assembly
from furniture_prompter.cli.options import (
    CatalogOption,
    CropOption,
    DetectorOption,
    EncoderOption,
    ExitCode,
    JsonOption,
    TextTowerOption,
    ThesaurusOption,
    photo_file,
    read_settings,
    refuse_unwritable,
    with_query_options,
)
from furniture_prompter.cli.terminal import output, say, write_atomically, write_json
from furniture_prompter.query_options import OPTIONS, SearchOptions, given

EXAMPLES = """\b
Examples:
  furniture-prompter search "white wooden children's stool" --catalog shop
  furniture-prompter search --photo chair.jpg --catalog shop -k 20
  furniture-prompter search --photo room.jpg --crop 0.1,0.2,0.5,0.6 --catalog shop
  furniture-prompter search --photo room.jpg --piece 2 --catalog shop
  furniture-prompter search "in dark wood" --photo chair.jpg \\
    --photo-weight 0.7 --without "metal legs" \\
    --where "category = 'chair' and price < 300" --catalog shop
  furniture-prompter search "oak table" --catalog shop --html hits.html
  furniture-prompter search --photo chair.jpg --catalog shop --html hits.html --heat
  furniture-prompter search --batch queries.jsonl -k 50 --json --catalog shop
"""


@with_query_options(after="photo")
def search_command(
    catalog: CatalogOption,
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="PROMPT", help="What is wanted, in words.", show_default=False),
    ] = None,
    photo: Annotated[
        Path | None,
        typer.Option(
            "--photo",
            metavar="FILE",
            help="A photo of what is wanted.",
            parser=photo_file,
            show_default=False,
        ),
    ] = None,
    crop: CropOption = None,
    detector: DetectorOption = None,
    encoder: EncoderOption = None,
    text_tower: TextTowerOption = None,
    thesaurus: ThesaurusOption = None,
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
    **options: Unpack[SearchOptions],
) -> None:
    """Search a catalog by words, by a photo, or by both."""
    if batch is not None:
        alone = {
            flag.names[0]: options.get(name)
            for name, option in OPTIONS.items()
            if (flag := option.about.flag) is not None and not flag.beside_batch
        }
        given_alone = {"PROMPT": prompt, "--photo": photo, "--crop": crop, **alone, "--html": html}
        _refuse_beside_batch(given_alone, as_json)
    elif prompt is None and photo is None:
        raise typer.BadParameter("Give a PROMPT, a --photo, or both; or a --batch of queries.")
    elif crop is not None and photo is None:
        raise typer.BadParameter("There is a --crop and no photo. Give the --photo it is cut from.")
    elif photo is None and options.get("piece") is not None:
        raise typer.BadParameter("There is a --piece and no photo. Give the --photo it is part of.")
    if options.get("heat") and html is None and not as_json:
        raise typer.BadParameter("A table has no place for --heat. Add --html FILE, or --json.")
    if html is not None:
        refuse_unwritable(html, "--html")
    settings = read_settings(thesaurus, detector)
    from furniture_prompter.domain.query import Crop

    part = None if crop is None else Crop.of_text(crop)
    with assembly.Catalog.open(
        catalog, settings=settings, encoder=encoder, text_tower=text_tower
    ) as opened:
        if batch is not None:
            from furniture_prompter.cli.batch import answer_batch_file

            failed = answer_batch_file(opened, batch, options)
            if failed:
                raise typer.Exit(ExitCode.SET_ASIDE)
            return
        result = opened.search(prompt, photo=photo, crop=part, **given(options))
    if html is not None:
        from furniture_prompter.cli.gallery import render_gallery

        write_atomically(html, render_gallery(result, photo))
        say(f"Gallery written to {html}.")
    if as_json:
        from furniture_prompter.search.answer import answer

        write_json(answer(result))
    else:
        from furniture_prompter.cli.hits_table import print_result

        print_result(result, output())


def _refuse_beside_batch(given: dict[str, object], as_json: bool) -> None:
    refused = [name for name, value in given.items() if value is not None]
    if refused:
        raise typer.BadParameter(
            f"--batch takes its queries from the file; leave out {', '.join(refused)}."
        )
    if not as_json:
        raise typer.BadParameter("--batch answers in JSON lines. Add --json.")
