"""``catalog``: what it is, verified, repaired, optimized, its versions, pushed and pulled."""

import dataclasses
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from furniture_prompter import assembly
from furniture_prompter.cli import health_command
from furniture_prompter.cli.options import CatalogOption, ExitCode, JsonOption, read_settings
from furniture_prompter.cli.terminal import (
    messages,
    output,
    plain,
    plain_lines,
    print_facts,
    show_progress,
    size_text,
    write_json,
)

if TYPE_CHECKING:
    from furniture_prompter.domain import CatalogVersion, ProductDifference
    from furniture_prompter.domain.catalog import PullSummary, PushSummary

catalog_app = typer.Typer(
    no_args_is_help=True, help="Look after a catalog: what it is, whether it is sound, its size."
)

catalog_app.command(epilog=health_command.EXAMPLES)(health_command.health)


@catalog_app.command(epilog="Example: furniture-prompter catalog info --catalog shop")
def info(catalog: CatalogOption, as_json: JsonOption = False) -> None:
    """What the catalog holds: counts, encoders, and the columns that --where may use."""
    settings = read_settings()
    with assembly.Catalog.open(catalog, settings=settings) as opened:
        told = opened.info()
    if as_json:
        write_json({**_fields(told), "columns": dict(told.columns)})
        return
    rows = {
        "catalog": f"{told.path}, version {told.version}",
        "written": f"{told.created}, format {told.format_version}",
        "holds": f"{told.products:,} products, {told.photos:,} photos, "
        f"{size_text(told.bytes_on_disk)}",
        "photo encoder": f"{told.encoder} (sha256 {told.encoder_sha256[:12]}…), "
        f"{told.dimension} dimensions, {told.metric}",
        "prompt encoder": told.prompt_encoder,
        "keywords": told.language,
        "prompts": told.alignment,
        "confidence": told.confidence,
        "vectors": told.vector_index,
        "columns": ", ".join(f"{name} ({kind})" for name, kind in told.columns.items()),
        "feeds": "\n".join(map(plain, told.feeds)),
    }
    print_facts(rows)


@catalog_app.command(epilog="Example: furniture-prompter catalog verify --catalog shop")
def verify(catalog: CatalogOption, as_json: JsonOption = False) -> None:
    """Check every file, row and index, and name what is damaged; exit code 5 when something is."""
    report = assembly.verify(catalog)
    if as_json:
        write_json(
            {
                "version": report.version,
                "sound": report.sound,
                "checks": dict(report.checks),
                "damaged": dict(report.damaged),
                "cure": report.cure,
                "notes": report.notes,
            }
        )
    else:
        rows = {name: problem or "ok" for name, problem in report.checks.items()}
        print_facts(rows)
        for note in report.notes:
            output().print(plain_lines(note), soft_wrap=True)
        verdict = "sound." if report.sound else f"NOT sound. {report.cure or ''}".strip()
        output().print(plain_lines(f"Version {report.version} is {verdict}"), soft_wrap=True)
    if not report.sound:
        raise typer.Exit(ExitCode.CATALOG)


@catalog_app.command(epilog="Example: furniture-prompter catalog repair --catalog shop")
def repair(catalog: CatalogOption, as_json: JsonOption = False) -> None:
    """Make a damaged catalog sound: indexes and alignment anew, every readable product kept.

    Exit code 3 when something is lost that only indexing the feed again brings back.
    """
    settings = read_settings()
    summary = assembly.repair(catalog, settings=settings)
    if as_json:
        write_json(_fields(summary))
    else:
        for told in (*summary.done, *summary.lost):
            output().print(plain_lines(told), soft_wrap=True)
        begin = "Version" if summary.done else "Nothing was changed: version"
        end = (
            "holds what could be kept; what could not is named above."
            if summary.lost
            else "is sound."
        )
        output().print(f"{begin} {summary.version} {end}", soft_wrap=True)
    if summary.lost:
        raise typer.Exit(ExitCode.SET_ASIDE)


@catalog_app.command(epilog="Example: furniture-prompter catalog optimize --catalog shop")
def optimize(catalog: CatalogOption, as_json: JsonOption = False) -> None:
    """Compact the catalog, bring its indexes up to date and delete versions nobody reads."""
    settings = read_settings()
    summary = assembly.optimize(catalog, settings=settings)
    if as_json:
        write_json(_fields(summary))
        return
    rows = {
        "catalog": f"{catalog}, version {summary.version}",
        "size": f"{size_text(summary.bytes_before)} before, {size_text(summary.bytes_after)} after",
        "vectors": summary.vector_index,
        "time": f"{summary.seconds:,.1f} s",
        **({"notes": " ".join(summary.notes)} if summary.notes else {}),
    }
    print_facts(rows)


def _fields(record: Any) -> dict[str, Any]:
    """The fields of a dataclass in their order, values as they are."""
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


# Letters of a cell that a line shows; the JSON has all of it.
_SHOWN_LETTERS: Final = 60
_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~"}
_WORDS: Final = {"index": "index", "crawl": "crawl", "write": "API", "rollback": "back to version"}


@catalog_app.command(epilog="Example: furniture-prompter catalog versions --catalog shop")
def versions(catalog: CatalogOption, as_json: JsonOption = False) -> None:
    """What every version was made by, what it changed, and which ones are kept."""
    found = assembly.versions(catalog)
    if as_json:
        write_json([dataclasses.asdict(each) for each in found])
        return
    for each in reversed(found):
        output().print(plain(_version_line(each)), soft_wrap=True)
    there = [f"{each.version}" for each in reversed(found) if each.kept and not each.current]
    if there:
        print(
            f"What can be returned to: {', '.join(there)} (furniture-prompter catalog rollback "
            f"{there[0]} --catalog {catalog})."
        )
    else:
        print("There is no version to return to yet.")
    sys.stdout.flush()


def _version_line(version: "CatalogVersion") -> str:
    state = "current" if version.current else "kept" if version.kept else "deleted"
    line = f"{version.version:>6}  {version.created}  {state:<7}  {version.products:,} products"
    made = version.made
    if made is None:
        return f"{line}  (no summary was kept)"
    word = _WORDS.get(made.by, made.by)
    source = f" {made.source}" if made.source else ""
    counts = ", ".join(
        f"{count:,} {name}"
        for name, count in (
            ("added", made.added),
            ("updated", made.updated),
            ("removed", made.removed),
            ("unchanged", made.unchanged),
            ("set aside", made.set_aside),
        )
        if count
    )
    return f"{line}  {word}{source}: {counts or 'nothing changed'} in {made.seconds:,.1f} s"


@catalog_app.command(epilog="Example: furniture-prompter catalog diff --catalog shop")
def diff(
    catalog: CatalogOption,
    before: Annotated[
        int | None,
        typer.Argument(
            metavar="BEFORE",
            help="Number of the first version; the last one kept beside the current when left out.",
            show_default=False,
        ),
    ] = None,
    after: Annotated[
        int | None,
        typer.Argument(
            metavar="AFTER",
            help="Number of the second version; the current one when left out.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-k", metavar="N", min=0, help="Products to show at the most.")
    ] = 50,
    as_json: JsonOption = False,
) -> None:
    """What differs between two kept versions: products, cells and photos."""
    first, second, found = assembly.diff(catalog, before, after)
    counts = dict.fromkeys(_SIGNS, 0)
    for shown, each in enumerate(found):
        counts[each.change] += 1
        if as_json:
            write_json(dataclasses.asdict(each))
        elif shown < limit:
            for line in _difference_lines(each):
                output().print(plain(line), soft_wrap=True)
    if as_json:
        write_json({"from": first, "to": second, **counts})
        return
    total = sum(counts.values())
    if total > limit:
        print(f"… and {total - limit:,} more; --limit shows more of them, --json all.")
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    print(f"From version {first} to {second}: {told}.")
    sys.stdout.flush()


def _difference_lines(difference: "ProductDifference") -> list[str]:
    lines = [f"{_SIGNS[difference.change]} {difference.id}  {difference.title}"]
    lines += [
        f"    {name}: {_cell(old)} → {_cell(new)}" for name, (old, new) in difference.cells.items()
    ]
    lines += [f"    + photo {path}" for path in difference.photos_added]
    lines += [f"    - photo {path}" for path in difference.photos_removed]
    if difference.photos_reordered:
        lines.append("    photos in another order")
    return lines


def _cell(value: Any) -> str:
    if value is None or value in ("", []):
        return "nothing"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]}…"


@catalog_app.command(epilog="Example: furniture-prompter catalog rollback --catalog shop")
def rollback(
    catalog: CatalogOption,
    version: Annotated[
        int | None,
        typer.Argument(
            metavar="VERSION",
            help="Version to return to; the last one before the current when left out.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a kept version's products current again, as a new version.

    Nothing that came between is lost as long as it is kept: another rollback goes forward again.
    """
    settings = read_settings()
    summary = assembly.rollback(catalog, version, settings=settings)
    if as_json:
        write_json(dataclasses.asdict(summary))
        return
    rows = {
        "catalog": f"{catalog}, version {summary.version}, as version {summary.returned_to} was",
        "products": f"{summary.products:,}: {summary.added:,} back, {summary.updated:,} as before, "
        f"{summary.removed:,} gone again, {summary.unchanged:,} unchanged",
        "photos": f"{summary.photos:,}",
        "time": f"{summary.seconds:,.2f} s",
        **({"notes": " ".join(summary.notes)} if summary.notes else {}),
    }
    print_facts(rows)


def _moved(summary: "PushSummary | PullSummary") -> str:
    moved = f"{summary.objects:,} objects, {size_text(summary.bytes)}"
    return moved if summary.changed else "nothing: it has this version"


AddressArgument = Annotated[
    str,
    typer.Argument(
        metavar="ADDRESS",
        help="Where in object storage: s3://BUCKET/PREFIX. Keys come from the environment.",
        show_default=False,
    ),
]


@catalog_app.command(
    epilog="Example: furniture-prompter catalog push s3://bucket/shop --catalog shop"
)
def push(
    address: AddressArgument,
    catalog: CatalogOption,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Take the place of a catalog there that this one does not come from."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Copy the current version to object storage, whole or not at all; what is there stays there.

    Of two that push at once one is refused. Replaced versions go after version_grace_s.
    """
    settings = read_settings()
    with show_progress(messages()) as progress:
        summary = assembly.push(
            catalog, address, replace=replace, settings=settings, progress=progress
        )
    if as_json:
        write_json(dataclasses.asdict(summary))
        return
    rows = {
        "address": f"{summary.address}, version {summary.version}",
        "sent": _moved(summary),
        "deleted": f"{summary.deleted:,} objects that no version needs",
        "time": f"{summary.seconds:,.1f} s",
        **({"notes": " ".join(summary.notes)} if summary.notes else {}),
    }
    print_facts(rows)


@catalog_app.command(
    epilog="Example: furniture-prompter catalog pull s3://bucket/shop --catalog copy"
)
def pull(address: AddressArgument, catalog: CatalogOption, as_json: JsonOption = False) -> None:
    """Copy a version from object storage into a folder, or bring such a copy up to date.

    What is there already is not copied again, and searches of the version before go on.
    """
    settings = read_settings()
    with show_progress(messages()) as progress:
        summary = assembly.pull(address, catalog, settings=settings, progress=progress)
    if as_json:
        write_json(dataclasses.asdict(summary))
        return
    rows = {
        "catalog": f"{summary.catalog}, version {summary.version}",
        "copied": _moved(summary),
        "time": f"{summary.seconds:,.1f} s",
    }
    print_facts(rows)
