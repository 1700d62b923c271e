import json
from dataclasses import replace
from pathlib import Path

from tests.unit.tools.catalog_builder.source_models import source_model
from tests.unit.tools.catalog_builder.test_product import ORDER
from tools.catalog_builder.building import (
    collected_rows,
    drop_unused_images,
    fingerprint,
    rows_as_jsonl,
    write_whole,
)
from tools.catalog_builder.cli import BUNDLED_FOLDER, main, publish


def _finished(work: Path, product_id: str, **fields: object) -> None:
    row = {
        "id": product_id, "title": "Armchair", "title_tr": "Koltuk", "colors": ["red", "white"],
        "width_cm": 80.0, "depth_cm": 70.0, "height_cm": 90.0, "variant": None,
        "family": product_id, "images": [f"images/{product_id}-0.jpg"],
    }  # fmt: skip
    (work / "rows").mkdir(exist_ok=True)
    entry = {"fingerprint": fingerprint(ORDER), "row": row | fields}
    (work / "rows" / f"{product_id}.json").write_text(json.dumps(entry), encoding="utf-8")


def test_rows_of_a_set_get_titles_that_differ_in_both_languages(tmp_path: Path) -> None:
    orders = [replace(ORDER, model=source_model("Armchair", stem=f"seat{n}")) for n in (1, 2)]
    _finished(tmp_path, orders[0].product_id)
    _finished(tmp_path, orders[1].product_id, colors=["black"])
    rows = collected_rows(orders, tmp_path, with_split=True)
    assert [row["title"] for row in rows] == ["Armchair, red and white", "Armchair, black"]
    assert [row["title_tr"] for row in rows] == ["Koltuk, kırmızı ve beyaz", "Koltuk, siyah"]
    assert all(row["split"] in {"train", "test"} for row in rows)
    assert all("variant" not in row for row in rows)


def test_a_product_that_was_not_rendered_has_no_row(tmp_path: Path) -> None:
    assert collected_rows([ORDER], tmp_path, with_split=False) == []


def test_the_fingerprint_follows_what_is_ordered() -> None:
    assert fingerprint(ORDER) == fingerprint(replace(ORDER))
    assert fingerprint(ORDER) != fingerprint(replace(ORDER, jpeg_quality=70))


def test_pictures_that_no_row_names_are_deleted(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name in ("a-0.jpg", "stale-0.jpg"):
        (tmp_path / "images" / name).write_bytes(b"x")
    assert drop_unused_images([{"images": ["images/a-0.jpg"]}], tmp_path) == 1
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["a-0.jpg"]


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "products.jsonl"
    write_whole(path, b"old")
    write_whole(path, rows_as_jsonl([{"title_tr": "Köşe"}]))
    assert path.read_text(encoding="utf-8") == '{"title_tr": "Köşe"}\n'
    assert [p.name for p in tmp_path.iterdir()] == ["products.jsonl"]


def test_the_contact_sheet_command_writes_a_sheet(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    arguments = ["contact-sheet", str(BUNDLED_FOLDER), "--out", str(sheet), "--rows", "90"]
    assert main(arguments) == 0
    assert sheet.stat().st_size > 100_000


def test_publishing_replaces_the_old_pictures_and_leaves_the_rest(tmp_path: Path) -> None:
    work, target = tmp_path / "work", tmp_path / "bundled"
    for folder, name in ((work, "new-0.jpg"), (target, "old-0.jpg")):
        (folder / "images").mkdir(parents=True)
        (folder / "images" / name).write_bytes(b"x")
    for name in ("products.jsonl", "ATTRIBUTION.md"):
        (work / name).write_text("new", encoding="utf-8")
    (target / "__init__.py").write_text("", encoding="utf-8")
    publish(work, target)
    assert [path.name for path in (target / "images").iterdir()] == ["new-0.jpg"]
    assert (target / "products.jsonl").read_text(encoding="utf-8") == "new"
    found = {path.name for path in target.iterdir()}
    assert found == {"__init__.py", "images", "products.jsonl", "ATTRIBUTION.md"}
