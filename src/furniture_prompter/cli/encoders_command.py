"""``encoders``: what turns photos and prompts into vectors."""

from typing import TYPE_CHECKING

from furniture_prompter.cli.loading import collector_paused
from furniture_prompter.cli.options import JsonOption
from furniture_prompter.cli.plain_text import plain
from furniture_prompter.cli.terminal import output, print_facts, size_text, write_json

if TYPE_CHECKING:
    from furniture_prompter.encoders.card import EncoderCard


def encoders_command(as_json: JsonOption = False) -> None:
    """List the encoders that ship: what each is, its size, licence, and where it comes from."""
    # Loading storage and runtime takes most of a second, which --help must not.
    with collector_paused():
        from furniture_prompter import assembly

    cards = assembly.available_encoders()
    if as_json:
        write_json([card.as_json() for card in cards])
        return
    for card in cards:
        output().print(plain(card.name), style="bold", soft_wrap=True)
        print_facts(_rows(card), indent=2)


def _rows(card: "EncoderCard") -> dict[str, str]:
    side_px = card.input_side_px
    takes = f"photos, {side_px} × {side_px} px" if side_px else "prompts"
    rows = {
        "encodes": takes,
        "dimensions": f"{card.dimension}, compared by {card.metric}",
        "size": f"{size_text(card.weights_bytes)}, {card.parameters:,} parameters",
        "licence": card.licence,
        "source": card.source,
        "sha256": card.weights_sha256,
        "about": card.description,
    }
    if card.figures:
        rows["figures"] = "\n".join(f"{name} {value:g}" for name, value in card.figures.items())
    return rows
