"""Ids and titles."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")


def slug(text: str) -> str:
    """``armChair2`` → ``arm-chair-2``: lower-case ASCII words and numbers joined by hyphens.

    Raises:
        ValueError: no letter or digit is left.
    """
    spaced = _CAMEL.sub("-", text.replace("ı", "i"))
    ascii_text = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", ascii_text.lower())
    if not words:
        raise ValueError(f"{text!r} has no letter or digit to make an id of")
    return "-".join(words)


def joined(words: Sequence[str], conjunction: str) -> str:
    """``["white", "red", "black"]``, ``"and"`` → ``white, red and black``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"


def distinct_titles(names: Sequence[str], qualifiers: Sequence[Sequence[str]]) -> list[str]:
    """Titles that differ where they can: a name shared by several products takes qualifiers.

    Args:
        names: the plain title of each product.
        qualifiers: for each product what may follow its name, most telling first; as many are
            added as it takes to part it from the others of its name.
    """
    titles = list(names)
    depth = 0
    while True:
        crowded = {title for title, count in Counter(titles).items() if count > 1}
        waiting = [
            i for i, title in enumerate(titles) if title in crowded and depth < len(qualifiers[i])
        ]
        if not waiting:
            return titles
        for i in waiting:
            titles[i] = f"{titles[i]}, {qualifiers[i][depth]}"
        depth += 1
