"""``crawl``: the feed of a shop that has none, made of its pages, and indexed."""

import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from furniture_prompter import assembly
from furniture_prompter.cli.index_command import (
    indexed,
    print_summary,
    summary_answer,
    tell_set_aside,
)
from furniture_prompter.cli.options import (
    EncoderOption,
    ExitCode,
    FeedNameOption,
    JsonOption,
    WasOption,
    read_settings,
    refuse_unwritable,
)
from furniture_prompter.cli.terminal import (
    messages,
    plain,
    print_facts,
    say,
    show_progress,
    write_json,
)

if TYPE_CHECKING:
    from furniture_prompter.crawl.options import CrawlReport

EXAMPLES = """\b
Examples:
  furniture-prompter crawl https://shop.example --catalog shop --dry-run
  furniture-prompter crawl https://shop.example --catalog shop --contact https://me.example/robot
  furniture-prompter crawl https://shop.example --out products.jsonl --i-have-the-right
"""
RIGHT = (
    "A shop's texts and photos are its own: crawl it only if it is yours, or if you have the right "
    "to take them."
)
_SHOWN = 10
_ABOUT_OUTCOMES = {
    "product": "with products",
    "page": "without products",
    "moved": "moved within the shop",
    "elsewhere": "lead out of the shop",
    "gone": "gone (404 or 410)",
    "robots": "forbidden by robots.txt, not asked for",
    "noindex": "ask not to be found (noindex), not taken",
    "noai": "ask not to feed a model (noai), not taken",
    "noimageai": "ask that their photos do not feed a model (noimageai), not taken",
    "no page": "no HTML",
    "unreadable": "unreadable",
}


def crawl_command(
    address: Annotated[
        str,
        typer.Argument(metavar="ADDRESS", help="The shop's web address.", show_default=False),
    ],
    catalog: Annotated[
        Path | None,
        typer.Option(
            "--catalog",
            metavar="DIR",
            envvar="FURNITURE_PROMPTER_CATALOG",
            help="Catalog that is brought up to date; it keeps what the next run need not ask.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Write the feed to this .jsonl file; without --catalog nothing is indexed.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Read a dozen pages, show what there is, and write nothing."
        ),
    ] = False,
    right: Annotated[
        bool,
        typer.Option("--i-have-the-right", help="You have the right to take the shop's data."),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            help="You have that right, and --sync may remove more than sync_most_removed_share.",
        ),
    ] = False,
    sync: Annotated[
        bool,
        typer.Option(
            "--sync", help="Also remove products that the shop no longer has, if all was read."
        ),
    ] = False,
    feed_name: FeedNameOption = None,
    was: WasOption = None,
    delay: Annotated[
        float | None,
        typer.Option(
            "--delay",
            metavar="SECONDS",
            min=0.0,
            max=3_600.0,
            help="Least time between two requests; 1 when left out. robots.txt may ask for more.",
            show_default=False,
        ),
    ] = None,
    max_pages: Annotated[
        int | None,
        typer.Option(
            "--max-pages",
            metavar="N",
            min=1,
            help="Pages to ask for in one run; 50,000 when left out.",
            show_default=False,
        ),
    ] = None,
    contact: Annotated[
        str,
        typer.Option(
            "--contact",
            metavar="ADDRESS",
            help="Mail or web address at which the shop reaches you, sent with every request.",
            show_default=False,
        ),
    ] = "",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget earlier runs and ask for everything anew.")
    ] = False,
    encoder: EncoderOption = None,
    language: Annotated[
        str | None,
        typer.Option(
            "--language",
            metavar="LANGUAGE",
            help="Language of the keyword index, as of `index`.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Crawl a shop that has no feed: read what its pages tell search engines, and index it.

    robots.txt, its crawl-delay, noindex and noai are obeyed. A run that is interrupted goes on
    where it stopped; a later run fetches only what changed.
    """
    if catalog is None and out is None and not dry_run:
        raise typer.BadParameter("Give --catalog DIR, --out FILE, or --dry-run.")
    if catalog is None and (feed_name is not None or was):
        raise typer.BadParameter(
            "--feed and --was say what a catalog remembers the crawl by. Give --catalog DIR."
        )
    if out is not None:
        refuse_unwritable(out, "--out")
    if not contact.isprintable() or len(contact) > 200 or not contact.isascii():
        raise typer.BadParameter("--contact takes a mail or web address of at most 200 letters.")
    settings = read_settings()
    _ask_for_the_right(right or yes or dry_run)
    from furniture_prompter.assembly import crawling
    from furniture_prompter.assembly.feed_names import name_of_crawl

    with show_progress(messages()) as progress:
        found = crawling.crawl(
            address,
            catalog=catalog,
            out=out,
            settings=settings,
            dry_run=dry_run,
            delay_s=delay,
            limit_pages=max_pages,
            contact=contact,
            fresh=fresh,
            progress=progress,
            feed_name=feed_name,
            was=was or (),
        )
    report = found.report
    answer: dict[str, Any] = {"crawl": report_answer(report), "feed": None, "index": None}
    if found.feed is not None:
        answer["feed"] = str(found.feed)
    exit_code = ExitCode.ALL_GOOD if report.may_remove or dry_run else ExitCode.SET_ASIDE
    summary = None
    try:
        if found.feed is not None and catalog is not None:
            if sync and not report.may_remove:
                say(
                    "Nothing is removed, for not every page of the shop could be read: "
                    "run the command again.",
                    style="yellow",
                )
            run = partial(
                assembly.index,
                str(found.feed),
                catalog,
                settings=settings,
                encoder=encoder,
                language=language,
                sync=sync and report.may_remove,
                download=True,
                feed_name=name_of_crawl(report.start) if feed_name is None else feed_name,
                was=was or (),
            )
            summary = indexed(run, yes)
            tell_set_aside(summary.set_aside, None)
            answer["index"] = summary_answer(summary, catalog)
            if not summary.version:
                exit_code = ExitCode.REFUSED
            elif summary.set_aside:
                exit_code = ExitCode.SET_ASIDE
    finally:
        # What was found is told where it cannot be indexed too, and never before that was tried:
        # nobody need read on for the catalog to be written.
        if not as_json:
            _print_report(report, found.feed)
    if as_json:
        write_json(answer)
    elif summary is not None and catalog is not None:
        print_summary(summary, catalog)
    if exit_code:
        raise typer.Exit(exit_code)


def _ask_for_the_right(given: bool) -> None:
    if given:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{RIGHT} Say so with --i-have-the-right.")
    say(RIGHT)
    if not typer.confirm("Do you have the right to?", err=True):
        raise typer.Exit(ExitCode.USAGE)


def report_answer(report: "CrawlReport") -> dict[str, Any]:
    """The promised JSON of a crawl; see docs/json.md."""
    return {**asdict(report), "seconds": round(report.seconds, 3)}


def _print_report(report: "CrawlReport", feed: Path | None) -> None:
    outcomes = [
        f"{count:,} {_ABOUT_OUTCOMES.get(name, name)}" for name, count in report.outcomes.items()
    ]
    kinds = [f"{count:,} × {kind}" for kind, count in report.kinds.items()]
    endless = [f"{kind}: {count:,} left out" for kind, count in report.patterns.items()]
    unchanged = f", {report.unchanged:,} of them unchanged" if report.unchanged else ""
    rows = {
        "shop": report.start + (" (a run went on that had been broken off)" * report.resumed),
        "robots.txt": f"{report.robots} At least {report.delay_s:g} s between requests.",
        "sitemaps": f"{report.sitemaps:,}, naming {report.sitemap_addresses:,} pages",
        "pages": f"{report.pages:,} asked for{unchanged}, {report.waiting:,} still to be asked for",
        "of these": "\n".join(outcomes),
        "kinds": "\n".join(kinds[:_SHOWN]),
        "endless": "\n".join(endless[:_SHOWN]),
        "products": f"{report.products:,}"
        + (f" ({_syntaxes(report)})" if report.syntaxes else "")
        + (f"; {report.gone:,} pages of products are gone" if report.gone else ""),
        "such as": "\n".join(_example(each) for each in report.examples),
        "feed": str(feed) if feed is not None else "",
        "complete": _complete(report),
        "time": f"{report.seconds:,.1f} s",
    }
    if feed is None:
        rows["complete"] = "a sample; nothing was written"
    print_facts({name: text for name, text in rows.items() if text})
    for problem in report.unreadable[:_SHOWN]:
        say(f"{problem.address}: {problem.reason}.", style="yellow")
    further = report.unreadable_pages - min(len(report.unreadable), _SHOWN)
    if further > 0:
        say(f"… and {further:,} more pages that could not be read.", style="yellow")
    if feed is None and not report.products:
        say("None of these pages describes a product to search engines.", style="yellow")


def _complete(report: "CrawlReport") -> str:
    if report.may_remove:
        return "yes"
    if report.complete:
        return "all was asked for, but not all could be read: nothing is removed by it"
    return f"no. {report.stopped}".strip()


def _syntaxes(report: "CrawlReport") -> str:
    return ", ".join(f"{count:,} pages {syntax}" for syntax, count in report.syntaxes.items())


def _example(record: dict[str, object]) -> str:
    price = f"{record.get('offers.price', '')} {record.get('offers.priceCurrency', '')}".strip()
    images = record.get("image")
    shown = len(images) if isinstance(images, list) else 1 if images else 0
    parts = (record.get("id"), record.get("name"), record.get("category"), price)
    words = " · ".join(plain(str(each)) for each in parts if each)
    return f"{words} · {shown} {'photo' if shown == 1 else 'photos'}"
