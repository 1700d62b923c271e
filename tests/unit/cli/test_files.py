"""Files that appear whole or not at all, and never in the place of what is no file."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from PIL import Image
from rich.console import Console

from furniture_prompter.cli import outfit_commands, pieces_command, search_command
from furniture_prompter.cli.options import refuse_unwritable
from furniture_prompter.cli.terminal import write_atomically
from tests.tiny_detector import write_detector


def test_a_file_is_replaced_by_the_new_text_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("old", "utf-8")
    write_atomically(page, "yeni ışık")
    assert page.read_text("utf-8") == "yeni ışık"
    assert list(tmp_path.iterdir()) == [page]


def test_a_write_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.html"
    page.write_text("old", "utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(page, "new")
    assert page.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [page]


def test_a_link_stays_a_link_and_its_target_has_the_text(tmp_path: Path) -> None:
    target, link = tmp_path / "target.html", tmp_path / "link.html"
    target.write_text("old", "utf-8")
    link.symlink_to(target)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert target.read_text("utf-8") == "new"


def test_a_file_may_be_read_by_those_whom_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "page.html", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "page.html").stat().st_mode) == 0o640


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_ordinary_file_is_refused_as_a_place_for_one(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    place = tmp_path / "place"
    make(place)
    with pytest.raises(typer.BadParameter, match="--html names"):
        refuse_unwritable(place, "--html")


class GoneError(Exception):
    """What the tests raise where nobody reads any more."""


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    "words",
    [
        ("search", "oak", "--catalog", "c"),
        ("goes-with", "sofa", "--catalog", "c"),
        ("outfit", "--like", "sofa", "--catalog", "c"),
        ("pieces", "room.png", "--detector", "tiny"),
    ],
    ids=lambda words: words[0],
)
def test_a_page_is_written_whoever_reads_the_answer(
    catalog: Any,
    shop: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    assert catalog.hits
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (256, 256), (90, 120, 150)).save("room.png")
    write_detector(tmp_path / "tiny", [((16, 16, 48, 48), "couch", 0.9)])
    printed = Console.print

    def closed(console: Console, *told: Any, **how: Any) -> None:
        if not console.stderr:
            raise GoneError
        printed(console, *told, **how)

    def closed_json(_: object) -> None:
        raise GoneError

    monkeypatch.setattr(Console, "print", closed)
    for module in (outfit_commands, pieces_command, search_command):
        monkeypatch.setattr(module, "write_json", closed_json)
    with pytest.raises(GoneError):
        shop(*words, "--html", "page.html", *(["--json"] if as_json else []))
    assert "</html>" in (tmp_path / "page.html").read_text("utf-8")


@pytest.mark.parametrize(("command", "option"), [("index", "--set-aside"), ("search", "--html")])
def test_a_pipe_is_refused_by_the_commands_and_is_still_a_pipe(
    catalog: Any, shop: Callable[..., Any], tmp_path: Path, command: str, option: str
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert shop(command, "x", "--catalog", "shop", option, pipe).status == 2
    assert pipe.is_fifo()
    assert catalog.opened == []
