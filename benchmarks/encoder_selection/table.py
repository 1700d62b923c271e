"""Renders results.json into docs/encoders.md.

``python -m benchmarks.encoder_selection.table`` rewrites the page between its two markers.
"""

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "encoders.md"
BEGIN, END = "<!-- encoder_selection: begin -->", "<!-- encoder_selection: end -->"

_COLUMNS = (
    ("graph", "graph"),
    ("colour_weight", "colour weight"),
    ("dimension", "dimension"),
    ("same_type_r_at_1", "type R@1"),
    ("same_type_p_at_5", "type P@5"),
    ("prompt_r_at_10_of_half", "prompt R@10, half"),
    ("prompt_r_at_10_of_all", "prompt R@10, all"),
    ("other_view_r_at_1", "view R@1"),
    ("other_view_r_at_5", "view R@5"),
    ("mean_cosine", "cosine to float"),
    ("bytes", "MB"),
    ("ms", "ms"),
)


def rendered() -> str:
    """The tables, the method and the provenance as Markdown."""
    result = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    lines = ["| " + " | ".join(title for _, title in _COLUMNS) + " |"]
    lines.append("|---" * len(_COLUMNS) + "|")
    lines += [
        "| " + " | ".join(_cell(row, key) for key, _ in _COLUMNS) + " |"
        for row in result["figures"]["rows"]
    ]
    origin = result["provenance"]
    data = "; ".join(f"{each['name']} ({each['note']})" for each in origin["data"])
    lines += ["", result["method"], ""]
    lines.append(f"Made by `{origin['command']}` on {origin['date'][:10]}. Data: {data}.")
    return "\n".join(lines)


def _cell(row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    if value is None:
        return ""
    if key == "bytes":
        return f"{value / 1e6:.1f}"
    if key == "mean_cosine":
        return f"{value:.4f}"
    if key == "ms":
        return f"{value:.1f}"
    return f"{value:.3f}" if key.startswith(("same", "prompt", "other")) else str(value)


def with_tables(page: str) -> str:
    """``page`` with what stands between the two markers replaced."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{rendered()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
