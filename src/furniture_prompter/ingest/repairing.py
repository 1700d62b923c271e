"""Catalog repair: a sound version from what can still be read of a damaged one."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.integrity import (
    Salvage,
    discard_unreadable_leftovers,
    has_wrong_format_alone,
    load_checksums,
    restore_copies,
    restore_manifest,
    salvage_rows,
)
from furniture_prompter.catalog.manifest import (
    IN_A_NEW_FOLDER,
    MANIFEST_FILE,
    AlignmentRecord,
    Manifest,
    read_manifest,
)
from furniture_prompter.catalog.reader import ALIGNMENTS_FOLDER
from furniture_prompter.catalog.storage import writer_lock
from furniture_prompter.catalog.stored import encoded_photos
from furniture_prompter.catalog.upkeep import (
    PLACES,
    UPLOADS,
    rows_are_damaged,
    verify_catalog,
    writer_of,
)
from furniture_prompter.catalog.writer import CatalogWriter
from furniture_prompter.domain import FeedRow, Made, Photo, Product, RepairSummary, VerifyReport
from furniture_prompter.encoders.alignment import Alignment
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.errors import (
    CatalogDamagedError,
    CatalogFormatError,
    CatalogMismatchError,
    CatalogNotFoundError,
    EncoderError,
)
from furniture_prompter.ingest.changes import Change, row_hash
from furniture_prompter.ingest.photos import encode_and_stage
from furniture_prompter.ingest.writing import (
    CurrentAlignment,
    calibrate_if_due,
    product_rows,
    realign_if_due,
)
from furniture_prompter.settings import Settings

# Ids that a sentence names.
_NAMED_IDS: Final = 20


@dataclass(frozen=True, slots=True)
class CatalogEncoders:
    """The encoders that a catalog was made with, loaded where they are needed."""

    card: Callable[[], EncoderCard]
    photo: Callable[[], Encoder]
    prompt: Callable[[], PromptEncoder]


@dataclass(slots=True)
class _Outcome:
    """What was mended and what was not, a sentence each."""

    done: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def alignment_fingerprint(path: Path) -> str:
    """The fingerprint of an alignment's file.

    Raises:
        CatalogDamagedError: the file is missing, altered or of another format.
    """
    return Alignment.load(path).fingerprint


async def repair_catalog(
    folder: Path, encoders_of: Callable[[Manifest], CatalogEncoders], settings: Settings
) -> RepairSummary:
    """Make a damaged catalog sound, as one new version or not at all.

    What is kept twice is put back. Indexes, alignment and vectors of texts are made anew from the
    rows. Where rows are damaged themselves, every product that can be read stays; vectors that lie
    in a damaged file are encoded anew from the photos where these are still there. A sound catalog
    is left alone.

    Args:
        folder: The catalog.
        encoders_of: The encoders of a catalog by its manifest.
        settings: Limits and batch sizes.

    Raises:
        CatalogBusyError: another process writes the catalog.
        CatalogDamagedError: nothing of it can be kept; the message says what to do.
        CatalogNotFoundError, CatalogFormatError, CatalogWriteError: see those.
        EncoderError: an encoder of the catalog is needed and cannot be loaded.
    """
    began = time.perf_counter()
    if not folder.is_dir():
        read_manifest(folder)
    outcome = _Outcome()
    with writer_lock(folder):
        manifest = _restored_manifest(folder, outcome)
        _put_copies_back(folder, manifest, outcome)
        if await discard_unreadable_leftovers(folder, manifest):
            outcome.done.append("Unreadable leftovers that no version needs were deleted.")
        report = await verify_catalog(folder, alignment_fingerprint)
        if _needs_a_version(report):
            encoders = encoders_of(manifest)
            if rows_are_damaged(report):
                manifest = await _rewrite(
                    folder, manifest, report, encoders, settings, outcome, began
                )
            else:
                manifest = await _rebuild(folder, manifest, encoders, settings, outcome, began)
            report = await verify_catalog(folder, alignment_fingerprint)
        outcome.lost += [problem for problem in report.checks.values() if problem is not None]
        if report.checks.get(PLACES) is not None:
            outcome.lost.append("Move these out of the catalog by hand.")
        if report.checks.get(UPLOADS) is not None:
            outcome.lost.append("Send the products of these uploaded photos again.")
    return RepairSummary(
        version=manifest.version,
        done=tuple(outcome.done),
        lost=tuple(outcome.lost),
        seconds=time.perf_counter() - began,
    )


def _restored_manifest(folder: Path, outcome: _Outcome) -> Manifest:
    try:
        return read_manifest(folder)
    except (CatalogDamagedError, CatalogFormatError, CatalogNotFoundError) as error:
        if isinstance(error, CatalogFormatError) and not has_wrong_format_alone(folder):
            raise
        restored = restore_manifest(folder)
        if restored is None:
            raise
    outcome.done.append(
        f"{MANIFEST_FILE} was put back from the copy that is kept of version "
        f"{restored.manifest.version}."
    )
    return read_manifest(folder)


def _put_copies_back(folder: Path, manifest: Manifest, outcome: _Outcome) -> None:
    if manifest.checksums is None:
        return
    try:
        checksums = load_checksums(folder, manifest.checksums)
    except CatalogDamagedError:
        return
    for name in restore_copies(folder, checksums):
        outcome.done.append(f"{name} was put back from its copy.")


def _needs_a_version(report: VerifyReport) -> bool:
    # A new version has no other uploaded photos, nor other places.
    return any(problem for name, problem in report.checks.items() if name not in (UPLOADS, PLACES))


async def _rebuild(
    folder: Path,
    manifest: Manifest,
    encoders: CatalogEncoders,
    settings: Settings,
    outcome: _Outcome,
    began: float,
) -> Manifest:
    """Make everything anew that follows from the rows, which are whole."""
    writer = await writer_of(folder, manifest)
    await writer.drop_indexes()
    alignment = manifest.alignment
    if _usable_alignment(folder, alignment) is None:
        alignment = await _new_alignment(writer, encoders)
        outcome.done.append("The alignment was fitted anew.")
    outcome.done.append("Keyword, number and vector indexes were built anew from the rows.")
    made = Made(by="repair", unchanged=manifest.products, seconds=_since(began))
    return await _commit(writer, alignment, settings, made)


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 3)


def _usable_alignment(folder: Path, record: AlignmentRecord) -> CurrentAlignment | None:
    """A version's alignment, also where it has none; None where its file cannot be used."""
    if record.file is None:
        return CurrentAlignment(None, record)
    try:
        alignment = Alignment.load(folder / ALIGNMENTS_FOLDER / record.file)
    except CatalogDamagedError:
        return None
    if alignment.fingerprint != record.fingerprint:
        return None
    return CurrentAlignment(alignment.align_photos, record)


async def _new_alignment(writer: CatalogWriter, encoders: CatalogEncoders) -> AlignmentRecord:
    alignment = await realign_if_due(
        writer, CurrentAlignment(None, None), 0, encoders.prompt(), encoders.card()
    )
    await calibrate_if_due(writer, alignment, 0, encoders.prompt(), encoders.photo())
    return alignment


async def _commit(
    writer: CatalogWriter, alignment: AlignmentRecord, settings: Settings, made: Made
) -> Manifest:
    vector_index = await writer.build_indexes(
        settings.vector_index_photos, alignment.file is not None
    )
    return await writer.commit(
        alignment, vector_index, settings.version_grace_s, settings.keep_versions, made
    )


async def _rewrite(
    folder: Path,
    manifest: Manifest,
    report: VerifyReport,
    encoders: CatalogEncoders,
    settings: Settings,
    outcome: _Outcome,
    began: float,
) -> Manifest:
    """Write every product that can be read into new tables."""
    salvage = await salvage_rows(folder, manifest, tuple(report.damaged))
    writer = await writer_of(folder, manifest)
    writer.start_over()
    kept = await _with_vectors(writer, salvage, encoders, settings, outcome)
    changes = _changes(salvage, kept, _way_back(folder, encoders), outcome)
    if not changes:
        raise CatalogDamagedError(
            f"Nothing of the catalog at {folder} can be kept: no product with a photo can be read. "
            f"Index the feed again into a new folder: {IN_A_NEW_FOLDER}."
        )
    current = _usable_alignment(folder, manifest.alignment)
    rows = product_rows(changes, encoders.prompt(), writer.words)
    await writer.apply(rows, (), current.align if current else None)
    if current is None:
        alignment = await _new_alignment(writer, encoders)
        outcome.done.append("The alignment was fitted anew.")
    else:
        alignment = manifest.alignment
    outcome.done.append(
        f"{len(changes):,} of {manifest.products:,} products were written into new tables, with "
        "new vectors of their texts and new indexes."
    )
    made = Made(
        by="repair",
        removed=manifest.products - len(changes),
        unchanged=len(changes),
        seconds=_since(began),
    )
    return await _commit(writer, alignment, settings, made)


async def _with_vectors(
    writer: CatalogWriter,
    salvage: Salvage,
    encoders: CatalogEncoders,
    settings: Settings,
    outcome: _Outcome,
) -> dict[int, list[Photo]]:
    """Give every photo a vector: as stored, or encoded anew where that may be damaged.

    Returns:
        Photos by product number, main one first.
    """
    vectors = {each.photo.id: each.vector for each in salvage.photos if each.trusted}
    await _stage(writer, vectors)
    suspect = [each for each in salvage.photos if each.photo.id not in vectors]
    if suspect:
        rows = _rows_of({each.photo.path for each in suspect}, writer.folder)
        await encode_and_stage(writer, rows, encoders.photo(), settings)
        encoded = await encoded_photos(writer)
        unproven = {
            each.photo.id: each.vector
            for each in suspect
            if each.photo.id not in encoded and each.vector is not None
        }
        await _stage(writer, unproven)
        renewed = len({each.photo.id for each in suspect} & encoded)
        if renewed:
            outcome.done.append(f"{renewed:,} photos were encoded anew.")
        if unproven:
            outcome.lost.append(
                f"{len(unproven):,} photos lie in a damaged file and are not where they were "
                "indexed from. Their vectors can be read and were kept, but may be altered; "
                "index them into a new folder to be sure."
            )
    known = await encoded_photos(writer)
    photos: dict[int, list[Photo]] = {}
    for each in salvage.photos:
        if each.photo.id in known:
            photos.setdefault(each.number, []).append(each.photo)
    return photos


async def _stage(writer: CatalogWriter, vectors: Mapping[str, NDArray[np.float32] | None]) -> None:
    known = {name: vector for name, vector in vectors.items() if vector is not None}
    if known:
        await writer.stage(tuple(known), np.stack(tuple(known.values())))


def _way_back(folder: Path, encoders: CatalogEncoders) -> str:
    """How products come back that could not be kept."""
    index = f"`furniture-prompter index FEED --catalog {folder}"
    try:
        encoders.card()
    except CatalogMismatchError:
        return (
            "This release has another build of the catalog's encoder, so that nothing can be added "
            f"to it: {IN_A_NEW_FOLDER} makes a whole one."
        )
    except EncoderError:
        return f"{index} --encoder FOLDER` with the catalog's encoder brings them back."
    return f"{index}` brings them back."


def _rows_of(paths: Iterable[str], folder: Path) -> list[FeedRow]:
    return [
        FeedRow(Product(path, ""), (Path(path),), folder, 0)
        for path in sorted(paths)
        if Path(path).is_file()
    ]


def _changes(
    salvage: Salvage,
    photos: dict[int, list[Photo]],
    again: str,
    outcome: _Outcome,
) -> tuple[Change, ...]:
    changes: list[Change] = []
    altered: list[str] = []
    bare: list[str] = []
    for each in salvage.products:
        product = each.product
        own = tuple(replace(photo, product_id=product.id) for photo in photos.get(each.number, ()))
        if not own:
            bare.append(product.id)
            continue
        digest = row_hash(product, own)
        if digest != each.row_hash:
            # No row has an empty hash, so that the next index run writes this one again.
            altered.append(product.id)
            digest = ""
        changes.append(Change(each.number, product, own, digest, is_new=False, feeds=each.feeds))
    if salvage.lost:
        named = f" ({_ids(salvage.lost_ids)})" if salvage.lost_ids else ""
        outcome.lost.append(f"{salvage.lost:,} products could not be read{named}. {again}")
    if bare:
        outcome.lost.append(f"Products without a readable photo: {_ids(bare)}. {again}")
    if altered:
        outcome.lost.append(
            f"Products that were kept, but are not what was stored: {_ids(altered)}. {again}"
        )
    return tuple(changes)


def _ids(ids: Sequence[str]) -> str:
    named = ", ".join(ids[:_NAMED_IDS])
    rest = len(ids) - _NAMED_IDS
    return f"{named} and {rest:,} more" if rest > 0 else named
