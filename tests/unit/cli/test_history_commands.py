"""``catalog versions``, ``diff`` and ``rollback``, and the question before much is removed."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer

from furniture_prompter import assembly
from furniture_prompter.cli import options
from furniture_prompter.cli.options import asking_before_mass_removal
from furniture_prompter.domain import CatalogVersion, Made, ProductDifference, RollbackSummary
from furniture_prompter.errors import TooManyRemovedError, VersionNotKeptError

Run = Callable[..., Any]

CREATED = "2026-03-01T04:05:06+00:00"
VERSIONS = (
    CatalogVersion(3, CREATED, 10, 20, None, kept=False, current=False),
    CatalogVersion(
        4, CREATED, 12, 24, Made("index", "shop.csv", 3, 2, 1, 7, 4, 8.25), kept=True, current=False
    ),
    CatalogVersion(5, CREATED, 10, 20, Made("rollback", "3"), kept=True, current=True),
)
DIFFERENCES = (
    ProductDifference("p1", "Stool\x1b[31m", "added"),
    ProductDifference(
        "p2",
        "Chair",
        "changed",
        {"price": (49.9, None), "tags": ([], ["new", "oak"]), "description": ("", "a" * 99)},
        ("/shop/2.jpg",),
        ("/shop/1.jpg",),
        photos_reordered=False,
    ),
    ProductDifference("p3", "Sofa", "changed", photos_reordered=True),
    ProductDifference("p4", "Lamp", "removed"),
)


def test_versions_are_a_line_each_the_current_one_first(
    shop: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "versions", lambda _: VERSIONS)
    lines = shop("catalog", "versions", "--catalog", "shop").out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["5", "4", "3"]
    told = "What can be returned to: 4 (furniture-prompter catalog rollback 4 --catalog shop)."
    assert lines[-1] == told
    assert lines[0].endswith("current  10 products  back to version 3: nothing changed in 0.0 s")
    assert lines[1].endswith(
        "kept     12 products  index shop.csv: 3 added, 2 updated, 1 removed, 7 unchanged, "
        "4 set aside in 8.2 s"
    )
    assert lines[2].endswith("deleted  10 products  (no summary was kept)")


def test_versions_in_json_are_as_promised(shop: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "versions", lambda _: VERSIONS)
    told = json.loads(shop("catalog", "versions", "--catalog", "shop", "--json").out)
    assert list(told[1]) == [
        *("version", "created", "products", "photos", "made", "kept", "current"),
    ]
    assert list(told[1]["made"].items()) == [
        *(("by", "index"), ("source", "shop.csv"), ("added", 3), ("updated", 2), ("removed", 1)),
        *(("unchanged", 7), ("set_aside", 4), ("seconds", 8.25)),
    ]
    assert told[0]["made"] is None


@pytest.fixture
def differing(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int | None, int | None]]:
    """Two versions that differ; which ones were asked for."""
    asked: list[tuple[int | None, int | None]] = []

    def diff(
        _: object, before: int | None, after: int | None
    ) -> tuple[int, int, Iterator[ProductDifference]]:
        asked.append((before, after))
        return 4, 5, iter(DIFFERENCES)

    monkeypatch.setattr(assembly, "diff", diff)
    return asked


def test_a_diff_shows_cells_and_photos_and_no_control_characters(
    shop: Run, differing: list[tuple[int | None, int | None]]
) -> None:
    out = shop("catalog", "diff", "4", "5", "--catalog", "shop").out
    assert out.splitlines() == [
        "+ p1  Stool\N{REPLACEMENT CHARACTER}[31m",
        "~ p2  Chair",
        "    price: 49.9 → nothing",
        "    tags: nothing → new, oak",
        f"    description: nothing → {'a' * 60}…",
        "    + photo /shop/2.jpg",
        "    - photo /shop/1.jpg",
        "~ p3  Sofa",
        "    photos in another order",
        "- p4  Lamp",
        "From version 4 to 5: 1 added, 1 removed, 2 changed.",
    ]
    shorter = shop("catalog", "diff", "--catalog", "shop", "-k", "1").out.splitlines()
    assert shorter[1].startswith("… and 3 more;")
    assert shorter[2].endswith("1 added, 1 removed, 2 changed.")
    assert differing == [(4, 5), (None, None)]


def test_a_diff_in_json_is_a_line_a_product_and_then_the_counts(
    shop: Run, differing: list[tuple[int | None, int | None]]
) -> None:
    lines = shop("catalog", "diff", "--catalog", "shop", "--json").out.splitlines()
    told = [json.loads(line) for line in lines]
    assert told[1] == {
        "id": "p2",
        "title": "Chair",
        "change": "changed",
        "cells": {
            "price": [49.9, None],
            "tags": [[], ["new", "oak"]],
            "description": ["", "a" * 99],
        },
        "photos_added": ["/shop/2.jpg"],
        "photos_removed": ["/shop/1.jpg"],
        "photos_reordered": False,
    }
    assert told[-1] == {"from": 4, "to": 5, "added": 1, "removed": 1, "changed": 2}


def test_a_rollback_says_what_is_back(shop: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int | None] = []

    def rollback(_: object, version: int | None, *, settings: object) -> RollbackSummary:
        asked.append(version)
        return RollbackSummary(6, 4, 12, 24, 3, 2, 1, 7, 0.21, ("A note.",))

    monkeypatch.setattr(assembly, "rollback", rollback)
    out = shop("catalog", "rollback", "--catalog", "shop").out
    assert "shop, version 6, as version 4 was" in out
    assert "12: 3 back, 2 as before, 1 gone again, 7 unchanged" in out
    assert "A note." in out
    told = json.loads(shop("catalog", "rollback", "4", "--catalog", "shop", "--json").out)
    assert (told["version"], told["returned_to"], told["notes"]) == (6, 4, ["A note."])
    assert asked == [None, 4]


def test_a_version_that_is_gone_is_exit_code_5(shop: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def rollback(*_: object, **__: object) -> RollbackSummary:
        raise VersionNotKeptError("The data of version 2 was deleted.")

    monkeypatch.setattr(assembly, "rollback", rollback)
    done = shop("catalog", "rollback", "2", "--catalog", "shop")
    assert done.status == 5
    assert "version 2 was deleted" in done.err


def test_a_run_that_would_remove_much_is_exit_code_11_where_nobody_can_be_asked(
    shop: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    asked: list[bool] = []

    def index(*_: object, remove_many: bool, **__: object) -> None:
        asked.append(remove_many)
        raise TooManyRemovedError("This run would remove 12 of the catalog's 40 products.")

    monkeypatch.setattr(assembly, "index", index)
    words = ("index", "shop.csv", "--catalog", "shop", "--sync")
    done = shop(*words)
    assert done.status == 11
    assert "12 of the catalog's 40" in done.err
    shop(*words, "--yes")
    assert asked == [False, True]


@pytest.mark.parametrize("answer", [True, False])
def test_on_a_terminal_a_person_is_asked(monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    runs: list[bool] = []

    def run(allowed: bool) -> str:
        runs.append(allowed)
        if not allowed:
            raise TooManyRemovedError("This run would remove 12 of 40.")
        return "done"

    monkeypatch.setattr(options, "say", lambda *_, **__: None)
    monkeypatch.setattr(options, "_can_be_asked", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: answer)
    if answer:
        assert asking_before_mass_removal(run, yes=False) == "done"
        assert runs == [False, True]
    else:
        with pytest.raises(typer.Exit) as leaving:
            asking_before_mass_removal(run, yes=False)
        assert leaving.value.exit_code == 11
        assert runs == [False]
