import pytest

from tools.catalog_builder.product import distinct_titles, joined, slug


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("armChair2", "arm-chair-2"),
        ("toilets_unit_jay_hardy", "toilets-unit-jay-hardy"),
        ("beige_sofa_2seats", "beige-sofa-2-seats"),
        ("ballonFoot", "ballon-foot"),
        ("Işıklı Köşe", "isikli-kose"),
    ],
)
def test_ids_are_lower_case_ascii_words(text: str, expected: str) -> None:
    assert slug(text) == expected


def test_an_id_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no letter or digit"):
        slug("??")


def test_words_are_joined_as_people_write_them() -> None:
    assert joined(["white"], "and") == "white"
    assert joined(["white", "red", "black"], "and") == "white, red and black"


def test_only_products_of_one_name_take_qualifiers_and_only_as_many_as_needed() -> None:
    titles = distinct_titles(
        ["Chair", "Sofa", "Chair", "Chair"],
        [["white", "40 cm"], ["red", "200 cm"], ["black", "45 cm"], ["black", "50 cm"]],
    )
    assert titles == ["Chair, white", "Sofa", "Chair, black, 45 cm", "Chair, black, 50 cm"]


def test_products_that_nothing_parts_keep_one_title() -> None:
    assert distinct_titles(["Cup", "Cup"], [["red"], ["red"]]) == ["Cup, red", "Cup, red"]
