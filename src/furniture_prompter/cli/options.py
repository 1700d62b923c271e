"""Shared command-line options, query options among them; settings; exit statuses."""

import inspect
import os
import re
import sys
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from furniture_prompter.cli.terminal import say
from furniture_prompter.errors import (
    BenchmarkError,
    CatalogError,
    DistillationError,
    EncoderError,
    FurniturePrompterError,
    ServeError,
    TooManyRemovedError,
)
from furniture_prompter.query_options import LISTS, OPTIONS, Flag, NamedOption

Result = TypeVar("Result")

_CURRENCY = re.compile(r"[^\W\d_]+|[^\w\s.,]")

if TYPE_CHECKING:
    from pydantic import ValidationError

    from furniture_prompter.settings import Settings


CatalogOption = Annotated[
    Path,
    typer.Option(
        "--catalog",
        metavar="DIR",
        envvar="FURNITURE_PROMPTER_CATALOG",
        help="Folder of the catalog, or where it is only read its s3:// address.",
        show_default=False,
    ),
]
CropOption = Annotated[
    str | None,
    typer.Option(
        "--crop",
        metavar="X,Y,W,H",
        help="The part of the photo that is meant, in shares of it: 0.1,0.2,0.5,0.6 or "
        "xywh=percent:10,20,50,60.",
        show_default=False,
    ),
]
EncoderOption = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        metavar="NAME|FOLDER",
        help="Photo encoder, by name or folder.",
        show_default=False,
    ),
]
TextTowerOption = Annotated[
    str | None,
    typer.Option(
        "--text-tower",
        metavar="NAME|FOLDER",
        envvar="FURNITURE_PROMPTER_TEXT_TOWER",
        help="Encoder whose text tower takes prompts into the photos' space.",
        show_default=False,
    ),
]
ThesaurusOption = Annotated[
    Path | None,
    typer.Option(
        "--thesaurus",
        metavar="FILE",
        envvar="FURNITURE_PROMPTER_THESAURUS",
        help="The shop's own words for furniture, beside the built-in ones; see docs/prompts.md.",
        show_default=False,
    ),
]
DetectorOption = Annotated[
    Path | None,
    typer.Option(
        "--detector",
        metavar="FOLDER",
        envvar="FURNITURE_PROMPTER_DETECTOR",
        help="What finds pieces in photos of rooms, instead of what ships: a folder with an ONNX "
        "file and its card, or none; see docs/encoders.md.",
        show_default=False,
    ),
]
RoomsOption = Annotated[
    Path | None,
    typer.Option(
        "--rooms",
        metavar="FILE",
        envvar="FURNITURE_PROMPTER_ROOMS",
        help="The shop's own rooms, JSON lines with product_ids; see docs/outfits.md.",
        show_default=False,
    ),
]
YesOption = Annotated[
    bool,
    typer.Option("--yes", help="Remove even more of the catalog than sync_most_removed_share."),
]
FeedNameOption = Annotated[
    str | None,
    typer.Option(
        "--feed",
        metavar="NAME",
        help="What --sync remembers this feed by; its path or address when left out, of a crawl "
        "the host.",
        show_default=False,
    ),
]
WasOption = Annotated[
    list[str] | None,
    typer.Option(
        "--was",
        metavar="NAME",
        help="An earlier name of this feed: what came by it counts as this feed's; repeatable.",
        show_default=False,
    ),
]
TextEncodingOption = Annotated[
    str | None,
    typer.Option(
        "--text-encoding",
        metavar="ENCODING",
        help="Encoding of a CSV file: utf-8, windows-1254, … Found out when left out.",
        show_default=False,
    ),
]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="Layout of the feed: shopify, woocommerce, google, … Recognised when left out.",
        show_default=False,
    ),
]
MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="ROLE=COLUMN",
        help="What a column means, such as title=Name; once for each, several for image.",
        show_default=False,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Answer in JSON, as docs/json.md promises.")
]


def photo_file(text: str) -> Path:
    """The path of a photo; a web address is refused as it was written, for a path halves its //."""
    if "://" in text[:16]:
        raise typer.BadParameter(
            f"{text} is a web address, and a file is needed. Download the photo first, or ask a "
            "server that was started with --fetch-photos."
        )
    return Path(text)


def share_of(text: str | float) -> float:
    """A number of an option as people write it: ``0.5``, ``0,5``, ``50 %`` or ``%50``."""
    plain = str(text).strip().replace(",", ".")
    percent = plain.count("%") == 1
    if percent:
        plain = plain.removeprefix("%").removesuffix("%").strip()
    try:
        number = float(plain)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no number. Write it like 0.5 or 50%.") from None
    return number / 100 if percent else number


def amount_of(text: str, option: str) -> tuple[float, str]:
    """An amount of money as people write it, ``45.000,50 TL`` or ``45000.5``, and its currency.

    Args:
        text: What was given.
        option: For which.

    Returns:
        The amount, and an ISO 4217 code, which is empty where none was given.
    """
    # Only a command that is given one waits for what reads them.
    from furniture_prompter.feeds.cells import UnusableValueError
    from furniture_prompter.feeds.values.currencies import currency_of
    from furniture_prompter.feeds.values.money import read_price

    try:
        price = read_price(text)
    except UnusableValueError as problem:
        if set(re.findall(r"\d", text)) == {"0"}:
            raise typer.BadParameter(
                f"{option}: {text} pays for nothing. Give an amount above 0, or leave it out."
            ) from problem
        raise typer.BadParameter(
            f"{option}: {problem.reason} Write it like 45000.50, 45.000,50 or 1.500 TL."
        ) from problem
    codes = dict.fromkeys(filter(None, map(currency_of, _CURRENCY.findall(text))))
    if len(codes) > 1:
        raise typer.BadParameter(
            f"{option}: {text!r} names {len(codes)} currencies, {' and '.join(codes)}. Give one."
        )
    if price.doubt:
        say(f"{option}: {price.doubt} {price.amount:,.2f} is taken.", style="yellow")
    return price.amount, price.currency or ""


def asking_before_mass_removal(run: Callable[[bool], Result], yes: bool) -> Result:
    """Do what may remove much of a catalog, asking first where a person can answer.

    Args:
        run: Does it; takes whether that much may be removed, and raises TooManyRemovedError where
            it may not.
        yes: Whether it may without being asked.
    """
    try:
        return run(yes)
    except TooManyRemovedError as error:
        if not _can_be_asked():
            raise
        # Nothing is locked while a person thinks; what was encoded is kept for the second turn.
        say(str(error), style="yellow")
        if not typer.confirm("Remove them?", err=True):
            raise typer.Exit(ExitCode.TOO_MANY_REMOVED) from error
    yes = True
    return run(yes)


def _can_be_asked() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def with_query_options(after: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Turn a command's ``**options`` into an option for each of a query's that has a flag.

    Args:
        after: Parameter behind which ``--help`` lists them, those with a short form first.
    """

    def expand(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        parameters = [each for each in signature.parameters.values() if each.name != "options"]
        place = next(n for n, each in enumerate(parameters, start=1) if each.name == after)
        flagged = [
            (option, flag) for option in OPTIONS.values() if (flag := option.about.flag) is not None
        ]
        flagged.sort(key=lambda each: len(each[1].names) == 1)
        parameters[place:place] = [_parameter(option, flag) for option, flag in flagged]
        command.__signature__ = signature.replace(  # type: ignore[attr-defined]  # PEP 362
            parameters=parameters
        )
        return command

    return expand


def _parameter(option: NamedOption, flag: Flag) -> inspect.Parameter:
    # What was not given is told from what was: it may stand in a batch line, or in a setting.
    by_absence = option.about.setting_of_default is not None or option.name in LISTS
    default = None if by_absence or option.type is bool else option.default
    kind = list[str] if option.name in LISTS else option.type
    about = typer.Option(
        *flag.names,
        metavar=flag.metavar or None,
        help=flag.help,
        show_default=default is not None,
        parser=share_of if option.type in {float, float | None} else None,
    )
    return inspect.Parameter(
        option.name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=default,
        annotation=Annotated[kind if default is not None else kind | None, about],
    )


def read_settings(
    thesaurus: Path | None = None, detector: Path | None = None, rooms: Path | None = None
) -> "Settings":
    """Settings from the environment; a value that does not fit is a usage error.

    Args:
        thesaurus: What takes the place of the setting of that name.
        detector: The same of that one.
        rooms: And of that one.
    """
    # --help must not wait for what only a run needs.
    from pydantic import ValidationError

    from furniture_prompter.settings import Settings

    try:
        paths = {"thesaurus": thesaurus, "detector": detector, "rooms": rooms}
        given: dict[str, Any] = {name: path for name, path in paths.items() if path is not None}
        return Settings(**given)
    except ValidationError as error:
        wrong = misfits(error, lambda setting: f"FURNITURE_PROMPTER_{setting.upper()}")
        raise typer.BadParameter(f"The environment sets what does not fit. {wrong}.") from error


def misfits(error: "ValidationError", named: Callable[[str], str] = str) -> str:
    """Settings that do not fit and why, without the values: one of them may be a secret.

    Args:
        error: What pydantic says of them.
        named: A setting's name as the user wrote it.
    """
    return "; ".join(
        f"{named('_'.join(str(part) for part in item['loc']))}: {item['msg']}"
        for item in error.errors(include_url=False, include_input=False)
    )


def refuse_unwritable(path: Path, option: str) -> None:
    """Refuse what is no place for a file, before any work is done for it.

    A device or a pipe must be refused too: a file that appears whole takes the place of what has
    its name, and would end ``/dev/null`` for everybody where the user may do that.
    """
    if path.is_dir():
        raise typer.BadParameter(f"{option} names a folder: {path}. Name a file.")
    if path.exists() and not path.is_file():
        raise typer.BadParameter(f"{option} names no ordinary file: {path}. Name another.")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise typer.BadParameter(f"{option}: there is no folder {folder}. Make it.")
    # A file appears whole: it is written beside its name and then moved there.
    if not os.access(folder, os.W_OK | os.X_OK):
        raise typer.BadParameter(f"{option}: nothing can be written to {folder}. Name another.")


class ExitCode(IntEnum):
    """Exit statuses of every command."""

    ALL_GOOD = 0
    UNEXPECTED = 1
    USAGE = 2
    SET_ASIDE = 3
    REFUSED = 4
    CATALOG = 5
    ENCODER = 6
    STUDENT = 7
    BENCHMARK = 8
    GATE = 9
    SERVER = 10
    TOO_MANY_REMOVED = 11
    INTERRUPTED = 130
    BROKEN_PIPE = 141


MEANINGS = {
    ExitCode.ALL_GOOD: "everything was done",
    ExitCode.UNEXPECTED: "something unexpected went wrong",
    ExitCode.USAGE: "the command was not given as it must be",
    ExitCode.SET_ASIDE: "done, but something was set aside or not removed, or a batch line failed",
    ExitCode.REFUSED: "the query, filter, photo or feed was refused",
    ExitCode.CATALOG: "the catalog cannot be used, or verify found it unsound",
    ExitCode.ENCODER: "the encoder cannot be used",
    ExitCode.STUDENT: "the student cannot be trained or exported",
    ExitCode.BENCHMARK: "the benchmark cannot be run as asked",
    ExitCode.GATE: "a gate was not passed: the candidate lost, or health found, too much",
    ExitCode.SERVER: "the API cannot be served as it is set up",
    ExitCode.TOO_MANY_REMOVED: "--sync would remove much of the catalog; nothing was written",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C)",
    ExitCode.BROKEN_PIPE: "whoever read the output stopped reading",
}
"""Each status in a few words, for ``--help`` and docs/cli.md."""


def exit_code_of(error: FurniturePrompterError) -> ExitCode:
    """The status for an error that ends a command."""
    if isinstance(error, CatalogError):
        return ExitCode.CATALOG
    if isinstance(error, EncoderError):
        return ExitCode.ENCODER
    if isinstance(error, DistillationError):
        return ExitCode.STUDENT
    if isinstance(error, BenchmarkError):
        return ExitCode.BENCHMARK
    if isinstance(error, ServeError):
        return ExitCode.SERVER
    if isinstance(error, TooManyRemovedError):
        return ExitCode.TOO_MANY_REMOVED
    return ExitCode.REFUSED
