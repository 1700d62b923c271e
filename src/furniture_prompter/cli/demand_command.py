"""``demand``: what people ask for on the page, and what of it the shop does not sell."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from furniture_prompter.cli.options import JsonOption
from furniture_prompter.cli.terminal import output, plain, print_facts, write_json

if TYPE_CHECKING:
    from furniture_prompter.domain.behaviour import Asked, Demand

EXAMPLE = "Example: furniture-prompter demand events/"

_HEADINGS: Final = {
    "missing": "Asked for, and nothing here matches",
    "unclicked": "Asked for, answered, and never clicked",
    "photos": "What photos show that people brought",
    "words": "Asked for most",
}
# Clicks further down are told together.
_SHOWN_RANKS: Final = 10


def demand_command(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="What serve --events wrote into.")
    ],
    limit: Annotated[
        int,
        typer.Option(
            "--limit", "-k", metavar="N", min=1, help="Texts of each kind to show at the most."
        ),
    ] = 20,
    as_json: JsonOption = False,
) -> None:
    """What people ask for on the page, what of it is not sold here, and which hits they click."""
    # Loading storage and runtime takes most of a second, which --help must not.
    from furniture_prompter.assembly.demand import demand

    found = demand(folder)
    if as_json:
        write_json(asdict(found))
        return
    print_facts(_facts(found))
    for name, heading in _HEADINGS.items():
        _print_asked(heading, getattr(found, name), limit)


def _facts(found: "Demand") -> dict[str, str]:
    clicks = sum(found.ranks.values())
    shown = [f"{place}: {count:,}" for place, count in found.ranks.items() if place <= _SHOWN_RANKS]
    further = sum(count for place, count in found.ranks.items() if place > _SHOWN_RANKS)
    if further:
        shown.append(f"further: {further:,}")
    rows = {
        "queries": f"{found.queries:,}, {found.with_photo:,} of them with a photo",
        "from, to": f"{found.first} to {found.last}" if found.queries else "",
        "clicks": f"{clicks:,}, in {found.clicked:,} answers",
        "by place": ", ".join(shown),
        "not read": f"{found.unread:,} lines" if found.unread else "",
    }
    return {name: text for name, text in rows.items() if text}


def _print_asked(heading: str, asked: Sequence["Asked"], limit: int) -> None:
    if not asked:
        return
    console = output()
    console.print(f"\n{heading}:", markup=False, highlight=False)
    for each in asked[:limit]:
        line = f"{each.count:>6,}  {plain(each.text)}"
        clicked = f" (clicked {each.clicked:,})" if each.clicked else ""
        console.print(line + clicked, markup=False, highlight=False, soft_wrap=True)
    if len(asked) > limit:
        further = f"… and {len(asked) - limit:,} more; --limit shows more of them, --json all."
        console.print(further, markup=False, highlight=False, soft_wrap=True)
