"""``catalog info``, ``verify``, ``repair``, ``optimize``, ``health``: facts and maintenance."""

import dataclasses
from typing import Any

import typer

from furniture_prompter.cli import health_command
from furniture_prompter.cli.options import CatalogOption, ExitCode, JsonOption, read_settings
from furniture_prompter.cli.terminal import (
    collector_paused,
    output,
    plain_lines,
    print_facts,
    size_text,
    write_json,
)

catalog_app = typer.Typer(
    no_args_is_help=True, help="Look after a catalog: what it is, whether it is sound, its size."
)

catalog_app.command(epilog=health_command.EXAMPLES)(health_command.health)


@catalog_app.command(epilog="Example: furniture-prompter catalog info --catalog shop")
def info(catalog: CatalogOption, as_json: JsonOption = False) -> None:
    """What the catalog holds: counts, encoders, and the columns that --where may use."""
    settings = read_settings()
    # Loading storage and runtime takes most of a second, which --help must not.
    with collector_paused():
        from furniture_prompter import assembly

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
    }
    print_facts(rows)


@catalog_app.command(epilog="Example: furniture-prompter catalog verify --catalog shop")
def verify(catalog: CatalogOption, as_json: JsonOption = False) -> None:
    """Check every file, row and index, and name what is damaged; exit code 5 when something is."""
    # As above.
    with collector_paused():
        from furniture_prompter import assembly

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
    # As above.
    with collector_paused():
        from furniture_prompter import assembly

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
    # As above.
    with collector_paused():
        from furniture_prompter import assembly

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
