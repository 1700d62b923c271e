"""The catalog that ships with the package: rendered furniture with titles, sizes and colours."""

from __future__ import annotations

from pathlib import Path


def catalog_feed() -> Path:
    """Path of the bundled products.jsonl; the image paths in it are relative to its folder."""
    return Path(__file__).with_name("products.jsonl")
