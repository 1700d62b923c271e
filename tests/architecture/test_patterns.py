"""What regular expressions may say, for they run on every Python that is supported."""

import re
from pathlib import Path

SOURCES = Path("src", "furniture_prompter")
POSSESSIVE_GROUP = re.compile(r"\)[*+?}]\+")
EITHER_WAY = {"tolerant_json.py"}
"""Where a group that ends within its last turn has come to the end of the text."""


def test_no_group_is_repeated_possessively() -> None:
    # Up to Python 3.11.4 such a group keeps what its last turn, which failed, had taken
    # (python/cpython#106052); Debian 12 has 3.11.2.
    found = {
        path.name
        for path in sorted(SOURCES.rglob("*.py"))
        for text in re.findall(r"r[bf]?\"[^\n]*\"", path.read_text("utf-8"))
        if POSSESSIVE_GROUP.search(text)
    }
    assert found <= EITHER_WAY
