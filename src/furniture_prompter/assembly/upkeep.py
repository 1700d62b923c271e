"""Catalogs verified and repaired, for whoever has settings and a path."""

from pathlib import Path

from furniture_prompter import event_loop
from furniture_prompter.assembly.encoders import photo_encoder_folder, prompt_encoder_folder
from furniture_prompter.catalog.compatibility import (
    refuse_other_encoder,
    refuse_other_prompt_encoder,
)
from furniture_prompter.catalog.manifest import Manifest
from furniture_prompter.catalog.upkeep import verify_catalog
from furniture_prompter.domain import RepairSummary, VerifyReport
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.identity import identity_of
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.encoders.registry import load_encoder, load_prompt_encoder
from furniture_prompter.ingest.repairing import (
    CatalogEncoders,
    alignment_fingerprint,
    repair_catalog,
)
from furniture_prompter.settings import Settings


def verify(catalog: str | Path) -> VerifyReport:
    """Check a catalog's current version: every file, every row, every index.

    Raises:
        CatalogNotFoundError, CatalogFormatError, CatalogDamagedError: it has no
            manifest to go by.
    """
    return event_loop.run(verify_catalog(Path(catalog), alignment_fingerprint))


def repair(catalog: str | Path, *, settings: Settings | None = None) -> RepairSummary:
    """Make a damaged catalog sound, keeping every product that can be read.

    Raises:
        CatalogDamagedError: nothing of it can be kept.
        CatalogError, EncoderError: see :mod:`furniture_prompter.errors`.
    """
    chosen = settings or Settings()

    def encoders_of(manifest: Manifest) -> CatalogEncoders:
        def folder() -> Path:
            return photo_encoder_folder(manifest.encoder.name, None, chosen)

        def card() -> EncoderCard:
            found = EncoderCard.load(folder())
            refuse_other_encoder(manifest, identity_of(found))
            return found

        def photo() -> Encoder:
            card()
            return load_encoder(folder(), threads=chosen.threads, device=chosen.encoder_device)

        def prompt() -> PromptEncoder:
            own = prompt_encoder_folder(manifest.prompt_encoder.name, chosen)
            encoder = load_prompt_encoder(own)
            refuse_other_prompt_encoder(manifest, identity_of(encoder.card))
            return encoder

        return CatalogEncoders(card, photo, prompt)

    return event_loop.run(repair_catalog(Path(catalog), encoders_of, chosen))
