"""Learning beside writing: alignment and confidence from one version, taken up in a later one.

Fitting takes seconds, whatever has changed, and whoever writes over the API must not wait for it.
So it reads a version that is pinned, without the writer's lock, and takes that only to let photos
have their new vectors.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import pad
from furniture_prompter.catalog.confidence import ConfidenceRecord
from furniture_prompter.catalog.manifest import AlignmentRecord, Manifest, read_manifest
from furniture_prompter.catalog.storage import CHUNK_ROWS
from furniture_prompter.catalog.stored import StoredVectors, stored_vectors, tables_of
from furniture_prompter.catalog.writer import open_writer
from furniture_prompter.domain import Made
from furniture_prompter.encoders.alignment import Alignment
from furniture_prompter.encoders.card import identity_of
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.ingest.calibrating import CALIBRATED_PHOTOS, calibrate
from furniture_prompter.ingest.writing import (
    asking_photos,
    is_due,
    new_alignment,
    take_up_alignment,
)
from furniture_prompter.settings import Settings

StillWanted = Callable[[], None]
"""Called between steps; raises where nobody wants the rest."""


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What a version taught.

    Attributes:
        basis: Its manifest.
        record: What to record of the alignment.
        alignment: The alignment; None where there is none.
        confidence: How sure answers are by it.
        seconds: How long that took.
    """

    basis: Manifest
    record: AlignmentRecord
    alignment: Alignment | None
    confidence: ConfidenceRecord
    seconds: float


async def learn(
    folder: Path, encoder: Encoder, prompt_encoder: PromptEncoder, still_wanted: StillWanted
) -> Learned | None:
    """Learn from the current version where so much has changed that it is due; seconds.

    Args:
        folder: The catalog.
        encoder: Encoder of the catalog's photos.
        prompt_encoder: Encoder of the products' text.
        still_wanted: See there.

    Returns:
        What was learned; None where nothing is due.

    Raises:
        CatalogError: the version cannot be read; see :mod:`furniture_prompter.errors`.
    """
    began = time.perf_counter()
    basis = read_manifest(folder)
    card = encoder.card
    if not is_due(basis, card):
        return None
    async with tables_of(folder, basis) as tables:
        record, alignment = basis.alignment, None
        if not card.encodes_prompts:
            record, alignment = await new_alignment(tables, prompt_encoder, card)
        still_wanted()
        stored = await stored_vectors(tables, CALIBRATED_PHOTOS)
    if stored is not None and alignment is not None:
        stored = replace(stored, aligned=_aligned(stored, alignment, card.dimension))
    still_wanted()
    asking = asking_photos(alignment, prompt_encoder)
    confidence = calibrate(stored, prompt_encoder.encode, asking, encoder.encode, basis.language)
    still_wanted()
    return Learned(basis, record, alignment, confidence, time.perf_counter() - began)


def _aligned(stored: StoredVectors, alignment: Alignment, dimension: int) -> NDArray[np.floating]:
    """The photos where prompts meet them by another alignment, as they will be stored."""
    photos = stored.photos[:, :dimension]
    aligned = np.zeros((len(photos), pad(alignment.photo_map[:1]).shape[1]), np.float16)
    for start in range(0, len(photos), CHUNK_ROWS):
        some = photos[start : start + CHUNK_ROWS].astype(np.float32)
        aligned[start : start + CHUNK_ROWS] = pad(alignment.align_photos(some))
    return aligned


async def take_up(
    learned: Learned,
    folder: Path,
    encoder: Encoder,
    prompt_encoder: PromptEncoder,
    settings: Settings,
) -> Manifest | None:
    """Let a catalog have what was learned, as a new version of the products that it has now.

    Args:
        learned: That, by the same encoders.
        folder: The catalog.
        encoder: Encoder of the catalog's photos.
        prompt_encoder: Encoder of the products' text.
        settings: How long replaced versions stay, and when an index pays.

    Returns:
        The new version's manifest; None where another run has learned, or gone back, meanwhile.

    Raises:
        CatalogBusyError: another process writes the catalog.
        CatalogError: it cannot be written; see :mod:`furniture_prompter.errors`. The previous
            version stands.
    """
    began = time.perf_counter()
    async with open_writer(
        folder,
        identity_of(encoder.card),
        identity_of(prompt_encoder.card),
        language=None,
        default_language=settings.language,
    ) as writer:
        now = writer.manifest
        since = None if now is None else _changed_since(learned.basis, now)
        if now is None or since is None:
            return None
        await writer.pruner.before_writing(now, settings.version_grace_s)
        record = learned.record
        if not encoder.card.encodes_prompts:
            record = await take_up_alignment(writer, now.alignment, record, learned.alignment)
        writer.confidence = replace(learned.confidence, changed_since=since)
        vector_index = await writer.build_indexes(
            settings.vector_index_photos, record.file is not None
        )
        made = Made(
            by="learn",
            unchanged=now.products,
            seconds=round(learned.seconds + time.perf_counter() - began, 3),
        )
        return await writer.commit(
            replace(record, changed_since=since),
            vector_index,
            settings.version_grace_s,
            settings.keep_versions,
            made,
        )


def _changed_since(basis: Manifest, now: Manifest) -> int | None:
    """Products that were written since `basis`; None where `now` does not go on from it."""
    before, after = basis.alignment, now.alignment
    since = after.changed_since - before.changed_since
    if since < 0 or replace(after, changed_since=before.changed_since) != before:
        return None
    if basis.confidence is None or now.confidence is None:
        return since if basis.confidence is now.confidence else None
    # Of a photo encoder with a text tower this one alone counts on over every run.
    since = now.confidence.changed_since - basis.confidence.changed_since
    same = replace(now.confidence, changed_since=basis.confidence.changed_since)
    return since if since >= 0 and same == basis.confidence else None
