"""Java properties files as Sweet Home 3D writes them: one key and value a line."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def parse_properties(data: bytes) -> dict[str, str]:
    r"""Read one properties file.

    Properties files are ISO-8859-1 with ``\\uXXXX`` for everything else (the documentation of
    ``java.util.Properties.load``). Continuation lines do not occur in these catalogs and are
    refused, so that a value is never cut in two unnoticed. A key alone has an empty value.

    Raises:
        ValueError: a line that continues on the next.
    """
    entries: dict[str, str] = {}
    for number, raw in enumerate(data.decode("latin-1").splitlines(), start=1):
        line = raw.strip()
        if not line or line[0] in "#!":
            continue
        key, _, value = line.partition("=")
        if value.endswith("\\"):
            raise ValueError(f"line {number} continues on the next, which is not supported")
        entries[key.strip()] = _ESCAPE.sub(lambda m: chr(int(m[1], 16)), value.strip())
    return entries


def numbered_entries(entries: dict[str, str]) -> dict[int, dict[str, str]]:
    """Group ``name#7`` style keys by their number; keys without a number are left out.

    Numbers below 1 are leftovers of the catalog's editor (``dropOnTopElevation#-1``), not models.
    """
    grouped: dict[int, dict[str, str]] = {}
    for key, value in entries.items():
        field, hash_mark, number = key.rpartition("#")
        if hash_mark and number.isdigit() and int(number) > 0:
            grouped.setdefault(int(number), {})[field] = value
    return grouped
