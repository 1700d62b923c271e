"""``index``: bring a catalog up to date with a feed, as one version."""

import json
from collections import Counter
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from furniture_prompter import assembly
from furniture_prompter.cli.options import (
    CatalogOption,
    EncoderOption,
    ExitCode,
    FeedNameOption,
    FormatOption,
    JsonOption,
    MapOption,
    TextEncodingOption,
    WasOption,
    YesOption,
    asking_before_mass_removal,
    read_settings,
    refuse_unwritable,
)
from furniture_prompter.cli.terminal import (
    escape_json,
    messages,
    plain,
    print_facts,
    say,
    show_progress,
    size_text,
    write_atomically,
    write_json,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from furniture_prompter.domain import DownloadSummary, IndexSummary, SetAside

# More than this scrolls the summary away; the file holds all of them.
SHOWN_SET_ASIDE = 20
SHOWN_ALIKE = 3
# Cures that quote the cell are all different.
_KINDS_COUNTED = 1_000

EXAMPLES = """\b
Examples:
  furniture-prompter index photos/ --catalog shop
  furniture-prompter index products.jsonl --catalog shop --sync
  furniture-prompter index lamps-2026-12-01.csv --catalog shop --sync --feed lamps
  furniture-prompter index urunler.xlsx --catalog shop --language turkish \\
      --map title="Ürün Adı" --map image=Görsel1
  furniture-prompter index https://shop.example/products.csv --catalog shop --download
"""


def index_command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A folder of photos, a file of products (a shop's export as CSV, Excel, JSON, "
            "XML or Parquet), or the web address of such a file.",
            show_default=False,
        ),
    ],
    catalog: CatalogOption,
    sync: Annotated[
        bool, typer.Option("--sync", help="Also remove products that the feed no longer has.")
    ] = False,
    feed_name: FeedNameOption = None,
    was: WasOption = None,
    yes: YesOption = False,
    encoder: EncoderOption = None,
    language: Annotated[
        str | None,
        typer.Option(
            "--language",
            metavar="LANGUAGE",
            help="Language of the keyword index: english, turkish, … "
            "When left out the catalog's own, and for a new one that of the feed's words.",
            show_default=False,
        ),
    ] = None,
    text_encoding: TextEncodingOption = None,
    layout: FormatOption = None,
    columns: MapOption = None,
    download: Annotated[
        bool,
        typer.Option(
            "--download",
            help="Download photos that the feed gives by address; see docs/feeds.md.",
        ),
    ] = False,
    set_aside_file: Annotated[
        Path | None,
        typer.Option(
            "--set-aside",
            metavar="FILE",
            help="Write everything that was set aside to this file, one JSON object a line.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Index a feed: bring a catalog up to date with a folder of photos or a shop's export.

    What the columns mean is recognised or proposed, and told; --format and --map overrule it.

    Only what changed is encoded again. The run becomes one new version of the catalog or none: a
    run that is interrupted leaves the version before it searchable, and the next one resumes.
    """
    if set_aside_file is not None:
        refuse_unwritable(set_aside_file, "--set-aside")
    settings = read_settings()

    run = partial(
        assembly.index,
        source,
        catalog,
        settings=settings,
        encoder=encoder,
        language=language,
        sync=sync,
        text_encoding=text_encoding,
        download=download,
        layout=layout,
        columns=columns or (),
        feed_name=feed_name,
        was=was or (),
    )
    summary = indexed(run, yes)
    if set_aside_file is not None:
        items = (set_aside_answer(item) for item in summary.set_aside)
        lines = (escape_json(json.dumps(item, ensure_ascii=False)) + "\n" for item in items)
        write_atomically(set_aside_file, lines)
    tell_set_aside(summary.set_aside, set_aside_file)
    if as_json:
        write_json(summary_answer(summary, catalog))
    else:
        print_summary(summary, catalog)
    if not summary.version:
        raise typer.Exit(ExitCode.REFUSED)
    if summary.set_aside:
        raise typer.Exit(ExitCode.SET_ASIDE)


def indexed(run: "Callable[..., IndexSummary]", yes: bool) -> "IndexSummary":
    """Index, showing how far that is, and asking before much of a catalog is removed.

    Args:
        run: :func:`~furniture_prompter.assembly.index` with all but `progress` and `remove_many`.
        yes: Whether much may be removed without being asked.
    """

    def once(remove_many: bool) -> "IndexSummary":
        with show_progress(messages()) as progress:
            return run(progress=progress, remove_many=remove_many)

    return asking_before_mass_removal(once, yes)


def summary_answer(summary: "IndexSummary", catalog: Path) -> dict[str, Any]:
    """The promised JSON of an index run; see docs/json.md."""
    return {
        "catalog": {"path": str(catalog), "version": summary.version},
        "products": {
            "added": summary.products_added,
            "updated": summary.products_updated,
            "removed": summary.products_removed,
            "unchanged": summary.products_unchanged,
            "total": summary.products,
            "not_removed": summary.products_not_removed,
        },
        "photos": {
            "encoded": summary.photos_encoded,
            "reused": summary.photos_reused,
            "total": summary.photos,
        },
        "downloads": None if summary.downloads is None else asdict(summary.downloads),
        "seconds": round(summary.seconds, 3),
        "set_aside": [set_aside_answer(item) for item in summary.set_aside],
        "notes": list(summary.notes),
    }


def set_aside_answer(item: "SetAside") -> dict[str, Any]:
    """One record of what was left out: a row, a photo or, with ``column``, one cell of a row."""
    return {
        "file": str(item.source),
        "line": item.line or None,
        "product": item.product_id or None,
        "reason": item.reason,
        "cure": item.cure,
        "column": item.column or None,
    }


def tell_set_aside(items: "Sequence[SetAside]", file: Path | None) -> None:
    """Say what was left out, up to SHOWN_SET_ASIDE; of more, SHOWN_ALIKE of one cure.

    A feed whose photos are all addresses would else say so until nobody sees what else there is.
    `file` has them all.
    """
    most = SHOWN_SET_ASIDE if len(items) <= SHOWN_SET_ASIDE else SHOWN_ALIKE
    shown, alike = 0, Counter[tuple[str, str]]()
    for item in items:
        kind = (item.column, item.cure)
        alike[kind] += 1
        if shown < SHOWN_SET_ASIDE and alike[kind] <= most:
            say(str(item), style="yellow")
            shown += 1
        elif len(alike) > _KINDS_COUNTED:
            break
    if (further := len(items) - shown) > 0:
        where = f", all of them in {file}" if file else ". Give --set-aside FILE to have them all"
        (column, cure), count = alike.most_common(1)[0]
        of = f" of {column}" if column else ""
        told = f" {count - most:,}{of} have one cure: {cure}" if cure and count > most else ""
        say(f"… and {further:,} more{where}.{told}", style="yellow")


def set_aside_counts(items: "Sequence[SetAside]") -> str:
    """How much was left out: rows and photos, and cells, of which none costs its product."""
    cells = sum(bool(item.column) for item in items)
    if not cells:
        return f"{len(items):,}"
    told = f"{cells:,} cell{'s, which cost' if cells != 1 else ', which costs'} no product"
    rest = len(items) - cells
    return f"{rest:,} row{'s' * (rest != 1)} or photo{'s' * (rest != 1)}, {told}" if rest else told


def print_summary(summary: "IndexSummary", catalog: Path) -> None:
    """Write what an index run did to standard output."""
    rate = summary.photos_encoded / summary.seconds if summary.seconds > 0 else 0.0
    pace = f" ({rate:,.0f} photos/s)" if summary.photos_encoded else ""
    stayed = summary.products_not_removed
    rows = {
        "catalog": f"{catalog}, version {summary.version}",
        "products": f"{summary.products:,}: {summary.products_added:,} added, "
        f"{summary.products_updated:,} updated, {summary.products_removed:,} removed, "
        f"{summary.products_unchanged:,} unchanged{f', {stayed:,} not removed' if stayed else ''}",
        "photos": f"{summary.photos:,}: {summary.photos_encoded:,} encoded{pace}, "
        f"{summary.photos_reused:,} reused",
        **_downloads(summary.downloads),
        "set aside": set_aside_counts(summary.set_aside),
        "time": f"{summary.seconds:,.1f} s",
        "notes": "\n".join(plain(note) for note in summary.notes),
    }
    print_facts(rows)


def _downloads(counts: "DownloadSummary | None") -> dict[str, str]:
    if counts is None:
        return {}
    received = f" ({size_text(counts.received_bytes)})" if counts.fetched else ""
    kept = f" (of {counts.kept:,} the earlier picture stays)" if counts.kept else ""
    again = f", {counts.retries:,} requests made again" if counts.retries else ""
    return {
        "downloads": f"{counts.addresses:,} addresses: {counts.fetched:,} fetched{received}, "
        f"{counts.unchanged:,} unchanged, {counts.not_asked:,} not asked again, "
        f"{counts.failed:,} failed{kept}{again}"
    }
