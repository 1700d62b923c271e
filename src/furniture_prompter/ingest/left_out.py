"""What the last feed run had to set aside, kept beside the catalog for whoever looks at it later.

One JSON object a line: first the run, then what was set aside. It says nothing of the catalog's
content, so no version names it; whoever loses it runs the feed again.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from furniture_prompter.atomic_files import replace_bytes
from furniture_prompter.domain import LeftOut, SetAside

SET_ASIDE_FILE: Final = "set_aside.jsonl"
_MOST_KEPT: Final = 10_000
_TEXTS: Final = ("reason", "cure", "product_id", "column")


def keep_left_out(folder: Path, run: LeftOut) -> str | None:
    """Keep what a run set aside, in place of what the run before did.

    Args:
        folder: The catalog.
        run: All of it; of more than 10,000 items the first are kept, and all are counted.

    Returns:
        Why it could not be kept, in a sentence for a person; None where it was.
    """
    lines: list[dict[str, Any]] = [
        {"version": run.version, "source": run.source, "created": run.created, "count": run.count}
    ]
    lines += [
        {
            "file": str(each.source),
            "line": each.line,
            **{name: getattr(each, name) for name in _TEXTS},
        }
        for each in run.items[:_MOST_KEPT]
    ]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path = folder / SET_ASIDE_FILE
    try:
        replace_bytes(path, text.encode("utf-8", "replace"), private=True)
    except OSError as error:
        return (
            f"{path} could not be written ({error.strerror}), so /admin shows what an earlier run "
            "set aside. The catalog is whole."
        )
    return None


def left_out(folder: Path) -> LeftOut | None:
    """What the last feed run set aside; None where no run has kept it, or the file is damaged."""
    try:
        first, *others = (folder / SET_ASIDE_FILE).read_text("utf-8").splitlines()
        run = json.loads(first)
        return LeftOut(
            version=int(run["version"]),
            source=str(run["source"]),
            created=str(run["created"]),
            count=int(run["count"]),
            items=_items(others),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _items(lines: Sequence[str]) -> tuple[SetAside, ...]:
    found = []
    for each in map(json.loads, lines):
        reason, cure, product_id, column = (str(each[name]) for name in _TEXTS)
        source, line = Path(each["file"]), int(each["line"])
        found.append(SetAside(source, line, reason, cure, product_id, column))
    return tuple(found)
