"""The README's figures are what was measured."""

from pathlib import Path

from benchmarks.filed import Filed
from benchmarks.readme import rendered

README = Path(__file__).parents[3] / "README.md"


def test_the_readme_is_current() -> None:
    page = README.read_text("utf-8")
    assert rendered(page, Filed()) == page, "Run: python -m benchmarks.readme"
