"""Rules about the source tree that no linter knows."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "furniture_prompter"
MODULES = sorted(SOURCE.rglob("*.py"))
VAGUE = {"utils", "util", "helpers", "helper", "common", "core", "manager", "misc", "base"}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_has_at_most_500_lines_and_a_telling_name(module: Path) -> None:
    assert len(module.read_text("utf-8").splitlines()) <= 500
    assert module.stem not in VAGUE


def test_the_median_module_has_at_most_220_lines() -> None:
    # Short enough to be read in one go, long enough that a thought is not spread over files.
    lengths = sorted(len(module.read_text("utf-8").splitlines()) for module in MODULES)
    assert lengths[len(lengths) // 2] <= 220


def test_nothing_unpickles_and_nothing_prints_outside_the_terminal_door() -> None:
    for module in MODULES:
        text = module.read_text("utf-8")
        assert "import pickle" not in text, module
        assert "allow_pickle=True" not in text, module
        if "cli" not in module.parts:
            assert not re.search(r"\bprint\(", text), module


def test_every_room_is_on_the_architecture_page() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rooms = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    missing = {room for room in rooms if f"`{room}`" not in page}
    assert not missing


def test_no_document_or_source_names_a_path_of_one_machine() -> None:
    suffixes = {".md", ".py", ".toml", ".txt", ".json", ".jsonl"}
    for folder in ("src", "docs", "tools", "benchmarks"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in suffixes:
                text = path.read_text("utf-8")
                assert "/root/" not in text, path
                assert "/work/" not in text, path
