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


@pytest.mark.parametrize(
    ("content", "path"),
    [
        # A usual name goes before a longer list, and what lies in a record is none.
        ("<a><x><i>1</i></x><x><i>2</i></x><Product><i>1</i></Product></a>", "a/Product"),
        ("<a><g:item><row><i>1</i></row><row><i>1</i></row></g:item></a>", "a/g:item"),
        ("<a><x><item><i>1</i></item></x><item><i>1</i></item><item><i>2</i></item></a>", "a/item"),
        # Without one it is what is repeated, the highest, below elements that are there once.
        ("<a><x><i>1</i></x><x><i>2</i></x><y><i>1</i></y></a>", "a/x"),
        ("<a><b><x><i>1</i></x></b><b><x><i>2</i></x><x><i>3</i></x></b></a>", "a/b"),
        ("<a><b><x><i>1</i></x><x><i>2</i></x></b></a>", "a/b/x"),
        ("<a><b><x><i>1</i></x></b></a>", "a/b"),
        ('<a n="1" m="2"><b n="1" m="2"/></a>', "a/b"),
    ],
)
def test_which_elements_are_the_records(tmp_path: Path, content: str, path: str) -> None:
    assert source_of(tmp_path, content).format == f"XML, elements {path}"


@pytest.mark.parametrize("content", ["<a/>", "<a><b>1</b><b>2</b></a>", '<a><b n="1"/></a>'])
def test_elements_without_children_are_no_records(tmp_path: Path, content: str) -> None:
    with pytest.raises(InvalidFeedError, match="no list of elements"):
        source_of(tmp_path, content).columns()


@pytest.mark.parametrize(
    ("inner", "fields"),
    [
        ("<a>1</a><a/><a>3</a>", {"a": ["1", None, "3"]}),
        ("<a>1</a><a><b>2</b></a>", {"a": ["1", None], "a.b": [None, "2"]}),
        ("<a>text <b>2</b> more</a>", {"a": "text  more", "a.b": "2"}),
        ("<a x='1'/>", {"a.@x": "1"}),
        ("<a> </a><b>x</b>", {"a": None, "b": "x"}),
    ],
)
def test_what_is_in_a_record(tmp_path: Path, inner: str, fields: dict[str, object]) -> None:
    (row,) = rows_of(list(source_of(tmp_path, f"<l><item>{inner}</item></l>").records()))
    assert row.fields == fields


def test_blank_records_are_none(tmp_path: Path) -> None:
    source = source_of(tmp_path, "<l><item>x</item><item><a>1</a></item><item/></l>")
    assert [row.fields for row in rows_of(list(source.records()))] == [{"a": "1"}]


@pytest.mark.parametrize(
    ("record", "characters"),
    [
        # A name counts 16 characters more than it has.
        ("<item><a>xyz</a></item>", 20 + 17 + 3),
        ("<item><abc/><abc/></item>", 20 + 19 + 19),
        ("<item n='12' xy='345'><a/></item>", 20 + 3 + 5 + 17),
        ("<item>t<a>x</a>t</item>", 20 + 1 + 17 + 1 + 1),
    ],
)
def test_a_record_as_long_as_is_allowed_is_read(
    tmp_path: Path, record: str, characters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = f"<l>{record}<item><a>2</a></item></l>"
    for limit, is_read in ((characters, True), (characters - 1, False)):
        monkeypatch.setattr(xml_records, "LIMIT_RECORD_CHARACTERS", limit)
        first, second = source_of(tmp_path, content).records()
        assert isinstance(first, Record) == is_read
        assert isinstance(second, Record)


def test_attributes_beyond_the_limit_are_not_lost_from_a_record_that_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The names of both elements are 37 characters, with their attribute 39.
    for limit, kind in ((36, SetAside), (37, SetAside), (38, SetAside), (39, Record)):
        monkeypatch.setattr(xml_records, "LIMIT_RECORD_CHARACTERS", limit)
        (item,) = source_of(tmp_path, "<l><item><a b='c'/></item></l>").records()
        assert isinstance(item, kind)


@pytest.mark.parametrize(("levels", "problems"), [(62, 0), (63, 1)])
def test_elements_are_nested_to_a_depth(tmp_path: Path, levels: int, problems: int) -> None:
    # With the list and the record around them they are 64.
    inner = "<x>" * levels + "1" + "</x>" * levels
    content = f"<l>\n<item><a>1</a></item>\n<item>{inner}</item>\n</l>"
    items = [item for item in source_of(tmp_path, content).records() if isinstance(item, SetAside)]
    nested = [item for item in items if "Elements are nested deeper than 64" in item.reason]
    assert len(nested) == problems
    assert all((item.line, item.hides_ids) == (3, True) for item in nested)
    # What flattening thinks of so many levels is its own matter, and costs the record alone.
    assert len(items) == 1


@pytest.mark.parametrize("begin", ["", "\ufeff"])
@pytest.mark.parametrize("chunk", [4, 5, 1 << 16])
def test_lines_are_those_of_the_file_however_it_is_cut(
    tmp_path: Path, begin: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xml_records, "_CHUNK_BYTES", chunk)
    content = "\n \n<?xml version='1.0'?>\n<l>\n<item><a>1</a></item>\n<item><a>&</a></item></l>"
    row, problem = source_of(tmp_path, begin + content).records()
    assert isinstance(row, Record)
    assert isinstance(problem, SetAside)
    assert (row.line, problem.line) == (5, 6)


@pytest.mark.parametrize("encoding", ["klingon", "utf-7"])
def test_an_encoding_that_cannot_be_read_is_told(tmp_path: Path, encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n<l>\n<item><a>1</a></item></l>'
    with pytest.raises(InvalidFeedError, match=r"broken XML in line 1"):
        source_of(tmp_path, text).columns()


def test_so_many_elements_tell_where_the_records_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "<l><x><i>1</i></x><x><i>2</i></x>" + "<y><i/></y>" * 5 + "</l>"
    assert source_of(tmp_path, content).format.endswith("l/y")
    monkeypatch.setattr(xml_records, "_CHUNK_BYTES", 33)
    monkeypatch.setattr(xml_records, "_LOOKED_AT_ELEMENTS", 4)
    assert source_of(tmp_path, content).format.endswith("l/x")
    monkeypatch.setattr(xml_records, "_LOOKED_AT_ELEMENTS", 5)
    assert source_of(tmp_path, content).format.endswith("l/y")


def test_paths_that_are_counted_are_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "<l><x><i>1</i></x><x><i>2</i></x><y><i>3</i></y><y><i>4</i></y><y><i>5</i></y></l>"
    assert source_of(tmp_path, content).format.endswith("l/y")
    monkeypatch.setattr(xml_records, "_LIMIT_PATHS", 1)
    assert source_of(tmp_path, content).format.endswith("l/x")
