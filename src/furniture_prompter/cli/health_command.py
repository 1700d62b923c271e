"""``catalog health``: what is wrong with a catalog's data, as a list, a page, JSON and a gate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from furniture_prompter import assembly
from furniture_prompter.cli.options import (
    CatalogOption,
    ExitCode,
    JsonOption,
    read_settings,
    refuse_unwritable,
)
from furniture_prompter.cli.terminal import (
    messages,
    output,
    plain,
    plain_lines,
    say,
    show_progress,
    write_atomically,
    write_json,
)

if TYPE_CHECKING:
    from furniture_prompter.domain import CheckResult, Finding, HealthReport

EXAMPLES = """\b
Examples:
  furniture-prompter catalog health --catalog shop --html health.html
  furniture-prompter catalog health --catalog shop --fail-on any
  furniture-prompter catalog health --catalog shop \\
    --fail-on "wrong-photo,doubtful-price=5,missing-size=50"
"""

SHOWN_FINDINGS = 5
SHOWN_PRODUCTS = 3
SCORE_DIGITS = 4


def health(
    catalog: CatalogOption,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            metavar="FILE",
            help="Also write a page with pictures to this file.",
            show_default=False,
        ),
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            "--fail-on",
            "--gate",
            metavar="CHECKS",
            help="Exit with 9 where a named check, or any, finds more products than allowed: "
            '"any", or "wrong-photo,missing-size=50".',
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what is wrong with the catalog's photos, words and numbers, the costliest first."""
    allowed = read_gate(fail_on) if fail_on else {}
    if html is not None:
        refuse_unwritable(html, "--html")
    settings = read_settings()
    with show_progress(messages()) as progress:
        report = assembly.catalog_health(catalog, settings=settings, progress=progress)
    if html is not None:
        from furniture_prompter.cli.health_page import render_health

        write_atomically(html, render_health(report))
    over = beyond_gate(report, allowed)
    if as_json:
        write_json(health_answer(report, over if fail_on else None))
    else:
        _print(report)
        if html is not None:
            say(f"The page with pictures is {html}.")
    if over:
        for name, count in over.items():
            reason = report.skipped.get(name)
            why = f"did not run. {reason}" if reason else f"found {count:,} products"
            say(f"The gate is not passed: {name} {why}.".replace("..", "."), style="red")
        raise typer.Exit(ExitCode.GATE)


def read_gate(text: str) -> dict[str, int]:
    """Checks that a gate names, with the products that each may find at the most.

    Raises:
        BadParameter: a part is no check, or its number is none.
    """
    from furniture_prompter.health.checks import CHECKS

    allowed: dict[str, int] = {}
    for part in text.split(","):
        name, _, number = (each.strip() for each in part.partition("="))
        if name != "any" and name not in CHECKS:
            raise typer.BadParameter(
                f"There is no check {plain(name)!r}. Name any, or some of {', '.join(CHECKS)}.",
                param_hint="--fail-on",
            )
        if number and not (number.isascii() and number.isdigit()):
            raise typer.BadParameter(
                f"{plain(number)!r} is no number of products. Write for example {name}=5.",
                param_hint="--fail-on",
            )
        names = CHECKS if name == "any" else [name]
        allowed |= dict.fromkeys(names, int(number or 0))
    return allowed


def beyond_gate(report: "HealthReport", allowed: dict[str, int]) -> dict[str, int]:
    """Checks that found more products than they may, with how many; 0 where one did not run.

    A check that was asked for and did not run has shown nothing, so it does not pass.
    """
    over = {}
    asked_for_all = len(allowed) > len(report.checks)
    for name, most in allowed.items():
        check = report.check(name)
        found = len(check.product_ids) if check else 0
        if found > most or (check is None and not asked_for_all):
            over[name] = found
    return over


def health_answer(report: "HealthReport", over: dict[str, int] | None) -> dict[str, Any]:
    """The promised JSON; see docs/json.md.

    Args:
        report: What was found.
        over: What a gate does not let pass; None without a gate.
    """
    return {
        "catalog": {"path": report.path, "version": report.version},
        "products": report.products,
        "photos": report.photos,
        "healthy": report.healthy,
        "checks": [_check_answer(check) for check in report.checks],
        "skipped": dict(report.skipped),
        "gate": None if over is None else {"passed": not over, "over": over},
        "seconds": round(report.seconds, SCORE_DIGITS),
    }


def _check_answer(check: "CheckResult") -> dict[str, Any]:
    return {
        "check": check.name,
        "heading": check.heading,
        "severity": check.severity,
        "products": len(check.product_ids),
        "cost": round(check.cost, SCORE_DIGITS),
        "costs": check.costs,
        "cure": check.cure,
        "findings": [_finding_answer(finding) for finding in check.findings],
    }


def _finding_answer(finding: "Finding") -> dict[str, Any]:
    return {
        "detail": finding.detail,
        "score": round(finding.score, SCORE_DIGITS),
        "products": [
            {"id": product.id, "title": product.title, "photo": product.photo}
            for product in finding.products
        ],
    }


def _print(report: "HealthReport") -> None:
    console = output()
    console.print(
        f"{report.products:,} products, {report.photos:,} photos, {report.seconds:,.1f} s",
        soft_wrap=True,
    )
    found = [check for check in report.checks if check.findings]
    for check in found:
        count = len(check.product_ids)
        products = "1 product" if count == 1 else f"{count:,} products"
        console.print()
        console.print(f"{check.heading}: {products}  ({check.name})", style="bold", soft_wrap=True)
        console.print(f"  {check.costs}", soft_wrap=True)
        for finding in check.findings[:SHOWN_FINDINGS]:
            console.print(plain_lines(f"  - {_line(finding)}"), soft_wrap=True)
        further = len(check.findings) - SHOWN_FINDINGS
        if further > 0:
            console.print(f"  … and {further:,} more; --json and --html have them.", soft_wrap=True)
        console.print(f"  Cure: {check.cure}", soft_wrap=True)
    if found:
        console.print()
    else:
        console.print("Nothing was found.", soft_wrap=True)
    silent = [check.name for check in report.checks if not check.findings]
    if silent and found:
        console.print(f"Nothing found by: {', '.join(silent)}.", soft_wrap=True)
    for name, reason in report.skipped.items():
        console.print(plain(f"{name} did not run. {reason}"), soft_wrap=True)


def _line(finding: "Finding") -> str:
    named = [
        f"{product.id} “{product.title}”" if product.title else product.id
        for product in finding.products[:SHOWN_PRODUCTS]
    ]
    further = len(finding.products) - SHOWN_PRODUCTS
    more = f" and {further:,} more" if further > 0 else ""
    return f"{', '.join(named)}{more}: {finding.detail}"
