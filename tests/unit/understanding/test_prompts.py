from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from furniture_prompter.feeds.values.vocabulary import color_names, material_names
from furniture_prompter.understanding.lexicon import LEXICON
from furniture_prompter.understanding.prompts import named, understand

WORDS = [
    "under",
    "50",
    "cm",
    "160",
    "not",
    "beyaz",
    "olmayan",
    "x",
    "€",
    "TL",
    "'",
    "den",
    "kısa",
    "-",
    '"',
    "chair",
]


@given(st.one_of(st.text(max_size=80), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)))
def test_any_text_is_taken_apart_and_its_parts_stand_in_it(prompt: str) -> None:
    understanding = understand(prompt)
    for part in understanding.parts:
        assert part.text
        assert part.use in {"filter", "preference", "without"}
    for word in understanding.rest.split():
        assert word.strip(",.") == "" or len(understanding.rest) <= len(prompt) + 1


def test_what_is_lifted_is_words_again() -> None:
    prompt = "oak table under 50 cm, not glossy"
    lifted = understand(prompt, ["under 50 cm"])
    assert [part.text for part in lifted.parts] == ["oak", "not glossy"]
    assert lifted.rest == "oak table under 50 cm"
    assert understand(prompt).rest == "oak table"


def test_letters_of_turkish_tell_glass_from_pine() -> None:
    assert named("cam") == [("base_materials", "glass")]
    assert named("çam") == [("base_materials", "pine")]
    assert named("ÇAM") == [("base_materials", "pine")]


def test_spelling_without_turkish_letters_is_understood() -> None:
    (part,) = understand("yesil koltuk").parts
    assert (part.column, part.value, part.text) == ("base_colors", "green", "yesil")


def test_places_are_those_of_the_prompt_where_letters_have_accents() -> None:
    (part,) = understand("e\u0301te\u0301 table under 50 cm").parts
    assert part.text == "under 50 cm"


def test_text_says_where_a_price_was_written() -> None:
    (part,) = understand("sofa for at most 1,500 EUR").parts
    assert (part.text, part.value, part.currency) == ("at most 1,500 EUR", 1500.0, "EUR")


def test_no_number_is_taken_for_a_size_without_a_unit() -> None:
    for prompt in ("KALLAX 4x4", "IKEA 365", "table 4711", "1950s lamp", "chair v2"):
        assert understand(prompt).parts == ()
        assert understand(prompt).rest == prompt


@pytest.mark.parametrize(
    "prompt",
    ["table under {} TL", "table between 1 and {} eur", "{} cm wide table", "{}-seater sofa"],
)
def test_a_number_beyond_all_furniture_is_words(prompt: str) -> None:
    parts = understand(prompt.format("9" * 400)).parts
    assert all(part.value != inf and part.high != inf for part in parts)
    assert not any(isinstance(part.value, float) and part.value > 1e15 for part in parts)


@pytest.mark.parametrize("digit", ["፩", "𐩀", "²"])
def test_digits_that_are_no_decimals_are_words_or_numbers_and_never_fail(digit: str) -> None:
    for prompt in ("{} seater sofa", "sofa for {} people", "{} kişilik koltuk", "under {} cm"):
        assert understand(prompt.format(digit)).rest is not None


def test_colours_and_materials_of_prompts_are_those_of_feeds() -> None:
    known = {"base_colors": color_names(), "base_materials": material_names()}
    said = [each.rpartition(" ") for each in LEXICON.named]
    names = [(name, column) for name, _, column in said if column in known]
    assert names
    assert [name for name, column in names if name not in known[column]] == []


@pytest.mark.parametrize(
    ("prompt", "column", "op"),
    [
        ("not too big wardrobe", "width_cm", "low"),
        ("a shelf that's not very expensive", "price", "low"),
        ("çok küçük olmayan halı", "width_cm", "high"),
        ("pahalı olmayan kanepe", "price", "low"),
    ],
)
def test_an_end_of_a_range_that_is_not_wanted_is_a_wish_for_the_other(
    prompt: str, column: str, op: str
) -> None:
    (part,) = understand(prompt).parts
    assert (part.column, part.op, part.use) == (column, op, "preference")


@pytest.mark.parametrize(
    "prompt",
    ["table with long legs", "ayakları uzun sehpa", "geniş kollu koltuk", "low back stool"],
)
def test_the_size_of_a_part_is_none_of_the_piece(prompt: str) -> None:
    assert understand(prompt).parts == ()
    assert understand(prompt).rest == prompt


@pytest.mark.parametrize(
    ("prompt", "unwanted", "rest"),
    [
        ("bed no mattress", "mattress", "bed"),
        ("desk with no cable tray", "cable tray", "desk"),
        ("shelf w/o brackets", "brackets", "shelf"),
        ("bench without glass seat", "glass seat", "bench"),
        ("bed without canopy white", "canopy", "bed white"),
        ("chair which isn't black", "black", "chair"),
        ("mavi renk olmayan perde", "mavi", "perde"),
    ],
)
def test_what_is_not_wanted_in_other_words(prompt: str, unwanted: str, rest: str) -> None:
    understanding = understand(prompt)
    assert [part.value for part in understanding.parts if part.use == "without"] == [unwanted]
    assert understanding.rest == rest


@pytest.mark.parametrize("prompt", ["no-nonsense desk", "no nonsense desk", "chair no 14", "no"])
def test_a_no_before_more_words_is_none(prompt: str) -> None:
    assert understand(prompt).parts == ()


@pytest.mark.parametrize(
    "prompt",
    ["rug €100-€200", "rug between $100 and $200", "rug 100 - €200", "rug from £100 to 200"],
)
def test_a_range_of_prices_with_a_sign_at_either_end(prompt: str) -> None:
    (part,) = understand(prompt).parts
    assert (part.column, part.op, part.value, part.high) == ("price", "between", 100, 200)
    assert part.currency


def test_thousands_without_a_currency_are_a_price_where_something_limits_them() -> None:
    (part,) = understand("sofa under 2k").parts
    assert (part.column, part.op, part.value) == ("price", "<", 2000)
    assert understand("2k lamp").parts == ()


def test_a_colour_named_after_wood_is_a_colour() -> None:
    assert understand("ceviz renkli masa").parts[0].value == "brown"
    assert understand("oak coloured shelf").parts[0].column == "base_colors"
    assert understand("oak shelf").parts[0].column == "base_materials"


def test_ones_own_room_is_a_room() -> None:
    assert understand("yatak odama dolap").parts[0].value == "bedroom"


def test_a_bare_number_is_a_size_with_the_turkish_suffix_of_sizes() -> None:
    (part,) = understand("70'lik dolap").parts
    assert (part.column, part.value, part.use) == ("width_cm", 70, "preference")


@pytest.mark.parametrize(
    ("prompt", "rest"),
    [
        ("3 kişilik kanepe stokta", "3 kişilik kanepe"),
        ("stokta olan masa", "masa"),
        ("available sofa", "sofa"),
        ("chair not in stock", None),
        ("out of stock sofa", None),
        ("stokta yok masa", None),
        ("chair available in blue", None),
    ],
)
def test_what_has_to_be_in_stock(prompt: str, rest: str | None) -> None:
    understanding = understand(prompt)
    limits = [part for part in understanding.parts if part.column == "availability"]
    assert bool(limits) == (rest is not None)
    assert understanding.rest == (rest or prompt)


@pytest.mark.parametrize("prompt", ["120 ile 160 arası masa", "table between 120 and 160"])
def test_a_range_without_a_unit_is_of_the_one_column_that_may_tell_it_or_unsure(
    prompt: str,
) -> None:
    (said,) = understand(prompt, (), ["width_cm"]).parts
    assert (said.column, said.value, said.high) == ("width_cm", 120, 160)
    (said,) = understand(prompt, (), ["price"]).parts
    assert (said.column, said.use) == ("price", "filter")
    either = understand(prompt, (), ["price", "width_cm"])
    assert (either.parts, either.rest) == ((), prompt)
    (unsure,) = either.unsure
    assert unsure in prompt
    assert not understand(prompt, [unsure], ["price", "width_cm"]).unsure
    assert not understand("masa 3 ile 5 arası", (), ["price", "width_cm"]).unsure
