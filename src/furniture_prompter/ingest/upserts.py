"""Upserts: products written over the API, as one new catalog version."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from furniture_prompter.catalog.columns import StoredProduct
from furniture_prompter.catalog.retention import Uploads
from furniture_prompter.catalog.stored import stored_products
from furniture_prompter.catalog.writer import CatalogWriter, open_writer
from furniture_prompter.domain import (
    AttributeValue,
    FeedRow,
    Made,
    Photo,
    Product,
    Removal,
    SetAside,
    Upsert,
    Write,
    WriteResult,
    WriteSummary,
)
from furniture_prompter.domain.feed import Outcome
from furniture_prompter.domain.wording import as_id
from furniture_prompter.encoders.card import identity_of
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.feeds.cells import UnusableValueError, shown
from furniture_prompter.feeds.rows import LIMIT_ATTRIBUTES
from furniture_prompter.feeds.table_rows import PRICES
from furniture_prompter.feeds.values.money import read_price, tells_no_price
from furniture_prompter.feeds.variants import LIMIT_PHOTOS
from furniture_prompter.ingest.calibrating import LEAST_PRODUCTS
from furniture_prompter.ingest.changes import Change, find_changes, tally
from furniture_prompter.ingest.kept import beside_kept, kept_photos, patched, stored_by_number
from furniture_prompter.ingest.photos import encode_and_stage
from furniture_prompter.ingest.writing import is_due, write_changes
from furniture_prompter.settings import Settings

# What set-asides of a request name instead of a file.
REQUEST = Path("request")


async def write_products(
    writes: Sequence[Write],
    folder: Path,
    encoder: Encoder,
    prompt_encoder: PromptEncoder,
    settings: Settings,
    *,
    learns: bool = True,
) -> WriteSummary:
    """Store, change and delete products, as one new version or not at all.

    A product is stored with all of its photos or refused; what is refused leaves the others alone.
    An attribute of another type than the catalog's column is left out, and its result says so. An
    id that comes twice is taken the first time.

    Args:
        writes: What to do, by line.
        folder: The catalog.
        encoder: Encoder of the catalog's photos.
        prompt_encoder: Encoder of the products' text.
        settings: Limits and batch sizes.
        learns: Whether alignment and confidence are learned anew at once where that is due; else
            that is left to :mod:`furniture_prompter.ingest.learning`, but in a catalog that is too
            small to learn from.

    Raises:
        CatalogBusyError: another process writes the catalog.
        CatalogError: it cannot be written; see :mod:`furniture_prompter.errors`. The previous
            version stands.
    """
    began = time.perf_counter()
    results: dict[int, WriteResult] = {}
    once = _first_of_each_id(writes, results)
    left_out = {write.line: [*write.left_out] for write in once if isinstance(write, Upsert)}
    async with open_writer(
        folder,
        identity_of(encoder.card),
        identity_of(prompt_encoder.card),
        language=None,
        default_language=settings.language,
    ) as writer:
        await writer.pruner.before_writing(writer.manifest, settings.version_grace_s)
        stored = await stored_products(writer, {product_id_of(each) for each in once})
        once = await _beside_stored(once, stored, writer, results, left_out)
        uploads = Uploads(folder)
        replaced = writer.manifest
        written: tuple[Change, ...] = ()
        try:
            kept = await _kept_photos(once, stored, writer)
            rows = _rows(once, uploads)
            # An upload's name is its photo's id.
            known = {*await writer.photo_vectors(each.stem for row in rows for each in row.images)}
            photos, _ = await encode_and_stage(writer, rows, encoder, settings, known=known)
            spoilt = _spoilt(rows, photos.set_aside)
            results.update(spoilt)
            unspoilt = [_priced(row, left_out) for row in rows if row.line not in spoilt]
            pictures = photos.by_product | kept
            for write in once:
                product_id = product_id_of(write)
                if isinstance(write, Upsert) and write.adds_photos:
                    added = photos.by_product.get(product_id, [])
                    pictures[product_id] = beside_kept(kept.get(product_id, []), added)
            crowded = _crowded(unspoilt, pictures)
            results.update(crowded)
            unspoilt = [row for row in unspoilt if row.line not in crowded]
            changes = find_changes(
                unspoilt,
                pictures,
                stored,
                writer.columns,
                writer.next_number,
                (),
                sync=False,
                tallies=tally(row for row in unspoilt if pictures.get(row.product.id)),
                follow=False,
            )
            for item in changes.set_aside:
                if item.column:
                    left_out[item.line].append(f"{item.reason} {item.cure}")
                else:
                    results[item.line] = _refused(item)
            removed = [write for write in once if isinstance(write, Removal)]
            ids = {product_id_of(each) for each in removed}
            gone = {stored[product_id].number for product_id in ids & stored.keys()}
            changes = replace(changes, removed=tuple(sorted(gone)))
            written = changes.written
            if changes.any:
                made = Made(
                    by="write",
                    added=changes.added,
                    updated=changes.updated,
                    removed=len(changes.removed),
                    unchanged=changes.unchanged,
                    set_aside=len(results) + sum(map(len, left_out.values())),
                    seconds=round(time.perf_counter() - began, 3),
                )
                before = 0 if replaced is None else replaced.products
                products = before + changes.added - len(changes.removed)
                await write_changes(
                    writer,
                    changes,
                    prompt_encoder,
                    encoder,
                    settings,
                    lambda _: None,
                    made,
                    learns=learns or products < LEAST_PRODUCTS,
                )
        finally:
            # A run may be stopped after its commit.
            manifest = writer.manifest
            committed = written if manifest is not replaced else ()
            uploads.undo({photo.id for change in committed for photo in change.photos})
    created = {change.product.id: change.is_new for change in written}
    for write in once:
        done = _done(write, created, stored, left_out.get(write.line, ()))
        results.setdefault(write.line, done)
    return WriteSummary(
        manifest.version if manifest else 0,
        tuple(results[line] for line in sorted(results)),
        tuple(writer.pruner.troubles),
        learning_due=manifest is not None and is_due(manifest, encoder.card),
    )


def product_id_of(write: Write) -> str:
    """The product that a write is about, its id written as the catalog keeps it."""
    return write.product.id if isinstance(write, Upsert) else as_id(write.product_id)


def _first_of_each_id(writes: Sequence[Write], results: dict[int, WriteResult]) -> list[Write]:
    first: dict[str, Write] = {}
    for write in writes:
        product_id = product_id_of(write)
        earlier = first.setdefault(product_id, write)
        if earlier is not write:
            results[write.line] = WriteResult(
                write.line,
                product_id,
                "refused",
                f"The id {product_id!r} is already in line {earlier.line}.",
                "Write each product once in a batch.",
            )
    return list(first.values())


async def _beside_stored(
    writes: Sequence[Write],
    stored: Mapping[str, StoredProduct],
    writer: CatalogWriter,
    results: dict[int, WriteResult],
    left_out: Mapping[int, list[str]],
) -> list[Write]:
    """Writes with what the catalog has of products of which only a part changes.

    Those that the catalog does not have get their result. A title that goes is told: a program
    that means to change a price alone would not see that products are called by their ids now.
    """
    asked = {
        stored[write.product.id].number
        for write in writes
        if isinstance(write, Upsert)
        and write.product.id in stored
        and (write.told is not None or write.product.title == write.product.id)
    }
    before = await stored_by_number(writer, asked)
    made: list[Write] = []
    for write in writes:
        if isinstance(write, Upsert):
            known = stored.get(write.product.id)
            earlier = None if known is None else before.get(known.number)
            if write.told is not None:
                if earlier is None:
                    results[write.line] = WriteResult(write.line, write.product.id, "missing")
                    continue
                product, told = patched(write.product, earlier, write.told, writer.columns)
                if len(product.attributes) > max(LIMIT_ATTRIBUTES, len(earlier.attributes)):
                    results[write.line] = WriteResult(
                        write.line,
                        write.product.id,
                        "refused",
                        f"The product would have {len(product.attributes)} columns of its own, "
                        f"more than {LIMIT_ATTRIBUTES}.",
                        "Take away those that nobody will search or filter by.",
                    )
                    continue
                left_out[write.line].extend(told)
                if product.title == product.id != earlier.title and "title" in write.told:
                    left_out[write.line].append(_untitled(earlier))
                write = replace(write, product=product)
            elif earlier is not None and earlier.title != write.product.title:
                left_out[write.line].append(
                    f"{_untitled(earlier)} What is sent takes the place of all that was; PATCH "
                    "changes only what is named."
                )
        made.append(write)
    return made


def _untitled(before: Product) -> str:
    return f"title: It was {shown(before.title)}, and the product is called by its id now."


async def _kept_photos(
    writes: Sequence[Write], stored: dict[str, StoredProduct], writer: CatalogWriter
) -> dict[str, list[Photo]]:
    """Photos of the products that are written without any, by product id."""
    ids = {
        stored[write.product.id].number: write.product
        for write in writes
        if isinstance(write, Upsert)
        and (write.photos is None or write.adds_photos)
        and write.product.id in stored
    }
    return await kept_photos(writer, ids)


def _rows(writes: Sequence[Write], uploads: Uploads) -> list[FeedRow]:
    rows: list[FeedRow] = []
    for write in writes:
        if isinstance(write, Upsert):
            taken = {photo: uploads.take(photo) for photo in write.photos or ()}
            shown = {taken[photo]: variant for photo, variant in write.variant_of.items()}
            images = tuple(taken.values())
            rows.append(FeedRow(write.product, images, REQUEST, write.line, variant_of=shown))
    return rows


def _priced(row: FeedRow, left_out: dict[int, list[str]]) -> FeedRow:
    """A product and its variants with their prices as numbers.

    Those that are sure of none are named in `left_out`: as the first of its column a text would
    make texts of all later prices.
    """
    product, told = row.product, left_out[row.line]
    attributes = _with_prices(product.attributes, "", "The product is", told)
    variants = []
    for place, each in enumerate(product.variants, start=1):
        # A variant's price is in its product's currency where it names none.
        common = {name: attributes[name] for name in ("currency",) if name in attributes}
        own = _with_prices({**common, **each.attributes}, f"Variant {place}: ", "It is", told)
        if own.get("currency") == common.get("currency") and "currency" not in each.attributes:
            own.pop("currency", None)
        variants.append(each if own == each.attributes else replace(each, attributes=own))
    if attributes == product.attributes and tuple(variants) == product.variants:
        return row
    priced = replace(product, attributes=attributes, variants=tuple(variants))
    return replace(row, product=priced)


def _with_prices(
    given: Mapping[str, AttributeValue], where: str, what: str, left_out: list[str]
) -> dict[str, AttributeValue]:
    attributes = dict(given)
    for name in PRICES:
        value = attributes.get(name)
        if not isinstance(value, str):
            continue
        del attributes[name]
        try:
            price, why = None, f"{shown(value)} names no price."
            if not tells_no_price(value):
                price = read_price(value)
                why = price.doubt or "It is in another currency than the product's."
        except UnusableValueError as problem:
            why = f"{problem.reason} {problem.cure}"
        code = attributes.get("currency")
        if price is None or price.doubt or (code and price.currency not in {None, code}):
            left_out.append(f"{where}{name}: {why} {what} stored without one.")
            continue
        attributes[name] = price.amount
        if price.currency and not code:
            attributes["currency"] = price.currency
    return attributes


def _spoilt(rows: Sequence[FeedRow], set_aside: Sequence[SetAside]) -> dict[int, WriteResult]:
    """Products of which a photo cannot be used, by line."""
    by_line = {row.line: row for row in rows}
    spoilt: dict[int, WriteResult] = {}
    for item in set_aside:
        reason = item.reason
        for position, path in enumerate(by_line[item.line].images, start=1):
            # Where the server keeps a photo is nobody's business.
            reason = reason.replace(f"The photo {path}", f"Photo {position}")
            reason = reason.replace(str(path), str(position))
        result = WriteResult(item.line, item.product_id, "refused", reason, of_photo=True)
        spoilt.setdefault(item.line, result)
    return spoilt


def _crowded(
    rows: Sequence[FeedRow], pictures: Mapping[str, Sequence[Photo]]
) -> dict[int, WriteResult]:
    """Products that would have more photos than one may, by line."""
    return {
        row.line: WriteResult(
            row.line,
            row.product.id,
            "refused",
            f"The product would have {len(found)} photos with those that it keeps.",
            f"Give at most {LIMIT_PHOTOS}; photos takes the place of all.",
        )
        for row in rows
        if row.images and len(found := pictures.get(row.product.id, ())) > LIMIT_PHOTOS
    }


def _refused(item: SetAside) -> WriteResult:
    return WriteResult(item.line, item.product_id, "refused", item.reason, item.cure)


def _done(
    write: Write,
    created: dict[str, bool],
    stored: dict[str, StoredProduct],
    left_out: Sequence[str],
) -> WriteResult:
    product_id = product_id_of(write)
    if isinstance(write, Removal):
        return WriteResult(write.line, product_id, "deleted" if product_id in stored else "missing")
    outcome: Outcome = "unchanged"
    if product_id in created:
        outcome = "created" if created[product_id] else "updated"
    return WriteResult(write.line, product_id, outcome, left_out=tuple(left_out))
