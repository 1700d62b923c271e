"""The command itself: version, exit codes, and the document that tells of every option."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import pytest
import typer.main

from furniture_prompter import errors
from furniture_prompter.cli.demo import demo_commands
from furniture_prompter.cli.main import app
from furniture_prompter.cli.options import MEANINGS, ExitCode, exit_code_of
from furniture_prompter.cli.terminal import output, say

DOCUMENT = (Path(__file__).parents[3] / "docs" / "cli.md").read_text("utf-8")


def _commands(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every command below this one, by the words that call it."""
    yield name.strip(), command
    for child, deeper in getattr(command, "commands", {}).items():
        yield from _commands(deeper, f"{name} {child}")


COMMANDS = dict(_commands(typer.main.get_command(app)))


def test_the_version_is_the_packages(shop: Callable[..., Any]) -> None:
    assert shop("--version").out == f"furniture-prompter {version('furniture-prompter')}\n"


def test_the_commands_are_these() -> None:
    leaves = {name for name, command in COMMANDS.items() if not hasattr(command, "commands")}
    assert leaves == {
        *("index", "crawl", "search", "serve", "demand", "distill", "benchmark", "evaluate"),
        *("encoders pull", "encoders show", "encoders export"),
        *("catalog info", "catalog verify", "catalog repair", "catalog optimize"),
        *("catalog versions", "catalog diff", "catalog rollback", "catalog push", "catalog pull"),
        *("catalog health", "feeds inspect", "suggest", "describe", "pieces"),
        *("goes-with", "outfit"),
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_in_the_document_under_its_command(name: str) -> None:
    heading = f"## {name}\n" if name else "# The terminal\n"
    level = heading.split()[0]
    section = DOCUMENT[DOCUMENT.index(heading) + len(heading) :]
    section = re.split(rf"^#{{1,{len(level)}}} |^## ", section, flags=re.MULTILINE)[0]
    for option in COMMANDS[name].params:
        for spelling in (*option.opts, *option.secondary_opts):
            shown = spelling if spelling.startswith("-") else (option.metavar or spelling)
            assert f"`{shown}" in section, shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(shop: Callable[..., Any], name: str) -> None:
    done = shop(*name.split(), "--help")
    assert done.status == 0
    assert "Usage:" in done.out


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_in_the_document_and_in_the_help(
    shop: Callable[..., Any], code: ExitCode
) -> None:
    assert f"| {code.value} | {MEANINGS[code]}" in DOCUMENT
    assert f"{code.value} {MEANINGS[code]}" in " ".join(shop("--help").out.split())


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidQueryError, ExitCode.REFUSED),
        (errors.InvalidFilterError, ExitCode.REFUSED),
        (errors.InvalidPhotoError, ExitCode.REFUSED),
        (errors.InvalidFeedError, ExitCode.REFUSED),
        (errors.DistillationError, ExitCode.STUDENT),
        (errors.ServeError, ExitCode.SERVER),
        (errors.CatalogNotFoundError, ExitCode.CATALOG),
        (errors.CatalogWriteError, ExitCode.CATALOG),
        (errors.EncoderNotFoundError, ExitCode.ENCODER),
    ],
)
def test_an_error_has_the_exit_code_of_its_branch(
    error: type[errors.FurniturePrompterError], code: ExitCode
) -> None:
    assert exit_code_of(error("x")) is code


@pytest.fixture
def closed() -> Iterator[IO[str]]:
    """A pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    file = os.fdopen(writing, "w", encoding="utf-8")
    yield file
    with suppress(BrokenPipeError):
        file.close()


def test_results_that_nobody_reads_end_the_command(
    closed: IO[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", closed)
    with pytest.raises(BrokenPipeError):
        output().print("A hit.")


def test_messages_that_nobody_reads_do_not(
    closed: IO[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", closed)
    for _ in range(3):
        say("Twelve photos are encoded.")
    closed.flush()


def test_help_loads_neither_storage_nor_runtime_nor_pixels() -> None:
    code = (
        "import sys\nfrom furniture_prompter.cli.main import app\n"
        "try:\n    app(['search', '--help'])\nexcept SystemExit:\n    pass\n"
        "print('loaded:', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rpartition("loaded:")[2].split())
    assert loaded.isdisjoint({"lancedb", "pyarrow", "onnxruntime", "numpy", "PIL"})


def test_the_demos_photo_ships_and_its_commands_are_commands(tmp_path: Path) -> None:
    commands = demo_commands(tmp_path)
    assert [words[0] for _, words in commands] == ["index", "search", "search", "search"]
    photos = [words[words.index("--photo") + 1] for _, words in commands if "--photo" in words]
    assert len(photos) == 2
    assert all(Path(photo).is_file() for photo in photos)


def test_clients_for_remote_databases_are_not_built_and_catalogs_work(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from furniture_prompter.assembly.unused_imports import REST_CLIENTS, leave_out_unused\n"
        "leave_out_unused()\n"
        "import lancedb\n"
        "clients = [name for name in sys.modules if name in REST_CLIENTS]\n"
        "assert len(clients) == len(REST_CLIENTS), 'LanceDB imports one no more: it can go'\n"
        "assert all(sys.modules[name].__spec__.origin is None for name in clients), clients\n"
        f"table = lancedb.connect({str(tmp_path)!r}).create_table('t', [{{'number': 7}}])\n"
        "print(table.to_arrow()['number'].to_pylist())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout == "[7]\n", done.stderr


def test_a_search_does_not_wait_for_what_reads_feeds() -> None:
    program = (
        "import sys\n"
        "from furniture_prompter import Catalog\n"
        "Catalog.open\n"
        "rooms = ('furniture_prompter.feeds', 'furniture_prompter.ingest', 'httpx', 'google')\n"
        "print([name for name in sys.modules if name.startswith(rooms)])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout == "[]\n", done.stderr


def test_all_that_the_library_offers_is_there() -> None:
    from furniture_prompter import assembly

    assert set(dir(assembly)) == set(assembly.__all__)
    for name in assembly.__all__:
        assert getattr(assembly, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        assembly.nothing  # noqa: B018  # the look-up is the test
