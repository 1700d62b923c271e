import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from furniture_prompter.domain import FeedItem, FeedNote, SetAside
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds import text_encoding
from furniture_prompter.feeds.delimited import LIMIT_COLUMNS, DelimitedRecords
from furniture_prompter.feeds.feed_files import FeedFile
from furniture_prompter.feeds.opening import open_feed
from furniture_prompter.feeds.records import KeyColumns, Record, RecordItem
from furniture_prompter.feeds.text_encoding import LIMIT_LINE_CHARACTERS, RereadableLines
from tests.unit.feeds.conftest import ReadFeed, rows_of, set_aside_of


def notes_of(items: list[FeedItem]) -> list[str]:
    return [item.text for item in items if isinstance(item, FeedNote)]


TURKISH = (
    "id;başlık;title;image;fiyat\n"
    "1;Şık;Ağaç işi İskemle;a.jpg;1.299,00\n"
    "2;Iğdır;Koltuk;b.jpg;899,50\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1254", "utf-16"])
def test_turkish_is_read_from_every_encoding_that_excel_writes(
    read_feed: ReadFeed, encoding: str
) -> None:
    rows = rows_of(read_feed("p.csv", TURKISH.encode(encoding)))
    assert [row.product.title for row in rows] == ["Ağaç işi İskemle", "Koltuk"]
    assert [row.product.attributes["price"] for row in rows] == [1299.0, 899.5]
    assert rows[1].product.attributes["baslik"] == "Iğdır"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_from_the_header(read_feed: ReadFeed, delimiter: str) -> None:
    text = "id,title,image\n1,Stool,a.jpg\n".replace(",", delimiter)
    (row,) = rows_of(read_feed("p.csv", text))
    assert row.product.title == "Stool"


def test_excels_own_line_about_the_delimiter_is_understood(read_feed: ReadFeed) -> None:
    (row,) = rows_of(read_feed("p.csv", "sep=;\r\nid;title;image\r\n1;Stool, oak;a.jpg\r\n"))
    assert (row.product.title, row.line) == ("Stool, oak", 3)


def test_a_row_with_line_breaks_in_quotes_has_the_line_where_it_begins(
    read_feed: ReadFeed,
) -> None:
    text = 'id,title,image\n\n1,"Stool\nof oak",a.jpg\n2,Lamp,b.jpg\n3,Bed,none.jpg\n'
    items = read_feed("p.csv", text)
    assert [row.line for row in rows_of(items)] == [3, 5]
    assert rows_of(items)[0].product.title == "Stool of oak"
    assert [problem.line for problem in set_aside_of(items)] == [6]


def test_several_images_and_tags_are_parted_by_bars(read_feed: ReadFeed) -> None:
    (row,) = rows_of(read_feed("p.csv", "id,images,tags\n1,b.jpg | a.jpg,oak|bar\n"))
    assert [path.name for path in row.images] == ["b.jpg", "a.jpg"]
    assert row.product.tags == ("oak", "bar")


@pytest.mark.parametrize("cell", ['="{}"', '"=""{}"""', '="{}" '])
def test_excels_way_of_keeping_zeros_is_read_as_the_text_in_it(
    read_feed: ReadFeed, cell: str
) -> None:
    code, note, photo = (cell.format(text) for text in ("00123", "oak", "a.jpg"))
    rows = f"{code},{photo},{code},{note}\n{code},x\n"
    items = read_feed("p.csv", f"id,image,code,note\n{rows}")
    (row,) = rows_of(items)
    assert row.product.id == "00123"
    assert dict(row.product.attributes) == {"code": "00123", "note": "oak"}
    # A row that cannot be read is known by the same id.
    assert [problem.product_id for problem in set_aside_of(items)] == ["00123"]


@pytest.mark.parametrize("cell", ["=00123", '="a"&"b"', '=""a"'])
def test_other_formulas_stay_as_they_are(read_feed: ReadFeed, cell: str) -> None:
    (row,) = rows_of(read_feed("p.csv", f"id,image,code\n1,a.jpg,{cell}\n"))
    assert row.product.attributes["code"] == cell


def test_ids_stay_text(read_feed: ReadFeed) -> None:
    (row,) = rows_of(read_feed("p.csv", "id,image\n007,a.jpg\n"))
    assert row.product.id == "007"


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "2.5", "-3"], [1.0, 2.5, -3.0]),
        (["1", "", "3"], [1.0, None, 3.0]),
        (["1e3", "2", "3"], [1000.0, 2.0, 3.0]),
        (["1", "cheap", "3"], [1.0, "cheap", 3.0]),
        (["true", "FALSE", ""], [True, False, None]),
        (["0", "1", "0"], [0.0, 1.0, 0.0]),
        (["00123", "5", "6"], ["00123", 5.0, 6.0]),
        (["1234567890123456", "5", "6"], ["1234567890123456", 5.0, 6.0]),
        (["nan", "1", "2"], ["nan", 1.0, 2.0]),
        (["inf", "1", "2"], ["inf", 1.0, 2.0]),
        (["1.299", "2.5", "3"], [1.299, 2.5, 3.0]),
    ],
)
def test_cells_are_read_as_what_they_are(
    read_feed: ReadFeed, cells: list[str], values: list[object]
) -> None:
    lines = [f"{number},{number}.jpg,{cell}" for number, cell in enumerate(cells)]
    text = "\n".join(["id,image,x", *lines]).replace("0.jpg", "a.jpg").replace("1.jpg", "b.jpg")
    rows = rows_of(read_feed("p.csv", text.replace("2.jpg", "c.jpg")))
    assert [row.product.attributes.get("x") for row in rows] == values


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["12,5", "3", "4"], [12.5, 3.0, 4.0]),
        (["1.299,00", "2.500", "3"], [1299.0, 2500.0, 3.0]),
        (["1.299", "2.500", "3.000"], ["1.299", "2.500", "3.000"]),
        (["12.5", "3", "4"], [12.5, 3.0, 4.0]),
        (["0,125", "0,250", "0"], [0.125, 0.25, 0.0]),
        (["12,5", "12.5", "4"], ["12,5", "12.5", 4.0]),
        (["12,5", "1.299", "cheap"], [12.5, 1299.0, "cheap"]),
    ],
)
def test_decimal_commas_are_read_and_doubtful_numbers_stay_text(
    read_feed: ReadFeed, cells: list[str], values: list[object]
) -> None:
    names = ("a.jpg", "b.jpg", "c.jpg")
    lines = [f"{name};{name};{cell}" for name, cell in zip(names, cells, strict=True)]
    rows = rows_of(read_feed("p.csv", "\n".join(["id;image;x", *lines])))
    assert [row.product.attributes["x"] for row in rows] == values


def test_a_row_with_too_few_or_too_many_cells_is_set_aside(read_feed: ReadFeed) -> None:
    items = read_feed("p.csv", "id,title,image\n1,Stool\n2,Stool, oak,b.jpg\n3,Lamp,c.jpg,,\n")
    short, long = set_aside_of(items)
    assert (short.line, long.line) == (2, 3)
    assert "3" in short.reason
    assert "2 cells" in short.reason
    assert "4 cells" in long.reason
    assert [row.product.id for row in rows_of(items)] == ["3"]


def test_a_quote_that_is_never_closed_costs_its_own_line_alone(read_feed: ReadFeed) -> None:
    items = read_feed(
        "p.csv",
        'id,title,image\n1,Stool,a.jpg\n2,"Lamp,b.jpg\n3,"Double\nbed",c.jpg\n4,"Sofa,a.jpg\n'
        "5,Desk,b.jpg\n",
    )
    assert [(row.product.id, row.line) for row in rows_of(items)] == [("1", 2), ("3", 4), ("5", 7)]
    assert [problem.line for problem in set_aside_of(items)] == [3, 6]


def test_a_row_with_too_many_cells_is_known_by_its_id(read_feed: ReadFeed) -> None:
    (problem,) = set_aside_of(read_feed("p.csv", "id,title,image\n 7 ,Stool, oak,a.jpg\n"))
    assert problem.product_id == "7"
    (problem,) = set_aside_of(read_feed("q.csv", "title,id,image\nStool, oak,7,a.jpg\n"))
    assert problem.product_id == ""


def test_a_cell_that_goes_on_after_its_quotes_is_set_aside_alone(read_feed: ReadFeed) -> None:
    items = read_feed("p.csv", 'id,title,image\n1,"St"ool,a.jpg\n2,Lamp,b.jpg\n')
    assert [row.product.id for row in rows_of(items)] == ["2"]
    assert [problem.line for problem in set_aside_of(items)] == [2]


def test_a_cell_or_line_too_long_is_set_aside_and_the_next_row_is_read(
    read_feed: ReadFeed,
) -> None:
    for length in (200_000, 1_100_000):
        items = read_feed("p.csv", f"id,title,image\n1,{'x' * length},a.jpg\n2,Lamp,b.jpg\n")
        assert [(row.product.id, row.line) for row in rows_of(items)] == [("2", 3)]
        assert [problem.line for problem in set_aside_of(items)] == [2]


def test_one_line_that_is_not_utf_8_in_a_utf_8_file_is_set_aside(read_feed: ReadFeed) -> None:
    data = "id,title,image\n1,Ağaç,a.jpg\n2,Şık,b.jpg\n".encode() + "3,Işık,c.jpg\n".encode(
        "cp1254"
    )
    items = read_feed("p.csv", data)
    assert [row.product.title for row in rows_of(items)] == ["Ağaç", "Şık"]
    (problem,) = set_aside_of(items)
    assert problem.line == 4
    assert "UTF-8" in problem.cure
    str(problem).encode("utf-8")


def test_a_feed_without_images_is_refused_with_the_columns_found_and_the_option_to_give(
    read_feed: ReadFeed,
) -> None:
    with pytest.raises(InvalidFeedError) as caught:
        read_feed("p.csv", "id,title,note\n1,Stool,oak\n")
    message = str(caught.value)
    assert "'title'" in message
    assert "--map image=COLUMN" in message


def test_of_columns_of_the_same_name_the_second_is_called_otherwise(read_feed: ReadFeed) -> None:
    items = read_feed("p.csv", "id,title,image,Rating,rating\n1,Stool,a.jpg,1,2\n")
    (row,) = rows_of(items)
    assert dict(row.product.attributes) == {"rating": 1.0, "rating_2": 2.0}
    assert [note for note in notes_of(items) if "rating_2" in note]


def test_too_many_columns_are_refused(read_feed: ReadFeed) -> None:
    columns = [f"a{number}" for number in range(LIMIT_COLUMNS - 1)]
    with pytest.raises(InvalidFeedError, match="2,001 columns, more than 2,000"):
        read_feed("p.csv", ",".join(["id", "image", *columns]) + "\n1,a.jpg\n")
    wide = ",".join(["id", "image", *columns[1:]])
    (row,) = rows_of(read_feed("p.csv", f"{wide}\n1,a.jpg{',' * len(columns[1:])}\n"))
    assert row.product.id == "1"


MARKS = "e" + "\u0301\u0323" * 16


def test_many_accents_on_a_letter_cost_the_cell(read_feed: ReadFeed) -> None:
    items = read_feed("p.csv", f"id,image,title,note\n1,a.jpg,{MARKS},{MARKS}\n2,b.jpg,A,b\n")
    assert [(row.product.id, row.product.title) for row in rows_of(items)] == [
        ("1", "1"),
        ("2", "A"),
    ]
    assert {problem.column for problem in set_aside_of(items)} == {"title", "note"}
    assert all("accents" in problem.reason for problem in set_aside_of(items))


def test_many_accents_in_an_id_cost_the_row_and_in_a_header_the_column(read_feed: ReadFeed) -> None:
    items = read_feed("p.csv", f"id,image\n{MARKS},a.jpg\n{MARKS},a.jpg,x\n2,b.jpg\n")
    assert [row.product.id for row in rows_of(items)] == ["2"]
    assert [problem.product_id for problem in set_aside_of(items)] == ["", ""]
    items = read_feed("p.csv", f"id,title,image,{MARKS}\n1,A,a.jpg,x\n")
    assert [row.product.title for row in rows_of(items)] == ["A"]
    assert [note for note in notes_of(items) if "accents" in note]


def test_a_column_without_a_name_is_ignored(read_feed: ReadFeed) -> None:
    (row,) = rows_of(read_feed("p.csv", ",id,image\n0,1,a.jpg\n"))
    assert dict(row.product.attributes) == {}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"id,title,image\n", "no row"),
        (b"PK\x03\x04rest", "archive"),
        (b"id,\0image\n1,a.jpg\n2,b.jpg\n", "header"),
        ("id,image\n1,a.jpg\n".encode("utf-16-le"), "--text-encoding utf-16-le"),
        (
            "id,image,größe\n1,a.jpg,5\nü,ü,ü\nş,ş,ş\n".encode().replace(b"\xc3\xb6", b"\xf6"),
            "header",
        ),
        (b'id,"image\n1,a.jpg\n', "header"),
    ],
)
def test_a_file_that_is_no_table_is_refused(read_feed: ReadFeed, data: bytes, words: str) -> None:
    with pytest.raises(InvalidFeedError, match=words):
        read_feed("p.csv", data)


def test_an_encoding_can_be_given(shop: Path) -> None:
    (shop / "p.csv").write_bytes("id,title,image\n1,стул,a.jpg\n".encode("cp1251"))
    (row,) = rows_of(open_feed(shop / "p.csv", encoding="cp1251").items())
    assert row.product.title == "стул"


@pytest.mark.parametrize(
    ("encoding", "title"),
    [
        ("cp1254", "Ağaç işi masası"),
        ("cp1252", "Židle grün weiß"),
        ("cp1250", "Bílá skříň žlutá"),
        ("cp1251", "Стул дубовый"),
        ("cp1253", "ξύλινο τραπέζι"),
        ("cp857", "Büyük köşe takımı"),
        ("cp866", "Кресло мягкое"),
    ],
)
def test_a_code_page_is_guessed_from_what_makes_words_and_the_guess_is_told(
    read_feed: ReadFeed, encoding: str, title: str
) -> None:
    items = read_feed("p.csv", f"id;title;image\n1;{title};a.jpg\n".encode(encoding))
    assert [row.product.title for row in rows_of(items)] == [title]
    (note,) = notes_of(items)
    assert encoding in note
    assert "--text-encoding" in note


def test_utf_8_is_no_guess(read_feed: ReadFeed) -> None:
    assert not [note for note in notes_of(read_feed("p.csv", TURKISH)) if "guess" in note]


def test_an_encoding_that_is_given_overrules_the_guess_and_costs_the_rows_that_do_not_fit(
    shop: Path,
) -> None:
    (shop / "p.csv").write_bytes("id,title,image\n1,Şık,a.jpg\n2,Lamp,b.jpg\n".encode("cp1254"))
    items = list(open_feed(shop / "p.csv", encoding="utf-8").items())
    assert [row.product.id for row in rows_of(items)] == ["2"]
    (problem,) = set_aside_of(items)
    assert (problem.line, problem.product_id, problem.hides_ids) == (2, "1", True)
    assert "--text-encoding" in problem.cure
    assert notes_of(items) == []


def test_zero_bytes_cost_the_rows_they_are_in(read_feed: ReadFeed) -> None:
    items = read_feed("p.csv", b"id,title,image\n1,A,a.jpg\n2,\0B,b.jpg\n3,C,c.jpg\n" + b"\0" * 99)
    assert [row.product.id for row in rows_of(items)] == ["1", "3"]
    assert [problem.line for problem in set_aside_of(items)] == [3, 5]
    assert all(problem.hides_ids for problem in set_aside_of(items))
    assert all("zero bytes" in problem.reason for problem in set_aside_of(items))


def test_half_a_character_at_the_end_costs_the_last_row(read_feed: ReadFeed) -> None:
    data = "id,image\n1,a.jpg\n2,b.jpg\n".encode("utf-16")[:-1]
    items = read_feed("p.csv", data)
    assert [row.product.id for row in rows_of(items)] == ["1"]
    assert [problem.line for problem in set_aside_of(items)] == [3]


SWALLOWING = """\
id,title,image,note
1,"Oslo,a.jpg,x
2,Chair,b.jpg,x
3,Sofa,c.jpg,x
4,Table,a.jpg,24"
5,Bed,b.jpg,x
"""


def test_a_pair_of_stray_quotes_costs_one_row_and_not_those_between(read_feed: ReadFeed) -> None:
    items = read_feed("p.csv", SWALLOWING)
    assert [(row.product.id, row.line) for row in rows_of(items)] == [
        ("2", 3),
        ("3", 4),
        ("4", 5),
        ("5", 6),
    ]
    assert rows_of(items)[2].product.attributes["note"] == '24"'
    (problem,) = set_aside_of(items)
    assert (problem.line, problem.product_id, problem.hides_ids) == (2, "1", True)
    assert "line 5" in problem.reason


def test_rows_that_a_quote_swallows_into_a_row_of_the_right_width_are_found(
    read_feed: ReadFeed,
) -> None:
    items = read_feed(
        "p.csv", 'id,title,image,note\n1,Oslo,a.jpg,"x\n2,Chair,b.jpg,x"\n3,Sofa,c.jpg,y\n'
    )
    assert [row.product.id for row in rows_of(items)] == ["2", "3"]
    assert [problem.line for problem in set_aside_of(items)] == [2]


@pytest.mark.parametrize(
    "rows",
    [
        '1,"Sofa 3,a.jpg,\n2,Table 5",b.jpg,\n',
        '1,"Sofa 3,a.jpg,,\n2,Table 5",b.jpg,,\n',
        '1,"Sofa 3,photo1\n2,Table 5",photo2\n',
    ],
    ids=["a blank cell more", "two blank cells more", "images without an extension"],
)
def test_swallowed_rows_are_found_with_surplus_blank_cells_and_by_the_files_that_are_there(
    shop: Path, read_feed: ReadFeed, rows: str
) -> None:
    for name in ("photo1", "photo2"):
        (shop / name).write_bytes(b"pixels")
    items = read_feed("p.csv", f"id,title,image\n{rows}3,Chair,c.jpg\n")
    assert [(row.product.id, row.line) for row in rows_of(items)] == [("2", 3), ("3", 4)]
    (problem,) = set_aside_of(items)
    assert (problem.line, problem.product_id, problem.hides_ids) == (2, "1", True)


@pytest.mark.parametrize(
    "rows",
    [
        '1,"Sofa 3,a.jpg\n2,Table 5",\n',
        '1,"Sofa 3,gone1\n2,Table 5",gone2\n',
        '1,"Sofa 3\n2,Table 5",b.jpg\n',
    ],
    ids=["without an image", "with an image that nobody knows", "below a row that lacks a cell"],
)
def test_a_line_in_quotes_that_may_be_a_row_hides_ids_and_is_told_with_its_line(
    read_feed: ReadFeed, rows: str
) -> None:
    items = read_feed("p.csv", f"id,title,image\n{rows}3,Chair,c.jpg\n")
    assert rows_of(items)[-1].product.id == "3"
    (problem,) = [item for item in set_aside_of(items) if item.hides_ids]
    assert (problem.line, problem.product_id) == (2, "1")
    assert "Line 3" in problem.reason


def test_a_swallowed_row_of_too_many_cells_hides_ids(read_feed: ReadFeed) -> None:
    items = read_feed("p.csv", 'id,image,title\n1,a.jpg,"Sofa 3\n2,b.jpg,Table,big 5"\n')
    assert [row.product.id for row in rows_of(items)] == ["1"]
    assert [problem.hides_ids for problem in set_aside_of(items)] == [True]


def test_a_doubtful_line_costs_no_row(read_feed: ReadFeed) -> None:
    items = read_feed("p.csv", 'id,image,description\n1,a.jpg,"Woods:\noak,ash,beech\nfine"\n')
    (row,) = rows_of(items)
    assert row.product.description == "Woods:\noak,ash,beech\nfine"
    assert [problem.hides_ids for problem in set_aside_of(items)] == [True]


@pytest.mark.parametrize(
    "text",
    [
        'id,description,image\n1,"Oak\nash, beech",a.jpg\n',
        'id,image,description\n1,a.jpg,"Woods:\noak, ash, beech\nall of them, planed, oiled"\n',
        'id;image;description\n1;a.jpg;"Delivered in two parts; see below\nA; B; C"\n',
        'id,image,description\n1,a.jpg,"For rooms of\nten by four metres or more,wide,light"\n',
    ],
)
def test_prose_of_as_many_parts_as_the_header_is_read_without_complaint(
    read_feed: ReadFeed, text: str
) -> None:
    items = read_feed("p.csv", text)
    assert [row.product.id for row in rows_of(items)] == ["1"]
    assert set_aside_of(items) == []


def test_rows_with_blanks_behind_their_commas_are_no_prose(read_feed: ReadFeed) -> None:
    items = read_feed("p.csv", 'id, title, image\n1, A, a.jpg\n2,"Sofa 3, a.jpg\n3, B 5", \n')
    assert any(problem.hides_ids for problem in set_aside_of(items))


def test_descriptions_of_many_lines_and_commas_are_no_rows(read_feed: ReadFeed) -> None:
    description = "Oak, ash, beech\n4 legs, 2 drawers, 1 door\n\nSee oslo.jpg, bergen.jpg, x"
    items = read_feed(
        "p.csv", f'id,title,image,description\n1,A,a.jpg,"{description}"\n2,B,b.jpg,"one\n"\n'
    )
    assert set_aside_of(items) == []
    first, _ = rows_of(items)
    assert first.product.description == description.replace("\n\n", "\n")


def test_a_row_of_the_wrong_width_may_hide_the_row_that_runs_into_it(read_feed: ReadFeed) -> None:
    items = read_feed("p.csv", "id,title,image\n1,A,a.jpg2,B,b.jpg\n3,C,c.jpg\n")
    assert [problem.hides_ids for problem in set_aside_of(items)] == [True]


def test_a_last_row_that_cannot_be_used_and_has_no_line_break_may_be_cut_off(
    read_feed: ReadFeed,
) -> None:
    (whole,) = set_aside_of(read_feed("p.csv", "id,title,image\n1,A,a.jpg\n2,B,b.jp\n"))
    (cut,) = set_aside_of(read_feed("q.csv", "id,title,image\n1,A,a.jpg\n2,B,b.jp"))
    assert (whole.hides_ids, cut.hides_ids) == (False, True)
    assert "cut off" in cut.reason


@pytest.mark.parametrize(
    ("header", "cells", "read"),
    [
        ("id\ttitle\timage\tx\ty", "1.299\t45,5", 1299.0),
        ("id|title|image|x|y", "1.299|45,5", 1299.0),
        ("id;title;image;x;y", "1.299;45,5", 1299.0),
        ("id\ttitle\timage\tx\ty", "1.299\t45.5", 1.299),
        ("id,title,image,x,y", '1.299,"45,5"', 1299.0),
        ("id,title,image,x,y", "1.299,7", 1.299),
        ("id\ttitle\timage\tx\ty", "1.299\t7", "1.299"),
        ("id\ttitle\timage\tx\ty", "1,299\t7", "1,299"),
    ],
)
def test_a_column_that_tells_no_decimal_mark_takes_the_files_and_says_so(
    read_feed: ReadFeed, header: str, cells: str, read: float | str
) -> None:
    delimiter = header[2]
    items = read_feed("p.tsv", f"{header}\n1{delimiter}A{delimiter}a.jpg{delimiter}{cells}\n")
    (row,) = rows_of(items)
    assert row.product.attributes["x"] == read
    (note,) = notes_of(items)
    assert "column x" in note
    assert (f"read as {read:.15g}" if isinstance(read, float) else "read as text") in note


def test_a_column_that_tells_its_decimal_mark_needs_no_note(read_feed: ReadFeed) -> None:
    text = "id\ttitle\timage\tx\n1\tA\ta.jpg\t1.299\n2\tB\tb.jpg\t45,5\n"
    items = read_feed("p.tsv", text)
    assert [row.product.attributes["x"] for row in rows_of(items)] == [1299.0, 45.5]
    assert notes_of(items) == []


def test_one_number_among_words_needs_no_note(read_feed: ReadFeed) -> None:
    text = "id\ttitle\timage\tx\n1\tA\ta.jpg\t1.299\n2\tB\tb.jpg\toak\n"
    assert notes_of(read_feed("p.tsv", text)) == []


def test_the_text_of_numbers_is_kept_beside_them(read_feed: ReadFeed) -> None:
    (row,) = rows_of(read_feed("p.csv", "id,image,x,y,z\n1,a.jpg, 12.50 ,TRUE,oak\n"))
    assert dict(row.product.attributes) == {"x": 12.5, "y": True, "z": "oak"}
    assert dict(row.cells) == {"x": "12.50", "y": "TRUE"}


def test_excels_line_about_the_delimiter_may_stand_in_quotes(read_feed: ReadFeed) -> None:
    (row,) = rows_of(read_feed("p.csv", '"sep=;"\r\nid;title;image\r\n1;A;a.jpg\r\n'))
    assert (row.product.title, row.line) == ("A", 3)


def test_a_mark_in_the_middle_of_files_put_together_is_no_part_of_an_id(
    read_feed: ReadFeed,
) -> None:
    text = "\ufeffid,image\n1,a.jpg\n\ufeff2,b.jpg\n"
    assert [row.product.id for row in rows_of(read_feed("p.csv", text))] == ["1", "2"]


@pytest.mark.parametrize("name", ["p.csv", "p.jsonl"])
def test_a_file_that_is_written_to_while_it_is_read_is_refused(shop: Path, name: str) -> None:
    row = "{},a.jpg\n" if name == "p.csv" else '{{"id": "{}", "image": "a.jpg"}}\n'
    head = "id,image\n" if name == "p.csv" else ""
    path = shop / name
    path.write_text(head + "".join(row.format(number) for number in range(5_000)))
    items = open_feed(path).items()
    next(items)
    with path.open("a") as file:
        file.write(row.format("late"))
    with pytest.raises(InvalidFeedError, match="written to while it was read"):
        list(items)


def test_a_file_that_is_cut_short_while_it_is_read_is_refused(shop: Path) -> None:
    path = shop / "p.csv"
    path.write_text("id,image\n" + "".join(f"{number},a.jpg\n" for number in range(50_000)))
    items = open_feed(path).items()
    next(items)
    path.write_text("")
    with pytest.raises(InvalidFeedError, match="written to while it was read"):
        list(items)


# In a row's own right each line leaves a quote open, and inside of quotes it closes and opens one.
_OPENING = 'a.jpg","a.jpg,""\n'


@pytest.mark.parametrize("lines", [2_000, 4_000])
def test_quotes_that_stay_open_to_the_end_are_not_followed_there_from_every_row(
    read_feed: ReadFeed, monkeypatch: pytest.MonkeyPatch, lines: int
) -> None:
    read = 0
    original = RereadableLines.__next__

    def counted(self: RereadableLines) -> str:
        nonlocal read
        read += 1
        return original(self)

    monkeypatch.setattr(RereadableLines, "__next__", counted)
    with pytest.raises(InvalidFeedError, match="quotes"):
        read_feed("p.csv", "id,title,image\n" + _OPENING * lines)
    assert read < 15 * lines + 15_000


def records_of(path: Path, block_characters: int, *, at_a_glance: bool) -> list[RecordItem] | str:
    """The records of a file, or why it is refused."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(text_encoding, "_BLOCK_CHARACTERS", block_characters)
        if not at_a_glance:
            patched.setattr(RereadableLines, "plain_ahead", lambda _: iter(()))
        try:
            return list(DelimitedRecords(FeedFile(path)).records(KeyColumns("id", ("image",))))
        except InvalidFeedError as error:
            return str(error)


_PIECES = st.sampled_from(
    [",", '"', '""', "\n", "\r\n", "\r", "a", "1", " ", "b.jpg", "ş", '="007"', "\0", "\ufeff"]
)


@given(
    text=st.lists(_PIECES, max_size=60).map("".join),
    block_characters=st.integers(1, 40),
    damaged=st.booleans(),
)
@example(text='1,"a\nb",c.jpg\n2,d,e.jpg', block_characters=7, damaged=False)
@example(text="1,a,b.jpg\r\n2,c", block_characters=9, damaged=True)
@settings(max_examples=200, deadline=None)
def test_rows_read_at_a_glance_are_those_that_a_closer_look_finds(
    text: str, block_characters: int, damaged: bool
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "p.csv")
        content = f"id,title,image\n9,whole,z.jpg\n{text}".encode()
        path.write_bytes(content.replace(b"1", b"\xff") if damaged else content)
        closely = records_of(path, 1 << 16, at_a_glance=False)
        assert records_of(path, block_characters, at_a_glance=True) == closely
        assert records_of(path, 1 << 16, at_a_glance=True) == closely


def test_a_line_that_is_too_long_is_passed_over_whatever_ends_it(shop: Path) -> None:
    path = shop / "p.csv"
    long = "x" * (LIMIT_LINE_CHARACTERS + 5)
    path.write_text(f"id,image\r\n1,a.jpg\r\n2,{long}\r\n3,a.jpg\r\n", newline="")
    found = records_of(path, 1 << 16, at_a_glance=True)
    assert [getattr(item, "line", 0) for item in found] == [2, 3, 4]


def test_many_rows_broken_alike_one_after_another_are_told_together(shop: Path) -> None:
    lines = ["id,title,image", *(["torn"] * 100_001), "1,Stool,a.jpg", "torn", "2,Lamp,b.jpg"]
    (shop / "p.csv").write_text("\n".join(lines) + "\n")
    items = list(DelimitedRecords(FeedFile(shop / "p.csv")).records())
    rows = [item.line for item in items if isinstance(item, Record)]
    assert rows == [100_003, 100_005]
    told = [item for item in items if isinstance(item, SetAside)]
    assert [item.line for item in told] == [*range(2, 103), 100_004]
    assert told[99].reason == "The row has 1 cells under a header of 3."
    assert told[100].reason == (
        "The row has 1 cells under a header of 3. "
        "The same is so of 99,900 more, up to line 100,002."
    )
    assert told[100].hides_ids
    assert not told[100].product_id


def test_a_hundred_rows_broken_alike_are_told_one_by_one(shop: Path) -> None:
    for count in (99, 100, 101):
        lines = ["id,title,image", *(["torn"] * count), "1,Stool,a.jpg"]
        (shop / "p.csv").write_text("\n".join(lines) + "\n")
        items = list(DelimitedRecords(FeedFile(shop / "p.csv")).records())
        reasons = [item.reason for item in items if isinstance(item, SetAside)]
        assert reasons == ["The row has 1 cells under a header of 3."] * count


def test_the_end_of_a_line_too_long_is_found_without_reading_it_again_and_again(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parted = 0

    class Counting(io.StringIO):
        def __init__(self, text: str, newline: str) -> None:
            nonlocal parted
            parted += len(text)
            super().__init__(text, newline)

    length = 16 * LIMIT_LINE_CHARACTERS
    (shop / "p.csv").write_text(f"id,title,image\n1,{'x' * length},a.jpg\r\n2,Lamp,b.jpg\n")
    source = DelimitedRecords(FeedFile(shop / "p.csv"))
    source.columns()
    monkeypatch.setattr(io, "StringIO", Counting)
    problem, row = source.records()
    assert isinstance(problem, SetAside)
    assert isinstance(row, Record)
    assert (problem.line, row.line) == (2, 3)
    assert parted < 2 * length


@pytest.mark.parametrize(
    ("above", "line"),
    [
        ("Products of 1 December\n\n", 3),
        ("Rapor;;;\n;;;\n", 3),
        ('"Report, all"\n', 2),
        ("TemplateType=fptcustom;Version=2021;The top 3 rows are for Amazon\nA;B;C;D\n", 3),
        ("settings=attributeRow=2&language=en_US;x\n", 2),
    ],
)
def test_lines_above_the_header_are_passed_over_and_told(
    read_feed: ReadFeed, above: str, line: int
) -> None:
    items = read_feed("list.csv", f"{above}sku;name;image;price\n1;Oak chair;a.jpg;9,90\n")
    (row,) = rows_of(items)
    assert (row.product.title, row.line) == ("Oak chair", line + 1)
    (note,) = [item.text for item in items if isinstance(item, FeedNote) and "above" in item.text]
    assert note.endswith(f"; line {line} names them.")


@pytest.mark.parametrize(
    "text", ["title\nOak chair\n", "name,\nOak chair,\n", "a\n" * 12 + "x,y,z\n"]
)
def test_one_column_alone_is_a_header_as_well(read_feed: ReadFeed, text: str) -> None:
    with pytest.raises(InvalidFeedError, match=r"No column of the feed .* holds images"):
        read_feed("list.csv", text)
