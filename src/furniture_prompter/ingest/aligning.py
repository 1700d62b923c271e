"""Deciding on and fitting the alignment of a new catalog version."""

from dataclasses import dataclass
from pathlib import Path

from furniture_prompter.catalog.manifest import AlignmentRecord, Manifest
from furniture_prompter.catalog.reader import ALIGNMENTS_FOLDER
from furniture_prompter.catalog.writer import Align, CatalogWriter
from furniture_prompter.encoders.alignment import Alignment, AlignmentRefusal, needs_refit
from furniture_prompter.encoders.alignment_fit import fit_alignment
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.protocols import PromptEncoder
from furniture_prompter.ingest.changes import Changes

# Photos that a fit looks at; an even sample beyond. 50,000 pairs of 352 and 256 components fit in
# seconds, and the maps' error falls no further than the text's own noise.
FIT_PHOTOS = 50_000


@dataclass(frozen=True, slots=True)
class CurrentAlignment:
    """The alignment in force while changes are written, and how stale it is."""

    align: Align | None
    record: AlignmentRecord | None

    @classmethod
    def of(cls, folder: Path, manifest: Manifest | None) -> "CurrentAlignment":
        """Load what the current version uses."""
        if manifest is None:
            return cls(None, None)
        record = manifest.alignment
        if record.file is None:
            return cls(None, record)
        alignment = Alignment.load(folder / ALIGNMENTS_FOLDER / record.file)
        return cls(alignment.align_photos, record)


async def realign_if_due(
    writer: CatalogWriter,
    current: CurrentAlignment,
    changes: Changes,
    prompt_encoder: PromptEncoder,
    encoder: EncoderCard,
) -> AlignmentRecord:
    """Refit the alignment when enough has changed, and say what holds now.

    A photo encoder with a text tower needs none; one that was only taught into such an encoder's
    space has no tower of its own, and does.
    """
    record = current.record
    if encoder.encodes_prompts:
        if record is not None and record.file is not None:
            await writer.realign(None)
        statement = f"Prompts go through {encoder.name}'s own text tower."
        return AlignmentRecord(None, None, 0, 0, statement, text_tower=True)
    changed = len(changes.written) + len(changes.removed)
    if record is not None:
        changed += record.changed_since
        if not needs_refit(record.fitted_on, added=changed, removed=0, changed=0):
            return AlignmentRecord(
                record.file, record.fingerprint, record.fitted_on, changed, record.statement
            )
    products, photos, places = await writer.pairs(FIT_PHOTOS)
    looks = prompt_encoder.encode([product.look for product in products])
    fitted = fit_alignment(looks[places], photos, [str(place) for place in places])
    if isinstance(fitted, AlignmentRefusal):
        if record is None or record.file is not None:
            await writer.realign(None)
        return AlignmentRecord(None, None, len(products), 0, fitted.reason)
    file = f"{fitted.fingerprint[:32]}.npz"
    fitted.save(writer.alignments_folder / file)
    await writer.realign(fitted.align_photos)
    quality = fitted.quality
    statement = (
        f"Prompts search photos: fitted on {fitted.products} products; asked for by their own "
        f"text, held-out products came among the first ten of {quality.candidates:.0f} with "
        f"{quality.recall_at_10:.0%} (chance {quality.recall_at_10_chance:.0%})."
    )
    return AlignmentRecord(file, fitted.fingerprint, fitted.products, 0, statement)
