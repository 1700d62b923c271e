"""The README's figures and output are what was measured."""

from pathlib import Path

from benchmarks.readme import demo_output, rendered

README = Path(__file__).parents[3] / "README.md"


def test_the_readme_is_current() -> None:
    page = README.read_text("utf-8")
    assert rendered(page) == page, "Run: python -m benchmarks.readme"


def test_progress_and_installation_are_left_out_of_the_demo() -> None:
    log = "pip says things\nIndex the catalog\n$ command\nreading\nencoding 3 photos\nproducts 3\n"
    assert demo_output(log) == "    Index the catalog\n    $ command\n    products 3"
