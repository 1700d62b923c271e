"""Rows that are variants: which they are, what they are called, their options and common title."""

from typing import Any

import pytest

from furniture_prompter.feeds.cell_steps import Row
from furniture_prompter.feeds.variant_rows import (
    common_title,
    is_child,
    is_variant,
    options_of,
    variant_id,
)


@pytest.mark.parametrize(
    ("titles", "common"),
    [
        (["Oslo Sofa - Grey", "Oslo Sofa - Beige"], "Oslo Sofa"),
        (["Oslo Sofa", "Oslo Sofa Grey"], "Oslo Sofa"),
        (["Oslo Sofa Grey", "Oslo Sofa"], "Oslo Sofa"),
        (["Oslo Sofabed", "Oslo Sofa"], "Oslo"),
        (["Oslo (grey)", "Oslo (blue)"], "Oslo"),
        (["Bank L", "Bank"], "Bank"),
        (["Osl A", "Osl B"], "Main"),
        (["Aa", "Bb"], "Main"),
        (["Same", "Same"], "Main"),
        (["One"], "Main"),
        (["Oslo 10", "Oslo 12", "Oslo 2"], "Oslo"),
    ],
)
def test_the_common_title_of_variants(titles: list[str], common: str) -> None:
    main, *further = (Row(line, words={"title": title}) for line, title in enumerate(titles))
    rows = [main, *further]
    main.words["group_title"] = ""
    if common == "Main":
        assert common_title(main, rows) == main.words["title"]
    else:
        assert common_title(main, rows) == common
    apart = Row(99)
    assert common_title(apart, rows) == titles[0]
    apart.words["title"] = "Apart"
    assert common_title(apart, rows) == "Apart"
    rows[-1].words["group_title"] = "Given"
    assert common_title(main, rows) == "Given"


@pytest.mark.parametrize(
    ("ids", "options", "expected"),
    [
        ({"id": "A", "gtin": "1", "alt_id": 2}, {}, "A"),
        ({"gtin": "1", "alt_id": 2}, {}, "1"),
        ({"id": "", "gtin": None, "alt_id": 2}, {}, "2"),
        ({}, {"Color": "Grey", "Size": "L"}, "Grey / L"),
        ({}, {}, "4"),
    ],
)
def test_a_variant_is_called_by_its_id_or_its_options_or_its_place(
    ids: dict[str, Any], options: dict[str, str], expected: str
) -> None:
    assert variant_id(Row(1, ids=ids), options, 3) == expected


@pytest.mark.parametrize(
    ("names", "options", "listed", "expected"),
    [
        ({1: "Color", 2: "Size"}, {1: "Grey", 2: "L"}, {}, {"Color": "Grey", "Size": "L"}),
        ({}, {2: "L"}, {}, {"Option 2": "L"}),
        ({1: "Title"}, {1: "Default Title"}, {}, {}),
        ({1: "Title", 2: "Size"}, {1: "Default Title", 2: "L"}, {}, {"Size": "L"}),
        ({}, {1: "Default"}, {}, {}),
        ({1: "Color"}, {1: "Default"}, {}, {"Color": "Default"}),
        ({1: "Title"}, {1: "Grey"}, {}, {"Title": "Grey"}),
        ({1: "Color"}, {1: "Grey", "COLOR": "Red"}, {}, {"Color": "Grey"}),
        ({}, {}, {"color": "Gri", "Beden": "L"}, {"Color": "Gri", "Beden": "L"}),
        ({1: "Color"}, {1: "Grey"}, {"color": "Gri"}, {"Color": "Grey"}),
        ({1: " Seat  size "}, {1: " L "}, {}, {"Seat size": "L"}),
    ],
)
def test_options_have_names_and_no_double(
    names: dict[int, str],
    options: dict[int | str, str],
    listed: dict[str, str],
    expected: dict[str, str],
) -> None:
    main = Row(1, names=names, children={"V": listed} if listed else {})
    assert options_of(Row(2, ids={"id": "V"}, options=options), main) == expected


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        *(({"parent": "P"}, True), ({"parent": ""}, False), ({"parent_number": 0}, False)),
        *(({"parent_number": 7}, True), ({"parent_number": ""}, False), ({}, False)),
        *(({"id": "listed"}, True), ({"id": "own"}, False)),
    ],
)
def test_a_row_is_a_child_where_it_or_another_says_so(
    ids: dict[str, Any], *, expected: bool
) -> None:
    one = Row(1, ids=ids, children={"own": {}} if ids.get("id") == "own" else {})
    assert is_child(one, [one, Row(2, children={"listed": {}})]) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        *(({"ids": {"id": "1"}}, True), ({"ids": {"gtin": "1"}}, True), ({"ids": {}}, False)),
        *(({"options": {1: "L"}}, True), ({"attributes": {"price": 5.0}}, True)),
        *(({"attributes": {"stock": 5.0}}, False), ({"images": ["a.jpg"]}, False)),
    ],
)
def test_a_photo_alone_is_no_variant(fields: dict[str, Any], *, expected: bool) -> None:
    assert is_variant(Row(1, **fields)) == expected
