"""The feed of a crawl: one JSON line for each product, or variant of one, each told once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from furniture_prompter.atomic_files import replacing
from furniture_prompter.crawl.journal import Journal


def crawled_records(journal: Journal) -> Iterator[dict[str, Any]]:
    """The products of all pages, each once: of the canonical page, and of one page alone.

    A page that gives itself another address counts only where that one has no products, and of
    several pages with one id the shortest address counts.
    """
    pages: dict[str, tuple[bool, str, list[dict[str, Any]]]] = {}
    for address, canonical, records in journal.product_pages():
        known = pages.get(canonical)
        if known is None or (address == canonical and not known[0]):
            pages[canonical] = address == canonical, address, records
    seen: set[str] = set()
    for _, _, records in sorted(pages.values(), key=lambda each: (len(each[1]), each[1])):
        for record in records:
            identifier = str(record.get("id", ""))
            if identifier and identifier in seen:
                continue
            seen.add(identifier)
            yield record


def write_feed(journal: Journal, file: Path) -> int:
    """Write the feed, whole or not at all, ordered by id.

    Returns:
        How many records it has.
    """
    records = sorted(crawled_records(journal), key=lambda each: str(each.get("id", "")))
    with replacing(file) as target:
        for record in records:
            target.write(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    return len(records)
