"""Indexing: from a feed's rows and photos to a new catalog version."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import ProductRow
from furniture_prompter.catalog.manifest import AlignmentRecord, Manifest
from furniture_prompter.catalog.reader import ALIGNMENTS_FOLDER
from furniture_prompter.catalog.vector_index import Numbers
from furniture_prompter.catalog.writer import Align, CatalogWriter, open_writer
from furniture_prompter.domain import (
    Feed,
    FeedNote,
    FeedRow,
    IndexProgress,
    IndexSummary,
    Photo,
    Product,
    RgbImage,
    SetAside,
)
from furniture_prompter.encoders.alignment import (
    Alignment,
    AlignmentRefusal,
    fit_alignment,
    needs_refit,
)
from furniture_prompter.encoders.card import EncoderCard, Preprocessing, identity_of
from furniture_prompter.encoders.decoding import (
    PhotoLimits,
    decode_into,
    photo_id,
    read_photo_bytes,
)
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.ingest.changes import (
    Change,
    Changes,
    changing,
    find_changes,
    tally,
)
from furniture_prompter.ingest.furniture_words import DICTIONARY_LANGUAGES, other_language
from furniture_prompter.read_ahead import read_ahead
from furniture_prompter.settings import Settings

# Photos that a fit looks at; an even sample beyond. 50,000 pairs of 352 and 256 components fit in
# seconds, and the maps' error falls no further than the text's own noise.
FIT_PHOTOS = 50_000


# What a product's look in the dictionary's other language counts beside the shop's own words; by
# python -m benchmarks.multilingual_prompts.
OTHER_LANGUAGE_WEIGHT = 0.5


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
    products, photos, indices = await writer.pairs(FIT_PHOTOS)
    fitted = _fit([product.look for product in products], photos, indices, prompt_encoder)
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


def _fit(
    looks: list[str],
    photos: NDArray[np.float32],
    indices: Numbers,
    prompt_encoder: PromptEncoder,
) -> Alignment | AlignmentRefusal:
    """Fit on what products look like, in the shop's words and in the dictionary's other language.

    Args:
        looks: A text a product.
        photos: Shape (n, d).
        indices: Shape (n,), each photo's product in the list.
        prompt_encoder: Encoder of the texts.
    """
    texts = [looks]
    if DICTIONARY_LANGUAGES <= set(prompt_encoder.card.languages):
        texts.append([other_language(look) for look in looks])
    vectors = [prompt_encoder.encode(each) for each in texts]
    pairs = len(indices)
    weights = np.ones(pairs * len(texts), np.float32)
    weights[pairs:] = OTHER_LANGUAGE_WEIGHT
    return fit_alignment(
        np.concatenate([each[indices] for each in vectors]),
        np.concatenate([photos] * len(texts)),
        [str(index) for index in indices] * len(texts),
        weights=weights,
    )


NOTHING_INDEXED = "No row was usable, so no catalog was made. Mend what was set aside, then retry."

REFOLDED = "Words were folded anew: forms of a word meet that did not when the catalog was made."

OnProgress = Callable[[IndexProgress], None]


async def index_feed(
    feed: Feed,
    folder: Path,
    encoder: Encoder,
    prompt_encoder: PromptEncoder,
    settings: Settings,
    *,
    language: str | None,
    sync: bool,
    on_progress: OnProgress,
) -> IndexSummary:
    """Bring the catalog at `folder` up to date with a feed, as one new version or not at all.

    Args:
        feed: Where the rows come from.
        folder: The catalog; begun when nothing is there.
        encoder: Encoder of the photos.
        prompt_encoder: Encoder of the products' text.
        settings: Limits and batch sizes.
        language: Language of the keyword index; None for the catalog's own, or the default.
        sync: Whether to remove products that the feed no longer has.
        on_progress: Called often while it goes.

    Raises:
        InvalidFeedError: nothing of the feed can be read, or no row of it is usable.
        CatalogError: the catalog cannot be written; see :mod:`furniture_prompter.errors`.
    """
    began = time.perf_counter()
    rows, set_aside, notes = read_feed(feed, on_progress)
    async with open_writer(
        folder,
        identity_of(encoder.card),
        identity_of(prompt_encoder.card),
        language=language,
        default_language=settings.language,
    ) as writer:
        await writer.pruner.before_writing(writer.manifest, settings.version_grace_s)
        photos, encoded = await encode_and_stage(writer, rows, encoder, settings, on_progress)
        set_aside += photos.set_aside
        tallies = tally(row for row in rows if photos.by_product.get(row.product.id))
        changes = find_changes(
            rows,
            photos.by_product,
            await writer.stored_products(changing(tallies, writer.columns)),
            writer.columns,
            writer.next_number,
            set_aside,
            sync,
            tallies,
        )
        set_aside += changes.set_aside
        manifest = writer.manifest
        outdated = manifest is not None and writer.words_are_outdated
        if outdated:
            await writer.refold()
        if changes.any or outdated:
            manifest = await write_changes(
                writer, changes, prompt_encoder, encoder.card, settings, on_progress
            )
    set_aside.sort(key=lambda item: (str(item.source), item.line))
    return IndexSummary(
        version=manifest.version if manifest else 0,
        products_added=changes.added,
        products_updated=changes.updated,
        products_removed=len(changes.removed),
        products_not_removed=changes.not_removed,
        products_unchanged=changes.unchanged,
        photos_encoded=encoded,
        photos_reused=photos.reused,
        products=manifest.products if manifest else 0,
        photos=manifest.photos if manifest else 0,
        set_aside=tuple(set_aside),
        seconds=time.perf_counter() - began,
        notes=(
            *notes,
            *changes.notes,
            *([REFOLDED] if outdated else []),
            manifest.alignment.statement if manifest else NOTHING_INDEXED,
            *writer.pruner.troubles,
        ),
    )


def read_feed(
    feed: Feed, on_progress: OnProgress
) -> tuple[list[FeedRow], list[SetAside], list[str]]:
    """Read a feed to its end: usable rows, what had to be set aside, and how it was read."""
    rows: list[FeedRow] = []
    set_aside: list[SetAside] = []
    notes: list[str] = []
    for count, item in enumerate(feed.items(), start=1):
        if isinstance(item, SetAside):
            set_aside.append(item)
        elif isinstance(item, FeedNote):
            notes.append(item.text)
        else:
            rows.append(item)
        on_progress(IndexProgress("reading", count, None, "rows"))
    return rows, set_aside, notes


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """One photo file after reading: what it is, and its pixels where they are still needed."""

    row: FeedRow
    path: Path
    id: str = ""
    image: RgbImage | None = None
    problem: SetAside | None = None


@dataclass(slots=True)
class PhotosOfRows:
    """What reading the photos of all rows gave.

    Attributes:
        by_product: Photos of each product id, main one first, without repeats.
        set_aside: Files that are no usable photo.
        reused: Photos whose vector was there before.
    """

    by_product: dict[str, list[Photo]]
    set_aside: list[SetAside]
    reused: int = 0

    def add(self, row: FeedRow, path: Path, photo_id: str) -> None:
        """Count a readable photo in; one that the product has already, in another file, once."""
        product = row.product
        variant_id = row.variant_of.get(path, "")
        if product.variant(variant_id) is None:
            variant_id = ""
        photos = self.by_product.setdefault(product.id, [])
        for place, photo in enumerate(photos):
            if photo.id == photo_id:
                if photo.variant_id != variant_id:
                    # Several variants share it, so it does not tell them apart.
                    photos[place] = replace(photo, variant_id="")
                return
        photos.append(Photo(photo_id, product.id, str(path), variant_id))


@dataclass(frozen=True, slots=True, eq=False)
class EncodedBatch:
    """Photos that went through the encoder together; vectors of shape (n, dimension)."""

    ids: list[str]
    vectors: NDArray[np.float32]


def encode_photos(
    rows: Iterable[FeedRow],
    known: set[str],
    encoder: Encoder,
    settings: Settings,
    outcome: PhotosOfRows,
    on_photo: Callable[[], None],
) -> Iterator[EncodedBatch]:
    """Read every photo of `rows`; encode those whose content has no vector yet.

    Args:
        rows: Rows in feed order.
        known: Ids of photos that have a vector; grows as photos are queued for encoding.
        encoder: The catalog's photo encoder.
        settings: Limits, batch size, workers.
        outcome: Filled in while the iterator is consumed.
        on_photo: Called for each file that was read, in feed order.

    Yields:
        Vectors, batch by batch, to be staged by the caller.
    """
    ids: list[str] = []
    images: list[RgbImage] = []
    for read in _read_ahead(rows, frozenset(known), encoder, settings):
        on_photo()
        if read.problem is not None:
            outcome.set_aside.append(read.problem)
            continue
        outcome.add(read.row, read.path, read.id)
        if read.id in known or read.image is None:
            outcome.reused += 1
            continue
        known.add(read.id)
        ids.append(read.id)
        images.append(read.image)
        if len(ids) == settings.encode_batch_photos:
            yield EncodedBatch(ids, encoder.encode(images))
            ids, images = [], []
    if ids:
        yield EncodedBatch(ids, encoder.encode(images))


def _read_ahead(
    rows: Iterable[FeedRow], known: frozenset[str], encoder: Encoder, settings: Settings
) -> Iterator[_Read]:
    """Read and decode in worker threads, a few batches ahead, in order."""
    limits = PhotoLimits.of(settings)
    spec = encoder.card.preprocessing
    return read_ahead(
        lambda photo: _read(*photo, known, spec, limits),
        ((row, path) for row in rows for path in row.images),
        workers=settings.decode_workers,
        # Two batches of them wait at the most, in the encoder's size.
        ahead=2 * settings.encode_batch_photos,
        thread_name="decode",
    )


def _read(
    row: FeedRow,
    path: Path,
    known: frozenset[str],
    spec: Preprocessing | None,
    limits: PhotoLimits,
) -> _Read:
    try:
        data = read_photo_bytes(path, limits)
        identity = photo_id(data)
        if identity in known:
            return _Read(row, path, identity)
        # Fitted right here, the largest thing in memory is let go of at once. The encoder takes a
        # fitted square as it is.
        image = decode_into(
            data,
            lambda pixels: pixels if spec is None else preprocess(pixels, spec),
            name=str(path),
            target_side_px=None if spec is None else spec.side_px,
            limits=limits,
        )
    except InvalidPhotoError as error:
        reason = str(error)
        if not row.line:
            # The photo itself is what is at fault, and is named by that.
            reason = reason.replace(f"The photo {path} ", "The photo ", 1)
        problem = SetAside(row.source, row.line, reason, "", row.product.id)
        return _Read(row, path, problem=problem)
    return _Read(row, path, identity, image)


async def encode_and_stage(
    writer: CatalogWriter,
    rows: list[FeedRow],
    encoder: Encoder,
    settings: Settings,
    on_progress: OnProgress,
) -> tuple[PhotosOfRows, int]:
    """Give every new photo a vector, saving them every few hundred so that a kill costs little."""
    outcome = PhotosOfRows({}, [])
    total = sum(len(row.images) for row in rows)
    read = 0

    def count_photo() -> None:
        nonlocal read
        read += 1
        on_progress(IndexProgress("checking", read, total, "photos"))

    known = await writer.encoded_photos()
    ids: list[str] = []
    vectors: list[np.ndarray] = []
    encoded = 0
    for batch in encode_photos(rows, known, encoder, settings, outcome, count_photo):
        ids += batch.ids
        vectors.append(batch.vectors)
        encoded += len(batch.ids)
        if len(ids) >= settings.stage_photos:
            await writer.stage(ids, np.concatenate(vectors))
            ids, vectors = [], []
    if ids:
        await writer.stage(ids, np.concatenate(vectors))
    return outcome, encoded


async def write_changes(
    writer: CatalogWriter,
    changes: Changes,
    prompt_encoder: PromptEncoder,
    encoder: EncoderCard,
    settings: Settings,
    on_progress: OnProgress,
) -> Manifest:
    """Write changed rows, alignment and indexes, and make them current together."""
    total = len(changes.written)
    on_progress(IndexProgress("words", 0, total, "products"))
    rows = product_rows(changes.written, prompt_encoder, writer.words)
    on_progress(IndexProgress("words", total, total, "products"))
    on_progress(IndexProgress("writing", 0, total, "products"))
    current = CurrentAlignment.of(writer.folder, writer.manifest)
    await writer.apply(rows, changes.removed, current.align, changes.retyped)
    on_progress(IndexProgress("writing", total, total, "products"))
    on_progress(IndexProgress("indexing", 0, 2, "steps"))
    alignment = await realign_if_due(writer, current, changes, prompt_encoder, encoder)
    on_progress(IndexProgress("indexing", 1, 2, "steps"))
    vector_index = await writer.build_indexes(
        settings.vector_index_photos, alignment.file is not None
    )
    manifest = await writer.commit(alignment, vector_index, settings.version_grace_s)
    on_progress(IndexProgress("indexing", 2, 2, "steps"))
    return manifest


def product_rows(
    changes: tuple[Change, ...],
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
        )
        for change, vector in zip(changes, vectors, strict=True)
    ]
