"""``catalog info``, ``verify``, ``repair`` and ``optimize``, and ``encoders``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter import assembly
from furniture_prompter.cli.terminal import size_text
from furniture_prompter.domain import OptimizeSummary, RepairSummary, VerifyReport

Run = Callable[..., Any]


def test_info_tells_what_the_catalog_holds(catalog: Any, shop: Run) -> None:
    out = shop("catalog", "info", "--catalog", "shop").out
    for told in (
        *("shop, version 3", "2 products, 4 photos, 1.2 MB", "exact scan", "turkish"),
        *(
            "/shop/a.csv",
            "id (text), price (number)",
            "256 dimensions, cosine",
            "Prompts search photos.",
        ),
    ):
        assert told in out


def test_info_in_json_has_every_field(catalog: Any, shop: Run) -> None:
    told = json.loads(shop("catalog", "info", "--catalog", "shop", "--json").out)
    assert told["version"] == 3
    assert told["columns"] == {"id": "text", "price": "number"}
    assert told["bytes_on_disk"] == 1_234_567
    assert told["feeds"] == ["/shop/a.csv"]


def test_a_sound_catalog_verifies_with_exit_code_0(
    shop: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = VerifyReport(3, {"tables": None}, notes=("No checksums were kept.",))
    monkeypatch.setattr(assembly, "verify", lambda _: report)
    done = shop("catalog", "verify", "--catalog", "shop")
    assert done.status == 0
    assert "No checksums were kept." in done.out
    assert "Version 3 is sound." in done.out


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_an_unsound_catalog_verifies_with_exit_code_5_and_the_cure(
    shop: Run, monkeypatch: pytest.MonkeyPatch, form: tuple[str, ...]
) -> None:
    checks = {"tables": None, "files": "alignments/a.npz is missing."}
    damaged = {"alignments/a.npz": "is missing"}
    report = VerifyReport(3, checks, damaged, "Run `catalog repair`.")
    monkeypatch.setattr(assembly, "verify", lambda _: report)
    done = shop("catalog", "verify", "--catalog", "shop", *form)
    assert done.status == 5
    if form:
        # docs/json.md promises the order as well.
        assert list(json.loads(done.out).items()) == [
            ("version", 3),
            ("sound", False),
            ("checks", checks),
            ("damaged", damaged),
            ("cure", "Run `catalog repair`."),
            ("notes", []),
        ]
    else:
        assert "alignments/a.npz is missing." in done.out
        assert "NOT sound. Run `catalog repair`." in done.out


@pytest.mark.parametrize(
    ("summary", "status", "told"),
    [
        (RepairSummary(3, (), (), 0.5), 0, "Nothing was changed: version 3 is sound."),
        (RepairSummary(4, ("Indexes anew.",), (), 0.5), 0, "Indexes anew.\nVersion 4 is sound."),
        (RepairSummary(4, ("Rows.",), ("chair-1 is gone.",), 0.5), 3, "chair-1 is gone."),
        (
            RepairSummary(4, ("Rows.",), ("chair-1 is gone.",), 0.5),
            3,
            "4 holds what could be kept;",
        ),
    ],
)
def test_repair_tells_what_was_mended_and_ends_with_3_where_something_is_lost(
    shop: Run,
    monkeypatch: pytest.MonkeyPatch,
    summary: RepairSummary,
    status: int,
    told: str,
) -> None:
    monkeypatch.setattr(assembly, "repair", lambda *_, **__: summary)
    done = shop("catalog", "repair", "--catalog", "shop")
    assert (done.status, told in done.out) == (status, True)
    as_json = json.loads(shop("catalog", "repair", "--catalog", "shop", "--json").out)
    assert as_json == {
        "version": summary.version,
        "done": list(summary.done),
        "lost": list(summary.lost),
        "seconds": 0.5,
    }


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_optimize_tells_sizes_before_and_after(
    shop: Run, monkeypatch: pytest.MonkeyPatch, form: tuple[str, ...]
) -> None:
    asked: list[Path] = []

    def optimize(catalog: Path, **_: Any) -> OptimizeSummary:
        asked.append(catalog)
        return OptimizeSummary(4, 2_000_000, 1_500, "exact scan", 0.5)

    monkeypatch.setattr(assembly, "optimize", optimize)
    out = shop("catalog", "optimize", "--catalog", "shop", *form).out
    assert asked == [Path("shop")]
    if form:
        assert json.loads(out)["bytes_after"] == 1_500
    else:
        assert "2.0 MB before, 1.5 kB after" in out


def test_encoders_tells_of_every_encoder_what_a_person_chooses_by(shop: Run) -> None:
    cards = assembly.available_encoders()
    out = shop("encoders").out
    for card in cards:
        for told in (card.name, card.licence, card.source, str(card.dimension)):
            assert told in out


def test_encoders_tells_what_can_be_had_by_which_command_at_what_size_and_licence(
    shop: Run,
) -> None:
    obtainable = assembly.obtainable_encoders()
    assert {each.way for each in obtainable} == {"pull", "build", "train"}
    out = shop("encoders").out
    assert "encoders pull NAME" in out
    assert "distill SOURCE --student NAME" in out
    for each in obtainable:
        facts = (
            f"{each.parameters / 1e6:,.1f} M parameters",
            size_text(each.size_bytes),
            each.licence,
        )
        # resnet50 can be pulled and trained.
        lines = [line for line in out.splitlines() if line.split()[:1] == [each.name]]
        assert any(all(fact in line for fact in facts) for line in lines), each.name


def test_encoders_in_json_are_the_cards(shop: Run) -> None:
    told = json.loads(shop("encoders", "--json").out)
    assert told == [card.as_json() for card in assembly.available_encoders()]
