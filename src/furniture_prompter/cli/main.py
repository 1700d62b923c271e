"""The ``furniture-prompter`` command: its subcommands, and exit statuses for errors."""

import gc
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from furniture_prompter.assembly.unused_imports import leave_out_unused
from furniture_prompter.cli.options import MEANINGS, ExitCode, exit_code_of
from furniture_prompter.cli.terminal import say, say_error
from furniture_prompter.errors import FurniturePrompterError

_YOUNG_OBJECTS: Final = 10_000
"""Objects made between two looks for garbage. At 700, Python's own number, a search from the shell
looks 240 times while it imports, and finds none."""

INTERRUPTED = (
    "Interrupted. The catalog's previous version stands; an index run that is started again "
    "resumes where this one stopped."
)


_COMMANDS: Final = {
    "index": "index_command.index_command EXAMPLES",
    "crawl": "crawl_command.crawl_command EXAMPLES",
    "search": "search_command.search_command EXAMPLES",
    "pieces": "pieces_command.pieces_command EXAMPLE",
    "suggest": "words_commands.suggest_command SUGGEST_EXAMPLE",
    "describe": "words_commands.describe_command DESCRIBE_EXAMPLE",
    "goes-with": "outfit_commands.goes_with_command GOES_WITH_EXAMPLES",
    "outfit": "outfit_commands.outfit_command OUTFIT_EXAMPLES",
    "serve": "serve_command.serve_command EXAMPLES",
    "demand": "demand_command.demand_command EXAMPLE",
    "distill": "distill_command.distill_command EXAMPLES",
    "benchmark": "benchmark_command.benchmark_command EXAMPLES",
    "evaluate": "evaluate_command.evaluate_command EXAMPLES",
    "catalog": "catalog_command.catalog_app",
    "feeds": "feeds_command.feeds_app",
    "encoders": "encoders_command.encoders_app",
}
"""Where each command stands: its module and function and the name of its examples, or its group."""


class _MadeWhenNamed(Mapping[str, Any]):
    """Commands by name, each loaded and built when it is asked for.

    To build them all takes a search from the shell as long as to find its answer.
    """

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            where, _, examples = _COMMANDS[name].partition(" ")
            room, _, called = where.partition(".")
            module = import_module(f"furniture_prompter.cli.{room}")
            alone = typer.Typer(add_completion=False)
            if examples:
                alone.command(name, epilog=getattr(module, examples))(getattr(module, called))
            else:
                alone.add_typer(getattr(module, called), name=name)
            self._made[name] = typer.main.get_group(alone).commands[name]
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_COMMANDS)

    def __len__(self) -> int:
        return len(_COMMANDS)


class Commands(TyperGroup):
    """Subcommands; what one raises becomes one sentence and an exit status."""

    def __init__(self, **options: Any) -> None:
        """Take what Typer found out about the application; the commands come when named."""
        super().__init__(**{**options, "commands": _MadeWhenNamed()})

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except FurniturePrompterError as error:
            say_error(str(error))
            raise typer.Exit(exit_code_of(error)) from error
        except KeyboardInterrupt as error:
            say(INTERRUPTED)
            raise typer.Exit(ExitCode.INTERRUPTED) from error
        except BrokenPipeError as error:
            # The interpreter flushes once more at its end, which must not complain either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ExitCode.BROKEN_PIPE) from error
        except OSError as error:
            say_error(f"{error}. Check the path, its permissions and the space left on the disk.")
            raise typer.Exit(ExitCode.UNEXPECTED) from error
        return result


EPILOG = "Exit codes: " + "; ".join(f"{code.value} {text}" for code, text in MEANINGS.items()) + "."

app = typer.Typer(
    name="furniture-prompter",
    cls=Commands,
    help="Search furniture catalogs by photo, by prompt or by both, on your own machine.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"furniture-prompter {version('furniture-prompter')}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Search furniture catalogs by photo, by prompt or by both, on your own machine."""


def run() -> None:
    """Entry point of the console script."""
    # A terminal that cannot show a letter shows a question mark instead of failing.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    leave_out_unused()
    gc.set_threshold(_YOUNG_OBJECTS)
    try:
        app(prog_name="furniture-prompter")
    except SystemExit as leaving:
        if leaving.code == ExitCode.INTERRUPTED:
            # Indexing may still run in native code on its own thread, and an interpreter that is
            # torn down below it aborts. Nothing is lost: a version is committed whole or not at
            # all, and the operating system releases the catalog's lock.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(ExitCode.INTERRUPTED)
        raise


if __name__ == "__main__":
    run()
