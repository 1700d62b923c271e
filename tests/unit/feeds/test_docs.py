"""The examples and limits of docs/feeds.md are what feeds do."""

import re
from pathlib import Path

import pytest

from furniture_prompter.domain import FeedRow
from furniture_prompter.feeds import jsonl, rows
from furniture_prompter.feeds.folder import PHOTO_EXTENSIONS
from furniture_prompter.feeds.formats import EXTENSIONS
from furniture_prompter.feeds.opening import open_feed
from tests.unit.feeds.conftest import rows_of

PAGE = (Path(__file__).parents[3] / "docs" / "feeds.md").read_text("utf-8")


def example(language: str) -> str:
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return str(block)


def read_example(folder: Path, name: str, text: str) -> list[FeedRow]:
    (folder / "photos").mkdir()
    for image in re.findall(r"photos/[\w-]+\.jpg", text):
        (folder / image).write_bytes(b"pixels")
    (folder / name).write_text(text, "utf-8")
    items = list(open_feed(folder / name).items())
    assert len(items) == len(rows_of(items)) == 2
    return rows_of(items)


@pytest.mark.parametrize(("language", "name"), [("json", "p.jsonl"), ("csv", "p.csv")])
def test_the_examples_are_read_with_nothing_set_aside(
    tmp_path: Path, language: str, name: str
) -> None:
    stool, sofa = read_example(tmp_path, name, example(language))
    assert (stool.product.id, stool.product.title) == ("4711", "Oslo stool")
    assert stool.product.attributes["price"] == 49.9
    assert [path.name for path in sofa.images] == ["bergen-1.jpg", "bergen-2.jpg"]
    assert "in_stock" in sofa.product.attributes


def test_the_folder_is_read_as_it_is_drawn(tmp_path: Path) -> None:
    drawn = re.findall(r'id (.+?), category "(.+?)", title "(.+?)"', example("text"))
    assert len(drawn) == 2
    for identifier, _, _ in drawn:
        (tmp_path / identifier).parent.mkdir(parents=True)
        (tmp_path / identifier).write_bytes(b"pixels")
    products = [row.product for row in rows_of(open_feed(tmp_path).items())]
    assert [(product.id, product.category, product.title) for product in products] == drawn


def test_every_extension_is_on_the_page() -> None:
    for extension in (*PHOTO_EXTENSIONS, *EXTENSIONS):
        assert extension in PAGE


def test_the_limits_on_the_page_are_those_of_the_code() -> None:
    for text in (
        f"text of at most {rows.LIMIT_ID} characters",
        f"several, at most {rows.LIMIT_IMAGES};",
        f"at most {rows.LIMIT_TITLE:,} characters | the id",
        f"`category` | at most {rows.LIMIT_WORDS} characters",
        f"at most {rows.LIMIT_DESCRIPTION:,} characters; line breaks stay",
        f"between; at most {rows.LIMIT_TAGS} |",
        f"text of at most {rows.LIMIT_ATTRIBUTE:,} characters, a number",
        f"at most {rows.LIMIT_ATTRIBUTES} of these a row",
        f"a line has at most {jsonl.LIMIT_LINE_BYTES >> 20} MiB",
    ):
        assert text in PAGE, text
