"""Contact sheets: many products on one picture, to look at before they ship."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw

CELL_PIXELS = 168
_LABEL_PIXELS = 26
_GROUND = (214, 214, 214)


def contact_sheets(folder: Path, columns: int, rows: int) -> Iterator[Image.Image]:
    """Sheets of ``columns`` × ``rows`` pictures, each with its id and colours below.

    The ground is grey so that a picture's own white can be told from the sheet.

    Raises:
        FileNotFoundError: ``folder`` holds no products.jsonl.
    """
    lines = (folder / "products.jsonl").read_text(encoding="utf-8").splitlines()
    products = [json.loads(line) for line in lines]
    pictures = [(product, name) for product in products for name in product["images"]]
    per_sheet = columns * rows
    for start in range(0, len(pictures), per_sheet):
        yield _sheet(folder, pictures[start : start + per_sheet], columns)


def _sheet(folder: Path, pictures: list[tuple[dict[str, str], str]], columns: int) -> Image.Image:
    height = CELL_PIXELS + _LABEL_PIXELS
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * CELL_PIXELS, rows * height), _GROUND)
    draw = ImageDraw.Draw(sheet)
    for number, (product, name) in enumerate(pictures):
        left, top = number % columns * CELL_PIXELS, number // columns * height
        with Image.open(folder / name) as image:
            small = image.convert("RGB")
        small.thumbnail((CELL_PIXELS - 6, CELL_PIXELS - 4))
        sheet.paste(small, (left, top))
        draw.text((left, top + CELL_PIXELS - 2), Path(name).stem[-27:], fill="black")
        draw.text((left, top + CELL_PIXELS + 10), product["color"][:27], fill="navy")
    return sheet
