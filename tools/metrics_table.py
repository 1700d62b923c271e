"""Writes what each metric means into docs/operations.md: ``python -m tools.metrics_table``."""

import re
from pathlib import Path

from furniture_prompter.web.telemetry import Metrics

PAGE = Path(__file__).resolve().parents[1] / "docs" / "operations.md"
BEGIN, END = "<!-- metrics: begin -->", "<!-- metrics: end -->"
_HELP = re.compile(r"^# HELP (\S+) (.*)$", re.MULTILINE)
_TYPE = re.compile(r"^# TYPE (\S+) (\S+)$", re.MULTILINE)
# When each was first counted; prometheus_client adds it to every counter and histogram.
_CREATED = "_created"


def rendered(page: str) -> str:
    """The page with its table as the metrics describe themselves."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def table() -> str:
    """A row for each metric of a new process."""
    text = Metrics().render()[0].decode("utf-8")
    kinds = dict(_TYPE.findall(text))
    lines = ["| metric | kind | what it is |", "| --- | --- | --- |"]
    for name, says in _HELP.findall(text):
        if not name.endswith(_CREATED):
            lines.append(f"| `{name}` | {kinds[name]} | {says} |")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text("utf-8")), "utf-8")
