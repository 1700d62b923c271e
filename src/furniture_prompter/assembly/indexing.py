"""Indexing by settings and path: a feed into a catalog, its health, and compaction."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from furniture_prompter import event_loop
from furniture_prompter.assembly.catalogs import Catalog
from furniture_prompter.assembly.encoders import catalog_encoders
from furniture_prompter.assembly.feed_names import former_names, name_of_source
from furniture_prompter.assembly.run_progress import Tell, shared_progress
from furniture_prompter.catalog.manifest import read_manifest, refuse_foreign_folder
from furniture_prompter.catalog.upkeep import optimize_catalog
from furniture_prompter.domain import (
    HealthReport,
    IndexProgress,
    IndexSummary,
    OptimizeSummary,
)
from furniture_prompter.domain.feed import address_path, is_web_address
from furniture_prompter.errors import CatalogNotFoundError
from furniture_prompter.feeds.formats import EXTENSIONS
from furniture_prompter.feeds.opening import open_feed
from furniture_prompter.fetching.feed_downloads import FetchedFeed, fetch_feed
from furniture_prompter.fetching.public_addresses import shown_address
from furniture_prompter.ingest.indexing import index_feed
from furniture_prompter.ingest.photo_files import DOWNLOADS_FOLDER
from furniture_prompter.settings import Settings

UNPACKED_FOLDER = ".unpacked"
"""Where a catalog keeps the photos of archives that it was made from; hidden, so that a folder with
nothing else in it is an empty one."""


def index(
    source: str | Path,
    catalog: str | Path,
    *,
    settings: Settings | None = None,
    encoder: str | None = None,
    language: str | None = None,
    sync: bool = False,
    text_encoding: str | None = None,
    download: bool = False,
    layout: str | None = None,
    columns: Sequence[str] = (),
    progress: Callable[[IndexProgress], None] | None = None,
    remove_many: bool = False,
    feed_name: str | None = None,
    was: Sequence[str] = (),
) -> IndexSummary:
    """Bring a catalog up to date with a feed, as one new version or not at all.

    Args:
        source: A folder of photos, a file of any format that docs/feeds.md names, or the web
            address of such a file, which is fetched.
        catalog: The catalog's folder; begun when it is empty or not there.
        settings: Settings; from the environment when left out.
        encoder: Photo encoder by name or folder. When left out, the settings' where they name one,
            the catalog's own where it is there, and the default for a new catalog.
        language: Language of the keyword index; the catalog's own when left out.
        sync: Whether to remove products that the feed no longer has, and no other feed either.
        text_encoding: Encoding of a CSV file, in Python's words; found out when left out.
        download: Whether photos that the feed gives by address are fetched.
        layout: Name of the feed's layout, such as ``shopify``; recognised when left out.
        columns: What columns mean, as ``ROLE=COLUMN``; goes before what is recognised.
        progress: Called often while it goes.
        remove_many: Whether `sync` may remove more than `sync_most_removed_share` of what the feed
            brought.
        feed_name: What the catalog remembers the feed by; when left out its path, or its address.
        was: Names by which it was remembered before.

    Raises:
        InvalidFeedError: nothing of the feed can be read, it cannot be fetched, or the catalog
            remembers none of a name in `was`.
        TooManyRemovedError: `sync` would remove too much; nothing was written.
        CatalogError, EncoderError: see :mod:`furniture_prompter.errors`.
    """
    chosen, folder = settings or Settings(), Path(catalog)
    by_address = isinstance(source, str) and is_web_address(source)
    try:
        manifest = read_manifest(folder)
    except CatalogNotFoundError:
        refuse_foreign_folder(folder)
        manifest = None
    read = partial(
        open_feed,
        encoding=text_encoding,
        layout=layout,
        given=columns,
        unpack_into=folder / UNPACKED_FOLDER,
        address_path=address_path if download else None,
    )
    feed = None if by_address else read(Path(source))
    photo_encoder, prompt_encoder = catalog_encoders(manifest, encoder, chosen)
    shown = shown_address(str(source)) if by_address else Path(source).name
    with shared_progress(folder, "index", shown, progress) as tell:
        fetched = None
        if feed is None:
            fetched = _fetched(str(source), folder, chosen, tell)
            feed = read(fetched.path)
        summary: IndexSummary = event_loop.run(
            index_feed(
                feed,
                folder,
                photo_encoder,
                prompt_encoder,
                chosen,
                language=language,
                sync=sync,
                on_progress=tell,
                remove_many=remove_many,
                download=download,
                name=name_of_source(str(source)) if feed_name is None else feed_name,
                was=former_names(was, manifest.feeds if manifest else ()),
            )
        )
    if fetched is None:
        return summary
    return replace(summary, notes=(_where_from(str(source), fetched), *summary.notes))


def _fetched(
    url: str,
    catalog: Path,
    settings: Settings,
    tell: Tell,
) -> FetchedFeed:
    tell(IndexProgress("fetching", 0, None, "feeds"))
    return event_loop.run(fetch_feed(url, catalog / DOWNLOADS_FOLDER, settings, known=EXTENSIONS))


def _where_from(url: str, feed: FetchedFeed) -> str:
    when = "fetched" if feed.changed else "not sent again, for it has not changed"
    return f"The feed of {shown_address(url)} is {feed.path}: {feed.size_bytes:,} bytes, {when}."


def catalog_health(
    catalog: str | Path,
    *,
    settings: Settings | None = None,
    progress: Callable[[IndexProgress], None] | None = None,
) -> HealthReport:
    """What is wrong with a catalog's data; see :meth:`Catalog.health`.

    Raises:
        CatalogError, EncoderError: see :mod:`furniture_prompter.errors`.
    """
    with Catalog.open(catalog, settings=settings) as opened:
        return opened.health(progress)


def optimize(catalog: str | Path, *, settings: Settings | None = None) -> OptimizeSummary:
    """Compact a catalog, bring its indexes up to date and delete versions nobody reads.

    Raises:
        CatalogError: see :mod:`furniture_prompter.errors`.
    """
    chosen = settings or Settings()
    kept = chosen.version_grace_s, chosen.keep_versions
    return event_loop.run(optimize_catalog(Path(catalog), chosen.vector_index_photos, *kept))
