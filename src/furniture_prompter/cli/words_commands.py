"""``suggest`` and ``describe``: a prompt completed, and a photo put into the catalog's words."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from furniture_prompter import assembly
from furniture_prompter.cli.options import (
    CatalogOption,
    CropOption,
    EncoderOption,
    JsonOption,
    ThesaurusOption,
    photo_file,
    read_settings,
)
from furniture_prompter.cli.terminal import output, plain, print_facts, write_json

if TYPE_CHECKING:
    from furniture_prompter.domain.query import DescribedWord

SUGGEST_EXAMPLE = 'Example: furniture-prompter suggest "white sto" --catalog shop'
DESCRIBE_EXAMPLE = "Example: furniture-prompter describe chair.jpg --catalog shop"


def suggest_command(
    catalog: CatalogOption,
    typed: Annotated[
        str, typer.Argument(metavar="TYPED", help="What was typed so far.", show_default=False)
    ] = "",
    limit: Annotated[
        int,
        typer.Option(
            "--limit", "-k", metavar="N", help="Completions, and refinements, at the most."
        ),
    ] = 8,
    thesaurus: ThesaurusOption = None,
    as_json: JsonOption = False,
) -> None:
    """Complete a prompt in the catalog's own words, and say what would narrow it."""
    settings = read_settings(thesaurus)
    with assembly.Catalog.open(catalog, settings=settings) as opened:
        found = opened.suggest(typed, limit=limit)
    if as_json:
        from furniture_prompter.search.answer import suggestions_answer

        write_json(suggestions_answer(found))
        return
    console = output()
    for completion in found.completions:
        console.print(
            f"{plain(completion.text)} ({completion.count:,})",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if not found.completions:
        told = f"No words of the catalog begin with {plain(typed)!r}."
        console.print(told, markup=False, highlight=False, soft_wrap=True)
    if found.refinements:
        narrowed = " · ".join(f"{plain(each.text)} ({each.count:,})" for each in found.refinements)
        console.print(f"narrow: {narrowed}", markup=False, highlight=False, soft_wrap=True)


def describe_command(
    photo: Annotated[
        Path, typer.Argument(metavar="PHOTO", help="A photo of furniture.", parser=photo_file)
    ],
    catalog: CatalogOption,
    crop: CropOption = None,
    encoder: EncoderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a photo into the catalog's own words: category, colours, materials, each how sure."""
    settings = read_settings()
    from furniture_prompter.domain.query import Crop

    part = None if crop is None else Crop.of_text(crop)
    with assembly.Catalog.open(catalog, settings=settings, encoder=encoder) as opened:
        told = opened.describe(photo, crop=part)
    if as_json:
        from furniture_prompter.search.answer import description_answer

        write_json(description_answer(told))
        return
    rows = {
        "prompt": told.prompt or "nothing can be said",
        "category": _words(told.categories),
        "colours": _words(told.colors),
        "materials": _words(told.materials),
    }
    print_facts({name: text for name, text in rows.items() if text})


def _words(words: "Sequence[DescribedWord]") -> str:
    return ", ".join(f"{each.text} {each.confidence:.0%}" for each in words)
