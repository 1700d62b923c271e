"""``catalog versions``, ``diff`` and ``rollback``: what changed when, and the way back."""

import dataclasses
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from furniture_prompter.cli.options import CatalogOption, JsonOption, read_settings
from furniture_prompter.cli.terminal import (
    collector_paused,
    output,
    plain,
    print_facts,
    write_json,
)

if TYPE_CHECKING:
    from furniture_prompter.domain import CatalogVersion, ProductDifference

# Letters of a cell that a line shows; the JSON has all of it.
_SHOWN_LETTERS: Final = 60
_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~"}
_WORDS: Final = {"index": "index", "crawl": "crawl", "write": "API", "rollback": "back to version"}


def versions(catalog: CatalogOption, as_json: JsonOption = False) -> None:
    """What every version was made by, what it changed, and which ones are kept."""
    # Loading storage and runtime takes most of a second, which --help must not.
    with collector_paused():
        from furniture_prompter import assembly

    found = assembly.versions(catalog)
    if as_json:
        write_json([dataclasses.asdict(each) for each in found])
        return
    for each in reversed(found):
        output().print(plain(_version_line(each)), soft_wrap=True)


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
    # As above.
    with collector_paused():
        from furniture_prompter import assembly

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
    # As above.
    with collector_paused():
        from furniture_prompter import assembly

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


COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "versions": versions,
    "diff": diff,
    "rollback": rollback,
}
"""Commands below ``catalog``, by name."""
