"""Where a run stands, as another process sees it: while it goes on, after its end or a kill."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from furniture_prompter.assembly.run_progress import (
    PROGRESS_FILE,
    PROGRESS_LOCK,
    run_under_way,
    shared_progress,
)
from furniture_prompter.domain import IndexProgress

READING = IndexProgress("reading CSV", 3, 9, "rows")


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    (tmp_path / "manifest.json").write_text("{}", "utf-8")
    return tmp_path


def test_a_run_is_told_while_it_goes_on_and_leaves_no_file(catalog: Path) -> None:
    heard: list[IndexProgress] = []
    assert run_under_way(catalog) is None
    with shared_progress(catalog, "index", "feed.csv", heard.append) as tell:
        begun = run_under_way(catalog)
        assert begun is not None
        assert (begun.doing, begun.source, begun.now) == ("index", "feed.csv", None)
        tell(READING)
        # One a second is written, and all are heard.
        tell(IndexProgress("reading CSV", 4, 9, "rows"))
        now = run_under_way(catalog)
        assert now is not None
        assert now.now == READING
        assert now.began == begun.began
    assert [each.done for each in heard] == [3, 4]
    assert run_under_way(catalog) is None
    assert not (catalog / PROGRESS_FILE).exists()


def test_a_run_that_fails_is_over(catalog: Path) -> None:
    def fails() -> None:
        with shared_progress(catalog, "crawl", "https://shop.example/", None) as tell:
            tell(READING)
            raise RuntimeError("full disk")

    with pytest.raises(RuntimeError, match="full disk"):
        fails()
    assert run_under_way(catalog) is None


def test_nothing_is_written_where_there_is_no_catalog(tmp_path: Path) -> None:
    heard: list[IndexProgress] = []
    for folder in (tmp_path, tmp_path / "none"):
        with shared_progress(folder, "index", "feed.csv", heard.append) as tell:
            tell(READING)
    assert heard == [READING, READING]
    assert list(tmp_path.iterdir()) == []


def test_of_two_runs_the_first_is_told(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("furniture_prompter.assembly.run_progress._TAKEN_WITHIN_S", 0.0)
    with (
        shared_progress(catalog, "crawl", "https://shop.example/", None),
        shared_progress(catalog, "index", "feed.csv", None) as tell,
    ):
        tell(READING)
        now = run_under_way(catalog)
        assert now is not None
        assert now.doing == "crawl"


def test_what_a_killed_run_left_is_no_run(catalog: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path\n"
        "from furniture_prompter.assembly.run_progress import shared_progress\n"
        "with shared_progress(Path(sys.argv[1]), 'index', 'feed.csv', None):\n"
        "    os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(catalog)], check=False)
    assert done.returncode == 9
    assert json.loads((catalog / PROGRESS_FILE).read_bytes())["source"] == "feed.csv"
    assert run_under_way(catalog) is None
    with shared_progress(catalog, "index", "next.csv", None):
        now = run_under_way(catalog)
        assert now is not None
        assert now.source == "next.csv"


@pytest.mark.parametrize("content", ["", "{}", "[" * 9_000, '{"doing": "dance"}'])
def test_a_file_that_says_nothing_is_no_run(catalog: Path, content: str) -> None:
    (catalog / PROGRESS_FILE).write_text(content, "utf-8")
    (catalog / PROGRESS_LOCK).touch()
    assert run_under_way(catalog) is None
