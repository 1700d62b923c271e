"""ATTRIBUTION.md: who made what ships, under which licence, and what was changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tools.catalog_builder.libraries import LIBRARIES, LICENCE_URLS

_HEAD = """\
# Attribution

The pictures in this folder are renderings of 3D furniture models from the libraries of
[Sweet Home 3D](http://www.sweethome3d.com/), as packaged by Debian in `sweethome3d-furniture`.
**Changes made:** every model was rendered to still pictures, lit, cropped and compressed;
products marked *variant* were given another wood or fabric. The authors do not endorse this use.

Wood and fabric of variants: pictures of [ambientCG](https://ambientcg.com/), CC0 1.0
(<https://creativecommons.org/publicdomain/zero/1.0/>).

This file is written by `python -m tools.catalog_builder bundled`.
"""


def attribution_text(rows: Sequence[Mapping[str, object]]) -> str:
    """The whole file for the given rows of products.jsonl.

    Raises:
        KeyError: a row lacks an entry that every row has.
        ValueError: a row comes from a library that is not listed.
    """
    sections = [_HEAD]
    placed = 0
    for library in LIBRARIES:
        own = [row for row in rows if str(row["id"]).startswith(f"{library.slug}-")]
        own = [row for row in own if row["licence"] == library.licence]
        if not own:
            continue
        placed += len(own)
        sections.append(
            f"## {library.title}\n\n"
            f"Authors: {library.attribution}.  \n"
            f"Licence: {library.licence}, <{LICENCE_URLS[library.licence]}>.\n\n"
            "| product | work | author |\n|---|---|---|\n" + "\n".join(map(attribution_line, own))
        )
    if placed != len(rows):
        raise ValueError(f"{len(rows) - placed} products belong to no library of LIBRARIES")
    return "\n".join(f"{section}\n" if i else section for i, section in enumerate(sections))


def attribution_line(row: Mapping[str, object]) -> str:
    """One table line: the product, the work it was rendered from, its author."""
    variant = " *(variant)*" if row.get("variant") else ""
    return f"| {row['id']}{variant} | {row['source']} | {row['creator']} |"
