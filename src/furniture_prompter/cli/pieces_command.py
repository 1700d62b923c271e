"""``pieces``: where the pieces of furniture are in a photo of a room."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from furniture_prompter.cli.options import (
    DetectorOption,
    JsonOption,
    photo_file,
    read_settings,
    refuse_unwritable,
)
from furniture_prompter.cli.terminal import output, plain, say, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from furniture_prompter.domain import RgbImage
    from furniture_prompter.domain.query import Crop, Piece

EXAMPLE = "Example: furniture-prompter pieces room.jpg --html pieces.html"


def pieces_command(
    photo: Annotated[
        Path, typer.Argument(metavar="PHOTO", help="A photo of a room.", parser=photo_file)
    ],
    detector: DetectorOption = None,
    as_json: JsonOption = False,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            metavar="FILE",
            help="Also write the photo with the boxes drawn and numbered, as a page.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Find the pieces of furniture in a photo, with the detector that ships or another."""
    if html is not None:
        refuse_unwritable(html, "--html")
    settings = read_settings(detector=detector)
    # Loading storage and runtime takes most of a second, which --help must not.
    from furniture_prompter import assembly

    image, found = assembly.find_pieces(photo, settings=settings)
    if html is not None:
        from furniture_prompter.cli.terminal import write_atomically

        write_atomically(html, render_pieces(image, found))
        say(f"Page written to {html}.")
    if as_json:
        from furniture_prompter.search.photo_answer import piece_answer

        write_json({"pieces": [piece_answer(each) for each in found]})
    else:
        console = output()
        for number, piece in enumerate(found, start=1):
            told = f"{number}  {plain(piece.kind)} {piece.score:.2f}  --crop {_text(piece.box)}"
            console.print(told, markup=False, highlight=False, soft_wrap=True)
        if not found:
            console.print(
                "No piece was found. Search the part that is meant with "
                "`furniture-prompter search --crop`."
            )


def render_pieces(image: "RgbImage", found: "Sequence[Piece]") -> str:
    """A page of one photo with its pieces: one file that fetches nothing.

    Args:
        image: The photo, shape (h, w, 3).
        found: The pieces, in the order of their numbers.
    """
    from furniture_prompter.cli.gallery import chosen_marks, page_template, room_figure, words

    listed = [
        f'<li id="piece-{number}">{words(piece.kind)} <span>{piece.score:.2f}</span> '
        f"<code>--crop {_text(piece.box)}</code></li>"
        for number, piece in enumerate(found, start=1)
    ]
    return page_template("pieces.html").substitute(
        title="Pieces · Furniture Prompter",
        room=room_figure(image, found),
        marks=chosen_marks(len(found)),
        pieces="\n".join(listed) or "<li>No piece was found.</li>",
    )


def _text(box: "Crop") -> str:
    return ",".join(f"{share:.3f}" for share in (box.x, box.y, box.width, box.height))
