"""``distill``: train a small student encoder on a large teacher's vectors."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from furniture_prompter import assembly
from furniture_prompter.cli.index_command import set_aside_answer, tell_set_aside
from furniture_prompter.cli.options import ExitCode, JsonOption, read_settings
from furniture_prompter.cli.terminal import (
    messages,
    print_facts,
    say,
    show_progress,
    size_text,
    write_json,
)

if TYPE_CHECKING:
    from furniture_prompter.distillation.distilling import DistillationSummary

EXAMPLES = """\b
Examples:
  furniture-prompter distill shop --student resnet18 --out students/r18
  furniture-prompter distill photos/ --teacher imagenet-ensemble --student mobilenetv2 --out m2
  furniture-prompter distill shop --student mobilenetv2 --out m2 --minutes 30 --views 4
  furniture-prompter search --photo sofa.jpg --catalog shop --encoder students/r18
"""

_TRAINING = "Training"
_LOSSES = "Loss"
_MACHINE = "Machine"

INTERRUPTED = (
    "Interrupted. What was decoded, embedded and trained is kept; --resume goes on from it."
)


def distill_command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="A catalog, whose encoder teaches; or a folder of photos or a feed.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="The student's folder.", show_default=False),
    ],
    student: Annotated[
        str, typer.Option("--student", metavar="NAME", help="Architecture.")
    ] = "resnet18",
    teacher: Annotated[
        str | None,
        typer.Option(
            "--teacher",
            metavar="NAME|FOLDER",
            help="Encoder to learn from; a catalog's own when left out.",
            show_default=False,
        ),
    ] = None,
    initial: Annotated[
        str,
        typer.Option(
            "--initial",
            metavar="auto|imagenet|random|PATH",
            help="First weights: a package's (imagenet), random ones, a folder's or file's; auto "
            "takes a package's where one carries this architecture, else random ones.",
        ),
    ] = "auto",
    side: Annotated[
        int | None,
        typer.Option(
            "--side",
            metavar="PX",
            help="Side of the student's images; the architecture's own when left out.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str,
        typer.Option("--name", help="The student's name; its folder's when left out."),
    ] = "",
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes",
            help="Time for the steps; preparing and exporting come on top.",
            show_default=False,
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    epochs: Annotated[
        float,
        typer.Option(
            "--epochs", help="Passes over the photos; 0: the head alone.", rich_help_panel=_TRAINING
        ),
    ] = 20.0,
    batch_size: Annotated[
        int, typer.Option("--batch-size", help="Photos a step.", rich_help_panel=_TRAINING)
    ] = 32,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            "--lr",
            help="Highest learning rate; 1e-4, or 1e-3 from random weights, when left out.",
            show_default=False,
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    backbone_rate: Annotated[
        float,
        typer.Option(
            "--backbone-rate", help="The backbone's share of it.", rich_help_panel=_TRAINING
        ),
    ] = 1.0,
    batch_norm: Annotated[
        str,
        typer.Option(
            "--batch-norm",
            metavar="auto|frozen|trained",
            help="Statistics of norms: the first weights', or the batches'.",
            rich_help_panel=_TRAINING,
        ),
    ] = "auto",
    views: Annotated[
        int,
        typer.Option(
            "--views",
            help="Augmented views a photo that the teacher encodes too; 0: every view is held to "
            "the photo's own vector.",
            rich_help_panel=_TRAINING,
        ),
    ] = 0,
    backgrounds: Annotated[
        Path | None,
        typer.Option(
            "--backgrounds",
            metavar="DIR",
            help="Textures to put behind photos on white.",
            show_default=False,
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    patience: Annotated[
        int,
        typer.Option(
            "--patience",
            help="Validations without a better one before it stops; 0: never.",
            rich_help_panel=_TRAINING,
        ),
    ] = 8,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", help="Decides order, random weights, new views.", rich_help_panel=_TRAINING
        ),
    ] = 0,
    loss_relational: Annotated[
        float,
        typer.Option(
            "--loss-relational", metavar="WEIGHT", help="Distances.", rich_help_panel=_LOSSES
        ),
    ] = 0.0,
    loss_contrastive: Annotated[
        float,
        typer.Option(
            "--loss-contrastive", metavar="WEIGHT", help="InfoNCE.", rich_help_panel=_LOSSES
        ),
    ] = 0.0,
    loss_rank: Annotated[
        float,
        typer.Option("--loss-rank", metavar="WEIGHT", help="Neighbours.", rich_help_panel=_LOSSES),
    ] = 0.0,
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            metavar="auto|fp32|bf16|fp16",
            help="Of the arithmetic.",
            rich_help_panel=_MACHINE,
        ),
    ] = "auto",
    device: Annotated[
        str,
        typer.Option(
            "--device",
            metavar="auto|cpu|cuda|mps",
            help="Where it runs.",
            rich_help_panel=_MACHINE,
        ),
    ] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads", help="Threads of arithmetic.", show_default=False, rich_help_panel=_MACHINE
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option("--workers", help="Threads that prepare images.", rich_help_panel=_MACHINE),
    ] = 1,
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache",
            metavar="DIR",
            help="Where decoded photos and teacher vectors are kept, for other trainings too.",
            show_default=False,
            rich_help_panel=_MACHINE,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on from the last checkpoint.", rich_help_panel=_MACHINE),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Distil an encoder: train a student whose vectors lie in its teacher's space.

    A catalog that the teacher embedded can then be asked by the student, at a fraction of the cost.
    """
    settings = read_settings()
    from furniture_prompter.distillation.options import DistillationOptions

    options = DistillationOptions(
        student=student,
        name=name,
        side_px=side,
        initial=initial,
        epochs=epochs,
        minutes=minutes,
        batch_size=batch_size,
        learning_rate=learning_rate,
        backbone_rate=backbone_rate,
        batch_norm=batch_norm,  # type: ignore[arg-type]  # checked by the options
        views=views,
        backgrounds=backgrounds,
        loss_relational=loss_relational,
        loss_contrastive=loss_contrastive,
        loss_rank=loss_rank,
        patience=patience,
        precision=precision,  # type: ignore[arg-type]  # checked by the options
        device=device,
        threads=threads,
        workers=workers,
        seed=seed,
        resume=resume,
    )
    try:
        with show_progress(messages()) as progress:
            summary = assembly.distill(
                source,
                out,
                options,
                teacher=teacher,
                cache=cache,
                command=shlex.join(["furniture-prompter", *sys.argv[1:]]),
                settings=settings,
                progress=progress,
            )
    except KeyboardInterrupt as error:
        say(INTERRUPTED)
        raise typer.Exit(ExitCode.INTERRUPTED) from error
    tell_set_aside(summary.set_aside, None)
    if as_json:
        write_json(distillation_answer(summary))
    else:
        _print_summary(summary)
    if summary.set_aside:
        raise typer.Exit(ExitCode.SET_ASIDE)


def distillation_answer(summary: "DistillationSummary") -> dict[str, Any]:
    """The promised JSON of a distillation; see docs/json.md."""
    return {
        "student": str(summary.folder),
        "run": str(summary.run_folder),
        "card": summary.card.as_json(),
        "fp32_card": summary.full_card.as_json(),
        "steps": summary.steps,
        "best_step": summary.best_step,
        "photos": summary.photos,
        "seconds": round(summary.seconds, 3),
        "set_aside": [set_aside_answer(item) for item in summary.set_aside],
    }


def _print_summary(summary: "DistillationSummary") -> None:
    card = summary.card
    space = card.space.name if card.space else card.name
    rows = {
        "student": f"{summary.folder}, {card.architecture}, in the space of {space}",
        "first weights": str(card.training["initial"]),
        "size": f"{size_text(card.weights_bytes)} int8, "
        f"{size_text(summary.full_card.weights_bytes)} fp32",
        "photos": f"{summary.photos:,}",
        "steps": f"{summary.steps:,}, the best after {summary.best_step:,}",
        "figures": "\n".join(f"{name} {value:g}" for name, value in card.figures.items()),
        "set aside": f"{len(summary.set_aside):,}",
        "logs": str(summary.run_folder),
        "time": f"{summary.seconds:,.1f} s",
    }
    print_facts(rows)
