"""``demand``: what people ask for on the page, and what of it the shop does not sell."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from furniture_prompter.cli.options import JsonOption, refuse_unwritable
from furniture_prompter.cli.terminal import output, plain, print_facts, say, write_json

if TYPE_CHECKING:
    from furniture_prompter.domain.behaviour import Asked, Demand

EXAMPLE = "Example: furniture-prompter demand events/"

_HEADINGS: Final = {
    "missing": "Asked for, and nothing here matches",
    "unclicked": "Asked for, answered, and never clicked",
    "photos": "What photos show that people brought",
    "words": "Asked for most",
}
_UNMET: Final = "Photos that found nothing close"
_SHOWN_PICTURES: Final = 12
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
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            metavar="FILE",
            help="Also write it as a page, with pictures of photos that found nothing.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """What people ask for on the page, what of it is not sold here, and which hits they click."""
    if html is not None:
        refuse_unwritable(html, "--html")
    # Loading storage and runtime takes most of a second, which --help must not.
    from furniture_prompter.assembly.demand import demand
    from furniture_prompter.errors import BenchmarkError

    try:
        found = demand(folder)
    except BenchmarkError as error:
        # Nothing is measured here: the folder that was given is another one.
        raise typer.BadParameter(str(error), param_hint="FOLDER") from error
    if html is not None:
        from furniture_prompter.cli.terminal import write_atomically

        write_atomically(html, render_demand(found, limit))
        say(f"Page written to {html}.")
    if as_json:
        write_json(asdict(found))
        return
    print_facts(_facts(found))
    for name, heading in _HEADINGS.items():
        _print_asked(heading, getattr(found, name), limit)
    if found.unmet:
        console = output()
        console.print(f"\n{_UNMET}:", markup=False, highlight=False)
        for each in found.unmet[:limit]:
            line = (
                f"{each.count:>6,}  {plain(each.text) or 'nothing that the catalog has words for'}"
            )
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        console.print("--html FILE shows them.", markup=False, highlight=False)


def render_demand(found: "Demand", limit: int) -> str:
    """The report as a page: one file that fetches nothing.

    Args:
        found: The report.
        limit: Texts and groups of photos of each kind at the most.
    """
    from furniture_prompter.cli.gallery import page_template, picture, words

    groups = []
    for each in found.unmet[:limit]:
        shown = "".join(
            f'<li class="frame">{picture(Path(path), each.text or "a photo")}</li>'
            for path in each.pictures[:_SHOWN_PICTURES]
        )
        named = words(each.text) or "Nothing that the catalog has words for"
        groups.append(
            f"<section><h3>{named} <span>{each.count:,} times</span></h3><ul>{shown}</ul></section>"
        )
    lists = [
        f"<h2>{words(heading)}</h2><ol>"
        + "".join(
            f"<li>{words(each.text)} <span>{each.count:,}, clicked {each.clicked:,}</span></li>"
            for each in getattr(found, name)[:limit]
        )
        + "</ol>"
        for name, heading in _HEADINGS.items()
        if getattr(found, name)
    ]
    facts = "".join(
        f"<div><dt>{words(name)}</dt><dd>{words(text)}</dd></div>"
        for name, text in _facts(found).items()
    )
    unmet = "".join(groups) or "<p>None is kept: the setting event_photos says how many are.</p>"
    return page_template("demand.html").substitute(
        title="Demand · Furniture Prompter",
        facts=facts,
        unmet_heading=_UNMET,
        unmet=unmet,
        lists="\n".join(lists),
    )


def _facts(found: "Demand") -> dict[str, str]:
    clicks = sum(found.ranks.values())
    shown = [f"{place}: {count:,}" for place, count in found.ranks.items() if place <= _SHOWN_RANKS]
    further = sum(count for place, count in found.ranks.items() if place > _SHOWN_RANKS)
    if further:
        shown.append(f"further: {further:,}")
    rows = {
        "queries": f"{found.queries:,}, {found.with_photo:,} of them with a photo"
        + (f" ({found.rooms:,} of a room)" if found.rooms else ""),
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
