"""How prompts reach the photos of a catalog."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from furniture_prompter.catalog.compatibility import refuse_other_space
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.encoders import registry
from furniture_prompter.encoders.alignment import Alignment
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.identity import identity_of
from furniture_prompter.encoders.protocols import CrossModalEncoder, Encoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.search.prompt_routes import (
    AlignmentRoute,
    NoRoute,
    PromptRoute,
    TextTowerRoute,
)
from furniture_prompter.settings import Settings


def prompt_route(
    reader: CatalogReader,
    text_tower: str | None,
    query_folder: Path,
    load: Callable[[Path], Encoder],
    settings: Settings,
) -> PromptRoute | NoRoute:
    """How prompts reach the photos: a tower that was named, the alignment, or the own tower."""
    manifest = reader.manifest
    if text_tower is not None:
        folder = encoder_folder(text_tower, settings.encoder_cache)
        card = EncoderCard.load(folder)
        registry.refuse_without_text_tower(card)
        refuse_other_space(manifest, identity_of(card), space_name(card))
        return TextTowerRoute(partial(_text_tower_in, folder, load))
    if reader.alignment_path is not None:
        return AlignmentRoute(Alignment.load(reader.alignment_path))
    if not manifest.alignment.text_tower:
        return NoRoute(manifest.alignment.statement)
    name = manifest.encoder.name
    own = registry.find_encoder_folder(name, settings.encoder_cache)
    for tower in (query_folder, *([own] if own else [])):
        card = EncoderCard.load(tower)
        if card.encodes_prompts and identity_of(card).shares_space_with(manifest.encoder):
            return TextTowerRoute(partial(_text_tower_in, tower, load))
    return NoRoute(
        f"Prompts cannot search photos: in this catalog they go through {name}'s own text tower, "
        f"and {name} is not here. Pull it, or name its folder with --text-tower."
    )


def _text_tower_in(folder: Path, load: Callable[[Path], Encoder]) -> CrossModalEncoder:
    return registry.text_tower_of(load(folder))


def space_name(card: EncoderCard) -> str:
    """The encoder whose space its vectors lie in, by name."""
    return card.space.name if card.space else card.name
