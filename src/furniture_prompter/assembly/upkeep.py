"""Catalogs verified and repaired, for whoever has settings and a path."""

from pathlib import Path

from furniture_prompter import event_loop
from furniture_prompter.assembly.encoders import load_encoder, load_prompt_encoder
from furniture_prompter.assembly.query_encoders import own_unless_set
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
from furniture_prompter.encoders.registry import encoder_folder
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
        name = own_unless_set(manifest.encoder.name, chosen.encoder)

        def card() -> EncoderCard:
            found = EncoderCard.load(encoder_folder(name, chosen.encoder_cache))
            refuse_other_encoder(manifest, identity_of(found))
            return found

        def photo() -> Encoder:
            card()
            return load_encoder(name, chosen.threads, chosen.encoder_cache, chosen.encoder_device)

        def prompt() -> PromptEncoder:
            own = own_unless_set(manifest.prompt_encoder.name, chosen.prompt_encoder)
            encoder = load_prompt_encoder(own, chosen.encoder_cache)
            refuse_other_prompt_encoder(manifest, identity_of(encoder.card))
            return encoder

        return CatalogEncoders(card, photo, prompt)

    return event_loop.run(repair_catalog(Path(catalog), encoders_of, chosen))
