"""Texts of cells as shops write them, and what they mean."""

import json
import string
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from furniture_prompter.feeds.cells import ColumnEvidence, UnusableValueError
from furniture_prompter.feeds.values.counts import Counted, count_in, read_count
from furniture_prompter.feeds.values.currencies import (
    CODES,
    WORDS,
    currency_of_column,
    without_currency,
)
from furniture_prompter.feeds.values.measures import read_measures
from furniture_prompter.feeds.values.money import Price, read_availability, read_price
from furniture_prompter.feeds.values.text import (
    LIMIT_HTML_CHARACTERS,
    category_path,
    category_paths,
    category_prefixes,
    html_to_text,
)
from furniture_prompter.feeds.values.vocabulary import (
    base_colors,
    base_materials,
    color_names,
    material_names,
)
from furniture_prompter.feeds.values.weights import read_weight

DATA = Path(__file__).parents[2] / "data"
SIZES = json.loads((DATA / "measures.json").read_text("utf-8"))["cases"]
PRICES = json.loads((DATA / "prices.json").read_text("utf-8"))["cases"]
ANY_TEXT = st.text(
    st.sampled_from(string.digits + " .,-/x×'\"ØøİıŞ€₺$%<>&;|()") | st.characters(), max_size=60
)


@pytest.mark.parametrize(("text", "column", "expected"), SIZES)
def test_sizes(text: str, column: str, expected: dict[str, float] | None) -> None:
    if expected is None:
        with pytest.raises(UnusableValueError):
            read_measures(text, column=column)
    else:
        assert dict(read_measures(text, column=column).cm) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(("text", "mark", "currency", "expected"), PRICES)
def test_prices(text: str, mark: Any, currency: str | None, expected: list[Any] | None) -> None:
    if expected is None:
        with pytest.raises(UnusableValueError) as problem:
            read_price(text, mark=mark, currency=currency)
        assert problem.value.cure
    else:
        price = read_price(text, mark=mark, currency=currency)
        assert [price.amount, price.currency] == expected


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("from 99", "lowest price"),
        ("99-199", "range"),
        ("599 TL + KDV", "without tax"),
        ("3.350", "thousands"),
    ],
)
def test_what_was_decided_in_reading_a_price_is_said(text: str, doubt: str) -> None:
    assert doubt in read_price(text).doubt
    assert read_price("599,00 TL").doubt == ""


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("180x90x75", "width, depth and height"),
        ("90x200 cm", "first was taken as the width"),
        ("191 cm", "does not say what is measured"),
        ("1800 x 900 x 750", "millimetres"),
        ("Height: 70-110 cm", "range"),
    ],
)
def test_what_was_decided_in_reading_a_size_is_said(text: str, doubt: str) -> None:
    assert doubt in read_measures(text).doubt
    assert read_measures("W180 D90 H75").doubt == ""


def test_numbers_of_json_are_prices_and_sizes() -> None:
    assert read_price(599.0, currency="EUR") == Price(599.0, "EUR")
    assert dict(read_measures(80, column="width").cm) == {"width_cm": 80.0}
    for unusable in (float("nan"), float("inf"), True, 0, -1.0):
        with pytest.raises(UnusableValueError):
            read_price(unusable)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://schema.org/InStock", "in stock"),
        ("https://schema.org/OutOfStock", "out of stock"),
        ("https://schema.org/PreOrder", "preorder"),
        ("https://schema.org/BackOrder", "backorder"),
        ("https://schema.org/Discontinued", "discontinued"),
        ("https://schema.org/LimitedAvailability", "in stock"),
        ("in_stock", "in stock"),
        ("in stock", "in stock"),
        ("out_of_stock", "out of stock"),
        ("preorder", "preorder"),
        ("instock", "in stock"),
        ("outofstock", "out of stock"),
        ("onbackorder", "backorder"),
        ("Stokta", "in stock"),
        ("STOKTA VAR", "in stock"),
        ("Stokta Yok", "out of stock"),
        ("TÜKENDİ", "out of stock"),
        ("tükendi", "out of stock"),
        ("Var", "in stock"),
        ("Yok", "out of stock"),
        ("Ön Sipariş", "preorder"),
        ("Sipariş üzerine", "backorder"),
        ("HAYIR", "out of stock"),
        ("auf Lager", "in stock"),
        ("en stock", "in stock"),
        ("agotado", "out of stock"),
        ("0", "out of stock"),
        ("1", "in stock"),
        ("5.0", "in stock"),
        ("-2", "out of stock"),
        ("true", "in stock"),
        ("FALSE", "out of stock"),
        ("Only 3 left", "in stock"),
        ("12 adet", "in stock"),
        ("lieferbar in 5 Tagen", "in stock"),
        ("Versandfertig in 24 Stunden", "in stock"),
        ("ships in 3 days", "in stock"),
        ("Ships within 3-5 business days", "in stock"),
        ("3 gün içinde kargoda", "in stock"),
        ("3 İŞ GÜNÜ İÇİNDE KARGOYA VERİLİR", "in stock"),
        ("Lieferzeit ca. 2 bis 3 Wochen", "backorder"),
        ("6 hafta içinde teslim", "backorder"),
        (True, "in stock"),
        (0, "out of stock"),
    ],
)
def test_availability(text: str | int, expected: str) -> None:
    assert read_availability(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon-ish",
        "belki",
        "Tuesday",
        "5 days",
        "ships in days",
        "not available in 3 days",
        "ships 3",
    ],
)
def test_what_does_not_tell_availability_is_set_aside(text: str) -> None:
    with pytest.raises(UnusableValueError, match="can be had"):
        read_availability(text)


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("12,5 kg", "", 12.5),
        ("12.5000", "weight", 12.5),
        ("900 g", "", 0.9),
        ("900", "Variant Grams", 0.9),
        ("1.500 gr", "Ağırlık", 1.5),
        ("12.5", "Ağırlık (kg)", 12.5),
        ("25 lbs", "", 11.339809),
        ("12 kg (26.5 lbs)", "", 12.0),
        ("0.0", "Variant Grams", None),
        ("", "weight", None),
        ("12 kg", "shipping_weight", None),
        ("12 kg", "Kargo Ağırlığı", None),
    ],
)
def test_weights(text: str, column: str, expected: float | None) -> None:
    assert read_weight(text, column=column) == expected


@pytest.mark.parametrize("text", ["heavy", "ağır", "-3 kg", "90000 kg", "2 x 3 kg 5 kg"])
def test_what_is_no_weight_is_set_aside(text: str) -> None:
    with pytest.raises(UnusableValueError, match="weight"):
        read_weight(text)


@pytest.mark.parametrize(
    ("text", "of", "expected"),
    [
        ("Stocksund 3-seater sofa", "seats", 3),
        ("Three-seat Sofa", "seats", 3),
        ("Üçlü Koltuk", "seats", 3),
        ("İKİLİ KOLTUK", "seats", 2),
        ("3+2+1 koltuk takımı", "seats", 6),
        ("2+1", "seats", 3),
        ("6 kişilik yemek masası", "seats", 6),
        ("2-Sitzer", "seats", 2),
        ("canapé 3 places", "seats", 3),
        ("sofá de 2 plazas", "seats", 2),
        ("Çift kişilik yatak", "seats", None),
        ("Oak table", "seats", None),
        ("Chest of 5 drawers", "drawers", 5),
        ("5 çekmeceli şifonyer", "drawers", 5),
        ("Kommode mit drei Schubladen", "drawers", 3),
        ("Kitaplık", "drawers", None),
    ],
)
def test_counts_in_titles(text: str, of: Counted, expected: int | None) -> None:
    assert count_in(text, of) == expected


def test_a_column_of_counts() -> None:
    assert read_count("3", of="seats") == 3
    assert read_count("üç", of="drawers") == 3
    assert read_count(4.0, of="seats") == 4
    for unusable in ("0", "many", "999", 2.5):
        with pytest.raises(UnusableValueError, match="seats"):
            read_count(unusable, of="seats")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("black-brown", ("black", "brown")),
        ("Siyah-kahve", ("black", "brown")),
        ("antrasit", ("grey",)),
        ("ANTRASİT", ("grey",)),
        ("KIRMIZI", ("red",)),
        ("SARI", ("yellow",)),
        ("Kırık Beyaz", ("white",)),
        ("off-white", ("white",)),
        ("Koyu Gri", ("grey",)),
        ("ceviz", ("brown",)),
        ("Sonoma Meşe", ("beige",)),
        ("haki yeşil", ("green",)),
        ("gül kurusu", ("pink",)),
        ("lacivert", ("blue",)),
        ("white stained oak", ("white",)),
        ("dunkelgrau", ("grey",)),
        ("Eiche Sonoma", ("beige",)),
        ("SilverGrey", ("silver", "grey")),
        ("bleu canard", ("turquoise",)),
        ("blanco y negro", ("white", "black")),
        ("rosso", ("red",)),
        ("donkergroen", ("green",)),
        ("czarny", ("black",)),
        ("stainless steel", ("silver",)),
        ("çok renkli", ("multicolour",)),
        ("Coffee Table", ()),
        ("Kahve Sehpası", ()),
        ("unicorn", ()),
        ("", ()),
    ],
)
def test_base_colors(text: str, expected: tuple[str, ...]) -> None:
    assert base_colors(text) == expected
    assert set(expected) <= set(color_names())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ceviz kaplama, metal ayak", ("walnut", "wood", "metal")),
        ("Masif Meşe", ("wood", "oak")),
        ("suni deri", ("faux leather",)),
        ("hakiki deri", ("leather",)),
        ("KADİFE", ("velvet", "fabric")),
        ("%100 pamuk", ("cotton", "fabric")),
        ("paslanmaz çelik", ("stainless steel", "steel", "metal")),
        ("Massivholz Eiche", ("wood", "oak")),
        ("solid oak and steel", ("oak", "wood", "steel", "metal")),
        ("faux leather", ("faux leather",)),
        ("similicuir", ("faux leather",)),
        ("particleboard", ("particleboard", "engineered wood")),
        ("tempered glass", ("glass",)),
        ("stone grey", ()),
        ("", ()),
    ],
)
def test_base_materials(text: str, expected: tuple[str, ...]) -> None:
    assert base_materials(text) == expected
    assert set(expected) <= set(material_names())


def test_every_name_of_the_vocabulary_means_itself() -> None:
    assert [base_colors(name) for name in color_names()] == [(name,) for name in color_names()]
    assert all(base_materials(name)[0] == name for name in material_names())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no markup\nat all", "no markup\nat all"),
        ("<p>Soft &amp; warm.</p><ul><li>One</li><li>Two</li></ul>", "Soft & warm.\nOne\nTwo"),
        ("Yıkanabilir<br/>kılıf", "Yıkanabilir\nkılıf"),
        ("a <b>bold</b>\n word", "a bold word"),
        ("Width 199&nbsp;cm", "Width 199\xa0cm"),
        ("<style>p{}</style><script>x()</script>Text", "Text"),
        ("Black &amp; white", "Black & white"),
        ("5 < 6 & 7 > 6", "5 < 6 & 7 > 6"),
        ("&lt;p&gt;Twice&lt;/p&gt;", "Twice"),
        ("<table><tr><td>En</td><td>80</td></tr></table>", "En 80"),
        ("<p>Cut <a href=", "Cut"),
    ],
)
def test_html(text: str, expected: str) -> None:
    assert html_to_text(text) == expected


@pytest.mark.parametrize("part", ["<a ", "<!--", '<a b="', "<", "</", "&", "<script>", "<a/"])
def test_html_that_is_made_to_take_long_does_not(part: str) -> None:
    began = time.process_time()
    html_to_text(part * (LIMIT_HTML_CHARACTERS // len(part)))
    assert time.process_time() - began < 1.5
    with pytest.raises(UnusableValueError, match="characters"):
        html_to_text("<" * (LIMIT_HTML_CHARACTERS + 1))


@pytest.mark.parametrize(
    ("text", "commas", "expected"),
    [
        ("Furniture > Sofas", False, (("Furniture", "Sofas"),)),
        ("Furniture &gt; Sofas", False, (("Furniture", "Sofas"),)),
        ("Mobilya » Koltuk » Üçlü", False, (("Mobilya", "Koltuk", "Üçlü"),)),
        ("Mobilya|Koltuk", False, (("Mobilya", "Koltuk"),)),
        ("living room / sofas", False, (("living room", "sofas"),)),
        ("TV/Media", False, (("TV/Media",),)),
        (
            "Default Category/Mobilya,Default Category/Mobilya/Koltuk",
            False,
            (("Mobilya",), ("Mobilya", "Koltuk")),
        ),
        (
            "Furniture > Chairs > Arm Chairs, Recliners & Sleeper Chairs",
            False,
            (("Furniture", "Chairs", "Arm Chairs, Recliners & Sleeper Chairs"),),
        ),
        ("Sofas, armchairs", False, (("Sofas, armchairs",),)),
        ("Sofas, Sale", True, (("Sofas",), ("Sale",))),
        ("Furniture, Furniture > Sofas", True, (("Furniture",), ("Furniture", "Sofas"))),
        ("Sofas\\, armchairs, Sale", True, (("Sofas, armchairs",), ("Sale",))),
        ("Ana Sayfa > Mobilya", False, (("Mobilya",),)),
        ("", False, ()),
        (" > ", False, ()),
    ],
)
def test_category_paths(text: str, *, commas: bool, expected: tuple[tuple[str, ...], ...]) -> None:
    assert category_paths(text, commas=commas) == expected
    assert category_path(text, commas=commas) == max(expected, key=len, default=())


def test_each_level_of_a_category_has_its_full_path() -> None:
    paths = category_paths("Default Category/Mobilya,Default Category/Mobilya/Koltuk")
    assert category_prefixes(paths) == ("Mobilya", "Mobilya > Koltuk")


@pytest.mark.parametrize(
    ("texts", "mark"),
    [
        (["1.299,00 TL", "599 TL"], ","),
        (["₺1.299,00"], ","),
        (["$1,299.00", "$99"], "."),
        (["129.00 EUR"], "."),
        (["1.299 TL"], None),
        (["call us", "Width 1,60"], None),
    ],
)
def test_prices_tell_the_decimal_mark_of_their_column(texts: list[str], mark: str | None) -> None:
    evidence = ColumnEvidence()
    for text in texts:
        evidence.add(text)
    assert evidence.mark == mark


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *(("Fiyat (TL)", "TRY"), ("FİYAT TL", "TRY"), ("price_eur", "EUR"), ("Preis in €", "EUR")),
        *(("Price USD (incl. tax)", "USD"), ("price[gbp]", "GBP"), ("₺ Fiyat", "TRY")),
        *(("price", None), ("Price $", None), ("total price", None), ("price all", None)),
        *(("Title", None), ("try_price", "TRY"), ("country", None), ("EUR/USD", None)),
        *(("Fiyat TL TRY", "TRY"), ("fiyattl", None)),
    ],
)
def test_a_currency_in_the_name_of_a_column(name: str, code: str | None) -> None:
    assert currency_of_column(name) == code


def test_every_currency_word_is_of_known_codes() -> None:
    assert {code for codes in WORDS.values() for code in codes} <= CODES
    assert without_currency("CHF 12.50").strip() == "12.50"
    assert without_currency("12 apples") == "12 apples"


@settings(max_examples=150)
@given(ANY_TEXT, st.sampled_from(["", "width_cm", "Ölçüler (GxDxY)", "weight", "Koli"]))
def test_whatever_a_cell_holds_it_is_read_or_told(text: str, column: str) -> None:
    readers = (
        lambda: read_price(text),
        lambda: read_price(text, mark=",", currency="TRY"),
        lambda: read_availability(text),
        lambda: read_measures(text, column=column),
        lambda: read_measures(text, column=text),
        lambda: read_weight(text, column=column),
        lambda: read_count(text, of="seats"),
        lambda: count_in(text, "drawers"),
        lambda: base_colors(text),
        lambda: base_materials(text),
        lambda: html_to_text(text),
        lambda: category_prefixes(category_paths(text)),
    )
    problems = []
    for read in readers:
        try:
            read()
        except UnusableValueError as problem:
            problems.append(problem)
    assert all(problem.reason and problem.cure for problem in problems)


@settings(max_examples=100)
@given(
    st.integers(1, 10**9),
    st.sampled_from([None, "TRY", "EUR", "USD"]),
    st.sampled_from(["{:,.2f}", "{:.2f}"]),
)
def test_a_printed_price_is_read_as_what_it_is(cents: int, code: str | None, form: str) -> None:
    english = form.format(cents / 100)
    turkish = english.translate(str.maketrans(",.", ".,"))
    for text in (english, turkish):
        printed = f"{text} {code}" if code else text
        price = read_price(printed)
        assert price.amount == pytest.approx(cents / 100)
        assert price.currency == code


@settings(max_examples=100)
@given(st.lists(st.integers(1, 500), min_size=3, max_size=3))
def test_a_printed_size_is_read_as_what_it_is(sizes: list[int]) -> None:
    width, depth, height = sizes
    expected = {"width_cm": width, "depth_cm": depth, "height_cm": height}
    for text in (
        f"W {width} x D {depth} x H {height} cm",
        f"Genişlik: {width} cm Derinlik: {depth} cm Yükseklik: {height} cm",
        f"B/T/H {width}/{depth}/{height} cm",
    ):
        assert dict(read_measures(text).cm) == expected
