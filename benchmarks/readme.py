"""Writes the README's figures from results: ``python -m benchmarks.readme``."""

from benchmarks.answers import answers
from benchmarks.filed import Filed
from benchmarks.provenance import ROOT

PAGE = ROOT / "README.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def rendered(page: str, filed: Filed) -> str:
    """The README with its generated table as the results have it."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{figures(filed)}\n{END}{after}"


def figures(filed: Filed) -> str:
    """A Markdown table of the main answers."""
    main = [each for rows in answers(filed).values() for each in rows if each.main]
    lines = [f"| {each.asked} | {each.data} | {each.figure} |" for each in main]
    return "\n".join(["| question | data | figure |", "| --- | --- | ---: |", *lines])


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text("utf-8"), Filed()), "utf-8")
