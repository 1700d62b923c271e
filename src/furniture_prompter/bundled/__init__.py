"""The catalog that ships, and which of its models nothing that ships or is compared learns from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path


def catalog_feed() -> Path:
    """Path of the bundled products.jsonl; the image paths in it are relative to its folder."""
    return Path(__file__).with_name("products.jsonl")


HELD_OUT_EVERY = 5


def held_out_families(families: Iterable[str]) -> frozenset[str]:
    """Every HELD_OUT_EVERY-th model by name, all its finishes together.

    The bundled catalog and the builder's full set show the same models, so both keep the same
    ones apart.

    Args:
        families: The model's name of each product, repeated or not.
    """
    return frozenset(sorted(set(families))[::HELD_OUT_EVERY])


def photos_to_learn_from() -> tuple[Path, ...]:
    """The bundled catalog's photos, in its order, but for those of the models held out."""
    feed = catalog_feed()
    rows = [json.loads(line) for line in feed.read_text(encoding="utf-8").splitlines()]
    apart = held_out_families(row["family"] for row in rows)
    return tuple(
        feed.parent / name for row in rows if row["family"] not in apart for name in row["images"]
    )
