import json
from pathlib import Path

import pytest

from benchmarks.filed import Filed
from benchmarks.provenance import RESULTS, DataSet, write_result
from benchmarks.render import (
    COMPARE_BUILDS,
    DETAILS,
    PAGE,
    REPLACED,
    rendered_details,
    rendered_page,
)


def test_the_page_is_what_the_results_say() -> None:
    assert PAGE.read_text("utf-8") == rendered_page(Filed()), "Run: python -m benchmarks.render"


def test_the_tables_are_what_the_results_say() -> None:
    written = {file.stem: file.read_text("utf-8") for file in DETAILS.glob("*.md")}
    assert written == rendered_details(Filed()), "Run: python -m benchmarks.render"


def test_the_page_of_answers_stays_one_that_is_read() -> None:
    assert len(PAGE.read_text("utf-8").splitlines()) <= 150


def test_a_figure_that_no_row_or_several_rows_give_is_refused() -> None:
    with pytest.raises(SystemExit, match="0 rows"):
        Filed().row("speed", photos=-1)
    with pytest.raises(SystemExit, match="rows are"):
        Filed().row("speed", unit="ms")


def test_every_result_has_its_section_and_its_command() -> None:
    page = "".join(file.read_text("utf-8") for file in DETAILS.glob("*.md"))
    for file in RESULTS.glob("*.json"):
        result = json.loads(file.read_text("utf-8"))
        assert f"## {result['title']}\n" in page
        assert f"`{result['provenance']['command']}`" in page


@pytest.mark.parametrize("file", sorted(RESULTS.glob("*.json")), ids=lambda file: file.stem)
def test_a_result_names_no_path_of_the_machine_it_was_measured_on(file: Path) -> None:
    command = json.loads(file.read_text("utf-8"))["provenance"]["command"]
    assert not any(word.strip("'\"").startswith("/") for word in command.split())


def test_a_result_becomes_tables_with_its_origin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["x", "--data", "/somewhere/photos", "--size", "3"])
    write_result(
        tmp_path / "made_up.json",
        title="Made up",
        data=[DataSet("set", "ab" * 32, "two rows.")],
        method="Asked\n  politely.",
        figures={
            "rows": [
                {"way": "a|b", "value": 0.25, "none": None, "count": 12_345, "ok": True},
                {"way": "c", "value": 1500.0, "none": None, "count": None, "ok": False},
            ],
            "differences": [{"a minus": "c", "value": -0.5}],
        },
        encoders={"tiny": "cd" * 32},
    )
    page = rendered_details(Filed(tmp_path))["others"]
    assert "## Made up\n\nAsked politely.\n\n" in page
    assert (
        "| way | value | count | ok |\n| --- | ---: | ---: | ---: |\n"
        "| a\\|b | 0.25 | 12,345 | yes |\n| c | 1,500 |  | no |\n" in page
    )
    assert "### Differences\n\n| a minus | value |\n| --- | ---: |\n| c | -0.5 |\n" in page
    assert "--data …/photos --size 3" in page.replace("'", "")
    assert "- set (two rows, `abababababab`)" in page
    assert "- tiny `cdcdcdcdcdcd`" in page


def test_a_result_of_weights_that_were_replaced_says_so_once(tmp_path: Path) -> None:
    asked = {"old": sorted(REPLACED), "new": ["cd" * 32]}
    asked |= {name: sorted(REPLACED) for name in COMPARE_BUILDS}
    for name, encoders in asked.items():
        write_result(
            tmp_path / f"{name}.json",
            title=name,
            data=[],
            method="",
            figures={"rows": [{"value": 1}]},
            encoders={f"{name} {number}": sha for number, sha in enumerate(encoders)},
        )
    page = "".join(rendered_details(Filed(tmp_path)).values())
    sections = {
        name: page[page.index(f"\n## {name}\n") :][4:].partition("\n## ")[0] for name in asked
    }
    old = sections.pop("old")
    for note in REPLACED.values():
        assert old.count(note) == 1
        assert not any(note in section for section in sections.values())


@pytest.mark.parametrize("sha256", sorted(REPLACED))
def test_no_word_is_kept_of_weights_whose_results_were_filed_anew(sha256: str) -> None:
    assert any(sha256 in file.read_text("utf-8") for file in RESULTS.rglob("*.json"))
