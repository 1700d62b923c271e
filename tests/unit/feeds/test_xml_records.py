from pathlib import Path

import pytest

from furniture_prompter.domain import SetAside
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds import xml_records
from furniture_prompter.feeds.feed_files import FeedFile
from furniture_prompter.feeds.records import Record, RecordItem
from furniture_prompter.feeds.xml_records import XmlRecords


def source_of(folder: Path, content: str | bytes) -> XmlRecords:
    path = folder / "p.xml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return XmlRecords(FeedFile(path))


def rows_of(items: list[RecordItem]) -> list[Record]:
    return [item for item in items if isinstance(item, Record)]


GOOGLE = """<?xml version="1.0"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">
<channel><title>Shop</title>
<item>
 <g:id>1</g:id><title>Oslo &amp; co</title>
 <description><![CDATA[<p>Soft & wide</p>]]></description>
 <g:additional_image_link>a.jpg</g:additional_image_link>
 <g:additional_image_link>b.jpg</g:additional_image_link>
 <g:shipping><g:country>TR</g:country><g:price>10 TRY</g:price></g:shipping>
 <g:shipping><g:country>DE</g:country></g:shipping>
</item>
<item><g:id>2</g:id></item>
</channel></rss>
"""


def test_googles_rss_keeps_prefixes_lists_and_lines(tmp_path: Path) -> None:
    source = source_of(tmp_path, GOOGLE)
    first, second = rows_of(list(source.records()))
    assert first.fields == {
        "g:id": "1",
        "title": "Oslo & co",
        "description": "<p>Soft & wide</p>",
        "g:additional_image_link": ["a.jpg", "b.jpg"],
        "g:shipping.g:country": ["TR", "DE"],
        "g:shipping.g:price": ["10 TRY", None],
    }
    assert (first.line, second.line) == (4, 12)
    assert source.format == "XML, elements rss/channel/item"
    assert source.columns()[:2] == ("g:id", "title")


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ("<feed><title>x</title><entry><id>1</id></entry></feed>", "feed/entry"),
        ("<rss><channel><item><id>1</id></item></channel></rss>", "rss/channel/item"),
        ("<urunler><urun><id>1</id></urun><urun><id>2</id></urun></urunler>", "urunler/urun"),
        ("<a><b><c><id>1</id></c><c><id>2</id></c></b><d><e>1</e></d></a>", "a/b/c"),
        ('<a><row id="1" n="2"/><row id="3" n="4"/></a>', "a/row"),
        ("<l><product><id>1</id><v><i>1</i></v><v><i>2</i></v></product></l>", "l/product"),
        (
            "<y><c><kind><n>1</n></kind><kind><n>2</n></kind></c><p><offer><id>1</id></offer></p></y>",
            "y/p/offer",
        ),
    ],
)
def test_the_records_are_found_by_their_name_or_by_what_is_repeated(
    tmp_path: Path, content: str, path: str
) -> None:
    source = source_of(tmp_path, content)
    assert source.format == f"XML, elements {path}"
    assert rows_of(list(source.records()))


def test_attributes_stand_below_their_element(tmp_path: Path) -> None:
    content = '<l><item sku="7"><price currency="TRY">15,00</price></item></l>'
    (row,) = source_of(tmp_path, content).records()
    assert isinstance(row, Record)
    assert row.fields == {"@sku": "7", "price": "15,00", "price.@currency": "TRY"}


@pytest.mark.parametrize("encoding", ["windows-1254", "iso-8859-9", "utf-8", "utf-16"])
def test_the_declared_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><l><item><ad>Işık şık</ad></item></l>'
    (row,) = source_of(tmp_path, text.encode(encoding)).records()
    assert isinstance(row, Record)
    assert row.fields == {"ad": "Işık şık"}


def test_blank_lines_before_the_declaration_are_passed_over(tmp_path: Path) -> None:
    (row,) = source_of(
        tmp_path, '\n\n<?xml version="1.0"?>\n<l><item><a>1</a></item></l>'
    ).records()
    assert isinstance(row, Record)
    assert row.line == 4


BREAKS = [
    ("<item><a>x & y</a></item></l>", "broken"),
    ("<item><a>&nbsp;</a></item></l>", "undefined entity"),
    ("<item><a>", "no element found"),
    ("<item><a></b></item></l>", "mismatched tag"),
]


@pytest.mark.parametrize(("rest", "words"), BREAKS)
def test_what_came_before_a_break_stays_and_the_rest_hides_ids(
    tmp_path: Path, rest: str, words: str
) -> None:
    items = list(source_of(tmp_path, f"<l>\n<item><a>1</a></item>\n{rest}").records())
    (problem,) = [item for item in items if isinstance(item, SetAside)]
    assert [row.fields["a"] for row in rows_of(items)] == ["1"]
    assert (problem.line, problem.hides_ids) == (3, True)
    assert words in problem.reason.lower()
    assert "Nothing after it was read." in problem.reason


def test_a_file_that_breaks_before_its_first_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidFeedError, match="line 1"):
        list(source_of(tmp_path, "<l><item><a>x & y").records())


BOMB = '<!DOCTYPE l [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><l><item><x>&b;</x></item></l>'
OUTSIDE = '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><l><item><x>&a;</x></item></l>'


@pytest.mark.parametrize("content", [BOMB, OUTSIDE])
def test_entities_are_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(InvalidFeedError, match="entities"):
        list(source_of(tmp_path, content).records())


def test_a_record_beyond_the_limit_is_set_aside_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xml_records, "LIMIT_RECORD_CHARACTERS", 500)
    long = "".join(f"<a{number}>x</a{number}>" for number in range(100))
    items = list(
        source_of(tmp_path, f"<l>\n<item>{long}</item>\n<item><a>1</a></item></l>").records()
    )
    (problem, row) = items
    assert isinstance(problem, SetAside)
    assert isinstance(row, Record)
    assert (problem.line, row.line) == (2, 3)


def test_elements_nested_too_deeply_end_the_reading(tmp_path: Path) -> None:
    deep = "<x>" * 80 + "</x>" * 80
    items = list(source_of(tmp_path, f"<l><item><a>1</a></item><item>{deep}</item></l>").records())
    assert len(rows_of(items)) == 1
    assert any(isinstance(item, SetAside) and "nested" in item.reason for item in items)
