"""Which of a product's words are used for what."""

from furniture_prompter.domain import Product


def test_text_joins_what_there_is() -> None:
    product = Product("1", "Stool", "chair", "white", "Stacks.", ("kids", "wood"))
    assert product.text == "Stool. chair. white. kids wood. Stacks."
    assert Product("1", "Stool").text == "Stool"


def test_words_add_translated_fields_and_nothing_else() -> None:
    product = Product("1", "Stool", attributes={"title_tr": "Tabure", "creator": "x", "price": 1.0})
    assert product.words == "Stool. Tabure"


def test_the_look_is_category_and_colour_where_there_is_a_colour() -> None:
    assert Product("1", "FROSTA", "stool", "white").look == "stool, white"
    assert Product("1", "red stool", "stools").look == "red stool, stools"
    assert Product("1", "").look == ""
