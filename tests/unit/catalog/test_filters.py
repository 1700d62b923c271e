import operator
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from furniture_prompter.catalog.filter_parser import _expected, _meant
from furniture_prompter.catalog.filters import (
    LIMIT_CHARACTERS,
    LIMIT_DEPTH,
    LIMIT_LIST,
    ColumnType,
    compile_filter,
    text_literal,
)
from furniture_prompter.domain import Product
from furniture_prompter.domain.wording import as_kept, one_line, part_as_kept
from furniture_prompter.errors import InvalidFilterError
from furniture_prompter.feeds.rows import read_product

COLUMNS = {
    "id": ColumnType.TEXT,
    "title": ColumnType.TEXT,
    "color": ColumnType.TEXT,
    "price": ColumnType.NUMBER,
    "old_price": ColumnType.NUMBER,
    "on_sale": ColumnType.BOOLEAN,
    "tags": ColumnType.TEXTS,
    "between": ColumnType.TEXT,
}

ROWS = pa.table(
    {
        "id": ["chair", "stool", "sofa", "rug"],
        "title": ["O'Brien's chair", "50% off_cut stool", 'Sofa "Büyük" \\ IŞIK', "İSKEMLE rug"],
        "color": ["red", "", None, "Dark Red"],
        "price": pa.array([99.5, -5.0, None, 300.0], pa.float64()),
        "old_price": pa.array([120.0, None, 10.0, 300.0], pa.float64()),
        "on_sale": [True, False, None, True],
        "tags": [["oak", "it's"], [], ["Oak"], ["oak", "wool"]],
        "between": ["a", "b", "c", "d"],
    }
)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> lancedb.table.Table:
    database = lancedb.connect(tmp_path_factory.mktemp("filters"))
    return database.create_table("products", ROWS)


def matching(table: lancedb.table.Table, expression: str) -> set[str]:
    predicate = compile_filter(expression, COLUMNS)
    return {row["id"] for row in table.search().where(predicate).limit(1000).to_list()}


@pytest.mark.parametrize(
    ("expression", "ids"),
    [
        ("title = 'O''Brien''s chair'", "chair"),
        ("title = \"O'Brien's chair\"", "chair"),
        ('title == "Sofa ""Büyük"" \\ IŞIK"', "sofa"),
        ("title = 'o''brien''s chair'", ""),
        ("id <> 'chair'", "stool sofa rug"),
        ("id != 'chair'", "stool sofa rug"),
        ("id >= 'sofa'", "sofa stool"),
        ("price < 100", "chair stool"),
        ("100 > price", "chair stool"),
        ("price <= 99.5 AND price > -5", "chair"),
        ("price = -5", "stool"),
        ("price = 3e2 or price = .995e+2", "rug chair"),
        ("price < old_price", "chair"),
        ("price between -5 and 99.5", "chair stool"),
        ("price not between -5 and 99.5", "rug"),
        ("id in ('chair', 'rug', 'nothing')", "chair rug"),
        ("id not in ('chair', 'rug')", "stool sofa"),
        ("on_sale", "chair rug"),
        ("not on_sale", "stool"),
        ("on_sale = false", "stool"),
        ("on_sale in (TRUE, False)", "chair stool rug"),
        ("title like '%CHAIR'", "chair"),
        ("title like '__% off%'", "stool"),
        (r"title like '50\% off\_%'", "stool"),
        (r"title like '50\_%'", ""),
        (r"title like '%\\ %'", "sofa"),
        ("title not like '%r%'", "stool sofa"),
        ("title contains '%'", "stool"),
        ("title contains '_'", "stool"),
        ("title contains '\\'", "sofa"),
        ('title contains "brien\'s"', "chair"),
        ("title contains 'ışık' and title contains 'BÜYÜK'", "sofa"),
        ("title contains 'iskemle' or title contains 'işik'", "rug sofa"),
        ("title not contains 'a'", "stool rug"),
        ("tags contains 'oak'", "chair rug"),
        ("'oak' in tags", "chair rug"),
        ("'oak' not in tags", "sofa"),
        ("tags not contains 'oak'", "sofa"),
        ("not tags contains 'oak' or tags is null", "sofa stool"),
        ("tags contains 'it''s'", "chair"),
        ("tags is null", "stool"),
        ("tags is not null", "chair sofa rug"),
        ("color is null", "stool sofa"),
        ("color is not null", "chair rug"),
        ("color != 'red'", "rug"),
        ("not color = 'red'", "rug"),
        ("color not in ('red', 'blue')", "rug"),
        ("color not contains 'dark'", "chair"),
        ("color not like 'dark%'", "chair"),
        ("color < 'zzz'", "chair rug"),
        ("color between '' and 'zzz'", "chair rug"),
        ("color not between 'a' and 'b'", "chair rug"),
        ("color != '' and color contains '' and color >= ''", "chair rug"),
        ("color != title", "chair rug"),
        ("title != color", "chair rug"),
        ("price IS NULL", "sofa"),
        ("price is not null", "chair stool rug"),
        ("price != 300", "chair stool"),
        ("not price = 300", "chair stool"),
        ("`between` between 'b' and 'c'", "stool sofa"),
        ("id='chair'or\n\tid='rug'", "chair rug"),
        ("id = ' chair ' or id in ('\u202erug', 'r\x00ug')", "chair rug"),
        ("title = 'O''Brien''s\u00a0 chair'", "chair"),
        ("title contains 'Bu\u0308yu\u0308k'", "sofa"),
        ("title like '%Bu\u0308yu\u0308k%IS\u0327IK '", "sofa"),
        ("title contains ' chair' and title contains 's\tch'", "chair"),
        ("title contains 'hair '", ""),
        ("tags contains ' oak'", "chair rug"),
        ("id = 'rug' or id = 'chair' and price > 100", "rug"),
        ("(id = 'rug' or id = 'chair') and price < 100", "chair"),
        ("not (id = 'rug' or price < 0) ", "chair"),
        ("not (on_sale and price > 100)", "chair stool"),
        ("NOT NOT id = 'rug'", "rug"),
    ],
)
def test_an_expression_finds_its_products(
    table: lancedb.table.Table, expression: str, ids: str
) -> None:
    assert matching(table, expression) == set(ids.split())


@pytest.mark.parametrize(
    ("expression", "words", "place"),
    [
        ("prise < 300", "no column `prise`. Did you mean `price`? This catalog has: between,", 0),
        ("PRICE < 300", "Did you mean `price`?", 0),
        ("color = red", "quote it: 'red'", 8),
        ("__number = 3", "no column `__number`", 0),
        ("price < '300'", "`price` holds numbers. Compare it with a number without quotes", 8),
        ("title = 300", "`title` holds text. Compare it with a text in quotes", 8),
        ("title = 4", "a text in quotes, such as '4'", 8),
        ("title = 4.5", "a text in quotes, such as '4.5'", 8),
        ("title in ('a', 3)", "`title` holds text", 15),
        ("on_sale = 'yes'", "true or false without quotes", 10),
        ("on_sale < true", "no order", 0),
        ("price = title", "Compare columns of one kind", 8),
        ("price", "cannot stand alone. Compare it: price = 300", 0),
        ("tags = 'oak'", "Write: tags contains 'oak'", 0),
        ("tags in ('oak')", "tags contains 'oak' or", 0),
        ("tags like 'oak'", "Write: tags contains 'oak'", 0),
        ("price like '3%'", "LIKE searches text", 0),
        ("price contains '3'", "CONTAINS searches text", 0),
        ("title like 3", "holds text", 11),
        ("1 = 1", "Two values are compared", 0),
        ("price < 1e999", "beyond the range", 8),
        ("title = 'open", "no closing quote", 8),
        ("title = ‘curly’", "straight quotes", 8),
        ("color = ' '", "An empty text is no value, which nothing is equal to. Write: color is", 8),
        ("'' = color", "Write: color is null", 0),
        ("price < 3x", "not a number", 8),
        ("price <", "the filter ends where a column, a number", 7),
        ("price < 3 and  ", "the filter ends where", 13),
        ("price < 3)", "`)` stands where the end", 9),
        ("(price < 3", "the filter ends where )", 10),
        ("price in ()", "`)` stands where a number", 10),
        ("price & 3", "'&' means nothing", 6),
        ("title = '\ud800'", "surrogate", 8),
    ],
)
def test_a_wrong_expression_is_refused_with_a_caret_under_the_place(
    expression: str, words: str, place: int
) -> None:
    with pytest.raises(InvalidFilterError) as caught:
        compile_filter(expression, COLUMNS)
    reason, shown, caret = str(caught.value).splitlines()
    assert words in reason
    assert shown == f"  {expression}"
    assert caret == "  " + " " * place + "^"


@pytest.mark.parametrize(
    ("expression", "meant", "place"),
    [
        ("price < 45.000,50", "45000.50", 8),
        ("price < 1.299,90 TL", "1299.90", 8),
        ("price < 1.299.000", "1299000", 8),
        ("price < 12,5", "12.5", 8),
        ("price < 45 000", "45000", 8),
        ("price < 500 tl and stock", "500", 8),
        ("price < 500€", "500", 8),
        ("price < €500", "500", 8),
        ("price < %50", "50", 8),
        ("price < 50%", "50", 8),
        ("price in (1.299,90 TL)", "1299.90", 10),
        ("price between 1,5 and 3", "1.5", 14),
    ],
)
def test_a_number_as_people_write_it_is_refused_with_the_right_one(
    expression: str, meant: str, place: int
) -> None:
    with pytest.raises(InvalidFilterError) as caught:
        compile_filter(expression, COLUMNS)
    reason, _, caret = str(caught.value).splitlines()
    assert reason.startswith(f"Write {meant} for ")
    assert caret.index("^") == place + 2


@pytest.mark.parametrize(
    ("expression", "first", "second", "place"),
    [
        ("price < 45.000", "45000", "45", 8),
        ("price between 1.000 and 2", "1000", "1", 14),
        ("price in (5, 45.000)", "45000", "45", 13),
        ("45.000 > price", "45000", "45", 0),
        ("price in (45.000,60.000)", "45000", "45", 10),
    ],
)
def test_a_number_that_may_be_thousands_is_asked_about(
    expression: str, first: str, second: str, place: int
) -> None:
    with pytest.raises(InvalidFilterError) as caught:
        compile_filter(expression, COLUMNS)
    reason, _, caret = str(caught.value).splitlines()
    assert f"Write {first}, or {second}:" in reason
    assert caret.index("^") == place + 2


@pytest.mark.parametrize("number", ["45.5", "45.00", "0.000", "4500.000", "1.250", "1e3", "-1.5"])
def test_a_number_that_can_be_no_thousands_is_one(number: str) -> None:
    assert compile_filter(f"price < {number}", COLUMNS)


@pytest.mark.parametrize("wrong", ["= 1e400", "in (1, 1e400)", "between 1 and 1e400", "< -1e400"])
def test_a_number_beyond_the_range_is_refused_wherever_it_stands(wrong: str) -> None:
    with pytest.raises(InvalidFilterError, match="beyond the range"):
        compile_filter(f"price {wrong}", COLUMNS)


@pytest.mark.parametrize(
    "expression",
    [
        "price < 500 foo",
        "price < 3x",
        "title = '1,5' 4",
        "price < 1.2.3",
        "price < 01.02.2024",
        "price in (1,2,3,4.5.6)",
        "price < 1.234.56",
        "price < 45 0000",
    ],
)
def test_what_is_no_number_of_peoples_is_refused_otherwise(expression: str) -> None:
    with pytest.raises(InvalidFilterError) as caught:
        compile_filter(expression, COLUMNS)
    assert not str(caught.value).startswith("Write ")


def test_a_long_expression_is_shown_around_the_place() -> None:
    expression = f"title = '{'x' * 300}' and prise < 3 and title = '{'y' * 300}'"
    with pytest.raises(InvalidFilterError) as caught:
        compile_filter(expression, COLUMNS)
    _, shown, caret = str(caught.value).splitlines()
    assert shown[caret.index("^") :].startswith("prise < 3")
    assert shown.startswith("  …")
    assert shown.endswith("…")


@pytest.mark.parametrize(
    "expression",
    [
        "id = 'rug'; drop table products",
        "id = 'rug' -- ",
        "id = 'rug' /* */",
        "id = 'rug' union select 1",
        "id = 'rug' or 1=1",
        "id = '' or ''=''",
        "id = 'a' 'b'",
        "id = 'rug' or true",
        "lower(id) = 'rug'",
        "id = (select 1)",
        "id = 'rug\\' or 1 = 1 or title = ' x'",
        "`id` or `1`=`1` = 'x'",
        "id = $1",
        "`id`` = 'rug'",
    ],
)
def test_an_injection_is_refused(expression: str) -> None:
    with pytest.raises(InvalidFilterError):
        compile_filter(expression, COLUMNS)


@pytest.mark.parametrize(
    "text",
    ["' or 1=1 --", "\\' or 1=1 --", "'' or ''='", "`id` = 'rug'", "x'); drop table products; --"],
)
def test_an_injection_inside_a_literal_is_only_text(table: lancedb.table.Table, text: str) -> None:
    literal = "'" + text.replace("'", "''") + "'"
    for expression in (
        f"id = {literal}",
        f"id in ({literal})",
        f"title like {literal}",
        f"title contains {literal}",
        f"tags contains {literal}",
        f"id between {literal} and {literal}",
    ):
        assert matching(table, expression) == set()
    assert table.count_rows() == 4


def any_text() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@settings(max_examples=30, deadline=None)
@given(texts=st.lists(any_text(), min_size=1, max_size=5, unique_by=one_line), double=st.booleans())
@example(
    texts=["'", "''", "\\", "\\'", "%", "_", "\x00", "\n", '"', "`", "İ", "i", "ı"], double=True
)
@example(texts=["Bu\u0308ro", "a  b", " c", "\ufeffd\u0307"], double=False)
def test_any_text_finds_exactly_the_row_that_keeps_it(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], double: bool
) -> None:
    database = lancedb.connect(tmp_path_factory.mktemp("round-trip"))
    kept = [one_line(text) for text in texts]
    rows = {"id": kept, "title": kept, "tags": [[text] if text else [] for text in kept]}
    table = database.create_table("products", pa.table(rows))
    quote = '"' if double else "'"
    for text, own in zip(texts, kept, strict=True):
        if not own:
            continue
        literal = quote + text.replace(quote, quote * 2) + quote
        for expression in (
            f"id = {literal}",
            f"title = {literal}",
            f"title in ({literal})",
            f"tags contains {literal}",
        ):
            predicate = compile_filter(expression, COLUMNS)
            found = [row["title"] for row in table.search().where(predicate).limit(99).to_list()]
            assert found == [own]
        own_literal = quote + own.replace(quote, quote * 2) + quote
        predicate = compile_filter(f"title contains {own_literal}", COLUMNS)
        found = [row["title"] for row in table.search().where(predicate).limit(99).to_list()]
        assert own in found
        folded = [with_one_i(each) for each in found]
        assert all(with_one_i(own).lower() in each.lower() for each in folded if each.isascii())


@pytest.mark.parametrize("column", ["title", "description", "own_column"])
@given(text=any_text())
@example("  Bu\u0308ro \t\x00 Chair \n\n  two\u2028three ")
def test_a_whole_text_is_asked_for_as_feeds_write_it(column: str, text: str) -> None:
    product = read_product({"id": "1", column: text}, Path("feed"), 1)
    assert isinstance(product, Product)
    kept = product.attributes.get(column, getattr(product, column, ""))
    if kept and kept != product.id:  # the title of a product that was given none
        asked = compile_filter(f"{column} = '{text.replace(QUOTE, QUOTE * 2)}'", {column: "text"})
        assert asked == f"(nullif(`{column}`, '') = {text_literal(str(kept))})"
    part = part_as_kept(column, text)
    assert part.strip() == as_kept(column, text)


QUOTE = "'"


def test_an_id_that_keeps_its_runs_of_spaces_is_found_by_it() -> None:
    columns = {"id": "text"}
    assert (
        compile_filter("id = 'a  b.jpg'", columns)
        == "(nullif(`id`, '') IN ('a b.jpg', 'a  b.jpg'))"
    )
    assert compile_filter("'7' != id", columns) == (
        "(nullif(`id`, '') IS NOT NULL AND nullif(`id`, '') NOT IN ('7'))"
    )


TERNARY = pa.table(
    {
        "id": ["1", "2", "3", "4", "5", "6"],
        "color": ["red", "", None, "dark red", "", "blue"],
        "wood": ["red", "oak", None, "", None, ""],
        "price": pa.array([1.0, None, 3.0, 2.0, None, 2.0], pa.float64()),
        "width": pa.array([1.0, 2.0, None, 1.0, None, 3.0], pa.float64()),
        "on_sale": pa.array([True, None, False, None, True, False], pa.bool_()),
        "tags": pa.array([["oak"], [], None, ["ash", "oak"], ["ash"], None], pa.list_(pa.string())),
    }
)
TERNARY_COLUMNS = {
    "id": ColumnType.TEXT,
    "color": ColumnType.TEXT,
    "wood": ColumnType.TEXT,
    "price": ColumnType.NUMBER,
    "width": ColumnType.NUMBER,
    "on_sale": ColumnType.BOOLEAN,
    "tags": ColumnType.TEXTS,
}
Row = dict[str, Any]
# What an expression says, and whether it holds for a row: None where SQL says NULL.
Condition = tuple[str, Callable[[Row], bool | None]]
COMPARE = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def value_of(row: Row, column: str) -> Any:
    value = row[column]
    return None if value in (None, "", []) else value


def known(test: Callable[..., bool], *columns: str) -> Callable[[Row], bool | None]:
    def holds(row: Row) -> bool | None:
        values = [value_of(row, column) for column in columns]
        return None if any(value is None for value in values) else test(*values)

    return holds


def opposite(holds: Callable[[Row], bool | None]) -> Callable[[Row], bool | None]:
    def holds_not(row: Row) -> bool | None:
        value = holds(row)
        return None if value is None else not value

    return holds_not


def leaves() -> st.SearchStrategy[Condition]:
    texts = st.sampled_from(["red", "dark red", "oak", "blue", "a", "zz"])
    numbers = st.sampled_from([1.0, 2.0, 2.5, 3.0])
    signs = st.sampled_from(sorted(COMPARE))
    columns = {
        "text": st.sampled_from(["color", "wood"]),
        "number": st.sampled_from(["price", "width"]),
        "any": st.sampled_from(sorted(TERNARY_COLUMNS)),
    }
    nots = st.booleans()

    def either(text: str, word: str, no: bool, holds: Callable[[Row], bool | None]) -> Condition:
        return text.format(f"not {word}" if no else word), opposite(holds) if no else holds

    return st.one_of(
        st.builds(
            lambda c, s, v: (f"{c} {s} '{v}'", known(lambda x: COMPARE[s](x, v), c)),
            columns["text"],
            signs,
            texts,
        ),
        st.builds(
            lambda c, s, v: (f"{v!r} {s} {c}", known(lambda x: COMPARE[s](v, x), c)),
            columns["number"],
            signs,
            numbers,
        ),
        st.builds(lambda s: (f"color {s} wood", known(COMPARE[s], "color", "wood")), signs),
        st.builds(lambda s: (f"width {s} price", known(COMPARE[s], "width", "price")), signs),
        st.just(("on_sale", known(bool, "on_sale"))),
        st.builds(
            lambda v, s: (
                f"on_sale {s} {str(v).lower()}",
                known(lambda x: COMPARE[s](x, v), "on_sale"),
            ),
            st.booleans(),
            st.sampled_from(["=", "!="]),
        ),
        st.builds(
            lambda c, vs, no: either(
                f"{c} {{}} ({', '.join(repr(v) for v in vs)})",
                "in",
                no,
                known(lambda x: x in vs, c),
            ),
            columns["text"],
            st.lists(texts, min_size=1, max_size=3),
            nots,
        ),
        st.builds(
            lambda c, a, b, no: either(
                f"{c} {{}} {a!r} and {b!r}", "between", no, known(lambda x: a <= x <= b, c)
            ),
            columns["number"],
            numbers,
            numbers,
            nots,
        ),
        st.builds(
            lambda c, v, no: either(f"{c} {{}} '{v}'", "contains", no, known(lambda x: v in x, c)),
            st.sampled_from(["color", "wood", "tags"]),
            texts,
            nots,
        ),
        st.builds(
            lambda c, v, no: either(
                f"{c} {{}} '%{v}'", "like", no, known(lambda x: x.endswith(v), c)
            ),
            columns["text"],
            texts,
            nots,
        ),
        st.builds(lambda c: (f"{c} is null", lambda row: value_of(row, c) is None), columns["any"]),
        st.builds(
            lambda c: (f"{c} is not null", lambda row: value_of(row, c) is not None), columns["any"]
        ),
    )


def all_of(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def combined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    def both(left: Condition, right: Condition) -> Condition:
        return f"({left[0]} and {right[0]})", lambda row: all_of(left[1](row), right[1](row))

    def any_of(left: Condition, right: Condition) -> Condition:
        neither = both((left[0], opposite(left[1])), (right[0], opposite(right[1])))
        return f"({left[0]} or {right[0]})", opposite(neither[1])

    return st.one_of(
        st.builds(both, inner, inner),
        st.builds(any_of, inner, inner),
        st.builds(lambda each: (f"not ({each[0]})", opposite(each[1])), inner),
    )


@pytest.fixture(scope="module")
def ternary(tmp_path_factory: pytest.TempPathFactory) -> lancedb.table.Table:
    return lancedb.connect(tmp_path_factory.mktemp("ternary")).create_table("products", TERNARY)


@pytest.mark.parametrize(
    "expression",
    [
        "not (color in ('red') and color in ('dark red'))",
        "color not in ('red') or color not in ('blue', 'oak')",
        "not (color in ('red', 'oak') and not color in ('red', 'oak'))",
    ],
)
def test_two_lists_that_exclude_each_other_do_not_find_what_has_no_value(
    ternary: lancedb.table.Table, expression: str
) -> None:
    predicate = compile_filter(expression, TERNARY_COLUMNS)
    found = {row["id"] for row in ternary.search().where(predicate).limit(99).to_list()}
    assert found == {row["id"] for row in TERNARY.to_pylist() if row["color"]}


@settings(max_examples=200, deadline=None)
@given(condition=st.recursive(leaves(), combined, max_leaves=6))
def test_a_filter_has_sqls_three_values_however_a_missing_value_is_stored(
    ternary: lancedb.table.Table, condition: Condition
) -> None:
    expression, holds = condition
    predicate = compile_filter(expression, TERNARY_COLUMNS)
    found = {row["id"] for row in ternary.search().where(predicate).limit(99).to_list()}
    assert found == {row["id"] for row in TERNARY.to_pylist() if holds(row)}, expression


def with_one_i(text: str) -> str:
    return text.translate(str.maketrans("İIı", "iii"))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "title",
                "price",
                "on_sale",
                "tags",
                "and",
                "or",
                "not",
                "(",
                ")",
                "in",
                "=",
                "<",
                ",",
                "'oak'",
                '"x"',
                "3",
                "-2.5",
                "true",
                "between",
                "like",
                "is",
                "null",
                "contains",
            ]
        ),
        max_size=14,
    ).map(" ".join)
    | st.text(max_size=40)
)
def test_any_input_is_either_refused_or_runs(table: lancedb.table.Table, expression: str) -> None:
    try:
        predicate = compile_filter(expression, COLUMNS)
    except InvalidFilterError:
        return
    table.search().where(predicate).limit(1).to_list()


@pytest.mark.parametrize("expression", ["", "  \n"])
def test_an_empty_filter_is_refused(expression: str) -> None:
    with pytest.raises(InvalidFilterError, match="empty"):
        compile_filter(expression, COLUMNS)


def test_the_longest_filter_runs_and_a_longer_one_is_refused(table: lancedb.table.Table) -> None:
    parts = " or ".join(["price=1"] * 181)
    expression = parts + " " * (LIMIT_CHARACTERS - len(parts))
    assert matching(table, expression) == set()
    with pytest.raises(InvalidFilterError, match="2,001 characters, and 2,000 are allowed"):
        compile_filter(expression + " ", COLUMNS)


def nested(levels: int, leaf: str = "price = 300") -> str:
    expression = leaf
    for level in range(levels):
        word = "and" if level % 2 else "or"
        expression = f"(price = 300 {word} {expression})"
    return expression


def test_the_deepest_filter_runs_and_a_deeper_one_is_refused(table: lancedb.table.Table) -> None:
    assert matching(table, nested(LIMIT_DEPTH)) == {"rug"}
    for leaf in ("color is null", "tags is null", "title contains 'x'", "not tags contains 'x'"):
        assert "rug" in matching(table, nested(LIMIT_DEPTH - 1, leaf))
    assert matching(table, "not " * LIMIT_DEPTH + "on_sale") == {"chair", "rug"}
    for deeper in (nested(LIMIT_DEPTH + 1), "not " * (LIMIT_DEPTH + 1) + "on_sale"):
        with pytest.raises(InvalidFilterError, match="more than 16 levels"):
            compile_filter(deeper, COLUMNS)


def test_brackets_alone_are_no_depth(table: lancedb.table.Table) -> None:
    assert matching(table, "(" * 900 + "on_sale" + ")" * 900) == {"chair", "rug"}


def test_the_longest_list_runs_and_a_longer_one_is_refused(table: lancedb.table.Table) -> None:
    values = ",".join(str(number) for number in range(101, 101 + LIMIT_LIST))
    assert matching(table, f"price in ({values})") == {"rug"}
    with pytest.raises(InvalidFilterError, match="IN has 201 values, and 200 are allowed"):
        compile_filter(f"price in ({values},1)", COLUMNS)


def test_a_column_type_that_does_not_exist_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        compile_filter("price = 1", {"price": "nonsense"})


def test_lark_is_loaded_by_the_first_filter_only() -> None:
    program = (
        "import sys; from furniture_prompter.catalog.filters import compile_filter; "
        "before = 'lark' in sys.modules; compile_filter('a = 1', {'a': 'number'}); "
        "print(before, 'lark' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == ["False", "True"]


def test_the_examples_of_the_documentation_compile() -> None:
    page = (Path(__file__).parents[3] / "docs" / "filters.md").read_text("utf-8")
    block = page.split("```filter\n")[1].split("```")[0]
    lines = [line for line in block.splitlines() if line.strip()]
    assert len(lines) >= 8
    columns = COLUMNS | {"category": "text", "width_cm": "number", "depth_cm": "number"}
    columns |= {"base_colors": "texts", "category_path": "texts"}
    for line in lines:
        assert compile_filter(line, columns)


@pytest.mark.parametrize(
    ("terminals", "said"),
    [
        (set(), ""),
        ({"COLUMN"}, "a column"),
        ({"$END", "COLUMN"}, "a column or the end"),
        ({"RPAR", "NUMBER", "_OR", "_AND"}, "a number, ), AND or OR"),
    ],
)
def test_what_is_expected_is_told_in_words_with_one_or(terminals: set[str], said: str) -> None:
    assert _expected(terminals) == said


@pytest.mark.parametrize(
    ("number", "meant"),
    [
        ("1", "1"),
        ("1,5", "1.5"),
        ("1.25", "1.25"),
        ("1,250", "1250"),
        ("12’500", "12500"),
        ("1 250 000", "1250000"),
        ("1.250,9", "1250.9"),
        ("1,250.99", "1250.99"),
        # Four digits before a mark, two after one, or two sorts of marks are no thousands.
        ("1234,567", None),
        ("1,2345", None),
        ("1.250.99", None),
        ("1,250.999", None),
        ("24.12.2026", None),
    ],
)
def test_a_number_as_people_write_it_is_one_of_filters_or_none(
    number: str, meant: str | None
) -> None:
    assert _meant(number) == meant
