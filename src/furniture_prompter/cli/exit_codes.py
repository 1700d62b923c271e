"""What the process's exit status says; docs/cli.md lists them for users."""

from enum import IntEnum

from furniture_prompter.errors import (
    BenchmarkError,
    CatalogError,
    DistillationError,
    EncoderError,
    FurniturePrompterError,
    ServeError,
)


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
    ExitCode.GATE: "the candidate lost more than the gate allows",
    ExitCode.SERVER: "the API cannot be served as it is set up",
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
    return ExitCode.REFUSED
