"""``index``: what it passes on, and how it tells what happened."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter import assembly
from furniture_prompter.cli.index_command import SHOWN_ALIKE, SHOWN_SET_ASIDE
from furniture_prompter.domain import IndexProgress, IndexSummary, SetAside
from furniture_prompter.errors import CatalogBusyError, InvalidFeedError

Run = Callable[..., Any]


def _summary(set_aside: tuple[SetAside, ...] = (), version: int = 2) -> IndexSummary:
    return IndexSummary(
        version=version,
        products_added=1_200,
        products_updated=3,
        products_removed=2,
        products_unchanged=5,
        photos_encoded=2_000,
        photos_reused=7,
        products=1_208,
        photos=2_007,
        set_aside=set_aside,
        seconds=20.0,
        notes=("Prompts search photos.",),
    )


def _set_aside(count: int) -> tuple[SetAside, ...]:
    return tuple(
        SetAside(Path("shop.csv"), line, f"Row {line} has no id.", "Give it one.", f"p{line}")
        for line in range(1, count + 1)
    )


class FakeIndex:
    """Tells of progress, then answers or raises."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}
        self.outcome: IndexSummary | BaseException = _summary()

    def __call__(self, source: Path, catalog: Path, **given: Any) -> IndexSummary:
        self.given = {"source": source, "catalog": catalog, **given}
        for step, total, unit in (("reading", None, "rows"), ("checking", 2, "photos")):
            for done in (1, 2):
                given["progress"](IndexProgress(step, done, total, unit))
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> FakeIndex:
    fake = FakeIndex()
    monkeypatch.setattr(assembly, "index", fake)
    return fake


def test_every_option_reaches_the_indexing(index: FakeIndex, shop: Run) -> None:
    done = shop(
        *("index", "feed.csv", "--catalog", "shop", "--sync", "--text-encoding", "cp1251"),
        *("--encoder", "other", "--language", "turkish", "--feed", "lamps"),
        *("--was", "old.csv", "--was", "older.csv"),
    )
    assert done.status == 0
    assert index.given["feed_name"] == "lamps"
    assert index.given["was"] == ["old.csv", "older.csv"]
    assert index.given["source"] == "feed.csv"
    assert index.given["catalog"] == Path("shop")
    assert index.given["sync"] is True
    assert index.given["text_encoding"] == "cp1251"
    assert index.given["encoder"] == "other"
    assert index.given["language"] == "turkish"


def test_the_summary_counts_what_was_done(index: FakeIndex, shop: Run) -> None:
    out = shop("index", "feed.csv", "--catalog", "shop").out
    told = {line.split("  ")[0]: line.split("  ")[-1].strip() for line in out.splitlines()}
    assert told["catalog"] == "shop, version 2"
    assert told["products"] == "1,208: 1,200 added, 3 updated, 2 removed, 5 unchanged"
    assert told["photos"] == "2,007: 2,000 encoded (100 photos/s), 7 reused"
    assert told["set aside"] == "0"
    assert told["notes"] == "Prompts search photos."


def test_progress_goes_to_standard_error_in_few_lines_where_no_terminal_is(
    index: FakeIndex, shop: Run
) -> None:
    done = shop("index", "feed.csv", "--catalog", "shop", "--json")
    assert done.err == "reading\nchecking 2 photos\n"
    assert done.out.count("\n") == 1


def test_json_holds_the_whole_summary(index: FakeIndex, shop: Run) -> None:
    index.outcome = _summary(_set_aside(1))
    done = shop("index", "feed.csv", "--catalog", "shop", "--json")
    assert done.status == 3
    assert json.loads(done.out) == {
        "catalog": {"path": "shop", "version": 2},
        "products": {
            "added": 1200,
            "updated": 3,
            "removed": 2,
            "unchanged": 5,
            "total": 1208,
            "not_removed": 0,
        },
        "photos": {"encoded": 2000, "reused": 7, "total": 2007},
        "downloads": None,
        "seconds": 20.0,
        "set_aside": [
            {
                "file": "shop.csv",
                "line": 1,
                "product": "p1",
                "reason": "Row 1 has no id.",
                "cure": "Give it one.",
                "column": None,
            }
        ],
        "notes": ["Prompts search photos."],
    }


def test_products_that_sync_could_not_remove_are_counted_and_told_by_the_exit_code(
    index: FakeIndex, shop: Run
) -> None:
    index.outcome = replace(_summary(_set_aside(1)), products_not_removed=7)
    done = shop("index", "feed.csv", "--catalog", "shop", "--sync")
    assert done.status == 3
    assert "7 not removed" in done.out
    told = json.loads(shop("index", "feed.csv", "--catalog", "shop", "--sync", "--json").out)
    assert told["products"]["not_removed"] == 7


def test_what_was_set_aside_is_told_with_file_line_reason_and_cure(
    index: FakeIndex, shop: Run
) -> None:
    index.outcome = _summary(_set_aside(2))
    done = shop("index", "feed.csv", "--catalog", "shop")
    assert done.status == 3
    assert "shop.csv:2: Row 2 has no id. Give it one.\n" in done.err


def test_a_cell_that_was_left_out_does_not_read_as_its_row(index: FakeIndex, shop: Run) -> None:
    cell = SetAside(Path("shop.csv"), 3, "'call us' is no price.", "Give it.", "p3", "price")
    row, other = _set_aside(2)
    for items, told in (
        ((row, cell), "1 row or photo, 1 cell, which costs no product"),
        ((cell, cell), "2 cells, which cost no product"),
        ((row, other), "2"),
    ):
        index.outcome = _summary(items)
        done = shop("index", "feed.csv", "--catalog", "shop")
        assert f"set aside  {told}\n" in done.out.replace(" \n", "\n")
    assert "shop.csv:1: Row 1 has no id. Give it one." in done.err
    index.outcome = _summary((cell,))
    told = shop("index", "feed.csv", "--catalog", "shop").err
    assert "shop.csv:3: price left out: 'call us' is no price. Give it." in told


def test_many_set_asides_are_counted_and_the_option_that_keeps_them_is_named(
    index: FakeIndex, shop: Run
) -> None:
    items = _set_aside(SHOWN_SET_ASIDE + 1_005)
    index.outcome = _summary(tuple(replace(each, cure=f"Give {each.line}.") for each in items))
    err = shop("index", "feed.csv", "--catalog", "shop").err
    assert err.count("has no id") == SHOWN_SET_ASIDE
    assert err.endswith("… and 1,005 more. Give --set-aside FILE to have them all.\n")


def test_what_is_set_aside_alike_does_not_hide_what_else_is(index: FakeIndex, shop: Run) -> None:
    cell = SetAside(Path("shop.csv"), 4_000, "'x' is no price.", "Give it.", "p3", "price")
    index.outcome = _summary((*_set_aside(1_000), cell, *([replace(cell, line=4_001)] * 9)))
    err = shop("index", "feed.csv", "--catalog", "shop").err
    assert err.count("has no id") == err.count("'x' is no price") == SHOWN_ALIKE
    assert (
        "… and 1,004 more. Give --set-aside FILE to have them all. 997 have one cure: Give it one."
    ) in err
    # Where all can be shown, all are.
    index.outcome = _summary(_set_aside(SHOWN_SET_ASIDE))
    err = shop("index", "feed.csv", "--catalog", "shop").err
    assert (err.count("has no id"), "more" in err) == (SHOWN_SET_ASIDE, False)
    index.outcome = _summary((cell,) * 30)
    err = shop("index", "feed.csv", "--catalog", "shop").err
    assert "have them all. 27 of price have one cure: Give it." in err


def test_the_set_aside_file_holds_all_of_them(index: FakeIndex, shop: Run, tmp_path: Path) -> None:
    items = _set_aside(SHOWN_SET_ASIDE + 5)
    index.outcome = _summary(tuple(replace(each, cure=f"Give {each.line}.") for each in items))
    file = tmp_path / "left-out.jsonl"
    done = shop("index", "feed.csv", "--catalog", "shop", "--set-aside", file)
    records = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert [record["line"] for record in records] == list(range(1, SHOWN_SET_ASIDE + 6))
    assert f"… and 5 more, all of them in {file}." in done.err


def test_a_set_aside_title_cannot_act_upon_the_terminal(index: FakeIndex, shop: Run) -> None:
    index.outcome = _summary((SetAside(Path("a.csv"), 1, "Bad \x1b[2J id [red].", "Mend it."),))
    err = shop("index", "feed.csv", "--catalog", "shop").err
    assert "\x1b" not in err
    assert "[red]" in err


def test_a_set_aside_file_in_no_folder_is_refused_before_any_work(
    index: FakeIndex, shop: Run, tmp_path: Path
) -> None:
    missing = tmp_path / "none" / "left-out.jsonl"
    done = shop("index", "feed.csv", "--catalog", "shop", "--set-aside", missing)
    assert done.status == 2
    assert index.given == {}


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (InvalidFeedError("Empty folder. Put photos in it."), 4),
        (CatalogBusyError("Another run writes it. Wait for it."), 5),
        (KeyboardInterrupt(), 130),
        (_summary(_set_aside(1), version=0), 4),
    ],
)
def test_a_run_that_makes_no_version_has_its_own_exit_code(
    index: FakeIndex, shop: Run, outcome: IndexSummary | BaseException, status: int
) -> None:
    index.outcome = outcome
    assert shop("index", "feed.csv", "--catalog", "shop").status == status
