"""The README's figures and output are what was measured."""

from pathlib import Path

from benchmarks.readme import demo_output, rendered

README = Path(__file__).parents[3] / "README.md"


def test_the_readme_is_current() -> None:
    page = README.read_text("utf-8")
    assert rendered(page) == page, "Run: python -m benchmarks.readme"


def test_progress_and_installation_are_left_out_of_the_demo() -> None:
    log = "pip says things\nIndex the catalog\n$ command\nreading\nchecking 3 photos\nproducts 3\n"
    assert demo_output(log) == "    Index the catalog\n    $ command\n    products 3"


def test_three_hits_of_each_search_are_shown() -> None:
    hits = "".join(
        f"{rank:3}   3.0{rank}  Chair\n          photo {rank}.jpg\n" for rank in range(1, 7)
    )
    shown = demo_output(f"Index the catalog\n{hits}photos in images\n").splitlines()
    assert [line.split()[0] for line in shown[1:]] == [
        "1",
        "photo",
        "2",
        "photo",
        "3",
        "photo",
        "…",
        "photos",
    ]
