"""Indexing: from a feed to a new catalog version, or to none."""

import time
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from furniture_prompter.catalog.keywords import current_folding
from furniture_prompter.catalog.manifest import MANIFEST_FILE
from furniture_prompter.catalog.writer import open_writer
from furniture_prompter.domain import (
    Feed,
    IndexSummary,
    KnownItem,
    LeftOut,
    Made,
)
from furniture_prompter.encoders.card import identity_of
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.errors import TooManyRemovedError
from furniture_prompter.ingest.brought_by import feed_name, feed_name_before
from furniture_prompter.ingest.feed_run import FeedRun, FeedSource, items_of
from furniture_prompter.ingest.known_rows import KnownRows
from furniture_prompter.ingest.left_out import keep_left_out
from furniture_prompter.ingest.writing import OnProgress, commit_changes
from furniture_prompter.settings import Settings
from furniture_prompter.timing import utc_now

NOTHING_INDEXED = "No row was usable, so no catalog was made. Mend what was set aside, then retry."

REFOLDED = "Words were folded anew: forms of a word meet that did not when the catalog was made."

CHOSEN = (
    "Words are stemmed as {}, which most products are told in; the catalog keeps that. If it is "
    "wrong, index into a new folder with --language."
)

# So few are a small catalog's daily business.
_ALWAYS_REMOVED = 10


def refuse_mass_removal(removed: int, products: int, most_share: float) -> None:
    """Stop a run that would remove much of what its feed brought.

    Args:
        removed: Products that it would remove.
        products: Products that the feed had before it.
        most_share: Largest share of them that goes unasked.

    Raises:
        TooManyRemovedError: it is more than that.
    """
    if removed >= _ALWAYS_REMOVED and removed > most_share * products:
        raise TooManyRemovedError(
            f"This run would remove {removed:,} of the {products:,} products that the catalog has "
            f"of this feed, more than {most_share:.0%} of them (sync_most_removed_share), so "
            "nothing was written. See whether the feed is whole. If they are meant to go, run it "
            "again with --yes; without --sync they stay. Photos that were encoded for it are not "
            "encoded again."
        )


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
    remove_many: bool = False,
    made_by: str = "index",
    download: bool = False,
    name: str | None = None,
    was: Sequence[str] = (),
) -> IndexSummary:
    """Bring the catalog at `folder` up to date with a feed, as one new version or not at all.

    Args:
        feed: Where the rows come from.
        folder: The catalog; begun when nothing is there.
        encoder: Encoder of the photos.
        prompt_encoder: Encoder of the products' text.
        settings: Limits and batch sizes.
        language: Language of the keyword index; None for the catalog's own, or the settings', or
            for a new catalog the one that its products are told in.
        sync: Whether to remove products that the feed no longer has, and no other one.
        on_progress: Called often while it goes.
        remove_many: Whether `sync` may remove more than `sync_most_removed_share`.
        made_by: What the catalog's history says of the run: ``index`` or ``crawl``.
        download: Whether photos that the feed gives by address are fetched; without, those that
            were fetched before serve.
        name: What the catalog remembers the feed by; its path or address when left out.
        was: Names by which it was remembered before.

    Raises:
        InvalidFeedError: nothing of the feed can be read, or the catalog knows none of a name in
            `was`.
        TooManyRemovedError: `sync` would remove too much; nothing was written.
        CatalogError: the catalog cannot be written; see :mod:`furniture_prompter.errors`.
    """
    began = time.perf_counter()
    # A feed that cannot be read at all is refused before anything is locked or made.
    told = without_secrets(feed.name)
    source = FeedSource(
        feed_name(told if name is None else name), tuple(map(feed_name_before, was)), told
    )
    known = KnownRows(has_catalog=(folder / MANIFEST_FILE).exists())
    items = _begun(feed, known)
    async with (
        open_writer(
            folder,
            identity_of(encoder.card),
            identity_of(prompt_encoder.card),
            language=language,
            default_language=settings.language,
        ) as writer,
        FeedRun.open(writer, settings, known, source, download=download) as run,
    ):
        await writer.pruner.before_writing(writer.manifest, settings.version_grace_s)
        await run.read(feed, items, encoder, on_progress, sync=sync)
        if not remove_many:
            most = settings.sync_most_removed_share
            refuse_mass_removal(len(run.removed), run.brought.own_products, most)
        manifest = writer.manifest
        spoken = None
        if manifest is None and (language or settings.language) is None:
            spoken = run.language()
            if spoken is not None:
                writer.language, writer.folding = spoken, current_folding(spoken)
        outdated = manifest is not None and writer.words_are_outdated
        if outdated:
            await writer.refold()
        uncalibrated = manifest is not None and manifest.confidence is None
        warnings = tuple(run.warnings())
        wrote = await run.write(prompt_encoder, on_progress)
        if wrote or outdated or uncalibrated:
            made = Made(
                by=made_by,
                source=told,
                added=run.added,
                updated=run.updated,
                removed=len(run.removed),
                unchanged=run.unchanged,
                set_aside=len(run.set_aside),
                seconds=round(time.perf_counter() - began, 3),
            )
            changed = run.added + run.updated + len(run.removed)
            manifest = await commit_changes(
                writer,
                run.alignment,
                changed,
                prompt_encoder,
                encoder,
                settings,
                on_progress,
                made,
            )
        run.finish(manifest)
    set_aside = run.set_aside
    not_kept = None
    if manifest is not None:
        count, cells = len(set_aside), set_aside.cells
        left = LeftOut(
            source.name, manifest.version, told, utc_now(), count, cells, set_aside, source.was
        )
        not_kept = keep_left_out(folder, left)
    return IndexSummary(
        version=manifest.version if manifest else 0,
        products_added=run.added,
        products_updated=run.updated,
        products_removed=len(run.removed),
        products_not_removed=run.not_removed,
        products_unchanged=run.unchanged,
        photos_encoded=run.encoded,
        photos_reused=run.reused,
        products=manifest.products if manifest else 0,
        photos=manifest.photos if manifest else 0,
        set_aside=set_aside,
        seconds=time.perf_counter() - began,
        downloads=run.files.summary,
        notes=(
            *run.notes,
            *warnings,
            *([not_kept] if not_kept else []),
            *([REFOLDED] if outdated else []),
            *(
                [CHOSEN.format(spoken.title())]
                if spoken not in (None, "english") and manifest
                else []
            ),
            manifest.alignment.statement if manifest else NOTHING_INDEXED,
            *([manifest.confidence.statement] if manifest and manifest.confidence else []),
            *writer.pruner.troubles,
        ),
    )


def _begun(feed: Feed, known: KnownRows) -> Iterator[KnownItem]:
    items = items_of(feed, known)
    first = next(items, None)
    return items if first is None else chain((first,), items)


def without_secrets(name: str) -> str:
    """A feed's name as the history keeps it: an address without password and query."""
    if "://" not in name:
        return name
    parts = urlsplit(name)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
