"""Writing changes: rows with words and vectors, what is learned of them when due, the commit."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import ProductRow
from furniture_prompter.catalog.manifest import AlignmentRecord, Manifest
from furniture_prompter.catalog.reader import ALIGNMENTS_FOLDER
from furniture_prompter.catalog.storage import CHUNK_ROWS
from furniture_prompter.catalog.stored import Tables, stored_looks, stored_vectors
from furniture_prompter.catalog.vector_index import Numbers
from furniture_prompter.catalog.writer import Align, CatalogWriter
from furniture_prompter.domain import IndexProgress, Made, Product
from furniture_prompter.encoders.alignment import (
    Alignment,
    AlignmentRefusal,
    fit_alignment,
    needs_refit,
    photo_scale,
)
from furniture_prompter.encoders.card import ColourPart, EncoderCard
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.encoders.shipped import borrowed_statement, shipped_alignment
from furniture_prompter.ingest.calibrating import CALIBRATED_PHOTOS, Encode, calibrate
from furniture_prompter.ingest.changes import Change, Changes
from furniture_prompter.ingest.furniture_words import DICTIONARY_LANGUAGES, other_language
from furniture_prompter.ingest.reading import in_batches
from furniture_prompter.settings import Settings

OnProgress = Callable[[IndexProgress], None]

# Photos that a fit looks at; an even sample beyond. 50,000 pairs of 352 and 256 components fit in
# seconds, and the maps' error falls no further than the text's own noise.
FIT_PHOTOS = 50_000

# What a product's look in the dictionary's other language counts beside the shop's own words; see
# benchmarks/multilingual_prompts.py.
OTHER_LANGUAGE_WEIGHT = 0.5

# Texts that are different words, numbers aside; fewer are names of files, or one word for all.
_LEAST_TOLD_APART: Final = 3
_PARTS: Final = re.compile(r"[\W_]+")


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
    changed: int,
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
    if record is not None:
        record = replace(record, changed_since=record.changed_since + changed)
        if not _is_stale(record):
            return record
    now, alignment = await new_alignment(writer, prompt_encoder, encoder)
    return await take_up_alignment(writer, record, now, alignment)


def _is_stale(record: AlignmentRecord) -> bool:
    return needs_refit(record.fitted_on, added=record.changed_since, removed=0, changed=0)


def is_due(manifest: Manifest, encoder: EncoderCard) -> bool:
    """Whether so much has changed that alignment or confidence is to be learned anew."""
    record = manifest.confidence
    return (
        record is None
        or (not encoder.encodes_prompts and _is_stale(manifest.alignment))
        or needs_refit(record.products, added=record.changed_since, removed=0, changed=0)
    )


async def new_alignment(
    tables: Tables, prompt_encoder: PromptEncoder, encoder: EncoderCard
) -> tuple[AlignmentRecord, Alignment | None]:
    """What a catalog's products teach, and what to record of it once its file is named."""
    looks, photos, indices = await stored_looks(tables, FIT_PHOTOS)
    photos = photos[:, : encoder.dimension]
    fitted = _fit(looks, photos, indices, prompt_encoder, encoder.colour_part)
    if isinstance(fitted, AlignmentRefusal):
        # Names of files for titles teach as little as none.
        shipped = shipped_alignment(encoder, prompt_encoder.card)
        if shipped is None or not len(photos):
            return AlignmentRecord(None, None, len(looks), 0, fitted.reason), None
        statement = borrowed_statement(fitted.reason)
        return AlignmentRecord(None, shipped.fingerprint, len(looks), 0, statement), shipped
    quality = fitted.quality
    statement = (
        f"Prompts search photos: fitted on {fitted.products} products; asked for by their own "
        f"text, held-out products came among the first ten of {quality.candidates:.0f} with "
        f"{quality.recall_at_10:.0%} (chance {quality.recall_at_10_chance:.0%})."
    )
    return AlignmentRecord(None, fitted.fingerprint, fitted.products, 0, statement), fitted


async def take_up_alignment(
    writer: CatalogWriter,
    before: AlignmentRecord | None,
    now: AlignmentRecord,
    alignment: Alignment | None,
) -> AlignmentRecord:
    """Let photos have their vectors by an alignment, or by none; what to record of it."""
    if alignment is not None:
        if before is not None and before.fingerprint == alignment.fingerprint:
            # Such as the one that ships, where the products' own text teaches nothing.
            return replace(now, file=before.file)
        return replace(now, file=await _use(writer, alignment))
    if before is None or before.file is not None:
        await writer.realign(None)
    return now


async def calibrate_if_due(
    writer: CatalogWriter,
    alignment: AlignmentRecord,
    changed: int,
    prompt_encoder: PromptEncoder,
    encoder: Encoder,
) -> None:
    """Learn anew how sure answers are, when enough has changed or prompts go another way."""
    record, before = writer.confidence, writer.manifest
    if record is not None:
        changed += record.changed_since
        same_way = before is not None and (
            before.alignment.fingerprint == alignment.fingerprint
            and before.alignment.text_tower == alignment.text_tower
        )
        due = needs_refit(record.products, added=changed, removed=0, changed=0)
        if same_way and not due:
            writer.confidence = replace(record, changed_since=changed)
            return
    used = None
    if alignment.file is not None:
        used = Alignment.load(writer.folder / ALIGNMENTS_FOLDER / alignment.file)
    writer.confidence = calibrate(
        await stored_vectors(writer, CALIBRATED_PHOTOS),
        prompt_encoder.encode,
        asking_photos(used, prompt_encoder),
        encoder.encode,
        writer.language,
    )


def asking_photos(alignment: Alignment | None, prompt_encoder: PromptEncoder) -> Encode | None:
    """Brings prompts where the photos are; None where nothing leads there."""
    if alignment is None:
        return None
    return lambda prompts: alignment.align_prompts(prompt_encoder.encode(prompts))


async def _use(writer: CatalogWriter, alignment: Alignment) -> str:
    """Keep an alignment in the catalog, and every photo's vector by it; its file's name."""
    file = f"{alignment.fingerprint[:32]}.npz"
    alignment.save(writer.alignments_folder / file)
    await writer.realign(alignment.align_photos)
    return file


def _fit(
    looks: list[str],
    photos: NDArray[np.floating],
    indices: Numbers,
    prompt_encoder: PromptEncoder,
    part: ColourPart | None = None,
) -> Alignment | AlignmentRefusal:
    """Fit on what products look like, in the shop's words and in the dictionary's other language.

    Args:
        looks: A text a product.
        photos: Shape (n, d).
        indices: Shape (n,), each photo's product in the list.
        prompt_encoder: Encoder of the texts; one that knows but one language learns that alone.
        part: Which of the photos' components hold colours; None for none.
    """
    # "IMG_0042" beside "IMG_0043" is fitted well where neighbours in a feed look alike.
    if len({_without_numbers(look) for look in looks}) < _LEAST_TOLD_APART:
        looks = [""] * len(looks)
    # What many products look like is encoded once, and no vector lies in memory twice.
    rows = {look: row for row, look in enumerate(dict.fromkeys(looks))}
    of_product = np.array([rows[look] for look in looks], np.int64)
    vectors = _encoded(rows, prompt_encoder)
    text = [of_product[indices]]
    if DICTIONARY_LANGUAGES.issubset(prompt_encoder.card.languages):
        text.append(text[0] + len(rows))
    weights = np.full(len(indices) * len(text), OTHER_LANGUAGE_WEIGHT, np.float32)
    weights[: len(indices)] = 1
    return fit_alignment(
        vectors,
        photos,
        np.tile(indices.astype(f"U{len(str(len(looks)))}"), len(text)),
        rows=(np.concatenate(text), np.tile(np.arange(len(photos)), len(text))),
        weights=weights,
        photo_scale=photo_scale(part, photos.shape[1]),
    )


def _encoded(looks: Collection[str], prompt_encoder: PromptEncoder) -> NDArray[np.float32]:
    """Looks, and behind them what they are in the other language where the encoder knows both."""
    told: Iterable[str] = looks
    count = len(looks)
    if DICTIONARY_LANGUAGES.issubset(prompt_encoder.card.languages):
        told = chain(looks, map(other_language, looks))
        count *= 2
    vectors = np.zeros((count, prompt_encoder.card.dimension), np.float32)
    for start, batch in enumerate(in_batches(told, CHUNK_ROWS)):
        place = start * CHUNK_ROWS
        vectors[place : place + len(batch)] = prompt_encoder.encode(batch)
    return vectors


def _without_numbers(text: str) -> str:
    return " ".join(word for word in _PARTS.split(text.casefold()) if word.isalpha())


async def write_changes(
    writer: CatalogWriter,
    changes: Changes,
    prompt_encoder: PromptEncoder,
    encoder: Encoder,
    settings: Settings,
    on_progress: OnProgress,
    made: Made,
    *,
    learns: bool = True,
) -> Manifest:
    """Write changed rows, alignment and indexes, and make them current together.

    With `learns` alignment and confidence are learned anew where that is due; without, they go on
    as they are, and what changed is counted.
    """
    total = len(changes.written)
    on_progress(IndexProgress("words", 0, total, "products"))
    rows = product_rows(changes.written, prompt_encoder, writer.words)
    on_progress(IndexProgress("words", total, total, "products"))
    on_progress(IndexProgress("writing", 0, total, "products"))
    current = CurrentAlignment.of(writer.folder, writer.manifest)
    await writer.apply(rows, changes.removed, current.align, changes.retyped)
    on_progress(IndexProgress("writing", total, total, "products"))
    changed = len(changes.written) + len(changes.removed)
    return await commit_changes(
        writer,
        current,
        changed,
        prompt_encoder,
        encoder,
        settings,
        on_progress,
        made,
        learns=learns,
    )


async def commit_changes(
    writer: CatalogWriter,
    current: CurrentAlignment,
    changed: int,
    prompt_encoder: PromptEncoder,
    encoder: Encoder,
    settings: Settings,
    on_progress: OnProgress,
    made: Made,
    *,
    learns: bool = True,
) -> Manifest:
    """Bring alignment and indexes up to date with `changed` products, and commit.

    See :func:`write_changes` for `learns`.
    """
    on_progress(IndexProgress("indexing", 0, 2, "steps"))
    if learns or current.record is None:
        alignment = await realign_if_due(writer, current, changed, prompt_encoder, encoder.card)
        await calibrate_if_due(writer, alignment, changed, prompt_encoder, encoder)
    else:
        alignment = replace(current.record, changed_since=current.record.changed_since + changed)
        held = writer.confidence
        if held is not None:
            writer.confidence = replace(held, changed_since=held.changed_since + changed)
    on_progress(IndexProgress("indexing", 1, 2, "steps"))
    vector_index = await writer.build_indexes(
        settings.vector_index_photos, alignment.file is not None
    )
    manifest = await writer.commit(
        alignment, vector_index, settings.version_grace_s, settings.keep_versions, made
    )
    on_progress(IndexProgress("indexing", 2, 2, "steps"))
    return manifest


def product_rows(
    changes: Sequence[Change],
    prompt_encoder: PromptEncoder,
    words: Callable[[Product], str],
) -> list[ProductRow]:
    """Rows to store, with the keyword index's words and text vectors."""
    vectors = prompt_encoder.encode([change.product.text for change in changes])
    return [
        ProductRow(
            number=change.number,
            product=change.product,
            photos=change.photos,
            row_hash=change.row_hash,
            words=words(change.product),
            text_vector=vector,
            feeds=change.feeds,
        )
        for change, vector in zip(changes, vectors, strict=True)
    ]
