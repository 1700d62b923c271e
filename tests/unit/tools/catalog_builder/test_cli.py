import json
from pathlib import Path

import pytest

from tests.unit.tools.catalog_builder.furniture_source import write_source
from tools.catalog_builder.cli import EXIT_COMPLETE, EXIT_SET_ASIDE, main


def _full(source: Path, out: Path) -> int:
    return main(["full", "--source", str(source), "--out", str(out)])


@pytest.mark.slow
def test_the_full_set_is_written_sets_broken_models_aside_and_resumes(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    write_source(source, with_broken=True)
    assert _full(source, out) == EXIT_SET_ASIDE
    (aside,) = (out / "set-aside.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(aside)["id"] == "scopia-broken-table"
    assert "lost.jpg" in json.loads(aside)["reason"]
    lines = (out / "products.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 3
    assert {row["family"] for row in rows} == {"scopia-plain-table"}
    assert len({row["split"] for row in rows}) == 1
    assert all((out / name).is_file() for row in rows for name in row["images"])

    write_source(source, with_broken=False)
    written = {path: path.stat().st_mtime_ns for path in (out / "images").iterdir()}
    assert _full(source, out) == EXIT_COMPLETE
    assert {path: path.stat().st_mtime_ns for path in (out / "images").iterdir()} == written
    assert (out / "set-aside.jsonl").read_text(encoding="utf-8") == ""


def test_help_says_what_the_exit_codes_mean(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    assert "3 some products were set aside" in " ".join(capsys.readouterr().out.split())
