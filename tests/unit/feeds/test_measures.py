"""Sizes, weights and counts at their edges: limits, letters of several meanings, lists, marks."""

import pytest

from furniture_prompter.feeds.cells import DecimalMark, UnusableValueError, shown
from furniture_prompter.feeds.values.counts import MOST, Counted, count_in, read_count
from furniture_prompter.feeds.values.currencies import (
    currency_of,
    is_currency,
    without_currency,
)
from furniture_prompter.feeds.values.measures import (
    LIMIT_SIZE_CHARACTERS,
    plain_number,
    read_measures,
)
from furniture_prompter.feeds.values.sizes import SizeColumn, in_company, size_column
from furniture_prompter.feeds.values.weights import LIMIT_WEIGHT_CHARACTERS, read_weight

IN_MM = "without a unit it was read as millimetres"
RANGE = "it is a range, of which the first number was taken"
FURTHER = "further numbers have no name and were passed over"
SEVERAL = "it holds several numbers, of which the first was taken"
THREE = "its numbers have no names; they were taken as width, depth and height"
TWO = "its numbers have no names; the first was taken as the width"
NONE = "it does not say what is measured"


@pytest.mark.parametrize(
    ("text", "column", "cm", "doubts"),
    [
        # What is not beside a size is not taken for one.
        ("W 80 H 45, 4 legs", "", {"width": 80, "height": 45}, []),
        ("80 kg W 60", "", {"width": 60}, []),
        ("W 60, 12 kg, H 45", "", {"width": 60, "height": 45}, []),
        ("4 drawers", "", {}, []),
        ("Large", "", {}, []),
        ("120 x 60 cm, 0.72 m2", "", {"width": 120}, [TWO]),
        ("120 x 60 cm (0,72 m²)", "", {"width": 120}, [TWO]),
        ("120 x 60 x 75 cm, 540000 cm3", "", {"width": 120, "depth": 60, "height": 75}, [THREE]),
        ("m2 W 80", "", {"width": 80}, []),
        ("W 120 cm 2 legs", "", {"width": 120}, []),
        # A number without a unit takes that of the next one, else that of the column, else cm.
        ("80 x 60 x 45 in", "", {"width": 203.2, "depth": 152.4, "height": 114.3}, [THREE]),
        ("W 800 mm D 60 cm", "", {"width": 80, "depth": 60}, []),
        ("W 800 D 600", "size (mm)", {"width": 80, "depth": 60}, []),
        ("W 30 D 60 cm", "size (inch)", {"width": 30, "depth": 60}, []),
        ("W 60 cm D 30", "size (inch)", {"width": 60, "depth": 30}, []),
        ("500 x 20 x 20", "", {"width": 500, "depth": 20, "height": 20}, [THREE]),
        ("500.5 x 20 x 20", "", {"width": 50.05, "depth": 2, "height": 2}, [IN_MM, THREE]),
        ("20 x 20 x 501", "", {"width": 2, "depth": 2, "height": 50.1}, [IN_MM, THREE]),
        ("500", "width", {"width": 500}, []),
        ("501", "width", {"width": 50.1}, [IN_MM]),
        ("501", "width (in)", {"width": 1272.54}, []),
        ("1.23", "width (in)", {"width": 3.1242}, []),
        # Feet and inches are one number, up to the twelfth inch.
        ("5'2\"", "height", {"height": 157.48}, []),
        ("5' 11\"", "height", {"height": 180.34}, []),
        ("5' 12\"", "height", {"height": 152.4}, [SEVERAL]),
        ("5' 13\"", "height", {"height": 152.4}, [SEVERAL]),
        ("W 5'2\" H 6'1\"", "", {"width": 157.48, "height": 185.42}, []),
        ("5 ft 2 in", "height", {"height": 157.48}, []),
        ("5' 2 cm", "height", {"height": 2}, []),
        ("5'2 x 3'", "", {"width": 157.48}, [TWO]),
        ("1.600' 6\"", "height", {"height": 64.008}, []),
        # Fractions, where they can be some.
        ("15 1/2 in", "width", {"width": 39.37}, []),
        ("1/2 in", "width", {"width": 1.27}, []),
        ("2/4 in", "width", {"width": 5.08}, [SEVERAL]),
        ("3/2 in", "width", {"width": 7.62}, [SEVERAL]),
        ("2/2 in", "width", {"width": 5.08}, [SEVERAL]),
        ("15 2/2 in", "width", {"width": 38.1}, [SEVERAL]),
        ("15 2/4 in", "width", {"width": 39.37}, []),
        ("7⅜\"", "width", {"width": 18.7325}, []),
        # A list in one word.
        ("74,106,138", "W x D x H", {"width": 74, "depth": 106, "height": 138}, []),
        ("74.106.138 cm", "W x D x H", {"width": 74, "depth": 106, "height": 138}, []),
        ("74,106", "W x D", {}, [NONE]),
        ("10,20,30,40", "width", {"width": 10}, [SEVERAL]),
        ("60 x 74,106,138", "", {"width": 60}, [RANGE, TWO]),
        ("0.001.234,5 mm", "width", {"width": 123.45}, []),
        ("1.234,5 mm", "width", {"width": 123.45}, []),
        # Quotes are units behind numbers without one alone.
        ('W 80 cm "D" 60', "", {"width": 80, "depth": 60}, []),
        ('"W" 80 cm', "", {"width": 80}, []),
        # The same in centimetres goes before inches, if it is all of it.
        ("31.5\" (80 cm)", "width", {"width": 80}, []),
        ("31.5\" x 20\" (80 x 50 cm)", "W x D", {"width": 80, "depth": 50}, []),
        ("30\" x 20\" (80 cm)", "", {"width": 76.2, "depth": 50.8, "height": 80}, [THREE]),
        ("80 cm x 50 cm / 20\"", "W x D", {"width": 80, "depth": 50}, []),
        # Names before and behind numbers, and in front of all of them.
        ("BxTxH 120x60x75", "", {"width": 120, "depth": 60, "height": 75}, []),
        ("120x60x75 BxTxH", "", {"width": 120, "depth": 60, "height": 75}, []),
        ("W/D 120/60/75", "", {"width": 120, "depth": 60}, [FURTHER]),
        ("W/D/H 120/60", "", {"height": 120}, [FURTHER]),
        ("W 80 60", "", {"width": 80}, [FURTHER]),
        ("80 W 60", "", {"width": 80}, [FURTHER]),
        ("80 W 60 D 40", "", {"width": 80, "depth": 60}, [FURTHER]),
        ("W 80 90 D 60", "", {"width": 80, "depth": 60}, [FURTHER]),
        ("80 60 W", "", {"width": 60}, [FURTHER]),
        ("80 W", "", {"width": 80}, []),
        ("80cmx60cm", "", {"width": 80}, [TWO]),
        ("Ø60 x 45", "", {"diameter": 60}, [FURTHER]),
        ("W 80 W 90", "", {"width": 80}, []),
        ("80 W 60 D", "", {"width": 80, "depth": 60}, []),
        ("120 60 W D", "", {"width": 120, "depth": 60}, []),
        ("W 80 x 60cmxd40", "", {"width": 80, "depth": 40}, [FURTHER]),
        # Ranges.
        ("120-160 x 80 x 75", "", {"width": 120, "depth": 80, "height": 75}, [RANGE, THREE]),
        ("120/160 x 80 x 75", "", {"width": 120, "depth": 80, "height": 75}, [RANGE, THREE]),
        ("W 120-160 H 75", "", {"width": 120, "height": 75}, [RANGE]),
        ("W 120/160 x 80", "", {"width": 120}, [RANGE, FURTHER]),
        ("W 120/160 x D 80", "", {"width": 120, "depth": 80}, [FURTHER]),
        ("120/160/75 max", "", {"width": 120}, [TWO]),
        ("120/80/75", "", {"width": 120, "depth": 80, "height": 75}, [THREE]),
        ("-120 cm", "width", {"width": 120}, []),
        ("120 - cm", "width", {"width": 120}, []),
        # Numbers whose place alone could name them.
        ("191 cm", "", {}, [NONE]),
        ("60", "", {}, [NONE]),
        ("60", "WxD", {}, [NONE]),
        ("10 20 30 40", "", {}, [NONE]),
        ("10 20", "", {"width": 10}, [TWO]),
        ("10 20", "WxD", {"width": 10, "depth": 20}, []),
        ("10 20 30", "WxD", {"width": 10, "depth": 20, "height": 30}, [THREE]),
        ("10 20 30", "width", {"width": 10}, [SEVERAL]),
        # Letters are names of sizes beside numbers and among their kind alone.
        ("W 80 e 40", "", {"width": 80}, [FURTHER]),
        ("L 80 e H 40", "", {"length": 80, "height": 40}, []),
        ("B 190 e 40", "", {"length": 190, "width": 40}, []),
        ("D a 50", "", {}, [NONE]),
        ("Dia a 50", "", {}, [NONE]),
        ("50; W q", "", {}, [NONE]),
        ("50; q W q", "", {}, [NONE]),
        ("Width a 50", "", {"width": 50}, []),
        # Parcels and parts are passed over, to the next break.
        ("80 x 60 cm, carton 90 x 70 cm", "", {"width": 80}, [TWO]),
        ("carton: 90 x 70 cm; 80 x 60 cm", "", {"width": 80}, [TWO]),
        ("shipping 90, 80 x 70", "", {}, []),
        ("carton W 90 H 20\nW 80", "", {"width": 80}, []),
        ("W 80, Seat depth 50, H 45", "", {"width": 80, "height": 45}, []),
        ("Seat depth 50 H 45", "", {"height": 45}, []),
        ("arm rest 40 W 80", "", {"width": 80}, []),
        ("carton 90/70; W 80", "", {"width": 80}, []),
        ("seat 40 x W 80", "", {"width": 80}, []),
        ("seat 40 - W 80", "", {"width": 80}, []),
        ("Seat 50, 80 cm H", "", {"height": 80}, []),
        ("Seat 50; 80 cm H", "", {"height": 80}, []),
        ("Seat height: 45 cm", "", {"seat_height": 45}, []),
        ("W 80 Seat height 45 H 90", "", {"width": 80, "seat_height": 45, "height": 90}, []),
        ("Seat depth 50 seat height 45", "", {"seat_height": 45}, []),
        ("80 cm", "carton width", {}, []),
        ("80 cm", "drawer width", {}, []),
        (" ", "width", {}, []),
    ],
)  # fmt: skip
def test_what_a_size_tells_and_what_was_decided(
    text: str, column: str, cm: dict[str, float], doubts: list[str]
) -> None:
    measures = read_measures(text, column=column)
    assert dict(measures.cm) == {f"{name}_cm": size for name, size in cm.items()}
    assert measures.doubt == (f"{shown(text)}: {', and '.join(doubts)}." if doubts else "")


@pytest.mark.parametrize(
    ("text", "mark", "cm"),
    [
        ("1.600", ",", 160),
        ("1.600", ".", 1.6),
        ("1,600", ".", 160),
        ("1,600", ",", 1.6),
        ("1.600", None, 160),
        ("1.600 m", None, 160),
        ("1.600 mm", None, 160),
        ("1.600 mm", ".", 0.16),
        ("2.000 cm", None, 2000),
        ("2.001 cm", None, 2.001),
        ("0.800 m", ",", 80),
        ("0.800 m", None, 80),
        ("1.60 m", ",", 160),
        ("1.6000 m", ",", 160),
        (".800", None, 80),
        ("1,234.500 mm", ",", 123.45),
        ("1.234,500 mm", ".", 123.45),
    ],
)
def test_three_digits_behind_a_mark_are_thousands_where_they_can_be(
    text: str, mark: DecimalMark | None, cm: float
) -> None:
    assert dict(read_measures(text, column="width", mark=mark).cm) == {"width_cm": cm}


@pytest.mark.parametrize(
    ("value", "cm"),
    [
        ("0.1", 0.1),
        ("2000 cm", 2000),
        ("20 m", 2000),
        (2, 2),
        (1.5, 1.5),
        (100.0, 100),
        (0.123456, 0.1235),
    ],
)
def test_the_least_and_the_largest_size_are_sizes(value: str | float, cm: float) -> None:
    assert dict(read_measures(value, column="width").cm) == {"width_cm": cm}


@pytest.mark.parametrize(
    "value",
    [
        *("0.09", "2000.1 cm", "20.01 m", "0 x 5 x 6", "W 80 H 0", "2001 cm, 20 cm", "90 m 9 m"),
        *(True, float("nan"), float("inf"), 0, 0.0001, "Large", "x", "wide"),
        "9" * (LIMIT_SIZE_CHARACTERS + 1),
    ],
)
def test_what_is_no_size_is_refused_with_a_cure(value: str | float) -> None:
    with pytest.raises(UnusableValueError) as refused:
        read_measures(value, column="width")
    assert refused.value.cure


def test_a_size_as_long_as_is_allowed_is_read() -> None:
    text = "W 80 cm".ljust(LIMIT_SIZE_CHARACTERS)
    assert dict(read_measures(text).cm) == {"width_cm": 80}
    with pytest.raises(UnusableValueError, match="2001 characters"):
        read_measures(text + " ")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("12", 12), ("12.5", 12.5), ("12,5", 12.5), ("1.234,5", 1234.5), ("1,234.5", 1234.5)),
        *(("1.234.567", 1234.567), ("0,125", 0.125)),
    ],
)
def test_the_last_mark_of_a_number_is_the_decimal_one(text: str, number: float) -> None:
    assert plain_number(text) == number


@pytest.mark.parametrize(
    ("name", "roles", "unit", "weight_unit", "about"),
    [
        ("width", "width", "", "", ""),
        ("Genişlik (cm)", "width", "cm", "", ""),
        ("width_in", "width", "in", "", ""),
        ("widthMm", "width", "mm", "", ""),
        ("height m", "height", "m", "", ""),
        ("m height", "height", "", "", ""),
        ("cm or mm width", "width", "mm", "", ""),
        ("GxDxY", "width depth height", "", "", ""),
        ("Ölçüler (GxDxY)", "width depth height", "", "", ""),
        ("W D", "width depth", "", "", ""),
        ("width, breite", "width", "", "", ""),
        ("box", "", "", "", "packed"),
        ("carton width", "width", "", "", "packed"),
        ("seat height cm", "seat_height", "cm", "", ""),
        ("package seat height", "seat_height", "", "", "packed"),
        ("seat width", "", "", "", "part"),
        ("Ağırlık (g)", "", "", "g", ""),
        ("Weight kg lb", "", "", "lb", ""),
        ("W", "width", "", "", ""),
        ("H", "height", "", "", ""),
        ("L", "length", "", "", ""),
        ("D", "", "", "", ""),
        ("g", "", "", "g", ""),
        ("E", "", "", "", ""),
        ("En", "width", "", "", ""),
        ("E x B", "width length", "", "", ""),
        ("size e", "", "", "", ""),
        (" " * 196 + "width", "", "", "", ""),
        (" " * 195 + "width", "width", "", "", ""),
        ("Total width", "width", "", "", ""),
        ("Ürün genişliği (cm)", "width", "cm", "", ""),
        ("En Az Sipariş", "", "", "", ""),
        ("Koltuk Yüksekliği", "", "", "", ""),
        ("Door width", "", "", "", ""),
        ("En Boy Oranı", "", "", "", ""),
        ("Sofa WxDxH", "width depth height", "", "", ""),
        ("Yatak bilgisi: en, boy, yükseklik", "", "", "", "part"),
        ("Takım bilgisi: en, boy, yükseklik", "width length height", "", "", ""),
        ("Kutu Yüksekliği", "height", "", "", "packed"),
    ],
)
def test_what_a_columns_name_says_of_sizes(
    name: str, roles: str, unit: str, weight_unit: str, about: str
) -> None:
    assert size_column(name) == SizeColumn(
        roles=tuple(f"{role}_cm" for role in roles.split()),
        unit=unit,
        weight_unit=weight_unit,
        is_packed=about == "packed",
        is_part=about == "part",
    )


@pytest.mark.parametrize(
    ("labels", "roles"),
    [
        ("l p h", "width depth height"),
        ("l p w", "length depth width"),
        ("l h", "length height"),
        ("b e y", "length width height"),
        ("b y", "length height"),
        ("b e g", "width width width"),
        ("b t h", "width depth height"),
        ("d t h", "diameter depth height"),
        ("d h", "diameter height"),
        ("d h w", "depth height width"),
        ("d", "depth"),
        ("p d", "depth depth"),
    ],
)
def test_letters_mean_what_they_mean_beside_each_other(labels: str, roles: str) -> None:
    assert in_company(labels.split()) == [f"{role}_cm" for role in roles.split()]


@pytest.mark.parametrize(
    ("text", "column", "mark", "kilograms"),
    [
        ("1.500 gr", "", None, 1.5),
        ("1.500 gr", "", ".", 0.0015),
        ("1.500 kg", "", None, 1.5),
        ("1.500 kg", "", ",", 1500),
        ("1.500 kg", "", ".", 1.5),
        ("1,500 g", "", ".", 1.5),
        ("0.500 g", "", ",", 0.0005),
        ("12.5000 g", "", ",", 0.0125),
        ("1.50 g", "", None, 0.0015),
        ("1.500", "weight", None, 1.5),
        ("1.500", "weight", ",", 1500),
        ("12,50", "weight", ",", 12.5),
        (".500 kg", "", ",", 500),
        ("5000 kg", "", None, 5000),
        ("5 t", "", None, 5000),
        ("12 kg (26.5 lbs)", "", None, 12),
        ("10 kg (24 lbs)", "", None, None),
        ("12 kg 12 kg", "", None, None),
        ("12 kg 26.5 lbs 12 kg", "", None, None),
        ("5001 kg", "", None, None),
        ("-5 kg", "", None, None),
        ("3 drawers, 12 kg", "", None, 12),
        (12, "", None, 12),
        (0.25, "", None, 0.25),
        (100.0, "Variant Grams", None, 0.1),
        (float("inf"), "", None, None),
        (True, "", None, None),
        ("1" + "2 kg".rjust(LIMIT_WEIGHT_CHARACTERS + 2), "", None, None),
        ("1" + "2 kg".rjust(LIMIT_WEIGHT_CHARACTERS + 3), "", None, 1),
    ],
)
def test_weights_by_unit_mark_and_limit(
    text: str | float, column: str, mark: DecimalMark | None, kilograms: float | None
) -> None:
    if kilograms is None:
        with pytest.raises(UnusableValueError, match="weight"):
            read_weight(text, column=column, mark=mark)
    else:
        assert read_weight(text, column=column, mark=mark) == kilograms


@pytest.mark.parametrize(
    ("text", "of", "expected"),
    [
        ("60 drawers", "drawers", 60),
        ("61 drawers", "drawers", None),
        ("0 drawers", "drawers", None),
        ("1 drawer", "drawers", 1),
        ("drawers", "drawers", None),
        ("5 oak drawers", "drawers", None),
        ("drawers, 5 drawers", "drawers", 5),
        ("6 - drawers", "drawers", 6),
        ("drawer 4-drawer", "drawers", 4),
        ("2.5 drawers", "drawers", None),
        ("1+1+1+1+1+1+1+1", "seats", 8),
        ("3 + 2", "seats", 5),
        ("3+2+1", "drawers", None),
        ("dörtlü koltuk", "seats", 4),
        ("altılı koltuk", "seats", 6),
        ("tekli koltuk", "drawers", None),
        ("2 seater bed", "seats", None),
        ("2 drawer bed", "drawers", 2),
        ("x" * 989 + " 4 drawers", "drawers", 4),
        ("x" * 994 + " 4 drawers", "drawers", None),
    ],
)
def test_counts_at_their_edges(text: str, of: Counted, expected: int | None) -> None:
    assert count_in(text, of) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((MOST, MOST), (1, 1), (4.0, 4), ("4", 4), ("4.0", 4), ("4,00", 4), (" dört ", 4)),
        *((MOST + 1, None), (0, None), (-1, None), (2.5, None), (True, None), ("4.5", None)),
        *((float("nan"), None), ("", None), ("1000", None), ("61 seats", None)),
    ],
)
def test_a_cell_of_a_count_is_a_whole_number_up_to_60(
    value: str | float, expected: int | None
) -> None:
    if expected is None:
        with pytest.raises(UnusableValueError, match="no number of seats"):
            read_count(value, of="seats")
    else:
        assert read_count(value, of="seats") == expected


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12.50 EUR", "12.50 "),
        ("12.50EUR", "12.50"),
        ("CHF 12.50", "12.50"),
        ("€5", "5"),
        ("5€", "5"),
        ("12" + " " * 13 + "EUR", "12"),
        ("12" + " " * 14 + "EUR", None),
        ("EUR" + " " * 13 + "12", "12"),
        ("12 apples", None),
        ("apples 12", None),
        ("12", None),
        ("5", None),
        ("€", None),
        ("EUR", None),
        ("EUR 12 EUR", None),
        ("", None),
        ("  ", None),
    ],
)
def test_a_currency_beside_a_number_is_taken_off(text: str, number: str | None) -> None:
    assert without_currency(text).strip() == (text if number is None else number).strip()


@pytest.mark.parametrize(
    ("word", "otherwise", "code"),
    [
        *((" TL ", None, "TRY"), ("TÜRK LİRASI", None, "TRY"), ("€", "USD", "EUR")),
        *(("$", None, None), ("$", "CAD", "CAD"), ("$", "EUR", None), ("kr", "SEK", "SEK")),
        *(("kr", "ISK", "ISK"), ("stools", "EUR", None), ("mxn", None, "MXN")),
    ],
)
def test_a_sign_of_several_currencies_is_that_of_the_feed(
    word: str, otherwise: str | None, code: str | None
) -> None:
    assert currency_of(word, otherwise) == code
    assert is_currency(word) == (word != "stools")
