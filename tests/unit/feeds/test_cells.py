"""Cells as what they are, decimal marks by evidence, names of columns, texts and paths, limits."""

from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.domain import Product, SetAside
from furniture_prompter.feeds.cells import (
    LIMIT_NAME_CHARACTERS,
    ColumnEvidence,
    DecimalMark,
    UnusableValueError,
    column_name,
    decimal_marks,
    is_code,
    is_doubtful,
    mark_of_file,
    marks_of,
    shown,
    typed,
)
from furniture_prompter.feeds.image_cells import references
from furniture_prompter.feeds.rows import (
    LIMIT_ID,
    LIMIT_PATH_CHARACTERS,
    ImageFolder,
    attribute,
    identifier,
    is_address,
    read_product,
    tags_of,
)
from furniture_prompter.feeds.stray_quotes import RowShape, id_at_least, swallowed
from furniture_prompter.feeds.values.text import LIMIT_LEVELS, category_paths, html_to_text


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        *(("12", ".,"), ("-12", ".,"), ("+0", ".,"), ("12.5", "."), ("12,5", ",")),
        *(
            ("1.299", ".,"),
            ("12,500", ".,"),
            ("1.299.000", ","),
            ("1,299.5", "."),
            ("1.299,5", ","),
        ),
        *(
            ("1299.000", "."),
            ("0.500", "."),
            ("0,500", ","),
            ("007", ""),
            ("-007", ""),
            ("00.5", ""),
        ),
        *(("1e5", "."), ("1e123", ""), ("1,5e3", ""), ("12a", ""), ("", ""), ("a", ""), (".5", "")),
        *(("123456789012345", ".,"), ("1234567890123456", ""), ("１２", ""), (" 12 ", ".,")),
        *(("1,29,900", ""), ("1.29.5", ""), ("--5", ""), ("5-", "")),
    ],
)
def test_the_marks_with_which_text_is_a_number(text: str, marks: str) -> None:
    assert "".join(marks_of(text)) == marks


@pytest.mark.parametrize(
    ("text", "mark", "value"),
    [
        *(
            (" ", ".", None),
            ("true", None, True),
            (" FALSE ", None, False),
            ("truth", None, "truth"),
        ),
        *(("12", None, 12.0), ("-12", None, -12.0), ("12.5", None, "12.5"), ("12.5", ".", 12.5)),
        *(("12.5", ",", "12.5"), ("1.299", ",", 1299.0), ("1.299", ".", 1.299), ("1,5", ",", 1.5)),
        *(("1,299.5", ".", 1299.5), ("1.299,5", ",", 1299.5), ("1e3", ".", 1000.0)),
        *(
            ("0012", ".", "0012"),
            (" a ", ".", " a "),
            ("12 ", ",", 12.0),
            ("falsey", ".", "falsey"),
        ),
    ],
)
def test_a_cell_is_what_it_is(text: str, mark: DecimalMark | None, value: Any) -> None:
    assert typed(text, mark) == value
    assert type(typed(text, mark)) is type(value)


@pytest.mark.parametrize(
    ("text", "code", "doubtful"),
    [
        *((" 00123 ", True, False), ("0", False, False), ("01", True, False), ("10", False, False)),
        *(("123456789012345", False, False), ("1234567890123456", True, False)),
        *(("-01", True, False), ("٠١", False, False), ("0.1", False, False), ("a", False, False)),
        *(("1.299", False, True), ("12,500", False, True), ("12,50", False, False)),
        *(("-1.299", False, True), ("1.299.000", False, False), ("0.299", False, False)),
    ],
)
def test_codes_and_doubtful_numbers(text: str, *, code: bool, doubtful: bool) -> None:
    assert (is_code(text), is_doubtful(text)) == (code, doubtful)


def evidence(*texts: str) -> ColumnEvidence:
    found = ColumnEvidence()
    for text in texts:
        found.add(text)
    return found


@pytest.mark.parametrize(
    ("texts", "points", "commas", "doubtful", "numbers", "others"),
    [
        (["1.5", "2,5", "2,50"], 1, 2, "", 3, 0),
        (["12", "7", "123456789012345"], 0, 0, "", 3, 0),
        (["1234567890123456", "0012", "a", "?"], 0, 0, "", 0, 4),
        ([" 1.299 ", "2.299"], 0, 0, "1.299", 2, 0),
        (["", "  "], 0, 0, "", 0, 0),
        (["₺1.299,00", "$5.50", "€1.299"], 1, 1, "", 0, 3),
        (["5.50 €", "5.50 " + "€".rjust(28), "Width 1,60"], 1, 0, "", 0, 3),
        (["12", "1.299"], 0, 0, "1.299", 2, 0),
    ],
)
def test_what_cells_tell_of_their_column(
    texts: list[str], points: int, commas: int, doubtful: str, numbers: int, others: int
) -> None:
    found = evidence(*texts)
    assert found.certain == {".": points, ",": commas}
    assert (found.doubtful, found.numbers, found.others) == (doubtful, numbers, others)


@pytest.mark.parametrize(
    ("texts", "mark", "silent", "needs_telling"),
    [
        (["1.5"], ".", False, False),
        (["1,5"], ",", False, False),
        (["1.5", "1,5"], None, False, False),
        (["1.5", "1,5", "2,5"], ",", False, False),
        (["1.299"], None, True, True),
        (["1.299", "a"], None, True, False),
        (["1.299", "2", "a"], None, True, True),
        (["12"], None, True, False),
    ],
)
def test_the_mark_of_a_column(
    texts: list[str], mark: str | None, *, silent: bool, needs_telling: bool
) -> None:
    found = evidence(*texts)
    assert (found.mark, found.silent, found.needs_telling) == (mark, silent, needs_telling)


def test_columns_that_tell_nothing_take_the_mark_of_the_others() -> None:
    point, comma, both, none = map(evidence, ("1.5", "1,5", "1.5", "12"))
    both.add("1,5")
    assert mark_of_file([point, none]) == "."
    assert mark_of_file([point, comma]) is None
    assert mark_of_file([both]) is None
    assert decimal_marks({"a": comma, "b": none, "c": both}, ".") == {"a": ",", "b": ",", "c": None}
    assert decimal_marks({"a": comma, "p": point, "n": none}, ".")["n"] == "."
    assert decimal_marks({"n": none}, None) == {"n": None}
    priced = ColumnEvidence()
    for text in ("from 9,50 €", "", " ", "ask", "1.299"):
        priced.add_price(text)
    assert (priced.certain[","], priced.numbers, priced.others) == (1, 2, 1)


def test_names_of_columns_are_limited() -> None:
    assert column_name("x" * LIMIT_NAME_CHARACTERS) == "x" * 64
    for name in ("x" * 65, "1st", "_ 1"):
        with pytest.raises(UnusableValueError):
            column_name(name)
    assert [column_name(name) for name in ("Größe", "Ørsted", "colours", "a--b_")] == [
        "grosse",
        "orsted",
        "colors",
        "a_b",
    ]


@pytest.mark.parametrize(
    ("value", "length", "text"),
    [
        *(("x" * 58, 60, f"'{'x' * 58}'"), ("x" * 59, 60, f"'{'x' * 58}…"), (12, 60, "12")),
        *(("abc", 5, "'abc'"), ("abc", 4, "'ab…"), ("\ud800ş", 60, "'\\ud800\\u015f'")),
    ],
)
def test_a_value_is_quoted_up_to_a_length(value: object, length: int, text: str) -> None:
    assert shown(value, length) == text


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("A > B|C > D", ["A/B", "C/D"]),
        ("A|B", ["A/B"]),
        ("A > B, C > D, E", ["A/B", "C/D, E"]),
        ("Home/A/B,Home/C/D", ["A/B", "C/D"]),
        ("Home/A", ["A"]),
        ("Home", ["Home"]),
        ("A/B/C", ["A/B/C"]),
        ("A / B", ["A/B"]),
        ("A → B » C", ["A/B/C"]),
        ("A > > B", ["A/B"]),
        ("A > B, A > B", ["A/B"]),
    ],
)
def test_how_paths_are_parted(text: str, paths: list[str]) -> None:
    assert ["/".join(path) for path in category_paths(text)] == paths


@pytest.mark.parametrize("text", ["/A/B/", "A/B", "TV/Media "])
def test_one_slash_may_stand_in_a_name(text: str) -> None:
    assert category_paths(text) == ((text.strip().strip("/"),),)


def test_levels_of_a_path_are_limited() -> None:
    levels = [f"L{number}" for number in range(LIMIT_LEVELS + 1)]
    assert category_paths(" > ".join(levels)) == (tuple(levels[:LIMIT_LEVELS]),)
    # The root over all is none of them.
    assert len(category_paths(" > ".join(["Home", *levels[:LIMIT_LEVELS]]))[0]) == LIMIT_LEVELS


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a < b & c", "a < b & c"),
        ("a &lt; b &amp; c", "a < b & c"),
        ("&lt;b&gt;x&lt;/b&gt; &amp;amp;", "x &"),
        ("<p>a</p><p></p><p> b  c </p>", "a\nb c"),
        ("x<br>y", "x\ny"),
        ("<b>x</b> tail &amp; <", "x tail & <"),
        ("<b>x</b> tail <i", "x tail"),
        ("<b>x", "x"),
    ],
)
def test_html_becomes_lines(text: str, plain: str) -> None:
    assert html_to_text(text) == plain


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        *((None, None), (True, True), (5, 5.0), (2.5, 2.5), (2**53, float(2**53)), (" a ", "a")),
        *(("", None), ([], None), (["a", "a", None, " ", True, 2.5], ("a", "true", "2.5"))),
        *(("x" * 4_000, "x" * 4_000), (["x" * 1_999, "y" * 1_999], ("x" * 1_999, "y" * 1_999))),
    ],
)
def test_values_of_the_shops_own_columns(value: Any, kept: Any) -> None:
    assert attribute("c", value) == kept


@pytest.mark.parametrize(
    ("value", "told"),
    [
        *((2**53 + 1, "too long to be kept"), (-(2**53) - 1, "too long"), (10**50, "50 digits")),
        *((float("inf"), "no number"), ("x" * 4_001, "4,001 characters"), ({}, "an object")),
        *((["x" * 2_000, "y" * 1_999], "4,001 characters"), ([[1]], "a list"), ([{}], "an object")),
    ],
)
def test_values_that_cannot_be_kept(value: Any, told: str) -> None:
    with pytest.raises(UnusableValueError, match=told):
        attribute("c", value)


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        *(("a, b,a", ("a", "b")), ("a|b,c", ("a", "b,c")), (["a,b", " c "], ("a,b", "c"))),
        *((None, ()), ("", ()), ([str(n) for n in range(100)] * 2, tuple(map(str, range(100))))),
        (["x" * 500], ("x" * 500,)),
    ],
)
def test_tags(value: Any, tags: tuple[str, ...]) -> None:
    assert tags_of(value) == tags


def test_tags_and_ids_are_limited() -> None:
    for value in ([str(number) for number in range(101)], ["x" * 501], 7, [7]):
        with pytest.raises(UnusableValueError):
            tags_of(value)
    assert identifier("x" * LIMIT_ID) == "x" * LIMIT_ID
    assert identifier(0) == "0"
    for unusable in ("x" * (LIMIT_ID + 1), "", "  ", None, True, 1.5, "a\nb", "a\tb"):
        with pytest.raises(UnusableValueError):
            identifier(unusable)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"id": 1, "ID": 2}, "'id' and 'ID' are the same"),
        ({"id": 1, "image": "a.jpg"}, "names image files"),
        ({"id": 1, "price": float("nan")}, "price is nan"),
        ({"title": "x"}, "no id"),
        ({"id": 1, **{f"c{n}": n for n in range(201)}}, "201 columns"),
    ],
)
def test_a_row_that_is_written_whole_is_refused_whole(fields: dict[str, Any], told: str) -> None:
    problem = read_product(fields, Path("body"), 3)
    assert isinstance(problem, SetAside)
    assert told in problem.reason
    assert (problem.line, problem.product_id) == (3, "1" if "id" in fields else "")
    fine = read_product({"id": 1, **{f"c{n}": n for n in range(200)}}, Path("body"), 3)
    assert isinstance(fine, Product)
    assert (fine.title, len(fine.attributes)) == ("1", 200)
    colored = read_product({"id": 1, "colors": ["a", " b "], "color": None}, Path("body"), 3)
    assert isinstance(colored, Product)
    assert colored.color == "a, b"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        *(("https://x.de/a.jpg", True), ("//x.de/a.jpg", True), ("s3://b/a.jpg", True)),
        *(("data:image/png;base64,x", True), ("ftp:x", True), ("a.jpg", False), ("/a.jpg", False)),
        *(("c:/a.jpg", False), ("a//b.jpg", False)),
    ],
)
def test_addresses_are_told_from_paths(reference: str, *, expected: bool) -> None:
    assert is_address(reference) == expected


def test_images_lie_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(b"x")
    folder = ImageFolder(tmp_path)
    here = tmp_path.resolve()
    for _ in range(2):
        assert folder.place("in/a.jpg") == (here / "in" / "a.jpg", "")
        assert folder.locate("in/../in/a.jpg") == here / "in" / "a.jpg"
        assert folder.locate(f"{here}/in/a.jpg") == here / "in" / "a.jpg"
    assert folder.is_named_by(here / "in" / "a.jpg", "in/a.jpg")
    assert not folder.is_named_by(here / "in" / "a.jpg", "./in/a.jpg")
    for reference, told in (
        ("in", "is a folder"),
        ("in/b.jpg", "is missing"),
        ("in\\b.jpg", "is missing"),
        ("../a.jpg", "outside"),
        ("/etc/passwd", "outside"),
        ("x" * (LIMIT_PATH_CHARACTERS + 1), "no path"),
        ("a\0b", "no path"),
        ("https://x.de/a.jpg", "is an address"),
        ("s3://x/a.jpg", "are not downloaded from"),
    ):
        with pytest.raises(UnusableValueError, match=told):
            folder.place(reference)
    with pytest.raises(UnusableValueError, match="is missing"):
        folder.locate("x/" * 100 + "y")
    fetched = ImageFolder(tmp_path, lambda address: Path("/got", address[-5:]))
    assert fetched.place("//x.de/a.jpg") == (Path("/got/a.jpg"), "https://x.de/a.jpg")
    with pytest.raises(UnusableValueError, match="are not downloaded from"):
        fetched.place("ftp://x.de/a.jpg")


@pytest.mark.parametrize(
    ("value", "split", "names"),
    [
        *((" a.jpg ", False, ["a.jpg"]), ("a.jpg|b.jpg", False, ["a.jpg|b.jpg"]), (" ", False, [])),
        *((" ", True, []), ("|a.jpg||b.jpg|", True, ["a.jpg", "b.jpg"])),
        *(("a.jpg,b", True, ["a.jpg,b"]), ("a.jpg,b.png", True, ["a.jpg", "b.png"])),
        *(("[]", True, []), ('["a.jpg", " ", 7, {"href": "b.jpg"}]', True, ["a.jpg", "b.jpg"])),
        *(([" a.jpg ", "", ["b.jpg|c.jpg"]], True, ["a.jpg", "b.jpg|c.jpg"]), ([], True, [])),
    ],
)
def test_cells_of_images(value: Any, names: list[str], *, split: bool) -> None:
    assert references(value, "image", split=split) == names


SHAPE = RowShape(",", 3, 0, (2,), is_spaced=False)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (['1,"Oslo,a.jpg\n', "2,Chair,b.jpg\n"], (1, True)),
        (['1,"Oslo,a.jpg\n', "text\n", "2,Chair,b.jpg\n"], (2, True)),
        (['1,"Oslo\n', "2,Chair,b.jpg\n"], (1, False)),
        (['1,"Oslo\n', "x,y,z\n", "2,Chair,b.jpg\n"], (2, True)),
        (['1,"Oslo,a.jpg\n', "2,Chair,none\n"], (1, False)),
        (['1,"Oslo,a.jpg\n', "2,Chair,none\n", "3,Sofa,c.jpg\n"], (2, True)),
        (['1,"Oslo,a.jpg\n', "one two three four five,x,b.jpg\n"], None),
        (['1,"Oslo,a.jpg\n', "one two three four,x,b.jpg\n"], (1, True)),
        (['1,"Oslo,a.jpg\n', ",x,b.jpg\n"], None),
        (['1,"Oslo,a.jpg\n', f"{'x' * 200},x,b.jpg\n"], (1, True)),
        (['1,"Oslo,a.jpg\n', f"{'x' * 201},x,b.jpg\n"], None),
        (['1,"Oslo,a.jpg\n', "soft, warm, wide\n"], None),
        (['1,"Oslo,a.jpg\n', "soft, warm,wide\n"], (1, False)),
        (['1,"Oslo,a.jpg\n', "2,Chair\n"], None),
        (['1,"Oslo,a.jpg\n', "2,Chair,b.jpg,,\n"], (1, True)),
        (['1,"Oslo,a.jpg\n', "2,Chair,b.jpg,x\n"], (1, False)),
        (['1,"Oslo,a.jpg\n', "2,Chair,none,x\n"], None),
        (["1,Oslo,a.jpg\n"], None),
    ],
)
def test_lines_in_quotes_that_are_rows(
    tmp_path: Path, lines: list[str], found: tuple[int, bool] | None
) -> None:
    told = swallowed(lines, SHAPE, ImageFolder(tmp_path))
    assert (told and (told.below, told.is_certain)) == found
    nobody = RowShape(",", 3, None, (2,), is_spaced=False)
    assert swallowed(lines, nobody, ImageFolder(tmp_path)) is None


def test_the_id_of_a_row_that_cannot_be_read() -> None:
    assert id_at_least(["7 ", "x"], SHAPE) == "7"
    assert id_at_least([], SHAPE) == ""
    assert id_at_least(["a\nb"], SHAPE) == ""
    assert id_at_least(["a", "b"], RowShape(",", 2, 1, (), is_spaced=False)) == "b"
    assert id_at_least(["a"], RowShape(",", 2, None, (), is_spaced=False)) == ""


@pytest.mark.parametrize("name", ["price", "sale_price", "Sale Price"])
@pytest.mark.parametrize(
    ("amount", "told"),
    [(1e12, ""), (1.01e12, "above 1,000,000,000,000"), (0, "no price"), (-5, "below 0")],
)
def test_a_price_that_is_sent_is_held_to_what_feeds_are(
    name: str, amount: float, told: str
) -> None:
    found = read_product({"id": "1", name: amount}, Path("body"), 1)
    if told:
        assert isinstance(found, SetAside)
        assert told in found.reason
        assert found.cure
    else:
        assert isinstance(found, Product)
        assert [*found.attributes.values()] == [amount]


def test_other_numbers_and_prices_in_words_are_stored_as_they_are() -> None:
    found = read_product({"id": "1", "price": "on request", "seats": 0}, Path("body"), 1)
    assert isinstance(found, Product)
    assert dict(found.attributes) == {"price": "on request", "seats": 0}
