"""The ``furniture-prompter`` command: its subcommands, and exit statuses for errors."""

import os
import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from furniture_prompter.assembly.rest_clients import leave_out_rest_clients
from furniture_prompter.cli import (
    benchmark_command,
    crawl_command,
    demand_command,
    distill_command,
    encoders_command,
    evaluate_command,
    index_command,
    outfit_commands,
    pieces_command,
    search_command,
    serve_command,
    words_commands,
)
from furniture_prompter.cli.catalog_command import catalog_app
from furniture_prompter.cli.feeds_command import feeds_app
from furniture_prompter.cli.options import MEANINGS, ExitCode, exit_code_of
from furniture_prompter.cli.terminal import say, say_error
from furniture_prompter.errors import FurniturePrompterError

INTERRUPTED = (
    "Interrupted. The catalog's previous version stands; an index run that is started again "
    "resumes where this one stopped."
)


class Commands(TyperGroup):
    """Subcommands; what one raises becomes one sentence and an exit status."""

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
app.command("index", epilog=index_command.EXAMPLES)(index_command.index_command)
app.command("crawl", epilog=crawl_command.EXAMPLES)(crawl_command.crawl_command)
app.command("search", epilog=search_command.EXAMPLES)(search_command.search_command)
app.command("pieces", epilog=pieces_command.EXAMPLE)(pieces_command.pieces_command)
app.command("suggest", epilog=words_commands.SUGGEST_EXAMPLE)(words_commands.suggest_command)
app.command("describe", epilog=words_commands.DESCRIBE_EXAMPLE)(words_commands.describe_command)
app.command("goes-with", epilog=outfit_commands.GOES_WITH_EXAMPLES)(
    outfit_commands.goes_with_command
)
app.command("outfit", epilog=outfit_commands.OUTFIT_EXAMPLES)(outfit_commands.outfit_command)
app.command("serve", epilog=serve_command.EXAMPLES)(serve_command.serve_command)
app.command("demand", epilog=demand_command.EXAMPLE)(demand_command.demand_command)
app.command("distill", epilog=distill_command.EXAMPLES)(distill_command.distill_command)
app.command("benchmark", epilog=benchmark_command.EXAMPLES)(benchmark_command.benchmark_command)
app.command("evaluate", epilog=evaluate_command.EXAMPLES)(evaluate_command.evaluate_command)
app.add_typer(catalog_app, name="catalog")
app.add_typer(feeds_app, name="feeds")
app.add_typer(encoders_command.encoders_app, name="encoders")


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
    leave_out_rest_clients()
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
