"""``feeds inspect`` tells what a feed would be read as, and writes nothing."""

import json
from pathlib import Path

import pytest

from furniture_prompter.assembly import inspect_feed
from furniture_prompter.cli.feeds_command import inspection_answer
from furniture_prompter.errors import InvalidFeedError

TABLE = """\
Ürün Kodu;Ürün Adı;Fiyat;Görsel;Renk;Not
1;Koltuk;1.599,00 TL;a.jpg;Gri;x
2;Masa;pahalı;b.jpg;;y
"""


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"pixels")
    path = tmp_path / "urunler.csv"
    path.write_text(TABLE, "utf-8")
    return path


def test_it_names_format_layout_mapping_types_and_rows(feed: Path) -> None:
    before = sorted(feed.parent.iterdir())
    told = inspect_feed(feed)
    assert told.format == "CSV, semicolons, utf-8"
    assert told.layout == "unknown"
    roles = {each.column: (each.role, each.by) for each in told.mapping}
    assert roles["Ürün Adı"] == ("title", "proposal")
    assert roles["Not"] == ("attribute", "name")
    assert told.types == {
        "base_colors": "texts",
        "currency": "text",
        "not": "text",
        "price": "number",
    }
    assert [row.product.id for row in told.rows] == ["1", "2"]
    assert (told.products, told.images, told.addresses) == (2, 2, 0)
    assert [item.column for item in told.set_aside] == ["Fiyat"]
    assert sorted(feed.parent.iterdir()) == before


def test_what_is_given_is_told_as_given(feed: Path) -> None:
    told = inspect_feed(feed, columns=["title=Not"])
    roles = {each.column: (each.role, each.by) for each in told.mapping}
    assert roles["Not"] == ("title", "--map")
    assert told.rows[0].product.title == "x"


def test_its_json_has_what_the_page_promises(feed: Path) -> None:
    answer = json.loads(json.dumps(inspection_answer(inspect_feed(feed))))
    assert list(answer) == [
        "feed", "format", "layout", "mapping", "types", "counts", "rows", "set_aside", "notes",
    ]  # fmt: skip
    assert answer["counts"]["set_aside"] == 1
    assert answer["rows"][0]["attributes"]["price"] == 1599.0
    assert answer["rows"][0]["photos"][0]["variant"] is None
    page = (Path(__file__).parents[3] / "docs" / "json.md").read_text("utf-8")
    shown = json.loads(
        page.partition("## feeds inspect --json")[2].split("```")[1].removeprefix("json")
    )
    assert list(shown) == list(answer)
    assert list(shown["rows"][0]) == list(answer["rows"][0])
    assert list(shown["counts"]) == list(answer["counts"])


def test_a_folder_of_photos_is_inspected_too(feed: Path) -> None:
    told = inspect_feed(feed.parent)
    assert (told.layout, told.products, told.mapping) == ("folder", 2, ())


def test_a_feed_of_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("id,title,image\n")
    with pytest.raises(InvalidFeedError, match="no row"):
        inspect_feed(tmp_path / "empty.csv")
