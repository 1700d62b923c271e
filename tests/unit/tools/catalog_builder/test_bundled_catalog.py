"""The data that ships: complete, small enough, licensed and attributed."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from furniture_prompter.bundled import catalog_feed
from tools.catalog_builder.cli import attribution_line, attribution_text
from tools.catalog_builder.colours import NAMES
from tools.catalog_builder.libraries import CC0, LICENCE_URLS
from tools.catalog_builder.planning import Selection

LIMIT_BYTES = 12_000_000
FOLDER = catalog_feed().parent
DOCUMENT = Path(__file__).parents[4] / "docs" / "bundled-catalog.md"


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in catalog_feed().read_text(encoding="utf-8").splitlines()]


def test_there_are_at_least_300_products_with_ids_of_their_own(rows: list[dict[str, Any]]) -> None:
    assert len(rows) >= 300
    assert len({row["id"] for row in rows}) == len(rows)
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)


def test_every_product_has_two_pictures_that_decode_and_differ(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert len(row["images"]) == 2, row["id"]
        one, other = (FOLDER / name for name in row["images"])
        assert one.read_bytes() != other.read_bytes(), row["id"]
        for path in (one, other):
            with Image.open(path) as image:
                image.load()
                assert (image.format, image.mode, max(image.size)) == ("JPEG", "RGB", 352), path


def test_no_picture_is_left_over(rows: list[dict[str, Any]]) -> None:
    named = {name for row in rows for name in row["images"]}
    assert {f"images/{path.name}" for path in (FOLDER / "images").iterdir()} == named


def test_the_folder_stays_within_its_limit() -> None:
    files = [p for p in FOLDER.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert sum(path.stat().st_size for path in files) <= LIMIT_BYTES


def test_every_row_is_complete_and_of_the_right_types(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        for key in ("title", "title_tr", "category", "category_tr", "creator", "source"):
            assert isinstance(row[key], str), (row["id"], key)
            assert row[key].strip() == row[key] != "", (row["id"], key)
        for key in ("width_cm", "depth_cm", "height_cm"):
            assert isinstance(row[key], float), (row["id"], key)
            assert row[key] >= 0, (row["id"], key)
        assert all(tag == tag.strip() != "" for tag in row["tags"])
        assert 1 <= len(row["colors"]) <= 3
        assert set(row["colors"]) <= set(NAMES)
        assert row["color"] == ", ".join(row["colors"])


def test_categories_are_those_of_the_selection_table(rows: list[dict[str, Any]]) -> None:
    turkish = Selection().category_names_tr
    assert all(turkish[row["category"]] == row["category_tr"] for row in rows)


def test_some_products_are_variants_whose_original_is_there_too(rows: list[dict[str, Any]]) -> None:
    ids = {row["id"] for row in rows}
    variants = [row for row in rows if "variant" in row]
    assert variants
    for row in variants:
        assert row["family"] in ids
        assert row["id"] == f"{row['family']}-{row['variant']}"


def test_titles_seldom_repeat(rows: list[dict[str, Any]]) -> None:
    counts = Counter(row["title"] for row in rows)
    repeated = [title for title, count in counts.items() if count > 1]
    assert len(repeated) <= len(rows) // 50, repeated
    assert not [row["title"] for row in rows if re.search(r" \d$", row["title"])]


def test_every_licence_is_known_with_its_address(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert row["licence_url"] == LICENCE_URLS[row["licence"]], row["id"]


def test_the_attribution_file_names_every_work_and_creator(rows: list[dict[str, Any]]) -> None:
    text = (FOLDER / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert text == attribution_text(rows)
    for row in rows:
        if row["licence"] != CC0:
            assert attribution_line(row) in text
            assert row["creator"] in text
            assert row["licence_url"] in text


def test_the_document_gives_the_numbers_of_the_data(rows: list[dict[str, Any]]) -> None:
    pictures = sum(len(row["images"]) for row in rows)
    variants = sum("variant" in row for row in rows)
    categories = len({row["category"] for row in rows})
    sentence = (
        f"{len(rows)} products ({variants} of them material variants) in {categories} categories, "
        f"{pictures} pictures"
    )
    assert sentence in " ".join(DOCUMENT.read_text(encoding="utf-8").split())
